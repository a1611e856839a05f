"""
Who sent this request: the V1 and V4 signatures of OSS, in a header or in the URL.

`verify` is all of it. Nothing here is shared with the client's signers, so that a mistake
cannot agree with itself.
"""

import base64
import hmac
from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote

from ossfs.emulator.conditions import seconds_of
from ossfs.emulator.exchange import Call
from ossfs.emulator.oss.times import basic_seconds_of, iso
from ossfs.emulator.refusals import Refused, invalid
from ossfs.emulator.settings import Secret, Settings

V4 = "OSS4-HMAC-SHA256"
_WEEK_S = 604_800

# The widest of the lists that clients sign; a parameter that is not here is not signed in V1.
_SUBRESOURCES = """
acl accessPoint accessPointPolicy append asyncFetch bucketArchiveDirectRead bucketInfo
callback callback-var cname comp continuation-token cors delete encryption endTime group
httpsConfig img inventory inventoryId lifecycle link live location logging metaQuery
objectInfo objectMeta partNumber policy position publicAccessBlock qos qosInfo qosRequester
redundancyTransition referer regionList replication replicationLocation replicationProgress
requestPayment requesterQosInfo resourceGroup resourcePool resourcePoolBuckets
resourcePoolInfo response-cache-control response-content-disposition
response-content-encoding response-content-language response-content-type response-expires
restore security-token sequential startTime stat status style styleName symlink tagging
transferAcceleration uploadId uploads versionId versioning versions vod website worm
wormExtend wormId x-oss-ac-forward-allow x-oss-ac-source-ip x-oss-ac-subnet-mask
x-oss-ac-vpc-id x-oss-access-point-name x-oss-async-process x-oss-batchGet x-oss-process
x-oss-redundancy-transition-taskid x-oss-request-payer x-oss-target-redundancy-type
x-oss-traffic-limit x-oss-write-get-object-response
"""
SUBRESOURCES = frozenset(_SUBRESOURCES.split())


def verify(call: Call, settings: Settings, now_s: float) -> None:
    """Mark the call as anonymous when it is unsigned; Refused when its signature is wrong."""
    authorization = call.headers.get("Authorization", "")
    in_url = "Signature" in call.query or "x-oss-signature" in call.query
    if authorization and in_url:
        raise invalid("Authorization", "", "Signed both in the header and in the URL.")
    if authorization.startswith("OSS "):
        _verify_v1_header(call, settings, authorization[4:].strip(), now_s)
    elif authorization.startswith(V4 + " "):
        _verify_v4_header(call, settings, authorization[len(V4) :], now_s)
    elif authorization:
        raise invalid("Authorization", authorization.partition(" ")[0])
    elif call.query.get("x-oss-signature-version") == V4:
        _verify_v4_url(call, settings, now_s)
    elif "OSSAccessKeyId" in call.query or "Signature" in call.query:
        _verify_v1_url(call, settings, now_s)
    else:
        call.anonymous = True


# V1


def _verify_v1_header(call: Call, settings: Settings, given: str, now_s: float) -> None:
    key_id, _, signature = given.partition(":")
    secret = _secret_of(key_id, settings)
    date = call.headers.get("x-oss-date") or call.headers.get("Date", "")
    when = seconds_of(date) or basic_seconds_of(date)
    if when is None:
        raise Refused("AccessDenied", "OSS authentication requires a valid Date.")
    # The V1 signer of the second Python SDK forgets the prefix of the token's header.
    token = call.headers.get("x-oss-security-token") or call.headers.get("security-token", "")
    _check_token(secret, token, now_s)
    _check_skew(when, settings, now_s)
    _check_v1(secret, key_id, signature, v1_string_to_sign(call, date))


def _verify_v1_url(call: Call, settings: Settings, now_s: float) -> None:
    key_id, signature, expires = (
        call.query.get(name, "") for name in ("OSSAccessKeyId", "Signature", "Expires")
    )
    if not (key_id and signature and expires.isdecimal()):
        raise Refused("AccessDenied", "Query-string authentication requires Signature, "
                      "Expires and OSSAccessKeyId parameters")  # fmt: skip
    secret = _secret_of(key_id, settings)
    if int(expires) < now_s:
        raise _expired(int(expires), now_s)
    _check_token(secret, call.query.get("security-token", ""), now_s)
    _check_v1(secret, key_id, signature, v1_string_to_sign(call, expires))


def v1_string_to_sign(call: Call, date: str) -> str:
    """Return the text a V1 signature is made over; `date` may be an expiry."""
    own = sorted(
        (name.lower(), value.strip())
        for name, value in call.headers.items()
        if name.lower().startswith("x-oss-")
    )
    resource = f"/{call.bucket}/{call.key}" if call.bucket else "/"
    signed = sorted(pair for pair in call.query.items() if pair[0] in SUBRESOURCES)
    if signed:
        resource += "?" + "&".join(f"{name}={value}" if value else name for name, value in signed)
    lines = [
        call.method,
        call.headers.get("Content-MD5", ""),
        call.headers.get("Content-Type", ""),
        date,
        *(f"{name}:{value}" for name, value in own),
        resource,
    ]
    return "\n".join(lines)


def _check_v1(secret: Secret, key_id: str, signature: str, text: str) -> None:
    digest = hmac.digest(secret.secret.encode(), _bytes(text), "sha1")
    if not hmac.compare_digest(base64.b64encode(digest), _bytes(signature)):
        raise _mismatch(key_id, signature, text, ec="0002-00000040")


# V4


def _verify_v4_header(call: Call, settings: Settings, given: str, now_s: float) -> None:
    fields = dict(_field(piece) for piece in given.split(","))
    if "AdditionalHeaders" in fields and not fields["AdditionalHeaders"]:
        raise Refused("InvalidArgument", "AdditionalHeaders must not be empty.", EC="0002-00000209")
    if call.headers.get("x-oss-content-sha256") != "UNSIGNED-PAYLOAD":
        raise invalid("x-oss-content-sha256", call.headers.get("x-oss-content-sha256", ""))
    stamp = call.headers.get("x-oss-date") or call.headers.get("Date", "")
    when = basic_seconds_of(stamp)
    if when is None:
        ec = "0002-00000502" if stamp else "0002-00000503"
        raise Refused("InvalidArgument", "The date of the request is missing or invalid.", EC=ec)
    key_id, scope = _scope(fields.get("Credential", ""), stamp, settings)
    secret = _secret_of(key_id, settings)
    _check_token(secret, call.headers.get("x-oss-security-token", ""), now_s)
    _check_skew(when, settings, now_s, ec="0002-00000504")
    additional = fields.get("AdditionalHeaders", "").split(";")
    request = v4_canonical_request(call, call.parameters, additional)
    _check_v4(secret, key_id, fields.get("Signature", ""), request, stamp, scope)


def _verify_v4_url(call: Call, settings: Settings, now_s: float) -> None:
    query = call.query
    stamp, expires = query.get("x-oss-date", ""), query.get("x-oss-expires", "")
    when = basic_seconds_of(stamp)
    if when is None:
        raise invalid("x-oss-date", stamp)
    if not expires.isdecimal() or not 1 <= int(expires) <= _WEEK_S:
        raise invalid("x-oss-expires", expires)
    key_id, scope = _scope(query.get("x-oss-credential", ""), stamp, settings)
    secret = _secret_of(key_id, settings)
    if settings.max_skew_s is not None and when > now_s + settings.max_skew_s:
        _check_skew(when, settings, now_s, ec="0002-00000504")
    if when + int(expires) < now_s:
        raise _expired(when + int(expires), now_s)
    _check_token(secret, query.get("x-oss-security-token", ""), now_s)
    signed = [pair for pair in call.parameters if pair[0] != "x-oss-signature"]
    additional = query.get("x-oss-additional-headers", "").split(";")
    request = v4_canonical_request(call, signed, additional)
    _check_v4(secret, key_id, query.get("x-oss-signature", ""), request, stamp, scope)


def v4_canonical_request(
    call: Call, parameters: Iterable[tuple[str, str]], additional: Iterable[str]
) -> str:
    """Return the canonical request; `additional` are names of headers signed besides."""
    # Sorted again: oss2 sorts the list in its header by first letters only.
    extra = sorted({name.strip().lower() for name in additional if name.strip()})
    headers = sorted(
        (name.lower(), value.strip())
        for name, value in call.headers.items()
        if name.lower().startswith("x-oss-")
        or name.lower() in ("content-type", "content-md5")
        or name.lower() in extra
    )
    encoded = sorted((_encoded(name), _encoded(value)) for name, value in parameters)
    resource = f"/{call.bucket}/{call.key}" if call.bucket else "/"
    lines = [
        call.method,
        quote(_bytes(resource), safe="/"),
        "&".join(f"{name}={value}" if value else name for name, value in encoded),
        "".join(f"{name}:{value}\n" for name, value in headers),
        ";".join(name for name in extra if not _signed_anyway(name)),
        "UNSIGNED-PAYLOAD",
    ]
    return "\n".join(lines)


def _check_v4(
    secret: Secret, key_id: str, signature: str, request: str, stamp: str, scope: str
) -> None:
    hashed = sha256(_bytes(request)).hexdigest()
    text = f"{V4}\n{stamp}\n{scope}\n{hashed}"
    mine = hmac.digest(_signing_key(secret.secret, scope), text.encode(), "sha256").hex()
    if not hmac.compare_digest(mine.encode(), _bytes(signature)):
        raise _mismatch(key_id, signature, text, ec="0002-00000201", request=request)


@lru_cache(maxsize=64)
def _signing_key(secret: str, scope: str) -> bytes:
    key = ("aliyun_v4" + secret).encode()
    for piece in scope.split("/"):
        key = hmac.digest(key, _bytes(piece), "sha256")
    return key


def _scope(credential: str, stamp: str, settings: Settings) -> tuple[str, str]:
    key_id, _, scope = credential.partition("/")
    pieces = scope.split("/")
    if len(pieces) != len(("date", "region", "product", "terminator")) or pieces[2:] != [
        "oss",
        "aliyun_v4_request",
    ]:
        raise invalid("Credential", credential)
    date, region, *_ = pieces
    if date != stamp[:8]:
        raise invalid("Credential", credential, "The date of the scope is not that of x-oss-date.")
    if settings.check_region and region != settings.region:
        raise Refused(
            "InvalidArgument",
            "Invalid signing region in Authorization header.",
            EC="0002-00000226",
            Region=settings.region,
        )
    return key_id, scope


def _field(piece: str) -> tuple[str, str]:
    name, _, value = piece.strip().partition("=")
    return name, value


def _signed_anyway(name: str) -> bool:
    return name.startswith("x-oss-") or name in ("content-type", "content-md5")


# Both


def _secret_of(key_id: str, settings: Settings) -> Secret:
    secret = settings.credentials.get(key_id)
    if secret is None:
        raise Refused("InvalidAccessKeyId", OSSAccessKeyId=key_id, EC="0002-00000902")
    return secret


def _check_token(secret: Secret, token: str, now_s: float) -> None:
    if secret.token != token:
        raise Refused("InvalidSecurityToken", "The security token you provided is invalid.")
    if secret.expires_s is not None and secret.expires_s <= now_s:
        raise Refused("SecurityTokenExpired", "The security token you provided has expired.")


def _check_skew(
    when: float, settings: Settings, now_s: float, *, ec: str = "0002-00000501"
) -> None:
    if settings.max_skew_s is not None and abs(when - now_s) > settings.max_skew_s:
        raise Refused(
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
            MaxAllowedSkewMilliseconds=str(int(settings.max_skew_s * 1000)),
            RequestTime=iso(when),
            ServerTime=iso(now_s),
            EC=ec,
        )


def _expired(when: float, now_s: float) -> Refused:
    return Refused("AccessDenied", "Request has expired.", Expires=iso(when), ServerTime=iso(now_s))


def _mismatch(key_id: str, signature: str, text: str, *, ec: str, request: str = "") -> Refused:
    canonical = {"CanonicalRequest": request} if request else {}
    return Refused(
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method.",
        OSSAccessKeyId=key_id,
        SignatureProvided=signature,
        StringToSign=text,
        StringToSignBytes=_bytes(text).hex(" ").upper(),
        EC=ec,
        fields=canonical,
    )


def _encoded(text: str) -> str:
    return quote(_bytes(text), safe="")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
