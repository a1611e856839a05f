"""
Times as OSS writes them; whole seconds everywhere.

XML has ISO 8601 with the fraction `.000`, which one SDK matches literally; headers have
HTTP dates; V4 signatures have the basic form.
"""

from datetime import datetime, timezone
from email.utils import formatdate
from functools import lru_cache


def iso(seconds: float) -> str:
    """Return `YYYY-MM-DDTHH:MM:SS.000Z`."""
    when = datetime.fromtimestamp(int(seconds), timezone.utc)
    return when.strftime("%Y-%m-%dT%H:%M:%S.000Z")


@lru_cache(maxsize=1024)
def http(seconds: int) -> str:
    """Return an HTTP date."""
    return formatdate(seconds, usegmt=True)


@lru_cache(maxsize=1024)
def basic_seconds_of(text: str) -> int | None:
    """Return the unix seconds of `YYYYMMDDTHHMMSSZ`; None when it is something else."""
    try:
        when = datetime.strptime(text, "%Y%m%dT%H%M%SZ")  # noqa: DTZ007  # the Z is literal
    except ValueError:
        return None
    return int(when.replace(tzinfo=timezone.utc).timestamp())
