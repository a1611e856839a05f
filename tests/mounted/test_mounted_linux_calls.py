"""
Calls that Linux has beside POSIX: the answers of a local disk, or a refusal that programs expect.

One mount per libfuse for all; each test has a folder of its own, and one on the local disk.
"""

# The system calls themselves are what is tested.
# ruff: noqa: PTH101, PTH116, PTH208

import ctypes
import errno
import fcntl
import mmap
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
from itertools import count

import pytest

pytestmark = pytest.mark.mounted

_numbers = count(1)
MIB = 1 << 20
PATTERN = bytes(range(256)) * 4096  # 1 MiB
FICLONE, FS_IOC_GETFLAGS = 0x40049409, 0x80086601
F_OFD_SETLK = 37
STATX_TYPE_TO_SIZE, AT_SYNC = 0x7FF, (0, 0x2000, 0x4000)
AT_FDCWD, RENAME_NOREPLACE = -100, 1

libc = ctypes.CDLL(None, use_errno=True)


@pytest.fixture
def remote(shared_mount):
    """Make a folder in the mount, and go there."""
    folder = shared_mount.path / f"{next(_numbers)}"
    folder.mkdir()
    return folder


@pytest.fixture
def same(remote, tmp_path, monkeypatch):
    """Return what does the same in both folders, and demands the same answer."""
    local = tmp_path / "local"
    local.mkdir()

    def run(act):
        answers = []
        for folder in (local, remote):
            monkeypatch.chdir(folder)
            answers.append(act())
        monkeypatch.chdir("/")
        assert answers[0] == answers[1]

    return run


def answer(call, *words, **options):
    """Return what a call answers, or the name of its errno."""
    try:
        return call(*words, **options)
    except OSError as error:
        return errno.errorcode[error.errno]


def output(*words):
    """Run a command; return its exit code and output."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_ranges_that_the_kernel_copies(same):
    """copy_file_range between files and behind an end; an overlap in one file is refused."""

    def act():
        with open("a", "wb") as file:  # noqa: PTH123  # relative, as all here
            file.write(PATTERN * 2)
        source, target = os.open("a", os.O_RDONLY), os.open("b", os.O_CREAT | os.O_RDWR)
        try:
            copied = 0
            while piece := os.copy_file_range(source, target, MIB - 7):
                copied += piece
            return (
                copied,
                answer(os.copy_file_range, source, target, 100, 5, 5 * MIB),
                os.fstat(target).st_size,
                answer(os.copy_file_range, source, source, 100, 0, 50),
                os.pread(target, 9 * MIB, 0),
            )
        finally:
            os.close(source)
            os.close(target)

    same(act)


@pytest.mark.parametrize(
    "words",
    [
        "cp --reflink=auto a b",
        "cp --reflink=always a b",
        "cp --sparse=always a b",
        "cp --sparse=never a b",
        "cp -a a b",
        "tar -cSf a.tar a && mkdir d && tar -C d -xSf a.tar && mv d/a b",
        "dd if=a of=b bs=70000 conv=sparse status=none",
    ],
)
def test_copies(same, words):
    """With holes, clones and attributes, as far as each goes: the same bytes."""

    def act():
        with open("a", "wb") as file:  # noqa: PTH123
            file.write(PATTERN[:5000])
            file.seek(MIB)
            file.write(PATTERN[:5000])
            file.truncate(2 * MIB)
        code, _ = output("sh", "-c", words)
        content = b""
        if code == 0:
            with open("b", "rb") as file:  # noqa: PTH123
                content = file.read()
        return code, content

    same(act)


def test_copies_of_the_standard_library(same):
    """With what the kernel offers for it, and with times and modes."""

    def act():
        with open("a", "wb") as file:  # noqa: PTH123
            file.write(PATTERN)
        os.chmod("a", 0o640)
        os.utime("a", ns=(10**18 + 1, 10**18 + 2))
        shutil.copy2("a", "b")
        info = os.stat("b")
        with open("b", "rb") as file:  # noqa: PTH123
            return file.read(), info.st_mode, info.st_mtime_ns

    same(act)


def test_ends_of_data(same):
    """A file without holes is data up to its end, for who asks for them."""

    def act():
        with open("a", "wb", buffering=0) as file:  # noqa: PTH123
            file.write(PATTERN[:10_000])
            return [
                answer(os.lseek, file.fileno(), at, how)
                for at in (0, 1, 9_999, 10_000, 20_000, -1)
                for how in (os.SEEK_DATA, os.SEEK_HOLE)
            ]

    same(act)


def test_clones_and_flags_are_refused(remote):
    """As on other file systems that have none."""
    (remote / "a").write_bytes(PATTERN)
    with (remote / "a").open("rb") as source, (remote / "b").open("wb") as target:
        codes = (
            answer(fcntl.ioctl, target, FICLONE, source.fileno()),
            answer(fcntl.ioctl, source, FS_IOC_GETFLAGS, bytes(8)),
        )
    assert codes == ("ENOTSUP", "ENOTTY")


def test_files_without_a_name(remote):
    """O_TMPFILE is refused, and programs make one that they unlink."""
    assert "ENOTSUP" == answer(os.open, remote, os.O_TMPFILE | os.O_RDWR)
    with tempfile.TemporaryFile(dir=remote) as file:
        file.write(b"text")
        file.seek(0)
        assert (b"text", 0) == (file.read(), os.fstat(file.fileno()).st_nlink)
        assert [] == os.listdir(remote)


def test_statx(same):
    """Which facts there are, and the size before and after a write, however it is synchronised."""

    def size_of(fd, path, flags):
        buffer = ctypes.create_string_buffer(256)
        assert 0 == libc.statx(fd, path, flags, STATX_TYPE_TO_SIZE, buffer)
        (mask,) = struct.unpack_from("I", buffer.raw, 0)
        return mask & STATX_TYPE_TO_SIZE, struct.unpack_from("Q", buffer.raw, 40)

    def act():
        fd = os.open("a", os.O_CREAT | os.O_RDWR)
        try:
            return [
                (os.write(fd, b"abc"), size_of(AT_FDCWD, b"a", how), size_of(fd, b"", 0x1000 | how))
                for how in AT_SYNC
            ]
        finally:
            os.close(fd)

    same(act)


def test_programs_that_run(same):
    """Nobody writes to one (ETXTBSY), and one that is written is not run; names may change."""

    def act():
        shutil.copy("/bin/cat", "cat")
        with subprocess.Popen(["./cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            process.stdin.write(b"x")
            process.stdin.flush()
            process.stdout.read(1)
            codes = [
                answer(os.open, "cat", os.O_WRONLY),
                answer(os.open, "cat", os.O_RDWR | os.O_TRUNC),
                answer(os.truncate, "cat", 10),
                answer(os.rename, "cat", "dog"),
                answer(os.unlink, "dog"),
            ]
            process.stdin.close()
        shutil.copy("/bin/true", "true")
        with open("true", "r+b"):  # noqa: PTH123
            codes.append(answer(subprocess.run, ["./true"], check=True))
        return *codes, subprocess.run(["./true"], check=True).returncode

    same(act)


LOCKER = """
import errno, fcntl, os, struct, sys
fd = os.open(sys.argv[1], os.O_RDWR)
for command in (6, 37):  # F_SETLK, F_OFD_SETLK
    for kind, start, size in ((1, 0, 0), (0, 0, 10), (1, 100, 5), (1, 500, 5)):
        try:
            fcntl.fcntl(fd, command, struct.pack("hhqqi4x", kind, 0, start, size, 0))
            print("had", end=" ")
        except OSError as error:
            print(errno.errorcode[error.errno], end=" ")
        fcntl.fcntl(fd, command, struct.pack("hhqqi4x", 2, 0, 0, 0, 0))
"""


def test_locks_of_ranges(same):
    """Of processes and of open files: another process gets what this one leaves free."""

    def lock(kind, start, size):
        return struct.pack("hhqqi4x", kind, 0, start, size, 0)

    def act():
        with open("a", "w+b", buffering=0) as one, open("a", "r+b", buffering=0) as two:  # noqa: PTH123
            one.write(bytes(1000))
            told = []
            for command in (fcntl.F_SETLK, F_OFD_SETLK):
                for kind, start, size in ((1, 0, 50), (0, 0, 50), (1, 100, 1), (2, 0, 0)):
                    told.append(answer(fcntl.fcntl, one, command, lock(kind, start, size)))
                    told.append(answer(fcntl.fcntl, two, F_OFD_SETLK, lock(1, 300, 5)))
                    told.append(output(sys.executable, "-c", LOCKER, "a"))
            return told

    same(act)


def test_direct_reads_and_writes(same):
    """Of whole blocks, up to and behind an end that is in the middle of one."""

    def act():
        with open("a", "wb") as file:  # noqa: PTH123
            file.write(PATTERN[:20_484])
        fd = os.open("a", os.O_RDWR | os.O_DIRECT)
        answers = []
        with mmap.mmap(-1, 1 << 16) as buffer:
            for at, size in ((0, 4096), (16_384, 4096), (20_480, 4096), (24_576, 4096)):
                with memoryview(buffer)[:size] as view:
                    count = os.preadv(fd, [view], at)
                    answers.append((count, bytes(view[:count])))
            buffer[:8192] = b"w" * 8192
            for at, size in ((4096, 4096), (28_672, 8192)):
                with memoryview(buffer)[:size] as view:
                    answers.append(os.pwritev(fd, [view], at))
        os.close(fd)
        with open("a", "rb") as file:  # noqa: PTH123
            return answers, file.read()

    same(act)


def test_one_of_many_gets_a_name(remote, shared_mount):
    """RENAME_NOREPLACE by eight threads at once: one has moved, the others are where they were."""
    for number in range(8):
        (remote / f"{number}").write_text(f"{number}")
    start, won, refusals = threading.Barrier(8), [], []

    def rename(number):
        words = os.fsencode(remote / f"{number}"), AT_FDCWD, os.fsencode(remote / "name")
        start.wait()
        if libc.renameat2(AT_FDCWD, *words, RENAME_NOREPLACE) == 0:
            won.append(f"{number}")
        else:
            refusals.append(errno.errorcode[ctypes.get_errno()])

    threads = [threading.Thread(target=rename, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    if shared_mount.libfuse == "2":  # it passes no flags
        assert (["EINVAL"] * 8, [*"01234567"]) == (refusals, sorted(os.listdir(remote)))
        return
    assert ["EEXIST"] * 7 == refusals
    assert won == [(remote / "name").read_text()]
    assert sorted({*"01234567"} - {*won} | {"name"}) == sorted(os.listdir(remote))


def test_a_change_of_owner_to_nobody(remote):
    """Without a user and a group, the time of change stays: the kernel tells nobody of the call."""
    (remote / "f").write_bytes(b"")
    before = (remote / "f").stat().st_ctime_ns
    os.chown(remote / "f", -1, -1)

    assert before == (remote / "f").stat().st_ctime_ns


def test_a_directory_that_is_gone(remote, monkeypatch):
    """Who works in it, or has it open, is told that nothing is there any more."""
    gone = {"ENOENT", "ESTALE"}
    (remote / "d").mkdir()
    fd = os.open(remote / "d", os.O_RDONLY)
    monkeypatch.chdir(remote / "d")
    (remote / "d").rmdir()
    told = [
        answer(os.fstat, fd),
        answer(os.listdir, "."),
        answer(os.mkdir, "sub"),
        answer(os.open, "f", os.O_CREAT),
        answer(os.open, "f", os.O_CREAT, dir_fd=fd),
    ]
    monkeypatch.chdir("/")
    os.close(fd)

    assert {*told} <= gone
    (remote / "d").mkdir()
    assert [] == os.listdir(remote / "d")


def test_a_fifo_that_is_gone(remote):
    """It goes on between those who have it open, but nobody is told about it."""
    os.mkfifo(remote / "p")
    fd = os.open(remote / "p", os.O_RDWR)
    (remote / "p").unlink()
    os.write(fd, b"text")

    assert (b"text", True) == (os.read(fd, 9), answer(os.fstat, fd) in {"ENOENT", "ESTALE"})
    os.close(fd)
