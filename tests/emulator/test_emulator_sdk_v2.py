"""The official SDK, second generation, as a client."""

import base64
import hashlib

import alibabacloud_oss_v2 as sdk
import pytest
import requests

from ossfs.crc64 import crc64

CONTENT = bytes(range(256)) * 2000


@pytest.fixture
def connect(server):
    """Make clients of the SDK."""
    session = requests.Session()

    def make(version, **options):
        config = sdk.config.Config(**options)
        config.credentials_provider = sdk.credentials.StaticCredentialsProvider(
            server.key_id, server.secret
        )
        config.region, config.endpoint = "cn-hangzhou", server.endpoint
        config.signature_version = version
        config.http_client = sdk.transport.RequestsHttpClient(session=session)
        return sdk.Client(config)

    yield make
    session.close()


@pytest.fixture(params=["v1", "v4"])
def client(request, connect):
    """Return a client, signing in either way."""
    return connect(request.param)


def test_objects_come_back(client, bucket):
    """put, get, range, head, meta, delete."""
    put = client.put_object(
        sdk.PutObjectRequest(bucket, "dir/é k", body=CONTENT, metadata={"a": "b"})
    )

    assert str(crc64(CONTENT)) == put.hash_crc64
    assert CONTENT == client.get_object(sdk.GetObjectRequest(bucket, "dir/é k")).body.content
    ranged = sdk.GetObjectRequest(bucket, "dir/é k", range_header="bytes=5-9")
    assert CONTENT[5:10] == client.get_object(ranged).body.content
    head = client.head_object(sdk.HeadObjectRequest(bucket, "dir/é k"))
    assert (len(CONTENT), {"a": "b"}) == (head.content_length, dict(head.metadata))
    meta = client.get_object_meta(sdk.GetObjectMetaRequest(bucket, "dir/é k"))
    assert len(CONTENT) == meta.content_length
    client.delete_object(sdk.DeleteObjectRequest(bucket, "dir/é k"))
    assert not client.is_object_exist(bucket, "dir/é k")


def test_odd_keys(client, bucket, odd_keys):
    """Keys survive put, copy, both listings page by page, get and batch delete."""
    # requests takes dotted segments out of a URL, so the SDK's signature is of another path.
    odd_keys = [key for key in odd_keys if "./" not in key]
    for key in odd_keys:
        client.put_object(sdk.PutObjectRequest(bucket, key, body=key.encode()))
        client.copy_object(
            sdk.CopyObjectRequest(bucket, key[:-1] + "Z", source_bucket=bucket, source_key=key)
        )
    expected = sorted([*odd_keys, *(key[:-1] + "Z" for key in odd_keys)], key=str.encode)

    for paginator, request in (
        (client.list_objects_paginator(limit=3), sdk.ListObjectsRequest),
        (client.list_objects_v2_paginator(limit=3), sdk.ListObjectsV2Request),
    ):
        pages = paginator.iter_page(request(bucket, encoding_type="url"))
        assert expected == [one.key for page in pages for one in page.contents]
    for key in odd_keys:
        got = client.get_object(sdk.GetObjectRequest(bucket, key))
        assert key.encode() == got.body.content
    # The XML of the request holds control characters: no strict parser would take it.
    objects = [sdk.DeleteObject(key=key) for key in expected]
    client.delete_multiple_objects(
        sdk.DeleteMultipleObjectsRequest(bucket, encoding_type="url", objects=objects)
    )
    assert not client.list_objects(sdk.ListObjectsRequest(bucket)).contents


def test_multipart(client, bucket):
    """Initiate, parts, part copy, list, complete, abort."""
    client.put_object(sdk.PutObjectRequest(bucket, "source", body=CONTENT))
    begun = client.initiate_multipart_upload(sdk.InitiateMultipartUploadRequest(bucket, "k"))
    upload = begun.upload_id
    client.upload_part(sdk.UploadPartRequest(bucket, "k", 1, upload, body=CONTENT))
    client.upload_part_copy(
        sdk.UploadPartCopyRequest(
            bucket, "k", 2, upload, source_bucket=bucket, source_key="source",
            source_range="bytes=0-99",
        )
    )  # fmt: skip
    parts = client.list_parts(sdk.ListPartsRequest(bucket, "k", upload)).parts
    assert [len(CONTENT), 100] == [part.size for part in parts]
    assert [str(crc64(CONTENT)), str(crc64(CONTENT[:100]))] == [one.hash_crc64 for one in parts]
    done = client.complete_multipart_upload(
        sdk.CompleteMultipartUploadRequest(
            bucket, "k", upload,
            complete_multipart_upload=sdk.CompleteMultipartUpload(
                parts=[sdk.UploadPart(one.part_number, one.etag) for one in parts]
            ),
        )
    )  # fmt: skip

    assert str(crc64(CONTENT + CONTENT[:100])) == done.hash_crc64
    left = client.initiate_multipart_upload(sdk.InitiateMultipartUploadRequest(bucket, "k"))
    uploads = client.list_multipart_uploads(sdk.ListMultipartUploadsRequest(bucket)).uploads
    assert [left.upload_id] == [one.upload_id for one in uploads]
    client.abort_multipart_upload(sdk.AbortMultipartUploadRequest(bucket, "k", left.upload_id))


def test_copy_append_symlink_tagging_acl(client, bucket):
    """The smaller calls parse the server's answers."""
    client.append_object(sdk.AppendObjectRequest(bucket, "log", position=0, body=b"hello"))
    more = client.append_object(sdk.AppendObjectRequest(bucket, "log", position=5, body=b"!"))
    assert 6 == more.next_position
    client.copy_object(
        sdk.CopyObjectRequest(bucket, "copy", source_bucket=bucket, source_key="log")
    )
    client.put_symlink(sdk.PutSymlinkRequest(bucket, "link", symlink_target="copy"))
    assert b"hello!" == client.get_object(sdk.GetObjectRequest(bucket, "link")).body.content
    tags = sdk.Tagging(tag_set=sdk.TagSet(tags=[sdk.Tag(key="a", value="b")]))
    client.put_object_tagging(sdk.PutObjectTaggingRequest(bucket, "log", tagging=tags))
    told = client.get_object_tagging(sdk.GetObjectTaggingRequest(bucket, "log"))
    assert [("a", "b")] == [(tag.key, tag.value) for tag in told.tag_set.tags]
    client.put_object_acl(sdk.PutObjectAclRequest(bucket, "log", acl="public-read"))
    assert "public-read" == client.get_object_acl(sdk.GetObjectAclRequest(bucket, "log")).acl


def test_presigned_url(client, bucket):
    """A presigned GET needs nothing but its URL."""
    client.put_object(sdk.PutObjectRequest(bucket, "dir/k", body=b"x"))

    url = client.presign(sdk.GetObjectRequest(bucket, "dir/k")).url

    with requests.Session() as session:
        assert b"x" == session.get(url).content
        assert 403 == session.get(url.replace("dir/k", "dir/l")).status_code


def test_errors_have_code_and_request_id(client, bucket):
    """A missing key is NoSuchKey, on HEAD as well."""
    for call, request in (
        (client.get_object, sdk.GetObjectRequest(bucket, "nothing")),
        (client.head_object, sdk.HeadObjectRequest(bucket, "nothing")),
    ):
        with pytest.raises(sdk.exceptions.OperationError) as caught:
            call(request)
        error = caught.value.unwrap()
        assert ("NoSuchKey", 404) == (error.code, error.status_code)
        assert len(error.request_id) == 24


def test_a_wrong_digest_is_refused(client, bucket):
    """Content-MD5 is compared with what arrived."""
    digest = base64.b64encode(hashlib.md5(b"other").digest()).decode()

    with pytest.raises(sdk.exceptions.OperationError) as caught:
        client.put_object(sdk.PutObjectRequest(bucket, "k", body=b"x", content_md5=digest))

    assert "InvalidDigest" == caught.value.unwrap().code


def test_a_200_mb_file_goes_on_where_it_stopped(
    connect, bucket, server, tmp_path, large_file, large_copy
):
    """Uploader and Downloader with checkpoints, each interrupted once: no part goes twice."""
    # About the checksums, see large_file.
    client = connect("v4", disable_upload_crc64_check=True, disable_download_crc64_check=True)
    how = {"part_size": 10 * large_file.MIB, "parallel_num": 1, "enable_checkpoint": True,
           "checkpoint_dir": str(tmp_path)}  # fmt: skip
    up = client.uploader(**how, leave_parts_on_error=True)
    down = client.downloader(**how)

    server.add_fault("error", operation="UploadPart", skip=12, count=1, status=403, code="No")
    with pytest.raises(sdk.exceptions.BaseError, match="No"):
        up.upload_file(sdk.PutObjectRequest(bucket, "big"), str(large_file.path))
    up.upload_file(sdk.PutObjectRequest(bucket, "big"), str(large_file.path))
    server.add_fault("error", operation="GetObject", skip=7, count=1, status=403, code="No")
    with pytest.raises(sdk.exceptions.BaseError, match="No"):
        down.download_file(sdk.GetObjectRequest(bucket, "big"), str(large_copy))
    down.download_file(sdk.GetObjectRequest(bucket, "big"), str(large_copy))

    assert large_file.equals(large_copy)
    head = client.head_object(sdk.HeadObjectRequest(bucket, "big"))
    assert str(large_file.crc64) == head.hash_crc64
    assert 1 == server.requests("InitiateMultipartUpload")
    assert 20 + 1 == server.requests("UploadPart")
    assert 20 + 1 == server.requests("GetObject")
    client.delete_object(sdk.DeleteObjectRequest(bucket, "big"))
