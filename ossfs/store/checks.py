"""
What every store of this package refuses before it does anything.

Raised here rather than by the server, so that a name or header that HTTP would bend
(a line break, a byte that is not ASCII) never reaches the wire.

Threads: pure functions.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TypedDict

from ossfs.errors import InvalidName, InvalidRequest, NotSupported
from ossfs.store.api import STANDARD_HEADERS, Headers, Limits


class Where(TypedDict):
    """Where an error happened, as `StoreError` takes it."""

    operation: str
    bucket: str
    key: str
    status: int


_WORD = re.compile(r"[a-zA-Z0-9_-]*")
_PRINTABLE = re.compile(r"[\x20-\x7e\t]*")


def check_key(key: str, limits: Limits) -> None:
    """Raise InvalidName unless `key` can name an object (OSS: "Object naming")."""
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise InvalidName("the key is not valid UTF-8", key=key) from None
    if not 1 <= size <= limits.max_key:
        raise InvalidName(f"a key has 1 to {limits.max_key} bytes, not {size}", key=key)
    if key[0] in limits.refused_first:
        raise InvalidName(f"a key must not begin with {key[0]!r}", key=key)


def check_headers(key: str, headers: Headers, limits: Limits) -> None:
    """Raise InvalidRequest unless `headers` can be sent and stored with the object `key`."""
    if headers.content_type is not None and not _PRINTABLE.fullmatch(headers.content_type):
        raise InvalidRequest("the content type is not printable ASCII", key=key)
    for name, value in headers.standard.items():
        if name not in STANDARD_HEADERS or not _PRINTABLE.fullmatch(value):
            raise InvalidRequest(f"{name!r} is no such header, or not printable ASCII", key=key)
    if not _WORD.fullmatch(headers.storage_class):
        raise InvalidRequest(f"not a storage class: {headers.storage_class!r}", key=key)
    check_metadata(key, headers.metadata, limits)


def check_metadata(key: str, metadata: Mapping[str, str], limits: Limits) -> None:
    """Raise InvalidRequest unless `metadata` fits into headers and under the store's limit."""
    size = 0
    for name, value in metadata.items():
        if not _is_metadata_name(name, limits.metadata_marks):
            raise InvalidRequest(f"not a name of user metadata: {name!r}", key=key)
        if not _PRINTABLE.fullmatch(value):
            raise InvalidRequest(f"user metadata {name!r} is not printable ASCII", key=key)
        size += len(name) + len(value)
    if size > limits.max_metadata:
        raise InvalidRequest(
            f"user metadata of {size} bytes, the store takes {limits.max_metadata}", key=key
        )


@lru_cache(maxsize=1024)
def _is_metadata_name(name: str, marks: str) -> bool:
    return bool(name) and name.isascii() and all(c.isalnum() or c in marks for c in name)


def check_part_number(key: str, number: int, limits: Limits) -> None:
    """Raise InvalidRequest unless `number` can be a part's."""
    if not 1 <= number <= limits.max_parts:
        raise InvalidRequest(f"part number {number} is not 1 to {limits.max_parts}", key=key)


def require(capability: object, what: str, key: str) -> None:
    """Raise NotSupported unless the store is known to be able to do `what`."""
    if not capability:
        raise NotSupported(f"this store has no {what}", key=key)
