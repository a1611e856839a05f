"""Extended attributes: where they are stored, what they cost, and what they tell."""

import errno
import os
from dataclasses import replace

import pytest

from ossfs.store.limits import OSS_LIMITS
from ossfs.vfs.xattrs import parse_xattrs

NEW = os.O_CREAT | os.O_RDWR
PART = 1000


def raises(code):
    return pytest.raises(OSError, check=lambda error: error.errno == code)


def stored(core, key):
    return parse_xattrs(core.bucket.head(key).metadata.get("xattr", ""))


@pytest.fixture
def fs(life):
    return life.fs


def test_they_ride_with_the_upload(core, life, fs, sh):
    """Before the close they cost nothing."""
    fd = sh.open("/f", NEW)
    fs.setxattr("/f", "user.a", b"1")
    sh.pwrite(fd, b"data", 0)
    fs.setxattr("/f", "user.b", b"\0\xff")
    life.requests()
    sh.close(fd)

    assert ["put"] == life.requests()
    assert {"user.a": b"1", "user.b": b"\0\xff"} == stored(core, "f")


def test_later_changes_are_one_copy(core, life, fs, sh):
    """Together with those of mode and times."""
    sh.write("/f", b"data")
    life.requests()
    fs.setxattr("/f", "user.a", b"1")
    sh.chmod("/f", 0o600)
    fs.setxattr("/f", "user.b", b"2")
    fs.removexattr("/f", "user.a")
    assert [] == life.requests()
    assert life.mount.drain(None)

    assert ["copy"] == life.requests()
    assert {"user.b": b"2"} == stored(core, "f")
    assert b"data" == core.objects()["f"]


def test_they_go_along(core, life, fs, sh):
    """With a rename, an edit, the rename of the directory, and over a remount."""
    sh.mkdir("/d")
    sh.write("/d/f", b"x" * 2 * PART)
    fs.setxattr("/d/f", "user.a", b"1")
    fs.setxattr("/d", "user.dir", b"2")
    sh.rename("/d/f", "/d/g")
    sh.append("/d/g", b"more")
    sh.rename("/d", "/t")
    life.close()

    assert ({"user.a": b"1"}, {"user.dir": b"2"}) == (stored(core, "t/g"), stored(core, "t/"))
    with core.mounted() as later:
        assert ["user.a"] == later.fs.listxattr("/t/g")
        assert b"2" == later.fs.getxattr("/t", "user.dir")


def test_those_of_others_are_read(core, fs):
    """Of a file that this mount knows only by its listing: one HEAD."""
    core.put("f", b"x", xattr="%7B%22user.name%22%3A%22dmFsdWU%3D%22%7D")

    assert b"value" == fs.getxattr("/f", "user.name")
    assert ["user.name"] == fs.listxattr("/f")
    fs.removexattr("/f", "user.name")
    with raises(errno.ENODATA):
        fs.getxattr("/f", "user.name")


@pytest.mark.parametrize("name", ["security.capability", "system.posix_acl_access", "what.ever"])
def test_namespaces_that_are_not_kept(life, fs, sh, name):
    """They cost nothing, not even of a file of which nothing is known."""
    for act in (
        lambda: fs.getxattr("/f", name),
        lambda: fs.setxattr("/f", name, b"x"),
        lambda: fs.removexattr("/f", name),
    ):
        with raises(errno.ENOTSUP):
            act()
    assert [] == life.requests()


def test_a_crash_loses_none_that_was_set(core, life, fs, sh):
    """The journal has it before the call returns."""
    sh.write("/f", b"data")
    fs.setxattr("/f", "user.a", b"1")
    life.die()
    with core.mounted() as later:
        assert later.mount.drain(None)
        assert b"1" == later.fs.getxattr("/f", "user.a")

    assert {"user.a": b"1"} == stored(core, "f")


def test_what_the_store_does_not_take(make_core):
    """One value that is too large by itself, and one more that is too many; nothing is lost."""
    core = make_core(limits=replace(OSS_LIMITS, min_part=100, max_metadata=2048))
    with core.mounted() as life:
        fs = life.fs
        life.os.write("/f", b"data")
        with raises(errno.E2BIG):
            fs.setxattr("/f", "user.a", b"x" * 2000)
        fs.setxattr("/f", "user.a", b"x" * 1000)
        with raises(errno.ENOSPC):
            fs.setxattr("/f", "user.b", b"x" * 500)
        life.os.utime("/f", ns=(-(10**18) - 1, 10**20 + 1))
        life.os.chown("/f", 2**32 - 2, 2**32 - 2)
        assert life.mount.drain(None)

    assert {"user.a": b"x" * 1000} == stored(core, "f")


def test_the_top_keeps_none(fs):
    """It has no object to keep them with, and says so."""
    with raises(errno.ENOTSUP):
        fs.setxattr("/", "user.a", b"x")
    assert [] == fs.listxattr("/")


# What the store knows


def test_facts(core, life, fs, sh):
    """Of a file in the bucket; they are not listed, and cannot be written."""
    sh.write("/f", b"data")
    info = core.bucket.head("f")
    found = {name: fs.getxattr("/f", f"user.ossfs.{name}") for name in ("etag", "crc64", "upload")}

    assert {
        "etag": info.etag.encode(),
        "crc64": str(info.crc64).encode(),
        "upload": b"done",
    } == found
    assert [] == fs.listxattr("/f")
    for act in (
        lambda: fs.setxattr("/f", "user.ossfs.etag", b"x"),
        lambda: fs.removexattr("/f", "user.ossfs.etag"),
    ):
        with raises(errno.EPERM):
            act()
    for name in ("restore", "nonsense", "invalidate"):
        with raises(errno.ENODATA):
            fs.getxattr("/f", f"user.ossfs.{name}")


def test_how_far_an_upload_is(core, fs, sh):
    """In words, while the file is written."""
    fd = sh.open("/f", NEW)
    sh.pwrite(fd, b"x" * 10, 0)
    assert b"waiting" == fs.getxattr("/f", "user.ossfs.upload")
    with raises(errno.ENODATA):
        fs.getxattr("/f", "user.ossfs.etag")
    sh.close(fd)
    assert b"done" == fs.getxattr("/f", "user.ossfs.upload")


@pytest.mark.parametrize("path", ["/d/f", "/d", "/"])
def test_what_is_remembered_can_be_dropped(core, fs, sh, path):
    """Of a file, of a directory and all below it, of everything: others' changes are seen."""
    core.put("d/f", b"old")
    assert 3 == sh.stat("/d/f").st_size
    core.put("d/f", b"newer")
    assert 3 == sh.stat("/d/f").st_size

    fs.setxattr(path, "user.ossfs.invalidate", b"")

    assert 5 == sh.stat("/d/f").st_size
