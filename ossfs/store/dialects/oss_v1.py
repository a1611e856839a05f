"""
OSS signature version 1: HMAC-SHA1 over the request's main parts.

Source: "Include signatures in the Authorization header" and "Add signatures to URLs" in
the OSS documentation; the list of signed sub-resources is the SDKs' widest.

Threads: a value.
"""

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache

from ossfs.store.credentials import Credentials
from ossfs.store.dialects.base import Call

SIGNED_PARAMETERS = frozenset(
    """
    acl accessPoint accessPointPolicy append asyncFetch bucketArchiveDirectRead bucketInfo
    callback callback-var cname comp continuation-token cors delete encryption endTime group
    httpsConfig inventory inventoryId lifecycle link live location logging metaQuery
    objectInfo objectMeta partNumber policy position publicAccessBlock qos qosInfo
    qosRequester redundancyTransition referer regionList replication replicationLocation
    replicationProgress requestPayment requesterQosInfo resourceGroup resourcePool
    resourcePoolBuckets resourcePoolInfo response-cache-control response-content-disposition
    response-content-encoding response-content-language response-content-type
    response-expires restore security-token sequential startTime stat status style styleName
    symlink tagging transferAcceleration uploadId uploads versionId versioning versions vod
    website worm wormExtend wormId x-oss-ac-forward-allow x-oss-ac-source-ip
    x-oss-ac-subnet-mask x-oss-ac-vpc-id x-oss-access-point-name x-oss-async-process
    x-oss-process x-oss-redundancy-transition-taskid x-oss-request-payer
    x-oss-target-redundancy-type x-oss-traffic-limit x-oss-write-get-object-response
    """.split()  # noqa: SIM905  # a word list reads better than ninety quoted strings
)


@dataclass(frozen=True, slots=True)
class OssV1:
    """Sign as `OSS <key id>:<signature>`."""

    def sign(self, call: Call, credentials: Credentials, now_s: int) -> None:
        """Add Date, the security token, and Authorization."""
        headers = call.headers
        headers["date"] = http_date(now_s)
        if credentials.token is not None:
            headers["x-oss-security-token"] = str(credentials.token)
        signature = signature_of(string_to_sign(call, headers["date"]), credentials.secret)
        headers["authorization"] = f"OSS {credentials.key_id}:{signature}"

    def presign(self, call: Call, credentials: Credentials, now_s: int, valid_s: int) -> None:
        """Add OSSAccessKeyId, Expires, the security token, and Signature."""
        expires = str(now_s + valid_s)
        if credentials.token is not None:
            call.query["security-token"] = str(credentials.token)
        signature = signature_of(string_to_sign(call, expires), credentials.secret)
        call.query["OSSAccessKeyId"] = credentials.key_id
        call.query["Expires"] = expires
        call.query["Signature"] = signature


def string_to_sign(call: Call, date: str) -> str:
    """Return what is signed; `date` is the request's, or when a URL expires."""
    headers = call.headers
    own = "".join(
        f"{name}:{headers[name].strip()}\n" for name in sorted(headers) if name.startswith("x-oss-")
    )
    return (
        f"{call.method}\n{headers.get('content-md5', '')}\n{headers.get('content-type', '')}\n"
        f"{date}\n{own}{_resource(call)}"
    )


def signature_of(text: str, secret: str) -> str:
    """Return the Base64 of the HMAC-SHA1."""
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha1")).decode()


def _resource(call: Call) -> str:
    path = f"/{call.bucket}/{call.key}" if call.bucket else "/"
    signed = call.query and _signed(call.query)
    return f"{path}?{signed}" if signed else path


def _signed(query: Mapping[str, str]) -> str:
    return "&".join(
        f"{name}={query[name]}" if query[name] else name
        for name in sorted(query)
        if name in SIGNED_PARAMETERS
    )


@lru_cache(maxsize=4)
def http_date(now_s: int) -> str:
    """Return a time as HTTP writes it."""
    return formatdate(now_s, usegmt=True)
