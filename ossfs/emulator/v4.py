"""
The family of V4 signatures: one derivation of keys, three dialects.

A `Scheme` says how a dialect's differ: names, the start of the key, what a canonical
request is. `verify` finds the signature in the header or in the URL, and checks it with
the token, the scope and the clock.

Nothing here is shared with the client's signers, so that a mistake cannot agree with
itself.
"""

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote

from ossfs.emulator.exchange import Call
from ossfs.emulator.refusals import Refused
from ossfs.emulator.settings import Secret, Settings
from ossfs.emulator.times import basic_seconds_of, iso

WEEK_S = 604_800
UNSIGNED = "UNSIGNED-PAYLOAD"


@dataclass(frozen=True, slots=True)
class Scheme:
    """What makes one dialect's V4 signatures different."""

    algorithm: str
    prefix: str
    """Of its headers and, without regard to case, of its query parameters."""
    service: str
    terminator: str
    names: str
    """Field and parameter that list names of signed headers."""
    canonical: "Callable[[Call, Sequence[tuple[str, str]], str, str], str]"
    """The canonical request of a call: parameters, list of names, payload."""
    key_start: str = ""
    header_code: str = "InvalidArgument"
    """Of an Authorization header that cannot be read."""
    date_code: str = "InvalidArgument"
    """Of a request that does not say when it was signed."""
    url_code: str = "InvalidArgument"
    """Of parameters that cannot be read."""
    ecs: Mapping[str, str] = field(default_factory=dict)
    """The dialect's numbers of errors: of date, skew, scope's region, signature."""

    def query(self, name: str) -> str:
        """Return the lower-case name of a query parameter of the scheme."""
        return self.prefix + name


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that was verified, as the signatures of a body's pieces need it."""

    algorithm: str
    key: bytes = field(repr=False)
    stamp: str
    scope: str
    signature: str


def verify_header(call: Call, scheme: Scheme, settings: Settings, now_s: float) -> Signed:
    """Check an Authorization header; Refused when it is wrong."""
    given = call.headers["Authorization"].removeprefix(scheme.algorithm)
    fields = dict(_field(piece) for piece in given.split(","))
    stamp = call.headers.get(scheme.prefix + "date") or call.headers.get("Date", "")
    when = basic_seconds_of(stamp)
    if when is None:
        raise _refused(
            scheme,
            "date" if stamp else "no date",
            scheme.date_code,
            "The date of the request is missing or invalid.",
        )
    code = scheme.header_code
    key_id, scope = _scope(fields.get("Credential", ""), stamp, scheme, code, settings)
    secret = secret_of(key_id, settings)
    check_token(secret, call.headers.get(scheme.prefix + "security-token", ""), now_s)
    check_skew(when, settings, now_s, ec=scheme.ecs.get("skew", ""))
    payload = call.headers.get(scheme.prefix + "content-sha256", UNSIGNED)
    request = scheme.canonical(call, call.parameters, fields.get(scheme.names, ""), payload)
    return _checked(secret, key_id, fields.get("Signature", ""), request, stamp, scope, scheme)


def verify_url(call: Call, scheme: Scheme, settings: Settings, now_s: float) -> Signed:
    """Check a presigned URL; Refused when it is wrong or past its time."""
    query = {name.lower(): value for name, value in call.parameters}
    stamp = query.get(scheme.query("date"), "")
    expires = query.get(scheme.query("expires"), "")
    when = basic_seconds_of(stamp)
    if when is None:
        raise _unreadable(scheme.url_code, scheme.query("date"), stamp)
    if not expires.isdecimal() or not 1 <= int(expires) <= WEEK_S:
        raise _unreadable(scheme.url_code, scheme.query("expires"), expires)
    credential = query.get(scheme.query("credential"), "")
    key_id, scope = _scope(credential, stamp, scheme, scheme.url_code, settings)
    secret = secret_of(key_id, settings)
    if settings.max_skew_s is not None and when > now_s + settings.max_skew_s:
        check_skew(when, settings, now_s, ec=scheme.ecs.get("skew", ""))
    if when + int(expires) < now_s:
        raise expired(when + int(expires), now_s)
    check_token(secret, query.get(scheme.query("security-token"), ""), now_s)
    own = scheme.query("signature")
    parameters = [pair for pair in call.parameters if pair[0].lower() != own]
    dashed = "additional-headers" if scheme.names == "AdditionalHeaders" else "signedheaders"
    names = query.get(scheme.query(dashed), "")
    request = scheme.canonical(call, parameters, names, UNSIGNED)
    return _checked(secret, key_id, query.get(own, ""), request, stamp, scope, scheme)


def canonical_as_sent(
    call: Call,
    parameters: Sequence[tuple[str, str]],
    names: str,
    payload: str,
) -> str:
    """
    Return the canonical request of S3 and TOS: the path as it was sent, headers as listed.

    Refused (AccessDenied) when the host or one of the dialect's headers is not signed.
    """
    listed = names.split(";")
    unsigned = [
        name.lower()
        for name in ("host", *call.headers)
        if (name.lower() == "host" or name.lower().startswith(call.words.prefix))
        and name.lower() not in listed
    ]
    if unsigned:
        raise Refused(
            "AccessDenied",
            "There were headers present in the request which were not signed",
            HeadersNotSigned=", ".join(sorted(set(unsigned))),
        )
    query = sorted((encoded(name), encoded(value)) for name, value in parameters)
    headers = "".join(f"{name}:{' '.join(call.headers.get(name, '').split())}\n" for name in listed)
    lines = [
        call.method,
        quote(octets(call.path), safe="/~"),
        "&".join(f"{name}={value}" for name, value in query),
        headers,
        names,
        payload,
    ]
    return "\n".join(lines)


def _checked(
    secret: Secret,
    key_id: str,
    signature: str,
    request: str,
    stamp: str,
    scope: str,
    scheme: Scheme,
) -> Signed:
    hashed = sha256(octets(request)).hexdigest()
    text = f"{scheme.algorithm}\n{stamp}\n{scope}\n{hashed}"
    key = _signing_key(scheme.key_start + secret.secret, scope)
    mine = hmac.digest(key, text.encode(), "sha256").hex()
    if not hmac.compare_digest(mine.encode(), octets(signature)):
        ec = scheme.ecs.get("signature", "")
        raise mismatch(key_id, signature, text, ec=ec, request=request)
    return Signed(scheme.algorithm, key, stamp, scope, signature)


@lru_cache(maxsize=64)
def _signing_key(start: str, scope: str) -> bytes:
    key = start.encode()
    for piece in scope.split("/"):
        key = hmac.digest(key, octets(piece), "sha256")
    return key


def _scope(
    credential: str, stamp: str, scheme: Scheme, code: str, settings: Settings
) -> tuple[str, str]:
    key_id, _, scope = credential.partition("/")
    pieces = scope.split("/")
    if len(pieces) != len(("date", "region", "service", "terminator")) or pieces[2:] != [
        scheme.service,
        scheme.terminator,
    ]:
        raise _unreadable(code, "Credential", credential)
    date, region, *_ = pieces
    if date != stamp[:8]:
        raise _unreadable(
            code, "Credential", credential, "The date of the scope is not that of the request."
        )
    if settings.check_region and region != settings.region:
        raise _refused(
            scheme,
            "region",
            code,
            f"Invalid signing region: {region} is wrong; expecting {settings.region}.",
            Region=settings.region,
        )
    return key_id, scope


def _field(piece: str) -> tuple[str, str]:
    name, _, value = piece.strip().partition("=")
    return name, value


def _unreadable(code: str, name: str, value: str, message: str = "") -> Refused:
    told = message or f"The value of {name} is invalid."
    return Refused(code, told, ArgumentName=name, ArgumentValue=value)


def _refused(scheme: Scheme, about: str, code: str, message: str, **more: str) -> Refused:
    ec = scheme.ecs.get(about)
    return Refused(code, message, fields={**more, **({"EC": ec} if ec else {})})


# For signatures of every kind


def secret_of(key_id: str, settings: Settings) -> Secret:
    """Return what is known of a key id; Refused (InvalidAccessKeyId) if nothing is."""
    secret = settings.credentials.get(key_id)
    if secret is None:
        raise Refused("InvalidAccessKeyId", AccessKeyId=key_id)
    return secret


def check_token(secret: Secret, token: str, now_s: float) -> None:
    """Raise Refused when the token is not the key's, or the key has ended."""
    if secret.token != token:
        raise Refused("InvalidSecurityToken", "The security token you provided is invalid.")
    if secret.expires_s is not None and secret.expires_s <= now_s:
        raise Refused("SecurityTokenExpired", "The security token you provided has expired.")


def check_skew(when: float, settings: Settings, now_s: float, *, ec: str = "") -> None:
    """Raise Refused (RequestTimeTooSkewed) when the request's time is too far from ours."""
    if settings.max_skew_s is not None and abs(when - now_s) > settings.max_skew_s:
        raise Refused(
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
            MaxAllowedSkewMilliseconds=str(int(settings.max_skew_s * 1000)),
            RequestTime=iso(when),
            ServerTime=iso(now_s),
            fields={"EC": ec} if ec else {},
        )


def expired(when: float, now_s: float) -> Refused:
    """Return the refusal of a URL past its time."""
    return Refused("AccessDenied", "Request has expired.", Expires=iso(when), ServerTime=iso(now_s))


def mismatch(key_id: str, signature: str, text: str, *, ec: str, request: str = "") -> Refused:
    """Return the refusal of a signature that is not ours."""
    optional = {"CanonicalRequest": request, "EC": ec}
    return Refused(
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method.",
        AccessKeyId=key_id,
        SignatureProvided=signature,
        StringToSign=text,
        StringToSignBytes=octets(text).hex(" ").upper(),
        fields={name: value for name, value in optional.items() if value},
    )


def encoded(text: str) -> str:
    """Return the text percent-encoded, unreserved characters excepted."""
    return quote(octets(text), safe="")


def octets(text: str) -> bytes:
    """Return the bytes a text had on the wire."""
    return text.encode("utf-8", "surrogateescape")
