"""Transfers over each of the three stores, under faults, and beside the official SDKs."""

import io
import os
import signal
import subprocess
import sys
import warnings

import alibabacloud_oss_v2 as v2
import boto3
import pytest
import requests
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

with warnings.catch_warnings():
    # Both carry invalid escape sequences, reported when they are compiled.
    warnings.simplefilter("ignore")
    import oss2
    import tos

import ossfs
from ossfs.crc64 import crc64
from ossfs.errors import (
    ChecksumMismatch,
    CredentialsExpired,
    Damaged,
    InvalidOption,
    NoSuchKey,
)
from ossfs.store.api import BytesBody, Handing, Headers

pytestmark = [
    # Some SDKs ask datetime for naive UTC times whenever they sign.
    pytest.mark.filterwarnings("ignore:datetime.datetime.utc.*:DeprecationWarning"),
    # They leave answers unread, and their connections to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

MIB = 1 << 20
PART = 5 * MIB
CONTENT = os.urandom(1 * MIB) * 12 + b"tail"
PARTS = 3


@pytest.fixture
def file(tmp_path):
    """Make a file of three parts."""
    path = tmp_path / "large.bin"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def opened(emulator, bucket_name):
    """Open the test's bucket as a store of a kind; closed at the end."""
    made = []

    def make(kind, **options):
        made.append(
            ossfs.connect(
                f"{kind}://{bucket_name}", endpoint=emulator.endpoint, region="cn-hangzhou",
                access_key_id=emulator.key_id, access_key_secret=emulator.secret, **options,
            )
        )  # fmt: skip
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(params=["oss", "tos", "s3"])
def bucket(request, opened):
    """Return a bucket of each kind."""
    return opened(request.param)


@pytest.fixture
def options(tmp_path):
    """Say what makes a file of 12 MiB a large one."""
    return {"part_size": PART, "checkpoint_dir": tmp_path / "kept"}


def test_there_and_back(bucket, file, tmp_path, options, seen):
    """The same bytes, in as many requests as there are parts, and two more."""
    up = ossfs.resumable_upload(bucket, "dir/k", file, **options)
    down = ossfs.resumable_download(
        bucket, "dir/k", tmp_path / "back", multiget_threshold=1, **options
    )

    assert CONTENT == (tmp_path / "back").read_bytes() == seen.get("dir/k")
    assert (PARTS, PARTS, up.etag) == (up.parts_sent, down.parts_fetched, down.etag)
    assert crc64(CONTENT) == down.crc64


def test_request_budget(bucket, file, tmp_path, options, emulator):
    """Of n parts up: n + 2 requests; of n ranges down: n + 1."""
    emulator.reset_stats()
    ossfs.resumable_upload(bucket, "k", file, **options)
    assert PARTS + 2 == emulator.requests()

    emulator.reset_stats()
    ossfs.resumable_download(bucket, "k", tmp_path / "back", multiget_threshold=1, **options)
    assert PARTS + 1 == emulator.requests()


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "drop_after", "operation": "InitiateMultipartUpload"},
        {"action": "drop_after", "operation": "UploadPart", "skip": 1},
        {"action": "drop_before", "operation": "UploadPart"},
        {"action": "corrupt", "operation": "UploadPart", "bytes": 70_000},
        {"action": "error", "operation": "UploadPart", "status": 503, "code": "ServiceUnavailable"},
        {"action": "drop_after", "operation": "CompleteMultipartUpload"},
        {"action": "error_after", "operation": "CompleteMultipartUpload", "status": 500},
    ],
    ids=lambda fault: f"{fault['action']} {fault['operation']}",
)
def test_an_upload_under_a_fault(bucket, file, options, emulator, seen, fault):
    """It is made good by the same call, and nothing is left at the store."""
    emulator.add_fault(count=1, **fault)

    ossfs.resumable_upload(bucket, "k", file, **options)

    assert 1 == emulator.faults()[0]["hits"]
    assert (CONTENT, []) == (seen.get("k"), seen.uploads())


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "truncate", "bytes": 3 * MIB},
        {"action": "drop_before"},
        {"action": "error", "status": 503, "code": "ServiceUnavailable"},
    ],
    ids=lambda fault: fault["action"],
)
def test_a_download_under_a_fault(bucket, file, tmp_path, options, emulator, seen, fault):
    """The same; bytes that had come are not asked for again."""
    seen.put("k", CONTENT)
    emulator.add_fault(operation="GetObject", count=1, skip=1, **fault)
    emulator.reset_stats()

    ossfs.resumable_download(bucket, "k", tmp_path / "back", multiget_threshold=1, **options)

    assert CONTENT == (tmp_path / "back").read_bytes()
    assert emulator.stats()["bytes_out"] <= len(CONTENT) + 2 * MIB


@pytest.mark.parametrize("kind", ["oss", "tos"])
def test_bytes_bent_on_their_way_are_seen(opened, tmp_path, options, emulator, seen, kind):
    """A range has no checksum of its own: the whole has."""
    seen.put("k", CONTENT)
    emulator.add_fault("corrupt", operation="GetObject", count=1, bytes=5)

    with pytest.raises(Damaged) as caught:
        ossfs.resumable_download(
            opened(kind), "k", tmp_path / "back", multiget_threshold=1, **options
        )

    assert caught.value.is_worth_rerunning
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize("kind", ["oss", "tos", "s3"])
def test_a_small_object_bent_on_its_way_is_fetched_again(
    opened, tmp_path, emulator, seen, kind, options
):
    """By the same call: its checksum comes with it."""
    opened(kind).put("k", BytesBody(CONTENT[:MIB]), Headers())
    emulator.add_fault("corrupt", operation="GetObject", count=1, bytes=5)

    ossfs.resumable_download(opened(kind), "k", tmp_path / "back", **options)

    assert CONTENT[:MIB] == (tmp_path / "back").read_bytes()


def test_a_stream_of_a_small_object_is_fetched_again(opened, emulator, seen):
    """Before anybody has a byte of it; nothing is counted twice."""
    seen.put("k", CONTENT[:MIB])
    emulator.add_fault("corrupt", operation="GetObject", count=1, bytes=5)
    stream, told = io.BytesIO(), []

    result = ossfs.download_to_stream(
        opened("oss"), "k", stream, progress_callback=lambda *at: told.append(at)
    )

    assert CONTENT[:MIB] == stream.getvalue()
    assert (MIB, (MIB, MIB)) == (result.size, told[-1])
    assert sorted(set(told)) == told
    assert 1 == emulator.faults()[0]["hits"]


# Death of the process

DIES = """
import os, signal, sys
import ossfs
from ossfs import TransferEventType as Type

kind, bucket, endpoint, key_id, secret, direction, path, kept, wanted, number = sys.argv[1:]
left = [int(number)]

def told(event):
    if event.type is Type[wanted]:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

with ossfs.connect(
    f"{kind}://{bucket}", endpoint=endpoint, region="cn-hangzhou",
    access_key_id=key_id, access_key_secret=secret,
) as bucket:
    move = {"up": ossfs.resumable_upload, "down": ossfs.resumable_download}[direction]
    more = {} if direction == "up" else {"multiget_threshold": 1}
    move(bucket, "k", path, part_size=5 << 20, num_threads=1, checkpoint_dir=kept,
         on_event=told, **more)
"""


def die(bucket, emulator, direction, path, options, wanted, number):
    """Move in a process that kills itself at an event."""
    kind, name = bucket.place.split("://")[0], bucket.name
    done = subprocess.run(
        [
            *(sys.executable, "-c", DIES, kind, name, emulator.endpoint, emulator.key_id),
            *(emulator.secret, direction, path, options["checkpoint_dir"], wanted, str(number)),
        ],
        check=False,
        timeout=60,
    )
    assert -signal.SIGKILL == done.returncode


@pytest.mark.parametrize(
    ("wanted", "number", "left"),
    [("CREATED", 1, 3), ("PART_DONE", 1, 2), ("PART_DONE", 2, 1), ("PART_DONE", 3, 0),
     ("COMPLETED", 1, 0)],
)  # fmt: skip
def test_an_upload_whose_process_is_killed(
    bucket, file, options, emulator, seen, wanted, number, left
):
    """Another process sends what is missing, and nothing else."""
    die(bucket, emulator, "up", file, options, wanted, number)
    emulator.reset_stats()

    result = ossfs.resumable_upload(bucket, "k", file, **options)

    assert left == emulator.requests("UploadPart") == result.parts_sent
    assert (CONTENT, [], []) == (
        seen.get("k"), seen.uploads(), list(options["checkpoint_dir"].iterdir()),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "number", "left"),
    [("CREATED", 1, 3), ("PART_DONE", 1, 2), ("PART_DONE", 2, 1), ("PART_DONE", 3, 0),
     ("RENAMED", 1, 0)],
)  # fmt: skip
def test_a_download_whose_process_is_killed(
    bucket, tmp_path, options, emulator, seen, wanted, number, left
):
    """Another process fetches what is missing, and nothing else."""
    seen.put("k", CONTENT)
    target = tmp_path / "to" / "back"
    target.parent.mkdir()
    die(bucket, emulator, "down", target, options, wanted, number)
    emulator.reset_stats()

    result = ossfs.resumable_download(bucket, "k", target, multiget_threshold=1, **options)

    assert left == emulator.requests("GetObject") == result.parts_fetched
    assert CONTENT == target.read_bytes()
    assert ([target], []) == (
        list(target.parent.iterdir()), list(options["checkpoint_dir"].iterdir()),
    )  # fmt: skip


DIES_AT_ANY_TIME = """
import os, random, signal, sys
import ossfs

kind, bucket, endpoint, key_id, secret, direction, path, kept, seed = sys.argv[1:]
dice = random.Random(int(seed))

def told(consumed, total):
    if dice.random() < 0.02:
        os.kill(os.getpid(), signal.SIGKILL)

with ossfs.connect(
    f"{kind}://{bucket}", endpoint=endpoint, region="cn-hangzhou",
    access_key_id=key_id, access_key_secret=secret,
) as bucket:
    move = {"up": ossfs.resumable_upload, "down": ossfs.resumable_download}[direction]
    more = {} if direction == "up" else {"multiget_threshold": 1}
    move(bucket, "k", path, part_size=5 << 20, num_threads=4, checkpoint_dir=kept,
         progress_callback=told, **more)
"""


@pytest.mark.parametrize("direction", ["up", "down"])
def test_killed_at_any_time_with_many_threads(bucket, tmp_path, options, emulator, seen, direction):
    """Until it gets through: parts that were done are moved once, the bytes are right."""
    content = os.urandom(MIB) * 40 + b"tail"
    path = tmp_path / "f"
    operation = "UploadPart" if direction == "up" else "GetObject"
    if direction == "up":
        path.write_bytes(content)
    else:
        seen.put("k", content)
    emulator.reset_stats()
    for seed in range(200):
        done = subprocess.run(
            [
                *(sys.executable, "-c", DIES_AT_ANY_TIME, bucket.place.split("://")[0]),
                *(bucket.name, emulator.endpoint, emulator.key_id, emulator.secret, direction),
                *(path, options["checkpoint_dir"], str(seed)),
            ],
            check=False,
            timeout=60,
        )
        if done.returncode == 0:
            break
    assert 0 == done.returncode

    assert content == (seen.get("k") if direction == "up" else path.read_bytes())
    assert emulator.requests(operation) <= 9 + 4 * seed  # parts, and those that were cut off
    assert [] == list(options["checkpoint_dir"].iterdir())
    assert ([], []) == (seen.uploads(), list(tmp_path.glob("f.ossfs-*")))


# Beside the official SDKs


@pytest.fixture
def oss2_bucket(emulator, bucket_name):
    session = oss2.Session()
    auth = oss2.Auth(emulator.key_id, emulator.secret)
    yield oss2.Bucket(auth, emulator.endpoint, bucket_name, session=session)
    session.session.close()


@pytest.fixture
def v2_client(emulator):
    session = requests.Session()
    config = v2.config.Config(region="cn-hangzhou", endpoint=emulator.endpoint)
    config.credentials_provider = v2.credentials.StaticCredentialsProvider(
        emulator.key_id, emulator.secret
    )
    config.http_client = v2.transport.RequestsHttpClient(session=session)
    yield v2.Client(config)
    session.close()


@pytest.fixture
def tos_client(emulator):
    client = tos.TosClientV2(
        emulator.key_id, emulator.secret, region="cn-beijing", max_retry_count=0,
        endpoint="http://tos-cn-beijing.volces.com", proxy_host=emulator.host,
        proxy_port=emulator.port, dns_cache_time=0,
    )  # fmt: skip
    yield client
    client.close()
    client.bucket_type_cache = None


@pytest.fixture
def s3_client(emulator):
    client = boto3.client(
        "s3", endpoint_url=emulator.endpoint, aws_access_key_id=emulator.key_id,
        aws_secret_access_key=emulator.secret, region_name="cn-hangzhou",
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )  # fmt: skip
    yield client
    client.close()


@pytest.fixture
def sdks(oss2_bucket, v2_client, tos_client, s3_client, bucket_name, tmp_path):
    """Return how each SDK uploads and downloads a file, in parts of the same size."""

    def of_oss2_up(key, path):
        oss2.resumable_upload(
            oss2_bucket, key, str(path), part_size=PART, multipart_threshold=1,
            store=oss2.ResumableStore(root=str(tmp_path), dir="oss2"),
        )  # fmt: skip

    def of_oss2_down(key, path):
        oss2.resumable_download(
            oss2_bucket, key, str(path), part_size=PART, multiget_threshold=1,
            store=oss2.ResumableDownloadStore(root=str(tmp_path), dir="oss2"),
        )  # fmt: skip

    def of_v2_up(key, path):
        v2_client.uploader(part_size=PART).upload_file(
            v2.PutObjectRequest(bucket_name, key), str(path)
        )

    def of_v2_down(key, path):
        v2_client.downloader(part_size=PART).download_file(
            v2.GetObjectRequest(bucket_name, key), str(path)
        )

    transfer = TransferConfig(multipart_threshold=1, multipart_chunksize=PART)
    return {
        "oss2": ("oss", of_oss2_up, of_oss2_down),
        "v2": ("oss", of_v2_up, of_v2_down),
        "tos": (
            "tos",
            lambda key, path: tos_client.upload_file(bucket_name, key, str(path), part_size=PART),
            lambda key, path: tos_client.download_file(bucket_name, key, str(path), part_size=PART),
        ),
        "boto3": (
            "s3",
            lambda key, path: s3_client.upload_file(str(path), bucket_name, key, Config=transfer),
            lambda key, path: s3_client.download_file(bucket_name, key, str(path), Config=transfer),
        ),
    }


@pytest.mark.parametrize("name", ["oss2", "v2", "tos", "boto3"])
def test_objects_are_those_of_the_sdk(sdks, opened, file, options, name):
    """Of the same parts: the same ETag, CRC-64, size, and kind of object."""
    kind, theirs, _ = sdks[name]
    bucket = opened(kind)

    theirs("theirs", file)
    ours = ossfs.resumable_upload(bucket, "ours", file, **options)

    expected, found = bucket.head("theirs"), bucket.head("ours")
    assert (expected.etag, expected.crc64, expected.size, expected.object_type) == (
        found.etag, found.crc64, found.size, found.object_type,
    )  # fmt: skip
    assert ours.etag == expected.etag


@pytest.mark.parametrize("name", ["oss2", "v2", "tos", "boto3"])
def test_files_are_those_of_the_sdk(sdks, opened, file, tmp_path, options, name):
    """What we upload, they download, and the other way round."""
    kind, up, down = sdks[name]
    bucket = opened(kind)

    ossfs.resumable_upload(bucket, "ours", file, **options)
    down("ours", tmp_path / "theirs")
    up("theirs", file)
    ossfs.resumable_download(bucket, "theirs", tmp_path / "ours", **options)

    assert CONTENT == (tmp_path / "theirs").read_bytes() == (tmp_path / "ours").read_bytes()


# What is said with requests


def test_headers_reach_the_object(opened, file, options, oss2_bucket):
    """Type, metadata, class and ACL, of an upload in parts and of one request."""
    bucket = opened("oss")
    given = {
        "Content-Type": "text/plain", "x-oss-meta-colour": "red", "x-oss-storage-class": "IA",
        "x-oss-object-acl": "public-read", "x-oss-traffic-limit": "838860800",
        "x-oss-request-payer": "requester",
    }  # fmt: skip

    ossfs.resumable_upload(bucket, "parts", file, headers=given, **options)
    file.write_bytes(b"small")
    ossfs.resumable_upload(bucket, "small", file, headers=given, **options)

    for key in ("parts", "small"):
        info = bucket.head(key)
        assert ("text/plain", {"colour": "red"}, "IA") == (
            info.content_type, info.metadata, info.storage_class,
        )  # fmt: skip
        assert "public-read" == oss2_bucket.get_object_acl(key).acl


def test_a_sequential_upload(opened, file, options, emulator, seen):
    """Its parts are final; one whose answer was lost is recognised."""
    bucket = opened("oss")
    emulator.add_fault("drop_after", operation="UploadPart", count=1, skip=1)

    result = ossfs.resumable_upload(bucket, "k", file, sequential=True, num_threads=4, **options)

    assert (CONTENT, PARTS) == (seen.get("k"), result.parts_sent)


# Opening a bucket


def test_two_lines(emulator, bucket_name, cloud_environment, file, tmp_path, seen):
    """Credentials come from where the mount finds them, too."""
    with ossfs.connect(f"oss://{bucket_name}", endpoint=emulator.endpoint) as bucket:
        ossfs.resumable_upload(bucket, "k", file, checkpoint_dir=tmp_path)

    assert CONTENT == seen.get("k")


def test_options_of_a_bucket(opened, file, options):
    """By the names of the configuration, as Python writes their values."""
    bucket = opened(
        "oss", storage_class="IA", read_timeout=30, connections=8, requester_pays=True,
        tagging={"team": "a"},
    )  # fmt: skip

    ossfs.resumable_upload(bucket, "k", file, **options)

    assert ("IA", {"team": "a"}) == (bucket.head("k").storage_class, bucket.get_tagging("k"))


@pytest.mark.parametrize(
    ("url", "given", "message"),
    [
        ("oss://b-1", {}, "endpoint"),
        ("oss://b-1/folder", {"endpoint": "http://h"}, "folder"),
        ("ftp://b-1", {"endpoint": "http://h"}, "ftp"),
        ("oss://b-1", {"endpoint": "http://h", "part_size": 5}, "part_size"),
        ("oss://b-1", {"endpoint": "http://h", "no_such": 5}, "no_such"),
        ("oss://b-1", {"endpoint": "http://h", "access_key_id": "a"}, "secret"),
        ("oss://b-1", {"endpoint": "http://h", "connections": 0}, "connections"),
    ],
)
def test_a_bucket_that_cannot_be_opened(url, given, message):
    """Said before anything is asked."""
    with pytest.raises(InvalidOption, match=message):
        ossfs.connect(url, **given)


def test_errors_say_where(bucket, tmp_path):
    """Bucket, key and request id are in the message, and in the error's fields."""
    with pytest.raises(NoSuchKey) as caught:
        ossfs.resumable_download(bucket, "missing", tmp_path / "f")

    error = caught.value
    assert (bucket.name, "missing") == (error.bucket, error.key)
    assert error.request_id
    assert error.request_id in str(error)
    assert f"{bucket.name}/missing" in str(error)


def test_wrong_checksums_say_which_request(bucket, emulator, seen):
    """So that the store's operator can find it."""
    seen.put("k", CONTENT[:5])
    bucket.put("k", BytesBody(CONTENT[:5]), Headers())
    emulator.add_fault("corrupt", operation="GetObject", bytes=2)

    with pytest.raises(ChecksumMismatch) as caught:
        bucket.get("k", into=Handing(bytes))

    assert (bucket.name, "k") == (caught.value.bucket, caught.value.key)
    assert caught.value.request_id
    assert caught.value.request_id in str(caught.value)


def test_what_may_be_worth_another_try():
    """Said by the class."""
    assert not NoSuchKey.is_worth_rerunning
    assert CredentialsExpired.is_worth_rerunning


def test_the_names_are_cheap():
    """Neither requests nor anything of the transfers is imported before it is used."""
    code = (
        "import sys, ossfs; before = set(sys.modules); assert 'requests' not in before;"
        "assert 'ossfs.transfer' not in before; ossfs.RateLimiter(1);"
        "assert 'requests' not in sys.modules; assert ossfs.errors.NoSuchKey;"
        "ossfs.connect; assert 'requests' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_name_is_there():
    """What the package says it offers, and dir() shows."""
    homes = ossfs.transfer.HOMES.values()
    assert sorted(name for names in homes for name in names) == ossfs.transfer.__all__
    for name in ossfs.transfer.__all__:
        assert getattr(ossfs, name) is getattr(ossfs.transfer, name)
        assert name in dir(ossfs.transfer)
    with pytest.raises(AttributeError, match="no_such"):
        ossfs.no_such  # noqa: B018  # looking is the test
