"""What S3 and TOS are sent and answer where they differ from OSS, and what a probe finds out."""

import base64
import json
import zlib

import pytest
from scripted_transport import Answer, Scripted

from ossfs import errors
from ossfs.clock import FakeClock
from ossfs.extents import Extent
from ossfs.store.addressing import parse_endpoint
from ossfs.store.api import BucketFacts, BytesBody, Headers, Part
from ossfs.store.bucket import Bucket
from ossfs.store.credentials import Credentials, FixedCredentials
from ossfs.store.dialects.oss import oss_dialect
from ossfs.store.dialects.s3 import read_crc32, s3_dialect, written_crc32
from ossfs.store.dialects.tos import tos_dialect
from ossfs.store.write_headers import WriteHeaders

DATE = "Thu, 01 Jan 2026 00:00:00 GMT"
EXTENT = Extent(0, 5)
OBJECT = {"etag": '"ab"', "last-modified": DATE}
DIALECTS = {
    "oss": lambda: oss_dialect(region="cn-hangzhou"),
    "s3": lambda: s3_dialect(region="us-east-1", conditional_copies=True),
    "tos": lambda: tos_dialect(region="cn-beijing"),
}
WRITTEN = WriteHeaders(
    storage_class="IA",
    encryption="KMS",
    encryption_key_id="key",
    acl="private",
    tagging={"a b": "c&d"},
)


def bucket(kind, *answers, **options):
    transport = Scripted(*answers)
    made = Bucket(
        transport=transport,
        dialect=DIALECTS[kind](),
        credentials=FixedCredentials(Credentials("id", "secret")),
        endpoint=parse_endpoint("http://127.0.0.1:1"),
        name="bucket",
        clock=FakeClock(),
        **options,
    )
    return made, transport.requests


def own_headers(request, prefix):
    given = {"date", "content-sha256"}
    names = (n.removeprefix(prefix) for n in request.headers if n.startswith(prefix))
    return set(names) - given


def xml(code, **elements):
    inner = "".join(f"<{name}>{text}</{name}>" for name, text in elements.items())
    return f"<Error><Code>{code}</Code><Message>m</Message>{inner}</Error>".encode()


# Headers of what is written


def test_s3_write_headers_go_where_they_belong():
    """The ACL goes with the start of an upload, the checksum's name too; Complete has none."""
    made = b"<InitiateMultipartUploadResult><UploadId>U</UploadId></InitiateMultipartUploadResult>"
    done = b'<R xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><ETag>"ab"</ETag></R>'
    store, sent = bucket(
        "s3",
        Answer(etag='"ab"'),
        Answer(body=made),
        Answer(etag='"ab"'),
        Answer(body=done),
        write_headers=WRITTEN,
    )

    store.put("k", BytesBody(b"x"), Headers("text/plain", {"M": "1"}))
    store.create_upload("k", Headers())
    part = store.upload_part("k", "U", 1, BytesBody(b"x"))
    stored = store.complete_upload("k", "U", [part])

    class_and_key = {"storage-class", "server-side-encryption", "acl", "tagging"}
    class_and_key |= {"server-side-encryption-aws-kms-key-id"}
    assert class_and_key | {"meta-m", "checksum-crc32"} == own_headers(sent[0], "x-amz-")
    assert class_and_key | {"checksum-algorithm", "checksum-type"} == own_headers(sent[1], "x-amz-")
    assert {"checksum-crc32"} == own_headers(sent[2], "x-amz-")
    assert set() == own_headers(sent[3], "x-amz-")
    assert ("ab", None) == (stored.etag, stored.crc64)
    assert part.checksum.encode() in sent[3].body.data
    assert b'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"' in sent[3].body.data


def test_checksums_are_repeated_for_all_parts_or_none():
    """Those that a resumed upload took from its journal have none."""
    parts = [Part(1, 5, "ab", checksum="AAAAAA=="), Part(2, 5, "cd")]

    assert b"AAAAAA==" not in s3_dialect(region="r").codec.complete(parts)
    assert b"AAAAAA==" in s3_dialect(region="r").codec.complete(parts[:1])
    assert b"AAAAAA==" not in oss_dialect().codec.complete(parts[:1])


def test_tos_writes_json():
    """Complete and batch deletes are JSON; an ACL goes with the start of an upload."""
    store, sent = bucket(
        "tos",
        Answer(body=json.dumps({"UploadId": "U"}).encode()),
        Answer(body=json.dumps({"ETag": '"ab"'}).encode()),
        Answer(body=json.dumps({"Deleted": [{"Key": "a\x01é"}], "Error": None}).encode()),
        write_headers=WRITTEN,
    )

    assert "U" == store.create_upload("k", Headers())
    assert "ab" == store.complete_upload("k", "U", [Part(1, 5, "cd")]).etag
    failed = store.delete_many(["a\x01é", "b"])

    assert "acl" in own_headers(sent[0], "x-tos-")
    assert {"Parts": [{"PartNumber": 1, "ETag": '"cd"'}]} == json.loads(sent[1].body.data)
    assert {"Objects": [{"Key": "a\x01é"}, {"Key": "b"}], "Quiet": False} == json.loads(
        sent[2].body.data
    )
    assert [("b", "NotDeleted")] == [(one.key, one.code) for one in failed]
    assert "/bucket/?delete" == sent[2].target


def test_tos_metadata_travels_percent_encoded():
    """As the SDK writes it, so that both read each other's."""
    store, sent = bucket(
        "tos", Answer(etag='"ab"'), Answer(body=b"", x_tos_meta_name="a%20b%2Fc%25", **OBJECT)
    )

    store.put("k", BytesBody(b""), Headers(metadata={"name": "a b/c%"}))

    assert "a%20b%2Fc%25" == sent[0].headers["x-tos-meta-name"]
    assert {"name": "a b/c%"} == dict(store.head("k").metadata)


def test_the_traffic_limit_goes_with_bytes_only():
    """And the payer with everything."""
    store, sent = bucket(
        "oss",
        Answer(body=b"", **OBJECT),
        Answer(etag='"ab"'),
        Answer(etag='"ab"'),
        Answer(204),
        traffic_limit=819_200,
        every_header={"x-oss-request-payer": "requester"},
    )
    store.get("k")
    store.put("k", BytesBody(b""), Headers())
    store.upload_part("k", "U", 1, BytesBody(b""))
    store.delete("k")

    assert [True, True, True, False] == ["x-oss-traffic-limit" in r.headers for r in sent]
    assert all("requester" == r.headers["x-oss-request-payer"] for r in sent)


def test_a_version_is_asked_for():
    """By its id, in the query."""
    store, sent = bucket("oss", Answer(**OBJECT), Answer(**OBJECT))
    store.get("k", version_id="V=1")
    store.head("k", version_id="V=1")

    assert ["/bucket/k?versionId=V%3D1"] * 2 == [request.target for request in sent]


# Conditions


@pytest.mark.parametrize(
    ("kind", "forbid", "match"),
    [
        ("oss", ("x-oss-forbid-overwrite", "true"), None),
        ("s3", ("if-none-match", "*"), ("if-match", '"ab"')),
        ("tos", ("x-tos-forbid-overwrite", "true"), ("x-tos-if-match", '"ab"')),
    ],
)
def test_how_a_condition_is_worded(kind, forbid, match):
    """Forbid to overwrite, and replace one version only."""
    store, sent = bucket(kind, Answer(etag='"cd"'), Answer(etag='"cd"'))
    store.put("k", BytesBody(b""), Headers(), forbid_overwrite=True)
    name, value = forbid
    assert value == sent[0].headers[name]

    if match is None:
        with pytest.raises(errors.NotSupported):
            store.put("k", BytesBody(b""), Headers(), if_match="ab")
        return
    store.put("k", BytesBody(b""), Headers(), if_match="ab")
    name, value = match
    assert value == sent[1].headers[name]
    assert not sent[1].is_repeatable


@pytest.mark.parametrize(
    ("kind", "answer", "expected"),
    [
        ("s3", Answer(412, xml("PreconditionFailed")), errors.AlreadyExists),
        (
            "s3",
            Answer(412, xml("PreconditionFailed", Condition="If-None-Match")),
            errors.AlreadyExists,
        ),
        (
            "s3",
            Answer(412, xml("PreconditionFailed", Condition="x-amz-copy-source-If-Match")),
            errors.PreconditionFailed,
        ),
        ("s3", Answer(409, xml("ConditionalRequestConflict")), errors.Transient),
        ("tos", Answer(409, b'{"Code":"ObjectAlreadyExists"}'), errors.AlreadyExists),
        ("tos", Answer(409, b'{"Code":"SomethingNew"}'), errors.AlreadyExists),
        ("tos", Answer(412, b'{"Code":"PreconditionFailed"}'), errors.PreconditionFailed),
    ],
)
def test_which_condition_failed(kind, answer, expected):
    """A copy of one version that forbids to overwrite: the answer says which of them failed."""
    store, _ = bucket(kind, answer)

    with pytest.raises(errors.StoreError) as caught:
        store.copy("a", "b", if_match="ab", forbid_overwrite=True)

    assert expected is type(caught.value)


def test_a_complete_that_met_another_write():
    """S3 wants the upload begun anew, so it is no use to repeat the request."""
    store, _ = bucket("s3", Answer(409, xml("ConditionalRequestConflict")))

    with pytest.raises(errors.Conflict):
        store.complete_upload("k", "U", [Part(1, 5, "ab")], if_match="ab")


# Errors


@pytest.mark.parametrize(
    ("kind", "answer", "expected"),
    [
        ("s3", Answer(503, xml("SlowDown")), errors.Throttled),
        ("s3", Answer(400, xml("ExpiredToken")), errors.CredentialsExpired),
        ("s3", Answer(403, xml("InvalidObjectState")), errors.ObjectArchived),
        ("s3", Answer(403, xml("QuotaExceeded")), errors.QuotaExceeded),
        ("s3", Answer(400, xml("XMinioAdminBucketQuotaExceeded")), errors.QuotaExceeded),
        ("s3", Answer(507, xml("XMinioStorageFull")), errors.QuotaExceeded),
        ("tos", Answer(507, b""), errors.QuotaExceeded),
        ("s3", Answer(400, xml("BadDigest")), errors.ChecksumMismatch),
        ("s3", Answer(400, xml("KeyTooLongError")), errors.InvalidName),
        ("s3", Answer(403, xml("InvalidAccessKeyId")), errors.InvalidCredentials),
        ("tos", Answer(429, b'{"Code":"ExceedBucketQPSLimit"}'), errors.Throttled),
        ("tos", Answer(403, b'{"Code":"AccessDenied"}'), errors.AccessDenied),
        ("tos", Answer(404, b'{"Code":"NoSuchBucket"}'), errors.NoSuchBucket),
        ("tos", Answer(500, b"<html>"), errors.ServerFault),
    ],
)
def test_errors(kind, answer, expected):
    """The code decides, else the status."""
    store, _ = bucket(kind, answer)

    with pytest.raises(errors.StoreError) as caught:
        store.get("k")

    assert expected is type(caught.value)


def test_what_a_tos_error_says():
    """Code, message, request id, and the rest as detail."""
    body = {"Code": "AccessDenied", "Message": "no", "RequestId": "5C", "EC": "0003-1"}
    store, _ = bucket("tos", Answer(403, json.dumps(body).encode()))

    with pytest.raises(errors.AccessDenied) as caught:
        store.get("k")

    assert ("AccessDenied", "no", "5C", "EC: 0003-1") == (
        caught.value.code,
        caught.value.message,
        caught.value.request_id,
        caught.value.detail,
    )


@pytest.mark.parametrize("kind", ["s3", "oss"])
@pytest.mark.parametrize("operation", ["complete", "copy", "copy_part"])
def test_an_error_may_come_with_status_200(kind, operation):
    """S3 begins to answer before it knows how a copy or Complete ends."""
    store, _ = bucket(kind, Answer(200, xml("InternalError")))

    with pytest.raises(errors.ServerFault):
        {
            "complete": lambda: store.complete_upload("k", "U", [Part(1, 5, "ab")]),
            "copy": lambda: store.copy("a", "b"),
            "copy_part": lambda: store.copy_part("k", "U", 1, "a", EXTENT),
        }[operation]()


# Checksums of S3


def test_crc32_as_s3_writes_it():
    """The check value of the catalogue, big-endian in Base64."""
    assert "y/Q5Jg==" == written_crc32(0xCBF43926)
    assert 0xCBF43926 == read_crc32("y/Q5Jg==") == zlib.crc32(b"123456789")
    assert read_crc32("y/Q5Jg==-3") is None
    for junk in ("", "y/Q5", "?"):
        with pytest.raises(ValueError):  # noqa: PT011  # whatever it says
            read_crc32(junk)


@pytest.mark.parametrize(
    ("checksum", "is_right"),
    [("y/Q5Jg==", True), ("AAAAAA==", False), ("AAAAAA==-2", True), (None, True)],
)
def test_a_whole_object_of_s3_is_checked(checksum, is_right):
    """By its CRC-32, unless that is one of the parts' checksums, or there is none."""
    told = {} if checksum is None else {"x_amz_checksum_crc32": checksum}
    store, sent = bucket("s3", Answer(body=b"123456789", **told, **OBJECT))

    if is_right:
        assert b"123456789" == bytes(store.get("k").data)
    else:
        with pytest.raises(errors.ChecksumMismatch):
            store.get("k")
    assert "ENABLED" == sent[0].headers["x-amz-checksum-mode"]


def test_the_checksum_goes_before_the_body():
    """So that the store refuses what was bent on its way; an answer that differs is refused."""
    store, sent = bucket("s3", Answer(etag='"ab"', x_amz_checksum_crc32="AAAAAA=="))

    with pytest.raises(errors.ChecksumMismatch):
        store.put("k", BytesBody(b"123456789"), Headers())

    assert "y/Q5Jg==" == sent[0].headers["x-amz-checksum-crc32"]


def test_a_token_of_s3_is_taken_as_it_is():
    """Only names are encoded in its listings; OSS encodes the token, too."""
    page = (
        b"<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
        b"<NextContinuationToken>1+a%2B/=</NextContinuationToken></ListBucketResult>"
    )

    assert "1+a%2B/=" == bucket("s3", Answer(body=page))[0].list().next_token
    assert "1 a+/=" == bucket("oss", Answer(body=page))[0].list().next_token


# Append and rename


@pytest.mark.parametrize(
    ("kind", "target", "answer"),
    [
        ("oss", "/bucket/k?append&position=4", "x_oss_next_append_position"),
        ("tos", "/bucket/k?append&offset=4", "x_tos_next_append_offset"),
    ],
)
def test_how_an_append_is_worded(kind, target, answer):
    """And where the answer, or the refusal, tells the end."""
    refused = Answer(409, b'{"Code":"SomethingNew"}', **{answer: "9"})
    if kind == "oss":
        refused = Answer(409, xml("PositionNotEqualToLength"), **{answer: "9"})
    store, sent = bucket(kind, Answer(etag='"ab"', **{answer: "6"}), refused)

    assert 6 == store.append("k", 4, BytesBody(b"xy"), Headers()).next_position
    with pytest.raises(errors.PositionMismatch) as caught:
        store.append("k", 4, BytesBody(b"xy"), Headers())

    assert target == sent[0].target
    assert 9 == caught.value.next_position


OSS_INFO = (
    "<BucketInfo><Bucket><HierarchicalNamespace>{hns}</HierarchicalNamespace>"
    "<Versioning>{versioning}</Versioning></Bucket></BucketInfo>"
)


def oss_info(hns="", versioning=""):
    return Answer(body=OSS_INFO.format(hns=hns, versioning=versioning).encode())


@pytest.mark.parametrize(
    ("kind", "probed", "method", "target", "headers"),
    [
        (
            "oss",
            [oss_info(hns="Enabled")],
            "POST",
            "/bucket/new/b%20c?x-oss-rename",
            {"x-oss-rename-source": "/old/a%20b", "x-oss-forbid-overwrite": "true"},
        ),
        (
            "tos",
            [Answer(x_tos_bucket_type="hns")],
            "PUT",
            "/bucket/old/a%20b?name=new%2Fb%20c&rename",
            {"x-tos-forbid-overwrite": "true"},
        ),
    ],
)
def test_how_a_rename_is_worded(kind, probed, method, target, headers):
    """Only a bucket that was probed is known to rename."""
    store, sent = bucket(kind, *probed, Answer(), Answer(404, xml("NoSuchKey")))
    with pytest.raises(errors.NotSupported):
        store.rename("old/a b", "new/b c")
    store.probe()

    store.rename("old/a b", "new/b c", forbid_overwrite=True)

    assert (method, target) == (sent[1].method, sent[1].target)
    assert headers.items() <= sent[1].headers.items()
    assert not sent[1].is_repeatable
    with pytest.raises(errors.NoSuchKey):
        store.rename("gone", "new")


# Probes

DENIED = Answer(403, xml("AccessDenied"))
FLAT = Answer(x_tos_bucket_type="fns")


@pytest.mark.parametrize(
    ("kind", "answers", "facts", "able"),
    [
        ("oss", [oss_info()], BucketFacts(), "append forbid_overwrite symlinks"),
        (
            "oss",
            [oss_info(hns="Disabled", versioning="Suspended")],
            BucketFacts(versioning="Suspended"),
            "symlinks",
        ),
        (
            "oss",
            [oss_info(hns="Enabled")],
            BucketFacts(is_hierarchical=True, renames=True),
            "append forbid_overwrite rename",
        ),
        ("oss", [DENIED], BucketFacts(), "append forbid_overwrite symlinks"),
        ("s3", [], BucketFacts(), "forbid_overwrite"),
        (
            "tos",
            [Answer(x_tos_bucket_type="hns")],
            BucketFacts(is_hierarchical=True, renames=True),
            "append forbid_overwrite rename",
        ),
        (
            "tos",
            [FLAT, Answer(body=b"{}"), Answer(body=b'{"RenameEnable":true}')],
            BucketFacts(renames=True),
            "append forbid_overwrite rename symlinks",
        ),
        (
            "tos",
            [FLAT, Answer(body=b'{"Status":"Enabled"}'), DENIED],
            BucketFacts(versioning="Enabled"),
            "forbid_overwrite symlinks",
        ),
    ],
)
def test_a_probe(kind, answers, facts, able):
    """It asks once what the bucket is like, and the capabilities heed it."""
    store, sent = bucket(kind, *answers)

    assert facts == store.probe() == store.probe()

    assert len(answers) == len(sent)
    seen = {
        name
        for name in ("append", "forbid_overwrite", "rename", "symlinks")
        if getattr(store.capabilities, name)
    }
    assert set(able.split()) == seen


def test_a_probe_that_cannot_be_answered_now():
    """It may be tried again: nothing is kept."""
    store, _ = bucket("oss", Answer(503, xml("ServiceUnavailable")), oss_info(hns="Enabled"))
    with pytest.raises(errors.Throttled):
        store.probe()

    assert store.probe().renames


# Versions


@pytest.mark.parametrize(
    ("kind", "prefix"), [("oss", "x-oss-"), ("tos", "x-tos-"), ("s3", "x-amz-")]
)
@pytest.mark.parametrize("status", [404, 405])
def test_a_delete_marker_is_no_object(kind, prefix, status):
    """As the newest version it is answered by 404, asked for by its id by 405."""
    marked = {f"{prefix}delete-marker": "true", f"{prefix}version-id": "v"}
    store, sent = bucket(kind, Answer(status, **marked), Answer(status, **marked))

    for ask in (store.head, store.get):
        with pytest.raises(errors.NoSuchKey, match="it is a delete marker"):
            ask("k", version_id="v")

    assert ["/bucket/k?versionId=v"] * 2 == [request.target for request in sent]


# Callbacks

CALLBACK = WriteHeaders(callback='{"callbackUrl":"http://me"}', callback_variables='{"x:a":"1"}')


def test_a_callback_is_asked_for():
    """With a put and with Complete, in Base64; the start of an upload does not take it."""
    made = b"<InitiateMultipartUploadResult><UploadId>U</UploadId></InitiateMultipartUploadResult>"
    store, sent = bucket(
        "oss",
        Answer(body=b'{"any":"thing"}', etag='"ab"'),
        Answer(body=made),
        Answer(body=b'{"any":"thing"}', etag='"ab-1"'),
        write_headers=CALLBACK,
    )

    store.put("k", BytesBody(b""), Headers())
    store.create_upload("k", Headers())
    assert "ab-1" == store.complete_upload("k", "U", [Part(1, 5, "ab")]).etag

    assert {"callback", "callback-var"} == own_headers(sent[0], "x-oss-")
    assert set() == own_headers(sent[1], "x-oss-")
    assert {"callback", "callback-var"} == own_headers(sent[2], "x-oss-")
    assert CALLBACK.callback == base64.b64decode(sent[0].headers["x-oss-callback"]).decode()


def test_a_callback_that_failed_left_the_object_there(expect_log):
    """203 is a success with a warning: doing it again would store it again."""
    expect_log("put bucket/k: 203 CallbackFailed: the object is stored, but its callback failed")
    expect_log("complete_upload bucket/k: 203 CallbackFailed: the object is stored")
    failed = xml("CallbackFailed")
    store, _ = bucket(
        "oss",
        Answer(203, failed, etag='"ab"'),
        Answer(203, failed, etag='"ab-1"'),
        write_headers=CALLBACK,
    )

    assert "ab" == store.put("k", BytesBody(b""), Headers()).etag
    assert "ab-1" == store.complete_upload("k", "U", [Part(1, 5, "ab")]).etag


@pytest.mark.parametrize(
    "answer",
    [
        b'{"Status":"OK"}',
        b'{"Code":"NoSuchUpload","Message":"of the application, not of the store"}',
        b"<Error><Code>InternalError</Code></Error>",
        b"<CompleteMultipartUploadResult><ETag>another</ETag></CompleteMultipartUploadResult>",
        b"",
        b"\xff\x00 no text at all",
    ],
)
@pytest.mark.parametrize("kind", ["oss", "tos"])
def test_what_a_callback_answers_is_handed_over_unread(kind, answer):
    """It is the application's: neither an error nor an ETag is looked for in it."""
    store, _ = bucket(
        kind, Answer(body=answer, etag='"ab"'), Answer(body=answer, etag='"ab-1"'),
        write_headers=CALLBACK,
    )  # fmt: skip

    put = store.put("k", BytesBody(b""), Headers())
    completed = store.complete_upload("k", "U", [Part(1, 5, "ab")])

    assert ("ab", answer, None) == (put.etag, put.callback_answer, put.callback_error)
    assert ("ab-1", answer) == (completed.etag, completed.callback_answer)


def test_an_answer_of_a_callback_without_an_etag():
    """HEAD tells it; the answer is handed over all the same."""
    store, sent = bucket("oss", Answer(body=b"{}"), Answer(**OBJECT), write_headers=CALLBACK)

    stored = store.complete_upload("k", "U", [Part(1, 5, "ab")])

    assert ("ab", b"{}") == (stored.etag, stored.callback_answer)
    assert ["POST", "HEAD"] == [request.method for request in sent]


def test_an_error_in_an_answer_of_200_stays_one_where_no_callback_was_asked_for():
    """Complete may fail behind a 200."""
    store, _ = bucket("s3", Answer(body=xml("InternalError"), etag='"ab"'))

    with pytest.raises(errors.ServerFault):
        store.complete_upload("k", "U", [Part(1, 5, "ab")])


def test_a_failed_callback_without_an_etag(expect_log):
    """HEAD is asked for what the answer does not tell."""
    expect_log("callback failed")
    store, sent = bucket(
        "oss", Answer(203, xml("CallbackFailed")), Answer(**OBJECT), write_headers=CALLBACK
    )

    assert "ab" == store.put("k", BytesBody(b""), Headers()).etag
    assert ["PUT", "HEAD"] == [request.method for request in sent]


# Restore


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("oss", Answer(202)),
        ("oss", Answer(200)),
        ("oss", Answer(409, xml("RestoreAlreadyInProgress"))),
        ("s3", Answer(409, xml("RestoreAlreadyInProgress"))),
        ("tos", Answer(409, b'{"Code":"RestoreAlreadyInProgress"}')),
    ],
)
def test_a_restore_that_goes_on_is_no_error(kind, answer):
    """Begun, done, or under way already."""
    store, sent = bucket(kind, answer)

    store.restore("k", 3, tier="Bulk")

    assert "/bucket/k?restore" == sent[0].target
    expected = {
        "oss": b"<RestoreRequest><Days>3</Days><JobParameters><Tier>Bulk</Tier></JobParameters>"
        b"</RestoreRequest>",
        "s3": b'<RestoreRequest xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Days>3</Days>'
        b"<GlacierJobParameters><Tier>Bulk</Tier></GlacierJobParameters></RestoreRequest>",
        "tos": b'{"Days":3,"RestoreJobParameters":{"Tier":"Bulk"}}',
    }
    assert expected[kind] == sent[0].body.data


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("oss", Answer(400, xml("OperationNotSupported"))),
        ("s3", Answer(403, xml("InvalidObjectState"))),
    ],
)
def test_a_restore_of_what_is_not_archived(kind, answer):
    """It is refused."""
    with pytest.raises((errors.NotSupported, errors.ObjectArchived)):
        bucket(kind, answer)[0].restore("k", 3)


@pytest.mark.parametrize("junk", [b"", b"<x/>", b"[]", b'{"Contents":[1]}', b'{"Contents":"a"}'])
def test_an_answer_that_is_no_listing(junk):
    """JSON of another shape, or none: a fault of the server, never an exception of Python's."""
    store, _ = bucket("tos", Answer(body=junk))

    with pytest.raises(errors.ServerFault, match="unreadable"):
        store.list()
