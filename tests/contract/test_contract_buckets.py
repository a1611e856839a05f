"""What depends on the bucket: a probe, and renaming where it can be."""

import pytest

from ossfs.errors import AlreadyExists, NoSuchKey, NotSupported, ObjectArchived
from ossfs.store.api import BytesBody, Capabilities, Headers
from ossfs.store.memory import MemoryStore
from ossfs.store.write_headers import WriteHeaders


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

    info, data, _ = renaming.get(target)
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


ARCHIVED = [("oss v4", "Archive"), ("s3", "GLACIER"), ("tos", "ARCHIVE")]


@pytest.mark.parametrize(("kind", "storage_class"), ARCHIVED)
def test_an_archived_object(open_bucket, kind, storage_class):
    """It is described, not read, until it has been restored; asking twice is no error."""
    with open_bucket(kind, write_headers=WriteHeaders(storage_class=storage_class)) as store:
        store.put("k", BytesBody(b"content"), Headers())
        assert (storage_class, "") == (store.head("k").storage_class, store.head("k").restore)
        with pytest.raises(ObjectArchived):
            store.get("k")

        store.restore("k", 2)
        store.restore("k", 3, tier="Standard")

        assert 'ongoing-request="false"' in store.head("k").restore
        assert b"content" == bytes(store.get("k").data)


@pytest.mark.parametrize("kind", ["oss v1", "oss v4", "s3", "tos"])
def test_options_of_writing_arrive(open_bucket, kind):
    """Class and tags of what is put, of what comes in parts, and the class of copies."""
    options = {
        "oss": ("IA", "AES256", "public-read"),
        "s3 ": ("STANDARD_IA", "AES256", "public-read"),
        "tos": ("IA", "AES256", "public-read"),
    }
    storage_class, encryption, acl = options[kind.ljust(3)[:3]]
    written = WriteHeaders(
        storage_class=storage_class, encryption=encryption, acl=acl, tagging={"a b": "c=d"}
    )
    with open_bucket(kind, write_headers=written) as store:
        store.put("put", BytesBody(b"x"), Headers())
        upload_id = store.create_upload("parts", Headers())
        part = store.upload_part("parts", upload_id, 1, BytesBody(b"x"))
        store.complete_upload("parts", upload_id, [part])
        store.copy("put", "copied")

        for key in ("put", "parts", "copied"):
            assert storage_class == store.head(key).storage_class
            assert {"a b": "c=d"} == dict(store.get_tagging(key))
