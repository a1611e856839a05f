"""
The two forms in which stores write times: that of headers and that of bodies.

Threads: pure functions.
"""

import re
from datetime import datetime, timezone
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache

_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?Z")


@lru_cache(maxsize=4096)
def iso_time_ns(text: str) -> int:
    """Return `2026-01-01T00:00:00.000Z` as nanoseconds since 1970; fractions are dropped."""
    found = _ISO.match(text)
    if found is None:
        raise ValueError(f"not a time: {text!r}")
    moment = datetime(*map(int, found.groups()), tzinfo=timezone.utc)  # type: ignore[misc,arg-type]  # six numbers
    return int(moment.timestamp()) * 1_000_000_000


@lru_cache(maxsize=4096)
def http_time_ns(text: str) -> int:
    """Return an HTTP date as nanoseconds since 1970. ValueError: it is none."""
    return int(parsedate_to_datetime(text).timestamp()) * 1_000_000_000


def http_date(time_ns: int) -> str:
    """Return a time as HTTP writes it, in whole seconds."""
    return formatdate(time_ns // 1_000_000_000, usegmt=True)
