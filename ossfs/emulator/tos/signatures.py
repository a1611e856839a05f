"""Who sent a TOS request: TOS4 in a header or in the URL."""

from ossfs.emulator.exchange import Call
from ossfs.emulator.refusals import invalid
from ossfs.emulator.settings import Settings
from ossfs.emulator.v4 import Scheme, canonical_as_sent, verify_header, verify_url

SCHEME = Scheme(
    algorithm="TOS4-HMAC-SHA256",
    prefix="x-tos-",
    service="tos",
    terminator="request",
    names="SignedHeaders",
    canonical=canonical_as_sent,
)


def verify(call: Call, settings: Settings, now_s: float) -> None:
    """Mark the call as anonymous when it is unsigned; Refused when its signature is wrong."""
    in_header = "Authorization" in call.headers
    in_url = any(name.lower() == "x-tos-signature" for name in call.query)
    if in_header and in_url:
        raise invalid("Authorization", "", "Signed both in the header and in the URL.")
    if in_header:
        verify_header(call, SCHEME, settings, now_s)
    elif in_url:
        verify_url(call, SCHEME, settings, now_s)
    else:
        call.anonymous = True
