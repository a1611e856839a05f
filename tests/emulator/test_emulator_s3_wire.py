"""S3 requests written by hand: what no official client would send, or at no such moment."""

import http.client
import socket

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

pytestmark = [
    # botocore asks datetime for naive UTC times (from Python 3.12 on it is told not to).
    pytest.mark.filterwarnings("ignore:datetime.datetime.utc.*:DeprecationWarning"),
]


class Signed(http.client.HTTPConnection):
    """A connection whose requests botocore signs, and nobody else touches."""

    def __init__(self, server, bucket):
        super().__init__(server.host, server.port, timeout=30)
        self.signer = S3SigV4Auth(
            Credentials(server.key_id, server.secret, server.token or None), "s3", "cn-hangzhou"
        )
        self.base = f"{server.endpoint}/{bucket}"

    def __call__(self, method, path, *, headers=None, body=b"", unsigned=None):
        request = self.prepared(method, path, headers, body)
        self.request(method, request.url.removeprefix(f"http://{self.host}:{self.port}"), body,
                     {**dict(request.headers.items()), **(unsigned or {})})  # fmt: skip
        response = self.getresponse()
        response.text = response.read().decode()
        return response

    def prepared(self, method, path, headers=None, body=b""):
        request = AWSRequest(method, self.base + path, headers or {}, body)
        self.signer.add_auth(request)
        return request


@pytest.fixture
def wire(server, bucket):
    connection = Signed(server, bucket)
    yield connection
    connection.close()


@pytest.fixture
def s3(server):
    client = boto3.client(
        "s3", endpoint_url=server.endpoint, region_name="cn-hangzhou",
        aws_access_key_id=server.key_id, aws_secret_access_key=server.secret,
        config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip
    yield client
    client.close()


def code(response):
    return response.text.partition("<Code>")[2].partition("<")[0]


@pytest.mark.parametrize(
    ("meanwhile", "expected"),
    [("delete", b"409"), ("overwrite", b"412"), ("nothing", b"200")],
)
def test_an_object_that_changes_during_a_conditional_write(
    server, wire, s3, bucket, meanwhile, expected
):
    """Gone is a conflict, another one a failed condition; the condition is checked at the end."""
    tag = s3.put_object(Bucket=bucket, Key="k", Body=b"before")["ETag"]
    request = wire.prepared(
        "PUT", "/k", {"If-Match": tag, "Expect": "100-continue"}, b"half of it, the rest"
    )
    lines = [f"PUT /{bucket}/k HTTP/1.1", f"Host: {server.host}:{server.port}",
             *(f"{name}: {value}" for name, value in request.headers.items()),
             "Content-Length: 20", "", ""]  # fmt: skip

    with socket.create_connection((server.host, server.port), timeout=30) as raw:
        raw.sendall("\r\n".join(lines).encode())
        assert raw.recv(100).startswith(b"HTTP/1.1 100 ")  # the first look has happened
        raw.sendall(b"half of it, ")
        if meanwhile == "delete":
            s3.delete_object(Bucket=bucket, Key="k")
        elif meanwhile == "overwrite":
            s3.put_object(Bucket=bucket, Key="k", Body=b"another")
        raw.sendall(b"the rest")
        answer = raw.recv(65536)

    assert expected == answer.split()[1]
    assert (b"ConditionalRequestConflict" in answer) == (expected == b"409")


def test_a_bucket_is_described_in_the_namespace_of_s3(wire):
    """Documents have it, errors do not."""
    listed, missing = wire("GET", "?list-type=2"), wire("GET", "/no")

    assert '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' in listed.text
    assert "<Error><Code>NoSuchKey</Code>" in missing.text
    assert missing.headers["x-amz-request-id"] in missing.text


@pytest.mark.parametrize(
    ("headers", "body", "status", "name"),
    [
        ({"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="}, b"x", 400, "BadDigest"),
        ({"Content-MD5": "nonsense"}, b"x", 400, "InvalidDigest"),
        ({"x-amz-checksum-crc32": "AAAA"}, b"x", 400, "InvalidRequest"),
        ({"x-amz-checksum-crc32c": "AAAAAA=="}, b"x", 400, "BadDigest"),
        ({"x-amz-checksum-crc64nvme": "AAAAAAAAAAA="}, b"x", 400, "BadDigest"),
        ({"x-amz-sdk-checksum-algorithm": "CRC32"}, b"x", 400, "InvalidRequest"),
        ({"x-amz-sdk-checksum-algorithm": "SHA1", "x-amz-checksum-crc32": "AAAAAA=="}, b"x", 400,
         "InvalidRequest"),
        ({"x-amz-trailer": "x-amz-checksum-crc32"}, b"x", 400, "MalformedTrailerError"),
        ({"If-None-Match": '"an etag"'}, b"x", 501, "NotImplemented"),
        ({"x-amz-acl": "everybody"}, b"x", 400, "InvalidArgument"),
        ({"x-amz-tagging": "a=1&a=2"}, b"x", 400, "InvalidTag"),
        ({"x-amz-copy-source": "nowhere"}, b"", 400, "InvalidArgument"),
        ({"x-amz-copy-source": "/nowhere/k"}, b"", 404, "NoSuchBucket"),
    ],
)  # fmt: skip
def test_a_refused_put_changes_nothing(wire, headers, body, status, name):
    """Whatever is wrong with it, the object that was there stays."""
    wire("PUT", "/k", body=b"before")

    put = wire("PUT", "/k", headers=headers, body=body)

    assert (status, name) == (put.status, code(put))
    assert "before" == wire("GET", "/k").text


@pytest.mark.parametrize("name", ["crc32c", "crc64nvme"])
def test_checksums_that_the_standard_library_does_not_know(wire, name):
    """Verified, kept and told when they are asked for; not of a range."""
    value = {"crc32c": "4waSgw==", "crc64nvme": "rosUhgp5mIg="}[name]  # of the catalogue
    mode = {"x-amz-checksum-mode": "ENABLED"}

    put = wire("PUT", "/k", headers={f"x-amz-checksum-{name}": value}, body=b"123456789")

    assert (200, value) == (put.status, put.headers[f"x-amz-checksum-{name}"])
    assert value == wire("GET", "/k", headers=mode).headers[f"x-amz-checksum-{name}"]
    assert f"x-amz-checksum-{name}" not in wire("GET", "/k").headers
    ranged = wire("GET", "/k", headers={**mode, "Range": "bytes=0-0"})
    assert (206, "1") == (ranged.status, ranged.text)
    assert f"x-amz-checksum-{name}" not in ranged.headers


def test_a_batch_delete_needs_a_checksum_of_its_body(wire):
    """And that has to be right."""
    body = b"<Delete><Object><Key>k</Key></Object></Delete>"

    without = wire("POST", "?delete", body=body)
    wrong = wire("POST", "?delete", body=body, headers={"x-amz-checksum-crc32": "AAAAAA=="})

    assert (400, "InvalidRequest") == (without.status, code(without))
    assert (400, "BadDigest") == (wrong.status, code(wrong))


def test_an_unsigned_header_of_s3_is_refused(wire):
    """Metadata that was added on the way."""
    put = wire("PUT", "/k", body=b"x", unsigned={"x-amz-meta-added": "1"})

    assert (403, "AccessDenied") == (put.status, code(put))


def test_a_signature_that_cannot_be_read(wire):
    """Malformed is another code than wrong."""
    get = wire("GET", "/k", unsigned={"Authorization": "AWS4-HMAC-SHA256 Credential=x/y"})

    assert (400, "AuthorizationHeaderMalformed") == (get.status, code(get))


def test_an_older_signature_is_refused(wire):
    """With the name of the one that is wanted."""
    get = wire("GET", "/k", unsigned={"Authorization": "AWS id:signature"})

    assert (400, "InvalidRequest") == (get.status, code(get))
    assert "AWS4-HMAC-SHA256" in get.text


def test_a_head_that_fails_has_no_body(wire):
    """Only the status tells."""
    head = wire("HEAD", "/no")

    assert (404, "") == (head.status, head.text)


def test_the_address_is_the_path_s(wire):
    """A key may begin with a slash, which OSS does not allow."""
    assert 200 == wire("PUT", "//k", body=b"x").status
    assert "<Key>/k</Key>" in wire("GET", "?list-type=2").text
