"""What the in-memory store has beyond the conformance suite: limits and time handed in."""

from dataclasses import replace

import pytest

from ossfs.clock import FakeClock
from ossfs.errors import InvalidRequest, NotSupported, ObjectTooLarge
from ossfs.extents import Extent
from ossfs.store.api import BytesBody, Capabilities, Headers
from ossfs.store.limits import OSS_LIMITS
from ossfs.store.memory import MemoryStore

SMALL = replace(OSS_LIMITS, max_put=10, min_part=3, max_part=8, max_parts=2, max_copy=5)
HEADERS = Headers()


@pytest.fixture
def small():
    return MemoryStore(limits=SMALL)


def test_small_limits_are_kept(small):
    """A test can reach every limit with a few bytes."""
    small.put("k", BytesBody(b"0123456789"), HEADERS)
    upload_id = small.create_upload("u", HEADERS)

    with pytest.raises(ObjectTooLarge):
        small.put("k", BytesBody(b"0123456789+"), HEADERS)
    with pytest.raises(ObjectTooLarge):
        small.copy("k", "l")
    with pytest.raises(ObjectTooLarge):
        small.upload_part("u", upload_id, 1, BytesBody(b"123456789"))
    with pytest.raises(ObjectTooLarge):
        small.copy_part("u", upload_id, 1, "k", Extent(0, 9))
    with pytest.raises(InvalidRequest):
        small.upload_part("u", upload_id, 3, BytesBody(b""))
    parts = [small.upload_part("u", upload_id, n, BytesBody(b"12")) for n in (1, 2)]
    with pytest.raises(InvalidRequest):
        small.complete_upload("u", upload_id, parts)
    parts[0] = small.upload_part("u", upload_id, 1, BytesBody(b"123"))
    assert small.complete_upload("u", upload_id, parts).etag.endswith("-2")
    assert 5 == small.head("u").size


def test_what_a_store_cannot_do():
    """Without a capability its methods say so, and checksums are missing."""
    store = MemoryStore(capabilities=Capabilities(), limits=replace(OSS_LIMITS, max_delete=0))

    assert store.put("k", BytesBody(b"x"), HEADERS).crc64 is None
    for attempt in (
        lambda: store.put_symlink("l", "k", HEADERS),
        lambda: store.get_symlink("k"),
        lambda: store.append("a", 0, BytesBody(b""), HEADERS),
        lambda: store.delete_many(["k"]),
        lambda: store.put("n", BytesBody(b""), HEADERS, forbid_overwrite=True),
    ):
        with pytest.raises(NotSupported):
            attempt()


def test_times_are_whole_seconds_of_the_clock():
    """Two writes within a second have equal times, as on the real store."""
    clock = FakeClock()
    store = MemoryStore(clock=clock)
    clock.advance(0.4)
    store.put("a", BytesBody(b""), HEADERS)
    clock.advance(0.4)
    store.put("b", BytesBody(b""), HEADERS)
    clock.advance(0.4)
    store.put("c", BytesBody(b""), HEADERS)

    a, b, c = (found.modified_ns for found in store.list().objects)

    assert (a, b, c) == (a, a, a + 1_000_000_000)
