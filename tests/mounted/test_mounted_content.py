"""Bytes and attributes of files through a mount: what POSIX promises, and what the bucket holds."""

# The system calls themselves are what is tested, and some may end in either of two ways.
# ruff: noqa: PTH101, PTH208

import errno
import mmap
import os
import stat
import subprocess
import sys
import threading

import pytest

from ossfs.crc64 import crc64

pytestmark = [pytest.mark.mounted, pytest.mark.both_libfuses]

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


def test_empty_files_are_in_the_bucket_after_umount(mounted, seen):
    """A file that was only made, and closed just before umount, is not forgotten."""
    for number in range(20):
        (mounted.path / f"f{number}").touch()

    assert 0 == mounted.umount().returncode

    assert 20 == len(seen.keys())
    assert mounted.is_clean()


def test_a_large_file_is_cut_and_extended_by_name(mounted, seen):
    """The new object has the old bytes up to the cut, and zeros behind it."""
    seen.put("f", PATTERN * 20)
    os.truncate(mounted.path / "f", 9 * MIB + 5)
    os.truncate(mounted.path / "f", 17 * MIB)

    content = (PATTERN * 10)[: 9 * MIB + 5] + bytes(8 * MIB - 5)
    assert content == seen.get("f")
    assert content == (mounted.path / "f").read_bytes()


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
