"""Whose object is it, where the store keeps no CRC-64: the ETags of S3."""

import hashlib
from dataclasses import replace

import pytest

from ossfs.store.api import BytesBody, Headers, ObjectInfo, Part
from ossfs.store.resolving import completed_by_us, copied_by_us, put_by_us

DATA = b"content"
MD5 = hashlib.md5(DATA).hexdigest()
SEEN = ObjectInfo("k", len(DATA), MD5, 0, content_type="text/plain", metadata={"a": "b"})
GIVEN = Headers("text/plain", {"a": "b"})

PARTS = [Part(1, 4, hashlib.md5(b"cont").hexdigest()), Part(2, 3, hashlib.md5(b"ent").hexdigest())]
JOINT = hashlib.md5(b"".join(bytes.fromhex(part.etag) for part in PARTS)).hexdigest() + "-2"


@pytest.mark.parametrize("etag", [MD5, MD5.upper()])
def test_an_etag_that_is_the_md5_proves_it(etag):
    """In either case of letters."""
    stored = put_by_us(replace(SEEN, etag=etag), BytesBody(DATA), GIVEN)

    assert etag == stored.etag


@pytest.mark.parametrize(
    "seen",
    [
        replace(SEEN, etag="0" * 32),
        replace(SEEN, size=8),
        replace(SEEN, metadata={}),
        replace(SEEN, standard={"expires": "0"}),
        replace(SEEN, content_type="text/css"),
    ],
)
def test_anything_else_is_not_ours(seen):
    """Other bytes (or an ETag that tells nothing), other headers."""
    assert put_by_us(seen, BytesBody(DATA), GIVEN) is None


def test_an_object_of_our_parts():
    """Its ETag is made of theirs."""
    seen = replace(SEEN, etag=JOINT)

    assert JOINT == completed_by_us(seen, PARTS).etag


@pytest.mark.parametrize(
    ("seen", "parts"),
    [
        (replace(SEEN, etag="0" * 32 + "-2"), PARTS),  # as many parts, of somebody else
        (replace(SEEN, etag=JOINT, size=8), PARTS),
        (replace(SEEN, etag=JOINT), [PARTS[0], replace(PARTS[1], etag="no md5")]),
        (None, PARTS),
    ],
)
def test_an_object_that_need_not_be_of_our_parts(seen, parts):
    """Then nobody knows, and the caller has to decide."""
    assert completed_by_us(seen, parts) is None


def test_a_copy_has_the_headers_of_its_source():
    """The standard ones, too."""
    source = replace(SEEN, key="a", standard={"expires": "0"})

    assert copied_by_us(replace(source, key="b"), source, None) is not None
    assert copied_by_us(replace(source, key="b", standard={}), source, None) is None
