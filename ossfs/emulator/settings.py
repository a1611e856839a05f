"""
What can be set on the embedded server, with the defaults of the service.

Sizes in bytes, times in seconds.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

DEMO_KEY_ID = "LTAIdemoAccessKeyId"
DEMO_SECRET = "demo-secret-for-the-embedded-server"  # noqa: S105  # printed at start on purpose

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Secret:
    """One access key's secret; a temporary one also has a token and may end."""

    secret: str = field(repr=False)
    token: str = field(default="", repr=False)
    expires_s: float | None = None
    """Unix seconds."""


Credentials = dict[str, Secret]


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server accepts; tests lower these to reach a limit with few bytes."""

    max_put: int = 5 * GIB
    max_copy: int = 5 * GIB
    """Between buckets, or when the storage class changes."""
    min_part: int = 102_400
    """Of OSS."""
    min_large_part: int = 5 << 20
    """Of S3 and TOS."""
    max_part: int = 5 * GIB
    max_metadata: int = 8192
    max_delete_body: int = 2 << 20


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the server is told at start."""

    credentials: Credentials
    """Key id → secret; changed while the server runs when keys are rotated."""
    host: str = "127.0.0.1"
    port: int = 9000
    domains: tuple[str, ...] = ("localhost",)
    """Endpoint names under which `BUCKET.name` is a virtual host."""
    cnames: Mapping[str, str] = field(default_factory=dict)
    """Whole host names bound to a bucket."""
    path_style: bool = True
    """Accept `/BUCKET/KEY` on named endpoints too (the service does not)."""
    region: str = "cn-hangzhou"
    check_region: bool = False
    """Refuse V4 signatures made for another region."""
    max_skew_s: float | None = 900.0
    """Largest distance of a request's time from ours; None: not checked."""
    restore_s: float = 0.0
    """How long restoring an archived object takes."""
    admin: bool = False
    limits: Limits = field(default_factory=Limits)


def demo_credentials() -> dict[str, Secret]:
    """Return the key that is used when none was given."""
    return {DEMO_KEY_ID: Secret(DEMO_SECRET)}


def credentials_from_environment() -> dict[str, Secret]:
    """Return the key of `OSS_ACCESS_KEY_ID`, `OSS_ACCESS_KEY_SECRET` (and `OSS_SESSION_TOKEN`)."""
    key_id = os.environ.get("OSS_ACCESS_KEY_ID", "")
    secret = os.environ.get("OSS_ACCESS_KEY_SECRET", "")
    if not (key_id and secret):
        return {}
    return {key_id: Secret(secret, os.environ.get("OSS_SESSION_TOKEN", ""))}


def credentials_from_json(text: str) -> dict[str, Secret]:
    """
    Return the keys of a JSON object: id → secret, or id → {secret, token, expires}.

    `expires` is ISO 8601 or unix seconds. Raise ValueError when the text is something else.
    """
    given = json.loads(text)
    if not isinstance(given, dict):
        raise ValueError("credentials must be a JSON object of key id: secret")  # noqa: TRY004  # one error for the caller
    return {key_id: _secret(value) for key_id, value in given.items()}


def credentials_as_json(credentials: Credentials) -> str:
    """Return the text that `credentials_from_json` reads."""
    return json.dumps(
        {
            key_id: {"secret": one.secret, "token": one.token, "expires": one.expires_s}
            for key_id, one in credentials.items()
        }
    )


def _secret(value: object) -> Secret:
    if isinstance(value, str):
        return Secret(value)
    if not isinstance(value, dict) or not isinstance(value.get("secret"), str):
        raise ValueError("a credential is a secret or {secret, token, expires}")  # noqa: TRY004  # the same
    expires = value.get("expires")
    if isinstance(expires, str):
        expires = datetime.fromisoformat(expires.replace("Z", "+00:00")).timestamp()
    return Secret(value["secret"], str(value.get("token") or ""), expires)
