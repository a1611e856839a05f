"""The files of the disk cache: pieces, their checksums, and what happens to them."""

import contextlib
import ctypes
import fcntl
import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ossfs.cache import disk_stretch
from ossfs.cache.disk_io import read_at
from ossfs.cache.disk_stretch import HEAD, PIECE, ROW, STRETCH, Damaged, Stretch, head_of
from ossfs.extents import Extent, ExtentSet
from ossfs.store.bodies import room_for

CONTENT = random.Random(3).randbytes(STRETCH)
NOW = 1_800_000_000_000_000_000


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file"


@pytest.fixture
def stretch(path):
    """Be the second stretch of a large object."""
    return Stretch(str(path), head_of(b"name"), Extent(STRETCH, 2 * STRETCH))


def at(start, stop):
    return Extent(STRETCH + start, STRETCH + stop)


def put(stretch, start, stop):
    return stretch.store(at(start, stop), memoryview(CONTENT)[start:stop])


def test_all_of_it_comes_back(stretch):
    """8 MiB that were written at once are read at once."""
    put(stretch, 0, STRETCH)

    assert [at(0, STRETCH)] == stretch.present(at(0, STRETCH))
    assert CONTENT == stretch.load(at(0, STRETCH), NOW)


def test_a_small_run_of_a_large_block(stretch):
    """Any run of bytes of what is there can be loaded, on no boundary of anything."""
    put(stretch, 0, STRETCH)

    assert CONTENT[100_001:200_002] == stretch.load(at(100_001, 200_002), NOW)


def test_a_small_load_reads_little(stretch):
    """What a load keeps in memory is its pieces, not the block it was written with."""
    put(stretch, 0, STRETCH)

    for _ in range(2):
        assert PIECE >= len(stretch.load(at(5 * PIECE, 5 * PIECE + 10), NOW).obj)


@pytest.mark.parametrize("start", [0, 1, 64, 512])
def test_memory_that_begins_anywhere(stretch, start):
    """Memory that no disk can take directly is written all the same."""
    room = bytearray(STRETCH + 4096)
    room[start : start + STRETCH] = CONTENT
    stretch.store(at(0, STRETCH), memoryview(room)[start : start + STRETCH])

    assert CONTENT == stretch.load(at(0, STRETCH), NOW)


@pytest.mark.parametrize("size", [1, 4096, ROW - 1, ROW, ROW + 1, STRETCH, 40 * ROW])
def test_memory_for_answers(size):
    """It is as long as asked for, can be written, and begins at a page when it is large."""
    for _ in range(3):
        room = room_for(size)
        room[:] = bytes(size)

        assert size == len(room)
        if size >= ROW:
            assert 0 == ctypes.addressof(ctypes.c_char.from_buffer(room)) % 4096


def test_large_pieces_do_not_go_through_the_page_cache(stretch, monkeypatch):
    """From memory as bodies of answers come in, 8 MiB are written and read directly."""
    room = room_for(STRETCH)
    room[:] = CONTENT
    sizes = []
    for name in ("pwrite", "pread", "preadv"):
        monkeypatch.setattr(os, name, watched(name, sizes))
    stretch.store(at(0, STRETCH), room)
    assert CONTENT == stretch.load(at(0, STRETCH), NOW)

    assert max(size for is_direct, size in sizes if not is_direct) <= HEAD
    assert [STRETCH] * 2 == [size for is_direct, size in sizes if is_direct]


def watched(name, sizes):
    """Note what goes past the page cache and what does not; looks into the latter apart."""
    function = getattr(os, name)

    def noting(fd, data, offset, *flags):
        is_direct = bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT)
        done = function(fd, data, offset, *flags)
        if not flags:
            sizes.append((is_direct, done if isinstance(done, int) else len(done)))
        return done

    return noting


@settings(deadline=None)
@given(
    blocks=st.lists(st.tuples(st.integers(0, 255), st.integers(1, 80)), min_size=1, max_size=12),
    read=st.tuples(st.integers(0, STRETCH - 1), st.integers(1, 3 * ROW)),
)
def test_whatever_was_written_in_whatever_order(tmp_path_factory, blocks, read):
    """What is there is exactly what was written, and its bytes are right."""
    path = tmp_path_factory.mktemp("stretch") / "file"
    stretch = Stretch(str(path), head_of(b"name"), Extent(STRETCH, 2 * STRETCH))
    written = ExtentSet()
    for first, count in blocks:
        start, stop = first * PIECE, min((first + count) * PIECE, STRETCH)
        put(stretch, start, stop)
        written.add(at(start, stop))

    assert list(written) == stretch.present(at(0, STRETCH))
    wanted = at(read[0], min(read[0] + read[1], STRETCH))
    for _ in range(2):
        data = stretch.load(wanted, NOW)
        assert written.covers(wanted) == (data is not None)
        if data is not None:
            assert CONTENT[wanted.start - STRETCH : wanted.stop - STRETCH] == data
    assert list(written) == stretch.present(at(0, STRETCH))


def test_only_whole_pieces_are_kept(stretch):
    """A block that begins or ends inside a piece leaves that piece out."""
    put(stretch, 10, 3 * PIECE + 10)

    assert [at(PIECE, 3 * PIECE)] == stretch.present(at(0, STRETCH))
    assert stretch.load(at(0, PIECE), NOW) is None


def test_less_than_a_piece_makes_no_file(stretch, path):
    """What is not even one piece is not written."""
    assert 0 == put(stretch, 10, PIECE)
    assert not path.exists()


@pytest.mark.parametrize("size", [1, 4096, PIECE, PIECE + 1, ROW, 3 * ROW + 5, 3 * ROW + PIECE])
def test_the_last_piece_of_an_object_may_be_short(path, size):
    """The end of an object is kept to its last byte."""
    stretch = Stretch(str(path), head_of(b"name"), Extent(STRETCH, STRETCH + size))
    put(stretch, 0, size)

    assert [at(0, size)] == stretch.present(at(0, size))
    assert CONTENT[:size] == stretch.load(at(0, size), NOW)
    assert CONTENT[size - 1 : size] == stretch.load(at(size - 1, size), NOW)


def test_a_small_object_takes_two_pages(path):
    """4 KiB of an object cost 8 KiB of the disk."""
    stretch = Stretch(str(path), head_of(b"name"), Extent(0, 4096))
    stretch.store(Extent(0, 4096), memoryview(CONTENT)[:4096])

    assert path.stat().st_blocks * 512 <= 2 * 4096


def test_a_small_read_leaves_its_checksums(stretch, monkeypatch):
    """The first small read of a row reads all of the row, the next one only its piece."""
    put(stretch, 0, STRETCH)
    sizes = []
    monkeypatch.setattr(
        disk_stretch, "read_at", lambda *words: sizes.append(words[1]) or read_at(*words)
    )
    for piece in (5, 5, 6, 40):
        start = piece * PIECE
        assert CONTENT[start : start + 9] == stretch.load(at(start, start + 9), NOW)

    assert [ROW, PIECE, PIECE, ROW] == sizes


def test_random_pieces_leave_holes(stretch, path):
    """A file in which one piece was written takes the disk one piece and the head."""
    put(stretch, STRETCH - PIECE, STRETCH)

    assert path.stat().st_blocks * 512 <= PIECE + 2 * HEAD


def test_what_is_there_is_not_written_again(stretch, path):
    """A block that is all there costs a look, no write."""
    put(stretch, 0, ROW)
    before = path.stat().st_mtime_ns

    assert 0 == put(stretch, 0, ROW)
    assert before == path.stat().st_mtime_ns


def test_a_file_is_its_owners(stretch, path):
    """Nobody else may read what is in private objects."""
    put(stretch, 0, PIECE)

    assert 0o600 == path.stat().st_mode & 0o7777


def test_a_read_marks_it_as_used_now_and_then(stretch, path):
    """The time of last use moves when it is a minute old, not at each read."""
    put(stretch, 0, PIECE)
    os.utime(path, ns=(NOW, NOW))

    stretch.load(at(0, PIECE), NOW + 59_000_000_000)
    assert NOW == path.stat().st_mtime_ns
    stretch.load(at(0, PIECE), NOW + 61_000_000_000)
    assert NOW + 61_000_000_000 == path.stat().st_mtime_ns


# Damage


@pytest.mark.parametrize("where", [HEAD, HEAD + ROW // 2, HEAD + ROW + 5, HEAD + STRETCH - 1])
@pytest.mark.parametrize("wanted", [PIECE, STRETCH])
def test_a_flipped_bit_is_found(stretch, path, where, wanted):
    """Whether the row or the piece is verified, one wrong bit is enough."""
    put(stretch, 0, STRETCH)
    flip(path, where)
    start = (where - HEAD) // wanted * wanted

    with pytest.raises(Damaged, match="CRC-64"):
        stretch.load(at(start, start + wanted), NOW)


def flip(path, where):
    content = bytearray(path.read_bytes())
    content[where] ^= 1
    path.write_bytes(content)


@settings(deadline=None)
@given(where=st.integers(0, HEAD - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_of_the_head_is_harmless(tmp_path_factory, where, bit):
    """Whatever happens to the head, nobody gets other bytes."""
    path = tmp_path_factory.mktemp("stretch") / "file"
    stretch = Stretch(str(path), head_of(b"name"), Extent(STRETCH, 2 * STRETCH))
    put(stretch, 0, ROW + 8 * PIECE)
    with path.open("r+b") as file:
        file.seek(where)
        byte = file.read(1)[0]
        file.seek(where)
        file.write(bytes([byte ^ 1 << bit]))

    for wanted in (Extent(0, ROW + 8 * PIECE), Extent(7 * PIECE, 8 * PIECE)):
        try:
            data = stretch.load(at(wanted.start, wanted.stop), NOW)
        except Damaged:
            continue
        assert data is None or CONTENT[wanted.start : wanted.stop] == data


@pytest.mark.parametrize("size", [0, 1, HEAD - 1, HEAD, HEAD + 1, HEAD + STRETCH - 1])
def test_a_truncated_file_is_no_source(stretch, path, size):
    """A file that is too short gives nothing, whatever is left of it."""
    put(stretch, 0, STRETCH)
    os.truncate(path, size)

    try:
        assert stretch.load(at(STRETCH - PIECE, STRETCH), NOW) is None
    except Damaged:
        assert size >= HEAD


def test_a_file_of_another_name_is_refused(stretch, path):
    """The name in the file counts, not the name of the file: hashes might be equal."""
    put(stretch, 0, STRETCH)
    other = Stretch(str(path), head_of(b"other name"), stretch.extent)

    for use in (
        lambda: other.present(at(0, STRETCH)),
        lambda: other.load(at(0, PIECE), NOW),
        lambda: put(other, 0, PIECE),
    ):
        with pytest.raises(Damaged):
            use()


def test_a_name_that_is_too_long(stretch):
    """A name that does not fit is refused, not cut."""
    assert head_of(b"n" * 1900) is not None
    assert head_of(b"n" * 2000) is None


@pytest.mark.parametrize("calls", [0, 1, 2])
@pytest.mark.parametrize("begins", ["anew", "with a piece"])
def test_a_writer_is_killed(stretch, monkeypatch, calls, begins):
    """After any number of its writes, what it left is not believed, and can be mended."""
    if begins == "with a piece":
        put(stretch, 0, PIECE)
    before = stretch.present(at(0, STRETCH)) if begins == "with a piece" else []
    done = []
    pwrite = os.pwrite

    def write_or_die(*words):
        if len(done) == calls:
            raise KeyboardInterrupt
        done.append(words)
        return pwrite(*words)

    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        patch.setattr(os, "pwrite", write_or_die)
        put(stretch, 2 * PIECE, 3 * PIECE)

    there = stretch.present(at(0, STRETCH))
    assert there in (before, [*before, at(2 * PIECE, 3 * PIECE)])
    for run in there:
        assert CONTENT[run.start - STRETCH : run.stop - STRETCH] == stretch.load(run, NOW)
    put(stretch, 0, STRETCH)
    assert CONTENT == stretch.load(at(0, STRETCH), NOW)
