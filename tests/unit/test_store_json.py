"""The JSON bodies of TOS."""

import json

import pytest

from ossfs.store.api import Part
from ossfs.store.dialects.json_codec import JsonCodec, member_of

CODEC = JsonCodec()
NEW_YEAR = 1_767_225_600_000_000_000


def body(**members):
    return json.dumps(members).encode()


def test_a_page_of_objects():
    """Names are encoded even where the answer does not repeat that; null is an empty list."""
    page = CODEC.list_page(
        body(
            Contents=[
                {
                    "Key": "a%2Fb+c%01",
                    "Size": 3,
                    "ETag": '"ab"',
                    "LastModified": "2026-01-01T00:00:00.123Z",
                    "StorageClass": "STANDARD",
                    "Type": "Appendable",
                }
            ],
            CommonPrefixes=[{"Prefix": "%E4%B8%AD%2F"}],
            IsTruncated=True,
            NextContinuationToken="1+a%2B",
        )
    )

    (listed,) = page.objects
    assert ("a/b c\x01", 3, "ab", NEW_YEAR) == (
        listed.key,
        listed.size,
        listed.etag,
        listed.modified_ns,
    )
    assert ("STANDARD", "Appendable") == (listed.storage_class, listed.object_type)
    assert (["中/"], "1+a%2B") == (page.prefixes, page.next_token)
    empty = CODEC.list_page(b'{"Contents":null,"CommonPrefixes":null,"IsTruncated":false}')
    assert ([], [], None) == (empty.objects, empty.prefixes, empty.next_token)


def test_pages_of_parts_and_uploads():
    """With their markers."""
    parts = CODEC.parts_page(
        body(
            Parts=[{"PartNumber": 2, "Size": 5, "ETag": '"ab"', "HashCrc64ecma": "7"}],
            IsTruncated=True,
            NextPartNumberMarker=2,
        )
    )
    uploads = CODEC.uploads_page(
        body(
            Uploads=[{"Key": "a%20b", "UploadId": "U", "Initiated": "2026-01-01T00:00:00Z"}],
            IsTruncated=True,
            NextKeyMarker="a%20b",
            NextUploadIdMarker="U",
        )
    )

    assert ([Part(2, 5, "ab", 7)], 2) == (parts.parts, parts.next_after)
    assert [("a b", "U", NEW_YEAR)] == [
        (one.key, one.upload_id, one.initiated_ns) for one in uploads.uploads
    ]
    assert ("a b", "U") == uploads.next_marker


def test_a_page_without_the_way_to_the_next():
    """A listing must not end early because a marker is missing."""
    for read in (CODEC.list_page, CODEC.parts_page, CODEC.uploads_page):
        with pytest.raises(ValueError, match="without a marker"):
            read(b'{"IsTruncated":true}')


@pytest.mark.parametrize(
    "junk", [b"", b"nonsense", b"[]", b"\xff", b'"x"', b'{"Contents":[1]}', b'{"Contents":{"a":1}}']
)
def test_what_cannot_be_read(junk):
    """It is an error that a conversation turns into a fault of the server."""
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        CODEC.list_page(junk)
    with pytest.raises(ValueError):  # noqa: PT011  # whatever it says
        CODEC.upload_id(junk)
    assert CODEC.error(junk) is None


def test_tags_come_back():
    """In the form that the SDK writes and reads."""
    tags = {"a": "1", "é": "x y"}

    assert tags == CODEC.tags(CODEC.tagging(tags))
    assert {"TagSet": {"Tags": [{"Key": "a", "Value": "1"}]}} == json.loads(
        CODEC.tagging({"a": "1"})
    )
    assert {} == CODEC.tags(b'{"TagSet":null}')


def test_members():
    """What a probe looks at."""
    assert True is member_of(b'{"RenameEnable":true}', "RenameEnable")
    assert member_of(b"{}", "Status") is None
