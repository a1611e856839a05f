"""Bytes, text, open files, pipes and iterators to objects; objects in order to streams."""

import io
import os
import threading
from functools import partial

import pytest
from watched_bucket import CONTENT, PART, bent

from ossfs.crc64 import crc64
from ossfs.errors import (
    AccessDenied,
    AlreadyExists,
    ChecksumMismatch,
    Conflict,
    Damaged,
    InvalidOption,
    NoSuchKey,
    NotSupported,
    ObjectTooLarge,
    PositionMismatch,
    PreconditionFailed,
    RangeNotSatisfiable,
    RemoteChanged,
    TransferCancelled,
)
from ossfs.transfer.cancel import Cancel
from ossfs.transfer.objects import append_object, get_object, put_object
from ossfs.transfer.sources import SPOOLED, body_from, chunks_of, parts_from
from ossfs.transfer.stream_download import download_to_stream, iter_object
from ossfs.transfer.stream_upload import upload_object

TEXT = "Füße, 12 €"


class Pipe:
    """Something that can only be read, in pieces of odd sizes."""

    def __init__(self, data):
        self._file = io.BytesIO(data)

    def read(self, size=-1):
        return self._file.read(min(size, 777) if size > 0 else size)


KINDS = {
    "bytes": lambda _: CONTENT,
    "bytearray": lambda _: bytearray(CONTENT),
    "memoryview": lambda _: memoryview(CONTENT),
    "view of numbers": lambda _: memoryview(CONTENT[:4736]).cast("Q"),
    "path": lambda path: path,
    "open file": lambda path: path.open("rb"),
    "unbuffered file": lambda path: path.open("rb", buffering=0),
    "BytesIO": lambda _: io.BytesIO(CONTENT),
    "pipe": lambda _: Pipe(CONTENT),
    "generator": lambda _: (CONTENT[at : at + 333] for at in range(0, len(CONTENT), 333)),
    "list": lambda _: [CONTENT[:10], b"", memoryview(CONTENT[10:])],
}


@pytest.fixture
def data(file):
    """Return data of a kind; files are closed at the end."""
    made = []

    def make(kind):
        made.append(KINDS[kind](file))
        return made[-1]

    yield make
    for one in made:
        getattr(one, "close", lambda: None)()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "upload",
    [
        put_object,
        upload_object,
        partial(upload_object, multipart_threshold=1, part_size=PART, num_threads=3),
        partial(upload_object, multipart_threshold=1, part_size=PART, num_threads=1),
    ],
    ids=["put", "upload", "parts", "parts in turn"],
)
def test_data_of_all_kinds(oss, data, kind, upload):
    """Each becomes the object, whole, and is counted."""
    given = data(kind)
    expected = CONTENT[:4736] if "numbers" in kind else CONTENT
    told = []

    result = upload(oss, "k", given, progress_callback=lambda *both: told.append(both))

    assert expected == oss.bytes_of("k")
    assert (len(expected), crc64(expected)) == (result.size, result.crc64)
    assert len(expected) == told[-1][0]
    assert {} == oss.pending()


@pytest.mark.parametrize("kind", ["bytes", "open file", "generator"])
def test_parts_are_counted_and_completed(bucket, data, kind, points):
    """As many as are needed, in their order, on each store."""
    result = upload_object(bucket, "k", data(kind), multipart_threshold=1, part_size=PART)

    assert CONTENT == bucket.bytes_of("k")
    assert 5 == points.count("upload_part") == result.parts_sent


@pytest.mark.parametrize("nothing", [b"", "", [], [b""], io.BytesIO()], ids=repr)
def test_nothing_is_an_empty_object(oss, nothing):
    """However nothing is given."""
    for upload in (put_object, upload_object):
        upload(oss, "k", nothing)
        assert b"" == oss.bytes_of("k")


def test_text_is_sent_as_utf8(oss, tmp_path):
    """A str is text, not the name of a file; text files and generators of text, too."""
    (tmp_path / "t").write_text(TEXT, encoding="utf-8")
    for upload in (put_object, upload_object):
        for given in (TEXT, [TEXT[:3], TEXT[3:]]):
            upload(oss, "k", given)
            assert TEXT.encode() == oss.bytes_of("k")
        with (tmp_path / "t").open(encoding="utf-8") as file:
            upload(oss, "k", file)
        assert TEXT.encode() == oss.bytes_of("k")


def test_an_open_file_is_sent_from_where_it_is(oss, file):
    """And is at its end then."""
    for upload in (put_object, upload_object):
        with file.open("rb") as opened:
            opened.read(100)
            upload(oss, "k", opened)
            assert (CONTENT[100:], b"") == (oss.bytes_of("k"), opened.read())


@pytest.mark.parametrize("given", [5, None, [1, 2], [None]], ids=repr)
def test_what_cannot_be_uploaded(oss, given):
    """Said by its type."""
    for upload in (put_object, upload_object):
        with pytest.raises(InvalidOption):
            upload(oss, "k", given)
    with pytest.raises(NoSuchKey):
        oss.head("k")


def test_what_is_collected_first_is_not_kept_in_memory():
    """From 8 MiB on it is a file."""
    large = [bytes(1 << 20)] * 9

    with body_from(iter(large)) as body:
        assert (9 << 20, "FileBody") == (body.size, type(body).__name__)
    with body_from(iter(large[:8])) as body:
        assert (SPOOLED, "BytesBody") == (body.size, type(body).__name__)


@pytest.mark.parametrize("piece", [1, 7, 10, 25, 1000])
def test_parts_of_a_stream(piece):
    """However the bytes come, parts have the wanted sizes."""
    whole = CONTENT[:100]
    chunks = [whole[at : at + piece] for at in range(0, 100, piece)]

    parts = [bytes(part) for part in parts_from(iter(chunks), [10, 20, 30, 30, 30])]

    assert whole == b"".join(parts)
    assert [10, 20, 30, 30, 10] == [len(part) for part in parts]
    assert whole == b"".join(map(bytes, parts_from(iter(chunks), [40, 60])))
    with pytest.raises(ObjectTooLarge):
        list(parts_from(iter(chunks), [40, 59]))


def test_a_stream_is_not_read_further_than_memory_allows(oss, points):
    """No more parts are read than are on their way, and one."""
    read = []
    gate = threading.Event()

    def numbers():
        for n in range(20):
            read.append(n)
            yield bytes([n]) * 100

    def hold():
        if points.count("upload_part") == 3:
            assert len(read) <= 4
            gate.set()
        gate.wait(10)

    points.hooks["before upload_part"] = hold
    upload_object(oss, "k", numbers(), multipart_threshold=1, part_size=100, num_threads=3)

    assert b"".join(bytes([n]) * 100 for n in range(20)) == oss.bytes_of("k")


@pytest.mark.parametrize("name", ["upload_part", "complete_upload"])
def test_a_failing_upload_is_aborted(bucket, points, name):
    """Nobody could go on with it."""
    points.hooks[f"before {name}"] = lambda: (_ for _ in ()).throw(AccessDenied("no"))

    with pytest.raises(AccessDenied):
        upload_object(bucket, "k", iter([CONTENT]), multipart_threshold=1, part_size=PART)

    assert {} == bucket.pending()


def test_what_a_generator_raises_comes_out(oss):
    """And its upload is aborted."""

    def broken():
        yield CONTENT
        raise RuntimeError("of the user's")

    with pytest.raises(RuntimeError, match="of the user's"):
        upload_object(oss, "k", broken(), multipart_threshold=1, part_size=PART)

    assert {} == oss.pending()


def test_a_stream_that_is_cancelled(oss, points):
    """Also between its parts."""
    cancel = Cancel()
    points.hooks["after upload_part"] = cancel.cancel

    with pytest.raises(TransferCancelled, match="k: cancelled"):
        upload_object(oss, "k", iter([CONTENT]), part_size=PART, multipart_threshold=1,
                      cancel=cancel)  # fmt: skip

    assert {} == oss.pending()


def test_nothing_is_replaced_that_must_not_be(oss):
    """Neither by one request nor by parts."""
    oss.put_plain("k", b"old")

    for upload in (put_object, upload_object, partial(upload_object, multipart_threshold=1)):
        with pytest.raises(AlreadyExists):
            upload(oss, "k", CONTENT, forbid_overwrite=True)

    assert (b"old", {}) == (oss.bytes_of("k"), oss.pending())


def test_headers_of_an_object(oss):
    """Type and metadata, by one request and in parts."""
    given = {"content-type": "text/x", "x-oss-meta-a": "b"}

    for upload in (put_object, partial(upload_object, multipart_threshold=1)):
        upload(oss, "k", CONTENT, headers=given)
        info = oss.head("k")
        assert ("text/x", {"a": "b"}) == (info.content_type, info.metadata)


# Appending


def test_appending(oss):
    """Where the object ends, wherever that is; the sum is that of the whole."""
    first = append_object(oss, "k", b"one ", headers={"content-type": "text/x"})
    append_object(oss, "k", ["two ", b"three "])
    last = append_object(oss, "k", "four", position=14)

    assert b"one two three four" == oss.bytes_of("k")
    assert (4, 18, crc64(b"one two three four")) == (
        first.next_position, last.next_position, last.crc64,
    )  # fmt: skip
    assert "text/x" == oss.head("k").content_type


def test_appending_at_a_wrong_place(oss):
    """The error says the right one."""
    append_object(oss, "k", b"one")

    with pytest.raises(PositionMismatch) as caught:
        append_object(oss, "k", b"two", position=1)

    assert 3 == caught.value.next_position


def test_appending_to_what_does_not_take_it(oss, points):
    """An ordinary object, or a store without it."""
    oss.put_plain("k", b"x")
    with pytest.raises(Conflict):
        append_object(oss, "k", b"y")


# In order


@pytest.fixture
def there(bucket):
    bucket.put_plain("k", CONTENT)
    return bucket


@pytest.mark.parametrize("threads", [1, 2, 8])
@pytest.mark.parametrize("part_size", [1, 300, PART, 10**6])
def test_an_object_as_a_stream(there, threads, part_size):
    """All bytes in order, whatever the pieces."""
    if part_size == 1:
        there.put_plain("k", CONTENT[:50])
    whole = there.bytes_of("k")
    stream = io.BytesIO()

    result = download_to_stream(there, "k", stream, part_size=part_size, num_threads=threads)

    assert whole == stream.getvalue()
    assert (len(whole), crc64(whole)) == (result.size, result.crc64)


def test_an_iterator_says_in_the_end_what_has_come(there):
    """What a download says: version, size and sum, of a range, too."""

    def through():
        results.append((yield from iter_object(there, "k", part_size=PART, byte_range=(5, 2500))))

    results = []
    content = b"".join(through())

    (result,) = results
    assert CONTENT[5:2501] == content
    assert (there.head("k").etag, 2496, crc64(content), 3) == (
        result.etag, result.size, result.crc64, result.parts_fetched,
    )  # fmt: skip


def test_an_empty_object_as_a_stream(bucket):
    """Nothing is written."""
    bucket.put_plain("k", b"")
    stream = io.BytesIO()

    assert 0 == download_to_stream(bucket, "k", stream).size
    assert b"" == stream.getvalue()


def test_a_range_as_a_stream(there):
    """First and last byte."""
    stream = io.BytesIO()

    download_to_stream(there, "k", stream, byte_range=(100, 2999), part_size=PART)

    assert CONTENT[100:3000] == stream.getvalue()
    assert CONTENT[100:3000] == get_object(there, "k", byte_range=(100, 2999))
    assert CONTENT[4000:] == get_object(there, "k", byte_range=(4000, None))
    assert CONTENT == get_object(there, "k")
    with pytest.raises(RangeNotSatisfiable):
        download_to_stream(there, "k", stream, byte_range=(9999, None))


def test_only_one_version_as_a_stream(there):
    """By its ETag."""
    with pytest.raises(PreconditionFailed):
        download_to_stream(there, "k", io.BytesIO(), if_match="0" * 32)


def test_a_stream_that_takes_less_at_once(there):
    """Raw streams do; others do not say how much they took."""
    taken = bytearray()

    class Slow:
        def write(self, data):
            taken.extend(data[:100])
            return min(len(data), 100)

    download_to_stream(there, "k", Slow(), part_size=PART)
    assert CONTENT == taken

    class Silent:
        def write(self, data):
            taken.extend(data)

    taken.clear()
    download_to_stream(there, "k", Silent(), part_size=PART)
    assert CONTENT == taken


def test_an_object_that_is_replaced_while_it_is_read(there, points):
    """Bytes that were handed out cannot be taken back: the error says so."""

    def replace():
        if points.count("get") == 3:
            there.put_plain("k", CONTENT[::-1])

    points.hooks["before get"] = replace
    stream = io.BytesIO()
    with pytest.raises(RemoteChanged, match="k: the object was replaced") as caught:
        download_to_stream(there, "k", stream, part_size=PART, num_threads=1)

    assert caught.value.is_worth_rerunning
    assert CONTENT.startswith(stream.getvalue())


def test_wrong_bytes_are_said_to_be_wrong(oss):
    """At the end; of what is one piece, before it is handed out."""
    oss.put_plain("k", CONTENT)
    oss.get = bent(oss.get)
    for part_size, given in ((PART, len(CONTENT)), (10**6, 0)):
        stream = io.BytesIO()
        with pytest.raises((Damaged, ChecksumMismatch)):
            download_to_stream(oss, "k", stream, part_size=part_size)
        assert given == len(stream.getvalue())


def test_an_iterator_that_is_left_early(there, points):
    """Its threads end, and no more is fetched than was under way."""
    pieces = iter_object(there, "k", part_size=100, num_threads=3)

    assert CONTENT[:100] == bytes(next(pieces))
    pieces.close()

    assert points.count("get") <= 5


def test_what_the_receiver_raises_ends_the_fetching(there, points):
    """And comes out as it is."""

    class Full:
        def write(self, data):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        download_to_stream(there, "k", Full(), part_size=100, num_threads=2)

    assert points.count("get") <= 4


def test_a_pipe_of_the_operating_system(there):
    """The other end gets all of it."""
    read_end, write_end = os.pipe()
    received = []

    def read():
        with os.fdopen(read_end, "rb") as file:
            received.append(file.read())

    reader = threading.Thread(target=read)
    reader.start()
    with os.fdopen(write_end, "wb", buffering=0) as stream:
        download_to_stream(there, "k", stream, part_size=PART)
    reader.join()

    assert [CONTENT] == received


def test_chunks_of_a_path(file):
    """A Path is read, not iterated."""
    assert CONTENT == b"".join(chunks_of(file))


def test_stores_without_append(points):
    """Said before anything is sent."""
    from watched_bucket import Bucket  # noqa: PLC0415  # one test needs it

    with pytest.raises(NotSupported):
        append_object(Bucket("s3", points), "k", b"x")
