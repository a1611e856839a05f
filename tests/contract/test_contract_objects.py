"""What every object store does with whole objects."""

import threading
import time
from dataclasses import replace

import pytest

from ossfs.crc64 import crc64
from ossfs.errors import (
    AccessDenied,
    AlreadyExists,
    InvalidName,
    InvalidRequest,
    NoSuchKey,
    NotSupported,
    PreconditionFailed,
    RangeNotSatisfiable,
)
from ossfs.extents import Extent
from ossfs.store.api import BytesBody, FileBody, Handing, Headers, Said
from ossfs.store.bodies import WatchedBody

CONTENT = bytes(range(256)) * 4 + b"tail"
PATIENCE_S = 10

ODD_KEYS = [
    "plain",
    "with space",
    "a+b%2Bc%",
    "a//b",
    "a/./b",
    "a/../b",
    "..",
    "./x",
    "trailing/",
    "a\\b",
    "q?x=1&y=2#frag",
    "quote\"'<&>;",
    "tab\tand\x01\x1f\x7f",
    "line\nbreak\r",
    "中文/é/😀",
    "e\u0301 not normalised",
    "~-_.!*'(),:@$=",
]


def crc_of(store, content):
    """Return what the store says of the content, if it keeps CRC-64s."""
    return crc64(content) if store.capabilities.object_crc64 else None


def put(store, key, content=CONTENT, **headers):
    return store.put(key, BytesBody(content), Headers(**headers))


@pytest.mark.parametrize("content", [b"", b"x", CONTENT, bytes(3 << 20)], ids=len)
def test_get_returns_what_was_put(store, content):
    """The bytes of any size come back, with the etag and checksum that put returned."""
    stored = put(store, "k", content)

    info, data, _ = store.get("k")

    assert content == bytes(data)
    assert (len(content), stored.etag) == (info.size, info.etag)
    assert crc_of(store, content) == stored.crc64 == info.crc64


def test_a_large_object(store):
    """It comes back whole, in memory of its own, and outlives what it was read with."""
    content = bytes(range(256)) * (33 << 12)
    put(store, "k", content)

    data = store.get("k").data
    middle = store.get("k", Extent(20 << 20, (20 << 20) + 5)).data

    assert content == data
    assert content[20 << 20 :][:5] == bytes(middle)


@pytest.mark.parametrize("key", ODD_KEYS, ids=ascii)
def test_odd_keys_arrive_exactly(store, key):
    """A key is neither normalised nor decoded twice, in any operation."""
    decoys = {"b", "a/b", "x", "a b", "trailing"} - {key}
    for decoy in sorted(decoys):
        put(store, decoy, b"decoy")
    put(store, key, key.encode())

    assert key.encode() == bytes(store.get(key).data)
    assert key == store.head(key).key
    assert {key, *decoys} == {found.key for found in store.list().objects}
    store.copy(key, "copied")
    assert key.encode() == bytes(store.get("copied").data)
    store.delete(key)
    assert {"copied", *decoys} == {found.key for found in store.list().objects}


@pytest.mark.parametrize("key", ODD_KEYS, ids=ascii)
def test_odd_keys_are_deleted_in_batches(store, key):
    """Batch delete hits exactly the key it names."""
    put(store, key)
    put(store, "other")

    assert [] == list(store.delete_many([key, "never there"]))

    assert ["other"] == [found.key for found in store.list().objects]


def test_the_longest_key(store):
    """It has as many bytes as the store's limit says, and one more is refused."""
    size = store.limits.max_key
    key = "😀" * (size // 4) + "x" * (size % 4)
    put(store, key)

    assert [key] == [found.key for found in store.list().objects]
    assert CONTENT == bytes(store.get(key).data)
    assert [] == list(store.delete_many([key]))
    with pytest.raises(InvalidName):
        put(store, "x" * (size + 1))


@pytest.mark.parametrize("key", ["", "\udcff"], ids=ascii)
def test_names_no_store_can_hold_are_refused(store, key):
    """Empty, or not UTF-8: InvalidName."""
    with pytest.raises(InvalidName):
        put(store, key)


@pytest.mark.parametrize("key", ["/leading", "//", "\\leading"], ids=ascii)
def test_names_that_begin_with_a_slash(store, key):
    """Refused where the limits say so; elsewhere names like others."""
    if key[0] in store.limits.refused_first:
        with pytest.raises(InvalidName):
            put(store, key)
        return
    put(store, key)
    put(store, "leading", b"decoy")

    assert CONTENT == bytes(store.get(key).data)
    assert {key, "leading"} == {found.key for found in store.list().objects}
    assert [] == list(store.delete_many([key]))
    assert ["leading"] == [found.key for found in store.list().objects]


def test_put_replaces(store):
    """A second put is what readers see, with its own headers only."""
    put(store, "k", b"old", metadata={"colour": "red"})
    put(store, "k", b"newer", content_type="text/plain")

    info, data, _ = store.get("k")

    assert b"newer" == bytes(data)
    assert ({}, "text/plain") == (dict(info.metadata), info.content_type)


def test_missing_object(store):
    """What is not there is NoSuchKey, and it says which key."""
    for read in (store.get, store.head):
        with pytest.raises(NoSuchKey) as caught:
            read("nowhere")
        assert ("nowhere", 404) == (caught.value.key, caught.value.status)


def test_head_describes(store):
    """HEAD gives size, etag, type, metadata, checksum and a time in whole seconds."""
    stored = put(store, "k", content_type="text/plain", metadata={"mode": "33188", "a-b": "x y=z"})

    info = store.head("k")

    assert (len(CONTENT), stored.etag, crc_of(store, CONTENT)) == (info.size, info.etag, info.crc64)
    assert ("text/plain", {"mode": "33188", "a-b": "x y=z"}) == (
        info.content_type,
        dict(info.metadata),
    )
    assert info.modified_ns > 0
    assert 0 == info.modified_ns % 1_000_000_000
    assert info == store.get("k").info


def test_default_content_type(store):
    """Without a type an object is a stream of bytes."""
    put(store, "k")

    assert store.head("k").content_type in {"application/octet-stream", "binary/octet-stream"}


@pytest.mark.parametrize("value", ["é", "line\nbreak", "x\r\ny: z", "\x00"], ids=ascii)
def test_metadata_that_headers_cannot_carry_is_refused(store, value):
    """Values are ASCII without line breaks; the caller encodes others."""
    with pytest.raises(InvalidRequest):
        put(store, "k", metadata={"name": value})
    with pytest.raises(NoSuchKey):
        store.head("k")


def test_names_of_metadata(store):
    """What the store takes is kept, also by a copy; what it does not, or no header, is refused."""
    is_wide = "_" in store.limits.metadata_marks
    name = "gcsfuse_mtime.x" if is_wide else "mtime-x"
    put(store, "k", metadata={name: "1"})
    store.copy("k", "k", headers=Headers(metadata={**store.head("k").metadata, "mode": "2"}))

    assert {name: "1", "mode": "2"} == dict(store.head("k").metadata)
    for refused in ["", "a b", "\xe4", "a:b", *([] if is_wide else ["a_b"])]:
        with pytest.raises(InvalidRequest):
            put(store, "k", metadata={refused: "1"})


def test_too_much_metadata_is_refused(store):
    """The store's limit of user metadata holds."""
    with pytest.raises(InvalidRequest):
        put(store, "k", metadata={"big": "x" * store.limits.max_metadata})


def test_an_etag_carries_no_quotes(store):
    """ETags are opaque, without quotes, and the same wherever they are shown."""
    stored = put(store, "k")

    seen = {
        stored.etag,
        store.head("k").etag,
        store.get("k").info.etag,
        store.list().objects[0].etag,
    }

    assert 1 == len(seen)
    assert '"' not in stored.etag


# Ranges


@pytest.mark.parametrize(
    "extent",
    [
        Extent(0, 1),
        Extent(0, len(CONTENT)),
        Extent(10, 20),
        Extent(len(CONTENT) - 1, len(CONTENT)),
        Extent(1000, len(CONTENT) + 1000),
        Extent(0, 1 << 50),
    ],
    ids=str,
)
def test_ranges_are_clipped_to_the_end(store, extent):
    """A range gives the bytes the object has in it, and the whole object's facts."""
    stored = put(store, "k")

    info, data, _ = store.get("k", extent)

    assert CONTENT[extent.start : extent.stop] == bytes(data)
    assert (len(CONTENT), stored.etag, crc_of(store, CONTENT)) == (info.size, info.etag, info.crc64)


@pytest.mark.parametrize("start", [len(CONTENT), len(CONTENT) + 5])
def test_a_range_behind_the_end(store, start):
    """A non-empty range that starts at or behind the end is refused."""
    put(store, "k")

    with pytest.raises(RangeNotSatisfiable):
        store.get("k", Extent(start, start + 1))


def test_a_range_of_an_empty_object(store):
    """An empty object has no byte that a range could start at."""
    put(store, "k", b"")

    with pytest.raises(RangeNotSatisfiable):
        store.get("k", Extent(0, 1))


def test_an_empty_range(store):
    """No bytes can be asked for, anywhere; the object has to be there."""
    put(store, "k")

    assert b"" == bytes(store.get("k", Extent(5, 5)).data)
    assert b"" == bytes(store.get("k", Extent(5000, 5000)).data)
    with pytest.raises(NoSuchKey):
        store.get("nowhere", Extent(0, 0))


@pytest.mark.parametrize("extent", [None, Extent(3, 7), Extent(3, 3)], ids=str)
def test_if_match(store, extent):
    """A read pinned to a version fails once another is there, whatever its range."""
    old = put(store, "k", b"0123456789")
    assert b"0123456789"[3:7] in bytes(store.get("k", extent, if_match=old.etag).data) or (
        extent == Extent(3, 3)
    )

    put(store, "k", b"abcdefghij")

    with pytest.raises(PreconditionFailed):
        store.get("k", extent, if_match=old.etag)


# Writing under conditions, copies, deletes


@pytest.fixture
def forbidding(store):
    if not store.capabilities.forbid_overwrite:
        pytest.skip("cannot forbid to overwrite")
    return store


def test_forbid_overwrite(forbidding):
    """The first put wins, the second is told so and changes nothing."""
    store = forbidding
    store.put("k", BytesBody(b"first"), Headers(), forbid_overwrite=True)

    with pytest.raises(AlreadyExists):
        store.put("k", BytesBody(b"second"), Headers(), forbid_overwrite=True)

    assert b"first" == bytes(store.get("k").data)


def test_of_many_forbidding_puts_one_wins(forbidding):
    """Creation is atomic between threads."""
    store = forbidding
    won, barrier = [], threading.Barrier(6)

    def create(who):
        barrier.wait()
        try:
            store.put("k", BytesBody(b"%d" % who), Headers(), forbid_overwrite=True)
        except AlreadyExists:
            return
        won.append(who)

    threads = [threading.Thread(target=create, args=(who,)) for who in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 1 == len(won)
    assert b"%d" % won[0] == bytes(store.get("k").data)


def test_copy_keeps_headers(store):
    """A copy has the source's bytes, type and metadata."""
    put(store, "a", content_type="text/plain", metadata={"mode": "1"})

    stored = store.copy("a", "b")

    info, data, _ = store.get("b")
    assert CONTENT == bytes(data)
    assert (stored.etag, "text/plain", {"mode": "1"}) == (
        info.etag,
        info.content_type,
        dict(info.metadata),
    )
    assert stored.crc64 in (None, crc_of(store, CONTENT))


def test_copy_with_new_headers(store):
    """Headers given to a copy replace all of the source's."""
    put(store, "a", content_type="text/plain", metadata={"mode": "1", "uid": "2"})

    store.copy("a", "b", headers=Headers(content_type="text/css", metadata={"mode": "3"}))

    info = store.head("b")
    assert ("text/css", {"mode": "3"}) == (info.content_type, dict(info.metadata))


def test_copy_to_itself_changes_headers(store):
    """That is how metadata is changed in place; without headers it makes no sense."""
    put(store, "a", metadata={"mode": "1"})

    store.copy("a", "a", headers=Headers(metadata={"mode": "2"}))

    assert {"mode": "2"} == dict(store.head("a").metadata)
    assert CONTENT == bytes(store.get("a").data)
    with pytest.raises(InvalidRequest):
        store.copy("a", "a")


def test_copy_of_one_version(store):
    """A copy can be pinned to a version of its source."""
    etag = put(store, "a").etag

    with pytest.raises(PreconditionFailed):
        store.copy("a", "c", if_match="0" * 32)
    store.copy("a", "c", if_match=etag)

    assert CONTENT == bytes(store.get("c").data)


def test_copy_can_forbid_to_overwrite(store):
    """What is there stays; a store that cannot promise that says so before it copies."""
    etag = put(store, "a").etag
    put(store, "b", b"there")
    can = store.capabilities.forbid_overwrite_copy

    for if_match in (None, etag):
        with pytest.raises(AlreadyExists if can else NotSupported):
            store.copy("a", "b", if_match=if_match, forbid_overwrite=True)
    assert b"there" == bytes(store.get("b").data)
    if can:
        with pytest.raises((PreconditionFailed, AlreadyExists)):  # S3 need not say which of two
            store.copy("a", "c", if_match="0" * 32, forbid_overwrite=True)
        store.copy("a", "c", if_match=etag, forbid_overwrite=True)
        assert CONTENT == bytes(store.get("c").data)


def test_put_replaces_one_version_only(store):
    """If-Match on put: another version stays; stores without it say so."""
    old = put(store, "k", b"old").etag
    if not store.capabilities.conditional_put:
        with pytest.raises(NotSupported):
            store.put("k", BytesBody(b"new"), Headers(), if_match=old)
        assert b"old" == bytes(store.get("k").data)
        return

    new = store.put("k", BytesBody(b"new"), Headers(), if_match=old).etag

    with pytest.raises(PreconditionFailed):
        store.put("k", BytesBody(b"late"), Headers(), if_match=old)
    assert (new, b"new") == (store.head("k").etag, bytes(store.get("k").data))


STANDARD = {
    "cache-control": "max-age=60, public",
    "content-disposition": 'attachment; filename="a b.txt"',
    "content-encoding": "identity",
    "content-language": "en, de",
    "expires": "Thu, 01 Jan 2032 00:00:00 GMT",
}


def test_standard_headers(store):
    """What HTTP says of an object comes back, and a copy onto itself can keep it."""
    put(store, "k", standard=STANDARD)
    put(store, "plain")
    info = store.head("k")

    store.copy("k", "k", headers=replace(info.headers, metadata={"mode": "1"}))

    changed = store.get("k").info
    assert STANDARD == dict(info.standard) == dict(changed.standard)
    assert {"mode": "1"} == dict(changed.metadata)
    assert {} == dict(store.head("plain").standard)
    store.copy("k", "k", headers=Headers())
    assert {} == dict(store.head("k").standard)


@pytest.mark.parametrize(
    "standard", [{"x-other": "v"}, {"Expires": "v"}, {"expires": "a\nb"}], ids=str
)
def test_other_headers_are_refused(store, standard):
    """Only those five, in lower case, and nothing that HTTP cannot carry."""
    with pytest.raises(InvalidRequest):
        put(store, "k", standard=standard)


def test_tags(store):
    """Tags are set and read apart from the object, which stays as it is."""
    put(store, "k")
    before = store.head("k")
    tags = {"a": "1", "with space": "x=y+z:/_-."}

    store.put_tagging("k", tags)

    assert tags == dict(store.get_tagging("k"))
    assert before == store.head("k")
    store.put_tagging("k", {})
    assert {} == dict(store.get_tagging("k"))
    for call in (store.get_tagging, lambda key: store.put_tagging(key, tags)):
        with pytest.raises(NoSuchKey):
            call("nowhere")


def test_restore_of_what_is_not_archived(store):
    """It is refused, and the object is untouched."""
    put(store, "k")

    with pytest.raises((InvalidRequest, NotSupported, AccessDenied)):
        store.restore("k", 1)
    with pytest.raises(NoSuchKey):
        store.restore("nowhere", 1, tier="Standard")

    assert CONTENT == bytes(store.get("k").data)


def test_a_version_that_is_not_there(store):
    """It is NoSuchKey, whatever the current version is."""
    put(store, "k")

    for read in (store.get, store.head):
        with pytest.raises((NoSuchKey, InvalidRequest)):
            read("k", version_id="CAEQNhiBgM0BYiIDc4MGZjZGI2OTBjOTRmNTE5NmU5NmFhZjhjYmY")


def test_copy_of_nothing(store):
    """A missing source is NoSuchKey."""
    with pytest.raises(NoSuchKey):
        store.copy("nowhere", "k")


def test_delete(store):
    """Delete takes the object away, and says nothing when there is none."""
    put(store, "k")
    store.delete("k")
    store.delete("k")

    with pytest.raises(NoSuchKey):
        store.head("k")


def test_delete_many(store):
    """One request deletes up to the limit; more at once is refused."""
    keys = [f"d/{n:04}" for n in range(20)]
    for key in keys:
        put(store, key, b"")
    put(store, "kept")

    assert [] == list(store.delete_many(keys))

    assert ["kept"] == [found.key for found in store.list().objects]
    assert [] == list(store.delete_many([]))
    with pytest.raises(InvalidRequest):
        store.delete_many([str(n) for n in range(store.limits.max_delete + 1)])


def test_a_body_may_be_a_piece_of_a_file(store, tmp_path):
    """Bytes are read from the file where the extent says, in pieces."""
    content = bytes(range(251)) * 20_000
    path = tmp_path / "file"
    path.write_bytes(content)

    with path.open("rb") as file:
        store.put("k", FileBody(file.fileno(), Extent(1000, 3_000_000)), Headers())

    assert content[1000:3_000_000] == bytes(store.get("k").data)


def test_a_body_that_cannot_be_read_stores_nothing(store, tmp_path):
    """The caller's own OSError comes through, and no half object appears."""
    path = tmp_path / "file"
    path.write_bytes(bytes(1000))

    with path.open("rb") as file, pytest.raises(OSError, match="ends inside"):
        store.put("k", FileBody(file.fileno(), Extent(0, 3_000_000)), Headers())

    with pytest.raises(NoSuchKey):
        store.head("k")


# Handed over as it comes


def test_bytes_are_handed_over_in_order(store):
    """In pieces of at most the wanted size, and what they are of is described."""
    stored = put(store, "k")
    pieces = []

    info, data, _ = store.get("k", into=Handing(lambda view: pieces.append(bytes(view)), 100))

    assert CONTENT == b"".join(pieces)
    assert 100 == max(map(len, pieces))
    assert (len(CONTENT), stored.etag, b"") == (info.size, info.etag, data)


def test_a_range_is_handed_over(store):
    """Only the bytes of the extent, clipped to the object's end; of none, nothing."""
    put(store, "k")
    received = bytearray()

    for extent in (Extent(3, 7), Extent(1000, 5000), Extent(5, 5)):
        store.get("k", extent, into=Handing(received.extend))

    assert CONTENT[3:7] + CONTENT[1000:] == bytes(received)


@pytest.mark.parametrize("extent", [None, Extent(3, 7), Extent(5, 5)])
def test_what_comes_is_of_one_version(store, extent):
    """Neither another etag nor an object that was changed since."""
    stored = put(store, "k")
    modified_ns = store.head("k").modified_ns

    store.get("k", extent, if_match=stored.etag, unmodified_since_ns=modified_ns)
    with pytest.raises(PreconditionFailed):
        store.get("k", extent, if_match="0" * 32)
    with pytest.raises(PreconditionFailed):
        store.get("k", extent, unmodified_since_ns=modified_ns - 10**9)


def test_what_the_receiver_raises_comes_through(store):
    """And the store goes on to serve."""
    put(store, "k")

    def full(_):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        store.get("k", into=Handing(full))
    assert CONTENT == bytes(store.get("k").data)


def test_who_watches_a_body_is_told_when_it_leaves(store):
    """Once for each attempt that it begins, and for each piece; reading it is no leaving."""
    begun, passed = [], []
    body = WatchedBody(BytesBody(CONTENT), lambda: begun.append(1), passed.append, 100)

    store.put("k", body, Headers())

    assert CONTENT == bytes(store.get("k").data)
    assert ([1], len(CONTENT), 100) == (begun, sum(passed), max(passed))


def test_what_the_watcher_of_a_body_raises_ends_the_request(store):
    """It comes through, and nothing is stored."""

    def stop(_):
        raise InterruptedError("enough")

    with pytest.raises(InterruptedError):
        store.put("k", WatchedBody(BytesBody(CONTENT), bool, stop, 100), Headers())
    with pytest.raises(NoSuchKey):
        look_for_a_while(store, "k")


def look_for_a_while(store, key):
    """Ask for an object that is to go: rclone shows it until it sees the connection end."""
    give_up = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up:
        store.head(key)


def test_a_bucket_that_says_more_is_the_same_bucket(store):
    """What is put through it is seen through the other, and places have one name."""
    more = store.saying({"put": Said({"x-other": "1"})})

    more.put("k", BytesBody(CONTENT), Headers())

    assert CONTENT == bytes(store.get("k").data)
    assert more.place == store.place == store.copying_from(store.name).place
