"""
The scenarios of `tests/vfs` again, through the kernel, on both libfuses.

Those are taken that need nothing but `sh` and `core`: calls like those of `os`, and the bucket
as other clients see it. All share one mount; each has a directory of its own, which is its top.

What close(2) does not wait for, as the last close of an unlinked file, may take a moment: the
bucket is looked at until it is as it should be, for some seconds.
"""

# The system calls themselves are what is tested.
# ruff: noqa: PTH101, PTH102, PTH104, PTH106, PTH108, PTH115, PTH208, PTH211

import contextlib
import importlib
import inspect
import os
import time
from itertools import count

import pytest
from whole_files import WholeFiles

pytestmark = pytest.mark.mounted

MODULES = (
    "test_scenarios",
    "test_attributes",
    "test_directory_times",
    "test_exclusive_creation",
    "test_renamed_over_hidden",
    "test_threads",
)
OF_THE_CORE = {"bucket", "clock", "fs", "lives", "mounted", "state_dir"}
"""What only the core has: who names one of these is not taken."""
ELSEWHERE = {
    "test_directories_are_not_files": "a directory can be opened for reading",
    "test_names_that_are_too_long": "the kernel looks for the directories first",
    "test_a_sparse_file_is_zeros": "looks into the state folder",
    "test_links_of_directories": "others make names in a directory that was listed",
    "test_large_directories": "thousands of objects, made one by one, take long",
    "test_a_file_comes_to_light_when_the_directory_of_its_name_goes": "the same",
    "test_what_others_wrote": "shows the core's clock and owner",
    "test_the_headers_of_a_directory": "as that",
    "test_the_headers_of_a_new_file": "as that",
    "test_writing_moves_the_times": "as that",
    "test_times_set_after_the_last_write_hold": "as that",
}
"""What a mount does otherwise, and why."""
PATIENCE_S = 10.0
_numbers = count(1)


def _adopted():
    for module in map(importlib.import_module, MODULES):
        for name, test in inspect.getmembers(module, inspect.isfunction):
            marks = getattr(test, "pytestmark", [])
            given = [mark.args[0] for mark in marks if mark.name == "parametrize"]
            wants = set(inspect.signature(test).parameters).difference(*map(_names, given))
            is_for_all = "sh" in wants and wants <= {"sh", "core"}
            if not name.startswith("test_") or name in ELSEWHERE or not is_for_all:
                continue
            if not OF_THE_CORE.intersection(test.__code__.co_names):
                yield name, test


def _names(argnames):
    return argnames if isinstance(argnames, tuple) else argnames.replace(" ", "").split(",")


globals().update(_adopted())


class Soon:
    """What becomes equal to something sooner or later."""

    def __init__(self, look):
        self._look = look
        self.last = None

    def __eq__(self, wanted):
        give_up = time.monotonic() + PATIENCE_S
        while (found := self._look()) != wanted and time.monotonic() < give_up:
            time.sleep(0.01)
        self.last = found
        return found == wanted

    __hash__ = None

    def __repr__(self):
        return repr(self.last)

    def __getitem__(self, key):
        return self._look()[key]

    def __iter__(self):
        return iter(self._look())


class Bucket:
    """A part of the bucket, as other clients see it."""

    def __init__(self, mount, top):
        self._mount, self._seen, self._top = mount, mount.seen, top
        self.is_touched = False

    def put(self, key, data, **metadata):
        self._seen.put(self._top + key, data, **metadata)
        if not self.is_touched:  # it was there before: nobody has looked
            os.setxattr(self._mount.path / self._top, "user.ossfs.invalidate", b"")

    def objects(self):
        return Soon(self._objects)

    def _objects(self):
        found = {}
        for key in self._seen.keys(self._top):
            with contextlib.suppress(AssertionError):  # it is deleted in this moment
                found[key.removeprefix(self._top)] = self._seen.get(key)
        found.pop("")  # the directory itself
        return found

    def uploads(self):
        return Soon(self._seen.uploads)

    def staged(self):
        return Soon(self._mount.staged)


class Sh(WholeFiles):
    """A directory of the mount as the whole file system."""

    def __init__(self, top, core):
        self._top, self._core = top, core

    def _path(self, path):
        self._core.is_touched = True
        return f"{self._top}{path}"

    def open(self, path, flags, mode=0o644):
        return os.open(self._path(path), flags, mode)

    def stat(self, path):
        return os.lstat(self._path(path))

    def listdir(self, path):
        return sorted(os.listdir(self._path(path)))

    def rename(self, old, new):
        os.rename(self._path(old), self._path(new))

    def symlink(self, target, path):
        os.symlink(target, self._path(path))

    def chown(self, path, uid, gid):
        os.lchown(self._path(path), uid, gid)

    def utime(self, path, *, ns):
        os.utime(self._path(path), ns=ns, follow_symlinks=False)

    def mkdir(self, path, mode=0o755):
        os.mkdir(self._path(path), mode)

    def chmod(self, path, mode):
        os.chmod(self._path(path), mode)

    def truncate(self, path, size):
        os.truncate(self._path(path), size)

    def rmdir(self, path):
        os.rmdir(self._path(path))

    def unlink(self, path):
        os.unlink(self._path(path))

    def readlink(self, path):
        return os.readlink(self._path(path))

    close, pread, pwrite, fstat = map(staticmethod, (os.close, os.pread, os.pwrite, os.fstat))
    fsync, ftruncate = map(staticmethod, (os.fsync, os.ftruncate))


@pytest.fixture
def core(shared_mount):
    """Return a part of the bucket that nobody has used."""
    top = f"{next(_numbers)}/"
    (shared_mount.path / top).mkdir()
    return Bucket(shared_mount, top)


@pytest.fixture
def sh(shared_mount, core):
    """Return the directory of the same name."""
    return Sh(shared_mount.path / core._top.rstrip("/"), core)
