"""What a store's call of an application server, after an upload, means to who uploads."""

import os

import pytest
from application_server import packed, serving_application

import ossfs
from ossfs.errors import CallbackFailed

MIB = 1 << 20
CONTENT = os.urandom(1 * MIB) * 11
SMALL = CONTENT[:1000]


@pytest.fixture
def application():
    with serving_application() as server:
        yield server


@pytest.fixture(params=["oss", "tos"])  # S3 has no callbacks
def kind(request):
    return request.param


@pytest.fixture
def bucket(kind, emulator, bucket_name):
    with ossfs.connect(
        f"{kind}://{bucket_name}", endpoint=emulator.endpoint, region="cn-hangzhou",
        access_key_id=emulator.key_id, access_key_secret=emulator.secret,
    ) as opened:  # fmt: skip
        yield opened


@pytest.fixture
def headers(kind, application):
    """Ask for a call that tells the key and the size."""
    wanted = {"callbackUrl": application.url, "callbackBody": "${object} ${size} ${x:n}"}
    return {
        f"x-{kind}-callback": packed(wanted), f"X-{kind}-Callback-Var": packed({"x:n": "7"}),
    }  # fmt: skip


WAYS = ["file", "file in parts", "bytes", "bytes in parts", "stream in parts", "put"]


@pytest.fixture(params=WAYS)
def upload(request, bucket, tmp_path, headers):
    """Upload in one of all ways; return the result, and the bytes."""
    data = CONTENT if request.param.endswith("in parts") else SMALL
    (tmp_path / "f").write_bytes(data)
    kept = {"checkpoint_dir": tmp_path / "kept", "part_size": 5 * MIB}

    def run():
        if request.param.startswith("file"):
            return ossfs.resumable_upload(bucket, "k", tmp_path / "f", headers=headers, **kept)
        if request.param == "put":
            return ossfs.put_object(bucket, "k", data, headers=headers)
        given = iter([data]) if request.param.startswith("stream") else data
        return ossfs.upload_object(bucket, "k", given, headers=headers, part_size=5 * MIB)

    run.data = data
    return run


@pytest.mark.parametrize("answer", [b'{"Status":"OK"}', b'{"Code":"NoSuchUpload"}', b'"\xc3\xa9"'])
def test_the_answer_of_a_callback_comes_back(upload, application, seen, answer):
    """As it is, however the bytes were uploaded; the application is called once."""
    application.answer = (200, answer)

    result = upload()

    assert answer == result.callback_answer
    assert [f"k {len(upload.data)} 7".encode()] == [told for _, _, told in application.told]
    assert (upload.data, result.crc64) == (seen.get("k"), seen.crc64("k"))


@pytest.mark.parametrize("answer", [(502, b"{}"), (200, b"no JSON")])
def test_a_callback_that_fails_is_said_and_the_object_is_there(
    upload, application, seen, tmp_path, emulator, expect_log, answer
):
    """Nothing is sent twice, nothing is left behind, and the error says that it is stored."""
    expect_log("callback failed")
    application.answer = answer
    emulator.reset_stats()

    with pytest.raises(CallbackFailed) as caught:
        upload()

    assert "k: 203 CallbackFailed: the object is stored, but its callback failed" in str(
        caught.value
    )
    assert (203, "k", False) == (
        caught.value.status, caught.value.key, caught.value.is_worth_rerunning,
    )  # fmt: skip
    assert caught.value.request_id
    assert (upload.data, [], 1) == (seen.get("k"), seen.uploads(), len(application.told))
    assert 1 == emulator.requests("PutObject") + emulator.requests("CompleteMultipartUpload")
    assert [] == [one for one in tmp_path.glob("kept/*") if one.suffix != ".lock"]


def test_without_a_callback_there_is_no_answer(bucket):
    """None, not empty."""
    assert ossfs.put_object(bucket, "k", b"x").callback_answer is None


def test_an_answer_that_is_lost_is_not_made_up(bucket, headers, emulator, application, seen):
    """The object is recognised; what the application said is not known."""
    emulator.add_fault("drop_after", operation="CompleteMultipartUpload", count=1)

    result = ossfs.upload_object(bucket, "k", iter([CONTENT]), headers=headers, part_size=5 * MIB)

    assert (None, CONTENT) == (result.callback_answer, seen.get("k"))
