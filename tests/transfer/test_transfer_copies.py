"""Objects are copied inside of the store, in parts where they are large."""

from functools import partial

import pytest
from watched_bucket import CONTENT, PART, Killed

import ossfs
from ossfs.errors import (
    AlreadyExists,
    Damaged,
    NoSuchBucket,
    NoSuchKey,
    PreconditionFailed,
    TransferCancelled,
)
from ossfs.transfer.cancel import Cancel
from ossfs.transfer.events import TransferEventType as Type
from ossfs.transfer.resumable import resumable_copy

PARTS = 5
PARTLY = {"multipart_threshold": 1}


@pytest.fixture
def copy(bucket, kept):
    """Copy the object in parts, one at a time."""
    bucket.put_plain("a", CONTENT, content_type="text/x", metadata={"m": "1"})
    return partial(
        resumable_copy, bucket, "b", "a",
        multipart_threshold=1, part_size=PART, num_threads=1, store=kept,
    )  # fmt: skip


def test_a_copy_in_parts(bucket, copy, points, remembered):
    """The same bytes under the same headers; nothing is left behind."""
    result = copy()

    info = bucket.head("b")
    assert (CONTENT, "text/x", {"m": "1"}) == (
        bucket.bytes_of("b"), info.content_type, info.metadata,
    )  # fmt: skip
    assert (PARTS, PARTS, info.etag) == (
        points.count("copy_part"), result.parts_sent, result.etag,
    )  # fmt: skip
    assert ([], {}) == (remembered(), bucket.pending())


def test_a_small_copy_is_one_request(bucket, copy, points):
    """After the one that describes the source."""
    copy(multipart_threshold=None)

    assert (1, 1, 0) == tuple(points.count(name) for name in ("head", "copy", "copy_part"))
    assert CONTENT == bucket.bytes_of("b")


def test_other_headers(bucket, copy):
    """They replace all of the source's, in one request and in parts."""
    for threshold in (1, None):
        copy(headers={"content-type": "text/y"}, multipart_threshold=threshold)

        info = bucket.head("b")
        assert ("text/y", {}) == (info.content_type, info.metadata)


@pytest.mark.parametrize("threshold", [1, None])
@pytest.mark.parametrize(
    ("of_source", "options", "expected"),
    [
        ("IA", {}, "IA"),
        ("IA", {"headers": {"content-type": "text/y"}}, "IA"),
        ("IA", {"storage_class": ""}, "Standard"),
        ("Standard", {"storage_class": "IA"}, "IA"),
        ("Archive", {}, "Standard"),  # the copy could not be read
    ],
)
def test_the_class_of_a_copy(bucket, copy, threshold, of_source, options, expected):
    """As the source's, where its bytes can be read at once, or as it is said."""
    bucket.put_plain("a", CONTENT, storage_class=of_source)

    copy(multipart_threshold=threshold, **options)

    assert expected == bucket.head("b").storage_class


def test_a_header_says_the_class_of_a_copy(emulator, bucket_name, seen):
    """It counts more than the source's."""
    with ossfs.connect(
        f"oss://{bucket_name}", endpoint=emulator.endpoint, access_key_id=emulator.key_id,
        access_key_secret=emulator.secret,
    ) as bucket:  # fmt: skip
        ossfs.put_object(bucket, "a", CONTENT, headers={"x-oss-storage-class": "IA"})
        for name, options in (
            ("kept", {}),
            ("said", {"headers": {"X-Oss-Storage-Class": "Standard"}}),
            ("said parts", {"headers": {"X-Oss-Storage-Class": "Standard"}} | PARTLY),
            ("kept parts", PARTLY),
        ):
            ossfs.resumable_copy(bucket, name, "a", checkpoint=False, **options)
            wanted = "Standard" if name.startswith("said") else "IA"
            assert wanted == bucket.head(name).storage_class, name


def test_who_pays_is_said_of_the_source_too(oss, kept, monkeypatch):
    """And the key that it is encrypted with; not what is about the copy."""
    said = {}
    monkeypatch.setattr(type(oss), "saying", lambda self, more: said.update(more) or self)
    oss.put_plain("a", CONTENT)

    resumable_copy(
        oss, "b", "a", store=kept,
        headers={
            "x-oss-request-payer": "requester", "x-oss-storage-class": "IA",
            "x-oss-copy-source-server-side-encryption-customer-key": "K",
        },
    )  # fmt: skip

    assert {
        "x-oss-request-payer": "requester", "x-oss-server-side-encryption-customer-key": "K",
    } == said["head"].headers  # fmt: skip


def test_killed_at_every_step(bucket, copy, points, remembered):
    """The next run copies what the store does not have as far as it says so."""
    points.revive()
    copy()
    names = list(points.passed)

    for at, name in enumerate(names):
        bucket._objects.pop("b")
        points.revive()
        points.kill_at = at
        with pytest.raises(Killed):
            copy()
        is_there = "b" in bucket._objects and name != "after delete"
        points.revive()

        copy()

        assert CONTENT == bucket.bytes_of("b"), name
        noted = sum(one == "after upload_part" for one in names[: at + 1])
        assert points.count("copy_part") <= PARTS - noted, name
        assert points.count("copy_part") == 0 or not is_there, name
        assert ([], {}) == (remembered(), bucket.pending()), name


def test_parts_that_are_there_are_not_copied_again(bucket, copy, points):
    """Those that were noted."""
    points.hooks["before copy_part"] = lambda: (
        points.count("copy_part") == 4 and (_ for _ in ()).throw(Killed)
    )
    with pytest.raises(Killed):
        copy()
    points.revive()

    assert 3 == copy().parts_resumed
    assert 2 == points.count("copy_part")


def test_a_source_that_is_replaced_meanwhile(bucket, copy, points, remembered):
    """Never becomes an object of two versions."""

    def replace():
        if points.count("copy_part") == 3:
            bucket.put_plain("a", CONTENT[::-1])

    points.hooks["before copy_part"] = replace
    with pytest.raises(PreconditionFailed) as caught:
        copy()

    assert caught.value.is_worth_rerunning
    assert ([], {}) == (remembered(), bucket.pending())
    points.revive()
    copy()
    assert CONTENT[::-1] == bucket.bytes_of("b")


def test_a_source_that_was_replaced_since(bucket, copy, points):
    """The parts of the old version are thrown away."""
    points.kill_at = 16
    with pytest.raises(Killed):
        copy()
    points.revive()
    bucket.put_plain("a", CONTENT[::-1])

    assert 0 == copy().parts_resumed
    assert (CONTENT[::-1], {}) == (bucket.bytes_of("b"), bucket.pending())


def test_a_copy_that_is_not_the_source(bucket, copy, kept):
    """The sums of both are compared, where there are any."""
    if bucket.head("a").crc64 is None:
        pytest.skip("this store keeps no CRC-64")
    real = bucket.copy_part

    def bent(key, upload_id, number, source, extent, **kwargs):
        other = type(extent)(1, extent.size + 1)
        return real(key, upload_id, number, source, other, **kwargs)

    bucket.copy_part = bent
    with pytest.raises(Damaged, match="CRC-64"):
        copy()


def test_only_one_version(bucket, copy):
    """By its ETag."""
    copy(if_match=bucket.head("a").etag)
    with pytest.raises(PreconditionFailed):
        copy(if_match="0" * 32)


def test_no_source(bucket, kept):
    """Said."""
    with pytest.raises(NoSuchKey):
        resumable_copy(bucket, "b", "missing", store=kept)


def test_nothing_is_replaced_that_must_not_be(oss, kept):
    """By one request and in parts."""
    oss.put_plain("a", CONTENT)
    oss.put_plain("b", b"old")

    for more in ({}, {"multipart_threshold": 1, "part_size": PART}):
        with pytest.raises(AlreadyExists):
            resumable_copy(oss, "b", "a", forbid_overwrite=True, store=kept, **more)

    assert b"old" == oss.bytes_of("b")


@pytest.mark.parametrize("abort", [False, True])
def test_cancelled(bucket, copy, points, remembered, abort):
    """Kept, or thrown away."""
    cancel = Cancel()
    points.hooks["after copy_part"] = partial(cancel.cancel, abort=abort)

    with pytest.raises(TransferCancelled, match="b: "):
        copy(cancel=cancel, num_threads=2)

    assert abort == ([] == remembered())
    assert abort == ({} == bucket.pending())


def test_progress_and_events(bucket, copy):
    """As of uploads."""
    told, events = [], []

    copy(progress_callback=lambda *both: told.append(both), on_event=events.append)

    assert [(0, 4750), *[(n * PART, 4750) for n in range(1, 5)], (4750, 4750)] == told
    assert [Type.CREATED, *[Type.PART_DONE] * PARTS, Type.COMPLETED] == [e.type for e in events]
    assert {"copy"} == {event.operation for event in events}


# Over the embedded server


@pytest.fixture
def second(emulator, bucket_name, seen):
    """Make another bucket."""
    name = f"{bucket_name}-second"
    type(seen)(emulator, name).request("PUT")
    return name


@pytest.mark.parametrize("kind", ["oss", "tos", "s3"])
@pytest.mark.parametrize("threshold", [1, None])
def test_from_another_bucket(emulator, bucket_name, second, seen, tmp_path, kind, threshold):
    """By one request and in parts; the bytes do not come here."""
    content = bytes(range(256)) * (11 << 12)

    def opened(name):
        return ossfs.connect(
            f"{kind}://{name}", endpoint=emulator.endpoint, region="cn-hangzhou",
            access_key_id=emulator.key_id, access_key_secret=emulator.secret,
        )  # fmt: skip

    with opened(bucket_name) as source, opened(second) as target:
        seen.put("dir/a b", content)
        emulator.reset_stats()
        resumable_copy(
            target, "copy", "dir/a b", source=source, multipart_threshold=threshold,
            part_size=5 << 20, checkpoint_dir=tmp_path,
        )  # fmt: skip
        assert emulator.stats()["bytes_out"] < 100_000
        assert content == bytes(target.get("copy").data)
        with pytest.raises(NoSuchKey):
            target.head("dir/a b")


def test_a_bucket_that_is_not_there(bucket, copy):
    """The store in memory has one."""
    with pytest.raises(NoSuchBucket):
        bucket.copying_from("another")
