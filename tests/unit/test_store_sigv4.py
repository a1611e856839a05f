"""The signatures of S3 and TOS, against vectors that others published or computed."""

import hashlib
from urllib.parse import quote

import pytest

from ossfs.store.credentials import Credentials
from ossfs.store.dialects.base import Call
from ossfs.store.dialects.sigv4 import AWS, TOS, UNSIGNED, SigV4, canonical_request

# "Authenticating Requests: Using the Authorization Header" and "… Query Parameters", Amazon S3.
AWS_KEYS = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
AWS_HOST = "examplebucket.s3.amazonaws.com"
AWS_NOW = 1369353600  # 20130524T000000Z
EMPTY = hashlib.sha256(b"").hexdigest()

# Computed by the TOS SDK 2.9.3 with a frozen clock.
TOS_KEYS = Credentials("LTAI5tEXAMPLEACCESSKEYID", "exampleSecretAccessKey0123456789ab")
TOS_WITH_TOKEN = Credentials(TOS_KEYS.key_id, TOS_KEYS.secret, "TOKEN==")
TOS_HOST = "examplebucket.tos-cn-beijing.volces.com"
TOS_NOW = 1767225600  # 20260101T000000Z


def call(method, key, host, query=None, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Call(
        "test",
        method,
        "examplebucket",
        key,
        query=query or {},
        headers={"host": host, "user-agent": "ossfs", **named},
        path=f"/{quote(key, safe='/~')}",
    )


def signature(authorization):
    return authorization.rpartition("Signature=")[2]


@pytest.mark.parametrize(
    ("signed", "expected"),
    [
        pytest.param(
            call("GET", "test.txt", AWS_HOST, range="bytes=0-9", x_amz_content_sha256=EMPTY),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            id="get a range",
        ),
        pytest.param(
            call(
                "GET",
                "",
                AWS_HOST,
                {"max-keys": "2", "prefix": "J"},
                x_amz_content_sha256=EMPTY,
            ),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            id="list",
        ),
        pytest.param(
            call("GET", "", AWS_HOST, {"lifecycle": ""}, x_amz_content_sha256=EMPTY),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
            id="a parameter without a value",
        ),
        pytest.param(
            call(
                "PUT",
                "test$file.text",
                AWS_HOST,
                date="Fri, 24 May 2013 00:00:00 GMT",
                x_amz_storage_class="REDUCED_REDUNDANCY",
                x_amz_content_sha256=hashlib.sha256(b"Welcome to Amazon S3.").hexdigest(),
                content_length="21",
            ),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
            id="put",
        ),
    ],
)
def test_published_s3_signatures(signed, expected):
    """Amazon's own examples come out bit by bit."""
    SigV4(AWS, "us-east-1").sign(signed, AWS_KEYS, AWS_NOW)

    assert expected == signature(signed.headers["authorization"])


def test_a_published_s3_url():
    """Amazon's example of a presigned URL."""
    signed = call("GET", "test.txt", AWS_HOST)

    SigV4(AWS, "us-east-1").presign(signed, AWS_KEYS, AWS_NOW, 86400)

    assert (
        "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        == signed.query["X-Amz-Signature"]
    )
    assert "host" == signed.query["X-Amz-SignedHeaders"]


def test_s3_signs_what_arrives_as_it_was_sent():
    """All headers, except those that something on the way may change."""
    signed = call("PUT", "k", AWS_HOST, content_type="a/b", content_length="3", if_match='"x"')

    SigV4(AWS, "us-east-1").sign(signed, Credentials("id", "secret", "TOKEN"), AWS_NOW)

    listed = "SignedHeaders=content-type;host;if-match;x-amz-content-sha256;x-amz-date;"
    assert f"{listed}x-amz-security-token," in signed.headers["authorization"]
    assert UNSIGNED == signed.headers["x-amz-content-sha256"]


def test_white_space_in_headers_counts_once():
    """Inner runs of blanks are one blank in what is signed."""
    signed = call("GET", "k", AWS_HOST, x_amz_meta_a="  b   c ")

    assert "x-amz-meta-a:b c\n" in canonical_request(signed, ["x-amz-meta-a"], UNSIGNED)


TOS_VECTORS = [
    pytest.param(
        call("GET", "dir/a b.txt", TOS_HOST, range="bytes=0-9"),
        TOS_KEYS,
        "host;x-tos-content-sha256;x-tos-date",
        "92fc1f6034f3791867ae2d19a6ddf9d3a089ad896640ba97f3b66c74876b0163",
        "ec988bf009a40f6730af71f85386ec08ded8e56e9b39f7dc53581de4484d918f",
        id="get",
    ),
    pytest.param(
        call(
            "GET",
            "",
            TOS_HOST,
            {"list-type": "2", "prefix": "a b/+中", "delimiter": "/", "fetch-owner": "true"},
        ),
        TOS_KEYS,
        "host;x-tos-content-sha256;x-tos-date",
        "77ee83255e49f82743a9963874e34844e3a47d0aa2fd40274766ce2021f3a332",
        "7f90cb6d4d9ba78dc698fe5c63502dc5539160a90fe209a738f1e0f4c9d3eeea",
        id="list",
    ),
    pytest.param(
        call("PUT", "k", TOS_HOST, content_type="text/plain", x_tos_meta_a="b"),
        TOS_WITH_TOKEN,
        "content-type;host;x-tos-content-sha256;x-tos-date;x-tos-meta-a;x-tos-security-token",
        "47fe8b5a9f65edef26ebb253df043ca3ef095580fc6a4aea426093c47b2dc6b5",
        "019ead35da970a6db7d0fc57b9eda707a40331e91f6a573ead0b942f8bafd5b8",
        id="put with a token",
    ),
]


@pytest.mark.parametrize(("signed", "keys", "listed", "canonical", "expected"), TOS_VECTORS)
def test_tos_signatures(signed, keys, listed, canonical, expected):
    """What the official SDK signs with the same clock: list, canonical request, signature."""
    SigV4(TOS, "cn-beijing").sign(signed, keys, TOS_NOW)

    text = canonical_request(signed, listed.split(";"), UNSIGNED)
    assert canonical == hashlib.sha256(text.encode()).hexdigest()
    assert f"SignedHeaders={listed}, Signature={expected}" in signed.headers["authorization"]
    assert "20260101T000000Z" == signed.headers["date"] == signed.headers["x-tos-date"]


def test_a_tos_url():
    """What the official SDK presigns with the same clock."""
    signed = call("GET", "dir/a b.txt", TOS_HOST)

    SigV4(TOS, "cn-beijing").presign(signed, TOS_KEYS, TOS_NOW, 3600)

    assert (
        "f991c4748a13c926267961a45a843c30fd6d5f9c9c08a4e66eb9c773ea41d42b"
        == signed.query["X-Tos-Signature"]
    )
