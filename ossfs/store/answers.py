"""
What the head of an answer says: an object's description, or which error it was.

Threads: pure functions.
"""

import base64
import binascii
import re
from collections.abc import Mapping

from ossfs import errors
from ossfs.store.api import STANDARD_HEADERS, ObjectInfo
from ossfs.store.dialects.base import Call, Dialect, ErrorBody
from ossfs.store.times import http_time_ns

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")

_BY_STATUS: Mapping[int, type[errors.StoreError]] = {
    203: errors.CallbackFailed,
    401: errors.AccessDenied,
    403: errors.AccessDenied,
    405: errors.NotSupported,
    408: errors.TimedOut,
    409: errors.Conflict,
    412: errors.PreconditionFailed,
    416: errors.RangeNotSatisfiable,
    429: errors.Throttled,
    501: errors.NotSupported,
    503: errors.Throttled,
    507: errors.QuotaExceeded,
}


GONE = frozenset({404, 405})
"""With these a delete marker is answered: as the newest version, and when it is asked for."""


def described(key: str, size: int, headers: Mapping[str, str], dialect: Dialect) -> ObjectInfo:
    """Return the description of an object of `size` bytes. ValueError: not readable."""
    get, prefix, read = headers.get, dialect.prefix, dialect.words.metadata_read
    meta = f"{prefix}meta-"
    lower = [(name.lower(), value) for name, value in headers.items()]
    return ObjectInfo(
        key=key,
        size=size,
        etag=etag_of(headers),
        modified_ns=http_time_ns(headers["last-modified"]),
        content_type=get("content-type", ""),
        metadata={name[len(meta) :]: read(text) for name, text in lower if name.startswith(meta)},
        crc64=crc_of(headers, dialect),
        storage_class=get(f"{prefix}storage-class", ""),
        object_type=get(f"{prefix}object-type", ""),
        version_id=get(f"{prefix}version-id"),
        restore=get(f"{prefix}restore", ""),
        standard={name: value for name, value in lower if name in STANDARD_HEADERS},
    )


def etag_of(headers: Mapping[str, str]) -> str:
    """Return the ETag without its quotes; empty: none."""
    return headers.get("etag", "").strip('"')


def crc_of(headers: Mapping[str, str], dialect: Dialect) -> int | None:
    """Return the CRC-64 of the whole object; None: the store has none. ValueError."""
    name = dialect.checksum.crc64_header
    text = headers.get(name) if name else None
    return int(text) if text else None


def content_range(headers: Mapping[str, str]) -> tuple[int, int, int]:
    """Return start, stop and total size that a 206 tells. ValueError: it does not."""
    found = _CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
    if found is None:
        raise ValueError(f"not a Content-Range: {headers.get('content-range')!r}")
    return int(found[1]), int(found[2]) + 1, int(found[3])


def error_of(
    dialect: Dialect, call: Call, status: int, headers: Mapping[str, str], body: bytes
) -> errors.StoreError:
    """Return the error that an answer stands for."""
    said = dialect.codec.error(body or _hidden_body(headers, dialect)) or ErrorBody()
    known = dialect.own_errors.get((call.operation, said.code)) or dialect.errors.get(said.code)
    error_class = _considered(known or _class_of(status, call), known, dialect, call, said.detail)
    token = call.headers.get(f"{dialect.prefix}security-token", "")
    message = _without(token, said.message or _plain_message(status, headers))
    if status in GONE and headers.get(f"{dialect.prefix}delete-marker") == "true":
        error_class, message = errors.NoSuchKey, f"it is a delete marker; {message}".strip("; ")
    error: errors.StoreError
    end = headers.get(f"{dialect.prefix}{dialect.words.next_position}")
    if end is not None and call.operation == "append" and error_class is errors.Conflict:
        error_class = errors.PositionMismatch  # TOS does not document its code
    if error_class is errors.PositionMismatch:
        position = int(end or 0)
        error = errors.PositionMismatch(message, next_position=position)
    else:
        error = error_class(message)
    error.operation, error.bucket, error.key = call.operation, call.bucket, call.key
    error.status, error.code = status, said.code
    error.detail = _without(token, said.detail)
    error.request_id = said.request_id or headers.get(f"{dialect.prefix}request-id", "")
    if isinstance(error, errors.Transient):
        error.retry_after_s = _wish(headers, dialect.prefix)
    return error


def _considered(
    found: type[errors.StoreError],
    known: type[errors.StoreError] | None,
    dialect: Dialect,
    call: Call,
    detail: str,
) -> type[errors.StoreError]:
    """
    Return `found`, or what it means for a request that forbade to overwrite.

    S3 says so by `If-None-Match: *` and refuses as it does for every other condition; of
    two, the body names the one that failed. TOS does not document the code of its 409.
    """
    name, value = dialect.words.forbid_overwrite
    if call.headers.get(name) != value:
        return found
    if found is errors.PreconditionFailed and name == "if-none-match":
        other = f"{dialect.prefix}copy-source-if-match"
        return found if other in call.headers and other in detail.lower() else errors.AlreadyExists
    return errors.AlreadyExists if found is errors.Conflict and known is None else found


def _without(token: str, text: str) -> str:
    """Hide the session token: what was signed comes back with a wrong signature (S3: in hex)."""
    if not token:
        return text
    return text.replace(token, "***").replace(token.encode().hex(" "), "***")


def _class_of(status: int, call: Call) -> type[errors.StoreError]:
    if status == 404:  # noqa: PLR2004  # like the table's
        return errors.NoSuchKey if call.key else errors.NoSuchBucket
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return errors.ServerFault if status >= 500 else errors.InvalidRequest  # noqa: PLR2004  # the same


def _hidden_body(headers: Mapping[str, str], dialect: Dialect) -> bytes:
    """Return the body of an error to HEAD, which comes as Base64 in a header."""
    try:
        return base64.b64decode(headers.get(f"{dialect.prefix}err", ""))
    except binascii.Error:
        return b""


def _plain_message(status: int, headers: Mapping[str, str]) -> str:
    if 300 <= status < 400 and "location" in headers:  # noqa: PLR2004  # redirects, not followed
        return f"the store redirects to {headers['location']}; is that the endpoint?"
    return ""


def _wish(headers: Mapping[str, str], prefix: str) -> float | None:
    """Return the seconds that the store wants to be left alone; None: it does not say."""
    try:
        if f"{prefix}qos-delay-time" in headers:
            return int(headers[f"{prefix}qos-delay-time"]) / 1000
        wish = float(headers["retry-after"])
    except (KeyError, ValueError):
        return None
    return max(wish, 0.0)
