"""An object becomes a file; what has come is not fetched again; versions are never mixed."""

import errno
import os
from functools import partial

import pytest
from watched_bucket import CONTENT, PART, Killed, bent

from ossfs.crc64 import crc64
from ossfs.errors import (
    AccessDenied,
    Damaged,
    LocalFailure,
    NoSuchKey,
    PreconditionFailed,
    RangeNotSatisfiable,
    RemoteChanged,
    TransferCancelled,
    TransferInUse,
    Unreachable,
)
from ossfs.transfer import download_memory, targets
from ossfs.transfer.cancel import Cancel
from ossfs.transfer.events import DataEventType
from ossfs.transfer.events import TransferEventType as Type
from ossfs.transfer.resumable import resumable_download

PARTS = 5
HALF_WAY = 16  # two parts have come, the third is asked for


@pytest.fixture
def target(tmp_path):
    (tmp_path / "downloads").mkdir()
    return tmp_path / "downloads" / "f"


@pytest.fixture
def beside(target):
    """Return what is in the target's folder besides the target."""
    return lambda: sorted(one for one in target.parent.iterdir() if one != target)


@pytest.fixture
def download(bucket, target, kept):
    """Download the object in parts, one at a time."""
    bucket.put_plain("k", CONTENT)
    return partial(
        resumable_download, bucket, "k", target,
        multiget_threshold=1, part_size=PART, num_threads=1, store=kept,
    )  # fmt: skip


def kill(points, download, at, **options):
    """Let the transfer die at a step; the next one finds the machine as it was left."""
    points.revive()
    points.kill_at = at
    with pytest.raises(Killed):
        download(**options)
    points.revive()


def test_an_object_in_parts(bucket, download, target, points, remembered, beside):
    """Each range once; the file is the object, and nothing else is left behind."""
    result = download()

    assert CONTENT == target.read_bytes()
    info = bucket.head("k")
    assert (len(CONTENT), info.etag, crc64(CONTENT)) == (result.size, result.etag, result.crc64)
    assert (PARTS, 0) == (result.parts_fetched, result.parts_resumed)
    assert PARTS == points.count("get")
    assert ([], []) == (remembered(), beside())


def test_a_small_object_is_one_range(bucket, target, kept, points, remembered, beside):
    """Described, fetched whole; no checkpoint, not even in passing."""
    bucket.put_plain("k", CONTENT)

    resumable_download(bucket, "k", target, store=kept)

    assert CONTENT == target.read_bytes()
    assert (1, 1, 0) == tuple(points.count(name) for name in ("head", "get", "begin"))
    assert ([], []) == (remembered(), beside())


@pytest.mark.parametrize("is_able", [True, False])
def test_nothing_is_left_of_a_small_one_that_dies(
    bucket, target, kept, points, beside, monkeypatch, is_able, tmp_path
):
    """Its file has no name before it is whole, where the file system can do that."""
    if not is_able:
        monkeypatch.setattr(targets, "PROC_FDS", tmp_path / "none")
    bucket.put_plain("k", CONTENT)
    for at in range(8):
        points.revive()
        points.kill_at = at
        with pytest.raises(Killed):
            resumable_download(bucket, "k", target, store=kept)
        assert not is_able or [] == beside()
        target.unlink(missing_ok=True)
    points.revive()

    for _ in range(2):  # the second time over the first
        bucket.put_plain("k", CONTENT)
        resumable_download(bucket, "k", target, store=kept)
        assert CONTENT == target.read_bytes()
    assert 0o644 == target.stat().st_mode & 0o777


def test_an_empty_object(bucket, target, kept):
    """Nothing has to be fetched."""
    bucket.put_plain("k", b"")

    assert 0 == resumable_download(bucket, "k", target, store=kept).size
    assert b"" == target.read_bytes()


def test_threads(bucket, download, target):
    """Several ranges at a time make the same file."""
    download(num_threads=4, part_size=100)

    assert CONTENT == target.read_bytes()


def test_an_existing_file_is_replaced_in_one_step(download, target, points):
    """Until all is there, it is what it was."""
    target.write_bytes(b"old")
    seen = []
    points.hooks["before become"] = lambda: seen.append(target.read_bytes())

    download()

    assert ([b"old"], CONTENT) == (seen, target.read_bytes())


def test_modes_are_those_of_new_files(download, target):
    """As the umask says; a temporary file is nothing secret."""
    umask = os.umask(0o027)
    try:
        download()
    finally:
        os.umask(umask)

    assert 0o640 == target.stat().st_mode & 0o777


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ((0, 9), CONTENT[:10]),
        ((1500, 3500), CONTENT[1500:3501]),
        ((4000, None), CONTENT[4000:]),
        ((0, 10**9), CONTENT),
    ],
)
def test_a_range(download, target, wanted, expected):
    """First and last byte, clipped to the object."""
    result = download(byte_range=wanted)

    assert expected == target.read_bytes()
    assert (len(expected), crc64(expected)) == (result.size, result.crc64)


@pytest.mark.parametrize("wanted", [(4750, None), (9000, 9999), (5, 4), (-5, None)])
def test_a_range_that_is_not_there(download, target, wanted, beside):
    """Nothing is written."""
    with pytest.raises(RangeNotSatisfiable):
        download(byte_range=wanted)

    assert not target.exists()
    assert [] == beside()


def test_ranges_are_told_apart(download, points, target):
    """What has come of one is not taken for the other."""
    kill(points, download, HALF_WAY, byte_range=(0, 3999))

    result = download(byte_range=(100, 4099))

    assert (CONTENT[100:4100], 0) == (target.read_bytes(), result.parts_resumed)


def test_only_one_version(bucket, download, target):
    """By its ETag, with quotes or without."""
    etag = bucket.head("k").etag

    download(if_match=f'"{etag}"')
    with pytest.raises(PreconditionFailed):
        download(if_match="0" * 32)


def test_nothing_there(bucket, target, kept, beside):
    """Said before a file is made."""
    with pytest.raises(NoSuchKey) as caught:
        resumable_download(bucket, "missing", target, store=kept)

    assert not caught.value.is_worth_rerunning
    assert [] == beside()


# Interruptions


def test_killed_at_every_step(bucket, download, target, points, remembered, beside):
    """The next run fetches exactly what was not recorded; the file is right."""
    points.revive()
    download()
    names = list(points.passed)
    assert len(names) > 2 * 3 * PARTS

    for at, name in enumerate(names):
        target.unlink(missing_ok=True)
        kill(points, download, at)
        recorded = sum(one == "after note" for one in names[: at + 1])
        is_forgotten = name == "after delete"

        result = download()

        assert CONTENT == target.read_bytes(), name
        expected = PARTS if is_forgotten else max(0, PARTS - recorded)
        assert expected == points.count("get") == result.parts_fetched, (at, name)
        assert ([], []) == (remembered(), beside()), (at, name)


def test_killed_again_and_again(bucket, download, target, points):
    """Whatever has come in any of the runs is fetched once."""
    fetched = 0
    for at in (12, 3, 7, 8, 7, 1):
        points.revive()
        points.kill_at = at
        with pytest.raises(Killed):
            download()
        fetched += points.passed.count("after note")
    points.revive()

    result = download()

    assert (CONTENT, 4, 4) == (target.read_bytes(), fetched, result.parts_resumed)


@pytest.mark.parametrize("name", ["head", "get"])
def test_a_request_that_fails(download, target, points, name):
    """The error comes out with its request id, and the next run goes on."""

    def fail():
        if points.count(name) == (1 if name == "head" else 3):
            raise Unreachable("lost", bucket="b", key="k", request_id="R1")

    points.hooks[f"before {name}"] = fail
    with pytest.raises(Unreachable, match="R1") as caught:
        download()
    assert caught.value.is_worth_rerunning
    points.hooks.clear()

    assert (0 if name == "head" else 2) == download().parts_resumed
    assert CONTENT == target.read_bytes()


def test_without_a_checkpoint_nothing_is_left(download, target, points, remembered, beside):
    """A failure takes the temporary file away."""
    points.hooks["before get"] = lambda: (_ for _ in ()).throw(Unreachable("lost"))

    with pytest.raises(Unreachable):
        download(checkpoint=False)

    assert ([], []) == (remembered(), beside())
    assert not target.exists()


# What an earlier run left, and cannot be used


def test_a_replaced_object_is_fetched_anew(bucket, download, target, points, beside):
    """And what had come of the old one is thrown away."""
    kill(points, download, HALF_WAY)
    bucket.put_plain("k", CONTENT[::-1])
    events = []

    result = download(on_event=events.append)

    assert (CONTENT[::-1], 0, []) == (target.read_bytes(), result.parts_resumed, beside())
    assert [Type.RESTARTED, Type.CREATED] == [event.type for event in events[:2]]


def test_a_missing_temporary_file(download, target, points, beside):
    """Begin anew."""
    kill(points, download, HALF_WAY)
    (temp,) = beside()
    temp.unlink()

    assert 0 == download().parts_resumed
    assert CONTENT == target.read_bytes()


@pytest.mark.parametrize("size", [0, 100, 4751])
def test_a_temporary_file_of_another_size(download, target, points, beside, size):
    """Begin anew, and leave no second one behind."""
    kill(points, download, HALF_WAY)
    (temp,) = beside()
    os.truncate(temp, size)

    assert 0 == download().parts_resumed
    assert (CONTENT, []) == (target.read_bytes(), beside())


def test_damaged_parts_are_fetched_again(download, target, points, beside):
    """Only these: the other ones are what had come."""
    kill(points, download, HALF_WAY)
    (temp,) = beside()
    with temp.open("r+b") as file:
        file.write(b"\xff\xff")

    result = download()

    assert (CONTENT, 1) == (target.read_bytes(), result.parts_resumed)


def test_unverified_parts_are_believed_until_the_machine_is_started_anew(
    download, target, points, beside, monkeypatch, tmp_path
):
    """Then the page cache may have lost what was not on disk yet."""
    kill(points, download, HALF_WAY)
    (temp,) = beside()
    with temp.open("r+b") as file:
        file.write(b"\xff\xff")
    points.kill_at = 2
    with pytest.raises(Killed):
        download(verify=False)
    points.revive()
    (tmp_path / "boot").write_text("another\n")
    monkeypatch.setattr(download_memory, "BOOT_ID", tmp_path / "boot")

    result = download(verify=False)

    assert (CONTENT, 1) == (target.read_bytes(), result.parts_resumed)


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "foreign"])
def test_a_tampered_checkpoint(download, target, points, kept, damage):
    """It is not believed, and the object is fetched anew."""
    kill(points, download, HALF_WAY)
    (path,) = kept.folder.glob("*.download")
    content = path.read_bytes()
    path.write_bytes(
        {
            "flip": content.replace(b'"size":4750', b'"size":4751'),
            "truncate": content[:40],
            "empty": b"",
            "foreign": b"{}\n",
        }[damage]
    )

    assert 0 == download().parts_resumed
    assert CONTENT == target.read_bytes()


@pytest.mark.parametrize("name", ["../elsewhere", "/etc/passwd", "f", ""])
def test_a_checkpoint_that_names_another_file(download, target, points, kept, beside, name):
    """Nothing but a temporary file of ours is ever written, or deleted."""
    kill(points, download, HALF_WAY)
    (path,) = kept.folder.glob("*.download")
    file = download_memory.CheckpointFile(path)
    plan, facts = file.load()
    file.begin({**plan, "temp": name})
    for fact in facts:
        file.note(fact, is_relied_on=False)
    file.close()
    precious = target.parent.parent / "elsewhere"
    precious.write_bytes(bytes(4750))

    assert 0 == download().parts_resumed
    assert (CONTENT, bytes(4750)) == (target.read_bytes(), precious.read_bytes())


def test_another_part_size_does_not_matter(download, target, points):
    """It goes on in the ranges that it was begun with."""
    kill(points, download, HALF_WAY)

    assert 2 == download(part_size=300).parts_resumed
    assert CONTENT == target.read_bytes()


def test_a_smaller_object_of_the_same_name(bucket, download, target, points, remembered, beside):
    """What is left of the large one is cleared away."""
    kill(points, download, HALF_WAY)
    bucket.put_plain("k", b"small")

    download(multiget_threshold=100)

    assert (b"small", [], []) == (target.read_bytes(), remembered(), beside())


def test_a_finished_file_is_not_fetched_again(download, target, points, remembered):
    """The process had ended between the rename and the deletion of the checkpoint."""
    points.hooks["after become"] = lambda: (_ for _ in ()).throw(Killed)
    with pytest.raises(Killed):
        download()
    points.revive()

    result = download()

    assert (0, crc64(CONTENT), []) == (points.count("get"), result.crc64, remembered())


def test_a_finished_file_that_was_changed_is_fetched_again(download, target, points):
    """It is not what the checkpoint says any more."""
    points.hooks["after become"] = lambda: (_ for _ in ()).throw(Killed)
    with pytest.raises(Killed):
        download()
    points.revive()
    target.write_bytes(CONTENT[::-1])

    download()

    assert (CONTENT, PARTS) == (target.read_bytes(), points.count("get"))


# What changes meanwhile


@pytest.mark.parametrize("at", [1, 3, 5])
@pytest.mark.parametrize("threads", [1, 3])
def test_an_object_that_is_replaced_meanwhile(
    bucket, download, target, points, remembered, beside, at, threads
):
    """All of it is of the new version, by itself."""

    def replace():
        if points.count("get") == at:
            bucket.put_plain("k", CONTENT[::-1])

    points.hooks["before get"] = replace
    events = []
    result = download(num_threads=threads, on_event=events.append)

    assert CONTENT[::-1] == target.read_bytes()
    assert (bucket.head("k").etag, [], []) == (result.etag, remembered(), beside())
    assert Type.RESTARTED in {event.type for event in events}


def test_an_object_that_is_replaced_again_and_again(bucket, download, target, points, beside):
    """Sometime that is said."""

    def replace():
        if points.count("get") % 2 == 0:
            bucket.put_plain("k", os.urandom(4750))

    points.hooks["before get"] = replace
    with pytest.raises(RemoteChanged, match=r"k and .*again and again") as caught:
        download()

    assert caught.value.is_worth_rerunning
    assert [] == beside()
    assert not target.exists()


def test_an_object_that_is_deleted_meanwhile(bucket, download, target, points, remembered, beside):
    """It is not there: nothing is left."""
    points.hooks["before get"] = bucket._objects.clear

    with pytest.raises(NoSuchKey):
        download()

    assert ([], []) == (remembered(), beside())


def test_wrong_bytes_never_get_the_name(bucket, download, target, points, remembered, beside):
    """The combined CRC-64 is not the object's: all is thrown away."""
    if bucket.head("k").crc64 is None:
        pytest.skip("this store keeps no CRC-64")
    bucket.get = bent(bucket.get)
    with pytest.raises(Damaged, match="CRC-64") as caught:
        download()

    assert caught.value.is_worth_rerunning
    assert ([], []) == (remembered(), beside())
    assert not target.exists()


def test_a_disk_that_is_full(download, target, points, monkeypatch):
    """Said at once when it is known beforehand, and when it turns out."""
    points.hooks["before write_at"] = lambda: (_ for _ in ()).throw(
        OSError(errno.ENOSPC, "No space left")
    )
    with pytest.raises(LocalFailure, match="No space left") as caught:
        download()
    assert errno.ENOSPC == caught.value.__cause__.errno

    points.hooks.clear()
    real = os.fstatvfs
    monkeypatch.setattr(os, "fstatvfs", lambda fd: Full(real(fd)))
    points.passed.clear()
    with pytest.raises(LocalFailure, match="do not fit"):
        download(byte_range=(0, 4000))
    assert 0 == points.count("get")


class Full:
    """A disk without room, but for that."""

    def __init__(self, real):
        self.f_bavail, self.f_frsize, self.f_blocks = 1, 1, real.f_blocks


def test_in_place(download, target, points, beside):
    """Without a temporary file, the target grows as it comes, and is gone on with."""
    kill(points, download, HALF_WAY, use_temp_file=False)
    assert ([], 4750) == (beside(), target.stat().st_size)

    result = download(use_temp_file=False)

    assert (CONTENT, 2) == (target.read_bytes(), result.parts_resumed)


def test_in_place_or_not_is_not_mixed(download, target, points, beside):
    """What was begun one way is not gone on with the other."""
    kill(points, download, HALF_WAY, use_temp_file=False)
    assert 0 == download().parts_resumed

    kill(points, download, HALF_WAY)
    assert 0 == download(use_temp_file=False).parts_resumed
    assert (CONTENT, []) == (target.read_bytes(), beside())


def test_flushed_before_it_gets_its_name(download, monkeypatch, target):
    """If that is wanted."""
    flushed = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (flushed.append(os.fstat(fd).st_size), real(fd)))

    download(flush=True)

    assert 4750 in flushed


# Together, cancelled, told


def test_a_second_one_is_locked_out(download, target, points):
    """While the first runs."""

    def second():
        points.hooks.clear()
        with pytest.raises(TransferInUse):
            download()

    points.hooks["after get"] = second
    download()

    assert CONTENT == target.read_bytes()


@pytest.mark.parametrize("threads", [1, 3])
def test_cancelled_and_kept(download, target, points, remembered, beside, threads):
    """What has come stays, and the next run fetches the rest."""
    cancel = Cancel()

    def stop():
        if points.count("get") == 3:
            cancel.cancel()

    points.hooks["before get"] = stop
    with pytest.raises(TransferCancelled, match="kept"):
        download(cancel=cancel, num_threads=threads)

    assert (1, 1) == (len(remembered()), len(beside()))
    points.revive()
    result = download()
    assert CONTENT == target.read_bytes()
    assert result.parts_resumed + points.count("get") == PARTS


def test_cancelled_and_aborted(download, target, points, remembered, beside):
    """Checkpoint and temporary file are gone."""
    cancel = Cancel()
    points.hooks["after get"] = partial(cancel.cancel, abort=True)

    with pytest.raises(TransferCancelled, match="aborted"):
        download(cancel=cancel)

    assert ([], []) == (remembered(), beside())


def test_progress_and_events(bucket, download, target, kept):
    """Bytes of the whole; created, each part, renamed; with paths and sums."""
    told, data, events = [], [], []

    download(
        progress_callback=lambda *both: told.append(both),
        on_data=data.append,
        on_event=events.append,
        block_size=400,
    )

    assert ((0, 4750), (4750, 4750)) == (told[0], told[-1])
    assert sorted(set(told)) == told
    assert (DataEventType.STARTED, DataEventType.SUCCEEDED) == (data[0].type, data[-1].type)
    assert 4750 == sum(event.moved for event in data)
    assert [Type.CREATED, *[Type.PART_DONE] * PARTS, Type.RENAMED] == [e.type for e in events]
    assert {("download", "k", str(target))} == {(e.operation, e.key, e.path) for e in events}
    assert all(str(kept.folder) in event.checkpoint for event in events)
    assert all(str(target.parent) in event.temp_path for event in events)
    assert [crc64(CONTENT[n * PART :][:PART]) for n in range(PARTS)] == [
        event.part.crc64 for event in events[1:-1]
    ]


def test_events_of_failures(download, points):
    """They carry the error: of a part for now, of a part for good, of the rename."""
    for name, error, expected in (
        ("get", Unreachable("x"), Type.PART_FAILED),
        ("get", AccessDenied("x"), Type.PART_ABORTED),
        ("become", PermissionError("x"), Type.RENAME_FAILED),
    ):
        events = []
        points.revive()
        points.hooks[f"before {name}"] = lambda error=error: (_ for _ in ()).throw(error)
        with pytest.raises((type(error), LocalFailure)):
            download(on_event=events.append)
        assert (expected, error) == (events[-1].type, events[-1].error)


def test_a_version(bucket, download, target):
    """It is asked for by its id in every request."""
    asked = []
    for name in ("head", "get"):
        real = getattr(bucket, name)

        def request(*args, real=real, version_id=None, **kwargs):
            asked.append(version_id)
            return real(*args, **kwargs)

        setattr(bucket, name, request)

    download(version_id="v1")

    assert ["v1"] * (PARTS + 1) == asked
