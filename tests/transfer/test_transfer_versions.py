"""Transfers of a bucket that keeps all versions, at a server that others wrote (S3)."""

import io
import itertools
import json

import boto3
import pytest
from botocore.config import Config
from foreign_servers import moto, running

import ossfs
from ossfs.cli.main import main
from ossfs.errors import NoSuchKey, PreconditionFailed

MIB = 1 << 20
SIZE = 5 * MIB + 1000
OLD, NEW = b"old " * (SIZE // 4), b"new " * (SIZE // 4)

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server():
    with running(moto) as endpoint:
        yield endpoint


@pytest.fixture
def client(server):
    made = boto3.client(
        "s3", endpoint_url=server, region_name="us-east-1", aws_access_key_id="k",
        aws_secret_access_key="s", config=Config(s3={"addressing_style": "path"}),
    )  # fmt: skip
    yield made
    made.close()


@pytest.fixture
def name(client):
    """Make a bucket with versions."""
    made = f"versions-{next(_numbers)}"
    client.create_bucket(Bucket=made)
    client.put_bucket_versioning(Bucket=made, VersioningConfiguration={"Status": "Enabled"})
    return made


@pytest.fixture
def bucket(server, name):
    with ossfs.connect(
        f"s3://{name}", endpoint=server, region="us-east-1", access_key_id="k",
        access_key_secret="s",
    ) as opened:  # fmt: skip
        yield opened


@pytest.fixture
def options(tmp_path):
    return {"part_size": 5 * MIB, "checkpoint_dir": tmp_path / "kept"}


@pytest.fixture(params=["in parts", "at once"])
def versions(request, bucket, tmp_path, options):
    """Upload two versions; return their ids."""
    threshold = 1 if request.param == "in parts" else 1 << 40
    made = []
    for content in (OLD, NEW):
        (tmp_path / "f").write_bytes(content)
        done = ossfs.resumable_upload(
            bucket, "k", tmp_path / "f", multipart_threshold=threshold, **options
        )
        made.append(done.version_id)
    return made


def test_each_upload_makes_a_version(versions, client, name):
    """The result says which, as the server lists them."""
    listed = client.list_object_versions(Bucket=name)["Versions"]

    assert set(versions) == {one["VersionId"] for one in listed}
    assert versions[1] == next(one["VersionId"] for one in listed if one["IsLatest"])


def test_streams_and_bytes_make_versions(bucket):
    """Whatever the data came from."""
    ids = {
        ossfs.put_object(bucket, "k", b"1").version_id,
        ossfs.upload_object(bucket, "k", b"22").version_id,
        ossfs.upload_object(bucket, "k", iter([OLD]), part_size=5 * MIB).version_id,
        ossfs.resumable_copy(bucket, "k", "k", headers={"content-type": "x/y"}).version_id,
    }

    assert (4, False) == (len(ids), None in ids)


@pytest.mark.parametrize("threshold", [1, 1 << 40])
def test_an_older_version_comes_when_it_is_asked_for(
    versions, bucket, tmp_path, options, threshold
):
    """Small or in ranges, and the result says which version it was; else it is the newest."""
    for wanted, expected in ((versions[0], OLD), (versions[1], NEW), (None, NEW)):
        done = ossfs.resumable_download(
            bucket, "k", tmp_path / "back", version_id=wanted, multiget_threshold=threshold,
            **options,
        )  # fmt: skip

        assert expected == (tmp_path / "back").read_bytes()
        assert (wanted or versions[1]) == done.version_id


def test_an_older_version_as_bytes_and_stream(versions, bucket):
    """Each way of reading takes a version."""
    old = {"version_id": versions[0]}
    stream = io.BytesIO()
    ossfs.download_to_stream(bucket, "k", stream, part_size=MIB, **old)

    assert OLD == ossfs.get_object(bucket, "k", **old) == stream.getvalue()
    assert OLD[7:100] == ossfs.get_object(bucket, "k", byte_range=(7, 99), **old)
    assert OLD == b"".join(ossfs.iter_object(bucket, "k", **old))
    assert (len(OLD), versions[0]) == (
        bucket.head("k", version_id=versions[0]).size,
        bucket.head("k", version_id=versions[0]).version_id,
    )


def test_versions_do_not_share_a_checkpoint(versions, bucket, tmp_path, options):
    """What has come of one is not gone on with for another; each goes on with its own."""
    cancel = ossfs.Cancel()

    def told(event):
        if event.type is ossfs.TransferEventType.PART_DONE:
            cancel.cancel()

    how = {"multiget_threshold": 1, "num_threads": 1, **options, "part_size": MIB}
    with pytest.raises(ossfs.errors.TransferCancelled):
        ossfs.resumable_download(
            bucket, "k", tmp_path / "back", version_id=versions[0], cancel=cancel, on_event=told,
            **how,
        )  # fmt: skip

    new = ossfs.resumable_download(bucket, "k", tmp_path / "back", version_id=versions[1], **how)
    assert (NEW, 0) == ((tmp_path / "back").read_bytes(), new.parts_resumed)
    old = ossfs.resumable_download(bucket, "k", tmp_path / "back", version_id=versions[0], **how)
    assert (OLD, 1) == ((tmp_path / "back").read_bytes(), old.parts_resumed)


@pytest.mark.parametrize("threshold", [None, 1])
def test_an_older_version_is_copied(versions, bucket, options, threshold):
    """In one request and in parts; and may become the newest again."""
    for key in ("copy", "k"):
        done = ossfs.resumable_copy(
            bucket, key, "k", version_id=versions[0], multipart_threshold=threshold, **options
        )

        assert OLD == ossfs.get_object(bucket, key)
        assert done.version_id == bucket.head(key).version_id


def test_a_deleted_object_is_not_there_but_its_versions_are(versions, bucket, tmp_path, options):
    """A delete marker is no object; what it hides comes by its id."""
    bucket.delete("k")

    with pytest.raises(NoSuchKey):
        ossfs.resumable_download(bucket, "k", tmp_path / "back", **options)
    with pytest.raises(NoSuchKey):
        ossfs.resumable_copy(bucket, "copy", "k", **options)
    assert not (tmp_path / "back").exists()
    ossfs.resumable_download(bucket, "k", tmp_path / "back", version_id=versions[1], **options)
    assert NEW == (tmp_path / "back").read_bytes()


def test_a_delete_marker_has_no_bytes(versions, bucket, client, name, tmp_path, options):
    """Asked for by its id, it is no object either."""
    marker = client.delete_object(Bucket=name, Key="k")["VersionId"]

    for ask in (
        lambda: ossfs.resumable_download(
            bucket, "k", tmp_path / "back", version_id=marker, **options
        ),
        lambda: bucket.head("k", version_id=marker),
        lambda: ossfs.resumable_copy(bucket, "copy", "k", version_id=marker, **options),
    ):
        with pytest.raises(NoSuchKey) as caught:
            ask()
        assert "delete marker" in str(caught.value)
    with pytest.raises(NoSuchKey):  # which this server calls a version that it does not have
        ossfs.get_object(bucket, "k", version_id=marker)
    assert not (tmp_path / "back").exists()


def test_a_version_that_is_not_there(versions, bucket, tmp_path, options):
    """It is said with its key, and no file is made."""
    with pytest.raises(ossfs.errors.StoreError) as caught:
        ossfs.resumable_download(bucket, "k", tmp_path / "back", version_id="3" * 32, **options)

    assert "k" in str(caught.value)
    assert [] == list(tmp_path.glob("back*"))


def test_a_version_and_its_etag(versions, bucket, tmp_path, options):
    """Both are heeded."""
    etag = bucket.head("k", version_id=versions[0]).etag
    given = {"version_id": versions[0], **options}

    ossfs.resumable_download(bucket, "k", tmp_path / "back", if_match=etag, **given)
    assert OLD == (tmp_path / "back").read_bytes()
    with pytest.raises(PreconditionFailed):
        ossfs.resumable_download(bucket, "k", tmp_path / "back", if_match="other", **given)


def test_versions_on_the_command_line(
    versions, server, name, tmp_path, capsysbinary, monkeypatch, state_home
):
    """cp, cat and stat take one."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    where = ("--endpoint", server, "--region", "us-east-1", "--version-id", versions[0])
    url = f"s3://{name}/k"

    def run(command, *words):
        with pytest.raises(SystemExit) as ended:
            main([command, *where, *(str(word) for word in words)])
        assert not ended.value.code
        return capsysbinary.readouterr().out

    run("cp", url, tmp_path / "back")
    assert OLD == (tmp_path / "back").read_bytes() == run("cp", url, "-") == run("cat", url)
    run("cp", url, f"s3://{name}/copy")
    (found,) = json.loads(run("stat", "--json", url))
    assert (versions[0], len(OLD)) == (found["version_id"], found["size"])
