"""
The URL of what is mounted: a store, a bucket, perhaps a folder of it.

Threads: pure functions and values.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ossfs.errors import InvalidOption


class _Rule(NamedTuple):
    """How buckets of a store are named."""

    pattern: re.Pattern[str]
    words: str


_HYPHENS = _Rule(
    re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"),
    "3 to 63 lower-case letters, digits and hyphens, no hyphen at either end",
)
_DOTS = _Rule(
    re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"),
    "3 to 63 lower-case letters, digits, hyphens and single dots, and no IP address",
)
RULES: Mapping[str, _Rule] = {"oss": _HYPHENS, "tos": _HYPHENS, "s3": _DOTS}


@dataclass(frozen=True, slots=True)
class BucketUrl:
    """What is mounted; `prefix` is empty or ends in a slash."""

    scheme: str
    bucket: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.prefix}".rstrip("/")


def parse_url(text: str) -> BucketUrl:
    """
    Read `SCHEME://BUCKET[/PREFIX]`; the prefix is a folder, a slash at its end is optional.

    The scheme is oss, tos or s3, and its rules hold for the bucket's name. InvalidOption.
    """
    match = re.fullmatch(r"([a-z0-9]+)://([^/]*)/?(.*)", text, re.DOTALL)
    if match is None:
        raise InvalidOption(f"{text!r} is not a bucket; write oss://BUCKET or oss://BUCKET/PREFIX")
    scheme, bucket, prefix = match.groups()
    rule = RULES.get(scheme)
    if rule is None:
        known = ", ".join(f"{name}://" for name in RULES)
        raise InvalidOption(f"{text!r}: {scheme}:// is not one of {known}")
    if not rule.pattern.fullmatch(bucket) or _is_ip(bucket):
        raise InvalidOption(f"{text!r}: {bucket!r} is not a bucket name ({rule.words})")
    prefix = prefix.rstrip("/")
    if prefix and any(part in {"", ".", ".."} for part in prefix.split("/")):
        raise InvalidOption(f"{text!r}: the prefix has a part that cannot be a folder's name")
    return BucketUrl(scheme, bucket, f"{prefix}/" if prefix else "")


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
