"""Names through a mount: renames, unlinks, directories, odd names, links."""

# The system calls themselves are what is tested, and some may end in either of two ways.
# ruff: noqa: PTH104, PTH115, PTH208

import contextlib
import errno
import os
import threading
from pathlib import Path

import pytest

pytestmark = [pytest.mark.mounted, pytest.mark.both_libfuses]

MIB = 1 << 20
PATTERN = bytes(range(256)) * 4096  # 1 MiB


def raises(code):
    """Expect an OSError with this errno."""
    return pytest.raises(OSError, check=lambda error: error.errno == code)


def test_rename_replaces(mounted, seen):
    """The source's bytes are at the target, and nothing is at the source."""
    (mounted.path / "a").write_text("new")
    (mounted.path / "b").write_text("old")

    os.rename(mounted.path / "a", mounted.path / "b")

    assert "new" == (mounted.path / "b").read_text()
    assert ["b"] == seen.keys()
    assert b"new" == seen.get("b")


def test_rename_of_an_open_file(mounted, seen):
    """Its writer goes on under the new name."""
    with (mounted.path / "a").open("wb") as file:
        file.write(b"one")
        file.flush()
        os.rename(mounted.path / "a", mounted.path / "b")
        file.write(b"two")

    assert b"onetwo" == seen.get("b")
    assert ["b"] == seen.keys()


def test_new_empty_files_are_renamed_at_once(mounted, seen):
    """A rename right after close does not lose a file that is still on its way."""
    for number in range(100):
        (mounted.path / "new").write_bytes(b"")
        os.rename(mounted.path / "new", mounted.path / f"f{number}")

    names = sorted(f"f{number}" for number in range(100))
    assert names == sorted(os.listdir(mounted.path))
    assert names == sorted(seen.keys())


@pytest.mark.parametrize("way", ["rename", "unlink"])
@pytest.mark.parametrize("size", [3 * MIB, 40 * MIB], ids=["fetched", "copied"])
def test_replacing_a_file_that_is_open(mounted, seen, emulator, poll, size, way):
    """Its readers go on with the old one, every byte, until they close; few or no bytes move."""
    path = mounted.path / "b"
    seen.put("b", b"o" * size)
    (mounted.path / "a").write_bytes(b"new")
    with path.open("rb", buffering=0) as file, path.open("rb", buffering=0) as other:
        assert b"o" * 10 == file.read(10)
        before = emulator.stats()["bytes_out"]
        if way == "rename":
            os.rename(mounted.path / "a", path)
        else:
            path.unlink()
            path.write_bytes(b"new")
        assert emulator.stats()["bytes_out"] - before < 9 * MIB

        assert b"new" == path.read_bytes()
        assert b"o" * (size - 10) == file.readall()
        assert b"o" * size == other.readall()
        assert {"a", "b"} >= set(os.listdir(mounted.path))

    poll(lambda: {"a", "b"} >= set(seen.keys()))
    assert b"new" == seen.get("b")
    poll(mounted.is_clean)


@pytest.mark.parametrize("way", ["remove", "rename", "remove all"])
@pytest.mark.parametrize("size", [3 * MIB, 20 * MIB], ids=["fetched", "copied"])
def test_the_directory_of_an_open_unlinked_file(mounted, seen, poll, size, way):
    """It is empty, goes or moves; the file is read on, whole, and leaves nothing."""
    for key, data in (("d/", b""), ("d/e/", b""), ("d/e/f", b"o" * size)):
        seen.put(key, data)
    with (mounted.path / "d/e/f").open("rb", buffering=0) as file:
        assert b"o" * 10 == file.read(10)
        (mounted.path / "d/e/f").unlink()
        if way == "rename":
            os.rename(mounted.path / "d/e", mounted.path / "t")
            assert [] == os.listdir(mounted.path / "t")
        else:
            (mounted.path / "d/e").rmdir()
        if way == "remove all":
            (mounted.path / "d").rmdir()
            assert [] == os.listdir(mounted.path)
        else:
            assert [] == os.listdir(mounted.path / "d")
        assert b"o" * (size - 10) == file.readall()

    wanted = {"remove": ["d/"], "rename": ["d/", "t/"], "remove all": []}[way]
    poll(lambda: wanted == seen.keys())
    poll(mounted.is_clean)


def test_a_crash_while_a_replaced_file_is_read(mounted, seen):
    """The copy that was kept for its reader goes with the next mount."""
    path = mounted.path / "b"
    seen.put("b", b"o" * 20 * MIB)
    (mounted.path / "a").write_bytes(b"new")
    reader = os.open(path, os.O_RDONLY)
    assert b"o" * 10 == os.read(reader, 10)
    os.rename(mounted.path / "a", path)
    assert 2 == len(seen.keys())
    mounted.kill()
    with contextlib.suppress(OSError):  # nobody is there any more
        os.close(reader)
    mounted.mount()

    assert ["b"] == seen.keys()
    assert b"new" == path.read_bytes()
    assert mounted.is_clean()


def test_a_rename_whose_deletion_fails(mounting, seen, emulator, poll):
    """Both a file and a directory have one name at once, in the bucket a little later."""
    mount = mounting().mount("--deadline", "1s")
    (mount.path / "f").write_text("file")
    (mount.path / "d").mkdir()
    (mount.path / "d/in").write_text("inside")
    emulator.add_fault("error", operation="Delete*", status=500)

    os.rename(mount.path / "f", mount.path / "g")
    os.rename(mount.path / "d", mount.path / "e")

    assert ["e", "g"] == sorted(os.listdir(mount.path))
    assert ("file", "inside") == ((mount.path / "g").read_text(), (mount.path / "e/in").read_text())
    assert ["d/", "d/in", "e/", "e/in", "f", "g"] == seen.keys()
    emulator.clear_faults()
    poll(lambda: ["e/", "e/in", "g"] == seen.keys())
    poll(mount.is_clean)
    (mount.path / "d").mkdir()
    assert [] == os.listdir(mount.path / "d")


def test_an_unlinked_file_lives_until_it_is_closed(mounted, seen, poll):
    """Read, write and fstat go on; then the object is gone."""
    path = mounted.path / "f"
    path.write_bytes(PATTERN)
    with path.open("r+b", buffering=0) as file:
        path.unlink()
        assert [] == os.listdir(mounted.path)
        assert PATTERN[:100] == file.read(100)
        file.seek(0)
        file.write(b"new")
        file.seek(0)
        assert b"new" + PATTERN[3:] == file.readall()
        assert MIB == os.fstat(file.fileno()).st_size
        with raises(errno.ENOENT):
            path.stat()

    poll(lambda: not seen.keys())
    poll(mounted.is_clean)


def test_a_new_file_of_the_same_content_survives_the_old_ones_close(mounted, seen, poll):
    """An unlinked file's last close deletes its own object only, also when etags are equal."""
    path = mounted.path / "f"
    path.write_bytes(b"same")
    with path.open("rb"):
        path.unlink()
        path.write_bytes(b"same")
        assert b"same" == path.read_bytes()
    poll(mounted.is_clean)

    assert b"same" == path.read_bytes()
    assert ["f"] == seen.keys()


def test_a_new_file_of_the_same_content_survives_a_crash(mounted, seen):
    """The deletion that the old file was waiting for is off once the name is taken again."""
    path = mounted.path / "f"
    path.write_bytes(b"same")
    with open_until_the_crash(path):
        path.unlink()
        path.write_bytes(b"same")
        mounted.kill()
    mounted.mount()

    assert b"same" == path.read_bytes()
    assert ["f"] == seen.keys()
    assert mounted.is_clean()


@contextlib.contextmanager
def open_until_the_crash(path):
    """Keep a file open; its close fails, because its mount is gone, if that is asked at all."""
    file = path.open("rb")
    yield file
    with contextlib.suppress(OSError):  # libfuse 3 does not tell of the close of a reader
        file.close()


def test_an_unlinked_open_file_is_gone_after_a_crash(mounted, seen):
    """Killed between unlink and close, the mount finishes the deletion when it is back."""
    path = mounted.path / "f"
    path.write_bytes(b"old")
    with open_until_the_crash(path):
        path.unlink()
        mounted.kill()
    assert ["f"] == seen.keys()

    mounted.mount()

    assert [] == seen.keys()
    assert [] == os.listdir(mounted.path)
    assert mounted.is_clean()


def test_renames_that_posix_refuses(mounted):
    """Each with its errno, and nothing has changed."""
    for name in ("empty", "full"):
        (mounted.path / name).mkdir()
    for name in ("full/x", "file"):
        (mounted.path / name).touch()
    for source, target, code in (
        ("empty", "full", errno.ENOTEMPTY),
        ("empty", "file", errno.ENOTDIR),
        ("file", "empty", errno.EISDIR),
        ("full", "full/sub", errno.EINVAL),
        ("missing", "other", errno.ENOENT),
        ("file", "file/below", errno.ENOTDIR),
    ):
        with raises(code):
            os.rename(mounted.path / source, mounted.path / target)
    os.rename(mounted.path / "file", mounted.path / "file")

    assert ["empty", "file", "full"] == sorted(os.listdir(mounted.path))
    assert ["x"] == os.listdir(mounted.path / "full")


def test_rmdir(mounted, seen):
    """A directory with something in it stays, an empty one goes."""
    (mounted.path / "d/e").mkdir(parents=True)
    (mounted.path / "d/e/f").write_text("x")
    with raises(errno.ENOTEMPTY):
        (mounted.path / "d").rmdir()
    (mounted.path / "d/e/f").unlink()
    (mounted.path / "d/e").rmdir()
    (mounted.path / "d").rmdir()

    assert [] == os.listdir(mounted.path)
    assert [] == seen.keys()


def test_a_directory_is_renamed_under_open_files(mounted, seen):
    """A writer and a reader below it go on."""
    (mounted.path / "d/sub").mkdir(parents=True)
    (mounted.path / "d/sub/old").write_bytes(PATTERN)
    (mounted.path / "d/sub/gone").write_bytes(b"gone")
    with (
        (mounted.path / "d/sub/old").open("rb", buffering=0) as reader,
        (mounted.path / "d/sub/gone").open("rb", buffering=0) as gone,
        (mounted.path / "d/sub/new").open("wb", buffering=0) as writer,
    ):
        (mounted.path / "d/sub/gone").unlink()
        writer.write(b"one")
        reader.read(10)

        os.rename(mounted.path / "d", mounted.path / "moved")

        writer.write(b"two")
        assert PATTERN[10:] == reader.readall()
        gone.fileno()

    assert ["moved"] == os.listdir(mounted.path)
    assert ["new", "old"] == sorted(os.listdir(mounted.path / "moved/sub"))
    assert b"onetwo" == seen.get("moved/sub/new")
    assert PATTERN == seen.get("moved/sub/old")
    assert ["moved/", "moved/sub/", "moved/sub/new", "moved/sub/old"] == seen.keys()


def test_special_files(mounted, seen):
    """Symlinks and fifos are what they were after a remount; hard links are refused."""
    (mounted.path / "f").write_text("x")
    (mounted.path / "link").symlink_to("./f")
    os.mkfifo(mounted.path / "fifo", 0o600)
    with raises(errno.EPERM):
        os.link(mounted.path / "f", mounted.path / "hard")
    mounted.remount()

    assert "./f" == os.readlink(mounted.path / "link")
    assert "x" == (mounted.path / "link").read_text()
    assert (mounted.path / "fifo").is_fifo()
    assert ["f", "fifo", "link"] == seen.keys()


NAMES = [
    "with space", "line\nbreak", "emoji 😀 é", "100%", "%41%2f", "a+b&c=d?#", "back\\slash",
    "quote'\"", "-rf", "~", "*", "\t", "\x01", "x" * 255, "é" * 127,
]  # fmt: skip


def test_odd_names(mounted, seen):
    """Names are keys as they are; they list, stat, rename and unlink."""
    for name in NAMES:
        (mounted.path / name).write_text(name)
    mounted.remount()

    assert sorted(NAMES) == sorted(os.listdir(mounted.path))
    for name in NAMES:
        assert name.encode() == seen.get(name)
        assert name == (mounted.path / name).read_text()
        os.rename(mounted.path / name, mounted.path / "other")
        assert name == (mounted.path / "other").read_text()
        (mounted.path / "other").unlink()
    assert [] == seen.keys()


def test_names_that_cannot_be(mounted):
    """256 bytes are too long; bytes that are not UTF-8 cannot be part of a key."""
    with raises(errno.ENAMETOOLONG):
        (mounted.path / ("x" * 256)).write_text("")
    with raises(errno.EILSEQ):
        Path(os.fsdecode(os.fsencode(mounted.path) + b"/\xff")).write_text("")


def test_a_large_directory(mounted, seen, emulator):
    """2,500 entries are listed, each once, in as many requests as pages."""
    for number in range(2500):
        seen.put(f"d/f{number:04}", b"")
    emulator.reset_stats()

    names = os.listdir(mounted.path / "d")

    assert [f"f{number:04}" for number in range(2500)] == sorted(names)
    assert emulator.requests() <= 5
    assert 0 == (mounted.path / "d/f2499").stat().st_size


def test_the_next_page_is_asked_for_before_it_is_read(mounted, seen, emulator, poll):
    """The reader of a large directory who has its first name is one page ahead, not more."""
    wanted = {f"{number:060}" for number in range(3100)}  # 32 KiB of them are less than a page
    for name in wanted:
        seen.put(f"d/{name}", b"")
    (mounted.path / "d").stat()  # the top, and the first page
    emulator.reset_stats()

    with os.scandir(mounted.path / "d") as entries:
        first = next(entries)
        poll(lambda: emulator.requests() == 1)
        names = {first.name} | {entry.name for entry in entries}

    assert wanted == names
    assert 3 == emulator.requests()


def test_implicit_directories(mounted, seen):
    """Keys that other clients made have directories, with and without markers."""
    seen.put("a/b/c", b"deep")
    seen.put("m/", b"")
    seen.put("both", b"object")
    seen.put("both/inside", b"inside")

    assert ["a", "both", "m"] == sorted(os.listdir(mounted.path))
    assert "deep" == (mounted.path / "a/b/c").read_text()
    assert [] == os.listdir(mounted.path / "m")
    assert (mounted.path / "both").is_dir()
    assert "inside" == (mounted.path / "both/inside").read_text()
    (mounted.path / "a/b/c").unlink()
    assert ["b"] == os.listdir(mounted.path / "a")
    assert b"object" == seen.get("both")


def test_files_made_while_their_directory_is_renamed(mounted, seen):
    """Through a descriptor of the directory, whatever it is called: each file is there, whole."""
    (mounted.path / "a").mkdir()
    folder = os.open(mounted.path / "a", os.O_RDONLY | os.O_DIRECTORY)
    made, is_over = {}, threading.Event()

    def make():
        while not is_over.is_set():
            name, data = f"f{len(made)}", os.urandom(3000)
            fd = os.open(name, os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=folder)
            os.write(fd, data)
            os.close(fd)
            made[name] = data

    maker = threading.Thread(target=make)
    maker.start()
    try:
        for old, new in ["ab", "bc", "ca"] * 4:
            os.rename(mounted.path / old, mounted.path / new)
    finally:
        is_over.set()
        maker.join()
        os.close(folder)

    assert len(made) > 3
    assert sorted(made) == sorted(os.listdir(mounted.path / "a"))
    assert {f"a/{name}": data for name, data in made.items()} == {
        key: seen.get(key)
        for key in seen.keys()  # noqa: SIM118  # a list
        if key != "a/"
    }
