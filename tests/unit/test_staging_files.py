"""Which bytes are local, which are the base's, which are zeros; and the room on the disk."""

import errno
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ossfs.errors import StagingFull
from ossfs.extents import Extent
from ossfs.writeback import holes, staging
from ossfs.writeback.staging import Source, StagingArea

BASE = bytes(range(1, 101))


@pytest.fixture
def area(tmp_path):
    return StagingArea(tmp_path / "staging", reserve=0)


@pytest.fixture
def file(area):
    """Make an empty staging file over a base of 100 bytes."""
    file = area.create("one", base_limit=len(BASE))
    yield file
    file.close()


def content(file, base=BASE):
    """Put together what a reader sees."""
    return b"".join(
        file.read_local(run.extent)
        if run.source is Source.LOCAL
        else base[run.extent.start : run.extent.stop]
        for run in file.runs(Extent(0, file.size))
    )


def test_a_new_file_shows_its_base(file):
    """Nothing is local, nothing is dirty."""
    assert BASE == content(file)
    assert file.is_base(Extent(0, 100))
    assert file.needs_base(Extent(0, 100))


def test_written_bytes_are_dirty(file):
    """The others still are the base's."""
    file.write(10, b"##")

    assert BASE[:10] + b"##" + BASE[12:] == content(file)
    assert not file.is_base(Extent(0, 100))
    assert file.is_base(Extent(12, 100))
    assert not file.needs_base(Extent(10, 12))


def test_filled_bytes_are_local_and_clean(file):
    """They do not replace what was written."""
    file.write(10, b"##")
    file.fill(Extent(0, 50), BASE[:50])

    assert BASE[:10] + b"##" + BASE[12:] == content(file)
    assert not file.needs_base(Extent(0, 50))
    assert [Extent(10, 12)] == list(file.dirty)


def test_cut_and_extended(file):
    """Bytes that were cut off are zeros when the file grows again."""
    file.write(40, b"##")
    file.truncate(41)
    file.truncate(60)

    assert BASE[:40] + b"#" + bytes(19) == content(file)
    assert not file.is_base(Extent(0, 60))
    assert file.is_base(Extent(0, 40))


def test_behind_the_base_are_zeros(file):
    """A write far behind the end leaves a hole."""
    file.write(200, b"x")

    assert BASE + bytes(100) + b"x" == content(file)
    assert not file.is_base(Extent(90, 110))


def test_clean_again(file):
    """After a commit everything is the base's, which is the new object."""
    file.write(200, b"x")
    now = content(file)
    file.mark_clean()

    assert file.is_base(Extent(0, 201))
    assert now == content(file, now)


def test_read_back_by_the_next_process(area, file):
    """The journal's description and the file's bytes are enough."""
    file.write(10, b"##")
    file.write(150, b"x")
    file.truncate(152)
    other = area.open("one", file.content())

    assert content(file) == content(other)
    other.remove()
    assert set() == area.names()


def test_a_file_that_is_too_long_is_cut(area, file):
    """Bytes written after the promise were not promised."""
    promised = file.content()
    file.write(100, b"later")
    other = area.open("one", promised)

    assert BASE == content(other)
    other.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("write"), st.integers(0, 150), st.integers(1, 40)),
            st.tuples(st.just("truncate"), st.integers(0, 200), st.just(0)),
            st.tuples(st.just("fill"), st.integers(0, 90), st.integers(1, 10)),
            st.tuples(st.just("zero"), st.integers(0, 150), st.integers(1, 40)),
        ),
        max_size=12,
    )
)
def test_any_changes(area, steps):
    """The content is that of a plain byte array; what claims to be the base's is."""
    file = area.create(area.new_name(), base_limit=len(BASE))
    plain = bytearray(BASE)
    for n, (what, at, size) in enumerate(steps):
        if what == "write":
            data = bytes([200 + n]) * size
            plain.extend(bytes(max(0, at - len(plain))))
            plain[at : at + size] = data
            file.write(at, data)
        elif what == "truncate":
            plain = plain[:at] + bytes(max(0, at - len(plain)))
            file.truncate(at)
        elif what == "zero":
            gone = Extent(at, at + size).clip(Extent(0, file.size))
            plain[gone.start : gone.stop] = bytes(gone.size)
            file.zero(gone)
        else:
            wanted = Extent(at, at + size).clip(Extent(0, min(file.size, file.base_limit)))
            if wanted.size:
                file.fill(wanted, BASE[wanted.start : wanted.stop])
    assert bytes(plain) == content(file)
    for at in range(file.size):
        if file.is_base(Extent(at, at + 1)):
            assert BASE[at] == plain[at]
    file.remove()


def test_the_reserve_stays_free(tmp_path, monkeypatch):
    """The write that would touch it fails, and nothing has changed."""
    area = StagingArea(tmp_path / "staging", reserve=1 << 30)
    file = area.create("one")
    free = [staging.CHECK_EVERY + 100]
    monkeypatch.setattr(area, "_free", lambda: free[0])
    area._budget = 0
    file.write(0, bytes(1000))
    free[0] = 0
    file.write(1000, bytes(1000))  # claimed before
    area._budget = 10

    with pytest.raises(StagingFull, match="0 bytes are free"):
        file.write(0, b"x" * 1000)
    assert bytes(2000) == content(file)
    area._budget = -1
    with pytest.raises(StagingFull):
        area.create("two")
    file.remove()


def test_room_that_is_only_asked_for(area, monkeypatch):
    """Is not taken from the stock of who writes."""
    area.claim(10)
    stock = area._budget
    assert stock < area.require(stock)
    monkeypatch.setattr(area, "_free", lambda: 1000)
    assert 1000 == area.require(1000)
    with pytest.raises(StagingFull, match="1000 bytes are free"):
        area.require(1001)
    assert stock == area._budget


def test_a_hole_takes_no_room(area, file):
    """Bytes that were written and made zeros are given back to the disk."""
    file.write(0, b"x" * (1 << 20))
    file.zero(Extent(4096, 1 << 20))

    assert os.fstat(file.fd).st_blocks * 512 < 1 << 16
    assert b"x" * 4096 + bytes((1 << 20) - 4096) == content(file)


def test_a_disk_that_cannot_punch_holes(area, file, monkeypatch):
    """Zeros are written there; other errors are the caller's."""
    file.write(50, b"x" * 3_000_000)
    codes = iter([errno.EOPNOTSUPP, errno.EIO])
    monkeypatch.setattr(holes, "_fallocate", lambda *_: -1)
    monkeypatch.setattr("ctypes.get_errno", lambda: next(codes))
    file.zero(Extent(60, 2_999_000))

    wanted = BASE[:50] + b"x" * 10 + bytes(2_998_940) + b"x" * 1050
    assert wanted == content(file)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        file.zero(Extent(0, 10))
    assert wanted == content(file)
    monkeypatch.setattr(holes, "_fallocate", None)
    file.zero(Extent(0, 10))
    assert bytes(10) + wanted[10:] == content(file)


def test_large_writes_are_asked_for_by_themselves(area, monkeypatch):
    """A claim of more than the stock is compared with what is free."""
    monkeypatch.setattr(area, "_free", lambda: 20 << 20)
    area.claim(17 << 20)
    with pytest.raises(StagingFull):
        area.claim(21 << 20)


def test_the_reserve_is_a_part_of_the_disk_at_most(tmp_path):
    """A small disk is not all reserve."""
    disk = os.statvfs(tmp_path)
    area = StagingArea(tmp_path / "staging", reserve=1 << 60)
    expected = (disk.f_bavail * disk.f_frsize) - disk.f_blocks * disk.f_frsize // 20

    assert abs(expected - area._free()) < (1 << 30)


@pytest.mark.parametrize(
    ("code", "error"),
    [(errno.ENOSPC, StagingFull), (errno.EDQUOT, StagingFull), (errno.EIO, OSError)],
)
def test_a_disk_that_fails(file, monkeypatch, code, error):
    """Full is StagingFull; the file is as long as before."""

    def fail(fd, data, at):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "pwrite", fail)
    for offset in (10, 200):
        with pytest.raises(error):
            file.write(offset, b"x")
    monkeypatch.undo()
    assert (100, BASE) == (file.size, content(file))
    assert 100 == os.fstat(file.fd).st_size


def test_short_writes_are_continued(file, monkeypatch):
    """A pwrite may take less than it was given."""
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: real(fd, bytes(data)[:3], at))
    file.write(5, b"0123456789")

    assert BASE[:5] + b"0123456789" + BASE[15:] == content(file)


def test_reprs_say_what_is_there(file):
    """For logs."""
    file.write(0, b"x")
    assert "StagedFile(one, size=100, dirty=1)" == repr(file)
