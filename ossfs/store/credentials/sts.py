"""
Credentials of a role, for an hour, from Alibaba Cloud's Security Token Service (STS).

`AssumeRole` exchanges credentials that we have; `AssumeRoleWithOidc` a token that a cluster
puts into a file (RRSA). Two calls and one signature: the official package would bring an
HTTP client, a scheduler and threads of its own past our proxy, certificates and time-outs.

Source: "AssumeRole", "AssumeRoleWithOIDC" and "Request syntax and signature method V2 for
RPC-style API calls" in the documentation.

Threads: any; nothing is shared.
"""

import base64
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from ossfs.clock import Clock
from ossfs.errors import InvalidCredentials, InvalidOption, ServerFault
from ossfs.store.credentials.asking import Ask
from ossfs.store.credentials.issued import issued
from ossfs.store.credentials.values import Credentials, CredentialsProvider, Secret

ENDPOINT = "https://sts.aliyuncs.com"
SESSION = "ossfs"
_SERVER_FAULT = 500
_REFUSED = 400


@dataclass(frozen=True, slots=True)
class Role:
    """Which role, and for whom."""

    arn: str
    """`acs:ram::ACCOUNT:role/NAME`."""
    session: str = SESSION
    """The name under which the role's owner sees us in the logs."""
    endpoint: str = ENDPOINT
    duration_s: int = 3600
    """900 to what the role allows, by default an hour."""
    external_id: str = ""


@dataclass(frozen=True, slots=True)
class AssumeRole:
    """The credentials of a role that `base` may take on."""

    ask: Ask
    role: Role
    base: CredentialsProvider
    clock: Clock

    def get(self) -> Credentials:
        """Ask STS; again, if it refuses a base that can be renewed. As any source."""
        base = self.base.get()
        try:
            return self._assumed(base)
        except InvalidCredentials:
            if not self.base.invalidate(base):
                raise
            return self._assumed(self.base.get())

    def _assumed(self, base: Credentials) -> Credentials:
        given = {"ExternalId": self.role.external_id} if self.role.external_id else {}
        query = _common("AssumeRole", self.role, self.clock) | given
        query |= {
            "AccessKeyId": base.key_id,
            "SignatureMethod": "HMAC-SHA1",
            "SignatureVersion": "1.0",
            "SignatureNonce": secrets.token_hex(16),
        }
        if base.token:
            query["SecurityToken"] = base.token
        query["Signature"] = signature("POST", query, base.secret)
        return _issued(self.ask, self.role, query)


@dataclass(frozen=True, slots=True)
class AssumeRoleWithOidc:
    """The credentials of a role that the bearer of the token in a file may take on."""

    ask: Ask
    role: Role
    provider_arn: str
    token_file: Path
    clock: Clock

    def get(self) -> Credentials:
        """Read the token anew, for it is replaced in time, and ask STS. As `AssumeRole.get`."""
        try:
            token = Secret(self.token_file.read_text(encoding="utf-8").strip())
        except (OSError, UnicodeDecodeError) as error:
            kind = getattr(error, "strerror", None) or "not UTF-8"
            raise InvalidOption(f"cannot read the OIDC token {self.token_file}: {kind}") from None
        query = _common("AssumeRoleWithOIDC", self.role, self.clock)
        query |= {"OIDCProviderArn": self.provider_arn, "OIDCToken": token}
        return _issued(self.ask, self.role, query)


def signature(method: str, query: Mapping[str, str], secret: str) -> Secret:
    """Return the signature of an RPC-style request."""
    pairs = "&".join(f"{_encoded(name)}={_encoded(query[name])}" for name in sorted(query))
    text = f"{method}&%2F&{_encoded(pairs)}"
    return Secret(
        base64.b64encode(hmac.digest(f"{secret}&".encode(), text.encode(), "sha1")).decode()
    )


def _encoded(text: str) -> str:
    return quote(text, safe="~")


def _common(action: str, role: Role, clock: Clock) -> dict[str, str]:
    now = time.gmtime(clock.now_ns() // 1_000_000_000)
    return {
        "Action": action,
        "Version": "2015-04-01",
        "Format": "JSON",
        "Timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", now),
        "RoleArn": role.arn,
        "RoleSessionName": role.session,
        "DurationSeconds": str(role.duration_s),
    }


def _issued(ask: Ask, role: Role, query: Mapping[str, str]) -> Credentials:
    told = ask(
        "POST",
        f"{role.endpoint}/",
        headers={"content-type": "application/x-www-form-urlencoded"},
        body=urlencode(query).encode(),
    )
    if told.status >= _REFUSED:
        what = f"STS answered {told.status} {_code(told.text)} when asked for {role.arn}"
        kind = ServerFault if told.status >= _SERVER_FAULT else InvalidCredentials
        raise kind(what, operation="credentials")
    return issued(told.text, "STS", "Credentials")


def _code(text: Secret) -> str:
    """Return the code of an error, and nothing else of it: messages repeat what was sent."""
    try:
        return str(json.loads(text)["Code"])[:100]
    except (ValueError, KeyError, TypeError):
        return ""
