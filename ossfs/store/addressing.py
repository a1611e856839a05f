"""
Where a bucket is: from what the user calls an endpoint to host, path and region.

Stores are addressed in three styles: the bucket in the host name (the usual one), in the
path (test servers, which are reached by an IP address or a bare name), or nowhere, when a
domain is bound to one bucket (CNAME).

How the services name their hosts: "Regions and endpoints" of OSS, TOS and Amazon S3.

Threads: values and pure functions.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from ossfs.errors import InvalidOption

Style: TypeAlias = Literal["virtual", "path", "cname"]

_PORTS = {"https": 443, "http": 80}
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_NAME = r"[a-z]{2,}-[a-z0-9-]+?"
_REGIONS = tuple(
    re.compile(pattern.replace("REGION", f"(?P<region>{_NAME})"))
    for pattern in (
        r"(?:.*\.|vpc100-)?oss-REGION(?:-internal)?\.aliyuncs\.com",
        r"(?:.*\.)?REGION\.oss\.aliyuncs\.com",  # dual stack
        r"(?:.*\.)?tos(?:-s3)?-REGION\.i?volces\.com",
        r"(?:.*\.)?s3(?:-fips)?[.-](?:dualstack\.)?REGION\.amazonaws\.com(?:\.cn)?",
    )
)
_WITHOUT_REGION = frozenset({"oss-accelerate.aliyuncs.com", "oss-accelerate-overseas.aliyuncs.com"})
_FIRST_OF_AWS = "us-east-1"
"""The region of s3.amazonaws.com."""


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
    """Return the region in the name of one of the services' own endpoints, internal ones too."""
    name = host.lower()
    if name == "s3.amazonaws.com" or name.endswith(".s3.amazonaws.com"):
        return _FIRST_OF_AWS
    if any(name == one or name.endswith(f".{one}") for one in _WITHOUT_REGION):
        return None
    found = (pattern.fullmatch(name) for pattern in _REGIONS)
    return next((match["region"] for match in found if match), None)


def endpoint_of(
    region: str, *, scheme: str = "oss", internal: bool = False, accelerate: bool = False
) -> Endpoint:
    """
    Return the endpoint of a region (`cn-hangzhou`) of OSS, TOS or S3, by the URL's scheme.

    `internal`: the one inside the cloud; `accelerate`: the one for transfer acceleration,
    which is the same for all regions. InvalidOption: the service has no such endpoint.
    """
    if internal and accelerate:
        raise InvalidOption("an endpoint is internal or accelerated, not both")
    if scheme not in _HOSTS or not re.fullmatch(r"[a-z0-9-]+", region):
        raise InvalidOption(f"{scheme}:// has no region {region!r}; give the endpoint")
    public, inside, accelerated = _HOSTS[scheme]
    host = accelerated if accelerate else inside if internal else public
    if host is None:
        kind = "accelerated" if accelerate else "internal"
        raise InvalidOption(f"{scheme}:// has no {kind} endpoints")
    host = host.format(region.removeprefix(f"{scheme}-"))
    if scheme == "s3" and region.startswith("cn-"):
        host = f"{host}.cn"
    return parse_endpoint(host)


_HOSTS: Mapping[str, tuple[str, str | None, str | None]] = {
    "oss": (
        "oss-{}.aliyuncs.com",
        "oss-{}-internal.aliyuncs.com",
        "oss-accelerate.aliyuncs.com",
    ),
    "tos": ("tos-{}.volces.com", "tos-{}.ivolces.com", None),
    "s3": ("s3.{}.amazonaws.com", None, "s3-accelerate.amazonaws.com"),
}
"""Public, internal and accelerated endpoint by scheme."""


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
