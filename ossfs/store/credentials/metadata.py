"""
Credentials of the role that a cloud server (ECS) has, from its metadata service.

The service answers inside the server only. Its hardened mode, in which a token has to be
fetched by a PUT before anything is told, is tried first; the plain mode is the fallback
where the service does not know the hardened one, and can be ruled out.

Source: "Instance RAM roles" and "Access instance metadata" in the ECS documentation.

Threads: any; nothing is shared.
"""

from dataclasses import dataclass
from urllib.parse import quote

from ossfs.errors import InvalidCredentials, Unreachable
from ossfs.store.api import NOTHING
from ossfs.store.credentials.asking import Ask, Told
from ossfs.store.credentials.issued import issued
from ossfs.store.credentials.values import Credentials

ADDRESS = "http://100.100.100.200"
ROLES = "/latest/meta-data/ram/security-credentials/"
_TOKEN_TTL_S = 180
_OK, _NOT_FOUND, _SERVER_FAULT = 200, 404, 500
_NOT_KNOWN = frozenset({400, 403, 404, 405, 501})
"""What a service answers to the PUT that does not have the hardened mode."""


@dataclass(frozen=True, slots=True)
class RamRole:
    """The role of this server; without a `name`, the one that the service tells."""

    ask: Ask
    name: str = ""
    address: str = ADDRESS
    only_hardened: bool = False

    def get(self) -> Credentials:
        """Ask the service. InvalidCredentials, Transient."""
        headers = self._token()
        name = self.name or self._told(headers, "").text.strip().partition("\n")[0]
        if not name:
            raise InvalidCredentials("this server has no RAM role", operation="credentials")
        text = self._told(headers, quote(name, safe="")).text
        return issued(text, f"the metadata service, asked for the RAM role {name},")

    def _token(self) -> dict[str, str]:
        asked = {"x-aliyun-ecs-metadata-token-ttl-seconds": str(_TOKEN_TTL_S)}
        told = self.ask("PUT", f"{self.address}/latest/api/token", headers=asked)
        if told.status == _OK:
            return {"x-aliyun-ecs-metadata-token": told.text}
        if told.status in _NOT_KNOWN and not self.only_hardened:
            return dict(NOTHING)
        raise _refused("its token", told)

    def _told(self, headers: dict[str, str], name: str) -> Told:
        told = self.ask("GET", f"{self.address}{ROLES}{name}", headers=headers)
        if told.status == _NOT_FOUND:
            role = f"the RAM role {name}" if name else "a RAM role"
            raise InvalidCredentials(f"this server does not have {role}", operation="credentials")
        if told.status != _OK:
            raise _refused(name or "its RAM role", told)
        return told


def _refused(what: str, told: Told) -> Exception:
    message = f"the metadata service answered {told.status} when asked for {what}"
    if told.status >= _SERVER_FAULT:
        return Unreachable(message, operation="credentials")
    return InvalidCredentials(message, operation="credentials")
