"""An object whose name is gone, and a new file of that name that never becomes an object."""

import os

import pytest

from ossfs.errors import Unreachable

OLD, NEW = b"old" * 100, b"new" * 120


@pytest.fixture
def covered(core, life, sh):
    """Unlink a file that somebody reads, make another one of its name, and close the first."""
    core.put("f", OLD)
    reader = sh.open("/f", os.O_RDONLY)
    sh.unlink("/f")
    fd = sh.open("/f", os.O_RDWR | os.O_CREAT)
    sh.pwrite(fd, NEW, 0)
    assert OLD == sh.pread(reader, 1000, 0)
    sh.close(reader)
    return fd


def settled(core, life):
    """Return what is in the bucket when the background has done its work."""
    assert life.mount.drain(20)
    return core.objects()


def test_the_new_one_is_unlinked(core, life, sh, covered):
    """The object goes with it."""
    sh.unlink("/f")
    sh.close(covered)

    assert {} == settled(core, life)
    assert not sh.exists("/f")


def test_the_new_one_is_renamed(core, life, sh, covered):
    """The object goes, and the file is one under its new name."""
    sh.rename("/f", "/g")
    sh.close(covered)

    assert {"g": NEW} == settled(core, life)
    assert not sh.exists("/f")


def test_another_one_is_renamed_over_it(core, life, sh, covered):
    """That one replaces the object."""
    sh.write("/g", b"other")
    sh.rename("/g", "/f")
    sh.close(covered)

    assert {"f": b"other"} == settled(core, life)


def test_the_new_one_comes(core, life, sh, covered):
    """It replaces the object, and nothing is deleted behind it, also when it goes later."""
    sh.close(covered)
    assert {"f": NEW} == settled(core, life)

    fd = sh.open("/f", os.O_RDONLY)
    sh.unlink("/f")
    assert {"f": NEW} == settled(core, life)
    sh.close(fd)
    assert {} == settled(core, life)


def test_the_new_one_is_alike(core, life, sh, covered):
    """It has the etag of the old one; its own reader keeps it until the last close."""
    sh.ftruncate(covered, 0)
    sh.pwrite(covered, OLD, 0)
    sh.close(covered)
    assert {"f": OLD} == settled(core, life)
    reader = sh.open("/f", os.O_RDONLY)
    sh.unlink("/f")

    assert {"f": OLD} == settled(core, life)
    assert OLD == sh.pread(reader, 1000, 0)
    sh.close(reader)
    assert {} == settled(core, life)


def test_the_deletion_failed_at_first(core, life, sh, expect_log):
    """It is tried again when the new file has the name, and once more when that has gone."""
    expect_log("f is deleted later, not now")
    core.put("f", OLD)
    reader = sh.open("/f", os.O_RDONLY)
    sh.unlink("/f")
    life.points.refuse = lambda call: Unreachable("no") if call.name == "delete" else None
    sh.close(reader)
    life.points.refuse = lambda call: None
    fd = sh.open("/f", os.O_RDWR | os.O_CREAT)
    core.clock.advance(5)
    assert {"f": OLD} == settled(core, life)
    sh.unlink("/f")
    sh.close(fd)

    assert {} == settled(core, life)
