"""
Who sent this request: the V1 and V4 signatures of OSS, in a header or in the URL.

`verify` is all of it. Nothing here is shared with the client's signers, so that a mistake
cannot agree with itself.
"""

import base64
import hmac
import re
from collections.abc import Iterable
from urllib.parse import quote

from ossfs.emulator.conditions import seconds_of
from ossfs.emulator.exchange import Call
from ossfs.emulator.refusals import Refused, invalid
from ossfs.emulator.settings import Secret, Settings
from ossfs.emulator.times import basic_seconds_of
from ossfs.emulator.v4 import (
    UNSIGNED,
    Scheme,
    check_skew,
    check_token,
    encoded,
    expired,
    mismatch,
    octets,
    secret_of,
    verify_header,
    verify_url,
)

V4 = "OSS4-HMAC-SHA256"

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
        _check_v4_header(call)
        verify_header(call, SCHEME, settings, now_s)
    elif authorization:
        raise invalid("Authorization", authorization.partition(" ")[0])
    elif call.query.get("x-oss-signature-version") == V4:
        verify_url(call, SCHEME, settings, now_s)
    elif "OSSAccessKeyId" in call.query or "Signature" in call.query:
        _verify_v1_url(call, settings, now_s)
    else:
        call.anonymous = True


# V1


def _verify_v1_header(call: Call, settings: Settings, given: str, now_s: float) -> None:
    key_id, _, signature = given.partition(":")
    secret = secret_of(key_id, settings)
    date = call.headers.get("x-oss-date") or call.headers.get("Date", "")
    when = seconds_of(date) or basic_seconds_of(date)
    if when is None:
        raise Refused("AccessDenied", "OSS authentication requires a valid Date.")
    # The V1 signer of the second Python SDK forgets the prefix of the token's header.
    token = call.headers.get("x-oss-security-token") or call.headers.get("security-token", "")
    check_token(secret, token, now_s)
    check_skew(when, settings, now_s, ec="0002-00000501")
    _check_v1(secret, key_id, signature, v1_string_to_sign(call, date))


def _verify_v1_url(call: Call, settings: Settings, now_s: float) -> None:
    key_id, signature, expires = (
        call.query.get(name, "") for name in ("OSSAccessKeyId", "Signature", "Expires")
    )
    if not (key_id and signature and expires.isdecimal()):
        raise Refused("AccessDenied", "Query-string authentication requires Signature, "
                      "Expires and OSSAccessKeyId parameters")  # fmt: skip
    secret = secret_of(key_id, settings)
    if int(expires) < now_s:
        raise expired(int(expires), now_s)
    check_token(secret, call.query.get("security-token", ""), now_s)
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
    digest = hmac.digest(secret.secret.encode(), octets(text), "sha1")
    if not hmac.compare_digest(base64.b64encode(digest), octets(signature)):
        raise mismatch(key_id, signature, text, ec="0002-00000040")


# V4


def v4_canonical_request(
    call: Call, parameters: Iterable[tuple[str, str]], additional: str, payload: str
) -> str:
    """Return the canonical request; `additional` names headers that are signed besides."""
    if payload != UNSIGNED:
        raise invalid("x-oss-content-sha256", payload)
    # Sorted again: oss2 sorts the list in its header by first letters only.
    extra = sorted({name.strip().lower() for name in additional.split(";") if name.strip()})
    headers = sorted(
        (name.lower(), value.strip())
        for name, value in call.headers.items()
        if name.lower().startswith("x-oss-")
        or name.lower() in ("content-type", "content-md5")
        or name.lower() in extra
    )
    query = sorted((encoded(name), encoded(value)) for name, value in parameters)
    resource = f"/{call.bucket}/{call.key}" if call.bucket else "/"
    lines = [
        call.method,
        quote(octets(resource), safe="/"),
        "&".join(f"{name}={value}" if value else name for name, value in query),
        "".join(f"{name}:{value}\n" for name, value in headers),
        ";".join(name for name in extra if not _signed_anyway(name)),
        payload,
    ]
    return "\n".join(lines)


def _signed_anyway(name: str) -> bool:
    return name.startswith("x-oss-") or name in ("content-type", "content-md5")


SCHEME = Scheme(
    algorithm="OSS4-HMAC-SHA256",
    prefix="x-oss-",
    service="oss",
    terminator="aliyun_v4_request",
    names="AdditionalHeaders",
    canonical=v4_canonical_request,
    key_start="aliyun_v4",
    ecs={
        "date": "0002-00000502",
        "no date": "0002-00000503",
        "skew": "0002-00000504",
        "region": "0002-00000226",
        "signature": "0002-00000201",
    },
)


def _check_v4_header(call: Call) -> None:
    if re.search(r"AdditionalHeaders=\s*(?:,|$)", call.headers["Authorization"]):
        raise Refused("InvalidArgument", "AdditionalHeaders must not be empty.", EC="0002-00000209")
    if "x-oss-content-sha256" not in call.headers:
        raise invalid("x-oss-content-sha256", "")
