"""A multipart upload goes on where it was, believes the store, and never mixes."""

from dataclasses import replace

import pytest

from ossfs.crc64 import crc64
from ossfs.errors import (
    ChecksumMismatch,
    NoSuchUpload,
    ObjectTooLarge,
    Unreachable,
    UploadCancelled,
)
from ossfs.extents import Extent
from ossfs.store.api import BytesBody, Headers, Part, Stored
from ossfs.store.limits import OSS_CAPABILITIES, OSS_LIMITS
from ossfs.store.memory import MemoryStore
from ossfs.transfer.copy import TransientCheckpoint
from ossfs.transfer.pieces import CopiedPiece, SentPiece, send_part
from ossfs.transfer.upload import MultipartUpload
from ossfs.transfer.workers import InlineWorkers, ThreadWorkers

PART = 1000
CONTENT = bytes(range(250)) * 19  # 4750 bytes: five parts
LIMITS = replace(OSS_LIMITS, min_part=100)


class Watched(MemoryStore):
    """A store that notes requests and does what a test hangs on them."""

    def __init__(self, **options):
        super().__init__(limits=LIMITS, **options)
        self.requests = []
        self.hooks = {}

    def _note(self, name, number=None):
        self.requests.append(name if number is None else f"{name} {number}")
        self.hooks.get(name, lambda number: None)(number)

    def create_upload(self, *args):
        self._note("create")
        return super().create_upload(*args)

    def upload_part(self, key, upload_id, number, body):
        self._note("part", number)
        return super().upload_part(key, upload_id, number, body)

    def copy_part(self, key, upload_id, number, *args, **kwargs):
        self._note("copy", number)
        return super().copy_part(key, upload_id, number, *args, **kwargs)

    def complete_upload(self, *args, **kwargs):
        self._note("complete")
        return super().complete_upload(*args, **kwargs)


@pytest.fixture
def store():
    return Watched()


@pytest.fixture
def checkpoint():
    return TransientCheckpoint()


def piece(number, data=CONTENT):
    extent = Extent((number - 1) * PART, min(number * PART, len(data)))
    return SentPiece(number, extent, lambda: BytesBody(data[extent.start : extent.stop]))


def pieces(data=CONTENT):
    return [piece(n, data) for n in range(1, -(-len(data) // PART) + 1)]


@pytest.fixture
def upload(store, checkpoint):
    def make(content=None, **options):
        options = {"workers": InlineWorkers(), "checkpoint": checkpoint, **options}
        return MultipartUpload(
            store=store, key="f", headers=Headers(None, {"a": "b"}),
            pieces=content or pieces(), **options,
        )  # fmt: skip

    return make


def fail_once(store, name, number=None, error=None):
    """Raise at the first request of this name (and number); return nothing."""
    left = [1]

    def hook(seen):
        if left and seen == number:
            left.pop()
            raise error or Unreachable("no")

    store.hooks[name] = hook


def test_all_parts_in_order(store, upload):
    """Create, each part once, complete; the object and its headers are right."""
    stored = upload().run()

    assert ["create", *[f"part {n}" for n in range(1, 6)], "complete"] == store.requests
    assert (CONTENT, {"a": "b"}) == (store.get("f").data, store.head("f").metadata)
    assert (store.head("f").etag, crc64(CONTENT)) == (stored.etag, stored.crc64)


def test_many_workers(store, upload):
    """More parts than the window, sent side by side: the object is right."""
    data = bytes(range(256)) * 200
    workers = ThreadWorkers(4, "test")
    try:
        upload(pieces(data), workers=workers).run()
    finally:
        workers.close(cancel=True)

    assert data == store.get("f").data


def test_progress_is_told_per_part(upload):
    """Once for each, those that were there before included."""
    seen = []
    upload(on_part=lambda part: seen.append((part.number, part.size))).run()

    assert [(1, 1000), (2, 1000), (3, 1000), (4, 1000), (5, 750)] == sorted(seen)


@pytest.mark.parametrize("number", range(1, 6))
def test_the_second_attempt_sends_only_what_is_missing(store, upload, number):
    """A part that failed, and those that were not begun."""
    fail_once(store, "part", number)
    with pytest.raises(Unreachable):
        upload().run()
    done = [f"part {n}" for n in range(1, 6) if f"part {n}" in store.requests and n != number]
    store.requests.clear()
    upload().run()

    assert not set(done) & set(store.requests)
    assert CONTENT == store.get("f").data


def test_parts_that_were_never_acknowledged_are_adopted(store, upload, checkpoint):
    """The store holds them, and their CRC is that of our bytes."""
    checkpoint.started(store.create_upload("f", Headers()))
    for n in (2, 3):
        store.upload_part("f", checkpoint.upload_id, n, piece(n).open_body())
    store.requests.clear()
    upload().run()

    assert ["part 1", "part 4", "part 5", "complete"] == store.requests
    assert CONTENT == store.get("f").data


def test_parts_with_other_bytes_are_sent_again(store, upload, checkpoint):
    """Same number and size, another content: the store's part is not ours."""
    checkpoint.started(store.create_upload("f", Headers()))
    store.upload_part("f", checkpoint.upload_id, 1, BytesBody(bytes(PART)))
    store.upload_part("f", checkpoint.upload_id, 2, BytesBody(b"short"))
    store.upload_part("f", checkpoint.upload_id, 9, BytesBody(b"left over"))
    upload().run()

    assert CONTENT == store.get("f").data


def test_a_part_that_was_replaced_is_sent_again(store, upload, checkpoint):
    """Our acknowledgement is older than what the store holds now."""
    checkpoint.started(store.create_upload("f", Headers()))
    part = store.upload_part("f", checkpoint.upload_id, 1, piece(1).open_body())
    checkpoint.part_done(checkpoint.upload_id, part)
    store.upload_part("f", checkpoint.upload_id, 1, BytesBody(bytes(PART)))
    upload().run()

    assert CONTENT == store.get("f").data


@pytest.mark.parametrize(("is_md5", "first_missing"), [(True, 3), (False, 2)])
def test_without_part_crcs_etags_count(checkpoint, monkeypatch, is_md5, first_missing):
    """Known parts by our own CRC; others by their MD5, if the store's ETags are MD5s."""
    if not is_md5:  # as with KMS
        monkeypatch.setattr(SentPiece, "local_md5", lambda _: "0" * 32)
    store = Watched(capabilities=replace(OSS_CAPABILITIES, part_crc64=False))
    checkpoint.started(store.create_upload("f", Headers()))
    known = send_part(store, "f", checkpoint.upload_id, 1, piece(1).open_body())
    checkpoint.part_done(checkpoint.upload_id, known)
    store.upload_part("f", checkpoint.upload_id, 2, piece(2).open_body())
    store.requests.clear()
    MultipartUpload(
        store=store, workers=InlineWorkers(), key="f", headers=Headers(), pieces=pieces(),
        checkpoint=checkpoint,
    ).run()  # fmt: skip

    assert [f"part {n}" for n in range(first_missing, 6)] == store.requests[:-1]
    assert CONTENT == store.get("f").data


def test_many_parts_are_listed_by_pages(store, checkpoint, monkeypatch):
    """Every part that is held is found, on whatever page."""
    data = bytes(range(250)) * 2 * 110  # 55 parts
    monkeypatch.setattr("ossfs.store.memory.PAGE", 10)
    checkpoint.started(store.create_upload("f", Headers()))
    for n in range(1, 51):
        store.upload_part("f", checkpoint.upload_id, n, piece(n, data).open_body())
    store.requests.clear()
    MultipartUpload(
        store=store, workers=InlineWorkers(), key="f", headers=Headers(), pieces=pieces(data),
        checkpoint=checkpoint,
    ).run()  # fmt: skip

    assert [f"part {n}" for n in range(51, 56)] == store.requests[:-1]
    assert data == store.get("f").data


def test_an_upload_that_the_store_forgot_starts_again(store, upload, checkpoint, expect_log):
    """Nothing of it is there, so everything is sent."""
    expect_log("not known to the store any more")
    checkpoint.started("0000")
    checkpoint.part_done("0000", Part(1, PART, "X", 1))
    upload().run()

    assert CONTENT == store.get("f").data


def test_an_upload_that_is_aborted_under_way(store, upload, checkpoint):
    """The caller hears of it, and the next attempt starts again."""
    store.hooks["part"] = lambda n: n == 3 and store.abort_upload("f", checkpoint.upload_id)
    with pytest.raises(NoSuchUpload):
        upload().run()
    store.hooks.clear()
    upload().run()

    assert CONTENT == store.get("f").data


def test_a_create_whose_answer_was_lost(store, upload, checkpoint):
    """The upload is found and used: there is no second one."""
    checkpoint.planned_ns = 1
    store.create_upload("f", Headers())
    store.create_upload("ff", Headers())
    store.requests.clear()
    upload().run()

    assert "create" not in store.requests
    assert ["ff"] == [one.key for one in store.list_uploads().uploads]


def test_uploads_of_others_are_not_taken(store, upload, checkpoint):
    """One that has parts, and one that is older than our plan, are not ours."""
    theirs = store.create_upload("f", Headers())
    store.upload_part("f", theirs, 1, BytesBody(b"x"))
    checkpoint.planned_ns = 1
    upload().run()
    assert [theirs] == [one.upload_id for one in store.list_uploads().uploads]

    older = store.create_upload("f", Headers())
    checkpoint.gone()
    checkpoint.planned_ns = 1 << 62
    upload().run()
    assert sorted([theirs, older]) == [one.upload_id for one in store.list_uploads().uploads]


def test_a_cancelled_upload_stops(store, upload, checkpoint):
    """Between two parts; what the store holds of it stays for the caller to abort."""
    with pytest.raises(UploadCancelled):
        upload(is_cancelled=lambda: "part 2" in store.requests).run()

    assert ["create", "part 1", "part 2"] == store.requests
    assert [checkpoint.upload_id] == [one.upload_id for one in store.list_uploads().uploads]


def test_cancelled_at_the_end(store, upload):
    """The last moment is before Complete."""
    with pytest.raises(UploadCancelled):
        upload(is_cancelled=lambda: "part 5" in store.requests).run()
    assert "complete" not in store.requests


def test_too_many_parts(store, upload):
    """Refused before anything is sent."""
    store._limits = replace(LIMITS, max_parts=4)
    with pytest.raises(ObjectTooLarge):
        upload().run()
    assert [] == store.requests


def test_what_is_checked_before_complete(store, upload):
    """An error there stops it, and everything stays."""

    def refuse():
        raise Unreachable("not now")

    with pytest.raises(Unreachable, match="not now"):
        upload(before_complete=refuse).run()
    assert "complete" not in store.requests


def test_a_complete_whose_answer_was_lost(store, upload, checkpoint):
    """The next attempt sees the object and asks for nothing more."""
    real = store.complete_upload

    def lost(*args, **kwargs):
        real(*args, **kwargs)
        raise Unreachable("the answer")

    store.complete_upload = lost
    with pytest.raises(Unreachable):
        upload().run()
    store.complete_upload = real
    store.requests.clear()
    stored = upload().run()

    assert [] == store.requests
    assert Stored(store.head("f").etag, crc64(CONTENT)) == stored


def test_a_complete_that_was_never_carried_out(store, upload):
    """It is sent again, and no part is."""
    fail_once(store, "complete")
    with pytest.raises(Unreachable):
        upload().run()
    store.requests.clear()
    upload().run()

    assert ["complete"] == store.requests
    assert CONTENT == store.get("f").data


def test_an_object_of_others_is_not_taken_for_ours(store, upload, expect_log):
    """The upload is gone and another object of the same size is there: sent once more."""
    expect_log("not known to the store any more")
    fail_once(store, "complete")
    with pytest.raises(Unreachable):
        upload().run()
    store.put("f", BytesBody(bytes(len(CONTENT))), Headers())
    (pending,) = store.list_uploads().uploads
    store.abort_upload("f", pending.upload_id)
    upload().run()

    assert CONTENT == store.get("f").data


def test_the_version_that_was_there_before_is_not_taken_for_ours(checkpoint, expect_log):
    """Without CRCs, an object of as many parts and bytes may still be the old one."""
    expect_log("not known to the store any more")
    store = Watched(capabilities=replace(OSS_CAPABILITIES, part_crc64=False, object_crc64=False))
    old = bytes(len(CONTENT))

    def make(data, replaces=None):
        return MultipartUpload(
            store=store, workers=InlineWorkers(), key="f", headers=Headers(), pieces=pieces(data),
            checkpoint=checkpoint,
            replaces=replaces,
        )  # fmt: skip

    before = make(old).run().etag
    checkpoint.gone()
    fail_once(store, "complete")
    with pytest.raises(Unreachable):
        make(CONTENT, before).run()
    (pending,) = store.list_uploads().uploads
    store.abort_upload("f", pending.upload_id)
    make(CONTENT, before).run()

    assert CONTENT == store.get("f").data


def test_an_object_with_another_crc(store, upload, monkeypatch):
    """What the store made of the parts is not what was sent: an error, and all over again."""
    real = store.complete_upload
    monkeypatch.setattr(store, "complete_upload", lambda *a, **k: replace(real(*a, **k), crc64=1))
    with pytest.raises(ChecksumMismatch):
        upload().run()
    monkeypatch.undo()
    upload().run()

    assert CONTENT == store.get("f").data


def test_copied_and_sent_parts(store, upload):
    """Ranges of the version that the edit is based on are copied by the store."""
    etag = store.put("f", BytesBody(bytes(reversed(CONTENT))), Headers()).etag
    mixed = [CopiedPiece(n, piece(n).extent, "f", etag) if n % 2 else piece(n) for n in range(1, 6)]
    upload(mixed).run()

    expected = bytearray(reversed(CONTENT))
    expected[1000:2000], expected[3000:4000] = CONTENT[1000:2000], CONTENT[3000:4000]
    assert bytes(expected) == store.get("f").data


def test_copied_parts_that_were_not_acknowledged(store, upload, checkpoint):
    """Their bytes are not here to be compared: the store copies them again."""
    etag = store.put("base", BytesBody(CONTENT), Headers()).etag
    checkpoint.started(store.create_upload("f", Headers()))
    store.copy_part("f", checkpoint.upload_id, 1, "base", Extent(0, PART))
    store.requests.clear()
    upload([CopiedPiece(n, piece(n).extent, "base", etag) for n in range(1, 6)]).run()

    assert "copy 1" in store.requests
    assert CONTENT == store.get("f").data
