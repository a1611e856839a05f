"""
What AWS's signature version 4 and its descendant at TOS have in common.

Both list the headers they sign, sign the path as it is sent, and write a parameter without
a value with an `=`.

Threads: pure functions; the keys of the day are cached by their inputs.
"""

import hashlib
import hmac
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from ossfs.store.dialects.base import Call, encoded

UNSIGNED = "UNSIGNED-PAYLOAD"


class Scheme(NamedTuple):
    """The names in which the two differ."""

    algorithm: str
    key_prefix: str
    service: str
    terminator: str


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
