"""What `Bucket` sends, and what it makes of answers that a right server does not give."""

import base64
import urllib.error
import urllib.request

import pytest
from scripted_transport import Answer, Scripted

from ossfs.clock import FakeClock
from ossfs.errors import (
    AccessDenied,
    CallbackFailed,
    ChecksumMismatch,
    CredentialsExpired,
    InvalidName,
    InvalidRequest,
    NoSuchBucket,
    NoSuchKey,
    ObjectArchived,
    ObjectTooLarge,
    PreconditionFailed,
    ServerFault,
    Throttled,
)
from ossfs.extents import Extent
from ossfs.store.addressing import parse_endpoint
from ossfs.store.api import BytesBody, Headers
from ossfs.store.bucket import Bucket
from ossfs.store.credentials import Credentials, FixedCredentials
from ossfs.store.dialects.oss import oss_dialect
from ossfs.store.dialects.s3 import s3_dialect
from ossfs.store.dialects.tos import tos_dialect
from ossfs.store.transport import HttpTransport
from ossfs.store.write_headers import WriteHeaders

DATE = "Thu, 01 Jan 2026 00:00:00 GMT"
OBJECT = {"etag": '"AB"', "last-modified": DATE}


def bucket(*answers, endpoint="http://oss-cn-hangzhou.aliyuncs.com", **options):
    transport = Scripted(*answers)
    made = Bucket(
        transport=transport,
        dialect=oss_dialect(region="cn-hangzhou"),
        credentials=FixedCredentials(Credentials("id", "secret")),
        endpoint=parse_endpoint(endpoint),
        name="bucket",
        clock=FakeClock(),
        **options,
    )
    return made, transport


def error(status, code="", **headers):
    body = f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode() if code else b""
    return Answer(status, body, **headers)


def test_where_a_request_goes():
    """Virtual host style for OSS's own endpoints, path style for addresses."""
    virtual, sent = bucket(Answer(**OBJECT))
    virtual.head("a/b c")
    path, sent_to_address = bucket(Answer(**OBJECT), endpoint="http://127.0.0.1:9000")
    path.head("a/b c")

    assert ("bucket.oss-cn-hangzhou.aliyuncs.com", "/a/b%20c") == (
        sent.requests[0].headers["host"],
        sent.requests[0].target,
    )
    assert ("127.0.0.1:9000", "/bucket/a/b%20c") == (
        sent_to_address.requests[0].headers["host"],
        sent_to_address.requests[0].target,
    )


def test_write_headers_go_where_they_belong():
    """Class, encryption, ACL and tags with what they apply to, and with nothing else."""
    done = Answer(body=b'<R><ETag>"AB"</ETag><UploadId>U</UploadId></R>', etag='"AB"')
    made = Answer(
        body=b"<InitiateMultipartUploadResult><UploadId>U</UploadId></InitiateMultipartUploadResult>"
    )
    store, sent = bucket(
        Answer(etag='"AB"'),
        done,
        made,
        Answer(etag='"AB"'),
        done,
        Answer(etag='"AB"'),
        Answer(body=b"", **OBJECT),
        write_headers=WriteHeaders(
            storage_class="IA",
            encryption="KMS",
            encryption_key_id="key",
            acl="private",
            tagging={"a b": "c&d"},
        ),
        every_header={"x-oss-request-payer": "requester"},
    )
    store.put("k", BytesBody(b""), Headers("text/plain", {"M": "1"}))
    store.copy("k", "l")
    store.create_upload("k", Headers())
    part = store.upload_part("k", "U", 1, BytesBody(b""))
    store.complete_upload("k", "U", [part])
    store.put_symlink("link", "k", Headers())
    store.get("k")

    def own(number):
        dates = {"date", "content-sha256", "request-payer"}
        names = sent.requests[number].headers
        return {n.removeprefix("x-oss-") for n in names if n.startswith("x-oss-")} - dates

    everything = {"storage-class", "server-side-encryption", "server-side-encryption-key-id"}
    everything |= {"object-acl"}
    assert everything | {"tagging", "meta-m"} == own(0)
    assert "a%20b=c%26d" == sent.requests[0].headers["x-oss-tagging"]
    assert everything | {"copy-source"} == own(1)
    assert everything | {"tagging"} == own(2)
    assert set() == own(3)
    assert {"object-acl"} == own(4)
    assert {"object-acl", "storage-class", "symlink-target"} == own(5)
    assert set() == own(6)
    assert all("requester" == r.headers["x-oss-request-payer"] for r in sent.requests)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (error(403, "InvalidObjectState"), ObjectArchived),
        (error(403, "SecurityTokenExpired"), CredentialsExpired),
        (error(403, "SomethingNew"), AccessDenied),
        (error(404, "NoSuchBucket"), NoSuchBucket),
        (error(404, "SymlinkTargetNotExist"), NoSuchKey),
        (error(404), NoSuchKey),
        (error(503, "TotalQpsLimitExceeded"), Throttled),
        (error(429), Throttled),
        (error(500, "InternalError"), ServerFault),
        (error(502), ServerFault),
        (error(400, "InvalidDigest"), ChecksumMismatch),
        (error(400, "SomethingNew"), InvalidRequest),
        (error(307, location="http://elsewhere"), InvalidRequest),
        (error(203, "CallbackFailed"), CallbackFailed),
    ],
)
def test_errors(answer, expected):
    """The code decides, else the status."""
    store, _ = bucket(answer)

    with pytest.raises(expected) as caught:
        store.get("k")

    assert expected is type(caught.value)
    assert ("get", "bucket", "k") == (
        caught.value.operation,
        caught.value.bucket,
        caught.value.key,
    )


def test_an_error_to_head_comes_in_a_header():
    """HEAD has no body; the store puts it into x-oss-err."""
    xml = b"<Error><Code>AccessDenied</Code><Message>no</Message><RequestId>5C</RequestId></Error>"
    store, _ = bucket(Answer(403, x_oss_err=base64.b64encode(xml).decode()))

    with pytest.raises(AccessDenied) as caught:
        store.head("k")

    assert ("AccessDenied", "no", "5C") == (
        caught.value.code,
        caught.value.message,
        caught.value.request_id,
    )


@pytest.mark.parametrize(
    ("headers", "wish"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"x_oss_qos_delay_time": "1500"}, 1.5),
        ({"retry_after": "soon"}, None),
        ({}, None),
    ],
)
def test_what_the_store_wishes(headers, wish):
    """Retry-After in seconds, OSS's own delay in milliseconds."""
    store, _ = bucket(error(503, "ServiceUnavailable", **headers))

    with pytest.raises(Throttled) as caught:
        store.head("k")

    assert wish == caught.value.retry_after_s


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        # another range than the one asked for
        (Answer(206, b"x" * 5, content_range="bytes 0-4/100", **OBJECT), ServerFault),
        (Answer(206, b"x" * 4, content_range="bytes 10-14/100", **OBJECT), ServerFault),
        (Answer(206, b"x" * 5, **OBJECT), ServerFault),
        # the whole object, because ranges are not known
        (Answer(200, b"x" * 100, **OBJECT), InvalidRequest),
        # another version than the one pinned
        (
            Answer(
                206,
                b"x" * 5,
                content_range="bytes 10-14/100",
                etag='"CD"',
                last_modified=DATE,
            ),
            PreconditionFailed,
        ),
    ],
)
def test_ranges_are_checked(answer, expected):
    """What does not answer the question is never taken for the bytes."""
    store, _ = bucket(answer)

    with pytest.raises(expected):
        store.get("k", Extent(10, 15), if_match="AB")


def test_a_whole_object_is_checked():
    """Its CRC-64 is compared, also when it was asked for as a range."""
    store, _ = bucket(
        Answer(body=b"123456788", x_oss_hash_crc64ecma="11051210869376104954", **OBJECT)
    )

    with pytest.raises(ChecksumMismatch, match="11051210869376104954"):
        store.get("k")


@pytest.mark.parametrize("missing", ["last-modified", "content-length"])
def test_an_answer_without_the_necessary(missing):
    """A description without time or size is a fault of the server, not an exception of ours."""
    answer = Answer(body=b"x", **OBJECT)
    answer.headers = {"etag": '"AB"', "content-length": "1", "last-modified": DATE}
    del answer.headers[missing]
    store, _ = bucket(answer)

    with pytest.raises(ServerFault, match="unreadable"):
        store.get("k")


def test_sizes_are_refused_before_anything_is_sent():
    """What the store would refuse after gigabytes."""

    class Huge:
        size = (5 << 30) + 1

    store, sent = bucket()

    with pytest.raises(ObjectTooLarge):
        store.put("k", Huge(), Headers())
    with pytest.raises(ObjectTooLarge):
        store.upload_part("k", "U", 1, Huge())
    assert [] == sent.requests


@pytest.mark.parametrize("name", ["", "ab", "Bucket", "-bucket", "bucket_", "a/b", "x" * 64])
def test_names_that_no_bucket_has(name):
    """They are refused before they get into a host name or path."""
    with pytest.raises(InvalidName):
        Bucket(
            transport=Scripted(),
            dialect=oss_dialect(),
            credentials=FixedCredentials(Credentials("id", "secret")),
            endpoint=parse_endpoint("http://127.0.0.1"),
            name=name,
        )


def test_version_4_needs_a_region():
    """Without one, version 1 is taken, unless 4 was asked for."""
    assert "OssV1" == type(oss_dialect().signer).__name__
    assert "OssV4" == type(oss_dialect(region="oss-cn-hangzhou").signer).__name__
    assert "cn-hangzhou" == oss_dialect(region="oss-cn-hangzhou").signer.region
    with pytest.raises(ValueError, match="region"):
        oss_dialect(version=4)


@pytest.mark.parametrize(
    "dialect",
    [
        oss_dialect(region="cn-hangzhou", version=1),
        oss_dialect(region="cn-hangzhou", version=4),
        s3_dialect(region="cn-hangzhou"),
        tos_dialect(region="cn-hangzhou"),
    ],
    ids=["oss v1", "oss v4", "s3", "tos"],
)
def test_a_presigned_url_works_for_anybody(emulator, bucket_name, dialect):
    """Fetched without credentials, from the server that verifies it; bent, it is refused."""
    transport = HttpTransport()
    store = Bucket(
        transport=transport,
        dialect=dialect,
        credentials=FixedCredentials(Credentials(emulator.key_id, emulator.secret)),
        endpoint=parse_endpoint(emulator.endpoint),
        name=bucket_name,
    )
    store.put("a b/é+%", BytesBody(b"content"), Headers())
    url = store.presign("a b/é+%", 60)
    transport.close()

    with urllib.request.urlopen(url) as answer:
        assert b"content" == answer.read()
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url.replace("%2B", "x"))
    assert 403 == caught.value.code
    caught.value.close()
