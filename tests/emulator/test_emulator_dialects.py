"""Which dialect a request is in, and one object seen through all three."""

import hashlib
import warnings

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from multidict import CIMultiDict

with warnings.catch_warnings():
    # Both SDKs carry invalid escape sequences, reported when they are compiled.
    warnings.simplefilter("ignore")
    import oss2
    import tos

from ossfs.crc64 import crc64
from ossfs.emulator.dialects import OSS, S3, TOS, dialect_of

pytestmark = [
    # All three SDKs ask datetime for naive UTC times when they sign.
    pytest.mark.filterwarnings("ignore:datetime.datetime.utc.*:DeprecationWarning"),
    # Two of them leave answers unread, and their connections to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

CONTENT = bytes(range(256)) * 2000
MIB = 1 << 20


@pytest.mark.parametrize(
    ("headers", "parameters", "expected"),
    [
        ({"Authorization": "OSS id:signature"}, [], OSS),
        ({"Authorization": "OSS4-HMAC-SHA256 Credential=…"}, [], OSS),
        ({"Authorization": "TOS4-HMAC-SHA256 Credential=…"}, [], TOS),
        ({"Authorization": "AWS4-HMAC-SHA256 Credential=…"}, [], S3),
        ({"Authorization": "AWS id:signature"}, [], S3),
        ({"Authorization": "AWS4-HMAC-SHA256 …", "x-oss-meta-a": "b"}, [], S3),
        ({}, [("x-oss-signature", "…")], OSS),
        ({}, [("Signature", "…"), ("OSSAccessKeyId", "id")], OSS),
        ({}, [("X-Tos-Algorithm", "TOS4-HMAC-SHA256")], TOS),
        ({}, [("prefix", "a"), ("X-Amz-Signature", "…")], S3),
        ({"x-amz-meta-a": "b"}, [("x-tos-signature", "…")], TOS),
        ({"Host": "x", "X-Tos-Meta-A": "b"}, [], TOS),
        ({"x-amz-date": "…"}, [], S3),
        ({}, [], OSS),
        ({"Authorization": "Bearer token"}, [], OSS),
    ],
)
def test_the_request_shows_its_dialect(headers, parameters, expected):
    """The signature first, then what else is a dialect's own; nothing at all is OSS."""
    assert expected is dialect_of(CIMultiDict(headers), parameters)


@pytest.fixture
def clients(server, bucket):
    """Return an official client of each dialect, for the same bucket."""
    session = oss2.Session()
    oss = oss2.Bucket(
        oss2.AuthV4(server.key_id, server.secret), server.endpoint, bucket, session=session,
        region="cn-hangzhou",
    )  # fmt: skip
    s3 = boto3.client(
        "s3", endpoint_url=server.endpoint, region_name="cn-hangzhou",
        aws_access_key_id=server.key_id, aws_secret_access_key=server.secret,
        config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip
    client = tos.TosClientV2(
        server.key_id, server.secret, "http://tos-cn-hangzhou.volces.com", "cn-hangzhou",
        proxy_host=server.host, proxy_port=server.port, max_retry_count=0, dns_cache_time=0,
    )  # fmt: skip
    yield oss, client, s3
    session.session.close()
    client.close()
    s3.close()


def seen(clients, bucket, key):
    """Return what each client sees of an object: (bytes, ETag, metadata, content type)."""
    oss, client, s3 = clients
    by_oss, by_tos = oss.get_object(key), client.get_object(bucket, key)
    by_s3 = s3.get_object(Bucket=bucket, Key=key)
    return [
        (by_oss.read(), by_oss.etag, by_oss.headers.get("x-oss-meta-m"), by_oss.content_type),
        (by_tos.read(), by_tos.etag, by_tos.meta.get("m"), by_tos.content_type),
        (by_s3["Body"].read(), by_s3["ETag"].strip('"'), by_s3["Metadata"].get("m"),
         by_s3["ContentType"]),
    ]  # fmt: skip


@pytest.mark.parametrize("writer", ["oss", "tos", "s3"])
def test_one_object_through_three_dialects(clients, bucket, writer):
    """The bytes, the metadata and the type are the same; the ETag differs by case only."""
    oss, client, s3 = clients
    key = "dir/é +%"
    if writer == "oss":
        oss.put_object(key, CONTENT, {"x-oss-meta-m": "v", "Content-Type": "text/x"})
    elif writer == "tos":
        client.put_object(bucket, key, content=CONTENT, meta={"m": "v"}, content_type="text/x")
    else:
        s3.put_object(Bucket=bucket, Key=key, Body=CONTENT, Metadata={"m": "v"},
                      ContentType="text/x")  # fmt: skip

    digest = hashlib.md5(CONTENT).hexdigest()
    assert [
        (CONTENT, digest.upper(), "v", "text/x"),
        (CONTENT, digest, "v", "text/x"),
        (CONTENT, digest, "v", "text/x"),
    ] == seen(clients, bucket, key)
    assert crc64(CONTENT) == oss.head_object(key).server_crc
    assert crc64(CONTENT) == client.head_object(bucket, key).hash_crc64_ecma
    [listed] = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert [key] * 3 == [
        listed["Key"],
        oss.list_objects_v2().object_list[0].key,
        client.list_objects_type2(bucket).contents[0].key,
    ]


def test_an_upload_that_three_dialects_share(clients, bucket):
    """Begun by one, continued by the next, completed by the third."""
    oss, client, s3 = clients
    parts = [bytes([n]) * (5 * MIB) for n in range(3)]
    upload = client.create_multipart_upload(bucket, "k").upload_id
    tags = [
        oss.upload_part("k", upload, 1, parts[0]).etag,
        client.upload_part(bucket, "k", upload, 2, content=parts[1]).etag,
        s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=3, Body=parts[2])[
            "ETag"
        ],
    ]

    listed = [{"PartNumber": n, "ETag": tag} for n, tag in enumerate(tags, 1)]
    done = s3.complete_multipart_upload(
        Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": listed}
    )

    digests = b"".join(hashlib.md5(part).digest() for part in parts)
    assert f'"{hashlib.md5(digests).hexdigest()}-3"' == done["ETag"]
    assert crc64(b"".join(parts)) == oss.head_object("k").server_crc


def test_a_symlink_is_its_target_where_there_are_no_symlinks(clients, bucket):
    """S3 reads what the link points to, and misses the key when that is nothing."""
    oss, _client, s3 = clients
    oss.put_object("target", b"x")
    oss.put_symlink("target", "link")
    oss.put_symlink("nothing", "broken")

    assert b"x" == s3.get_object(Bucket=bucket, Key="link")["Body"].read()
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="broken")


def test_storage_classes_have_each_dialect_s_name(clients, bucket):
    """What one dialect has no name for reads as what comes nearest."""
    oss, client, s3 = clients
    s3.put_object(Bucket=bucket, Key="a", Body=b"", StorageClass="STANDARD_IA")
    s3.put_object(Bucket=bucket, Key="b", Body=b"", StorageClass="INTELLIGENT_TIERING")
    oss.put_object("c", b"", {"x-oss-storage-class": "DeepColdArchive"})

    listed = client.list_objects_type2(bucket).contents
    assert ["IA", "INTELLIGENT_TIERING", "DEEP_COLD_ARCHIVE"] == [
        one.storage_class.value for one in listed
    ]
    assert ["IA", "Standard", "DeepColdArchive"] == [
        oss.head_object(key).headers["x-oss-storage-class"] for key in "abc"
    ]
    assert "DEEP_ARCHIVE" == s3.head_object(Bucket=bucket, Key="c")["StorageClass"]


def test_faults_and_counters_know_one_name_for_an_operation(clients, bucket, server):
    """A rule for PutObject hits all three; each says the injected code in its own form."""
    oss, client, s3 = clients
    server.add_fault("error", operation="PutObject", status=503, code="SlowDown", count=3)

    with pytest.raises(oss2.exceptions.ServerError) as by_oss:
        oss.put_object("k", b"")
    with pytest.raises(tos.exceptions.TosServerError) as by_tos:
        client.put_object(bucket, "k", content=b"")
    with pytest.raises(ClientError) as by_s3:
        s3.put_object(Bucket=bucket, Key="k", Body=b"")

    assert 3 == server.requests("PutObject")
    assert ["SlowDown"] * 3 == [
        by_oss.value.code, by_tos.value.code, by_s3.value.response["Error"]["Code"],
    ]  # fmt: skip
