"""Making files through a mount: the flags of open(2) hold from the first byte."""

import errno
import os
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.mounted, pytest.mark.both_libfuses]


def raises(code):
    """Expect an OSError with this errno."""
    return pytest.raises(OSError, check=lambda error: error.errno == code)


@pytest.fixture
def opened():
    """Open files that are closed at the end of the test; returns a function like os.open."""
    fds = []

    def open_(path, flags):
        fds.append(os.open(path, flags, 0o644))
        return fds[-1]

    yield open_
    for fd in fds:
        os.close(fd)


def test_a_new_log_is_appended_to(mounted, seen, opened):
    """O_APPEND of the descriptor that made the file: bytes go behind those of others."""
    path = mounted.path / "log"
    log = opened(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    other = opened(path, os.O_WRONLY)

    os.write(log, b"one")
    os.write(other, b"ONE, two")
    os.lseek(log, 0, os.SEEK_SET)
    os.write(log, b", three")
    os.fsync(log)

    assert b"ONE, two, three" == seen.get("log") == path.read_bytes()


def test_a_file_made_to_be_read(mounted, seen):
    """O_CREAT | O_RDONLY makes an empty file that this descriptor cannot change."""
    fd = os.open(mounted.path / "f", os.O_CREAT | os.O_RDONLY, 0o644)
    try:
        assert b"" == os.read(fd, 10)
        with raises(errno.EBADF):
            os.write(fd, b"x")
        with raises(errno.EINVAL):
            os.ftruncate(fd, 10)
    finally:
        os.close(fd)
    assert 0 == mounted.umount().returncode

    assert b"" == seen.get("f")


def test_who_made_a_file_to_read_it_commits_nothing(mounted, seen, opened):
    """Its close says nothing about the bytes that another descriptor is still writing."""
    reader = os.open(mounted.path / "f", os.O_CREAT | os.O_RDONLY, 0o644)
    writer = opened(mounted.path / "f", os.O_WRONLY)
    os.write(writer, b"half")
    os.close(reader)

    assert [] == seen.keys()
    os.write(writer, b" and half")
    os.fsync(writer)
    assert b"half and half" == seen.get("f")


def test_a_lock_file_of_no_rights(mounted, seen):
    """The mode of a new file does not hold for the descriptor that made it."""
    fd = os.open(mounted.path / "lock", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o000)
    os.write(fd, b"mine")
    os.close(fd)

    assert b"mine" == seen.get("lock")
    assert 0 == (mounted.path / "lock").stat().st_mode & 0o777


RACER = """
import os, sys
print("ready", flush=True)
sys.stdin.readline()
won = []
for number in range(50):
    try:
        fd = os.open(f"{sys.argv[1]}/lock{number}", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        os.write(fd, sys.argv[2].encode())
        os.close(fd)
        won.append(number)
    except FileExistsError:
        pass
print(*won)
"""


def race(folders):
    """Have one process per folder take 50 names; return which each of them got."""
    pipe = subprocess.PIPE
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, folder, letter], stdin=pipe, stdout=pipe, text=True
        )
        for folder, letter in zip(folders, "abcd", strict=False)
    ]
    for racer in racers:
        assert "ready\n" == racer.stdout.readline()
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    said = [racer.communicate(timeout=60)[0] for racer in racers]
    assert [0] * len(racers) == [racer.returncode for racer in racers]
    return [{int(number) for number in line.split()} for line in said]


def test_one_of_several_processes_makes_a_file(mounted, seen):
    """O_EXCL on one mount: each name is made by exactly one of four, and is its file."""
    won = race([mounted.path] * 4)

    assert list(range(50)) == sorted(number for numbers in won for number in numbers)
    for letter, numbers in zip("abcd", won, strict=True):
        for number in numbers:
            assert letter.encode() == seen.get(f"lock{number}")


def test_one_of_two_mounts_makes_a_file(mounting, seen):
    """The same between mounts: close says EEXIST to the other one, whose bytes are kept."""
    mounts = [mounting().mount(), mounting().mount()]
    won = race([mount.path for mount in mounts])

    assert list(range(50)) == sorted(number for numbers in won for number in numbers)
    for letter, numbers in zip("ab", won, strict=True):
        for number in numbers:
            assert letter.encode() == seen.get(f"lock{number}")
    for key in seen.keys():  # noqa: SIM118  # a list
        if ".conflict-" in key:
            number = int(key.partition(".")[0].removeprefix("lock"))
            assert {seen.get(key)} == {b"a", b"b"} - {seen.get(f"lock{number}")}


def test_an_empty_lock_file_of_two_mounts(mounting, seen):
    """Nothing is written to it: who has it is known at close, not later."""
    first, second = mounting().mount(), mounting().mount()
    os.listdir(second.path)  # noqa: PTH208  # so that it knows of no lock
    os.close(os.open(first.path / "lock", os.O_CREAT | os.O_EXCL | os.O_WRONLY))

    fd = os.open(second.path / "lock", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    with raises(errno.EEXIST):
        os.close(fd)
    assert ["lock"] == [key for key in seen.keys() if "." not in key]  # noqa: SIM118  # a list
