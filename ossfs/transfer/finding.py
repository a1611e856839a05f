"""
An upload at the store of which nothing is remembered here.

Its parts tell how large they are, and their checksums whether they are pieces of the file.

Threads: pure functions, but for requests and reading the file.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from ossfs.errors import NoSuchUpload
from ossfs.extents import Extent
from ossfs.store.api import Body, ObjectStore, Part
from ossfs.transfer.checkpoints import Unusable
from ossfs.transfer.opening import list_all_parts
from ossfs.transfer.pieces import SentPiece
from ossfs.transfer.plans import check_parts


class Found(NamedTuple):
    """An upload of the file, and the size of its parts."""

    upload_id: str
    part_size: int
    held: int
    """Bytes that it has."""


def find_upload(
    store: ObjectStore, key: str, size: int, body: Callable[[Extent], Body]
) -> Found | None:
    """
    Return the upload of `key` that has the most of a file of `size` bytes; None: there is none.

    Its first and last parts are compared with the file. What others began for the same key,
    with other bytes or parts, is left alone.
    """
    best: Found | None = None
    for upload_id in _uploads_of(store, key):
        try:
            parts = list(list_all_parts(store, key, upload_id))
        except NoSuchUpload:
            continue
        part_size = _part_size(parts, size, store)
        if part_size is None or not _are_of(body, part_size, size, [parts[0], parts[-1]]):
            continue
        found = Found(upload_id, part_size, sum(part.size for part in parts))
        if best is None or found.held > best.held:
            best = found
    return best


def _uploads_of(store: ObjectStore, key: str) -> Iterator[str]:
    marker = None
    while True:
        page = store.list_uploads(key, marker=marker)
        yield from (one.upload_id for one in page.uploads if one.key == key)
        marker = page.next_marker
        if marker is None:
            return


def _part_size(parts: Sequence[Part], size: int, store: ObjectStore) -> int | None:
    """Return the size of the parts into which all of these fit; None: there is none."""
    if not parts:
        return None
    part_size = max(part.size for part in parts)
    try:
        check_parts(part_size, size, store.limits)
    except Unusable:
        return None
    fits = all(part.size == _extent(part.number, part_size, size).size for part in parts)
    return part_size if fits else None


def _extent(number: int, part_size: int, size: int) -> Extent:
    start = min((number - 1) * part_size, size)
    return Extent(start, min(start + part_size, size))


def _are_of(
    body: Callable[[Extent], Body], part_size: int, size: int, parts: Sequence[Part]
) -> bool:
    for part in parts:
        extent = _extent(part.number, part_size, size)
        piece = SentPiece(part.number, extent, partial(body, extent))
        if part.crc64 is not None and part.crc64 != piece.local_crc64():
            return False
        if part.crc64 is None and part.etag.lower() != piece.local_md5():
            return False
    return True
