"""Native symlinks and appendable objects, where a store has them."""

import pytest

from ossfs.crc64 import crc64
from ossfs.errors import Conflict, InvalidRequest, NoSuchKey, PositionMismatch
from ossfs.store.api import BytesBody, Headers


@pytest.fixture
def linking(store):
    if not store.capabilities.symlinks:
        pytest.skip("no symlinks")
    return store


@pytest.fixture
def appending(store):
    if not store.capabilities.append:
        pytest.skip("no append")
    return store


@pytest.mark.parametrize("target", ["plain", "a/é +%😀", "..//x", "a\nb"], ids=ascii)
def test_a_link_names_its_target(linking, target):
    """The target comes back exactly; it need not exist."""
    linking.put_symlink("link", target, Headers())

    assert target == linking.get_symlink("link")
    assert "Symlink" == linking.list().objects[0].object_type


def test_reading_a_link_reads_the_target(linking):
    """GET and HEAD follow: bytes, size and etag of the target, metadata of the link."""
    stored = linking.put("target", BytesBody(b"bytes"), Headers(metadata={"of": "target"}))
    linking.put_symlink("link", "target", Headers(metadata={"of": "link"}))

    info, data, _ = linking.get("link")

    assert b"bytes" == bytes(data)
    assert (5, stored.etag, "Symlink") == (info.size, info.etag, info.object_type)
    assert {"of": "link"} == dict(info.metadata)
    assert info == linking.head("link")


def test_a_dangling_link(linking):
    """Its target is not there; the link is."""
    linking.put_symlink("link", "nowhere", Headers())

    with pytest.raises(NoSuchKey):
        linking.get("link")
    assert "nowhere" == linking.get_symlink("link")


def test_what_is_no_link(linking):
    """An object is no link, and nothing is not one either."""
    linking.put("k", BytesBody(b""), Headers())

    with pytest.raises(InvalidRequest):
        linking.get_symlink("k")
    with pytest.raises(NoSuchKey):
        linking.get_symlink("nowhere")


def test_deleting_a_link_keeps_the_target(linking):
    """The link is an object of its own."""
    linking.put("target", BytesBody(b"bytes"), Headers())
    linking.put_symlink("link", "target", Headers())

    linking.delete("link")

    assert ["target"] == [found.key for found in linking.list().objects]


def test_append(appending):
    """Each append goes on at the end and tells the position and checksum of the whole."""
    first = appending.append("k", 0, BytesBody(b"one "), Headers("text/plain", {"a": "b"}))
    second = appending.append("k", 4, BytesBody(b"two"), Headers())

    assert (4, 7) == (first.next_position, second.next_position)
    assert crc64(b"one two") == second.crc64
    info, data, _ = appending.get("k")
    assert b"one two" == bytes(data)
    assert (second.etag, "text/plain", {"a": "b"}, "Appendable") == (
        info.etag,
        info.content_type,
        dict(info.metadata),
        info.object_type,
    )
    assert first.etag != second.etag


def test_append_at_another_position(appending):
    """The error tells where the end is, and nothing changes."""
    appending.append("k", 0, BytesBody(b"1234"), Headers())

    for position in (0, 3, 5):
        with pytest.raises(PositionMismatch) as caught:
            appending.append("k", position, BytesBody(b"x"), Headers())
        assert 4 == caught.value.next_position
    with pytest.raises(PositionMismatch) as caught:
        appending.append("new", 7, BytesBody(b"x"), Headers())
    assert 0 == caught.value.next_position
    assert b"1234" == bytes(appending.get("k").data)


def test_append_to_what_was_put(appending):
    """An ordinary object cannot be appended to."""
    appending.put("k", BytesBody(b"1234"), Headers())

    with pytest.raises(Conflict):
        appending.append("k", 4, BytesBody(b"x"), Headers())


def test_append_of_nothing(appending):
    """It makes an empty appendable object, or leaves one as it is."""
    appending.append("k", 0, BytesBody(b""), Headers())
    appending.append("k", 0, BytesBody(b"data"), Headers())
    etag = appending.head("k").etag

    assert 4 == appending.append("k", 4, BytesBody(b""), Headers()).next_position
    assert (etag, b"data") == (appending.head("k").etag, bytes(appending.get("k").data))
