"""
Where a bucket is: from what the user calls an endpoint to host, path and region.

Stores are addressed in three styles: the bucket in the host name (the usual one), in the
path (test servers, which are reached by an IP address or a bare name), or nowhere, when a
domain is bound to one bucket (CNAME).

Threads: values and pure functions.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from ossfs.errors import InvalidOption

Style: TypeAlias = Literal["virtual", "path", "cname"]

_PORTS = {"https": 443, "http": 80}
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_REGION = re.compile(
    r"(?:.*\.|vpc100-)?oss-(?P<region>[a-z]{2}-[a-z0-9-]+?)(?:-internal)?\.aliyuncs\.com"
    r"|(?:.*\.)?(?P<dual>[a-z]{2}-[a-z0-9-]+?)\.oss\.aliyuncs\.com"
)


class Origin(NamedTuple):
    """Where connections go to; an IPv6 address stands without brackets."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The value of the Host header: no port when it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS.get(self.scheme) else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


class Address(NamedTuple):
    """Where one bucket is: the origin, and what stands before the key in the path."""

    origin: Origin
    prefix: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A service that keeps buckets, and the style in which it is told the bucket."""

    origin: Origin
    style: Style

    def __str__(self) -> str:
        return str(self.origin)

    @property
    def region(self) -> str | None:
        """The region that the host name tells (`cn-hangzhou`); None: it does not."""
        return region_of(self.origin.host)

    def address(self, bucket: str) -> Address:
        """Return where `bucket` is."""
        if self.style == "path":
            return Address(self.origin, f"/{bucket}/")
        if self.style == "virtual":
            return Address(self.origin._replace(host=f"{bucket}.{self.origin.host}"), "/")
        return Address(self.origin, "/")


def parse_endpoint(text: str, *, style: Style | None = None) -> Endpoint:
    """
    Read an endpoint as a user writes it: `[https://]host[:port]`.

    Without a scheme it is https. Without a `style` it is "path" for an IP address or a name
    of one label (localhost), which can carry no bucket in front, and "virtual" otherwise.
    InvalidOption when it cannot be an endpoint.
    """
    written = text.strip()
    if not (written.isascii() and written.isprintable()):  # urlsplit would drop line breaks
        raise InvalidOption(f"not an endpoint: {text!r}: write it in printable ASCII")
    try:
        parts = urlsplit(written if "://" in written else f"https://{written}")
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise InvalidOption(f"not an endpoint: {text!r}: {error}") from error
    if parts.scheme not in _PORTS:
        raise InvalidOption(f"not an endpoint: {text!r}: the scheme is neither http nor https")
    if not (_is_ip(host) or _HOST.fullmatch(host)):
        raise InvalidOption(f"not an endpoint: {text!r}: no such host name can be")
    if parts.path not in {"", "/"} or parts.query or parts.fragment or parts.username is not None:
        raise InvalidOption(f"not an endpoint: {text!r}: give only scheme, host and port")
    origin = Origin(parts.scheme, host, _PORTS[parts.scheme] if port is None else port)
    return Endpoint(origin, style or ("path" if _is_ip(host) or "." not in host else "virtual"))


def region_of(host: str) -> str | None:
    """Return the region in the name of one of OSS's own endpoints, internal ones too."""
    found = _REGION.fullmatch(host.lower())
    return found and (found["region"] or found["dual"])


def endpoint_of(region: str, *, internal: bool = False) -> Endpoint:
    """Return OSS's endpoint of a region (`cn-hangzhou`), the one inside the cloud if asked."""
    inside = "-internal" if internal else ""
    return parse_endpoint(f"oss-{region.removeprefix('oss-')}{inside}.aliyuncs.com")


def is_loopback(host: str) -> bool:
    """Say whether `host` is this machine, which no proxy could reach for us."""
    if _is_ip(host):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
