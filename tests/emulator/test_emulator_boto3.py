"""boto3 as a client: what it expects of S3 is what it gets."""

import base64
import hashlib
import zlib
from urllib.parse import urlsplit

import boto3
import pytest
import requests
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError
from urllib3.util import connection

pytestmark = [
    # botocore asks datetime for naive UTC times (from Python 3.12 on it is told not to).
    pytest.mark.filterwarnings("ignore:datetime.datetime.utc.*:DeprecationWarning"),
]

CONTENT = bytes(range(256)) * 2000
MIB = 1 << 20


@pytest.fixture
def connect(server):
    """Make clients; the keyword arguments are of botocore's `Config`."""
    made = []

    def make(*, style="path", endpoint="", **config):
        config = {"retries": {"total_max_attempts": 1}, "signature_version": "s3v4", **config}
        config["s3"] = {"addressing_style": style, **config.get("s3", {})}
        made.append(
            boto3.client(
                "s3",
                endpoint_url=endpoint or server.endpoint,
                aws_access_key_id=server.key_id,
                aws_secret_access_key=server.secret,
                region_name="cn-hangzhou",
                config=Config(**config),
            )
        )
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def s3(connect):
    return connect()


def etag(data):
    return f'"{hashlib.md5(data).hexdigest()}"'


def refusal(call, *args, **how):
    """Return code and status of what the call is refused with."""
    with pytest.raises(ClientError) as caught:
        call(*args, **how)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_objects_come_back(s3, bucket):
    """put, get, range, head, delete; metadata, headers, ETag and type are kept."""
    put = s3.put_object(
        Bucket=bucket, Key="dir/k", Body=CONTENT, Metadata={"Some_Name.x": "value"},
        ContentType="text/plain", CacheControl="no-cache", ContentEncoding="gzip",
    )  # fmt: skip

    got = s3.get_object(Bucket=bucket, Key="dir/k")
    part = s3.get_object(Bucket=bucket, Key="dir/k", Range="bytes=5-9")
    head = s3.head_object(Bucket=bucket, Key="dir/k")

    assert etag(CONTENT) == put["ETag"] == got["ETag"] == head["ETag"]
    assert CONTENT == got["Body"].read()
    assert (CONTENT[5:10], "bytes 5-9/512000") == (part["Body"].read(), part["ContentRange"])
    assert {"some_name.x": "value"} == head["Metadata"]
    assert ("text/plain", "no-cache", "gzip") == (
        head["ContentType"], head["CacheControl"], head["ContentEncoding"],
    )  # fmt: skip
    s3.delete_object(Bucket=bucket, Key="dir/k")
    assert ("404", 404) == refusal(s3.head_object, Bucket=bucket, Key="dir/k")
    assert ("NoSuchKey", 404) == refusal(s3.get_object, Bucket=bucket, Key="dir/k")


def test_virtual_hosts(connect, bucket, server, monkeypatch):
    """A bucket in the host name is not in the path, nor in what is signed."""
    plain = connection.create_connection
    monkeypatch.setattr(
        connection, "create_connection", lambda to, *a, **k: plain(("127.0.0.1", to[1]), *a, **k)
    )
    s3 = connect(style="virtual", endpoint=f"http://localhost:{server.port}")
    seen = []
    s3.meta.events.register("before-send.s3", lambda request, **_: seen.append(request.url))

    s3.put_object(Bucket=bucket, Key="a/k", Body=CONTENT)

    assert CONTENT == s3.get_object(Bucket=bucket, Key="a/k")["Body"].read()
    assert [f"http://{bucket}.localhost:{server.port}/a/k"] * 2 == seen


@pytest.mark.parametrize("sha256", [True, False])
@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_checksums_are_verified_kept_and_told(connect, bucket, algorithm, sha256):
    """Signed with the payload's hash or without, each checksum is the client's own."""
    s3 = connect(s3={"payload_signing_enabled": sha256})

    put = s3.put_object(Bucket=bucket, Key="k", Body=CONTENT, ChecksumAlgorithm=algorithm)
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")

    assert put[f"Checksum{algorithm}"] == head[f"Checksum{algorithm}"]
    assert "FULL_OBJECT" == head["ChecksumType"]
    assert CONTENT == s3.get_object(Bucket=bucket, Key="k")["Body"].read()
    [listed] = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert ([algorithm], "FULL_OBJECT") == (listed["ChecksumAlgorithm"], listed["ChecksumType"])


def test_a_wrong_checksum_is_refused(s3, bucket):
    """And nothing is stored."""
    wrong = base64.b64encode(zlib.crc32(b"other").to_bytes(4, "big")).decode()

    refused = refusal(s3.put_object, Bucket=bucket, Key="k", Body=CONTENT, ChecksumCRC32=wrong)

    assert ("BadDigest", 400) == refused
    assert ("404", 404) == refusal(s3.head_object, Bucket=bucket, Key="k")


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA256"])
@pytest.mark.parametrize("body", [b"", b"x", CONTENT, bytes(3 * MIB)], ids=len)
def test_bodies_are_taken_out_of_their_coding(s3, bucket, body, algorithm, monkeypatch):
    """What boto3 sends over TLS, it sends here too: pieces, and the checksum behind them."""
    seen = []
    s3.meta.events.register("before-send.s3", lambda request, **_: seen.append(request.headers))
    monkeypatch.setattr("botocore.httpchecksum.urlparse", lambda _url: urlsplit("https://tls"))

    s3.put_object(Bucket=bucket, Key="k", Body=body, ChecksumAlgorithm=algorithm)
    got = s3.get_object(Bucket=bucket, Key="k")

    assert b"STREAMING-UNSIGNED-PAYLOAD-TRAILER" == seen[0]["X-Amz-Content-SHA256"]
    assert body == got["Body"].read()
    assert "ContentEncoding" not in got
    assert f"Checksum{algorithm}" in got


def test_writes_under_conditions(s3, bucket):
    """Only if there is none; only if it is still that one."""
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")
    again = refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*")
    second = s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch=first["ETag"])
    stale = refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"3", IfMatch=first["ETag"])
    nothing = refusal(s3.put_object, Bucket=bucket, Key="no", Body=b"", IfMatch=first["ETag"])

    assert ("PreconditionFailed", 412) == again == stale
    assert ("NoSuchKey", 404) == nothing
    assert second["ETag"] == s3.head_object(Bucket=bucket, Key="k")["ETag"]


def test_reads_under_conditions(s3, bucket):
    """ETags compare as they are shown."""
    tag = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]

    assert b"1" == s3.get_object(Bucket=bucket, Key="k", IfMatch=tag)["Body"].read()
    assert ("304", 304) == refusal(s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=tag)
    assert ("PreconditionFailed", 412) == refusal(
        s3.get_object, Bucket=bucket, Key="k", IfMatch='"other"'
    )
    assert ("412", 412) == refusal(s3.head_object, Bucket=bucket, Key="k", IfMatch='"other"')


@pytest.mark.parametrize(
    ("asked", "given"),
    [("bytes=2-100", b"2345"), ("bytes=-2", b"45"), ("bytes=-100", b"012345"), ("bytes=5-", b"5")],
)
def test_ranges_are_clipped(s3, bucket, asked, given):
    """An end behind the object's is its end."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"012345")

    got = s3.get_object(Bucket=bucket, Key="k", Range=asked)

    assert (given, 206) == (got["Body"].read(), got["ResponseMetadata"]["HTTPStatusCode"])


@pytest.mark.parametrize(
    ("body", "asked"), [(b"0", "bytes=1-"), (b"", "bytes=0-"), (b"0", "bytes=-0")]
)
def test_ranges_behind_the_end_are_refused(s3, bucket, body, asked):
    """There is no byte to send."""
    s3.put_object(Bucket=bucket, Key="k", Body=body)

    refused = refusal(s3.get_object, Bucket=bucket, Key="k", Range=asked)

    assert ("InvalidRange", 416) == refused


def test_copies(s3, bucket):
    """With the source's metadata or with new ones; onto itself only with something to change."""
    source = {"Bucket": bucket, "Key": "a b+%é"}
    put = s3.put_object(Bucket=bucket, Key=source["Key"], Body=CONTENT, Metadata={"a": "1"})

    kept = s3.copy_object(Bucket=bucket, Key="kept", CopySource=source)
    s3.copy_object(
        Bucket=bucket, Key="new", CopySource=source, Metadata={"a": "2"},
        MetadataDirective="REPLACE", CopySourceIfMatch=put["ETag"],
    )  # fmt: skip

    assert put["ETag"] == kept["CopyObjectResult"]["ETag"]
    assert {"a": "1"} == s3.head_object(Bucket=bucket, Key="kept")["Metadata"]
    assert {"a": "2"} == s3.head_object(Bucket=bucket, Key="new")["Metadata"]
    assert ("InvalidRequest", 400) == refusal(
        s3.copy_object, Bucket=bucket, Key=source["Key"], CopySource=source
    )
    for condition in ({"CopySourceIfMatch": '"x"'}, {"CopySourceIfNoneMatch": put["ETag"]}):
        refused = refusal(s3.copy_object, Bucket=bucket, Key="c", CopySource=source, **condition)
        assert ("PreconditionFailed", 412) == refused


def test_odd_keys(s3, bucket, odd_keys):
    """Keys survive put, copy, both listings page by page, get and batch delete."""
    for key in odd_keys:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
        source = {"Bucket": bucket, "Key": key}
        s3.copy_object(Bucket=bucket, Key=key[:-1] + "Z", CopySource=source)
    expected = sorted([*odd_keys, *(key[:-1] + "Z" for key in odd_keys)], key=str.encode)

    for operation in ("list_objects_v2", "list_objects"):
        pages = s3.get_paginator(operation).paginate(
            Bucket=bucket, PaginationConfig={"PageSize": 3}
        )
        assert expected == [one["Key"] for page in pages for one in page["Contents"]]
    for key in odd_keys:
        assert key.encode() == s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    expected = [key for key in expected if "\x01" not in key]  # no XML that expat reads names it
    deleted = s3.delete_objects(
        Bucket=bucket, Delete={"Objects": [{"Key": key} for key in expected]}
    )
    assert set(expected) == {one["Key"] for one in deleted["Deleted"]}


def test_listings(s3, bucket):
    """Groups and keys in one order, where to begin, and how a page goes on."""
    for key in ("a/1", "a/2", "b", "c/1", "d"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")

    first = s3.list_objects_v2(Bucket=bucket, Delimiter="/", MaxKeys=2)
    rest = s3.list_objects_v2(
        Bucket=bucket, Delimiter="/", ContinuationToken=first["NextContinuationToken"]
    )
    after = s3.list_objects_v2(Bucket=bucket, StartAfter="b", FetchOwner=True)

    assert (["a/"], ["b"]) == names(first)
    assert (["c/"], ["d"]) == names(rest)
    assert ["c/1", "d"] == names(after)[1]
    assert "Owner" in after["Contents"][0]
    assert "NextMarker" not in s3.list_objects(Bucket=bucket, MaxKeys=1)
    assert "a/" == s3.list_objects(Bucket=bucket, MaxKeys=1, Delimiter="/")["NextMarker"]
    assert 0 == s3.list_objects_v2(Bucket=bucket, MaxKeys=0)["KeyCount"]
    assert 1000 == s3.list_objects_v2(Bucket=bucket, MaxKeys=5000)["MaxKeys"]


def names(page):
    groups = [one["Prefix"] for one in page.get("CommonPrefixes", [])]
    return groups, [one["Key"] for one in page.get("Contents", [])]


def test_multipart(s3, bucket):
    """Parts, copied parts, lists of both; the ETag is the MD5 of the parts' MD5s."""
    part = bytes(5 * MIB)
    s3.put_object(Bucket=bucket, Key="source", Body=CONTENT)
    key = {"Bucket": bucket, "Key": "dir/big"}
    upload = s3.create_multipart_upload(**key, Metadata={"a": "b"}, StorageClass="STANDARD_IA")
    ids = {**key, "UploadId": upload["UploadId"]}
    one = s3.upload_part(**ids, PartNumber=1, Body=part)
    two = s3.upload_part_copy(
        **ids, PartNumber=7, CopySource={"Bucket": bucket, "Key": "source"},
        CopySourceRange="bytes=10-19",
    )["CopyPartResult"]  # fmt: skip

    listed = s3.list_parts(**ids, MaxParts=1)
    rest = s3.list_parts(**ids, PartNumberMarker=listed["NextPartNumberMarker"])
    [pending] = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
    parts = [
        {"PartNumber": 1, "ETag": one["ETag"]},
        {"PartNumber": 7, "ETag": two["ETag"]},
    ]
    done = s3.complete_multipart_upload(**ids, MultipartUpload={"Parts": parts})

    assert [(1, 5 * MIB)] == [(p["PartNumber"], p["Size"]) for p in listed["Parts"]]
    assert [(7, 10)] == [(p["PartNumber"], p["Size"]) for p in rest["Parts"]]
    assert ("dir/big", ids["UploadId"]) == (pending["Key"], pending["UploadId"])
    digests = hashlib.md5(part).digest() + hashlib.md5(CONTENT[10:20]).digest()
    assert f'"{hashlib.md5(digests).hexdigest()}-2"' == done["ETag"]
    head = s3.head_object(**key)
    assert (5 * MIB + 10, {"a": "b"}, "STANDARD_IA") == (
        head["ContentLength"], head["Metadata"], head["StorageClass"],
    )  # fmt: skip
    assert CONTENT[10:20] == s3.get_object(**key, Range="bytes=-10")["Body"].read()


@pytest.mark.parametrize(("kind", "algorithm"), [("FULL_OBJECT", "CRC32"), ("COMPOSITE", "SHA256")])
def test_multipart_checksums(s3, bucket, kind, algorithm):
    """The object's checksum is made of those of its parts, or is the whole's own."""
    bodies = [bytes([n]) * (5 * MIB) for n in range(2)]
    key = {"Bucket": bucket, "Key": "k"}
    upload = s3.create_multipart_upload(
        **key, ChecksumAlgorithm=algorithm, ChecksumType=kind
    )  # fmt: skip
    ids = {**key, "UploadId": upload["UploadId"]}
    name = f"Checksum{algorithm}"
    parts = []
    for number, body in enumerate(bodies, 1):
        one = s3.upload_part(**ids, PartNumber=number, Body=body, ChecksumAlgorithm=algorithm)
        parts.append({"PartNumber": number, "ETag": one["ETag"], name: one[name]})

    done = s3.complete_multipart_upload(**ids, MultipartUpload={"Parts": parts})

    if kind == "FULL_OBJECT":
        expected = base64.b64encode(zlib.crc32(b"".join(bodies)).to_bytes(4, "big")).decode()
    else:
        each = b"".join(hashlib.sha256(body).digest() for body in bodies)
        expected = base64.b64encode(hashlib.sha256(each).digest()).decode() + "-2"
    head = s3.head_object(**key, ChecksumMode="ENABLED")
    assert expected == done[name] == head[name]
    assert kind == done["ChecksumType"] == head["ChecksumType"]


def test_what_is_wrong_with_a_complete(s3, bucket):
    """Unknown, small, unordered parts, wrong sums; nothing of it harms the upload."""
    key = {"Bucket": bucket, "Key": "k"}
    ids = {**key, "UploadId": s3.create_multipart_upload(**key)["UploadId"]}
    tags = [s3.upload_part(**ids, PartNumber=n, Body=b"small")["ETag"] for n in (1, 2)]
    good = [{"PartNumber": n, "ETag": tag} for n, tag in enumerate(tags, 1)]

    def refused(parts, **more):
        return refusal(
            s3.complete_multipart_upload, **ids, MultipartUpload={"Parts": parts}, **more
        )

    assert ("EntityTooSmall", 400) == refused(good)
    assert ("InvalidPartOrder", 400) == refused(good[::-1])
    assert ("InvalidPart", 400) == refused([{"PartNumber": 3, "ETag": tags[0]}])
    assert ("InvalidPart", 400) == refused([{"PartNumber": 1, "ETag": '"other"'}])
    assert ("InvalidRequest", 400) == refused(good[:1], MpuObjectSize=7)
    s3.put_object(**key, Body=b"there")
    assert ("PreconditionFailed", 412) == refused(good[:1], IfNoneMatch="*")
    assert ("PreconditionFailed", 412) == refused(good[:1], IfMatch='"other"')
    s3.complete_multipart_upload(**ids, MultipartUpload={"Parts": good[:1]})
    assert ("NoSuchUpload", 404) == refused(good[:1])
    assert ("NoSuchUpload", 404) == refusal(s3.abort_multipart_upload, **ids)


def test_a_part_without_the_checksum_of_its_upload_is_refused(connect, bucket):
    """An upload that was begun with an algorithm wants it of each part."""
    s3 = connect(request_checksum_calculation="when_required")
    key = {"Bucket": bucket, "Key": "k"}
    upload = s3.create_multipart_upload(**key, ChecksumAlgorithm="SHA1")

    refused = refusal(s3.upload_part, **key, UploadId=upload["UploadId"], PartNumber=1, Body=b"x")

    assert ("InvalidRequest", 400) == refused


def test_a_200_mb_file_goes_and_comes(s3, bucket, server, large_file, large_copy):
    """upload_file and download_file, in parallel, with the checksums boto3 has by default."""
    config = TransferConfig(multipart_chunksize=8 * MIB, max_concurrency=4)
    key = {"Bucket": bucket, "Key": "big"}

    s3.upload_file(str(large_file.path), *key.values(), Config=config)
    s3.download_file(*key.values(), str(large_copy), Config=config)

    assert large_file.equals(large_copy)
    assert 25 == server.requests("UploadPart")
    assert "COMPOSITE" == s3.head_object(**key, ChecksumMode="ENABLED")["ChecksumType"]
    s3.delete_object(**key)


def test_presigned_urls(s3, bucket):
    """Reading, writing and overriding headers without any credentials."""
    key = {"Bucket": bucket, "Key": "a b+c/é"}
    put = s3.generate_presigned_url("put_object", Params={**key, "Metadata": {"a": "b"}})
    get = s3.generate_presigned_url(
        "get_object", Params={**key, "ResponseContentType": "text/x"}, ExpiresIn=60
    )

    with requests.Session() as session:
        wrote = session.put(put, data=CONTENT, headers={"x-amz-meta-a": "b"})
        read = session.get(get)
        changed = session.get(get + "&versionId=1")

    assert (200, 200, 403) == (wrote.status_code, read.status_code, changed.status_code)
    assert (CONTENT, "text/x", "b") == (
        read.content, read.headers["Content-Type"], read.headers["x-amz-meta-a"],
    )  # fmt: skip
    assert b"<Code>SignatureDoesNotMatch</Code>" in changed.content


def test_batch_delete_tagging_and_acl(s3, bucket):
    """Deleting what is not there is no error; tags and canned ACLs come back."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"", Tagging="a=1&b=2", ACL="public-read")
    tags = s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "x", "Value": "y"}]})

    assert [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}] == tags
    assert [{"Key": "x", "Value": "y"}] == s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert [] == s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]
    grants = s3.get_object_acl(Bucket=bucket, Key="k")["Grants"]
    assert ["FULL_CONTROL", "READ"] == [one["Permission"] for one in grants]
    wanted = {"Objects": [{"Key": "k"}, {"Key": "no"}], "Quiet": True}
    assert "Deleted" not in s3.delete_objects(Bucket=bucket, Delete=wanted)
    assert 0 == s3.list_objects_v2(Bucket=bucket)["KeyCount"]


def test_buckets(s3):
    """Made once, found, listed, located, removed when empty."""
    name = "bucket-of-boto3"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "cn-hangzhou"})

    assert ("BucketAlreadyOwnedByYou", 409) == refusal(s3.create_bucket, Bucket=name)
    assert "cn-hangzhou" == s3.head_bucket(Bucket=name)["BucketRegion"]
    assert "cn-hangzhou" == s3.get_bucket_location(Bucket=name)["LocationConstraint"]
    assert "Status" not in s3.get_bucket_versioning(Bucket=name)
    assert name in [one["Name"] for one in s3.list_buckets()["Buckets"]]
    s3.put_object(Bucket=name, Key="k", Body=b"")
    assert ("BucketNotEmpty", 409) == refusal(s3.delete_bucket, Bucket=name)
    s3.delete_object(Bucket=name, Key="k")
    s3.delete_bucket(Bucket=name)
    assert ("NoSuchBucket", 404) == refusal(s3.list_objects_v2, Bucket=name)
    assert ("404", 404) == refusal(s3.head_bucket, Bucket=name)


def test_storage_classes(s3, bucket):
    """The standard class is not told; the archives must be restored before they are read."""
    s3.put_object(Bucket=bucket, Key="plain", Body=b"")
    s3.put_object(Bucket=bucket, Key="cold", Body=b"x", StorageClass="GLACIER")

    assert "StorageClass" not in s3.head_object(Bucket=bucket, Key="plain")
    assert "GLACIER" == s3.head_object(Bucket=bucket, Key="cold")["StorageClass"]
    listed = [one["StorageClass"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert ["GLACIER", "STANDARD"] == listed
    assert ("InvalidObjectState", 403) == refusal(s3.get_object, Bucket=bucket, Key="cold")
    s3.restore_object(Bucket=bucket, Key="cold", RestoreRequest={"Days": 1})
    assert 'ongoing-request="false"' in s3.head_object(Bucket=bucket, Key="cold")["Restore"]
    assert b"x" == s3.get_object(Bucket=bucket, Key="cold")["Body"].read()
    assert ("InvalidStorageClass", 400) == refusal(
        s3.put_object, Bucket=bucket, Key="k", Body=b"", StorageClass="NOT_ONE"
    )


def test_refusals(connect, s3, bucket, server):
    """Codes and statuses of what clients meet most."""
    stranger = connect()
    stranger._request_signer._credentials.access_key = "AKIASTRANGER"
    forger = connect()
    forger._request_signer._credentials.secret_key = "wrong"

    assert ("InvalidAccessKeyId", 403) == refusal(stranger.list_buckets)
    assert ("SignatureDoesNotMatch", 403) == refusal(forger.list_buckets)
    assert ("KeyTooLongError", 400) == refusal(
        s3.put_object, Bucket=bucket, Key="k" * 1025, Body=b""
    )
    assert ("MetadataTooLarge", 400) == refusal(
        s3.put_object, Bucket=bucket, Key="k", Body=b"", Metadata={"a": "x" * 2048}
    )
    assert ("NotImplemented", 501) == refusal(s3.get_object_attributes, Bucket=bucket, Key="k",
                                              ObjectAttributes=["ETag"])  # fmt: skip
    assert ("NoSuchLifecycleConfiguration", 404) == refusal(
        s3.get_bucket_lifecycle_configuration, Bucket=bucket
    )
    server.set_clock_offset(-3600)
    assert ("RequestTimeTooSkewed", 403) == refusal(s3.get_object, Bucket=bucket, Key="k")
