"""What libfuse 3 brings: flags of renames, large requests, attributes with listings."""

# The system calls themselves are what is tested.
# ruff: noqa: PTH208

import ctypes
import errno
import json
import mmap
import os
import stat
import subprocess
import threading
from contextlib import contextmanager

import pytest
from stat_answers import stat_answer

from ossfs.fusefs import libraries

pytestmark = pytest.mark.mounted

MIB = 1 << 20
AT_FDCWD = -100
RENAME_NOREPLACE, RENAME_EXCHANGE = 1, 2
NAMES = [f"{number:04}-{'x' * 100}" for number in range(1500)]
"""More than the kernel takes from a directory at a time."""


@pytest.fixture
def libfuse():
    """Use libfuse 3; where CI is set, it is there."""
    try:
        libraries.choose("3")
    except libraries.MountFailed as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    return "3"


def rename_with(flags, source, target):
    """Call renameat2(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    words = (AT_FDCWD, os.fsencode(source), AT_FDCWD, os.fsencode(target), flags)
    if libc.renameat2(*words) != 0:
        raise OSError(ctypes.get_errno(), "renameat2")


def test_a_rename_that_must_not_replace(mounted, seen):
    """RENAME_NOREPLACE: EEXIST where something is, and a rename where nothing is."""
    for name in ("a", "b"):
        (mounted.path / name).write_text(name)

    with pytest.raises(FileExistsError):
        rename_with(RENAME_NOREPLACE, mounted.path / "a", mounted.path / "b")
    rename_with(RENAME_NOREPLACE, mounted.path / "a", mounted.path / "c")

    assert ["b", "c"] == sorted(os.listdir(mounted.path))
    assert (b"b", b"a") == (seen.get("b"), seen.get("c"))


def test_an_exchange_of_names_is_refused(mounted, seen):
    """RENAME_EXCHANGE cannot be kept without a moment in which a name is missing: EINVAL."""
    for name in ("a", "b"):
        (mounted.path / name).write_text(name)

    with pytest.raises(OSError, match=r".*") as raised:
        rename_with(RENAME_EXCHANGE, mounted.path / "a", mounted.path / "b")

    assert errno.EINVAL == raised.value.errno
    assert (b"a", b"b") == (seen.get("a"), seen.get("b"))


def test_what_is_listed_has_its_attributes_at_once(mounted, seen, emulator):
    """Every stat of a listed file is answered, and none of them by a request."""
    for number in range(50):
        seen.put(f"d/{number}", b"x" * number)
    emulator.reset_stats()

    sizes = {one.name: one.stat().st_size for one in os.scandir(mounted.path / "d")}

    assert {str(number): number for number in range(50)} == sizes
    assert {"ListObjects", "ListObjectsV2"} >= set(emulator.stats()["operations"])


def test_a_file_that_changes_while_its_directory_is_read(mounted):
    """It has the size that it was given, not the one from when the reading began."""
    folder = mounted.path / "d"
    folder.mkdir()
    for name in NAMES:
        os.mknod(folder / name)
    with os.scandir(folder) as entries:
        seen = [next(entries).name]
        last, gone = NAMES[-1], NAMES[-2]
        (folder / last).write_bytes(b"12345")
        (folder / gone).unlink()
        seen += [entry.name for entry in entries]

    assert 5 == (folder / last).stat().st_size
    assert not (folder / gone).exists()
    assert {*NAMES} - {gone} <= {*seen}


def test_names_are_listed_once_while_they_are_removed(mounted):
    """What is removed behind the reader moves nothing out of its sight."""
    folder = mounted.path / "d"
    folder.mkdir()
    for name in NAMES:
        os.mknod(folder / name)

    seen = []
    with os.scandir(folder) as entries:
        for entry in entries:
            seen.append(entry.name)
            os.unlink(entry.path)  # noqa: PTH108  # as above

    assert sorted(NAMES) == sorted(seen)
    folder.rmdir()


def test_the_status_names_the_library(mounted, command):
    """Which libfuse it runs on, for people and for programs."""
    (told,) = json.loads(command("status", "--json").stdout)

    assert told["counters"]["fuse"].startswith("libfuse 3.")
    assert f", {told['counters']['fuse']}, since" in command("status").stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may say how far the kernel reads ahead")
@pytest.mark.parametrize(
    ("options", "least", "most"),
    [((), 1, 16), (("--kernel-readahead", "0"), 17, 64)],
    ids=["1M", "its own"],
)
def test_who_reads_on_is_read_ahead_of_by_large_requests(
    mounting, seen, command, options, least, most
):
    """Fewer requests than 128 KiB each would make; with 0 they are those."""
    seen.put("f", bytes(4 * MIB))
    mounting().mount(*options).path.joinpath("f").read_bytes()

    (told,) = json.loads(command("status", "--json").stdout)
    asked = told["counters"]["memory"]["hits"] + told["counters"]["memory"]["misses"]
    assert least <= asked <= most


# How large requests are, with a file system that is one file


class OneFile:
    """A file system with one file, `f`, which notes the sizes of requests."""

    SIZE = 4 * MIB

    def __init__(self):
        self.read_sizes = []
        self.write_sizes = []

    getattr = open = read = write = readdir = None  # only asked whether they are there

    def __call__(self, name, *arguments):
        if name == "getattr":
            if arguments[0] == "/":
                return stat_answer(stat.S_IFDIR | 0o755)
            return stat_answer(stat.S_IFREG | 0o666, self.SIZE)
        if name == "open":
            return 1, (True, False)
        if name == "read":
            self.read_sizes.append(arguments[1])
            return bytes(arguments[1])
        if name == "write":
            self.write_sizes.append(len(arguments[1]))
            return len(arguments[1])
        return None


for _name in ("getattr", "open", "read", "write"):
    setattr(OneFile, _name, lambda: None)


@contextmanager
def served(folder, libfuse):
    """Mount a file system of one file; yield it and the file's path."""
    operations = OneFile()
    binding = libraries.load(int(libfuse))
    folder.mkdir()
    thread = threading.Thread(
        target=lambda: binding.Binding(operations, str(folder), options={"fsname": "one"})
    )
    thread.start()
    try:
        while not folder.is_mount():
            assert thread.is_alive()
        yield operations, folder / "f"
    finally:
        subprocess.run(["fusermount3", "-u", str(folder)], check=True)
        thread.join()


def test_a_write_of_a_mebibyte_is_one_request(tmp_path, libfuse):
    """With libfuse 2, eight are made of it."""
    with served(tmp_path / "mnt", libfuse) as (operations, path):
        fd = os.open(path, os.O_WRONLY)
        os.write(fd, b"x" * MIB)
        os.close(fd)

    assert [MIB] == operations.write_sizes


def test_a_direct_read_of_a_mebibyte_is_one_request(tmp_path, libfuse):
    """The same for reads past the page cache; the others follow the kernel's read-ahead."""
    with served(tmp_path / "mnt", libfuse) as (operations, path):
        fd = os.open(path, os.O_RDONLY | os.O_DIRECT)
        with mmap.mmap(-1, MIB) as buffer:  # aligned, as O_DIRECT wants it
            assert MIB == os.preadv(fd, [buffer], MIB)
        os.close(fd)

    assert [MIB] == operations.read_sizes
