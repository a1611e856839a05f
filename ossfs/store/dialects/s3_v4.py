"""
AWS signature version 4, as S3 wants it: the path is signed as it is sent, encoded once.

The payload is left out of the signature (`UNSIGNED-PAYLOAD`) unless the request says what
it is: hashing it costs another pass over the bytes, 1.5 CPU-seconds for a gigabyte, and
bodies carry a checksum that the store verifies. Every header is signed but those that
something on the way may touch.

Threads: a value.
"""

from dataclasses import dataclass

from ossfs.store.credentials import Credentials
from ossfs.store.dialects.base import Call
from ossfs.store.dialects.sigv4 import (
    UNSIGNED,
    Scheme,
    canonical_request,
    scope_of,
    signature_of,
    time_stamp,
)

AWS = Scheme("AWS4-HMAC-SHA256", "AWS4", "s3", "aws4_request")
NOT_SIGNED = frozenset({"authorization", "content-length", "expect", "user-agent"})


@dataclass(frozen=True, slots=True)
class S3V4:
    """Sign for one region, `us-east-1`."""

    region: str

    def sign(self, call: Call, credentials: Credentials, now_s: int) -> None:
        """Add x-amz-date, x-amz-content-sha256, the security token, and Authorization."""
        headers = call.headers
        headers["x-amz-date"] = stamp = time_stamp(now_s)
        payload = headers.setdefault("x-amz-content-sha256", UNSIGNED)
        if credentials.token is not None:
            headers["x-amz-security-token"] = str(credentials.token)
        signed = sorted(headers.keys() - NOT_SIGNED)
        canonical = canonical_request(call, signed, payload)
        signature = signature_of(AWS, canonical, credentials.secret, stamp, self.region)
        headers["authorization"] = (
            f"{AWS.algorithm} Credential={self._credential(credentials, stamp)},"
            f" SignedHeaders={';'.join(signed)}, Signature={signature}"
        )

    def presign(self, call: Call, credentials: Credentials, now_s: int, valid_s: int) -> None:
        """Add X-Amz-Signature and its companions; valid for 1 second to 7 days."""
        query, stamp = call.query, time_stamp(now_s)
        signed = sorted(call.headers.keys() - NOT_SIGNED)
        query["X-Amz-Algorithm"] = AWS.algorithm
        query["X-Amz-Credential"] = self._credential(credentials, stamp)
        query["X-Amz-Date"] = stamp
        query["X-Amz-Expires"] = str(valid_s)
        query["X-Amz-SignedHeaders"] = ";".join(signed)
        if credentials.token is not None:
            query["X-Amz-Security-Token"] = str(credentials.token)
        canonical = canonical_request(call, signed, UNSIGNED)
        query["X-Amz-Signature"] = signature_of(
            AWS, canonical, credentials.secret, stamp, self.region
        )

    def _credential(self, credentials: Credentials, stamp: str) -> str:
        return f"{credentials.key_id}/{scope_of(AWS, stamp[:8], self.region)}"
