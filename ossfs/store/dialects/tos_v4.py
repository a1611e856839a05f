"""
TOS signature version 4: AWS's with other names, and the bare secret as the first key.

Signed are host, Content-Type and the store's own headers; the SDK signs no others. Both
Date and x-tos-date carry the time in ISO form, so Date is no HTTP date here.

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

TOS = Scheme("TOS4-HMAC-SHA256", "", "tos", "request")


@dataclass(frozen=True, slots=True)
class TosV4:
    """Sign for one region, `cn-beijing`."""

    region: str

    def sign(self, call: Call, credentials: Credentials, now_s: int) -> None:
        """Add Date, x-tos-date, x-tos-content-sha256, the security token, and Authorization."""
        headers = call.headers
        headers["date"] = headers["x-tos-date"] = stamp = time_stamp(now_s)
        payload = headers.setdefault("x-tos-content-sha256", UNSIGNED)
        if credentials.token is not None:
            headers["x-tos-security-token"] = str(credentials.token)
        signed = sorted(
            name
            for name in headers
            if name in {"host", "content-type"} or name.startswith("x-tos-")
        )
        canonical = canonical_request(call, signed, payload)
        signature = signature_of(TOS, canonical, credentials.secret, stamp, self.region)
        headers["authorization"] = (
            f"{TOS.algorithm} Credential={self._credential(credentials, stamp)},"
            f" SignedHeaders={';'.join(signed)}, Signature={signature}"
        )

    def presign(self, call: Call, credentials: Credentials, now_s: int, valid_s: int) -> None:
        """Add X-Tos-Signature and its companions; valid for 1 second to 7 days."""
        query, stamp = call.query, time_stamp(now_s)
        signed = sorted(
            name for name in call.headers if name == "host" or name.startswith("x-tos-")
        )
        query["X-Tos-Algorithm"] = TOS.algorithm
        query["X-Tos-Credential"] = self._credential(credentials, stamp)
        query["X-Tos-Date"] = stamp
        query["X-Tos-Expires"] = str(valid_s)
        query["X-Tos-SignedHeaders"] = ";".join(signed)
        if credentials.token is not None:
            query["X-Tos-Security-Token"] = str(credentials.token)
        canonical = canonical_request(call, signed, UNSIGNED)
        query["X-Tos-Signature"] = signature_of(
            TOS, canonical, credentials.secret, stamp, self.region
        )

    def _credential(self, credentials: Credentials, stamp: str) -> str:
        return f"{credentials.key_id}/{scope_of(TOS, stamp[:8], self.region)}"
