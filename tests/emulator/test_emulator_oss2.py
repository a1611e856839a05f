"""The official SDK, first generation, as a client: what it expects is what it gets."""

import warnings

import pytest

with warnings.catch_warnings():
    # oss2 carries invalid escape sequences in its docstrings, reported when it is compiled.
    warnings.simplefilter("ignore")
    import oss2

from ossfs.crc64 import crc64

pytestmark = [
    # oss2 asks datetime for naive UTC times whenever it signs.
    pytest.mark.filterwarnings("ignore:datetime.datetime.utc.*:DeprecationWarning"),
    # oss2 leaves answers unread, and their connections to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

CONTENT = bytes(range(256)) * 2000


@pytest.fixture(params=["v1", "v4"])
def client(request, server, bucket):
    """Return a bucket of oss2, signing in either way."""
    provider = oss2.credentials.StaticCredentialsProvider(server.key_id, server.secret)
    auth = {"v1": oss2.ProviderAuth, "v4": oss2.ProviderAuthV4}[request.param](provider)
    session = oss2.Session()
    yield oss2.Bucket(auth, server.endpoint, bucket, session=session, region="cn-hangzhou")
    session.session.close()


def test_objects_come_back(client):
    """put, get, range, head, meta, delete, with the SDK's own CRC check on."""
    put = client.put_object("dir/k", CONTENT, headers={"x-oss-meta-a": "b"})

    assert crc64(CONTENT) == put.crc
    assert CONTENT == client.get_object("dir/k").read()
    assert CONTENT[5:10] == client.get_object("dir/k", byte_range=(5, 9)).read()
    head = client.head_object("dir/k")
    assert (len(CONTENT), "b") == (head.content_length, head.headers["x-oss-meta-a"])
    assert len(CONTENT) == client.get_object_meta("dir/k").content_length
    client.delete_object("dir/k")
    assert not client.object_exists("dir/k")


@pytest.mark.parametrize("body", [b"", "", [b"one", b"two"], [b""]], ids=repr)
def test_bodies_of_all_kinds(client, body):
    """Empty bytes and text, generators (chunked), and an empty generator."""
    whole = b"".join(body) if isinstance(body, list) else body or b""

    client.put_object("k", iter(body) if isinstance(body, list) else body)

    assert whole == client.get_object("k").read()


def test_odd_keys(client, odd_keys):
    """Keys survive put, copy, both listings page by page, get and batch delete."""
    for key in odd_keys:
        client.put_object(key, key)
        client.copy_object(client.bucket_name, key, key[:-1] + "Z")
    expected = sorted([*odd_keys, *(key[:-1] + "Z" for key in odd_keys)], key=str.encode)

    for iterator in (oss2.ObjectIterator, oss2.ObjectIteratorV2):
        assert expected == [one.key for one in iterator(client, max_keys=3)]
    assert odd_keys == [client.get_object(key).read().decode() for key in odd_keys]
    assert expected == sorted(client.batch_delete_objects(expected).deleted_keys, key=str.encode)
    assert [] == list(oss2.ObjectIterator(client))


def test_listings(client):
    """Both versions page through keys and groups in order."""
    for key in ("a/1", "a/2", "b", "c/1", "d"):
        client.put_object(key, b"")

    for iterator in (oss2.ObjectIterator, oss2.ObjectIteratorV2):
        names = [(one.key, one.is_prefix()) for one in iterator(client, delimiter="/", max_keys=1)]
        assert [("a/", True), ("b", False), ("c/", True), ("d", False)] == names
        assert ["a/1", "a/2"] == [one.key for one in iterator(client, prefix="a/")]


def test_multipart(client):
    """Parts, their list, copies of parts, completion with CRC, and abort."""
    client.put_object("source", CONTENT)
    upload = client.init_multipart_upload("k").upload_id
    one = client.upload_part("k", upload, 1, CONTENT)
    two = client.upload_part_copy(client.bucket_name, "source", (0, 99), "k", upload, 2)

    parts = client.list_parts("k", upload).parts
    assert [(1, len(CONTENT)), (2, 100)] == [(part.part_number, part.size) for part in parts]
    assert [upload] == [one.upload_id for one in oss2.MultipartUploadIterator(client)]
    infos = [oss2.models.PartInfo(1, one.etag), oss2.models.PartInfo(2, two.etag)]
    done = client.complete_multipart_upload("k", upload, infos)

    assert crc64(CONTENT + CONTENT[:100]) == done.crc
    assert CONTENT + CONTENT[:100] == client.get_object("k").read()
    left = client.init_multipart_upload("k").upload_id
    client.abort_multipart_upload("k", left)
    with pytest.raises(oss2.exceptions.NoSuchUpload):
        client.upload_part("k", left, 1, b"")


def test_append_symlink_tagging_acl(client):
    """The smaller calls."""
    assert 5 == client.append_object("log", 0, b"hello").next_position
    with pytest.raises(oss2.exceptions.PositionNotEqualToLength) as caught:
        client.append_object("log", 0, b"x")
    assert 5 == caught.value.next_position
    client.put_symlink("log", "link")
    assert "log" == client.get_symlink("link").target_key
    assert b"hello" == client.get_object("link").read()
    rule = oss2.models.TaggingRule()
    rule.add("a b", "c&d")
    client.put_object_tagging("log", oss2.models.Tagging(rule))
    assert {"a b": "c&d"} == client.get_object_tagging("log").tag_set.tagging_rule
    client.put_object_acl("log", oss2.OBJECT_ACL_PUBLIC_READ)
    assert "public-read" == client.get_object_acl("log").acl


def test_presigned_urls(client):
    """A URL signed for one key, method and header set works with nothing else."""
    headers = {"Content-Type": "text/odd"}
    put = client.sign_url("PUT", "dir/a b", 60, headers=headers, slash_safe=True)
    get = client.sign_url("GET", "dir/a b", 60, params={"response-content-type": "text/x"})
    session = client.session.session

    assert 200 == session.put(put, data=b"x", headers=headers).status_code
    assert 403 == session.put(put, data=b"x", headers={"Content-Type": "text/plain"}).status_code
    assert 403 == session.delete(put).status_code
    got = session.get(get)
    assert (b"x", "text/x") == (got.content, got.headers["Content-Type"])


def test_bucket_calls(client, server):
    """Information about buckets parses."""
    assert "oss-cn-hangzhou" == client.get_bucket_location().location
    client.put_object("k", b"12345")
    stat = client.get_bucket_stat()
    assert (1, 5) == (stat.object_count, stat.storage_size_in_bytes)
    info = client.get_bucket_info()
    assert (client.bucket_name, "private") == (info.name, info.acl.grant)
    service = oss2.Service(client.auth, server.endpoint, session=client.session,
                           region="cn-hangzhou")  # fmt: skip
    assert client.bucket_name in {one.name for one in oss2.BucketIterator(service)}


def test_errors_are_the_sdks_own(client):
    """Codes reach the SDK's exceptions, on HEAD as well."""
    with pytest.raises(oss2.exceptions.NoSuchKey):
        client.get_object("nothing")
    with pytest.raises(oss2.exceptions.NotFound) as caught:
        client.head_object("nothing")
    assert "NoSuchKey" == caught.value.code
    client.put_object("k", b"")
    with pytest.raises(oss2.exceptions.ServerError, match="FileAlreadyExists"):
        client.put_object("k", b"", headers={"x-oss-forbid-overwrite": "true"})
    with pytest.raises(oss2.exceptions.NotModified):
        client.get_object("k", headers={"If-None-Match": client.head_object("k").etag})
    with pytest.raises(oss2.exceptions.PreconditionFailed):
        client.get_object("k", headers={"If-Match": '"0"'})


@pytest.mark.parametrize("client", ["v4"], indirect=True)
def test_a_200_mb_file_goes_on_where_it_stopped(client, server, tmp_path, large_file, large_copy):
    """resumable_upload and resumable_download, each interrupted once: no part goes twice."""
    client.enable_crc = False  # see large_file
    how = {"part_size": 10 * large_file.MIB, "num_threads": 1}
    up = {**how, "multipart_threshold": 0, "store": oss2.ResumableStore(tmp_path)}
    down = {**how, "multiget_threshold": 0, "store": oss2.ResumableDownloadStore(tmp_path)}

    server.add_fault("error", operation="UploadPart", skip=12, count=1, status=403, code="No")
    with pytest.raises(oss2.exceptions.ServerError, match="No"):
        oss2.resumable_upload(client, "big", str(large_file.path), **up)
    oss2.resumable_upload(client, "big", str(large_file.path), **up)
    server.add_fault("error", operation="GetObject", skip=7, count=1, status=403, code="No")
    with pytest.raises(oss2.exceptions.ServerError, match="No"):
        oss2.resumable_download(client, "big", str(large_copy), **down)
    oss2.resumable_download(client, "big", str(large_copy), **down)

    assert large_file.equals(large_copy)
    assert str(large_file.crc64) == client.head_object("big").headers["x-oss-hash-crc64ecma"]
    assert 1 == server.requests("InitiateMultipartUpload")
    assert 20 + 1 == server.requests("UploadPart")
    assert 20 + 1 == server.requests("GetObject")
    client.delete_object("big")
