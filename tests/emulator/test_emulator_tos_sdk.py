"""The official TOS SDK as a client: what it expects is what it gets."""

import hashlib
import warnings

import pytest
import requests

with warnings.catch_warnings():
    # The SDK carries invalid escape sequences, reported when it is compiled.
    warnings.simplefilter("ignore")
    import tos
    from tos.enum import ACLType, MetadataDirectiveType, StorageClassType
    from tos.models2 import CompletePart, ObjectTobeDeleted, RestoreJobParameters, Tag

from ossfs.crc64 import crc64
from ossfs.emulator.process import EmulatorProcess

pytestmark = [
    # The SDK asks datetime for naive UTC times whenever it signs.
    pytest.mark.filterwarnings("ignore:datetime.datetime.utc.*:DeprecationWarning"),
    # The SDK leaves answers unread, and their connections to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

CONTENT = bytes(range(256)) * 2000
MIB = 1 << 20
ENDPOINT = "tos-cn-beijing.volces.com"


@pytest.fixture
def connect(server):
    """
    Make clients that reach the server as a proxy.

    Thus the request is for the service's own host name, the bucket in front of it, and
    the client's code for names and signatures is the one that runs in production.
    """
    made = []

    def make(to=server, **options):
        options = {"endpoint": f"http://{ENDPOINT}", "proxy_host": to.host, "proxy_port": to.port,
                   **options}  # fmt: skip
        # The cache of names is a thread that never ends, and patches urllib3 for everybody.
        options = {"security_token": to.token or None, "dns_cache_time": 0, **options}
        made.append(
            tos.TosClientV2(to.key_id, to.secret, region="cn-beijing", max_retry_count=0, **options)
        )
        return made[-1]

    yield make
    for client in made:
        client.close()
        client.bucket_type_cache = None  # it keeps answers, and they their connections


@pytest.fixture
def client(connect):
    return connect()


def refusal(call, *args, **how):
    """Return code and status of what the call is refused with."""
    with pytest.raises(tos.exceptions.TosServerError) as caught:
        call(*args, **how)
    return caught.value.code, caught.value.status_code


def test_objects_come_back(client, bucket):
    """put, get, range, head, stat, delete, with the SDK's own CRC check on."""
    put = client.put_object(
        bucket, "dir/é k", content=CONTENT, meta={"name": "wert é"}, content_type="text/plain"
    )

    assert crc64(CONTENT) == put.hash_crc64_ecma
    assert hashlib.md5(CONTENT).hexdigest() == put.etag
    assert CONTENT == client.get_object(bucket, "dir/é k").read()
    part = client.get_object(bucket, "dir/é k", range_start=5, range_end=9)
    assert (CONTENT[5:10], "bytes 5-9/512000") == (part.read(), part.content_range)
    head = client.head_object(bucket, "dir/é k")
    assert (len(CONTENT), {"name": "wert é"}, "text/plain", put.etag) == (
        head.content_length, head.meta, head.content_type, head.etag,
    )  # fmt: skip
    status = client.get_file_status(bucket, "dir/é k")
    assert ("dir/é k", len(CONTENT), str(put.hash_crc64_ecma)) == (
        status.key, status.size, status.crc64,
    )  # fmt: skip
    client.delete_object(bucket, "dir/é k")
    assert ("NoSuchKey", 404) == refusal(client.get_object, bucket, "dir/é k")
    assert ("", 404) == refusal(client.head_object, bucket, "dir/é k")


def test_a_custom_domain(tmp_path, connect):
    """Where the host name is the bucket's, nothing in the request names the bucket."""
    domain = "data.example.com"
    with EmulatorProcess(tmp_path, buckets=["bound"], cnames={domain: "bound"}) as server:
        client = connect(server, endpoint=f"http://{domain}", is_custom_domain=True)
        client.put_object("bound", "a/k", content=b"x")

        assert ["a/k"] == [one.key for one in client.list_objects_type2("bound").contents]
        assert b"x" == connect(server).get_object("bound", "a/k").read()
        client.close()


def test_an_address_that_is_bound(tmp_path, connect):
    """The SDK has no path style; an address bound to a bucket serves it without a proxy."""
    with EmulatorProcess(tmp_path, buckets=["bound"], cnames={"127.0.0.1": "bound"}) as server:
        client = connect(
            server, endpoint=server.endpoint, is_custom_domain=True, proxy_host=None,
            proxy_port=None,
        )  # fmt: skip
        client.put_object("bound", "a/k", content=CONTENT)

        assert CONTENT == client.get_object("bound", "a/k").read()
        assert 1 == server.requests("PutObject")


@pytest.mark.parametrize("content", [b"", b"x", "text", CONTENT], ids=len)
def test_bodies(client, bucket, content):
    """Bytes and text, also none."""
    client.put_object(bucket, "k", content=content)

    expected = content.encode() if isinstance(content, str) else content
    assert expected == client.get_object(bucket, "k").read()


def test_a_streamed_body(client, bucket, tmp_path):
    """A generator comes in chunks, a file with its length."""
    file = tmp_path / "file"
    file.write_bytes(CONTENT)

    client.put_object(bucket, "chunks", content=iter([CONTENT[:1000], CONTENT[1000:]]))
    with file.open("rb") as stream:
        client.put_object(bucket, "file", content=stream)

    assert CONTENT == client.get_object(bucket, "chunks").read()
    assert CONTENT == client.get_object(bucket, "file").read()


def test_writes_under_conditions(client, bucket):
    """Only if there is none, only if it is still that one."""
    first = client.put_object(bucket, "k", content=b"1", forbid_overwrite=True)
    second = client.put_object(bucket, "k", content=b"2", if_match=first.etag)

    assert 409 == refusal(client.put_object, bucket, "k", content=b"3", forbid_overwrite=True)[1]
    stale = refusal(client.put_object, bucket, "k", content=b"3", if_match=first.etag)
    assert ("PreconditionFailed", 412) == stale
    assert second.etag == client.head_object(bucket, "k").etag


def test_reads_under_conditions(client, bucket):
    """ETags compare as they are shown."""
    tag = client.put_object(bucket, "k", content=b"1").etag

    assert b"1" == client.get_object(bucket, "k", if_match=tag).read()
    assert 304 == refusal(client.get_object, bucket, "k", if_none_match=tag)[1]
    assert ("PreconditionFailed", 412) == refusal(client.get_object, bucket, "k", if_match="no")
    assert ("InvalidRange", 416) == refusal(client.get_object, bucket, "k", range_start=1)


def test_appending(client, bucket):
    """At its end, with the CRC of all of it; elsewhere is refused, and the end is told."""
    one = client.append_object(bucket, "log", 0, content=b"one,", pre_hash_crc64_ecma=0)
    two = client.append_object(
        bucket, "log", one.next_append_offset, content=b"two",
        pre_hash_crc64_ecma=one.hash_crc64_ecma,
    )  # fmt: skip

    assert (7, crc64(b"one,two")) == (two.next_append_offset, two.hash_crc64_ecma)
    with pytest.raises(tos.exceptions.TosServerError) as caught:
        client.append_object(bucket, "log", 4, content=b"x")
    assert (409, "7") == (caught.value.status_code, caught.value.header["x-tos-next-append-offset"])
    assert "Appendable" == client.head_object(bucket, "log").object_type
    client.put_object(bucket, "plain", content=b"")
    assert 409 == refusal(client.append_object, bucket, "plain", 0, content=b"x")[1]
    assert 400 == refusal(client.copy_object, bucket, "copy", bucket, "log")[1]


def test_copies(client, bucket):
    """With the source's metadata or with new ones."""
    tag = client.put_object(bucket, "a b+%é", content=CONTENT, meta={"a": "1"}).etag

    assert tag == client.copy_object(bucket, "kept", bucket, "a b+%é").etag
    client.copy_object(
        bucket, "new", bucket, "a b+%é", meta={"a": "2"}, copy_source_if_match=tag,
        metadata_directive=MetadataDirectiveType.Metadata_Directive_Replace,
    )  # fmt: skip
    stale = refusal(client.copy_object, bucket, "x", bucket, "a b+%é", copy_source_if_match="no")

    assert {"a": "1"} == client.head_object(bucket, "kept").meta
    assert {"a": "2"} == client.head_object(bucket, "new").meta
    assert ("PreconditionFailed", 412) == stale
    assert CONTENT == client.get_object(bucket, "kept").read()


def test_odd_keys(client, bucket, odd_keys):
    """Keys survive put, list page by page, get, copy and batch delete."""
    # requests takes dotted segments out of a URL, so the SDK's signature is of another path.
    odd_keys = [key for key in odd_keys if "./" not in key]
    for key in odd_keys:
        client.put_object(bucket, key, content=key)
        client.copy_object(bucket, key[:-1] + "Z", bucket, key)
    expected = sorted([*odd_keys, *(key[:-1] + "Z" for key in odd_keys)], key=str.encode)

    pages = [client.list_objects_type2(bucket, max_keys=3, list_only_once=True)]
    while pages[-1].is_truncated:
        token = pages[-1].next_continuation_token
        pages.append(client.list_objects_type2(
            bucket, max_keys=3, list_only_once=True, continuation_token=token
        ))  # fmt: skip
    old = [client.list_objects(bucket, max_keys=3)]
    while old[-1].is_truncated:
        old.append(client.list_objects(bucket, max_keys=3, marker=old[-1].next_marker))

    assert expected == [one.key for page in old for one in page.contents]
    assert expected == [one.key for page in pages for one in page.contents]
    for key in odd_keys:
        assert key.encode() == client.get_object(bucket, key).read()
    deleted = client.delete_multi_objects(bucket, [ObjectTobeDeleted(key) for key in expected])
    assert expected == [one.key for one in deleted.deleted]


def test_listings(client, bucket):
    """Both versions: groups and keys in one order, encoded when that is asked for."""
    for key in ("a b/1", "a b/2", "b", "c/1", "d"):
        client.put_object(bucket, key, content=key)

    page = client.list_objects_type2(bucket, delimiter="/", max_keys=2, list_only_once=True)
    encoded = client.list_objects_type2(bucket, prefix="a b", encoding_type="url")
    first = client.list_objects(bucket, max_keys=1)

    assert (["a b/"], ["b"], 2, True) == (
        [one.prefix for one in page.common_prefixes], [one.key for one in page.contents],
        page.key_count, page.is_truncated,
    )  # fmt: skip
    assert ["a%20b%2F1", "a%20b%2F2"] == [one.key for one in encoded.contents]
    assert ("a b/1", crc64(b"a b/1"), "Normal") == (
        first.contents[0].key, first.contents[0].hash_crc64_ecma, first.contents[0].object_type,
    )  # fmt: skip
    assert "a b/1" == first.next_marker
    client.put_object(bucket, "d", content=b"", meta={"name": "wert é"})
    [last] = client.list_objects_type2(bucket, prefix="d", fetch_meta=True).contents
    assert {"name": "wert é"} == last.meta
    assert ("NotImplemented", 501) == refusal(client.list_objects_type2, bucket, reverse=True)
    after = client.list_objects_type2(bucket, start_after="b")
    assert ["c/1", "d"] == [one.key for one in after.contents]


@pytest.mark.parametrize("everything", [True, False])
def test_multipart(client, bucket, everything):
    """Parts, copied parts, lists of both; completed with a list or with all there are."""
    client.put_object(bucket, "source", content=CONTENT)
    upload = client.create_multipart_upload(bucket, "dir/big", meta={"a": "b"}).upload_id
    part = bytes(5 * MIB)
    one = client.upload_part(bucket, "dir/big", upload, 1, content=part)
    two = client.upload_part_copy(
        bucket, "dir/big", upload, 7, bucket, "source", copy_source_range_start=10,
        copy_source_range_end=19,
    )  # fmt: skip

    listed = client.list_parts(bucket, "dir/big", upload, max_parts=1)
    rest = client.list_parts(
        bucket, "dir/big", upload, part_number_marker=listed.next_part_number_marker
    )
    [pending] = client.list_multipart_uploads(bucket).uploads
    parts = [CompletePart(one.etag, 1), CompletePart(two.etag, 7)]
    done = client.complete_multipart_upload(
        bucket, "dir/big", upload, None if everything else parts, complete_all=everything
    )

    assert crc64(part) == one.hash_crc64_ecma
    assert [(1, 5 * MIB), (7, 10)] == [
        (p.part_number, p.size) for p in [*listed.parts, *rest.parts]
    ]
    assert ("dir/big", upload) == (pending.key, pending.upload_id)
    assert crc64(part + CONTENT[10:20]) == done.hash_crc64_ecma
    assert {"a": "b"} == client.head_object(bucket, "dir/big").meta
    assert ("NoSuchUpload", 404) == refusal(
        client.abort_multipart_upload, bucket, "dir/big", upload
    )


def test_what_is_wrong_with_a_complete(client, bucket):
    """Small and unknown parts; the order does not matter, nor does it harm the upload."""
    upload = client.create_multipart_upload(bucket, "k").upload_id
    tags = [client.upload_part(bucket, "k", upload, n, content=b"small").etag for n in (1, 2)]
    good = [CompletePart(tag, n) for n, tag in enumerate(tags, 1)]
    complete = client.complete_multipart_upload

    assert ("EntityTooSmall", 400) == refusal(complete, bucket, "k", upload, good)
    assert ("EntityTooSmall", 400) == refusal(complete, bucket, "k", upload, good[::-1])
    assert ("InvalidPart", 400) == refusal(
        complete, bucket, "k", upload, [CompletePart("other", 1)]
    )
    client.put_object(bucket, "k", content=b"there")
    assert 409 == refusal(complete, bucket, "k", upload, good[:1], forbid_overwrite=True)[1]
    complete(bucket, "k", upload, good[:1])
    assert ("NoSuchUpload", 404) == refusal(complete, bucket, "k", upload, good[:1])


def test_a_200_mb_file_goes_on_where_it_stopped(
    connect, bucket, server, tmp_path, large_file, large_copy
):
    """upload_file and download_file, each interrupted once: no part goes twice."""
    client = connect(enable_crc=False)  # see large_file
    source, target = str(large_file.path), str(large_copy)
    upload = {"part_size": 10 * MIB, "checkpoint_file": str(tmp_path / "up.json")}
    download = {"part_size": 10 * MIB, "checkpoint_file": str(tmp_path / "down.json")}

    server.add_fault("error", operation="UploadPart", skip=12, count=1, status=403, code="No")
    with pytest.raises(tos.exceptions.TosError):
        client.upload_file(bucket, "big", source, **upload)
    client.upload_file(bucket, "big", source, **upload)
    server.add_fault("error", operation="GetObject", skip=7, count=1, status=403, code="No")
    with pytest.raises(tos.exceptions.TosError):
        client.download_file(bucket, "big", target, **download)
    client.download_file(bucket, "big", target, **download)

    assert large_file.equals(large_copy)
    assert large_file.crc64 == client.head_object(bucket, "big").hash_crc64_ecma
    assert 1 == server.requests("InitiateMultipartUpload")
    assert 20 + 1 == server.requests("UploadPart")
    assert 20 + 1 == server.requests("GetObject")
    client.delete_object(bucket, "big")


def test_renaming(client, bucket):
    """Only where it was enabled; over another object unless that is forbidden."""
    client.put_object(bucket, "a", content=b"a", meta={"m": "1"})
    client.put_object(bucket, "there", content=b"there")

    assert not client.get_bucket_rename(bucket).rename_enable
    assert 400 == refusal(client.rename_object, bucket, "a", "b/c+d é")[1]
    client.put_bucket_rename(bucket, rename_enable=True)
    assert client.get_bucket_rename(bucket).rename_enable
    client.rename_object(bucket, "a", "b/c+d é")

    assert ("NoSuchKey", 404) == refusal(client.get_object, bucket, "a")
    assert {"m": "1"} == client.head_object(bucket, "b/c+d é").meta
    assert 409 == refusal(
        client.rename_object, bucket, "b/c+d é", "there", forbid_overwrite=True
    )[1]  # fmt: skip
    client.rename_object(bucket, "b/c+d é", "there")
    assert b"a" == client.get_object(bucket, "there").read()
    assert ("NoSuchKey", 404) == refusal(client.rename_object, bucket, "no", "there2")
    client.delete_bucket_rename(bucket)
    assert not client.get_bucket_rename(bucket).rename_enable


def test_symlinks_tags_acls_metadata(client, bucket):
    """What hangs on an object."""
    client.put_object(bucket, "target/é", content=b"12345")
    client.put_symlink(bucket, "link", "target/é")
    client.put_object_tagging(bucket, "link", [Tag("k", "v")])
    client.put_object_acl(bucket, "target/é", acl=ACLType.ACL_Public_Read)
    client.set_object_meta(bucket, "target/é", meta={"new": "1"})

    assert "target/é" == client.get_symlink(bucket, "link").symlink_target_key
    assert b"12345" == client.get_object(bucket, "link").read()
    head = client.head_object(bucket, "link")
    assert ("Symlink", 5) == (head.object_type, head.symlink_target_size)
    assert [("k", "v")] == [
        (tag.key, tag.value) for tag in client.get_object_tagging(bucket, "link").tag_set
    ]
    client.delete_object_tagging(bucket, "link")
    assert [] == client.get_object_tagging(bucket, "link").tag_set
    acl = client.get_object_acl(bucket, "target/é")
    assert ["FULL_CONTROL", "READ"] == [one.permission.value for one in acl.grants]
    assert {"new": "1"} == client.head_object(bucket, "target/é").meta


def test_archives(client, bucket):
    """Restored before they are read."""
    cold = StorageClassType.Storage_Class_Cold_Archive
    client.put_object(bucket, "cold", content=b"x", storage_class=cold)

    assert cold == client.head_object(bucket, "cold").storage_class
    assert ("InvalidObjectState", 403) == refusal(client.get_object, bucket, "cold")
    client.restore_object(
        bucket, "cold", 1, restore_job_parameters=RestoreJobParameters(tos.TierType.Tier_Standard)
    )
    assert b"x" == client.get_object(bucket, "cold").read()


def test_presigned_urls(client, bucket, server):
    """Reading and writing without any credentials; a changed URL is refused."""
    method = tos.HttpMethodType
    put = client.pre_signed_url(method.Http_Method_Put, bucket, "a b+c/é").signed_url
    get = client.pre_signed_url(
        method.Http_Method_Get, bucket, "a b+c/é", query={"response-content-type": "text/x"}
    ).signed_url

    with requests.Session() as session:
        session.proxies = {"http": server.endpoint}
        wrote = session.put(put, data=CONTENT)
        read = session.get(get)
        changed = session.get(get + "&versionId=1")

    assert (200, 200, 403) == (wrote.status_code, read.status_code, changed.status_code)
    assert (CONTENT, "text/x") == (read.content, read.headers["Content-Type"])
    assert "SignatureDoesNotMatch" == changed.json()["Code"]


def test_buckets(client):
    """Made once, found, listed, removed when empty."""
    name = "bucket-of-tos"
    client.create_bucket(name)

    assert 409 == refusal(client.create_bucket, name)[1]
    head = client.head_bucket(name)
    assert ("cn-hangzhou", "fns") == (head.region, head.bucket_type)
    assert name in [one.name for one in client.list_buckets().buckets]
    client.put_object(name, "k", content=b"")
    assert ("BucketNotEmpty", 409) == refusal(client.delete_bucket, name)
    client.delete_object(name, "k")
    client.delete_bucket(name)
    assert ("NoSuchBucket", 404) == refusal(client.list_objects_type2, name)


def test_refusals(connect, client, bucket, server):
    """Codes and statuses of what clients meet most, and all of what JSON tells."""
    stranger, forger = connect(), connect()
    stranger.auth = tos.Auth("STRANGER", "x", "cn-beijing")
    forger.auth = tos.Auth(server.key_id, "wrong", "cn-beijing")

    assert ("InvalidAccessKeyId", 403) == refusal(stranger.list_buckets)
    assert ("SignatureDoesNotMatch", 403) == refusal(forger.list_buckets)
    with pytest.raises(tos.exceptions.TosServerError) as caught:
        client.get_object(bucket, "no")
    assert caught.value.request_id
    assert ("The specified key does not exist.", "/no") == (
        caught.value.message, caught.value.resource,
    )  # fmt: skip
    server.set_clock_offset(-3600)
    assert ("RequestTimeTooSkewed", 403) == refusal(client.get_object, bucket, "no")
