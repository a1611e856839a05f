"""
Whether If-Match and its relatives let this version be read, or copied from.

Times are compared in whole seconds, as the headers carry them; an unreadable time is
ignored. ETags compare with or without their quotes.
"""

from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from ossfs.emulator.refusals import Refused


def seconds_of(text: str) -> int | None:
    """Return the unix seconds of an HTTP date or ISO 8601 time; None if it is neither."""
    for parse in (parsedate_to_datetime, _iso):
        try:
            when = parse(text)
        except (ValueError, TypeError, IndexError):
            continue
        if when.tzinfo is None:
            when = when.replace(tzinfo=timezone.utc)
        return int(when.timestamp())
    return None


def check(headers: Mapping[str, str], etag: str, modified_s: int, *, prefix: str = "") -> None:
    """
    Raise Refused (PreconditionFailed, NotModified) unless the conditions hold.

    `prefix` is put before the header names, for the conditions on a copy's source.
    """
    match = headers.get(prefix + "If-Match")
    if match is not None and not _names(match, etag):
        raise Refused("PreconditionFailed", Condition="If-Match")
    unmodified = _seconds(headers, prefix + "If-Unmodified-Since")
    if unmodified is not None and modified_s > unmodified:
        raise Refused("PreconditionFailed", Condition="If-Unmodified-Since")
    none_match = headers.get(prefix + "If-None-Match")
    if none_match is not None:
        if _names(none_match, etag):
            raise _not_modified(etag)
        return  # RFC 9110: the time does not count beside an ETag
    modified = _seconds(headers, prefix + "If-Modified-Since")
    if modified is not None and modified_s <= modified:
        raise _not_modified(etag)


def _not_modified(etag: str) -> Refused:
    return Refused("NotModified", headers={"ETag": f'"{etag}"'})  # RFC 9110: it says of what


def _iso(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _seconds(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name)
    return None if text is None else seconds_of(text)


def _names(header: str, etag: str) -> bool:
    wanted = [one.strip().strip('"') for one in header.split(",")]
    return "*" in wanted or etag in wanted
