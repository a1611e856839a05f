"""What depends on the bucket: a probe, and renaming where it can be."""

import pytest

from ossfs.errors import AlreadyExists, NoSuchKey, NotSupported
from ossfs.store.api import BytesBody, Capabilities, Headers
from ossfs.store.memory import MemoryStore


def test_an_ordinary_bucket(store):
    """It is flat and has no versions; the probe takes nothing away, and is asked once."""
    able = store.capabilities

    facts = store.probe()

    assert ("", False, False) == (facts.versioning, facts.is_hierarchical, facts.renames)
    assert able == store.capabilities
    assert facts == store.probe()


def test_a_bucket_that_does_not_rename(store):
    """It says so, and nothing moves."""
    store.put("a", BytesBody(b"x"), Headers())

    with pytest.raises(NotSupported):
        store.rename("a", "b")

    assert ["a"] == [found.key for found in store.list().objects]


@pytest.fixture(params=["memory", "tos"])
def renaming(request):
    """Make a bucket that renames: in memory, and one of TOS that was told to."""
    if request.param == "memory":
        yield MemoryStore(capabilities=Capabilities(rename=True, forbid_overwrite=True))
        return
    with request.getfixturevalue("open_bucket")("tos") as store:
        body = BytesBody(b'{"RenameEnable":true}')
        call = store._talk.call("enable", "PUT", query={"rename": ""}, body=body)
        store._talk.whole(call)
        assert store.probe().renames
        yield store


@pytest.mark.parametrize("target", ["b", "d/é +%&=?"])
def test_rename(renaming, target):
    """The object has another key, and is the same in everything else."""
    renaming.put("a", BytesBody(b"content"), Headers("text/plain", {"mode": "1"}))
    before = renaming.head("a")

    renaming.rename("a", target)

    info, data = renaming.get(target)
    assert b"content" == bytes(data)
    assert (before.etag, before.content_type, before.metadata) == (
        info.etag,
        info.content_type,
        info.metadata,
    )
    assert [target] == [found.key for found in renaming.list().objects]
    with pytest.raises(NoSuchKey):
        renaming.rename("a", "c")


def test_a_rename_can_forbid_to_overwrite(renaming):
    """Both objects stay."""
    renaming.put("a", BytesBody(b"1"), Headers())
    renaming.put("b", BytesBody(b"2"), Headers())

    with pytest.raises(AlreadyExists):
        renaming.rename("a", "b", forbid_overwrite=True)

    assert (b"1", b"2") == (bytes(renaming.get("a").data), bytes(renaming.get("b").data))
