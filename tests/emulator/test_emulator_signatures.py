"""The published and computed vectors of OSS's V1 and V4 signatures."""

import dataclasses
from typing import NamedTuple

import pytest
from multidict import CIMultiDict

from ossfs.emulator.exchange import Call
from ossfs.emulator.oss.signatures import verify
from ossfs.emulator.oss.words import WORDS
from ossfs.emulator.refusals import Refused
from ossfs.emulator.settings import Secret, Settings

KEY_ID, SECRET = "LTAI5tEXAMPLEACCESSKEYID", "exampleSecretAccessKey0123456789ab"
TOKEN = "CAISexampleSecurityToken=="
NOW = 1_767_225_600
DATE = "Thu, 01 Jan 2026 00:00:00 GMT"
STAMP = "20260101T000000Z"
SCOPE = "20260101/cn-hangzhou/oss/aliyun_v4_request"
HOST = "examplebucket.oss-cn-hangzhou.aliyuncs.com"


class Vector(NamedTuple):
    """A request, signed with the secret whose signature is known."""

    name: str
    method: str
    key: str
    headers: dict
    query: tuple = ()
    bucket: str = "examplebucket"
    key_id: str = KEY_ID
    secret: str = SECRET
    token: str = ""
    now: int = NOW

    def call(self):
        """Return the request as the server sees it."""
        return Call(
            self.method, HOST, "/" + self.key, self.query, CIMultiDict(self.headers),
            None, "REQUEST", WORDS, self.bucket, self.key,
        )  # fmt: skip

    def settings(self):
        """Return settings that know the key, and only that."""
        return Settings(credentials={self.key_id: Secret(self.secret, self.token)})


def v1(signature, key_id=KEY_ID, date=DATE):
    return {"Authorization": f"OSS {key_id}:{signature}", "Date": date}


def v4(signature, additional="", key_id=KEY_ID, stamp=STAMP):
    scope = SCOPE.replace("20260101", stamp[:8])
    fields = [f"Credential={key_id}/{scope}"]
    fields += [f"AdditionalHeaders={additional}"] * bool(additional)
    fields.append(f"Signature={signature}")
    return {
        "Authorization": "OSS4-HMAC-SHA256 " + ",".join(fields),
        "x-oss-date": stamp,
        "x-oss-content-sha256": "UNSIGNED-PAYLOAD",
        "Host": HOST,
    }


def v1_url(signature, expires):
    return [("OSSAccessKeyId", KEY_ID), ("Expires", str(expires)), ("Signature", signature)]


def v4_url(signature, expires, *more):
    return [
        ("x-oss-signature-version", "OSS4-HMAC-SHA256"), ("x-oss-date", STAMP),
        ("x-oss-expires", str(expires)), ("x-oss-credential", f"{KEY_ID}/{SCOPE}"), *more,
        ("x-oss-signature", signature),
    ]  # fmt: skip


UPLOAD = {"Content-MD5": "XUFAKrxLKna5cZ2REBfFkg==", "Content-Type": "text/plain",
          "x-oss-meta-Author": "alice", "x-oss-object-acl": "private"}  # fmt: skip
UPLOAD_V4 = {name: UPLOAD[name] for name in ("Content-MD5", "Content-Type", "x-oss-meta-Author")}
SDK_HEADERS = {
    "x-oss-head1": "value", "abc": "value", "ZAbc": "value", "XYZ": "value",
    "content-type": "text/plain",
}  # fmt: skip
SDK_QUERY = [("param1", "value1"), ("+param1", "value3"), ("|param1", "value4"), ("+param2", ""),
             ("|param2", ""), ("param2", "")]  # fmt: skip
SDK = {"bucket": "bucket", "key_id": "ak", "secret": "sk"}
NELSON = {"Content-Type": "text/html", "x-oss-meta-author": "alice",
          "Content-MD5": "eB5eJF1ptWaXm4bijSPyxw==", "x-oss-meta-magic": "abracadabra",
          "x-oss-date": "Wed, 28 Dec 2022 10:27:41 GMT"}  # fmt: skip
OLD_DOC = ("44CF9590006BF252F707", "OtxrzxIsfpFjA7SwPzILwy8Bw21TLhquhboDYROV")

VECTORS = [
    Vector("V1-A", "PUT", "dir/a b.txt", v1("UkYBR4rZRKyzGL8fOjVp0W+CeFQ=") | UPLOAD),
    Vector("V1-B", "PUT", "big.bin", v1("bP7220C1G5bLi//thqO7fiePT2Y="),
           [("uploadId", "0004B9895DBBB6EC98E36"), ("partNumber", "1"),
            ("x-oss-traffic-limit", "819200"), ("foo", "bar")]),
    Vector("V1-C", "GET", "中文/é+%.txt", v1("rcCGDPtefF45N6TvCTCMKi1dhKc="),
           [("response-content-type", "text/html; charset=utf-8"), ("versionId", "null"),
            ("acl", "")]),
    Vector("V1-D", "GET", "", v1("HSaPw/gc4wjqFmrPnNwZJcrnjy4="),
           [("list-type", "2"), ("prefix", "a"), ("max-keys", "100"),
            ("continuation-token", "CgJiYw--")]),
    Vector("V1-E", "GET", "", v1("zOGMJOnNd3oCdf5o9f9MdJF8cSc="),
           [("prefix", "p"), ("marker", "m"), ("max-keys", "100")], bucket=""),
    Vector("V1-F", "GET", "k",
           v1("/dFI5PcCk0t34SjFom0ZPj9IaIg=") | {"x-oss-security-token": TOKEN}, token=TOKEN),
    Vector("V1-F'", "GET", "k",
           v1("tlyuBtJGCVSKmyWcGF0KvDvJkcM=") | {"security-token": TOKEN}, token=TOKEN),
    Vector("V1-G", "GET", "dir/a b.txt", {},
           v1_url("FDEPRUCIwzT9r96kemQqYsQko8s=", 1767229200)),
    Vector("V1-H", "PUT", "k", {"Content-Type": "text/plain", "x-oss-meta-a": "b"},
           [*v1_url("PHZmuPCoaRlYlIo7UNruaNbkyJw=", 1767226200),
            ("x-oss-traffic-limit", "819200"), ("security-token", TOKEN)], token=TOKEN),
    Vector("V1-doc", "PUT", "nelson",
           v1("26NBxoKdsyly4EDv6inkoDft/yA=", OLD_DOC[0], "Thu, 17 Nov 2005 18:49:58 GMT")
           | {"Content-MD5": "ODBGOERFMDMzQTczRUY3NUE3NzA5QzdFNUYzMDQxNEM=",
              "Content-Type": "text/html", "x-oss-magic": "abracadabra",
              "x-oss-meta-author": "foo@bar.com"},
           bucket="oss-example", key_id=OLD_DOC[0], secret=OLD_DOC[1], now=1132253398),
    Vector("V1-sdk", "PUT", "nelson", v1("kSHKmLxlyEAKtZPkJhG9bZb5k7M=", "ak", "") | NELSON,
           key_id="ak", secret="sk", now=1672223261),
    Vector("V1-sdk-acl", "PUT", "nelson", v1("/afkugFbmWDQ967j1vr6zygBLQk=", "ak", "") | NELSON,
           [("acl", "")], key_id="ak", secret="sk", now=1672223261),
    Vector("V4-A", "PUT", "dir/a b.txt", UPLOAD_V4 | v4(
        "d31a708f68ca1adddd56d2e7a0cf7c0f7ee27db21fbb6669681b5602ebc122ed")),
    Vector("V4-B", "GET", "", v4(
        "02220e99fb3a61dafe2aefafef775df007458a7a035987aa7f197268618ac612"),
        [("list-type", "2"), ("prefix", "a b/+中"), ("delimiter", "/"), ("uploads", ""),
         ("continuation-token", "")]),
    Vector("V4-C", "GET", "k", {"Range": "bytes=0-9"} | v4(
        "b5b023633a893b4cae70db3eb92e120a150b2fc1ece64e159732aba734d0af4f", "host;range")),
    Vector("V4-D", "GET", "", v4(
        "b2bcc785cd2a9eb4617a694ce781e36c7f137299d59bb23c44f88eed771396b3"), bucket=""),
    Vector("V4-E", "GET", "k", {"x-oss-security-token": TOKEN} | v4(
        "e3b0462b687980d4ddbf5c6425596f5656432fc9ffe62e4bc80f0ca5b390e96c"), token=TOKEN),
    Vector("V4-F", "GET", "dir/a b.txt", {}, v4_url(
        "936a650b7c98d84a72ba1737fb3b0b2abee583412a380360f4cdaf32ca698359", 3600)),
    Vector("V4-G", "PUT", "k",
           {"Content-Type": "text/plain", "x-oss-meta-a": "b", "Host": HOST},
           v4_url("58f2d719bc0553e47aa26142f1458233015d04048fd19ce6a0bdccb722ff1df5", 600,
                  ("x-oss-additional-headers", "host"), ("x-oss-security-token", TOKEN)),
           token=TOKEN),
    Vector("V4-U1", "PUT", "1234+-/123/1.txt", SDK_HEADERS | v4(
        "e21d18daa82167720f9b1047ae7e7f1ce7cb77a31e8203a7d5f4624fa0284afe", "", "ak",
        "20231216T162057Z"), SDK_QUERY, **SDK, now=1702743657),
    Vector("V4-U2", "PUT", "1234+-/123/1.txt", SDK_HEADERS | {"x-oss-security-token": "token"}
           | v4("b94a3f999cf85bcdc00d332fbd3734ba03e48382c36fa4d5af5df817395bd9ea", "", "ak",
                "20231217T034736Z"), SDK_QUERY, **SDK, token="token", now=1702784856),
    Vector("V4-U3", "PUT", "1234+-/123/1.txt", SDK_HEADERS | v4(
        "4a4183c187c07c8947db7620deb0a6b38d9fbdd34187b6dbaccb316fa251212f", "abc;zabc", "ak",
        "20231216T172512Z"), SDK_QUERY, **SDK, now=1702747512),
]  # fmt: skip


def refusal(vector, call=None, settings=None, now=None):
    with pytest.raises(Refused) as caught:
        verify(call or vector.call(), settings or vector.settings(), now or vector.now)
    return caught.value


BY_NAME = {vector.name: vector for vector in VECTORS}
each = pytest.mark.parametrize("vector", VECTORS, ids=BY_NAME)
one_of_each = pytest.mark.parametrize("name", ["V1-A", "V1-G", "V4-A", "V4-F"])


@each
def test_a_vector_verifies(vector):
    """What the official signers sign is accepted, as signed."""
    call = vector.call()

    verify(call, vector.settings(), vector.now)

    assert not call.anonymous


@each
def test_a_vector_with_another_secret_is_refused(vector):
    """A signature by another secret does not verify."""
    error = refusal(vector._replace(secret="another"))

    assert "SignatureDoesNotMatch" == error.code
    assert vector.method in error.fields["StringToSign"] or "CanonicalRequest" in error.fields


@each
def test_a_vector_for_another_key_is_refused(vector):
    """The key is part of what is signed."""
    call = dataclasses.replace(vector.call(), bucket="other", key="other")

    assert "SignatureDoesNotMatch" == refusal(vector, call).code


@each
def test_an_unknown_key_id_is_refused(vector):
    """A key id nobody was given is InvalidAccessKeyId."""
    assert "InvalidAccessKeyId" == refusal(vector, settings=Settings(credentials={})).code


@pytest.mark.parametrize("name", ["V1-F", "V1-H", "V4-E", "V4-G"])
def test_a_wrong_token_is_refused(name):
    """A temporary key needs its own token."""
    assert "InvalidSecurityToken" == refusal(BY_NAME[name]._replace(token="other")).code


@pytest.mark.parametrize("name", ["V1-F", "V4-E"])
def test_an_ended_token_is_refused(name):
    """A temporary key ends."""
    vector = BY_NAME[name]
    ended = Settings(credentials={KEY_ID: Secret(SECRET, TOKEN, NOW - 1)})

    assert "SecurityTokenExpired" == refusal(vector, settings=ended).code


@pytest.mark.parametrize("name", ["V1-A", "V4-A"])
@pytest.mark.parametrize("off", [-901, 901])
def test_a_clock_more_than_15_minutes_off_is_refused(name, off):
    """Both directions of skew are refused, with both times in the answer."""
    error = refusal(BY_NAME[name], now=NOW + off)

    assert "RequestTimeTooSkewed" == error.code
    assert "2026-01-01T00:00:00.000Z" == error.fields["RequestTime"]


@pytest.mark.parametrize("name", ["V1-A", "V4-A"])
@pytest.mark.parametrize("off", [-900, 900])
def test_a_clock_15_minutes_off_is_accepted(name, off):
    """The limit itself is still allowed."""
    vector = BY_NAME[name]

    verify(vector.call(), vector.settings(), NOW + off)


@pytest.mark.parametrize(("name", "lifetime"), [("V1-G", 3600), ("V4-F", 3600), ("V4-G", 600)])
def test_a_presigned_url_ends(name, lifetime):
    """One second after its last a presigned URL is AccessDenied."""
    vector = BY_NAME[name]

    verify(vector.call(), vector.settings(), NOW + lifetime)
    error = refusal(vector, now=NOW + lifetime + 1)

    assert ("AccessDenied", "Request has expired.") == (error.code, error.message)


@one_of_each
def test_a_changed_signed_header_is_refused(name):
    """x-oss- headers cannot be added behind the signer's back."""
    vector = BY_NAME[name]
    vector = vector._replace(headers={**vector.headers, "x-oss-meta-more": "1"})

    assert "SignatureDoesNotMatch" == refusal(vector).code


def test_v4_signs_every_parameter():
    """A parameter that V1 would ignore changes a V4 signature."""
    vector = BY_NAME["V4-B"]

    error = refusal(vector._replace(query=[*vector.query, ("max-keys", "1000")]))

    assert "SignatureDoesNotMatch" == error.code
    assert "max-keys=1000" in error.fields["CanonicalRequest"]


def test_v4_header_list_may_be_badly_sorted():
    """One SDK sorts the list in the header by first letters only; the signature still counts."""
    vector = BY_NAME["V4-C"]
    headers = dict(vector.headers)
    headers["Authorization"] = headers["Authorization"].replace("host;range", "range;host")

    verify(vector._replace(headers=headers).call(), vector.settings(), NOW)


@pytest.mark.parametrize(
    ("change", "ec"),
    [
        ({"x-oss-date": ""}, "0002-00000503"),
        ({"x-oss-date": "yesterday"}, "0002-00000502"),
        ({"Authorization": "OSS4-HMAC-SHA256 Credential=x,AdditionalHeaders=,Signature=y"},
         "0002-00000209"),
    ],
)  # fmt: skip
def test_malformed_v4_headers_have_their_own_numbers(change, ec):
    """The EC tells what is malformed."""
    vector = BY_NAME["V4-A"]

    error = refusal(vector._replace(headers={**vector.headers, **change}))

    assert ("InvalidArgument", ec) == (error.code, error.fields["EC"])


def test_another_region_is_refused_when_checked():
    """With the check on, a scope of another region is refused."""
    vector = BY_NAME["V4-A"]
    elsewhere = Settings({KEY_ID: Secret(SECRET)}, region="cn-beijing", check_region=True)

    assert "0002-00000226" == refusal(vector, settings=elsewhere).fields["EC"]


def test_two_signatures_are_refused():
    """Header and URL may not both be signed."""
    vector = BY_NAME["V1-G"]

    assert "InvalidArgument" == refusal(vector._replace(headers=v1("x"))).code


def test_no_signature_is_anonymous():
    """A request without any is not refused here: ACLs decide."""
    call = Vector("", "GET", "k", {}).call()

    verify(call, Settings(credentials={}), NOW)

    assert call.anonymous
