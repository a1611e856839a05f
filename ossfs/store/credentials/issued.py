"""
Credentials that somebody issued, in the JSON that all issuers write in much the same way.

Threads: pure functions.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timezone

from ossfs.errors import InvalidCredentials
from ossfs.store.credentials.values import Credentials, Secret

_SECRETS = ("AccessKeySecret", "SecretAccessKey")
_TOKENS = ("SecurityToken", "SessionToken", "Token")


def issued(text: Secret, issuer: str, *path: str) -> Credentials:
    """
    Read `AccessKeyId`, `AccessKeySecret` (or `SecretAccessKey`), token and `Expiration`.

    They are in the object itself or, by `path`, in one inside of it. InvalidCredentials,
    without a word of the text, when they are not.
    """
    found = _object(text, path)
    if found is None:
        raise InvalidCredentials(f"{issuer} did not answer with credentials in JSON")
    key_id = found.get("AccessKeyId")
    secret = next((found[name] for name in _SECRETS if name in found), None)
    if not (key_id and secret):
        raise InvalidCredentials(f"{issuer} gave no AccessKeyId and AccessKeySecret")
    token = next((found[name] for name in _TOKENS if found.get(name)), None)
    try:
        expires_ns = time_ns(found.get("Expiration", ""))
    except ValueError:
        raise InvalidCredentials(f"{issuer} gave an Expiration that is no time") from None
    return Credentials(key_id, secret, token, expires_ns)


def time_ns(text: str) -> int | None:
    """Return an ISO 8601 time as nanoseconds since 1970; None: empty. ValueError."""
    if not text:
        return None
    time = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    if time.tzinfo is None:
        time = time.replace(tzinfo=timezone.utc)
    return int(time.timestamp()) * 1_000_000_000


def _object(text: Secret, path: tuple[str, ...]) -> Mapping[str, Secret] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        return None
    return {name: Secret(value) for name, value in found.items() if isinstance(value, str)}
