"""`--writeback-cache`: the kernel collects what is written, and the content is right."""

import os
import random

import pytest

pytestmark = pytest.mark.mounted

CONTENT = random.Random(3).randbytes(3_000_017)


@pytest.fixture
def libfuse():
    """Leave the choice to `auto`: without libfuse 3 the mount is refused."""
    return "auto"


@pytest.fixture
def cached(mounting):
    """Mount the bucket with it."""
    mount = mounting()
    done = mount.try_mount("--writeback-cache")
    if "needs libfuse 3" in done.stderr and not os.environ.get("CI"):
        pytest.skip(done.stderr)
    assert 0 == done.returncode, done.stderr
    return mount


def test_small_writes_are_in_the_bucket_after_close(cached, seen):
    """Every byte, in its place, though they were written in pieces of a few hundred."""
    with (cached.path / "f").open("wb", buffering=0) as file:
        for start in range(0, len(CONTENT), 777):
            file.write(CONTENT[start : start + 777])

    assert CONTENT == seen.get("f")
    assert CONTENT == (cached.path / "f").read_bytes()


def test_appending_by_several_descriptors(cached, seen):
    """The kernel knows the end of the file; nothing is written twice, or elsewhere."""
    path = cached.path / "log"
    path.write_bytes(b"first\n")
    fds = [os.open(path, os.O_WRONLY | os.O_APPEND) for _ in range(3)]
    for number in range(300):
        os.write(fds[number % 3], f"{number}\n".encode())
    for fd in fds:
        os.close(fd)

    assert b"first\n" + b"".join(f"{n}\n".encode() for n in range(300)) == seen.get("log")


def test_changes_in_the_middle_of_what_is_there(cached, seen):
    """Pages that are written in part are read first, through a handle for writing only."""
    seen.put("f", CONTENT)
    fd = os.open(cached.path / "f", os.O_WRONLY)
    os.pwrite(fd, b"new", 4095)
    os.pwrite(fd, b"more", 2_000_000)
    os.close(fd)

    wanted = bytearray(CONTENT)
    wanted[4095:4098], wanted[2_000_000:2_000_004] = b"new", b"more"
    assert bytes(wanted) == seen.get("f")


def test_times_that_are_set_stay(cached, seen):
    """They are in the bucket, not those of the last write."""
    path = cached.path / "f"
    with path.open("wb") as file:
        file.write(CONTENT)
        file.flush()
        os.utime(file.fileno(), ns=(1_000_000_000_000_000_000, 1_100_000_000_000_000_000))

    assert 1_100_000_000_000_000_000 == path.stat().st_mtime_ns
    assert 0 == cached.umount().returncode
    cached.mount()
    assert 1_100_000_000_000_000_000 == path.stat().st_mtime_ns
    assert CONTENT == seen.get("f")


def test_it_needs_libfuse_3(mounting):
    """With libfuse 2 the mount is refused rather than mounted without it."""
    done = mounting().try_mount("--fuse", "2", "--writeback-cache")

    assert 1 == done.returncode
    assert "--writeback-cache needs libfuse 3" in done.stderr
