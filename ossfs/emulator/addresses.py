"""
Which bucket and key a request means.

`BUCKET.endpoint` is a virtual host, a bound host name a bucket, anything else the endpoint
itself, where the first path segment is the bucket ("path style").
"""

import ipaddress
import re
from functools import lru_cache

from ossfs.emulator.refusals import Refused
from ossfs.emulator.settings import Settings

# Real endpoints, for clients that are sent here through a proxy setting or /etc/hosts.
_SERVICE = re.compile(
    r"(?:(?P<bucket>[^.]+)\.)?(?:oss-[a-z0-9-]+\.aliyuncs\.com"
    r"|tos-[a-z0-9-]+\.i?volces\.com"
    r"|s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com)"
)


def resolve(host: str, path: str, settings: Settings) -> tuple[str, str]:
    """Return bucket and key, each '' when the request names none."""
    name, is_endpoint = _bucket_of(_without_port(host).lower(), settings.domains)
    name = name or settings.cnames.get(_without_port(host).lower(), "")
    if name:
        return name, path[1:]
    bucket, _, key = path[1:].partition("/")
    if key and is_endpoint and not settings.path_style:
        raise Refused(
            "SecondLevelDomainForbidden",
            "Please use virtual hosted style to access.",
            HostId=host,
        )
    return bucket, key


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


@lru_cache(maxsize=256)
def _bucket_of(host: str, domains: tuple[str, ...]) -> tuple[str, bool]:
    """Return the bucket in the host name, and whether the name is a known endpoint."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return "", False
    for domain in domains:
        if host == domain:
            return "", domain != "localhost"
        if host.endswith("." + domain):
            return host[: -len(domain) - 1], True
    match = _SERVICE.fullmatch(host)
    return (match.group("bucket") or "", True) if match else ("", False)
