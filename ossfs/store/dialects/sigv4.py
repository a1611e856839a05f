"""
AWS's signature version 4, and its descendant at TOS.

Both list the headers they sign, sign the path as it is sent (encoded once), and write a
parameter without a value with an `=`. At S3 every header is signed but those that something
on the way may touch; at TOS host, Content-Type and the store's own, since its SDK signs no
others, and Date carries the time in ISO form, so that it is no HTTP date.

The payload is left out of the signature (`UNSIGNED-PAYLOAD`) unless the request says what
it is: hashing it costs another pass over the bytes, 1.5 CPU-seconds for a gigabyte, and
bodies carry a checksum that the store verifies.

Threads: values and pure functions; the keys of the day are cached by their inputs.
"""

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from ossfs.store.credentials import Credentials
from ossfs.store.dialects.base import Call, encoded

UNSIGNED = "UNSIGNED-PAYLOAD"


class Scheme(NamedTuple):
    """In what the two differ."""

    algorithm: str
    key_prefix: str
    service: str
    terminator: str
    own: str
    """How its own headers are named: `x-amz-`."""
    is_signed: Callable[[str], bool]
    """Says of a header whether it is signed with a request."""
    is_presigned: Callable[[str], bool]
    """Says of a header whether it is signed with a URL."""
    has_date: bool
    """The time goes into Date, too."""


_MAY_BE_TOUCHED = frozenset({"authorization", "content-length", "expect", "user-agent"})

AWS = Scheme(
    algorithm="AWS4-HMAC-SHA256",
    key_prefix="AWS4",
    service="s3",
    terminator="aws4_request",
    own="x-amz-",
    is_signed=lambda name: name not in _MAY_BE_TOUCHED,
    is_presigned=lambda name: name not in _MAY_BE_TOUCHED,
    has_date=False,
)
TOS = Scheme(
    algorithm="TOS4-HMAC-SHA256",
    key_prefix="",
    service="tos",
    terminator="request",
    own="x-tos-",
    is_signed=lambda name: name in {"host", "content-type"} or name.startswith("x-tos-"),
    is_presigned=lambda name: name == "host" or name.startswith("x-tos-"),
    has_date=True,
)


@dataclass(frozen=True, slots=True)
class SigV4:
    """Sign for one region, `us-east-1` or `cn-beijing`."""

    scheme: Scheme
    region: str

    def sign(self, call: Call, credentials: Credentials, now_s: int) -> None:
        """Add the date, the payload's hash, the security token, and Authorization."""
        scheme, headers = self.scheme, call.headers
        headers[f"{scheme.own}date"] = stamp = time_stamp(now_s)
        if scheme.has_date:
            headers["date"] = stamp
        payload = headers.setdefault(f"{scheme.own}content-sha256", UNSIGNED)
        if credentials.token is not None:
            headers[f"{scheme.own}security-token"] = str(credentials.token)
        signed = sorted(filter(scheme.is_signed, headers))
        canonical = canonical_request(call, signed, payload)
        signature = signature_of(scheme, canonical, credentials.secret, stamp, self.region)
        headers["authorization"] = (
            f"{scheme.algorithm} Credential={self._credential(credentials, stamp)},"
            f" SignedHeaders={';'.join(signed)}, Signature={signature}"
        )

    def presign(self, call: Call, credentials: Credentials, now_s: int, valid_s: int) -> None:
        """Add X-Amz-Signature (X-Tos-) and its companions; valid for 1 second to 7 days."""
        scheme, query, stamp = self.scheme, call.query, time_stamp(now_s)
        own = scheme.own.title()
        signed = sorted(filter(scheme.is_presigned, call.headers))
        query[f"{own}Algorithm"] = scheme.algorithm
        query[f"{own}Credential"] = self._credential(credentials, stamp)
        query[f"{own}Date"] = stamp
        query[f"{own}Expires"] = str(valid_s)
        query[f"{own}SignedHeaders"] = ";".join(signed)
        if credentials.token is not None:
            query[f"{own}Security-Token"] = str(credentials.token)
        canonical = canonical_request(call, signed, UNSIGNED)
        query[f"{own}Signature"] = signature_of(
            scheme, canonical, credentials.secret, stamp, self.region
        )

    def _credential(self, credentials: Credentials, stamp: str) -> str:
        return f"{credentials.key_id}/{scope_of(self.scheme, stamp[:8], self.region)}"


def scope_of(scheme: Scheme, day: str, region: str) -> str:
    """Return what a signature is good for."""
    return f"{day}/{region}/{scheme.service}/{scheme.terminator}"


def canonical_request(call: Call, signed: list[str], payload: str) -> str:
    """Return what is hashed into the string to sign; `signed` are sorted names of headers."""
    headers = "".join(f"{name}:{' '.join(call.headers[name].split())}\n" for name in signed)
    query = canonical_query(call.query)
    return f"{call.method}\n{call.path}\n{query}\n{headers}\n{';'.join(signed)}\n{payload}"


def canonical_query(query: Mapping[str, str]) -> str:
    """Return the query as it is signed: sorted by encoded name, always with `=`."""
    pairs = sorted((encoded(name), encoded(value)) for name, value in query.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def signature_of(scheme: Scheme, canonical: str, secret: str, stamp: str, region: str) -> str:
    """Return the signature of a canonical request at `stamp`, `YYYYMMDDTHHMMSSZ`."""
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"{scheme.algorithm}\n{stamp}\n{scope_of(scheme, stamp[:8], region)}\n{digest}"
    return hmac.digest(_day_key(scheme, secret, stamp[:8], region), text.encode(), "sha256").hex()


@lru_cache(maxsize=4)
def time_stamp(now_s: int) -> str:
    """Return a time as `YYYYMMDDTHHMMSSZ`."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_s))


@lru_cache(maxsize=16)
def _day_key(scheme: Scheme, secret: str, day: str, region: str) -> bytes:
    key = f"{scheme.key_prefix}{secret}".encode()
    for step in (day, region, scheme.service, scheme.terminator):
        key = hmac.digest(key, step.encode(), "sha256")
    return key
