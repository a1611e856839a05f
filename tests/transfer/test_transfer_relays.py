"""Objects are copied from one store to another: fetched and sent on, and gone on with."""

import os
from functools import partial

import pytest
from watched_bucket import CONTENT, PART, Bucket, Killed, Points, bent

import ossfs as api
from ossfs.clock import FakeClock
from ossfs.emulator.process import EmulatorProcess
from ossfs.errors import AlreadyExists, Damaged, NoSuchKey, PreconditionFailed, TransferCancelled
from ossfs.store.api import ObjectInfo
from ossfs.transfer.events import TransferEventType as Type
from ossfs.transfer.resumable import resumable_copy

PARTS = 5
MIB = 1 << 20
LARGE = os.urandom(1 * MIB) * 11


@pytest.fixture
def source():
    """Make a bucket elsewhere, with the object."""
    made = Bucket("oss", Points())
    made.put_plain("a", CONTENT, content_type="text/x", metadata={"m": "1"})
    return made


@pytest.fixture
def relay(bucket, source, kept):
    """Copy the object in parts, one at a time, through here."""
    return partial(
        resumable_copy, bucket, "b", "a", source=source, through_here=True,
        multipart_threshold=1, part_size=PART, num_threads=1, store=kept,
    )  # fmt: skip


def test_a_relay_in_parts(bucket, source, relay, points, remembered):
    """Each piece is fetched once and sent once; the same bytes under the same headers."""
    told = []
    result = relay(progress_callback=lambda *at: told.append(at))

    info = bucket.head("b")
    assert (CONTENT, "text/x", {"m": "1"}) == (
        bucket.bytes_of("b"), info.content_type, info.metadata,
    )  # fmt: skip
    assert (PARTS, PARTS, 0) == (
        points.count("upload_part"), source.points.count("get"), points.count("copy_part"),
    )  # fmt: skip
    assert (PARTS, info.etag, (len(CONTENT),) * 2) == (result.parts_sent, result.etag, told[-1])
    assert sorted(told) == told
    assert ([], {}) == (remembered(), bucket.pending())


def test_a_small_relay_is_two_requests(bucket, source, relay, points):
    """After the one that describes the source; and none of that where it is known."""
    relay(multipart_threshold=None)
    assert (1, 1, 1, 0) == (
        source.points.count("head"), source.points.count("get"), points.count("put"),
        points.count("create_upload"),
    )  # fmt: skip
    assert ("text/x", {"m": "1"}) == (bucket.head("b").content_type, bucket.head("b").metadata)

    source.points.revive()
    relay(multipart_threshold=None, known=_listed(source))
    assert (0, 1) == (source.points.count("head"), source.points.count("get"))
    assert {"m": "1"} == bucket.head("b").metadata


def _listed(source):
    (one,) = source.list().objects
    return ObjectInfo(one.key, one.size, one.etag, one.modified_ns)


def test_an_empty_object(bucket, source, relay):
    """One request there, too."""
    source.put_plain("a", b"")

    assert 0 == relay().size
    assert b"" == bucket.bytes_of("b")


def test_killed_at_every_step(bucket, relay, points, remembered):
    """The next run fetches and sends what is not known to be at the store."""
    points.revive()
    relay()
    names = list(points.passed)
    for at in range(len(names)):
        bucket.delete("b")
        points.revive()
        points.kill_at = at
        with pytest.raises(Killed):
            relay()
        had = max(bucket.pending().values(), default=0)
        points.revive()

        result = relay()

        assert CONTENT == bucket.bytes_of("b"), names[at]
        # One part may be there of which nobody knows here that it is what would be sent.
        assert result.parts_sent <= min(PARTS, PARTS - had + 1), names[at]
        assert ([], {}) == (remembered(), bucket.pending()), names[at]


def test_threads_make_the_same_object(bucket, relay):
    """Several pieces on their way at a time."""
    relay(num_threads=4)

    assert CONTENT == bucket.bytes_of("b")


def test_a_source_that_is_replaced_meanwhile(bucket, source, relay, remembered):
    """Nothing becomes an object, and nothing of it is kept."""
    source.points.hooks["after get"] = lambda: source.put_plain("a", CONTENT[::-1])

    with pytest.raises(PreconditionFailed):
        relay()

    with pytest.raises(NoSuchKey):
        bucket.head("b")
    assert ([], {}) == (remembered(), bucket.pending())


def test_bytes_bent_on_their_way_never_become_an_object(bucket, source, relay, monkeypatch):
    """The sum of all parts is compared with the source's before the end."""
    monkeypatch.setattr(source, "get", bent(source.get))

    with pytest.raises(Damaged) as caught:
        relay()

    assert caught.value.is_worth_rerunning
    with pytest.raises(NoSuchKey):
        bucket.head("b")
    assert {} == bucket.pending()


def test_nothing_is_replaced_that_must_not_be(source, kept, points):
    """At once and in parts."""
    bucket = Bucket("oss", points)
    bucket.put_plain("b", b"old")
    for threshold in (1, None):
        with pytest.raises(AlreadyExists):
            resumable_copy(
                bucket, "b", "a", source=source, through_here=True, forbid_overwrite=True,
                multipart_threshold=threshold, part_size=PART, store=kept,
            )  # fmt: skip
    assert b"old" == bucket.bytes_of("b")


@pytest.mark.parametrize("abort", [False, True])
def test_cancelled(bucket, relay, remembered, abort):
    """Kept to go on with, or aborted."""
    cancel = api.Cancel()

    def told(event):
        if event.type is Type.PART_DONE and event.part.number == 2:
            cancel.cancel(abort=abort)

    with pytest.raises(TransferCancelled):
        relay(cancel=cancel, on_event=told)

    assert (0 if abort else 1) == len(remembered()) == len(bucket.pending())
    assert (PARTS if abort else PARTS - 2) == relay().parts_sent
    assert CONTENT == bucket.bytes_of("b")


def test_what_passes_here_is_limited_both_ways(bucket, relay):
    """Each byte comes and goes."""
    clock = FakeClock()
    rate = 1000

    class Limiter(api.RateLimiter):
        def take(self, count, pause=None):
            super().take(count)

    began = clock.monotonic()
    relay(limiter=Limiter(rate, 100, clock=clock))

    assert 2 * len(CONTENT) / rate == pytest.approx(clock.monotonic() - began, rel=0.05)


# From one kind of store to another


@pytest.fixture
def opened(emulator, bucket_name):
    made = []

    def make(kind):
        made.append(
            api.connect(
                f"{kind}://{bucket_name}", endpoint=emulator.endpoint, region="cn-hangzhou",
                access_key_id=emulator.key_id, access_key_secret=emulator.secret,
            )
        )  # fmt: skip
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("to", ["oss", "tos", "s3"])
@pytest.mark.parametrize("origin", ["oss", "tos", "s3"])
def test_from_each_store_to_each(opened, seen, emulator, tmp_path, origin, to):
    """By itself, where they differ; the bytes, the type and the metadata are the same."""
    of, at = opened(origin), opened(to)
    for key, content in (("small", CONTENT), ("large", LARGE), ("empty", b"")):
        prefix = {"oss": "x-oss-", "tos": "x-tos-", "s3": "x-amz-"}[origin]
        given = {"content-type": "text/x", f"{prefix}meta-m": "1 2", "cache-control": "no-cache"}
        api.put_object(of, key, content, headers=given)
        emulator.reset_stats()
        api.resumable_copy(
            at, f"copy/{key}", key, source=of, part_size=5 * MIB, checkpoint_dir=tmp_path
        )

        assert (origin == to) == (0 == emulator.requests("GetObject"))
        assert content == seen.get(f"copy/{key}")
        info = at.head(f"copy/{key}")
        assert ("text/x", {"m": "1 2"}, {"cache-control": "no-cache"}) == (
            info.content_type, info.metadata, info.standard,
        )  # fmt: skip
    assert [] == seen.uploads()


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "truncate", "operation": "GetObject", "bytes": 3 * MIB},
        {"action": "drop_before", "operation": "GetObject"},
        {"action": "drop_after", "operation": "UploadPart"},
        {"action": "corrupt", "operation": "UploadPart", "bytes": 70_000},
        {"action": "drop_after", "operation": "CompleteMultipartUpload"},
    ],
    ids=lambda fault: f"{fault['action']} {fault['operation']}",
)
def test_a_relay_under_a_fault(opened, seen, emulator, tmp_path, fault):
    """It is made good by the same call."""
    seen.put("k", LARGE)
    emulator.add_fault(count=1, **fault)

    api.resumable_copy(
        opened("s3"), "copy", "k", source=opened("oss"), part_size=5 * MIB, checkpoint_dir=tmp_path
    )

    assert 1 == emulator.faults()[0]["hits"]
    assert (LARGE, []) == (seen.get("copy"), seen.uploads())


def test_a_relay_between_two_services(emulator, bucket_name, seen, tmp_path):
    """Other endpoint, other credentials, the same dialect: nobody could copy that but we."""
    with EmulatorProcess(
        tmp_path / "other", credentials={"other-id": "other-secret"}, buckets=["elsewhere"]
    ) as other:
        first = api.connect(
            "oss://elsewhere", endpoint=other.endpoint, access_key_id="other-id",
            access_key_secret="other-secret",
        )  # fmt: skip
        second = api.connect(
            f"oss://{bucket_name}", endpoint=emulator.endpoint, access_key_id=emulator.key_id,
            access_key_secret=emulator.secret,
        )  # fmt: skip
        with first, second:
            api.put_object(first, "k", CONTENT)
            api.resumable_copy(second, "copy", "k", source=first)

    assert CONTENT == seen.get("copy")
