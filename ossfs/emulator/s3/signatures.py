"""
Who sent an S3 request: SigV4 in a header or in the URL, and what it says of the body.

`verify` is all of it; the body's own checks (hash, signed pieces, checksums) happen as it
is read, and are put around it here.
"""

import re

from ossfs.emulator.exchange import Call
from ossfs.emulator.refusals import Refused, invalid
from ossfs.emulator.s3 import payload
from ossfs.emulator.settings import Settings
from ossfs.emulator.v4 import UNSIGNED, Scheme, canonical_as_sent, verify_header, verify_url

_SHA256 = re.compile("[0-9a-f]{64}")

SCHEME = Scheme(
    algorithm="AWS4-HMAC-SHA256",
    prefix="x-amz-",
    service="s3",
    terminator="aws4_request",
    names="SignedHeaders",
    canonical=canonical_as_sent,
    key_start="AWS4",
    header_code="AuthorizationHeaderMalformed",
    url_code="AuthorizationQueryParametersError",
    date_code="AccessDenied",
)


def verify(call: Call, settings: Settings, now_s: float) -> None:
    """Mark the call as anonymous when it is unsigned; Refused when its signature is wrong."""
    in_header = "Authorization" in call.headers
    in_url = any(name.lower() == "x-amz-signature" for name in call.query)
    if in_header and in_url:
        raise invalid("Authorization", "", "Only one auth mechanism allowed.")
    if in_header:
        if not call.headers["Authorization"].startswith(SCHEME.algorithm + " "):
            raise Refused(
                "InvalidRequest",
                "The authorization mechanism you have provided is not supported. "
                "Please use AWS4-HMAC-SHA256.",
            )
        if "x-amz-content-sha256" not in call.headers:
            raise Refused(
                "InvalidRequest", "Missing required header for this request: x-amz-content-sha256"
            )
        hashed = call.headers["x-amz-content-sha256"]
        if hashed not in payload.STREAMING and hashed != UNSIGNED and not _SHA256.fullmatch(hashed):
            raise invalid("x-amz-content-sha256", hashed)
        signed = verify_header(call, SCHEME, settings, now_s)
        call.body = payload.checked(call, hashed, signed)
    elif in_url:
        verify_url(call, SCHEME, settings, now_s)
        # A URL does not say what is sent to it; a header may, although it is not signed.
        call.body = payload.checked(call, call.headers.get("x-amz-content-sha256", UNSIGNED), None)
    else:
        call.anonymous = True
        call.body = payload.checked(call, UNSIGNED, None)
