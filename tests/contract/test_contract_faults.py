"""
Every operation, under every fault, against the embedded server.

A fault hits the first request of the operation. The operation has to succeed all the same,
by trying again or by looking at what the lost answer had done, and what is in the bucket
afterwards has to be what was asked for, in every dialect. Two pairs are left out: a range
has no checksum of its own; and a put that forbids to overwrite cannot repair what it has put.
"""

import random
from dataclasses import dataclass, field

import pytest

from ossfs.clock import FakeClock
from ossfs.crc64 import crc64
from ossfs.errors import (
    ChecksumMismatch,
    InvalidRequest,
    PreconditionFailed,
    StoreError,
    TimedOut,
    Transient,
)
from ossfs.extents import Extent
from ossfs.store.addressing import parse_endpoint
from ossfs.store.api import BytesBody, Handing, Headers
from ossfs.store.bodies import Whole
from ossfs.store.bucket import Bucket
from ossfs.store.credentials import Credentials, FixedCredentials
from ossfs.store.dialects.oss import oss_dialect
from ossfs.store.dialects.s3 import s3_dialect
from ossfs.store.dialects.tos import tos_dialect
from ossfs.store.resolving import CompletionUnknown
from ossfs.store.retrying import Retrying, RetryOptions
from ossfs.store.transport import HttpTransport, TransportOptions

PART = bytes(range(256)) * 400
OLD = PART + b"old end"
NEW = b"new bytes" * 1000
PLAIN = Headers(metadata={"mode": "1"})


@dataclass
class Scene:
    """A bucket before and after an operation: `plain` sees it without repetitions."""

    plain: Bucket
    store: Retrying
    ids: dict = field(default_factory=dict)

    @property
    def part(self):
        """A part that may have a successor."""
        return PART * -(-self.plain.limits.min_part // len(PART))

    def crc(self, content):
        """Return what the store says of the content, if it keeps CRC-64s."""
        return crc64(content) if self.plain.capabilities.object_crc64 else None

    def content(self, key):
        return bytes(self.plain.get(key).data)

    def keys(self):
        return [found.key for found in self.plain.list().objects]


DIALECTS = {
    "oss": lambda: oss_dialect(region="cn-hangzhou"),
    "s3": lambda: s3_dialect(region="cn-hangzhou", conditional_copies=True),
    "tos": lambda: tos_dialect(region="cn-hangzhou"),
}


@pytest.fixture
def dialect():
    """Name the dialect of a test that is about one only."""
    return "oss"


@pytest.fixture
def scene(emulator, bucket_name, dialect):
    transport = HttpTransport(TransportOptions(read_timeout_s=0.5))
    plain = Bucket(
        transport=transport,
        dialect=DIALECTS[dialect](),
        credentials=FixedCredentials(Credentials(emulator.key_id, emulator.secret)),
        endpoint=parse_endpoint(emulator.endpoint),
        name=bucket_name,
    )
    plain.put("old", BytesBody(OLD), PLAIN)
    yield Scene(plain, Retrying(plain, clock=FakeClock(), random=random.Random(7)))
    transport.close()


# Each case: the server's name of the operation, what has to be there before, the operation,
# and what has to be there after.


def get_whole(s):
    info, data, _ = s.store.get("old")
    assert OLD == bytes(data)
    assert s.crc(OLD) == info.crc64


def get_range(s):
    assert OLD[5:70_000] == bytes(s.store.get("old", Extent(5, 70_000)).data)


def head(s):
    assert len(OLD) == s.store.head("old").size


def list_(s):
    assert ["old"] == [found.key for found in s.store.list().objects]


def put(s):
    assert s.crc(NEW) == s.store.put("k", BytesBody(NEW), PLAIN).crc64
    assert NEW == s.content("k")


def put_new(s):
    stored = s.store.put("k", BytesBody(NEW), PLAIN, forbid_overwrite=True)
    assert (s.plain.head("k").etag, NEW) == (stored.etag, s.content("k"))


def put_over(s):
    etag = s.plain.head("old").etag
    stored = s.store.put("old", BytesBody(NEW), PLAIN, if_match=etag)
    assert (s.plain.head("old").etag, NEW) == (stored.etag, s.content("old"))


def put_nothing(s):
    s.store.put("k", BytesBody(b""), PLAIN)
    assert b"" == s.content("k")


def copy(s):
    s.store.copy("old", "k")
    assert OLD == s.content("k")


def copy_new(s):
    stored = s.store.copy("old", "k", forbid_overwrite=True)
    assert (s.plain.head("k").etag, OLD) == (stored.etag, s.content("k"))


def copy_onto_itself(s):
    s.store.copy(
        "old", "old", if_match=s.plain.head("old").etag, headers=Headers(metadata={"mode": "2"})
    )
    assert {"mode": "2"} == dict(s.plain.head("old").metadata)


def delete(s):
    s.store.delete("old")
    assert [] == s.keys()


def delete_many(s):
    assert [] == list(s.store.delete_many(["old", "nowhere"]))
    assert [] == s.keys()


def with_upload(s):
    s.ids["u"] = s.plain.create_upload("k", PLAIN)
    s.ids["parts"] = [
        s.plain.upload_part("k", s.ids["u"], 1, BytesBody(s.part)),
        s.plain.upload_part("k", s.ids["u"], 2, BytesBody(NEW)),
    ]


def create_upload(s):
    upload_id = s.store.create_upload("k", PLAIN)
    assert [] == list(s.plain.list_parts("k", upload_id).parts)


def upload_part(s):
    part = s.store.upload_part("k", s.ids["u"], 3, BytesBody(NEW))
    held = s.plain.list_parts("k", s.ids["u"]).parts[2]
    assert (part.etag, len(NEW)) == (held.etag, held.size)
    assert s.crc(NEW) == part.crc64


def copy_part(s):
    part = s.store.copy_part("k", s.ids["u"], 3, "old", Extent(3, 60_003))
    held = s.plain.list_parts("k", s.ids["u"]).parts[2]
    assert (part.etag, 60_000) == (held.etag, held.size)
    if s.plain.capabilities.part_crc64:
        assert crc64(OLD[3:60_003]) == held.crc64


def complete(s):
    stored = s.store.complete_upload("k", s.ids["u"], s.ids["parts"])
    assert (s.plain.head("k").etag, s.crc(s.part + NEW)) == (stored.etag, stored.crc64)
    assert s.part + NEW == s.content("k")
    assert [] == list(s.plain.list_uploads().uploads)


def complete_new(s):
    s.store.complete_upload("k", s.ids["u"], s.ids["parts"], forbid_overwrite=True)
    assert s.part + NEW == s.content("k")


def with_upload_over(s):
    with_upload(s)
    s.ids["over"] = s.plain.put("k", BytesBody(OLD), PLAIN).etag


def complete_over(s):
    s.store.complete_upload("k", s.ids["u"], s.ids["parts"], if_match=s.ids["over"])
    assert s.part + NEW == s.content("k")


def tag(s):
    s.store.put_tagging("old", {"a": "1"})
    assert {"a": "1"} == dict(s.plain.get_tagging("old"))


def with_tags(s):
    s.plain.put_tagging("old", {"a": "1"})


def tags(s):
    assert {"a": "1"} == dict(s.store.get_tagging("old"))


def with_renaming(s):
    body = BytesBody(b'{"RenameEnable":true}')
    s.plain._talk.whole(s.plain._talk.call("enable", "PUT", query={"rename": ""}, body=body))
    s.plain.probe()


def rename(s):
    s.store.rename("old", "k")
    assert (["k"], OLD) == (s.keys(), s.content("k"))


def rename_new(s):
    s.store.rename("old", "k", forbid_overwrite=True)
    assert (["k"], OLD) == (s.keys(), s.content("k"))


def abort(s):
    s.store.abort_upload("k", s.ids["u"])
    assert [] == list(s.plain.list_uploads().uploads)


def list_parts(s):
    held = s.store.list_parts("k", s.ids["u"]).parts
    assert [(part.number, part.etag, part.size) for part in s.ids["parts"]] == [
        (part.number, part.etag, part.size) for part in held
    ]


def list_uploads(s):
    assert [s.ids["u"]] == [found.upload_id for found in s.store.list_uploads().uploads]


def put_symlink(s):
    s.store.put_symlink("link", "old", PLAIN)
    assert OLD == s.content("link")


def with_link(s):
    s.plain.put_symlink("link", "old", PLAIN)


def get_symlink(s):
    assert "old" == s.store.get_symlink("link")


def append_first(s):
    assert len(NEW) == s.store.append("log", 0, BytesBody(NEW), PLAIN).next_position
    assert NEW == s.content("log")


def with_log(s):
    s.plain.append("log", 0, BytesBody(PART), PLAIN)


def append_more(s):
    done = s.store.append("log", len(PART), BytesBody(NEW), PLAIN)
    assert (len(PART + NEW), crc64(PART + NEW)) == (done.next_position, done.crc64)
    assert PART + NEW == s.content("log")


def nothing(s):
    pass


OPERATIONS = {
    "get_whole": ("GetObject", nothing, get_whole),
    "get_range": ("GetObject", nothing, get_range),
    "head": ("HeadObject", nothing, head),
    "list": ("ListObjectsV2", nothing, list_),
    "put": ("PutObject", nothing, put),
    "put_new": ("PutObject", nothing, put_new),
    "put_nothing": ("PutObject", nothing, put_nothing),
    "put_over": ("PutObject", nothing, put_over),
    "copy": ("CopyObject", nothing, copy),
    "copy_new": ("CopyObject", nothing, copy_new),
    "copy_onto_itself": ("CopyObject", nothing, copy_onto_itself),
    "delete": ("DeleteObject", nothing, delete),
    "delete_many": ("DeleteMultipleObjects", nothing, delete_many),
    "create_upload": ("InitiateMultipartUpload", nothing, create_upload),
    "upload_part": ("UploadPart", with_upload, upload_part),
    "copy_part": ("UploadPartCopy", with_upload, copy_part),
    "complete": ("CompleteMultipartUpload", with_upload, complete),
    "complete_new": ("CompleteMultipartUpload", with_upload, complete_new),
    "complete_over": ("CompleteMultipartUpload", with_upload_over, complete_over),
    "abort": ("AbortMultipartUpload", with_upload, abort),
    "list_parts": ("ListParts", with_upload, list_parts),
    "list_uploads": ("ListMultipartUploads", with_upload, list_uploads),
    "put_symlink": ("PutSymlink", nothing, put_symlink),
    "get_symlink": ("GetSymlink", with_link, get_symlink),
    "put_tagging": ("PutObjectTagging", nothing, tag),
    "get_tagging": ("GetObjectTagging", with_tags, tags),
    "append_first": ("AppendObject", nothing, append_first),
    "append_more": ("AppendObject", with_log, append_more),
}

FAULTS = {
    "503": {"action": "error", "status": 503, "code": "ServiceUnavailable"},
    "500": {"action": "error", "status": 500},
    "500 after": {"action": "error_after", "status": 500},
    "reset before": {"action": "drop_before"},
    "reset after": {"action": "drop_after"},
    "truncated": {"action": "truncate", "bytes": 10},
    "truncated late": {"action": "truncate", "bytes": 66_000},
    "corrupted": {"action": "corrupt", "bytes": 0},
    "stalled": {"action": "stall", "seconds": 0.7},
}


NEEDS = {
    "put_symlink": "symlinks",
    "get_symlink": "symlinks",
    "append_first": "append",
    "append_more": "append",
    "put_over": "conditional_put",
    "complete_over": "conditional_complete",
}
UNMENDABLE = {("get_range", "corrupted")}
"""A range has no checksum of its own."""
SEEN_TOO_LATE = {("put_new", "corrupted"), ("put_over", "corrupted")}
"""Where the checksum comes with the answer; S3 gets it before the body and refuses."""

CASES = [
    (dialect, operation, fault)
    for dialect, make in DIALECTS.items()
    for operation in OPERATIONS
    for fault in FAULTS
    if getattr(make().capabilities, NEEDS.get(operation, ""), True)
    if (operation, fault) not in UNMENDABLE
    if dialect == "s3" or (operation, fault) not in SEEN_TOO_LATE
]


@pytest.mark.parametrize(("dialect", "operation", "fault"), CASES)
def test_faults(emulator, scene, operation, fault):
    """The operation succeeds and its effect is right."""
    name, prepare, act = OPERATIONS[operation]
    prepare(scene)
    emulator.add_fault(operation=name, count=1, **FAULTS[fault])

    act(scene)


@pytest.mark.parametrize("dialect", ["tos"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("act", [rename, rename_new])
def test_faults_of_a_rename(emulator, scene, fault, act):
    """Where the answer was lost, the source is gone and the target is there."""
    with_renaming(scene)
    emulator.add_fault(operation="RenameObject", count=1, **FAULTS[fault])

    act(scene)


def test_a_new_object_that_was_bent_on_its_way(emulator, scene):
    """It is there, wrong, and must not be replaced: the caller is told."""
    emulator.add_fault("corrupt", operation="PutObject", count=1, bytes=0)

    with pytest.raises(ChecksumMismatch):
        put_new(scene)


@pytest.mark.parametrize("fault", ["500 after", "reset after"])
@pytest.mark.parametrize(
    ("dialect", "operation"),
    [
        (dialect, operation)
        for dialect in DIALECTS
        for operation in ("complete", "append_more", "put_new", "abort")
        if (dialect, operation) != ("s3", "append_more")
    ],
)
def test_lost_answers_again_and_again(emulator, scene, operation, fault):
    """Also when the answer to the repetition is lost."""
    name, prepare, act = OPERATIONS[operation]
    prepare(scene)
    emulator.add_fault(operation=name, count=3, **FAULTS[fault])

    act(scene)


def test_get_goes_on_where_it_was_cut(emulator, scene):
    """Only what is missing is asked for again, of the same version."""
    emulator.add_fault("truncate", operation="GetObject", count=1, bytes=80_000)
    emulator.reset_stats()

    assert OLD == bytes(scene.store.get("old").data)

    sent = emulator.stats()["bytes_out"]
    assert len(OLD) <= sent < len(OLD) + 40_000


def test_bytes_that_are_handed_over_come_once(emulator, scene):
    """An answer that is cut short twice goes on where it ended, also without a range."""
    emulator.add_fault("truncate", operation="GetObject", count=2, bytes=70_000)

    for extent in (None, Extent(5, len(OLD) - 5)):
        received = bytearray()
        scene.store.get("old", extent, into=Handing(received.extend))
        assert (OLD if extent is None else OLD[5:-5]) == bytes(received)


def test_wrong_bytes_that_were_handed_over_are_not_asked_for_again(emulator, scene):
    """Whoever has them is told that they are wrong."""
    emulator.add_fault("corrupt", operation="GetObject", count=1, bytes=5)

    with pytest.raises(ChecksumMismatch):
        scene.store.get("old", into=Handing(bytes))


def test_wrong_bytes_that_nobody_has_used_come_again(emulator, scene):
    """All of them, into the same sink."""
    emulator.add_fault("corrupt", operation="GetObject", count=1, bytes=5)
    sink = Whole()

    info, data, crc64 = scene.store.get("old", into=sink)

    assert (OLD, b"", len(OLD)) == (bytes(sink.data), bytes(data), info.size)
    assert scene.crc(OLD) == crc64


def test_get_starts_anew_when_the_object_was_replaced(emulator, scene):
    """The pieces of two versions are never joined; where they were handed on, it is an error."""

    class Replacing:
        def __init__(self, bucket):
            self._bucket = bucket

        def get(self, *args, **kwargs):
            try:
                return self._bucket.get(*args, **kwargs)
            except Transient:
                self._bucket.put("old", BytesBody(OLD[::-1]), PLAIN)
                raise

    emulator.add_fault("truncate", operation="GetObject", count=1, bytes=80_000)

    store = Retrying(Replacing(scene.plain), clock=FakeClock(), random=random.Random(7))
    assert OLD[::-1] == bytes(store.get("old").data)

    for is_pinned in (True, False):
        etag = scene.plain.put("old", BytesBody(OLD), PLAIN).etag
        given = {"if_match": etag} if is_pinned else {"into": Handing(bytes)}
        emulator.add_fault("truncate", operation="GetObject", count=1, bytes=80_000)
        with pytest.raises(PreconditionFailed):
            store.get("old", **given)


def test_a_pinned_get_whose_object_was_replaced(emulator, scene):
    """With if_match the reader is told."""
    etag = scene.plain.head("old").etag
    emulator.add_fault("truncate", operation="GetObject", count=1, bytes=80_000)
    scene.plain.put("other", BytesBody(b""), PLAIN)

    class Replacing:
        def get(self, *args, **kwargs):
            try:
                return scene.plain.get(*args, **kwargs)
            except Transient:
                scene.plain.put("old", BytesBody(OLD[::-1]), PLAIN)
                raise

    with pytest.raises(PreconditionFailed):
        Retrying(Replacing(), clock=FakeClock(), random=random.Random(7)).get("old", if_match=etag)


def test_a_complete_whose_object_was_replaced(emulator, scene):
    """The answer was lost, and something else is there: nobody can know, and that is said."""
    with_upload(scene)

    class Replacing:
        name = "b"

        def complete_upload(self, *args, **kwargs):
            try:
                return scene.plain.complete_upload(*args, **kwargs)
            except Transient:
                scene.plain.put("k", BytesBody(b"somebody's"), PLAIN)
                raise

        def head(self, key, **kwargs):
            return scene.plain.head(key, **kwargs)

    emulator.add_fault("drop_after", operation="CompleteMultipartUpload", count=1)
    with pytest.raises(CompletionUnknown):
        Retrying(Replacing(), clock=FakeClock(), random=random.Random(7)).complete_upload(
            "k", scene.ids["u"], scene.ids["parts"]
        )


def test_a_clock_that_is_off(emulator, scene, expect_log):
    """The first refusal sets it right, for all later requests."""
    expect_log("clock is")
    emulator.set_clock_offset(-7200)
    emulator.reset_stats()

    assert len(OLD) == scene.plain.head("old").size
    assert len(OLD) == scene.plain.head("old").size

    assert 3 == emulator.requests("HeadObject")


def test_giving_up(emulator, scene, expect_log):
    """After the deadline the last error comes out, and a warning says so."""
    expect_log("giving up op=put key='k'")
    emulator.add_fault("error", operation="PutObject", status=503, code="TotalQpsLimitExceeded")
    store = Retrying(
        scene.plain,
        options=RetryOptions(deadline_s=30),
        clock=FakeClock(),
        random=random.Random(7),
    )

    with pytest.raises(Transient) as caught:
        store.put("k", BytesBody(NEW), PLAIN)

    assert ("TotalQpsLimitExceeded", 503) == (caught.value.code, caught.value.status)
    assert caught.value.request_id


def test_a_stall_is_a_time_out(emulator, scene):
    """A server that goes silent is TimedOut for one who asks once."""
    emulator.add_fault("stall", operation="HeadObject", count=1, seconds=0.7)

    with pytest.raises(TimedOut):
        scene.plain.head("old")


@pytest.mark.parametrize("status", [400, 418])
def test_refusals_are_not_repeated(emulator, scene, status):
    """What the store refuses is asked once."""
    emulator.add_fault("error", operation="HeadObject", status=status, code="InvalidArgument")
    emulator.reset_stats()

    with pytest.raises(InvalidRequest):
        scene.store.head("old")

    assert 1 == emulator.requests("HeadObject")


def test_an_error_in_an_answer_of_200(emulator, scene):
    """A copy that fails after its status was sent is an error."""
    emulator.add_fault("error_after", operation="CopyObject", count=1, status=200, code="Strange")

    with pytest.raises(StoreError) as caught:
        scene.plain.copy("old", "k")

    assert "Strange" == caught.value.code
