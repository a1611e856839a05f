"""Files on disk: shared by copies, kept for readers, gone when nobody names them."""

import itertools
import os
import sqlite3

import pytest

from ossfs.clock import FakeClock
from ossfs.emulator.buckets import Buckets
from ossfs.emulator.files import Received, Segment
from ossfs.emulator.multipart import Multipart
from ossfs.emulator.objects import Attributes, Objects, anything
from ossfs.emulator.settings import Limits
from ossfs.emulator.storage import Storage


@pytest.fixture
def opened(tmp_path):
    """Open the storage of this test's directory; everything is closed at the end."""
    storages = []

    def open_it():
        storages.append(Storage(tmp_path, clock=FakeClock(), limits=Limits()))
        return storages[-1]

    yield open_it
    for storage in storages:
        storage.close()


@pytest.fixture
def storage(opened):
    storage = opened()
    Buckets(storage).create("bucket")
    return storage


def received(storage, data):
    writer = storage.files.create()
    writer.write([data])
    return writer.finish()


def put(storage, key, data):
    bucket = Buckets(storage).get("bucket")
    return Objects(storage).put(bucket, key, received(storage, data), Attributes(), guard=anything)


def content(storage, key):
    row = Objects(storage).get("bucket", key)
    return storage.files.read(storage.segments(row.content, 0, row.size))


def on_disk(tmp_path, storage):
    storage.files._unlinker.submit(int).result()  # removals before this one are done
    return sum(path.is_file() for path in (tmp_path / "blobs").rglob("*"))


def test_a_copy_shares_the_file(tmp_path, storage):
    """Copying writes nothing; the bytes live until the last object goes."""
    source = put(storage, "a", b"x" * 1000)
    objects, bucket = Objects(storage), Buckets(storage).get("bucket")
    objects.copy(source, bucket, "b", Attributes(), guard=anything)
    assert on_disk(tmp_path, storage) == 1

    objects.delete("bucket", ["a"])

    assert (1, b"x" * 1000) == (on_disk(tmp_path, storage), content(storage, "b"))
    objects.delete("bucket", ["b"])
    assert on_disk(tmp_path, storage) == 0


def test_an_overwritten_file_is_removed(tmp_path, storage):
    """Only the current bytes stay."""
    for number in range(3):
        put(storage, "k", b"%d" % number)

    assert (1, b"2") == (on_disk(tmp_path, storage), content(storage, "k"))


def test_a_file_being_read_stays(tmp_path, storage):
    """Deleting under a reader removes the file when the reader is done."""
    row = put(storage, "k", b"hello")
    segments = storage.segments(row.content, 0, row.size)
    storage.files.pin([segments[0].blob])

    Objects(storage).delete("bucket", ["k"])

    assert b"hello" == storage.files.read(segments)
    storage.files.unpin([segments[0].blob])
    assert on_disk(tmp_path, storage) == 0


def test_a_file_named_again_while_being_read_stays(tmp_path, storage):
    """A part copied from an object that is deleted meanwhile keeps its bytes."""
    row = put(storage, "k", b"hello")
    segments = storage.segments(row.content, 0, row.size)
    storage.files.pin([segments[0].blob])
    Objects(storage).delete("bucket", ["k"])

    with storage.change() as change:
        change.add_segments(1, segments)
    storage.files.unpin([segments[0].blob])

    assert on_disk(tmp_path, storage) == 1
    assert b"hello" == storage.files.read(storage.segments(1, 0, 5))


def test_completing_moves_no_bytes(tmp_path, storage):
    """The object's files are the parts' files; parts not listed are removed."""
    multipart = Multipart(storage, Objects(storage))
    bucket = Buckets(storage).get("bucket")
    upload = multipart.initiate(bucket, "k", Attributes(), sequential=False)
    bodies = [received(storage, bytes([n]) * 102_400) for n in range(3)]
    parts = [
        multipart.put_part("bucket", "k", upload, number, body, sums={})
        for number, body in enumerate(bodies, 1)
    ]

    listed = [(part.number, part.etag, {}) for part in parts[1:]]
    row = multipart.complete(bucket, "k", upload, listed, guard=anything, smallest=1, expected={})

    found = storage.segments(row.content, 0, row.size)
    assert [Segment(body.blob, 0, 102_400) for body in bodies[1:]] == found
    assert on_disk(tmp_path, storage) == 2


def test_abort_removes_the_parts(tmp_path, storage):
    """Nothing of an aborted upload stays."""
    multipart = Multipart(storage, Objects(storage))
    bucket = Buckets(storage).get("bucket")
    upload = multipart.initiate(bucket, "k", Attributes(), sequential=False)
    multipart.put_part("bucket", "k", upload, 1, received(storage, b"x"), sums={})

    multipart.abort("bucket", "k", upload)

    assert on_disk(tmp_path, storage) == 0


def test_segments_of_every_range(storage):
    """Any range over several files is the same bytes as the slice of the whole."""
    whole = b"0123456789abcdef"
    sizes = (3, 1, 7, 5)
    blobs = []
    for stop, size in zip(itertools.accumulate(sizes), sizes, strict=True):
        body = received(storage, whole[stop - size : stop])
        blobs.append(Segment(body.blob, 0, size))
    with storage.change() as change:
        change.add_segments(1, blobs)

    for start in range(len(whole) + 1):
        for stop in range(start, len(whole) + 1):
            found = storage.segments(1, start, stop)
            assert whole[start:stop] == (storage.files.read(found) if found else b"")


def test_a_failed_change_changes_nothing(tmp_path, storage):
    """An exception inside a change leaves rows and files as they were."""
    put(storage, "k", b"before")

    def fail(change):
        Objects(storage).remove(change, "bucket", "k")
        raise RuntimeError

    with pytest.raises(RuntimeError), storage.change() as change:
        fail(change)

    assert (1, b"before") == (on_disk(tmp_path, storage), content(storage, "k"))


def test_orphans_are_swept_at_start(tmp_path, opened):
    """A file whose transaction never happened is removed by the next start."""
    first = opened()
    Buckets(first).create("bucket")
    put(first, "k", b"kept")
    received(first, b"orphan")
    assert on_disk(tmp_path, first) == 2
    first.close()

    second = opened()

    assert (1, b"kept") == (on_disk(tmp_path, second), content(second, "k"))


def test_new_ids_are_larger_than_all_used(opened):
    """A clock that was set back cannot bring a number a second time."""
    first = opened()
    Buckets(first).create("bucket")
    far = 1 << 62
    with first.change() as change:
        change.add_segments(far, [Segment(far + 5, 0, 1)])
    first.close()

    assert opened().files.new_id() > far + 5


def test_a_database_of_another_version_is_refused(tmp_path, opened):
    """Rather than misread it."""
    opened().close()
    with sqlite3.connect(tmp_path / "meta.sqlite") as db:
        db.execute("PRAGMA user_version=99")
    db.close()

    with pytest.raises(OSError, match="another version"):
        opened()


def test_a_damaged_database_is_an_oserror(tmp_path, opened):
    """With its path in the message."""
    (tmp_path / "meta.sqlite").write_bytes(b"not a database" * 100)

    with pytest.raises(OSError, match=r"meta\.sqlite"):
        opened()


def test_a_writer_sums_across_chunks(storage):
    """Many small chunks, more than one writev takes, are one body."""
    writer = storage.files.create()
    chunks = [os.urandom(3) for _ in range(3000)]
    writer.write(chunks)
    body = writer.finish()

    other = received(storage, b"".join(chunks))

    assert Received(body.blob, 9000, other.md5, other.crc) == body
    assert b"".join(chunks) == storage.files.read([Segment(body.blob, 0, 9000)])
