"""Cache-Control and the like: not ours, and kept through everything we do to an object."""

import os

import pytest

from ossfs.store.api import BytesBody, Headers

STANDARD = {
    "cache-control": "max-age=60",
    "content-disposition": "attachment",
    "content-language": "en",
    "expires": "Thu, 01 Jan 2032 00:00:00 GMT",
}
LARGE = bytes(range(250)) * 900  # several parts


@pytest.fixture
def objects(core):
    """Two objects that another client gave such headers, one of them of several parts."""
    for key, content in (("page.html", b"<html>"), ("large.html", LARGE)):
        core.bucket.put(key, BytesBody(content), Headers("text/x-mine", {"x": "y"}, STANDARD))
    return core


def kept(core, key):
    info = core.bucket.head(key)
    return dict(info.standard) == STANDARD and (info.content_type, info.metadata["x"]) == (
        "text/x-mine",
        "y",
    )


@pytest.mark.parametrize("key", ["page.html", "large.html"])
def test_kept_when_attributes_change(objects, life, key):
    """Chmod copies the object onto itself, with all it had."""
    life.os.chmod(f"/{key}", 0o600)
    fd = life.os.open(f"/{key}", os.O_RDONLY)
    life.os.fsync(fd)
    life.os.close(fd)

    assert kept(objects, key)
    assert "33152" == objects.bucket.head(key).metadata["mode"]


@pytest.mark.parametrize("key", ["page.html", "large.html"])
def test_kept_when_the_file_is_edited(objects, life, key):
    """An edit and an append replace bytes only."""
    fd = life.os.open(f"/{key}", os.O_RDWR)
    life.os.pwrite(fd, b"EDIT", 1)
    life.os.close(fd)

    assert kept(objects, key)
    assert b"EDIT" == bytes(objects.bucket.get(key).data)[1:5]


def test_kept_when_the_file_is_renamed(objects, life):
    """A rename copies them."""
    life.os.rename("/page.html", "/other.html")

    assert kept(objects, "other.html")


def test_kept_through_a_crash(objects):
    """What the journal promised is brought into the bucket with them."""
    life = objects.mount()
    life.points.kill_on = "before request put"
    fd = life.os.open("/page.html", os.O_RDWR)
    life.os.pwrite(fd, b"EDIT", 1)
    with pytest.raises(objects.Killed):
        life.os.close(fd)
    life.die()
    (file,) = objects.ledger().files
    assert STANDARD == dict(file.headers.standard)
    assert "y" == file.headers.metadata["x"]

    with objects.mounted(is_running=True) as again:
        assert again.mount.drain(20)

    assert b"<EDIT>" == bytes(objects.bucket.get("page.html").data)
    assert kept(objects, "page.html")
