"""What every object store does with objects that come in parts."""

import threading
from dataclasses import replace

import pytest

from ossfs.crc64 import combine, crc64
from ossfs.errors import (
    AlreadyExists,
    InvalidRequest,
    NoSuchKey,
    NoSuchUpload,
    NotSupported,
    PreconditionFailed,
)
from ossfs.extents import Extent
from ossfs.store.api import BytesBody, Headers, Part

LARGEST = bytes(range(256)) * (5 << 12)
PARTS = {size: (LARGEST[:size], LARGEST[:size][::-1]) for size in (100 << 10, 5 << 20)}
"""Contents of two parts, by the smallest size of a part that may have a successor."""


@pytest.fixture
def contents(store):
    """Return two contents for parts, as small as may be."""
    return PARTS[store.limits.min_part]


def send(store, upload_id, number, content, key="k"):
    return store.upload_part(key, upload_id, number, BytesBody(content))


def test_parts_become_the_object(store, contents):
    """Complete joins the parts, with the headers given at the start."""
    one, two = contents
    upload_id = store.create_upload("k", Headers("text/plain", {"mode": "7"}))
    parts = [send(store, upload_id, n, c) for n, c in ((1, one), (2, two), (3, b"end"))]

    stored = store.complete_upload("k", upload_id, parts)

    info, data, _ = store.get("k")
    assert one + two + b"end" == bytes(data)
    assert ("text/plain", {"mode": "7"}) == (info.content_type, dict(info.metadata))
    assert (stored.etag, stored.crc64) == (info.etag, info.crc64)
    if store.capabilities.object_crc64:
        assert crc64(one + two + b"end") == stored.crc64


def test_part_answers_carry_their_checksum(store, contents):
    """The checksums of the parts combine to that of the object."""
    one, _ = contents
    if not store.capabilities.object_crc64:
        pytest.skip("no CRC-64")
    upload_id = store.create_upload("k", Headers())
    parts = [send(store, upload_id, 1, one), send(store, upload_id, 2, b"end")]

    assert [(1, len(one), crc64(one)), (2, 3, crc64(b"end"))] == [
        (part.number, part.size, part.crc64) for part in parts
    ]
    stored = store.complete_upload("k", upload_id, parts)
    assert combine(crc64(one), crc64(b"end"), 3) == stored.crc64


def test_nothing_is_seen_before_complete(store):
    """The old object stays until the new one is whole."""
    store.put("k", BytesBody(b"old"), Headers())
    upload_id = store.create_upload("k", Headers())
    part = send(store, upload_id, 1, b"new")
    assert b"old" == bytes(store.get("k").data)

    store.complete_upload("k", upload_id, [part])

    assert b"new" == bytes(store.get("k").data)


def test_parts_may_come_in_any_order_with_gaps(store, contents):
    """Only the numbers count, up to the largest."""
    one, two = contents
    last = store.limits.max_parts
    upload_id = store.create_upload("k", Headers())
    end = send(store, upload_id, last, b"end")
    middle = send(store, upload_id, 500, two)
    first = send(store, upload_id, 7, one)

    store.complete_upload("k", upload_id, [first, middle, end])

    assert one + two + b"end" == bytes(store.get("k").data)


def test_parallel_parts(store, contents):
    """Parts may be sent from many threads at once."""
    one, _ = contents
    upload_id = store.create_upload("k", Headers())
    parts = {}

    def run(number):
        parts[number] = send(store, upload_id, number, bytes([number]) * len(one))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.complete_upload("k", upload_id, [parts[number] for number in sorted(parts)])

    assert b"".join(bytes([n]) * len(one) for n in range(1, 9)) == bytes(store.get("k").data)


def test_a_part_sent_again_replaces(store):
    """The last content of a number counts; the earlier etag is no longer taken."""
    upload_id = store.create_upload("k", Headers())
    old = send(store, upload_id, 1, b"old")
    new = send(store, upload_id, 1, b"new")

    with pytest.raises(InvalidRequest):
        store.complete_upload("k", upload_id, [old])
    store.complete_upload("k", upload_id, [new])

    assert b"new" == bytes(store.get("k").data)


def test_parts_not_named_are_dropped(store):
    """Complete takes the parts it names and forgets the others."""
    upload_id = store.create_upload("k", Headers())
    part = send(store, upload_id, 1, b"taken")
    send(store, upload_id, 2, b"dropped")

    store.complete_upload("k", upload_id, [part])

    assert b"taken" == bytes(store.get("k").data)
    with pytest.raises(NoSuchUpload):
        store.list_parts("k", upload_id)


def test_complete_refuses_parts_that_are_not_there(store, contents):
    """A missing part, a wrong order, no part at all: refused, and the upload goes on."""
    one, two = contents
    upload_id = store.create_upload("k", Headers())
    first, second = send(store, upload_id, 1, one), send(store, upload_id, 2, two)

    for wrong in ([first, Part(3, 5, first.etag)], [second, first], [first, first], []):
        with pytest.raises(InvalidRequest):
            store.complete_upload("k", upload_id, wrong)
    store.complete_upload("k", upload_id, [first, second])

    assert 2 * len(one) == store.head("k").size


def test_a_small_part_is_refused_at_complete(store, contents):
    """Its size is looked at only then; the last part may have any."""
    one, _ = contents
    upload_id = store.create_upload("k", Headers())
    small = send(store, upload_id, 1, one[:-1])
    last = send(store, upload_id, 2, b"")

    with pytest.raises(InvalidRequest) as caught:
        store.complete_upload("k", upload_id, [small, last])
    assert "EntityTooSmall" == caught.value.code
    enough = send(store, upload_id, 1, one)
    store.complete_upload("k", upload_id, [enough, last])

    assert one == bytes(store.get("k").data)


def test_complete_can_forbid_to_overwrite(store):
    """The other object stays, and so do the parts."""
    if not store.capabilities.forbid_overwrite:
        pytest.skip("cannot forbid to overwrite")
    store.put("k", BytesBody(b"other"), Headers())
    upload_id = store.create_upload("k", Headers())
    part = send(store, upload_id, 1, b"ours")

    with pytest.raises(AlreadyExists):
        store.complete_upload("k", upload_id, [part], forbid_overwrite=True)

    assert b"other" == bytes(store.get("k").data)
    assert [1] == [held.number for held in store.list_parts("k", upload_id).parts]


def test_complete_replaces_one_version_only(store):
    """If-Match on Complete: another version stays, the parts too; stores without it say so."""
    old = store.put("k", BytesBody(b"old"), Headers()).etag
    upload_id = store.create_upload("k", Headers())
    part = send(store, upload_id, 1, b"ours")
    can = store.capabilities.conditional_complete

    with pytest.raises(PreconditionFailed if can else NotSupported):
        store.complete_upload("k", upload_id, [part], if_match="0" * 32)
    assert b"old" == bytes(store.get("k").data)
    if can:
        store.complete_upload("k", upload_id, [part], if_match=old)
        assert b"ours" == bytes(store.get("k").data)


def test_a_finished_or_foreign_upload_is_unknown(store):
    """After complete, after abort, under another key: NoSuchUpload for everything."""
    done = store.create_upload("k", Headers())
    part = send(store, done, 1, b"x")
    store.complete_upload("k", done, [part])
    aborted = store.create_upload("k", Headers())
    store.abort_upload("k", aborted)
    elsewhere = store.create_upload("other", Headers())

    for upload_id in (done, aborted, elsewhere, "0" * 32):
        with pytest.raises(NoSuchUpload):
            send(store, upload_id, 1, b"y")
        with pytest.raises(NoSuchUpload):
            store.complete_upload("k", upload_id, [part])
        with pytest.raises(NoSuchUpload):
            store.list_parts("k", upload_id)
        with pytest.raises(NoSuchUpload):
            store.abort_upload("k", upload_id)
    assert b"x" == bytes(store.get("k").data)


def test_part_numbers(store):
    """One to the limit."""
    upload_id = store.create_upload("k", Headers())

    for number in (0, -1, store.limits.max_parts + 1):
        with pytest.raises(InvalidRequest):
            send(store, upload_id, number, b"x")


# Copies as parts


def test_ranges_of_objects_become_parts(store, contents):
    """A new object is made from pieces of others without moving a byte through us."""
    one, two = contents
    etag = store.put("source + é", BytesBody(one + two), Headers()).etag
    upload_id = store.create_upload("k", Headers())
    copied = store.copy_part(
        "k", upload_id, 1, "source + é", Extent(5, 5 + len(one)), if_match=etag
    )
    sent = send(store, upload_id, 2, b"end")

    store.complete_upload("k", upload_id, [copied, sent])

    assert len(one) == copied.size
    assert (one + two)[5 : 5 + len(one)] + b"end" == bytes(store.get("k").data)


def test_an_object_copied_onto_itself(store, contents):
    """The delta commit: the clean range of the old version and a new tail."""
    one, _ = contents
    store.put("k", BytesBody(one + b"old tail"), Headers())
    upload_id = store.create_upload("k", Headers())
    parts = [
        store.copy_part("k", upload_id, 1, "k", Extent(0, len(one))),
        send(store, upload_id, 2, b"new"),
    ]

    store.complete_upload("k", upload_id, parts)

    assert one + b"new" == bytes(store.get("k").data)


def test_copied_parts_under_conditions(store, contents):
    """Another version, no source, no upload: each its own error."""
    one, _ = contents
    store.put("source", BytesBody(one), Headers())
    upload_id = store.create_upload("k", Headers())

    with pytest.raises(PreconditionFailed):
        store.copy_part("k", upload_id, 1, "source", Extent(0, 5), if_match="0" * 32)
    with pytest.raises(NoSuchKey):
        store.copy_part("k", upload_id, 1, "nowhere", Extent(0, 5))
    with pytest.raises(NoSuchUpload):
        store.copy_part("k", "0" * 32, 1, "source", Extent(0, 5))


# Listing uploads and parts


def test_list_parts(store):
    """What the server holds, with sizes, etags and checksums, from a number on."""
    upload_id = store.create_upload("k", Headers())
    sent = [send(store, upload_id, number, b"x" * number) for number in (2, 5, 9)]

    def listed(after=0):
        found = store.list_parts("k", upload_id, after=after).parts
        pairs = zip(sent[-len(found) :], found, strict=True)
        return [
            part if store.capabilities.part_crc64 else replace(part, crc64=mine.crc64)
            for mine, part in pairs
        ]

    assert sent == listed()
    assert sent[1:] == listed(after=2)
    assert [] == list(store.list_parts("k", upload_id, after=9).parts)


def test_list_uploads(store):
    """Pending uploads by key, then by start, with the prefix asked for."""
    ids = [(key, store.create_upload(key, Headers())) for key in ("b", "a/\x01&", "c", "b")]

    def found(**kwargs):
        return [(u.key, u.upload_id) for u in store.list_uploads(**kwargs).uploads]

    assert {ids[0], ids[1], ids[2], ids[3]} == set(found())
    assert ["a/\x01&", "b", "b", "c"] == [key for key, _ in found()]
    assert [ids[1]] == found(prefix="a/")
    assert found()[2:] == found(marker=found()[1])
    assert all(u.initiated_ns > 0 for u in store.list_uploads().uploads)


def test_aborted_uploads_are_not_listed(store, contents):
    """Abort leaves nothing, and the object untouched."""
    one, _ = contents
    store.put("k", BytesBody(b"old"), Headers())
    upload_id = store.create_upload("k", Headers())
    send(store, upload_id, 1, one)

    store.abort_upload("k", upload_id)

    assert [] == list(store.list_uploads().uploads)
    assert b"old" == bytes(store.get("k").data)
