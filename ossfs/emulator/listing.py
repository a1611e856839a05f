"""
Pages of keys, in UTF-8 byte order, grouped by a delimiter.

One page costs its own length, not the bucket's: rows are read from the index, and when a
second key of a group shows up, the scan jumps behind the group instead of through it.

Threads: the event loop's thread only.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from ossfs.emulator.storage import Storage

Item = TypeVar("Item")


class Listed(NamedTuple):
    """One object in a listing."""

    key: bytes
    size: int
    etag: str
    kind: str
    storage_class: str
    modified_ns: int
    crc: str
    sums: str
    headers: str


class ListedUpload(NamedTuple):
    """One upload in a listing."""

    key: bytes
    id: str
    storage_class: str
    created_ns: int


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Items and groups, in order; `last` is where the next page goes on, if truncated."""

    items: list[Item]
    groups: list[bytes]
    truncated: bool
    last: bytes


Scan = Callable[[bytes], Iterator[tuple[bytes, Item]]]
"""Rows with their keys, from a key on (inclusive)."""


def objects(
    storage: Storage, bucket: str, prefix: bytes, after: bytes, delimiter: bytes, limit: int
) -> Page[Listed]:
    """Return a page of objects whose keys begin with `prefix` and lie behind `after`."""

    def scan(start: bytes) -> Iterator[tuple[bytes, Listed]]:
        rows = storage.db.execute(
            "SELECT key, size, etag, kind, storage_class, modified_ns, crc, sums, headers "
            "FROM objects WHERE bucket=? AND key>=? ORDER BY key",
            (bucket, start),
        )
        return ((row[0], Listed(*row)) for row in rows)

    return _page(scan, _first(prefix, after, delimiter), prefix, delimiter, limit)


def uploads(
    storage: Storage,
    bucket: str,
    prefix: bytes,
    after: tuple[bytes, str],
    delimiter: bytes,
    limit: int,
) -> Page[ListedUpload]:
    """Return a page of uploads behind the one of key and id `after` (id '': any of the key)."""
    after_key, after_id = after
    start = max(after_key, prefix) if after_id else _first(prefix, after_key, delimiter)

    def scan(start: bytes) -> Iterator[tuple[bytes, ListedUpload]]:
        rows = storage.db.execute(
            "SELECT key, id, storage_class, created_ns FROM uploads "
            "WHERE bucket=? AND key>=? ORDER BY key, id",
            (bucket, start),
        )
        return (
            (row[0], ListedUpload(*row))
            for row in rows
            if not (after_id and row[0] == after_key and row[1] <= after_id)
        )

    return _page(scan, start, prefix, delimiter, limit)


def behind(prefix: bytes) -> bytes:
    """Return the first key behind all that begin with `prefix` (UTF-8 has no 0xFF)."""
    return prefix[:-1] + bytes([prefix[-1] + 1])


def _first(prefix: bytes, after: bytes, delimiter: bytes) -> bytes:
    if not after or after < prefix:
        return prefix
    rest = after[len(prefix) :] if after.startswith(prefix) else b""
    end = rest.find(delimiter) if delimiter else -1
    if end >= 0 and end + len(delimiter) == len(rest):  # a group: all of it lies before
        return behind(after)
    return after + b"\0"


def _page(
    scan: Scan[Item], start: bytes, prefix: bytes, delimiter: bytes, limit: int
) -> Page[Item]:
    items: list[Item] = []
    groups: list[bytes] = []
    last = b""
    rows = scan(start)
    while True:
        key, item = next(rows, (None, None))
        if key is None or item is None or not key.startswith(prefix):
            return Page(items, groups, truncated=False, last=last)
        if groups and key.startswith(groups[-1]):
            rows = scan(behind(groups[-1]))
            continue
        if len(items) + len(groups) == limit:
            return Page(items, groups, truncated=True, last=last)
        end = key.find(delimiter, len(prefix)) if delimiter else -1
        if end < 0:
            items.append(item)
            last = key
        else:
            last = key[: end + len(delimiter)]
            groups.append(last)
