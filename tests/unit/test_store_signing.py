"""
The OSS signatures against published and independently computed vectors.

Common to most: one key pair, the first second of 2026, the bucket `examplebucket`. The
vectors come from the documentation, from an SDK's own tests, and from running the official
SDKs with a stopped clock.
"""

import hashlib

import pytest

from ossfs.store.credentials import Credentials
from ossfs.store.dialects.base import Call, encoded_query
from ossfs.store.dialects.oss_v1 import OssV1, signature_of, string_to_sign
from ossfs.store.dialects.oss_v4 import OssV4

NOW = 1767225600
DATE = "Thu, 01 Jan 2026 00:00:00 GMT"
BUCKET = "examplebucket"
HOST = "examplebucket.oss-cn-hangzhou.aliyuncs.com"
KEYS = Credentials("LTAI5tEXAMPLEACCESSKEYID", "exampleSecretAccessKey0123456789ab")
WITH_TOKEN = Credentials(KEYS.key_id, KEYS.secret, "CAISexampleSecurityToken==")

V1 = {
    "put with headers": (
        Call(
            "",
            "PUT",
            BUCKET,
            "dir/a b.txt",
            headers={
                "content-md5": "XUFAKrxLKna5cZ2REBfFkg==",
                "content-type": "text/plain",
                "x-oss-meta-author": "alice",
                "x-oss-object-acl": "private",
            },
        ),
        KEYS,
        (
            f"PUT\nXUFAKrxLKna5cZ2REBfFkg==\ntext/plain\n{DATE}\nx-oss-meta-author:alice\n"
            "x-oss-object-acl:private\n/examplebucket/dir/a b.txt"
        ),
        "UkYBR4rZRKyzGL8fOjVp0W+CeFQ=",
    ),
    "part with a foreign parameter": (
        Call(
            "",
            "PUT",
            BUCKET,
            "big.bin",
            query={
                "uploadId": "0004B9895DBBB6EC98E36",
                "partNumber": "1",
                "x-oss-traffic-limit": "819200",
                "foo": "bar",
            },
        ),
        KEYS,
        (
            f"PUT\n\n\n{DATE}\n/examplebucket/big.bin?partNumber=1&uploadId=0004B9895DBBB6EC98E36"
            "&x-oss-traffic-limit=819200"
        ),
        "bP7220C1G5bLi//thqO7fiePT2Y=",
    ),
    "odd key and an empty parameter": (
        Call(
            "",
            "GET",
            BUCKET,
            "中文/é+%.txt",
            query={
                "response-content-type": "text/html; charset=utf-8",
                "versionId": "null",
                "acl": "",
            },
        ),
        KEYS,
        (
            f"GET\n\n\n{DATE}\n/examplebucket/中文/é+%.txt?acl"
            "&response-content-type=text/html; charset=utf-8&versionId=null"
        ),
        "rcCGDPtefF45N6TvCTCMKi1dhKc=",
    ),
    "list": (
        Call(
            "",
            "GET",
            BUCKET,
            query={
                "list-type": "2",
                "prefix": "a",
                "max-keys": "100",
                "continuation-token": "CgJiYw--",
            },
        ),
        KEYS,
        f"GET\n\n\n{DATE}\n/examplebucket/?continuation-token=CgJiYw--",
        "HSaPw/gc4wjqFmrPnNwZJcrnjy4=",
    ),
    "service": (
        Call("", "GET", "", query={"prefix": "p", "marker": "m", "max-keys": "100"}),
        KEYS,
        f"GET\n\n\n{DATE}\n/",
        "zOGMJOnNd3oCdf5o9f9MdJF8cSc=",
    ),
    "temporary credentials": (
        Call("", "GET", BUCKET, "k"),
        WITH_TOKEN,
        f"GET\n\n\n{DATE}\nx-oss-security-token:CAISexampleSecurityToken==\n/examplebucket/k",
        "/dFI5PcCk0t34SjFom0ZPj9IaIg=",
    ),
}


@pytest.mark.parametrize("name", V1)
def test_v1_headers(name):
    """The string to sign and the signature of version 1."""
    call, credentials, text, signature = V1[name]

    OssV1().sign(call, credentials, NOW)

    assert text == string_to_sign(call, DATE)
    assert DATE == call.headers["date"]
    assert f"OSS {KEYS.key_id}:{signature}" == call.headers["authorization"]


def test_v1_presigned_get():
    """A URL of version 1, valid for an hour."""
    call = Call("", "GET", BUCKET, "dir/a b.txt")

    OssV1().presign(call, KEYS, NOW, 3600)

    assert {
        "OSSAccessKeyId": KEYS.key_id,
        "Expires": "1767229200",
        "Signature": "FDEPRUCIwzT9r96kemQqYsQko8s=",
    } == call.query


def test_v1_presigned_put_with_headers_and_token():
    """Headers and signed parameters are part of the URL's signature, and the token too."""
    call = Call(
        "",
        "PUT",
        BUCKET,
        "k",
        query={"x-oss-traffic-limit": "819200"},
        headers={"content-type": "text/plain", "x-oss-meta-a": "b"},
    )

    OssV1().presign(call, WITH_TOKEN, NOW, 600)

    assert ("PHZmuPCoaRlYlIo7UNruaNbkyJw=", "1767226200", "CAISexampleSecurityToken==") == (
        call.query["Signature"],
        call.query["Expires"],
        call.query["security-token"],
    )


def test_v1_example_of_the_documentation():
    """The worked example of the documentation page."""
    call = Call(
        "",
        "PUT",
        "oss-example",
        "nelson",
        headers={
            "content-md5": "ODBGOERFMDMzQTczRUY3NUE3NzA5QzdFNUYzMDQxNEM=",
            "content-type": "text/html",
            "x-oss-magic": "abracadabra",
            "x-oss-meta-author": "foo@bar.com",
        },
    )
    text = string_to_sign(call, "Thu, 17 Nov 2005 18:49:58 GMT")

    assert "26NBxoKdsyly4EDv6inkoDft/yA=" == signature_of(
        text, "OtxrzxIsfpFjA7SwPzILwy8Bw21TLhquhboDYROV"
    )


@pytest.mark.parametrize(
    ("query", "signature"),
    [({}, "kSHKmLxlyEAKtZPkJhG9bZb5k7M="), ({"acl": ""}, "/afkugFbmWDQ967j1vr6zygBLQk=")],
)
def test_v1_examples_of_an_sdk(query, signature):
    """The SDK's tests, whose date stands in a header of the store's own."""
    date = "Wed, 28 Dec 2022 10:27:41 GMT"
    call = Call(
        "",
        "PUT",
        BUCKET,
        "nelson",
        query=query,
        headers={
            "content-md5": "eB5eJF1ptWaXm4bijSPyxw==",
            "content-type": "text/html",
            "x-oss-date": date,
            "x-oss-meta-author": "alice",
            "x-oss-meta-magic": "abracadabra",
        },
    )

    assert signature == signature_of(string_to_sign(call, date), "sk")


V4_DATES = "x-oss-content-sha256:UNSIGNED-PAYLOAD\nx-oss-date:20260101T000000Z\n"
V4 = {
    "put with headers": (
        Call(
            "",
            "PUT",
            BUCKET,
            "dir/a b.txt",
            headers={
                "content-md5": "XUFAKrxLKna5cZ2REBfFkg==",
                "content-type": "text/plain",
                "x-oss-meta-author": "alice",
            },
        ),
        KEYS,
        (),
        (
            "PUT\n/examplebucket/dir/a%20b.txt\n\ncontent-md5:XUFAKrxLKna5cZ2REBfFkg==\n"
            f"content-type:text/plain\n{V4_DATES}x-oss-meta-author:alice\n\n\nUNSIGNED-PAYLOAD"
        ),
        "dc8d32789a96610e7e5bd301c3aae04b50430a45dc1749b878f5089a9a94923c",
        "d31a708f68ca1adddd56d2e7a0cf7c0f7ee27db21fbb6669681b5602ebc122ed",
    ),
    "list": (
        Call(
            "",
            "GET",
            BUCKET,
            query={
                "list-type": "2",
                "prefix": "a b/+中",
                "delimiter": "/",
                "continuation-token": "",
                "uploads": "",
            },
        ),
        KEYS,
        (),
        (
            "GET\n/examplebucket/\ncontinuation-token&delimiter=%2F&list-type=2"
            f"&prefix=a%20b%2F%2B%E4%B8%AD&uploads\n{V4_DATES}\n\nUNSIGNED-PAYLOAD"
        ),
        "62579ca006b1b5a82f22ca6790b50767e48417c98b6bf97dc0db833dc3ab46e7",
        "02220e99fb3a61dafe2aefafef775df007458a7a035987aa7f197268618ac612",
    ),
    "additional headers": (
        Call("", "GET", BUCKET, "k", headers={"host": HOST, "range": "bytes=0-9"}),
        KEYS,
        ("range", "host"),
        (
            f"GET\n/examplebucket/k\n\nhost:{HOST}\nrange:bytes=0-9\n{V4_DATES}\nhost;range\n"
            "UNSIGNED-PAYLOAD"
        ),
        "3668c2c2d821b7a6e7b91ae9bc069e90111819939ad6ee343019b5d5234d1fc0",
        "b5b023633a893b4cae70db3eb92e120a150b2fc1ece64e159732aba734d0af4f",
    ),
    "service": (
        Call("", "GET", ""),
        KEYS,
        (),
        f"GET\n/\n\n{V4_DATES}\n\nUNSIGNED-PAYLOAD",
        "b56cace006ea9d5ae9b741304da010f13c9053810dec91862567e15e1c749a70",
        "b2bcc785cd2a9eb4617a694ce781e36c7f137299d59bb23c44f88eed771396b3",
    ),
    "temporary credentials": (
        Call("", "GET", BUCKET, "k"),
        WITH_TOKEN,
        (),
        (
            f"GET\n/examplebucket/k\n\n{V4_DATES}x-oss-security-token:CAISexampleSecurityToken==\n"
            "\n\nUNSIGNED-PAYLOAD"
        ),
        "57028c33b12df51bf0dd1ee571825139a48b6b4a3dd2bace8af24cf8df97a3ec",
        "e3b0462b687980d4ddbf5c6425596f5656432fc9ffe62e4bc80f0ca5b390e96c",
    ),
}


@pytest.mark.parametrize("name", V4)
def test_v4_headers(name):
    """Canonical request, its hash, and the signature of version 4."""
    call, credentials, also, canonical, digest, signature = V4[name]
    signer = OssV4("cn-hangzhou", also_signed=also)

    signer.sign(call, credentials, NOW)

    found = signer.canonical_request(call)
    assert canonical == found
    assert digest == hashlib.sha256(found.encode()).hexdigest()
    listed = f"AdditionalHeaders={';'.join(sorted(also))}," if also else ""
    assert (
        f"OSS4-HMAC-SHA256 Credential={KEYS.key_id}/20260101/cn-hangzhou/oss/aliyun_v4_request,"
        f"{listed}Signature={signature}"
    ) == call.headers["authorization"]


def test_v4_presigned_get():
    """A URL of version 4, valid for an hour."""
    call = Call("", "GET", BUCKET, "dir/a b.txt")

    OssV4("cn-hangzhou").presign(call, KEYS, NOW, 3600)

    assert (
        "936a650b7c98d84a72ba1737fb3b0b2abee583412a380360f4cdaf32ca698359"
        == call.query["x-oss-signature"]
    )
    assert ("3600", "20260101T000000Z") == (call.query["x-oss-expires"], call.query["x-oss-date"])


def test_v4_presigned_put_with_headers_and_token():
    """Headers, an additional one among them, and the token are part of it."""
    call = Call(
        "",
        "PUT",
        BUCKET,
        "k",
        headers={"content-type": "text/plain", "x-oss-meta-a": "b", "host": HOST},
    )

    OssV4("cn-hangzhou", also_signed=("host",)).presign(call, WITH_TOKEN, NOW, 600)

    assert (
        "58f2d719bc0553e47aa26142f1458233015d04048fd19ce6a0bdccb722ff1df5"
        == call.query["x-oss-signature"]
    )
    assert "host" == call.query["x-oss-additional-headers"]


@pytest.mark.parametrize(
    ("now_s", "token", "also", "signature"),
    [
        (
            1702743657,
            None,
            (),
            "e21d18daa82167720f9b1047ae7e7f1ce7cb77a31e8203a7d5f4624fa0284afe",
        ),
        (
            1702784856,
            "token",
            (),
            "b94a3f999cf85bcdc00d332fbd3734ba03e48382c36fa4d5af5df817395bd9ea",
        ),
        (
            1702747512,
            None,
            ("abc", "zabc"),
            "4a4183c187c07c8947db7620deb0a6b38d9fbdd34187b6dbaccb316fa251212f",
        ),
    ],
)
def test_v4_examples_of_an_sdk(now_s, token, also, signature):
    """The SDK's tests: parameters are sorted as they are encoded, odd ones too."""
    names = ["param1", "+param1", "|param1", "+param2", "|param2", "param2"]
    values = ["value1", "value3", "value4", "", "", ""]
    call = Call(
        "",
        "PUT",
        "bucket",
        "1234+-/123/1.txt",
        query=dict(zip(names, values, strict=True)),
        headers={
            "x-oss-head1": "value",
            "abc": "value",
            "zabc": "value",
            "xyz": "value",
            "content-type": "text/plain",
        },
    )
    assert (
        "%2Bparam1=value3&%2Bparam2&%7Cparam1=value4&%7Cparam2&param1=value1&param2"
        == encoded_query(call.query)
    )

    OssV4("cn-hangzhou", also_signed=also).sign(call, Credentials("ak", "sk", token), now_s)

    assert call.headers["authorization"].endswith(f"Signature={signature}")


def test_signing_again_replaces():
    """A request that is sent again later carries the later time, once."""
    for signer in (OssV1(), OssV4("cn-hangzhou")):
        call, fresh = Call("", "GET", BUCKET, "k"), Call("", "GET", BUCKET, "k")
        signer.sign(call, WITH_TOKEN, NOW - 1000)
        signer.sign(call, WITH_TOKEN, NOW)
        signer.sign(fresh, WITH_TOKEN, NOW)

        assert fresh.headers == call.headers


def test_secrets_do_not_show():
    """Neither the secret nor the token is in the representation of credentials."""
    text = f"{WITH_TOKEN!r} {WITH_TOKEN}"

    assert KEYS.secret not in text
    assert "CAIS" not in text
    assert KEYS.key_id in text
