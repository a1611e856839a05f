"""Callbacks after a write: what is sent, what is relayed, and 203 when it fails."""

import json
from urllib.parse import parse_qs

import pytest
from application_server import packed, serving_application

from ossfs.crc64 import crc64


@pytest.fixture
def application():
    with serving_application() as server:
        yield server


def callback(url, **more):
    body = "b=${bucket}&o=${object}&e=${etag}&s=${size}&m=${mimeType}&c=${crc64}&v=${x:var}"
    return {"x-oss-callback": packed({"callbackUrl": url, "callbackBody": body, **more}),
            "x-oss-callback-var": packed({"x:var": "a&b ü"})}  # fmt: skip


def test_a_put_calls_back(wire, application):
    """Templates are filled in and encoded; the application's answer is the uploader's."""
    headers = {**callback(application.url), "Content-Type": "text/x"}

    put = wire("PUT", "dir/k é", body=b"12345", headers=headers)

    [(path, sent, told)] = application.told
    assert (200, b'{"Status": "OK"}') == (put.status, put.body)
    assert ("/called", "application/x-www-form-urlencoded") == (path, sent["Content-Type"])
    assert {
        "b": [wire.bucket], "o": ["dir/k é"], "e": [put.headers["ETag"].strip('"')], "s": ["5"],
        "m": ["text/x"], "c": [str(crc64(b"12345"))], "v": ["a&b ü"],
    } == parse_qs(told.decode())  # fmt: skip


def test_a_complete_calls_back_with_json(wire, application):
    """As JSON, numbers stay numbers and texts become literals."""
    body = '{"key": ${object}, "size": ${size}, "none": ${x:none}}'
    wanted = {"callbackUrl": application.url, "callbackBody": body, "callbackHost": "app.example",
              "callbackBodyType": "application/json"}  # fmt: skip
    upload = wire("POST", "k", query={"uploads": ""}).body.decode()
    upload = upload.partition("<UploadId>")[2].partition("<")[0]
    part = wire("PUT", "k", query={"partNumber": "1", "uploadId": upload}, body=b"123")
    parts = "<Part><PartNumber>1</PartNumber><ETag>{}</ETag></Part>".format(part.headers["ETag"])

    done = wire(
        "POST", "k", query={"uploadId": upload}, headers={"x-oss-callback": packed(wanted)},
        body=f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>",
    )  # fmt: skip

    [(_, sent, told)] = application.told
    assert b'{"Status": "OK"}' == done.body
    assert ("app.example", "application/json") == (sent["Host"], sent["Content-Type"])
    assert {"key": "k", "size": 3, "none": ""} == json.loads(told)


@pytest.mark.parametrize("answer", [(500, b"{}"), (200, b"no json"), (404, b"")])
def test_a_failed_callback_leaves_the_object(wire, application, answer):
    """203 CallbackFailed: it is stored all the same."""
    application.answer = answer

    put = wire("PUT", "k", body=b"stored", headers=callback(application.url))

    assert 203 == put.status
    assert b"<Code>CallbackFailed</Code>" in put.body
    assert b"stored" == wire("GET", "k").body


def test_nobody_there_is_a_failed_callback_too(wire):
    """Nothing listens on that port."""
    put = wire("PUT", "k", body=b"stored", headers=callback("http://127.0.0.1:9/"))

    assert (203, b"stored") == (put.status, wire("GET", "k").body)


def test_the_first_address_that_answers_counts(wire, application):
    """Several addresses are tried in turn."""
    put = wire("PUT", "k", body=b"", headers=callback(f"http://127.0.0.1:9/;{application.url}"))

    assert (200, 1) == (put.status, len(application.told))


@pytest.mark.parametrize(
    "headers",
    [
        {"x-oss-callback": "no base64"},
        {"x-oss-callback": packed([])},
        {"x-oss-callback": packed({"callbackUrl": "http://x"})},
        {"x-oss-callback": packed({"callbackUrl": "", "callbackBody": "b"})},
        {"x-oss-callback": packed({"callbackUrl": "a;b;c;d;e;f", "callbackBody": "b"})},
        {"x-oss-callback": packed({"callbackUrl": "http://x", "callbackBody": "b"}),
         "x-oss-callback-var": packed({"var": "without x:"})},
    ],
)  # fmt: skip
def test_a_malformed_callback_is_refused_before_anything_is_stored(wire, headers):
    """400 InvalidArgument."""
    put = wire("PUT", "k", body=b"x", headers=headers)

    assert 400 == put.status
    assert b"<Code>InvalidArgument</Code>" in put.body
    assert 404 == wire("HEAD", "k").status
