"""Files and directories through a mount: what POSIX promises, and what the bucket holds."""

# The system calls themselves are what is tested, and some may end in either of two ways.
# ruff: noqa: PTH101, PTH104, PTH115, PTH208, PT017

import contextlib
import errno
import mmap
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ossfs.crc64 import crc64

pytestmark = pytest.mark.mounted

MIB = 1 << 20
PATTERN = bytes(range(256)) * 4096  # 1 MiB


def raises(code):
    """Expect an OSError with this errno."""
    return pytest.raises(OSError, check=lambda error: error.errno == code)


def test_a_file_is_an_object(mounted, seen):
    """Bytes written are the object's bytes when close has returned."""
    (mounted.path / "f").write_bytes(PATTERN)

    assert PATTERN == seen.get("f")
    assert crc64(PATTERN) == seen.crc64("f")
    assert ["f"] == seen.keys()


def test_append(mounted, seen):
    """O_APPEND adds to what is in the bucket."""
    path = mounted.path / "f"
    path.write_bytes(b"one")
    for text in (b"two", b"three"):
        with path.open("ab") as file:
            file.write(text)

    assert b"onetwothree" == seen.get("f") == path.read_bytes()


def test_an_edit_of_a_large_object_sends_few_parts(mounted, seen, emulator):
    """Of 20 MiB, the part that changed is sent, the others are copied by the store."""
    content = bytearray(PATTERN * 20)
    path = mounted.path / "large"
    path.write_bytes(content)
    mounted.remount()  # nothing is known locally any more
    emulator.reset_stats()

    with path.open("r+b") as file:
        file.seek(9 * MIB)
        file.write(b"edited")
    content[9 * MIB : 9 * MIB + 6] = b"edited"

    assert crc64(content) == seen.crc64("large")
    assert emulator.requests("UploadPart") <= 2
    assert 2 == emulator.requests("UploadPartCopy")
    assert emulator.stats()["bytes_in"] < 17 * MIB
    assert bytes(content) == path.read_bytes()
    assert [] == seen.uploads()


def test_a_hole_reads_as_zeros(mounted, seen):
    """What was skipped is zero, here and in the bucket."""
    with (mounted.path / "sparse").open("wb") as file:
        file.seek(3 * MIB)
        file.write(b"end")

    assert bytes(3 * MIB) + b"end" == seen.get("sparse") == (mounted.path / "sparse").read_bytes()


@pytest.mark.parametrize("way", ["path", "handle"])
def test_truncate_down_and_up(mounted, seen, way):
    """A cut file that is extended again has zeros where its old bytes were."""
    path = mounted.path / "f"
    path.write_bytes(PATTERN)

    if way == "path":
        os.truncate(path, 10)
        os.truncate(path, 100)
    else:
        with path.open("r+b") as file:
            file.truncate(10)
            file.truncate(100)

    assert PATTERN[:10] + bytes(90) == seen.get("f") == path.read_bytes()


def test_exclusive_creation(mounted):
    """O_EXCL fails on a file that is there, also in the bucket only."""
    (mounted.path / "f").write_text("x")
    with raises(errno.EEXIST):
        os.open(mounted.path / "f", os.O_CREAT | os.O_EXCL | os.O_WRONLY)


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


def test_empty_files_are_in_the_bucket_after_umount(mounted, seen):
    """A file that was only made, and closed just before umount, is not forgotten."""
    for number in range(20):
        (mounted.path / f"f{number}").touch()

    assert 0 == mounted.umount().returncode

    assert 20 == len(seen.keys())
    assert mounted.is_clean()


def test_replacing_a_file_that_is_open(mounted, seen):
    """A reader of the replaced file never sees a mixture."""
    path = mounted.path / "b"
    path.write_bytes(b"o" * 3 * MIB)
    (mounted.path / "a").write_bytes(b"n" * 3 * MIB)
    with path.open("rb", buffering=0) as file:
        assert b"o" * 10 == file.read(10)
        os.rename(mounted.path / "a", path)
        try:
            rest = file.readall()
        except OSError as error:
            assert errno.ESTALE == error.errno
        else:
            assert {b"o"[0]} == set(rest)

    assert b"n" * 3 * MIB == path.read_bytes()
    assert ["b"] == seen.keys()


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
    """Keep a file open; its close fails, because its mount is gone."""
    file = path.open("rb")
    yield file
    with raises(errno.ENOTCONN):
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


def test_a_large_file_is_cut_and_extended_by_name(mounted, seen):
    """The new object has the old bytes up to the cut, and zeros behind it."""
    seen.put("f", PATTERN * 20)
    os.truncate(mounted.path / "f", 9 * MIB + 5)
    os.truncate(mounted.path / "f", 17 * MIB)

    content = (PATTERN * 10)[: 9 * MIB + 5] + bytes(8 * MIB - 5)
    assert content == seen.get("f")
    assert content == (mounted.path / "f").read_bytes()


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


def test_fsync_again_and_again(mounted, seen):
    """After each fsync, the object is what the file is."""
    fd = os.open(mounted.path / "f", os.O_CREAT | os.O_RDWR)
    for number in range(10):
        os.write(fd, b"%d" % number)
        os.fsync(fd)
        assert b"0123456789"[: number + 1] == seen.get("f")
    for size in (5, 0, 3):
        os.ftruncate(fd, size)
        os.fsync(fd)
        assert size == seen.size("f")
    os.close(fd)
    assert bytes(3) == seen.get("f")


def test_two_mounts_of_one_bucket(mounting, poll):
    """What one closes, the other opens; what one unlinks is gone in the other."""
    one, other = mounting().mount(), mounting().mount()
    for text in ("first", "the second"):
        (one.path / "f").write_text(text)
        poll(lambda text=text: read_or_none(other.path / "f") == text, 10)
    (one.path / "f").unlink()
    poll(lambda: read_or_none(other.path / "f") is None, 10)


def read_or_none(path):
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


def test_read_only(mounting, seen):
    """Every change says EROFS."""
    seen.put("f", b"x")
    path = mounting().mount("-o", "ro").path
    for change_something in (
        (path / "g").touch,
        (path / "f").unlink,
        (path / "d").mkdir,
        lambda: (path / "f").write_text("y"),
        lambda: (path / "f").chmod(0o600),
    ):
        with raises(errno.EROFS):
            change_something()
    assert b"x" == (path / "f").read_bytes() == seen.get("f")


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


def test_attributes_survive_a_remount(mounted, seen):
    """Mode, owner and times, set before close and after, are stored beside the object."""
    for name in ("before", "after"):
        path = mounted.path / name
        with path.open("w") as file:
            file.write("x")
            file.flush()
            if name == "before":
                change(file.fileno())
        if name == "after":
            change(path)
    mounted.settled()
    mounted.remount()

    for name in ("before", "after"):
        found = (mounted.path / name).stat()
        assert 0o640 == stat.S_IMODE(found.st_mode), name
        assert (1234, 2345) == (found.st_uid, found.st_gid), name
        assert 1_600_000_000_123_456_789 == found.st_mtime_ns, name
        assert 1_500_000_000_000_000_000 == found.st_atime_ns, name
    assert b"x" == seen.get("after")


@pytest.mark.parametrize("time_ns", [0, 1, -1, -5_500_000_000, 4_102_444_800_000_000_000])
def test_odd_times_survive_a_remount(mounted, poll, time_ns):
    """Also 1970, as archives that are to be the same every time have it, and before."""
    path = mounted.path / "f"
    path.write_text("x")
    os.utime(path, ns=(time_ns, time_ns))
    poll(mounted.is_clean)
    mounted.remount()

    assert (time_ns, time_ns) == (path.stat().st_atime_ns, path.stat().st_mtime_ns)


def change(file):
    os.chmod(file, 0o640)
    os.chown(file, 1234, 2345)
    os.utime(file, ns=(1_500_000_000_000_000_000, 1_600_000_000_123_456_789))


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


def test_mmap(mounted, seen):
    """What was written through a shared mapping is in the bucket after msync and close."""
    path = mounted.path / "f"
    path.write_bytes(PATTERN)
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[5000:5003] = b"map"
        memory.flush()

    assert PATTERN[:5000] + b"map" + PATTERN[5003:] == seen.get("f")


def test_several_handles_see_each_other(mounted, seen):
    """A reader sees what a writer wrote before anybody closed."""
    path = mounted.path / "f"
    with path.open("wb", buffering=0) as one, path.open("r+b", buffering=0) as two:
        one.write(b"aaaa")
        assert b"aaaa" == two.read(4)
        two.write(b"bb")
        one.write(b"cc")

    assert b"aaaacc" == seen.get("f")


WRITER = """
import os, sys
path, offset, size, byte = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4].encode()
fd = os.open(path, os.O_CREAT | os.O_WRONLY, 0o644)
for at in range(offset, offset + size, 4096):
    os.pwrite(fd, byte * 4096, at)
os.close(fd)
"""


def test_processes_append_at_once(mounted, seen):
    """O_APPEND of several processes: no line is lost or torn."""
    script = """
import os, sys
fd = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)
for number in range(100):
    os.write(fd, f"{sys.argv[2]} {number}\\n".encode())
"""
    processes = [
        subprocess.Popen([sys.executable, "-c", script, mounted.path / "log", letter])
        for letter in "abcd"
    ]
    assert [0] * 4 == [process.wait() for process in processes]

    lines = seen.get("log").decode().splitlines()
    assert sorted(f"{letter} {number}" for letter in "abcd" for number in range(100)) == sorted(
        lines
    )


def test_a_reader_while_another_handle_commits(mounted, seen, emulator, poll):
    """A request for the version before the commit is no error: the new one has the bytes."""
    path = mounted.path / "f"
    seen.put("f", PATTERN * 20)
    emulator.add_fault("delay", operation="GetObject", seconds=1, count=1)
    result = []
    with path.open("rb", buffering=0) as reader:
        reading = threading.Thread(target=lambda: result.append(reader.read(10 * MIB)))
        reading.start()
        poll(lambda: emulator.faults()[0]["hits"])
        with path.open("r+b") as writer:
            writer.seek(19 * MIB)
            writer.write(b"edited")
        reading.join()
        assert result, "the read failed"
        assert PATTERN[:4096] == result[0][:4096]


def test_empty_files_on_a_slow_link(mounted, seen, emulator):
    """Files whose release has not ended when umount is called are in the bucket all the same."""
    os.listdir(mounted.path)
    emulator.set_latency(0.1)
    for number in range(10):
        (mounted.path / f"f{number}").touch()

    assert 0 == subprocess.run(["umount", mounted.path], check=False).returncode

    mounted.mount()
    assert 10 == len(seen.keys())
    assert 10 == len(os.listdir(mounted.path))


def test_processes_write_at_once(mounted, seen):
    """Eight processes, each a file of its own and a piece of a common one."""
    size = 256 << 10
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITER, path, str(offset), str(size), letter])
        for number, letter in enumerate("abcdefgh")
        for path, offset in (
            (mounted.path / f"own-{letter}", 0),
            (mounted.path / "common", number * size),
        )
    ]
    assert [0] * 16 == [process.wait() for process in processes]

    for letter in "abcdefgh":
        assert letter.encode() * size == seen.get(f"own-{letter}")
    assert b"".join(letter.encode() * size for letter in "abcdefgh") == seen.get("common")


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


def test_another_clients_version_is_seen(mounted, seen, poll):
    """A replaced file shows its new bytes after the TTL, also at the same size and mtime."""
    path = mounted.path / "f"
    seen.put("f", b"o" * MIB, mtime="1600000000")
    with path.open("rb", buffering=0) as file:
        assert b"o" * 4096 == file.read(4096)
    seen.put("f", b"n" * MIB, mtime="1600000000")

    poll(lambda: path.read_bytes() == b"n" * MIB, 10, "the new version is not seen")


@pytest.mark.parametrize(("old", "new"), [(10, 5000), (5000, 10), (10, 0), (0, 10)])
def test_another_clients_size_is_seen(mounted, seen, poll, old, new):
    """A version of another size is never cut to, or filled up to, the size of the one before."""
    path = mounted.path / "f"
    seen.put("f", b"o" * old)
    assert b"o" * old == path.read_bytes()
    seen.put("f", b"n" * new)

    def is_new():
        path.stat()  # the kernel believes this size for a second
        content = path.read_bytes()
        assert content in (b"o" * old, b"n" * new)
        return content == b"n" * new

    poll(is_new, 10, "the new version is not seen")


def test_an_append_to_what_another_client_wrote(mounted, seen, poll):
    """O_APPEND adds behind the version that is there when the file is opened."""
    path = mounted.path / "f"
    seen.put("f", b"o" * 10)
    assert b"o" * 10 == path.read_bytes()
    seen.put("f", b"n" * 5000)

    def is_new():
        path.stat()
        return path.read_bytes() == b"n" * 5000

    poll(is_new, 10)
    with path.open("ab") as file:
        file.write(b"end")

    assert b"n" * 5000 + b"end" == seen.get("f")


def test_pages_of_an_unchanged_file_stay_in_the_kernel(mounted, seen, emulator):
    """A file that is read again, and was not changed, costs no request for its bytes."""
    path = mounted.path / "f"
    seen.put("f", b"x" * 20 * MIB)
    assert 20 * MIB == len(path.read_bytes())
    (mounted.path / "own").write_bytes(b"y" * MIB)
    emulator.reset_stats()

    for _ in range(3):
        assert b"x" * 20 * MIB == path.read_bytes()
        assert b"y" * MIB == (mounted.path / "own").read_bytes()

    assert 0 == emulator.requests("GetObject")


def test_two_readers_of_two_versions(mounted, seen, poll):
    """Who opened the new version never gets bytes of the old one that another still reads."""
    path = mounted.path / "f"
    seen.put("f", b"o" * 8 * MIB, mtime="1600000000")
    with path.open("rb", buffering=0) as old:
        assert b"o" * 8 * MIB == old.readall()  # all of it is in memory, here and in the kernel
        seen.put("f", b"n" * 8 * MIB, mtime="1600000000")

        def is_new():
            with path.open("rb", buffering=0) as new:
                assert os.pread(new.fileno(), 4096, 0)[:1] in (b"o", b"n")
                try:
                    os.pread(old.fileno(), 4096, 4 * MIB)
                except OSError as error:
                    assert errno.ESTALE == error.errno
                content = new.readall()
                assert len({*content}) == 1
                return content[:1] == b"n"

        poll(is_new, 10)


def test_an_open_reader_sees_no_mixture(mounted, seen):
    """A file replaced under a reader: the old bytes, or ESTALE."""
    seen.put("f", b"o" * 20 * MIB)
    with (mounted.path / "f").open("rb", buffering=0) as file:
        assert b"o" * 4096 == file.read(4096)
        seen.put("f", b"n" * 20 * MIB)
        try:
            assert {b"o"[0]} == set(file.readall())
        except OSError as error:
            assert errno.ESTALE == error.errno


def test_an_edit_does_not_overwrite_anothers(mounted, seen, poll):
    """ESTALE from close; theirs stays; what was written is a conflict copy beside it."""
    seen.put("f", b"base " * 10)
    fd = os.open(mounted.path / "f", os.O_RDWR)
    os.write(fd, b"mine " * 10)
    seen.put("f", b"theirs")
    with raises(errno.ESTALE):
        os.close(fd)

    assert b"theirs" == seen.get("f")
    (copy,) = (key for key in seen.keys() if "conflict" in key)  # noqa: SIM118  # a list
    assert b"mine " * 10 == seen.get(copy) == (mounted.path / copy).read_bytes()
    poll(lambda: (mounted.path / "f").read_bytes() == b"theirs", 10)
    assert mounted.is_clean()


def test_an_edit_of_a_version_that_is_gone_is_kept_here(mounted, seen, poll):
    """Where bytes of the old version are missing, the written ones stay in the state folder."""
    seen.put("f", b"base " * 10)
    fd = os.open(mounted.path / "f", os.O_WRONLY)
    os.pwrite(fd, b"mine!", 5)
    seen.put("f", b"theirs")
    with raises(errno.ESTALE):
        os.close(fd)

    assert b"theirs" == seen.get("f")
    assert ["f"] == seen.keys()
    (kept,) = mounted.uploads()
    assert ("f", "conflict") == (kept["key"], kept["state"])
    assert b"mine!" == Path(kept["staging"]).read_bytes()[5:10]
    poll(lambda: (mounted.path / "f").read_bytes() == b"theirs", 10)
    mounted.remount()
    assert [kept["staging"]] == [one["staging"] for one in mounted.uploads()]
