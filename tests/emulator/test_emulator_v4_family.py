"""Published and computed vectors of S3's and TOS's V4 signatures, verified by the server."""

import asyncio

import pytest
from multidict import CIMultiDict

from ossfs.emulator import dialects
from ossfs.emulator.exchange import Call
from ossfs.emulator.refusals import Refused
from ossfs.emulator.settings import Secret, Settings
from ossfs.emulator.times import basic_seconds_of

TOS_ID, TOS_SECRET = "LTAI5tEXAMPLEACCESSKEYID", "exampleSecretAccessKey0123456789ab"
AWS_ID, AWS_SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
SETTINGS = Settings(
    {TOS_ID: Secret(TOS_SECRET), AWS_ID: Secret(AWS_SECRET), "T": Secret(TOS_SECRET, "TOKEN==")}
)
S3_STAMP, TOS_STAMP = "20130524T000000Z", "20260101T000000Z"
S3_SCOPE = "20130524/us-east-1/s3/aws4_request"
TOS_SCOPE = "20260101/cn-beijing/tos/request"


class Bytes:
    """A body that comes in pieces of seven bytes."""

    def __init__(self, content=b""):
        self.content = content
        self.length = len(content)
        self.announced = True

    async def chunks(self):
        for at in range(0, self.length, 7):
            yield self.content[at : at + 7]


def s3_call(
    method, path, signature, *, signed=(), query=(), body=b"", content_sha256=EMPTY, **more
):
    names = ";".join(sorted(["host", "x-amz-content-sha256", "x-amz-date", *signed]))
    headers = {
        "Host": "examplebucket.s3.amazonaws.com",
        "x-amz-content-sha256": content_sha256,
        "x-amz-date": S3_STAMP,
        "Authorization": f"AWS4-HMAC-SHA256 Credential={AWS_ID}/{S3_SCOPE},"
        f"SignedHeaders={names},Signature={signature}",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    return call("S3", method, path, query, headers, body)


def tos_call(method, path, signature, *, signed=(), query=(), key_id=TOS_ID, headers=None):
    names = ";".join(sorted(["host", "x-tos-content-sha256", "x-tos-date", *signed]))
    headers = {
        "Host": "examplebucket.tos-cn-beijing.volces.com",
        "x-tos-content-sha256": "UNSIGNED-PAYLOAD",
        "x-tos-date": TOS_STAMP,
        "Date": TOS_STAMP,
        "Authorization": f"TOS4-HMAC-SHA256 Credential={key_id}/{TOS_SCOPE}, "
        f"SignedHeaders={names}, Signature={signature}",
        **(headers or {}),
    }
    return call("TOS", method, path, query, headers)


def call(name, method, path, query, headers, body=b""):
    dialect = getattr(dialects, name)
    headers = CIMultiDict(headers)
    assert dialect is dialects.dialect_of(headers, query)
    return Call(
        method, headers["Host"], path, list(query), headers, Bytes(body), "ID", dialect.words,
        "examplebucket", path[1:],
    )  # fmt: skip


def presigned(prefix, algorithm, stamp, credential, expires, signature):
    return [
        (f"{prefix}Algorithm", algorithm),
        (f"{prefix}Credential", credential),
        (f"{prefix}Date", stamp),
        (f"{prefix}Expires", str(expires)),
        (f"{prefix}SignedHeaders", "host"),
        (f"{prefix}Signature", signature),
    ]


S3_URL = presigned(
    "X-Amz-", "AWS4-HMAC-SHA256", S3_STAMP, f"{AWS_ID}/{S3_SCOPE}", 86400,
    "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
)  # fmt: skip
TOS_URL = presigned(
    "X-Tos-", "TOS4-HMAC-SHA256", TOS_STAMP, f"{TOS_ID}/{TOS_SCOPE}", 3600,
    "f991c4748a13c926267961a45a843c30fd6d5f9c9c08a4e66eb9c773ea41d42b",
)  # fmt: skip

VECTORS = {
    "s3-get-range": lambda: s3_call(
        "GET", "/test.txt", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        signed=["range"], Range="bytes=0-9",
    ),
    "s3-list": lambda: s3_call(
        "GET", "/", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        query=[("max-keys", "2"), ("prefix", "J")],
    ),
    "s3-put": lambda: s3_call(
        "PUT", "/test$file.text",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        signed=["date", "x-amz-storage-class"], body=b"Welcome to Amazon S3.",
        content_sha256="44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
        Date="Fri, 24 May 2013 00:00:00 GMT", x_amz_storage_class="REDUCED_REDUNDANCY",
    ),
    "s3-presigned": lambda: call(
        "S3", "GET", "/test.txt", S3_URL, {"Host": "examplebucket.s3.amazonaws.com"}
    ),
    "tos-get": lambda: tos_call(
        "GET", "/dir/a b.txt", "ec988bf009a40f6730af71f85386ec08ded8e56e9b39f7dc53581de4484d918f",
        headers={"Range": "bytes=0-9"},
    ),
    "tos-list": lambda: tos_call(
        "GET", "/", "7f90cb6d4d9ba78dc698fe5c63502dc5539160a90fe209a738f1e0f4c9d3eeea",
        query=[("list-type", "2"), ("fetch-owner", "true"), ("prefix", "a b/+中"),
               ("delimiter", "/")],
    ),
    "tos-put": lambda: tos_call(
        "PUT", "/k", "019ead35da970a6db7d0fc57b9eda707a40331e91f6a573ead0b942f8bafd5b8",
        signed=["content-type", "x-tos-meta-a", "x-tos-security-token"], key_id="T",
        headers={"Content-Type": "text/plain", "x-tos-meta-a": "b",
                 "x-tos-security-token": "TOKEN=="},
    ),
    "tos-presigned": lambda: call(
        "TOS", "GET", "/dir/a b.txt", TOS_URL, {"Host": "examplebucket.tos-cn-beijing.volces.com"}
    ),
}  # fmt: skip
NOW = {"s3": basic_seconds_of(S3_STAMP), "tos": basic_seconds_of(TOS_STAMP)}

each = pytest.mark.parametrize("name", VECTORS)


def verified(name, change=None, *, settings=SETTINGS, late=0):
    """Verify a vector, changed; return its call."""
    kind = name.partition("-")[0]
    one = VECTORS[name]()
    if change:
        change(one)
    getattr(dialects, kind.upper()).verify(one, settings, NOW[kind] + late)
    return one


def refused(name, change=None, **how):
    with pytest.raises(Refused) as caught:
        verified(name, change, **how)
    return caught.value


@each
def test_a_vector_verifies(name):
    """The signature somebody else computed is the one the server expects."""
    assert not verified(name).anonymous


@each
def test_a_vector_with_another_secret_is_refused(name):
    """Nothing but the secret makes the signature right."""
    other = Settings({key_id: Secret("other", one.token) for key_id, one in
                      SETTINGS.credentials.items()})  # fmt: skip

    assert "SignatureDoesNotMatch" == refused(name, settings=other).code


@each
@pytest.mark.parametrize(
    "change",
    [
        lambda call: setattr(call, "path", call.path + "x"),
        lambda call: setattr(call, "method", "DELETE"),
        lambda call: call.parameters.append(("versionId", "1")),
        lambda call: call.headers.update({"Host": "other.example.com"}),
    ],
    ids=["path", "method", "query", "host"],
)
def test_what_is_signed_cannot_be_changed(name, change):
    """Path, method, parameters and host are all in the signature."""
    assert "SignatureDoesNotMatch" == refused(name, change).code


@each
def test_headers_of_the_dialect_must_be_signed(name):
    """Nobody adds metadata behind the signer's back, also not with a presigned URL."""
    prefix = {"s3": "x-amz-", "tos": "x-tos-"}[name.partition("-")[0]]

    error = refused(name, lambda call: call.headers.update({f"{prefix}meta-more": "1"}))

    assert ("AccessDenied", f"{prefix}meta-more") == (error.code, error.fields["HeadersNotSigned"])


@pytest.mark.parametrize("name", [name for name in VECTORS if "presigned" not in name])
@pytest.mark.parametrize("off", [-901, 901])
def test_a_clock_more_than_15_minutes_off_is_refused(name, off):
    """As in every dialect."""
    assert "RequestTimeTooSkewed" == refused(name, late=off).code


@pytest.mark.parametrize(("name", "lifetime"), [("s3-presigned", 86400), ("tos-presigned", 3600)])
def test_a_presigned_url_ends(name, lifetime):
    """Its last second still counts."""
    verified(name, late=lifetime)

    assert "AccessDenied" == refused(name, late=lifetime + 1).code


@pytest.mark.parametrize("name", ["tos-put"])
def test_a_token_is_needed_and_ends(name):
    """A temporary key without its token, or after its time, is refused."""
    other = Settings({"T": Secret(TOS_SECRET, "another")})
    ended = Settings({"T": Secret(TOS_SECRET, "TOKEN==", NOW["tos"])})

    assert "InvalidSecurityToken" == refused(name, settings=other).code
    assert "SecurityTokenExpired" == refused(name, settings=ended).code


@pytest.mark.parametrize("name", ["s3-list", "s3-presigned"])
def test_another_region_is_refused_when_checked(name):
    """The refusal tells the region, which clients need to go there."""
    there = Settings(SETTINGS.credentials, region="eu-west-1", check_region=True)

    error = refused(name, settings=there)

    assert "eu-west-1" == error.fields["Region"]
    assert error.code.startswith("Authorization")


def read(call):
    return asyncio.run(call.body.read(1 << 20))


def test_a_body_must_have_the_signed_hash():
    """The hash in the header is in the signature, so a changed body is found out."""
    assert b"Welcome to Amazon S3." == read(verified("s3-put"))

    changed = verified(
        "s3-put", lambda call: setattr(call, "body", Bytes(b"Welcome to Amazon S4."))
    )

    with pytest.raises(Refused, match="XAmzContentSHA256Mismatch"):
        read(changed)


def test_an_empty_body_must_be_announced_as_one():
    """A body that is missing altogether is found out before anybody reads it."""
    error = refused("s3-put", lambda call: setattr(call, "body", Bytes()))

    assert "XAmzContentSHA256Mismatch" == error.code


# The example of the documentation: 66,560 letters in pieces of 65,536, each signed.
PIECES = [
    (b"a" * 65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
    (b"a" * 1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
    (b"", "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
]


def coded(pieces):
    return b"".join(
        b"%x;chunk-signature=%s\r\n%s"
        % (len(data), signature.encode(), data + b"\r\n" * bool(data))
        for data, signature in pieces
    )


def pieces_call(pieces, tail=b"\r\n"):
    return s3_call(
        "PUT", "/examplebucket/chunkObject.txt",
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
        signed=["content-encoding", "content-length", "x-amz-decoded-content-length",
                "x-amz-storage-class"],
        content_sha256="STREAMING-AWS4-HMAC-SHA256-PAYLOAD", body=coded(pieces) + tail,
        Host="s3.amazonaws.com", Content_Encoding="aws-chunked", Content_Length="66824",
        x_amz_decoded_content_length="66560", x_amz_storage_class="REDUCED_REDUNDANCY",
    )  # fmt: skip


def unpacked(call):
    dialects.S3.verify(call, SETTINGS, NOW["s3"])
    return read(call)


def test_signed_pieces_verify():
    """Each piece's signature is chained to the one before, beginning with the request's."""
    assert b"a" * 66560 == unpacked(pieces_call(PIECES))


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        ([(b"b" * 65536, PIECES[0][1]), *PIECES[1:]], "SignatureDoesNotMatch"),
        ([PIECES[0], (b"a" * 1023 + b"b", PIECES[1][1]), PIECES[2]], "SignatureDoesNotMatch"),
        ([PIECES[1], PIECES[0], PIECES[2]], "SignatureDoesNotMatch"),
        ([PIECES[0], PIECES[2]], "SignatureDoesNotMatch"),
        (PIECES[:2], "InvalidRequest"),
        (PIECES[:1], "InvalidRequest"),
    ],
    ids=["first", "second", "swapped", "missing", "no end", "one only"],
)
def test_pieces_cannot_be_changed(pieces, code):
    """A changed, swapped, lost or missing last piece is found out."""
    with pytest.raises(Refused, match=code):
        unpacked(pieces_call(pieces))


def test_a_body_that_ends_inside_its_coding_is_incomplete():
    """The connection may have been cut anywhere."""
    with pytest.raises(Refused, match="IncompleteBody"):
        unpacked(pieces_call(PIECES[:2], tail=b""))


# The documentation's second example: the same pieces, a checksum behind them, both signed.
TRAILED = [
    (b"a" * 65536, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"),
    (b"a" * 1024, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"),
    (b"", "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"),
]
TRAILER = (
    b"x-amz-checksum-crc32c:sOO8/Q==\r\n"
    b"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"
    b"\r\n\r\n"
)


def trailed_call(tail=TRAILER):
    return s3_call(
        "PUT", "/examplebucket/chunkObject.txt",
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
        signed=["content-encoding", "x-amz-decoded-content-length", "x-amz-storage-class",
                "x-amz-trailer"],
        content_sha256="STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", body=coded(TRAILED) + tail,
        Host="s3.amazonaws.com", Content_Encoding="aws-chunked",
        x_amz_decoded_content_length="66560", x_amz_storage_class="REDUCED_REDUNDANCY",
        x_amz_trailer="x-amz-checksum-crc32c",
    )  # fmt: skip


def test_a_signed_trailer_verifies():
    """The checksum behind the pieces is compared, and left for whoever stores the object."""
    call = trailed_call()

    assert b"a" * 66560 == unpacked(call)
    assert {"crc32c": "sOO8/Q=="} == call.sums


@pytest.mark.parametrize(
    ("tail", "code"),
    [
        (TRAILER.replace(b"sOO8", b"sOO9"), "SignatureDoesNotMatch"),
        (TRAILER.replace(b"crc32c", b"crc32d"), "SignatureDoesNotMatch"),
        (TRAILER.partition(b"\r\n")[0] + b"\r\n\r\n", "SignatureDoesNotMatch"),
        (b"\r\n", "SignatureDoesNotMatch"),
        (b"", "IncompleteBody"),
    ],
    ids=["value", "name", "unsigned", "none", "cut"],
)
def test_a_trailer_cannot_be_changed(tail, code):
    """Its signature is chained to that of the last piece."""
    with pytest.raises(Refused, match=code):
        unpacked(trailed_call(tail))
