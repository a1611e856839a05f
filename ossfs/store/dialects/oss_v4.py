"""
OSS signature version 4: HMAC-SHA256 with a key for each day and region.

Like AWS's, except that the bucket always stands in the canonical path, a parameter without
a value has no `=`, the store's own headers are signed without being listed, and the payload
is never part of it. Source: "Signature Version 4" in the OSS documentation.

Threads: a value; the keys of the day are cached by their inputs.
"""

import hashlib
import hmac
import time
from dataclasses import dataclass
from functools import lru_cache

from ossfs.store.credentials import Credentials
from ossfs.store.dialects.base import Call, encoded_path, encoded_query

ALGORITHM = "OSS4-HMAC-SHA256"
PAYLOAD = "UNSIGNED-PAYLOAD"
_ALWAYS_SIGNED = ("content-type", "content-md5")


@dataclass(frozen=True, slots=True)
class OssV4:
    """Sign for one region, `cn-hangzhou`; `also_signed` are further headers, lower case."""

    region: str
    product: str = "oss"
    also_signed: tuple[str, ...] = ()

    def sign(self, call: Call, credentials: Credentials, now_s: int) -> None:
        """Add x-oss-date, x-oss-content-sha256, the security token, and Authorization."""
        headers = call.headers
        headers["x-oss-date"] = time_stamp(now_s)
        headers["x-oss-content-sha256"] = PAYLOAD
        if credentials.token is not None:
            headers["x-oss-security-token"] = str(credentials.token)
        also = self._also(call)
        signature = self._signature(call, credentials, now_s)
        listed = f"AdditionalHeaders={';'.join(also)}," if also else ""
        headers["authorization"] = (
            f"{ALGORITHM} Credential={credentials.key_id}/{self._scope(now_s)},"
            f"{listed}Signature={signature}"
        )

    def presign(self, call: Call, credentials: Credentials, now_s: int, valid_s: int) -> None:
        """Add x-oss-signature and its companions; valid for 1 second to 7 days."""
        query = call.query
        query["x-oss-signature-version"] = ALGORITHM
        query["x-oss-date"] = time_stamp(now_s)
        query["x-oss-expires"] = str(valid_s)
        query["x-oss-credential"] = f"{credentials.key_id}/{self._scope(now_s)}"
        if credentials.token is not None:
            query["x-oss-security-token"] = str(credentials.token)
        also = self._also(call)
        if also:
            query["x-oss-additional-headers"] = ";".join(also)
        query["x-oss-signature"] = self._signature(call, credentials, now_s)

    def canonical_request(self, call: Call) -> str:
        """Return what is hashed into the string to sign."""
        headers, also = call.headers, self._also(call)
        signed = "".join(
            f"{name}:{headers[name].strip()}\n"
            for name in sorted(headers)
            if name.startswith("x-oss-") or name in _ALWAYS_SIGNED or name in also
        )
        bucket = f"/{call.bucket}/" if call.bucket else "/"
        return (
            f"{call.method}\n{bucket}{encoded_path(call.key)}\n{encoded_query(call.query)}\n"
            f"{signed}\n{';'.join(also)}\n{PAYLOAD}"
        )

    def _also(self, call: Call) -> tuple[str, ...]:
        return tuple(
            sorted(
                name
                for name in self.also_signed
                if name in call.headers
                and name not in _ALWAYS_SIGNED
                and not name.startswith("x-oss-")
            )
        )

    def _scope(self, now_s: int) -> str:
        return f"{time_stamp(now_s)[:8]}/{self.region}/{self.product}/aliyun_v4_request"

    def _signature(self, call: Call, credentials: Credentials, now_s: int) -> str:
        stamp = time_stamp(now_s)
        digest = hashlib.sha256(self.canonical_request(call).encode()).hexdigest()
        text = f"{ALGORITHM}\n{stamp}\n{self._scope(now_s)}\n{digest}"
        key = _day_key(credentials.secret, stamp[:8], self.region, self.product)
        return hmac.digest(key, text.encode(), "sha256").hex()


@lru_cache(maxsize=4)
def time_stamp(now_s: int) -> str:
    """Return a time as `YYYYMMDDTHHMMSSZ`."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_s))


@lru_cache(maxsize=16)
def _day_key(secret: str, day: str, region: str, product: str) -> bytes:
    key = f"aliyun_v4{secret}".encode()
    for step in (day, region, product, "aliyun_v4_request"):
        key = hmac.digest(key, step.encode(), "sha256")
    return key
