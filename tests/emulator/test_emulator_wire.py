"""What the server says, byte by byte, to a client without an SDK's kindness."""

import base64
import hashlib
import re
import socket
from xml.etree import ElementTree as ET

import pytest

from ossfs.crc64 import crc64

CONTENT = bytes(range(250)) * 4  # 1000 bytes


def code(response):
    return ET.fromstring(response.body).findtext("Code")


def texts(response, path):
    return [one.text or "" for one in ET.fromstring(response.body).iterfind(path)]


def md5(data):
    return hashlib.md5(data).hexdigest().upper()


def test_put_answers_with_all_sums(wire):
    """ETag, CRC-64 and MD5 of a PUT are those of the bytes."""
    put = wire("PUT", "k", body=CONTENT)

    assert 200 == put.status
    assert f'"{md5(CONTENT)}"' == put.headers["ETag"]
    assert str(crc64(CONTENT)) == put.headers["x-oss-hash-crc64ecma"]
    assert hashlib.md5(CONTENT).digest() == base64.b64decode(put.headers["Content-MD5"])
    assert b"" == put.body


def test_every_answer_has_the_common_headers(wire):
    """Request id, date and server are on successes and on errors."""
    for answer in (wire("PUT", "k", body=b"x"), wire("GET", "nothing"), wire("HEAD", "k")):
        assert re.fullmatch("[0-9A-F]{24}", answer.headers["x-oss-request-id"])
        assert "AliyunOSS" == answer.headers["Server"]
        assert answer.headers["Date"].endswith("GMT")
        assert answer.headers["x-oss-server-time"].isdecimal()


def test_head_tells_what_get_would(wire):
    """HEAD has GET's headers and length, and no body."""
    headers = {"Content-Type": "text/x-odd", "x-oss-meta-Author": "me", "Cache-Control": "no-cache"}
    wire("PUT", "k", body=CONTENT, headers=headers)

    head, get = wire("HEAD", "k"), wire("GET", "k")

    assert (200, b"", CONTENT) == (head.status, head.body, get.body)
    changing = {"Date", "x-oss-request-id", "x-oss-server-time"}
    assert {k: v for k, v in head.headers.items() if k not in changing} == {
        k: v for k, v in get.headers.items() if k not in changing
    }
    assert "1000" == head.headers["Content-Length"]
    assert ("text/x-odd", "me", "no-cache") == (
        head.headers["Content-Type"], head.headers["x-oss-meta-author"],
        head.headers["Cache-Control"],
    )  # fmt: skip


def test_object_meta_is_the_short_form(wire):
    """HEAD ?objectMeta tells size, ETag, time and CRC, and no user metadata."""
    wire("PUT", "k", body=CONTENT, headers={"x-oss-meta-a": "b"})

    meta = wire("HEAD", "k", query={"objectMeta": ""})

    assert ("1000", f'"{md5(CONTENT)}"') == (meta.headers["Content-Length"], meta.headers["ETag"])
    assert meta.headers["Last-Modified"].endswith("GMT")
    assert "x-oss-meta-a" not in meta.headers


def test_an_error_on_head_is_in_a_header(wire):
    """HEAD has no body; the error document is in x-oss-err, base64."""
    head = wire("HEAD", "nothing")

    assert (404, b"") == (head.status, head.body)
    error = ET.fromstring(base64.b64decode(head.headers["x-oss-err"]))
    assert "NoSuchKey" == error.findtext("Code")
    assert head.headers["x-oss-request-id"] == error.findtext("RequestId")
    assert "0026-00000001" == head.headers["x-oss-ec"] == error.findtext("EC")


@pytest.mark.parametrize(
    ("header", "behavior", "status", "content_range", "body"),
    [
        ("bytes=0-499", "", 206, "bytes 0-499/1000", CONTENT[:500]),
        ("bytes=-100", "", 206, "bytes 900-999/1000", CONTENT[-100:]),
        ("bytes=500-2000", "", 200, None, CONTENT),
        ("bytes=500-2000", "standard", 206, "bytes 500-999/1000", CONTENT[500:]),
        ("bytes=1000-2000", "", 200, None, CONTENT),
    ],
)
def test_ranges(wire, header, behavior, status, content_range, body):
    """A served range is 206 with its Content-Range and the whole object's CRC."""
    wire("PUT", "k", body=CONTENT)
    headers = {"Range": header} | ({"x-oss-range-behavior": behavior} if behavior else {})

    got = wire("GET", "k", headers=headers)

    assert (status, content_range, body) == (got.status, got.headers["Content-Range"], got.body)
    assert str(crc64(CONTENT)) == got.headers["x-oss-hash-crc64ecma"]


def test_a_range_behind_the_end_is_416_when_asked(wire):
    """Only the standard behaviour refuses."""
    wire("PUT", "k", body=CONTENT)

    got = wire("GET", "k", headers={"Range": "bytes=1000-", "x-oss-range-behavior": "standard"})

    assert (416, "InvalidRange") == (got.status, code(got))


def test_a_large_range_crosses_parts(wire):
    """A range over several files of an object is one body."""
    upload = initiated(wire, "k")
    parts = [bytes([n]) * 400_000 for n in range(3)]
    etags = [uploaded(wire, "k", upload, n + 1, part) for n, part in enumerate(parts)]
    completed(wire, "k", upload, etags)
    whole = b"".join(parts)

    got = wire("GET", "k", headers={"Range": "bytes=399999-1100000"})

    assert (206, whole[399_999:1_100_001]) == (got.status, got.body)
    assert str(crc64(whole)) == got.headers["x-oss-hash-crc64ecma"]
    assert whole == wire("GET", "k").body


def test_a_large_body_is_the_same_afterwards(wire):
    """Many batches, hashed and written side by side, with and without a length."""
    content = bytes(range(251)) * 20_000  # 5 MB
    pieces = [content[n : n + 70_001] for n in range(0, len(content), 70_001)]

    known, chunked = wire("PUT", "a", body=content), wire("PUT", "b", body=iter(pieces))

    assert f'"{md5(content)}"' == known.headers["ETag"] == chunked.headers["ETag"]
    assert str(crc64(content)) == known.headers["x-oss-hash-crc64ecma"]
    assert content == wire("GET", "a").body == wire("GET", "b").body


def test_a_reader_that_goes_away_leaves_no_file(server, wire):
    """After a broken GET the deleted object's file is removed."""
    before = set(server.directory.rglob("blobs/*/*"))
    wire("PUT", "k", body=bytes(8 << 20))
    (file,) = set(server.directory.rglob("blobs/*/*")) - before
    with socket.create_connection((server.host, server.port)) as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        head = "".join(f"{k}: {v}\r\n" for k, v in wire.signed("GET", "k").items())
        raw.sendall(f"GET {wire.target('k')} HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode())
        assert raw.recv(100).startswith(b"HTTP/1.1 200")
        wire("DELETE", "k")
        assert file.exists()

    while file.exists():
        server.stats()


def test_an_empty_object_has_no_bytes(wire):
    """Zero bytes are an object; keep-alive goes on behind it."""
    assert 200 == wire("PUT", "empty", body=b"").status

    got = wire("GET", "empty")

    assert (200, "0", b"") == (got.status, got.headers["Content-Length"], got.body)
    assert "0" == got.headers["x-oss-hash-crc64ecma"]


def test_conditions(wire):
    """If-Match and its relatives: 412, 304 without a body, or the object."""
    put = wire("PUT", "k", body=CONTENT)
    etag, modified = put.headers["ETag"], wire("HEAD", "k").headers["Last-Modified"]
    cases = [
        ({"If-Match": etag}, 200),
        ({"If-Match": etag.strip('"')}, 200),
        ({"If-Match": '"0"'}, 412),
        ({"If-None-Match": etag}, 304),
        ({"If-None-Match": '"0"'}, 200),
        ({"If-Modified-Since": modified}, 304),
        ({"If-Modified-Since": "Thu, 01 Jan 2015 00:00:00 GMT"}, 200),
        ({"If-Modified-Since": "once"}, 200),
        ({"If-Unmodified-Since": modified}, 200),
        ({"If-Unmodified-Since": "Thu, 01 Jan 2015 00:00:00 GMT"}, 412),
    ]

    for method in ("GET", "HEAD"):
        answers = [wire(method, "k", headers=headers) for headers, _ in cases]

        assert [status for _, status in cases] == [answer.status for answer in answers]
        assert all(not answer.body for answer in answers if answer.status == 304)


@pytest.mark.parametrize(
    ("headers", "status", "name"),
    [
        ({"Content-MD5": "XUFAKrxLKna5cZ2REBfFkg=="}, 400, "InvalidDigest"),
        ({"Content-MD5": "nonsense"}, 400, "InvalidDigest"),
        ({"x-oss-hash-crc64ecma": "1"}, 400, "InvalidCRC64"),
        ({"If-Match": '"x"'}, 400, "NotImplemented"),
        ({"If-None-Match": "*"}, 400, "NotImplemented"),
        ({"x-oss-object-acl": "everybody"}, 400, "InvalidArgument"),
        ({"x-oss-storage-class": "Gold"}, 400, "InvalidArgument"),
        ({"x-oss-traffic-limit": "1"}, 400, "InvalidArgument"),
        ({"x-oss-traffic-limit": "838860801"}, 400, "InvalidArgument"),
        ({"x-oss-server-side-encryption": "ROT13"}, 400, "InvalidEncryptionAlgorithmError"),
        ({"x-oss-meta-a": "x" * 8192}, 400, "MetadataTooLarge"),
        ({"x-oss-meta-a_b": "x"}, 400, "InvalidArgument"),
        ({"x-oss-tagging": "&".join(f"k{n}=v" for n in range(11))}, 400, "InvalidTag"),
        ({"x-oss-callback": "e30="}, 400, "InvalidArgument"),
        ({"x-oss-forbid-overwrite": "true"}, 409, "FileAlreadyExists"),
        ({"x-oss-forbid-overwrite": "maybe"}, 400, "InvalidArgument"),
    ],
)
def test_a_refused_put_changes_nothing(wire, headers, status, name):
    """Whatever is wrong with a PUT, the object that was there stays."""
    wire("PUT", "k", body=b"before")

    put = wire("PUT", "k", body=CONTENT, headers=headers)

    assert (status, name) == (put.status, code(put))
    assert b"before" == wire("GET", "k").body


def test_metadata_of_eight_kilobytes_is_kept(wire):
    """The limit is on names and values together, and is itself allowed."""
    value = "x" * (8192 - len("x-oss-meta-a"))

    assert 200 == wire("PUT", "k", body=b"", headers={"x-oss-meta-a": value}).status
    assert value == wire("HEAD", "k").headers["x-oss-meta-a"]


def test_a_put_needs_a_length(server, wire):
    """Without Content-Length and chunks a PUT is 411."""
    headers = "".join(f"{k}: {v}\r\n" for k, v in wire.signed("PUT", "k").items())
    with socket.create_connection((server.host, server.port)) as raw:
        raw.sendall(f"PUT {wire.target('k')} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode())
        answer = raw.recv(65536)

    assert b"411" in answer.partition(b"\r\n")[0]


def test_chunked_bodies(wire):
    """A body without a length is taken in chunks, also an empty one."""
    wire("PUT", "k", body=(CONTENT[n : n + 100] for n in range(0, 1000, 100)))
    wire("PUT", "empty", body=(piece for piece in ()))

    assert CONTENT == wire("GET", "k").body
    assert (200, b"") == (wire("GET", "empty").status, wire("GET", "empty").body)


def test_a_content_encoding_is_not_unpacked(wire):
    """What says it is gzip is stored as it comes."""
    wire("PUT", "k", body=b"not gzip at all", headers={"Content-Encoding": "gzip"})

    got = wire("GET", "k")

    assert (b"not gzip at all", "gzip") == (got.body, got.headers["Content-Encoding"])


def test_response_headers_can_be_overridden(wire):
    """response-* replace headers of a signed GET, but cannot break the answer apart."""
    wire("PUT", "k", body=b"x")

    got = wire("GET", "k", query={"response-content-type": "text/odd"})
    broken = wire("GET", "k", query={"response-content-disposition": "a\r\nb: c"})

    assert "text/odd" == got.headers["Content-Type"]
    assert (400, "InvalidArgument") == (broken.status, code(broken))


ODD_KEYS = ["a", "a/", "a//b", "a/../b", "..", ".", "a b+c%d%20&e=f?g#h", "é中文😀", "\x01\x1f\x7f",
            "'\"<>&;", "x" * 1023, "é" * 511, "a\\b", "-", " ", "con:nul*"]  # fmt: skip


def test_odd_keys_stay_apart(wire):
    """Every legal key names its own object, and is listed in byte order as it was given."""
    for key in ODD_KEYS:
        assert 200 == wire("PUT", key, body=key.encode()).status

    listed = wire("GET", query={"list-type": "2", "encoding-type": "url", "max-keys": "1000"})

    from urllib.parse import unquote  # noqa: PLC0415  # only here

    assert sorted(ODD_KEYS, key=str.encode) == [unquote(k) for k in texts(listed, "Contents/Key")]
    assert [key.encode() for key in ODD_KEYS] == [wire("GET", key).body for key in ODD_KEYS]


@pytest.mark.parametrize("key", ["x" * 1024, "é" * 512, "/a", "\\a"])
def test_illegal_keys_are_refused(wire, key):
    """Too long, or beginning with a slash."""
    put = wire("PUT", key, body=b"")

    assert (400, "InvalidObjectName") == (put.status, code(put))


def test_a_key_that_is_no_utf8_is_refused(wire):
    """Bytes that are no text cannot be a key."""
    got = wire.raw("GET", f"/{wire.bucket}/%ff")

    assert (400, "InvalidObjectName") == (got.status, code(got))


def test_missing_things_have_their_codes(wire):
    """404 says what is missing; deleting what is not there is fine."""
    assert (404, "NoSuchKey") == (wire("GET", "k").status, code(wire("GET", "k")))
    missing = wire("GET", "k", bucket="no-such-bucket")
    assert (404, "NoSuchBucket") == (missing.status, code(missing))
    upload = wire("PUT", "k", query={"uploadId": "0" * 32, "partNumber": "1"}, body=b"x")
    assert (404, "NoSuchUpload") == (upload.status, code(upload))
    assert 204 == wire("DELETE", "k").status


def test_other_versions_do_not_exist(wire):
    """An id of a version never reaches the current object."""
    wire("PUT", "k", body=b"x")

    got = wire("GET", "k", query={"versionId": "CAEQ"})
    wire("DELETE", "k", query={"versionId": "CAEQ"})

    assert (404, "NoSuchVersion") == (got.status, code(got))
    assert b"x" == wire("GET", "k", query={"versionId": "null"}).body


def test_unsigned_requests_need_an_acl(server, wire):
    """private, public-read and public-read-write open what they say to everybody."""
    wire("PUT", "k", body=b"x")
    target = wire.target("k")

    def everybody():
        return [
            wire.raw("GET", target).status,
            wire.raw("GET", wire.target()).status,
            wire.raw("PUT", wire.target("new"), body=b"y").status,
            wire.raw("PUT", wire.target("k", {"acl": ""}),
                     headers={"x-oss-object-acl": "public-read"}).status,
        ]  # fmt: skip

    assert [403, 403, 403, 403] == everybody()
    wire("PUT", query={"acl": ""}, headers={"x-oss-acl": "public-read"})
    assert [200, 200, 403, 403] == everybody()
    wire("PUT", query={"acl": ""}, headers={"x-oss-acl": "public-read-write"})
    assert [200, 200, 200, 403] == everybody()
    wire("PUT", "k", query={"acl": ""}, headers={"x-oss-object-acl": "private"})
    assert [403, 200, 200, 403] == everybody()


def test_a_refused_body_does_not_break_the_connection(wire):
    """The bytes of a refused PUT are not taken for the next request."""
    for _ in range(3):
        assert 404 == wire("PUT", "k", bucket="no-such-bucket", body=b"x" * 300_000).status
    assert 200 == wire("PUT", "k", body=b"x").status


def test_continue_is_said_when_the_body_is_wanted(server, wire):
    """Expect: 100-continue gets its answer; a refusal comes instead of it."""
    for bucket, wanted in ((wire.bucket, b"100"), ("no-such-bucket", b"404")):
        headers = wire.signed("PUT", "k", bucket=bucket)
        headers |= {"Expect": "100-continue", "Content-Length": "5", "Host": "x"}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        with socket.create_connection((server.host, server.port)) as raw:
            raw.sendall(f"PUT {wire.target('k', bucket=bucket)} HTTP/1.1\r\n{head}\r\n".encode())
            first = raw.recv(65536)
            assert wanted == first.split()[1]
            if wanted == b"100":
                raw.sendall(b"hello")
                assert b"200" == raw.recv(65536).split()[1]
    assert b"hello" == wire("GET", "k").body


@pytest.mark.parametrize("host", ["{bucket}.localhost", "{bucket}.oss-cn-hangzhou.aliyuncs.com"])
def test_virtual_hosts(wire, host):
    """The bucket may be in the host name, in the header or in an absolute target."""
    host = host.format(bucket=wire.bucket)
    wire("PUT", "a/b", body=b"x")
    headers = wire.signed("GET", "a/b")

    by_header = wire.raw("GET", "/a/b", {**headers, "Host": host})
    by_target = wire.raw("GET", f"http://{host}/a%2Fb", headers)

    assert (b"x", b"x") == (by_header.body, by_target.body)


def test_a_wrong_secret_is_refused_with_what_was_signed(wire):
    """SignatureDoesNotMatch carries the server's idea of the string to sign."""
    headers = wire.signed("GET", "k")
    headers["Authorization"] = headers["Authorization"][:-4] + "AAA="

    got = wire.raw("GET", wire.target("k"), headers)

    assert (403, "SignatureDoesNotMatch") == (got.status, code(got))
    assert texts(got, "StringToSign")[0].endswith(f"/{wire.bucket}/k")


def test_the_servers_clock_can_be_wrong(server, wire):
    """With its clock off, the server refuses with its own time in Date."""
    server.set_clock_offset(-3600)

    got = wire("GET")

    assert (403, "RequestTimeTooSkewed") == (got.status, code(got))


def initiated(wire, key, **more):
    begun = wire("POST", key, query={"uploads": ""}, **more)
    assert 200 == begun.status
    return texts(begun, "UploadId")[0]


def uploaded(wire, key, upload, number, body):
    query = {"uploadId": upload, "partNumber": str(number)}
    put = wire("PUT", key, query=query, body=body)
    assert (200, f'"{md5(body)}"') == (put.status, put.headers["ETag"])
    return put.headers["ETag"]


def completion(etags, first=1):
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
        for number, etag in enumerate(etags, first)
    )
    return f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()


def completed(wire, key, upload, etags, **more):
    return wire("POST", key, query={"uploadId": upload}, body=completion(etags), **more)


def test_multipart_upload(wire):
    """Parts become one object with their combined CRC, and the upload is gone."""
    upload = initiated(wire, "k", headers={"Content-Type": "text/odd", "x-oss-meta-a": "b"})
    parts = [b"1" * 102_400, b"2" * 102_400, b"3"]
    etags = [uploaded(wire, "k", upload, n + 1, part) for n, part in enumerate(parts)]
    assert 404 == wire("HEAD", "k").status

    done = completed(wire, "k", upload, etags)
    again = completed(wire, "k", upload, etags)

    head = wire("HEAD", "k")
    assert re.fullmatch('"[0-9A-F]{32}-3"', done.headers["ETag"])
    assert done.headers["ETag"] == head.headers["ETag"] == texts(done, "ETag")[0]
    assert str(crc64(b"".join(parts))) == head.headers["x-oss-hash-crc64ecma"]
    assert ("text/odd", "b", "Multipart") == (
        head.headers["Content-Type"], head.headers["x-oss-meta-a"],
        head.headers["x-oss-object-type"],
    )  # fmt: skip
    assert b"".join(parts) == wire("GET", "k").body
    assert (404, "NoSuchUpload") == (again.status, code(again))


def test_complete_refuses_wrong_lists(wire):
    """A wrong list completes nothing, and the upload goes on."""
    upload = initiated(wire, "k")
    small = [uploaded(wire, "k", upload, number, b"x" * number) for number in (1, 2)]
    cases = [
        (completion(small), "EntityTooSmall"),
        (completion(['"0"'], 2), "InvalidPart"),
        (completion(small[1:], 3), "InvalidPart"),
        (completion(small[::-1]).replace(b">1<", b">9<"), "InvalidPartOrder"),
        (b"<CompleteMultipartUpload></CompleteMultipartUpload>", "MalformedXML"),
        (b"<CompleteMultipartUpload><Part>", "MalformedXML"),
        (b"", "MalformedXML"),
    ]

    answers = [wire("POST", "k", query={"uploadId": upload}, body=body) for body, _ in cases]

    assert [name for _, name in cases] == [code(answer) for answer in answers]
    assert {400} == {answer.status for answer in answers}
    assert (
        200 == wire("POST", "k", query={"uploadId": upload}, body=completion(small[1:], 2)).status
    )
    assert b"xx" == wire("GET", "k").body


def test_complete_all(wire):
    """With x-oss-complete-all the server lists the parts itself; then no body is allowed."""
    upload = initiated(wire, "k")
    uploaded(wire, "k", upload, 7, b"7" * 102_400)
    uploaded(wire, "k", upload, 9, b"9")
    yes = {"x-oss-complete-all": "yes"}

    refused = wire("POST", "k", query={"uploadId": upload}, headers=yes, body=completion(["x"]))
    done = wire("POST", "k", query={"uploadId": upload}, headers=yes)

    assert (400, 200) == (refused.status, done.status)
    assert b"7" * 102_400 + b"9" == wire("GET", "k").body


def test_a_part_can_be_sent_again(wire):
    """The last one of a number counts."""
    upload = initiated(wire, "k")
    uploaded(wire, "k", upload, 1, b"old")

    etag = uploaded(wire, "k", upload, 1, b"new")

    assert 200 == completed(wire, "k", upload, [etag]).status
    assert b"new" == wire("GET", "k").body


def test_part_numbers_have_bounds(wire):
    """1 to 10000."""
    upload = initiated(wire, "k")

    statuses = [
        wire("PUT", "k", query={"uploadId": upload, "partNumber": number}, body=b"x").status
        for number in ("0", "1", "10000", "10001", "x", "-1")
    ]

    assert [400, 200, 200, 400, 400, 400] == statuses


def test_parts_copied_from_an_object(wire):
    """UploadPartCopy takes a range of an object; sums are those of the bytes."""
    source = bytes(range(256)) * 1000
    wire("PUT", "source", body=source)
    upload = initiated(wire, "k")
    etags = []
    for number, (first, last) in enumerate([(10, 200_009), (5, 9)], 1):
        copied = wire(
            "PUT", "k", query={"uploadId": upload, "partNumber": str(number)},
            headers={"x-oss-copy-source": f"/{wire.bucket}/source",
                     "x-oss-copy-source-range": f"bytes={first}-{last}"},
        )  # fmt: skip
        assert f'"{md5(source[first : last + 1])}"' == texts(copied, "ETag")[0]
        assert f"bytes {first}-{last}/256000" == copied.headers["Content-Range"]
        etags += texts(copied, "ETag")
    wire("DELETE", "source")

    completed(wire, "k", upload, etags)

    wanted = source[10:200_010] + source[5:10]
    assert wanted == wire("GET", "k").body
    assert str(crc64(wanted)) == wire("HEAD", "k").headers["x-oss-hash-crc64ecma"]


def test_copy_conditions(wire):
    """A copy's source can be pinned to a version."""
    etag = wire("PUT", "source", body=b"x").headers["ETag"]
    copy = {"x-oss-copy-source": f"/{wire.bucket}/source"}

    right = wire("PUT", "k", headers={**copy, "x-oss-copy-source-if-match": etag})
    wrong = wire("PUT", "k", headers={**copy, "x-oss-copy-source-if-match": "0" * 32})
    same = wire("PUT", "k", headers={**copy, "x-oss-copy-source-if-none-match": etag})

    assert (200, 412, 304) == (right.status, wrong.status, same.status)


def test_copy_takes_or_replaces_metadata(wire):
    """COPY keeps the source's, REPLACE takes the request's, a self-copy always replaces."""
    wire("PUT", "s", body=b"x", headers={"x-oss-meta-a": "1", "Content-Type": "text/s"})
    copy = {"x-oss-copy-source": f"/{wire.bucket}/s", "x-oss-meta-a": "2"}

    wire("PUT", "kept", headers=copy)
    wire("PUT", "replaced", headers={**copy, "x-oss-metadata-directive": "REPLACE"})
    kept = wire("HEAD", "kept").headers["x-oss-meta-a"]
    wire("PUT", "s", headers=copy)

    assert ("1", "2", "2") == (
        kept, wire("HEAD", "replaced").headers["x-oss-meta-a"],
        wire("HEAD", "s").headers["x-oss-meta-a"],
    )  # fmt: skip
    assert b"x" == wire("GET", "s").body


def test_append(wire):
    """Appending goes on at the end, and nowhere else."""

    def append(position, body):
        return wire("POST", "k", query={"append": "", "position": position}, body=body)

    first, second = append("0", b"hello "), append("6", b"world")
    stale = append("0", b"hello ")

    assert ["6", "11"] == [one.headers["x-oss-next-append-position"] for one in (first, second)]
    assert str(crc64(b"hello world")) == second.headers["x-oss-hash-crc64ecma"]
    assert (409, "PositionNotEqualToLength") == (stale.status, code(stale))
    assert "11" == stale.headers["x-oss-next-append-position"]
    assert (b"hello world", "Appendable") == (
        wire("GET", "k").body, wire("HEAD", "k").headers["x-oss-object-type"],
    )  # fmt: skip
    assert "MissingArgument" == code(wire("POST", "k", query={"append": ""}, body=b"x"))
    assert "InvalidArgument" == code(append("-1", b"x"))
    wire("PUT", "k", body=b"normal")
    assert (409, "ObjectNotAppendable") == (append("6", b"x").status, code(append("6", b"x")))


def test_symlinks(wire):
    """A link reads as its target, and tells where it points."""
    wire("PUT", "dir/t", body=CONTENT, headers={"Content-Type": "text/t"})
    put = {"x-oss-symlink-target": "dir%2Ft", "Content-Type": "text/l"}
    wire("PUT", "link", query={"symlink": ""}, headers=put)
    wire("PUT", "again", query={"symlink": ""}, headers={"x-oss-symlink-target": "link"})
    wire("PUT", "dead", query={"symlink": ""}, headers={"x-oss-symlink-target": "nothing"})

    told, got = wire("GET", "link", query={"symlink": ""}), wire("GET", "link")

    assert "dir%2Ft" == told.headers["x-oss-symlink-target"]
    assert (CONTENT, "Symlink", "text/l") == (
        got.body, got.headers["x-oss-object-type"], got.headers["Content-Type"],
    )  # fmt: skip
    assert "NotSymlink" == code(wire("GET", "dir/t", query={"symlink": ""}))
    assert "InvalidTargetType" == code(wire("GET", "again"))
    assert "SymlinkTargetNotExist" == code(wire("GET", "dead"))
    wire("DELETE", "link")
    assert 200 == wire("HEAD", "dir/t").status


def test_archived_objects_must_be_restored(wire):
    """Archive: HEAD works, GET does not, until restored."""
    wire("PUT", "k", body=b"x", headers={"x-oss-storage-class": "Archive"})
    before = wire("GET", "k")

    first = wire("POST", "k", query={"restore": ""})
    second = wire("POST", "k", query={"restore": ""})

    assert (403, "InvalidObjectState") == (before.status, code(before))
    assert (202, 200) == (first.status, second.status)
    assert b"x" == wire("GET", "k").body
    assert 'ongoing-request="false"' in wire("HEAD", "k").headers["x-oss-restore"]
    wire("PUT", "s", body=b"x")
    assert "OperationNotSupported" == code(wire("POST", "s", query={"restore": ""}))


def deletion(keys, quiet):
    body = "".join(f"<Object><Key>{key}</Key></Object>" for key in keys)
    return f"<Delete><Quiet>{quiet}</Quiet>{body}</Delete>".encode()


def test_batch_delete(wire):
    """Keys come and go as given, however illegal as XML; quiet answers are empty."""
    for key in ("a", "b\x01", "c&d", "e"):
        wire("PUT", key, body=b"x")

    def delete(body):
        digest = base64.b64encode(hashlib.md5(body).digest()).decode()
        return wire("POST", query={"delete": ""}, body=body, headers={"Content-MD5": digest})

    told = delete(deletion(["a", "b\x01", "absent"], "false"))
    quiet = delete(deletion(["c&amp;d"], "true"))
    reference = delete(deletion(["e&#01;", "e"], "true"))

    assert 200 == told.status == quiet.status == reference.status
    assert [b"a", b"b&#x01;", b"absent"] == re.findall(b"<Key>(.*?)</Key>", told.body)
    assert b"" == quiet.body
    assert [] == texts(wire("GET"), "Contents/Key")
    assert "MalformedXML" == code(delete(deletion(["k"] * 1001, "true")))
    assert "MalformedXML" == code(delete(b"<Delete>"))
    assert "MissingArgument" == code(wire("POST", query={"delete": ""}, body=b"<Delete/>"))
    wrong = wire("POST", query={"delete": ""}, body=deletion(["k"], "true"),
                 headers={"Content-MD5": "XUFAKrxLKna5cZ2REBfFkg=="})  # fmt: skip
    assert "InvalidDigest" == code(wrong)


def test_listing_defaults_and_limits(wire):
    """100 keys unless told otherwise, 1000 at most; no namespace; whole seconds."""
    for number in range(102):
        wire("PUT", f"k{number:03d}", body=b"")

    listed = wire("GET")

    assert b"xmlns" not in listed.body
    assert 100 == len(texts(listed, "Contents/Key"))
    assert (["100"], ["true"], ["k099"]) == tuple(
        texts(listed, name) for name in ("MaxKeys", "IsTruncated", "NextMarker")
    )
    assert all(one.endswith(".000Z") for one in texts(listed, "Contents/LastModified"))
    for wrong in ("0", "1001", "x", "-1"):
        assert "InvalidArgument" == code(wire("GET", query={"max-keys": wrong}))
    assert "InvalidArgument" == code(
        wire("GET", query={"list-type": "2", "continuation-token": "made-up"})
    )


def test_buckets(wire):
    """A bucket can be made twice, and removed only when nothing is in it."""
    assert 200 == wire("PUT").status
    wire("PUT", "k", body=b"x")
    full = wire("DELETE")
    wire("DELETE", "k")
    upload = initiated(wire, "k")
    pending = wire("DELETE")
    wire("DELETE", "k", query={"uploadId": upload})

    assert (409, "BucketNotEmpty") == (full.status, code(full))
    assert "BucketNotEmpty" == code(pending)
    assert 204 == wire("DELETE").status
    assert "NoSuchBucket" == code(wire("GET"))
    assert "InvalidBucketName" == code(wire("PUT", bucket="No_Bucket"))


def test_unknown_subresources_do_nothing(wire):
    """PUT /?lifecycle is refused, not taken for PutBucket; GET says there is none."""
    put, get = wire("PUT", query={"lifecycle": ""}), wire("GET", query={"lifecycle": ""})

    assert ("NotImplemented", "NoSuchLifecycle") == (code(put), code(get))
