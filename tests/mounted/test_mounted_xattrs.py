"""Extended attributes through the kernel, and what it is told of the room in a bucket."""

import errno
import os
import subprocess

import pytest

from ossfs.vfs.xattrs import format_xattrs

pytestmark = pytest.mark.mounted


def raises(code):
    return pytest.raises(OSError, check=lambda error: error.errno == code)


def test_they_are_in_the_bucket(mounted, seen):
    """As other programs write and read them, whatever bytes they are of."""
    seen.put("theirs", b"x", xattr="%7B%22user.name%22%3A%22dmFsdWU%3D%22%7D")
    path = mounted.path / "f"
    path.write_bytes(b"x")
    name = os.fsdecode(b"user.\xff\xc3\xa9")
    os.setxattr(path, name, b"\0\xff")
    os.setxattr(path, "user.b", b"")
    mounted.settled()

    stored = seen.request("HEAD", "f")[0]["x-oss-meta-xattr"]
    assert format_xattrs({name: b"\0\xff", "user.b": b""}) == stored
    assert b"value" == os.getxattr(mounted.path / "theirs", "user.name")
    mounted.remount()
    assert {name, "user.b"} == set(os.listxattr(path))
    assert b"\0\xff" == os.getxattr(path, name)


def test_rsync_takes_them_along(mounted, tmp_path):
    """Into the mount, out of it, and finds nothing to do the second time."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "f").write_bytes(b"x")
    for path in (source, source / "f"):
        os.setxattr(path, "user.a", b"value")
    command = ["rsync", "-aHXi", "--delete"]

    for pair in ((f"{source}/", f"{mounted.path}/d"), (f"{mounted.path}/d/", tmp_path / "back")):
        subprocess.run([*command, *pair], check=True, capture_output=True)
        again = subprocess.run([*command, *pair], check=True, capture_output=True)
        assert b"" == again.stdout
    assert b"value" == os.getxattr(tmp_path / "back/f", "user.a")
    assert ["user.a"] == os.listxattr(tmp_path / "back/f")


def test_facts_and_invalidation(mounted, seen, poll):
    """The etag is the bucket's; a change by others is seen once it was asked for."""
    seen.put("d/f", b"old")
    path = mounted.path / "d/f"
    etag = seen.request("HEAD", "d/f")[0]["ETag"].strip('"')
    assert etag == os.getxattr(path, "user.ossfs.etag").decode()
    seen.put("d/f", b"newer")
    os.setxattr(mounted.path, "user.ossfs.invalidate", b"")

    poll(lambda: path.stat().st_size == len(b"newer"), 5.0)  # the kernel's own second
    with raises(errno.EPERM):
        os.setxattr(path, "user.ossfs.etag", b"x")


def test_without_them(mounting):
    """The kernel is told once, and then does not ask any more."""
    mount = mounting().mount("--no-xattrs", "--capacity", "8G")
    (mount.path / "f").write_bytes(b"x")

    with raises(errno.ENOTSUP):
        os.setxattr(mount.path / "f", "user.a", b"x")
    with raises(errno.ENOTSUP):
        os.getxattr(mount.path / "f", "user.a")
    assert b"x" == (mount.path / "f").read_bytes()
    room = os.statvfs(mount.path)
    assert 8 << 30 == room.f_blocks * room.f_frsize == room.f_bavail * room.f_frsize
    assert 255 == room.f_namemax
