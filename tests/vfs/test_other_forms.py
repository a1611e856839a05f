"""Attributes and symlinks that other programs have stored, in their own forms."""

import errno
import os
import stat

import pytest

from ossfs.store.api import BytesBody, Headers

LINK = stat.S_IFLNK | 0o777
FILE = stat.S_IFREG


@pytest.mark.parametrize(
    ("metadata", "mode", "uid", "gid", "mtime_ns"),
    [
        # ossfs 1.x and s3fs
        ({"mode": "33188", "uid": "7", "gid": "8", "mtime": "1700000000.5"},
         0o644, 7, 8, 1_700_000_000_500_000_000),
        # s3sync
        ({"permissions": "420", "owner": "7", "group": "8"}, 0o644, 7, 8, None),
        ({"permissions": "0640", "owner": "0", "group": "0"}, 0o640, 0, 0, None),
        # gsutil: the mode is octal, with and without a leading 0
        ({"goog-reserved-posix-mode": "644", "goog-reserved-posix-uid": "7",
          "goog-reserved-posix-gid": "8", "goog-reserved-file-mtime": "1700000000"},
         0o644, 7, 8, 1_700_000_000_000_000_000),
        ({"goog-reserved-posix-mode": "0600"}, 0o600, 1000, 1000, None),
        # geesefs, rclone
        ({"mode": "33188", "uid": "7", "gid": "8", "mtime": "1700000000"},
         0o644, 7, 8, 1_700_000_000_000_000_000),
        ({"mtime": "1700000000.123456789"}, 0o644, 1000, 1000, 1_700_000_000_123_456_789),
        # the first form comes first; what makes no sense is absent
        ({"mode": "33152", "permissions": "420", "uid": "7", "owner": "9"}, 0o600, 7, 1000, None),
        ({"permissions": "rw", "owner": "joe", "goog-reserved-posix-mode": "9"},
         0o644, 1000, 1000, None),
    ],
)  # fmt: skip
def test_attributes_of_others(core, sh, metadata, mode, uid, gid, mtime_ns):
    """Each form is read; a chmod stores the first form, and leaves theirs beside it."""
    core.put("f", b"x", **metadata)
    listed_ns = core.bucket.head("f").modified_ns
    found = sh.stat("/f")

    assert FILE | mode == found.st_mode
    assert (uid, gid) == (found.st_uid, found.st_gid)
    assert (listed_ns if mtime_ns is None else mtime_ns) == found.st_mtime_ns

    sh.chmod("/f", 0o606)
    fd = sh.open("/f", os.O_RDWR)
    sh.fsync(fd)
    sh.close(fd)
    stored = core.bucket.head("f").metadata
    assert str(FILE | 0o606) == stored["mode"]
    assert (str(uid), str(gid)) == (stored["uid"], stored["gid"])
    assert {name for name in metadata if name != "atime"} <= stored.keys()


@pytest.mark.parametrize(
    ("metadata", "content", "target"),
    [
        ({"mode": "41471"}, b"a/target", "a/target"),  # ossfs 1.x and s3fs
        ({"mode": "41471", "symlink-target": "header:8:a%2Ftarget"}, b"", "a/target"),
        ({"mode": "511", "symlink-target": "header:8:a%2Ftarget"}, b"", "a/target"),
        ({"symlink-target": "header:5:%C3%A9%20x"}, b"", "é x"),
        ({"symlink-target": "body:8:"}, b"a/target", "a/target"),
        ({"--symlink-target": "a%2Ftarget"}, b"", "a/target"),  # geesefs
    ],
)
def test_symlinks_of_others(core, sh, metadata, content, target):
    """Where it leads may be the bytes of the object, or stand beside it."""
    core.put("l", content, **metadata)

    assert LINK == sh.stat("/l").st_mode
    assert target == sh.readlink("/l")


def test_a_file_with_such_a_header_is_a_file(core, sh):
    """Where the mode says so."""
    core.put("f", b"x", **{"mode": "33188", "symlink-target": "header:1:x"})

    assert FILE | 0o644 == sh.stat("/f").st_mode


@pytest.fixture
def link(core):
    """Make symlinks of the store's own."""

    def make(key, target):
        core.bucket.put_symlink(key, target, Headers())

    return make


@pytest.mark.parametrize(
    ("key", "target", "seen"),
    [
        ("l", "f", "f"),
        ("l", "d/f", "d/f"),
        ("d/l", "d/f", "f"),
        ("d/l", "f", "../f"),
        ("d/e/l", "d/g/f", "../g/f"),
        ("l", "a b+é", "a b+é"),
        ("d/l", "../f", "../f"),
    ],
)
def test_a_symlink_of_the_store(core, life, link, key, target, seen):
    """It is shown as one, without being asked for, and leads to the key, from where it is."""
    link(key, target)
    for name in ("", *sorted({key[:at] for at, one in enumerate(key) if one == "/"})):
        life.os.listdir(f"/{name}")
    life.requests()

    assert LINK == life.os.stat(f"/{key}").st_mode
    assert [] == life.requests()
    assert seen == life.os.readlink(f"/{key}")
    assert ["get_symlink"] == life.requests()


def test_a_symlink_of_the_store_below_a_prefix(core, link):
    """Keys are those of the bucket, paths those of the mount."""
    core.put("p/d/f", b"x")
    link("p/l", "p/d/f")
    with core.mounted(prefix="p/") as life:
        assert "d/f" == life.os.readlink("/l")


def test_what_is_done_to_a_symlink_of_the_store(core, life, link):
    """It is renamed, replaced and removed as itself; its target stays as it is."""
    core.put("f", b"the target")
    link("l", "f")
    sh = life.os

    sh.rename("/l", "/m")
    assert ["f", "m"] == sh.listdir("/")
    assert ("f", LINK) == (sh.readlink("/m"), sh.stat("/m").st_mode)
    link("n", "x")
    core.clock.advance(11)
    sh.rename("/m", "/n")
    assert "f" == core.bucket.get_symlink("n")
    with pytest.raises(OSError, match="not supported") as refused:
        sh.chmod("/n", 0o600)
    assert errno.ENOTSUP == refused.value.errno
    assert [] == life.fs.listxattr("/n")
    sh.unlink("/n")

    assert {"f": b"the target"} == core.objects()


def test_a_directory_with_a_symlink_of_the_store_is_renamed(core, sh, link):
    """What it leads to stays the same key, seen from elsewhere."""
    core.put("d/f", b"x")
    link("d/l", "other")

    sh.rename("/d", "/e")

    assert sorted(("f", "l")) == sh.listdir("/e")
    assert "../other" == sh.readlink("/e/l")


def test_types_of_symlinks_are_listed(core, life, link):
    """`find -type l` asks for nothing."""
    core.bucket.put("f", BytesBody(b""), Headers())
    link("l", "f")

    assert stat.S_IFLNK == life.fs.readdir("/").more()["l"].kind
