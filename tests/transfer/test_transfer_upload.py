"""A file becomes an object; what was sent is not sent again; what changed is never mixed."""

import json
import os
from functools import partial

import pytest
from watched_bucket import CONTENT, PART, Bucket, Killed

from ossfs.crc64 import crc64
from ossfs.errors import (
    AccessDenied,
    AlreadyExists,
    InvalidOption,
    LocalFailure,
    NoSuchUpload,
    SourceChanged,
    TransferCancelled,
    TransferInUse,
    Unreachable,
)
from ossfs.store.api import BytesBody, Headers
from ossfs.store.memory import MemoryStore
from ossfs.transfer.cancel import Cancel
from ossfs.transfer.events import DataEventType
from ossfs.transfer.events import TransferEventType as Type
from ossfs.transfer.locking import TransferLock
from ossfs.transfer.resumable import resumable_upload

PARTS = 5
HALF_WAY = 17  # the third part is at the store, and not noted yet


@pytest.fixture
def upload(bucket, file, kept):
    """Upload the file in parts, one at a time."""
    return partial(
        resumable_upload, bucket, "k", file,
        multipart_threshold=1, part_size=PART, num_threads=1, store=kept,
    )  # fmt: skip


def kill(points, upload, at, **options):
    """Let the transfer die at a step; the next one finds the machine as it was left."""
    points.revive()
    points.kill_at = at
    with pytest.raises(Killed):
        upload(**options)
    points.revive()


def kill_again(points, upload, at):
    """Do the same, keeping what was passed."""
    points.revive()
    points.kill_at = at
    with pytest.raises(Killed):
        upload()
    points.kill_at, points.is_dead = None, False


def test_a_file_in_parts(bucket, upload, points, remembered):
    """Each part once; the object is the file, and nothing is left behind."""
    result = upload(headers={"Content-Type": "text/x", "x-oss-meta-a": "b"})

    assert CONTENT == bucket.bytes_of("k")
    info = bucket.head("k")
    assert ("text/x", {"a": "b"}) == (info.content_type, info.metadata)
    assert (len(CONTENT), info.etag, info.crc64) == (result.size, result.etag, result.crc64)
    assert (PARTS, 0) == (result.parts_sent, result.parts_resumed)
    assert PARTS == points.count("upload_part")
    assert ([], {}) == (remembered(), bucket.pending())


def test_a_small_file_is_one_request(bucket, file, kept, points, remembered):
    """And leaves no checkpoint, not even in passing."""
    result = resumable_upload(bucket, "k", file, store=kept)

    assert CONTENT == bucket.bytes_of("k")
    assert ["before put", "after put"] == points.passed
    assert ("", 0, []) == (result.upload_id, result.parts_sent, remembered())


def test_an_empty_file(bucket, tmp_path, kept):
    """It is one request, whatever the threshold."""
    (tmp_path / "empty").touch()

    result = resumable_upload(bucket, "k", tmp_path / "empty", multipart_threshold=0, store=kept)

    assert (b"", 0) == (bucket.bytes_of("k"), result.size)


def test_threads(bucket, upload):
    """Several parts at a time make the same object."""
    upload(num_threads=4, part_size=100)

    assert CONTENT == bucket.bytes_of("k")


def test_the_part_size_fits_the_store(bucket, upload, points):
    """Smaller than the store takes is made larger."""
    upload(part_size=1)

    assert -(-len(CONTENT) // 100) == points.count("upload_part")


# Interruptions


def steps(points, upload, **options):
    points.revive()
    upload(**options)
    return list(points.passed)


def test_killed_at_every_step(bucket, upload, points, remembered):
    """The next run sends exactly what the store does not have; the object is right."""
    names = steps(points, upload)
    assert len(names) > 2 * (PARTS + 4)

    for at, name in enumerate(names):
        bucket._objects.clear()
        kill(points, upload, at)
        held = sum(bucket.pending().values())
        is_there = "k" in bucket._objects and name != "after delete"  # then it was forgotten

        result = upload()

        assert CONTENT == bucket.bytes_of("k"), name
        expected = 0 if is_there else PARTS - held
        assert expected == points.count("upload_part") == result.parts_sent, name
        assert crc64(CONTENT) == (bucket.head("k").crc64 or crc64(CONTENT)), name
        assert ([], {}) == (remembered(), bucket.pending()), name


def test_killed_at_every_step_twice(bucket, upload, points, remembered):
    """Dying again while going on loses nothing either."""
    kill(points, upload, HALF_WAY)
    first = set(bucket.pending())
    sent = 3
    for again in range(6):
        kill_again(points, upload, again)
        sent += points.count("upload_part")
        assert set(bucket.pending()) in (first, set())

    upload()

    assert PARTS == sent

    assert (CONTENT, [], {}) == (bucket.bytes_of("k"), remembered(), bucket.pending())


@pytest.mark.parametrize("request_name", ["create_upload", "upload_part", "complete_upload"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_request_that_fails(bucket, upload, points, remembered, request_name, when):
    """Lost on the way there or back: the error comes out, and the next run goes on."""

    def fail():
        points.hooks.clear()
        raise Unreachable("lost", bucket="b", key="k", request_id="R1")

    points.hooks[f"{when} {request_name}"] = fail
    with pytest.raises(Unreachable, match="R1") as caught:
        upload()
    assert caught.value.is_worth_rerunning
    held = sum(bucket.pending().values())
    points.passed.clear()

    upload()

    is_done = request_name == "complete_upload" and when == "after"
    assert (0 if is_done else PARTS - held) == points.count("upload_part")
    assert (CONTENT, [], {}) == (bucket.bytes_of("k"), remembered(), bucket.pending())


def test_without_a_checkpoint_nothing_is_left(bucket, upload, points, remembered):
    """A failure aborts the upload, which nobody would find again."""

    def fail():
        raise Unreachable("lost")

    points.hooks["after upload_part"] = fail
    with pytest.raises(Unreachable):
        upload(checkpoint=False)

    assert ([], {}) == (remembered(), bucket.pending())


def test_the_threads_end_before_the_call_does(bucket, upload, points):
    """Also when one of several parts fails."""
    points.hooks["after upload_part"] = lambda: (_ for _ in ()).throw(AccessDenied("no"))

    with pytest.raises(AccessDenied) as caught:
        upload(num_threads=3)

    assert not caught.value.is_worth_rerunning  # threads: see the fixture nothing_left_behind


# What an earlier run left, and cannot be used


def test_a_changed_file_is_uploaded_anew(bucket, upload, file, points):
    """And the upload of the old one is aborted."""
    kill(points, upload, HALF_WAY)
    file.write_bytes(CONTENT[::-1])
    seen = []

    upload(on_event=seen.append)

    assert (CONTENT[::-1], {}) == (bucket.bytes_of("k"), bucket.pending())
    assert PARTS == points.count("upload_part")
    assert [Type.RESTARTED, Type.CREATED] == [event.type for event in seen[:2]]
    assert "mtime_ns" in str(seen[0].error)


def test_a_file_changed_behind_its_time_stamp(bucket, upload, file, points):
    """Size and time are those of before: the parts' checksums tell."""
    kill(points, upload, HALF_WAY)
    held = sum(bucket.pending().values())
    assert held >= 2
    before = file.stat()
    file.write_bytes(b"\xff" * PART + CONTENT[PART:])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    result = upload()

    assert b"\xff" * PART + CONTENT[PART:] == bucket.bytes_of("k")
    assert held - 1 == result.parts_resumed


@pytest.mark.parametrize("options", [{"headers": {"content-type": "x/y"}}, {"sequential": True}])
def test_an_upload_with_other_headers_begins_anew(bucket, upload, points, options):
    """The store has taken the old ones when the upload began."""
    kill(points, upload, HALF_WAY)

    upload(**options)

    assert (CONTENT, {}) == (bucket.bytes_of("k"), bucket.pending())
    assert PARTS == points.count("upload_part")


def test_another_part_size_does_not_matter(bucket, upload, points):
    """The upload goes on in the parts it was begun with."""
    kill(points, upload, HALF_WAY)
    held = sum(bucket.pending().values())

    result = upload(part_size=500)

    assert (CONTENT, held) == (bucket.bytes_of("k"), result.parts_resumed)


def test_an_upload_that_has_vanished(bucket, upload, points, expect_log):
    """A lifecycle rule has aborted it: begin anew."""
    expect_log("not known to the store any more")
    kill(points, upload, HALF_WAY)
    bucket._uploads.clear()

    upload()

    assert (CONTENT, PARTS) == (bucket.bytes_of("k"), points.count("upload_part"))


def test_an_upload_that_vanishes_meanwhile(bucket, upload, points):
    """It begins once more by itself; when it vanishes again, the error says so."""
    points.hooks["after upload_part"] = lambda: (points.hooks.clear(), bucket._uploads.clear())
    events = []

    upload(on_event=events.append)

    assert CONTENT == bucket.bytes_of("k")
    assert 1 == [event.type for event in events].count(Type.RESTARTED)

    points.hooks["after upload_part"] = bucket._uploads.clear
    with pytest.raises(NoSuchUpload) as caught:
        upload()
    assert caught.value.is_worth_rerunning


def test_parts_that_somebody_replaced(bucket, upload, points):
    """What the store holds under a number is looked at, not believed."""
    kill(points, upload, HALF_WAY)
    (upload_id,) = bucket.pending()
    bucket._uploads[upload_id].parts.pop(2, None)
    MemoryStore.upload_part(bucket, "k", upload_id, 1, BytesBody(bytes(PART)))

    upload()

    assert CONTENT == bucket.bytes_of("k")


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "json", "foreign"])
def test_a_tampered_checkpoint(bucket, upload, points, kept, damage):
    """It is not believed, and the file is uploaded anew."""
    kill(points, upload, HALF_WAY)
    (path,) = kept.folder.glob("*.upload")
    content = path.read_bytes()
    path.write_bytes(
        {
            "flip": content.replace(b'"size":4750', b'"size":4751'),
            "truncate": content[:40],
            "empty": b"",
            "json": json.dumps({"upload_id": "U"}).encode(),
            "foreign": b"\x80\x04\x95" * 100,
        }[damage]
    )

    result = upload()

    assert (CONTENT, 0) == (bucket.bytes_of("k"), result.parts_resumed)


def test_a_lost_checkpoint_is_rebuilt_from_the_store(bucket, upload, points, kept):
    """The upload of these bytes is found; others of the same key are left alone."""
    other = bucket.create_upload("k", Headers())
    MemoryStore.upload_part(bucket, "k", other, 1, BytesBody(bytes(PART)))
    kill(points, upload, HALF_WAY)
    (path,) = kept.folder.glob("*.upload")
    path.unlink()
    held = sum(bucket.pending().values()) - 1

    result = upload(rebuild=True, part_size=700)

    assert (CONTENT, held) == (bucket.bytes_of("k"), result.parts_resumed)
    assert {other: 1} == bucket.pending()


def test_nothing_to_rebuild_from(bucket, upload):
    """Then it is an upload like any other."""
    assert 0 == upload(rebuild=True).parts_resumed
    assert CONTENT == bucket.bytes_of("k")


def test_a_smaller_file_of_the_same_name(bucket, upload, file, points, remembered):
    """What is left of the large one is cleared away, though the small one is one request."""
    kill(points, upload, HALF_WAY)
    file.write_bytes(b"small")

    upload(multipart_threshold=100)

    assert (b"small", [], {}) == (bucket.bytes_of("k"), remembered(), bucket.pending())


# What changes meanwhile


@pytest.mark.parametrize("change", ["content", "time", "shorter", "deleted", "replaced"])
@pytest.mark.parametrize("at", [1, 3, 5])
def test_a_file_that_changes_meanwhile_never_becomes_an_object(
    bucket, upload, file, points, remembered, change, at
):
    """Whatever was sent of it, and however it changed."""
    bucket.put_plain("k", b"old")

    def disturb():
        if points.count("upload_part") != at:
            return
        if change == "deleted":
            file.unlink()
        elif change == "replaced":
            file.with_name("new").write_bytes(CONTENT)
            file.with_name("new").replace(file)
        elif change == "time":
            os.utime(file, ns=(1, 1))
        else:
            file.write_bytes(CONTENT[:700] if change == "shorter" else CONTENT[::-1])

    points.hooks["after upload_part"] = disturb
    with pytest.raises(SourceChanged, match=str(file)) as caught:
        upload()

    assert caught.value.is_worth_rerunning
    assert (b"old", [], {}) == (bucket.bytes_of("k"), remembered(), bucket.pending())


def test_a_small_file_that_changes_meanwhile(bucket, file, kept):
    """The last piece is not sent, so that the store has nothing whole."""
    bucket.put_plain("k", b"old")

    def change(consumed, _):
        if consumed:
            file.write_bytes(CONTENT[::-1])

    with pytest.raises(SourceChanged):
        resumable_upload(bucket, "k", file, store=kept, block_size=1000, progress_callback=change)

    assert b"old" == bucket.bytes_of("k")


def test_a_file_that_cannot_be_read(bucket, upload, monkeypatch):
    """The error says of what, and the cause is the operating system's."""
    monkeypatch.setattr(os, "preadv", lambda *_: (_ for _ in ()).throw(OSError(5, "Input/output")))

    with pytest.raises(LocalFailure, match=r"k and .*local.bin.*Input/output") as caught:
        upload()

    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize("name", ["missing", "."])
def test_what_is_no_file(bucket, tmp_path, name):
    """Said before anything is sent."""
    with pytest.raises((FileNotFoundError, InvalidOption)):
        resumable_upload(bucket, "k", tmp_path / name)


def test_an_object_that_must_not_be_replaced(oss, file, kept, remembered):
    """In one request and in parts; the header of the store's says the same."""
    oss.put_plain("k", b"old")

    for options in (
        {"forbid_overwrite": True},
        {"headers": {"x-oss-forbid-overwrite": "true"}},
        {"forbid_overwrite": True, "multipart_threshold": 1, "part_size": PART},
    ):
        with pytest.raises(AlreadyExists):
            resumable_upload(oss, "k", file, store=kept, **options)
    assert b"old" == oss.bytes_of("k")


# Together


def test_a_second_one_is_locked_out(bucket, upload, points, kept):
    """While the first runs; what it does is not disturbed."""

    def second():
        points.hooks.clear()
        with pytest.raises(TransferInUse, match=f"process {os.getpid()}"):
            upload()

    points.hooks["after upload_part"] = second
    upload()

    assert CONTENT == bucket.bytes_of("k")


def test_a_lock_that_a_dead_process_left(bucket, upload, points, kept):
    """Its file is there, its lock is not."""
    kill(points, upload, HALF_WAY)
    (path,) = kept.folder.glob("*.upload")
    path.with_name(f"{path.name}.lock").write_text("1\n")

    upload()

    assert CONTENT == bucket.bytes_of("k")
    lock = TransferLock(path.with_name(f"{path.name}.lock"))
    lock.release()


# Cancelling


@pytest.mark.parametrize("threads", [1, 3])
def test_cancelled_and_kept(bucket, upload, points, remembered, threads):
    """What is done stays, and the next run sends the rest."""
    cancel = Cancel()
    points.hooks["after upload_part"] = cancel.cancel

    with pytest.raises(TransferCancelled, match="kept") as caught:
        upload(cancel=cancel, num_threads=threads)

    assert caught.value.is_worth_rerunning
    held = sum(bucket.pending().values())
    assert 1 == len(remembered())
    points.revive()
    result = upload()
    assert (CONTENT, held) == (bucket.bytes_of("k"), result.parts_resumed)


def test_cancelled_and_aborted(bucket, upload, points, remembered):
    """The upload and the checkpoint are gone."""
    cancel = Cancel()
    points.hooks["after upload_part"] = partial(cancel.cancel, abort=True)

    with pytest.raises(TransferCancelled, match="aborted"):
        upload(cancel=cancel)

    assert ([], {}) == (remembered(), bucket.pending())


def test_cancelled_in_the_middle_of_a_part(bucket, upload, points):
    """Pieces are looked at, not only parts."""
    cancel = Cancel()

    def stop(consumed, _):
        if consumed == 1200:
            cancel.cancel()

    with pytest.raises(TransferCancelled):
        upload(cancel=cancel, progress_callback=stop, block_size=100)

    assert {1} == set(bucket.pending().values())


def test_cancelled_before_it_begins(bucket, upload, points):
    """Nothing is asked of the store."""
    cancel = Cancel()
    cancel.cancel()

    with pytest.raises(TransferCancelled):
        upload(cancel=cancel)

    assert [] == points.passed


# Telling


def test_progress_and_data_events(bucket, upload):
    """Bytes and parts of the whole, up to all of it, never backwards."""
    told, events = [], []

    upload(progress_callback=lambda *both: told.append(both), on_data=events.append, block_size=400)

    assert (0, 4750) == told[0]
    assert (4750, 4750) == told[-1]
    assert sorted(set(told)) == told
    assert DataEventType.STARTED is events[0].type
    assert DataEventType.SUCCEEDED is events[-1].type
    assert 4750 == sum(event.moved for event in events)


def test_progress_of_a_run_that_goes_on(bucket, upload, points):
    """It begins with what is there already."""
    kill(points, upload, HALF_WAY)
    held = sum(bucket.pending().values())
    told = []

    upload(progress_callback=lambda consumed, _: told.append(consumed))

    assert [0, *range(PART, held * PART + 1, PART)] == told[: held + 1]
    assert 4750 == told[-1]


def test_transfer_events(bucket, upload, file, kept):
    """Create, each part, complete; with ids, paths and sums."""
    events = []

    result = upload(on_event=events.append)

    assert [Type.CREATED, *[Type.PART_DONE] * PARTS, Type.COMPLETED] == [e.type for e in events]
    assert {("upload", bucket.name, "k", str(file), result.upload_id)} == {
        (e.operation, e.bucket, e.key, e.path, e.upload_id) for e in events
    }
    assert all(str(kept.folder) in event.checkpoint for event in events)
    parts = [event.part for event in events[1:-1]]
    assert [(n + 1, n * PART, crc64(CONTENT[n * PART :][:PART])) for n in range(PARTS)] == [
        (part.number, part.offset, part.crc64) for part in parts
    ]


@pytest.mark.parametrize(
    ("request_name", "error", "expected"),
    [
        ("create_upload", Unreachable("x"), Type.CREATE_FAILED),
        ("upload_part", Unreachable("x"), Type.PART_FAILED),
        ("upload_part", AccessDenied("x"), Type.PART_ABORTED),
        ("complete_upload", AccessDenied("x"), Type.COMPLETE_FAILED),
    ],
)
def test_events_of_failures(bucket, upload, points, request_name, error, expected):
    """They carry the error."""
    events, data = [], []

    def fail():
        raise error

    points.hooks[f"before {request_name}"] = fail
    with pytest.raises(type(error)):
        upload(on_event=events.append, on_data=data.append)

    assert (expected, error) == (events[-1].type, events[-1].error)
    assert (DataEventType.FAILED, error) == (data[-1].type, data[-1].error)


def test_callbacks_that_fail_change_nothing(bucket, upload, expect_log):
    """The object is right all the same."""
    expect_log("a callback failed")

    def broken(*_):
        raise RuntimeError("of the user's")

    upload(progress_callback=broken, on_data=broken, on_event=broken)

    assert CONTENT == bucket.bytes_of("k")


def test_what_belongs_to_each_request_is_said(points, file, kept):
    """The bucket is asked to say it; which header goes where is in another test."""
    said = []

    class Listening(Bucket):
        def saying(self, more):
            said.append(more)
            return self

    resumable_upload(
        Listening("oss", points), "k", file, store=kept, sequential=True, part_size=PART,
        multipart_threshold=1, headers={"x-oss-request-payer": "requester"},
    )  # fmt: skip

    assert {"x-oss-request-payer": "requester"} == said[0]["upload_part"].headers
