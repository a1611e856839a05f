"""
Whether the bytes that were read of an object are those that were written.

No store tells the checksum of a range, only that of the whole object. So the sums of the
pieces are put together as they come, and when they cover the object, the result is compared
with what the store says: before the last piece is shown to anybody, which makes the last
read of a program like `cp` tell the truth about all of them.

When it differs, the pieces are fetched once more. If the new ones add up and nobody has
seen the wrong ones, these are replaced. Otherwise the version is `broken` for all who
have it open.

Threads: one lock guards the sums; `add` is called from the threads that fetch, and what it
asks for is done by one of them.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from ossfs.crc64 import combine
from ossfs.extents import Extent
from ossfs.store.api import Fetched

MAX_PIECES = 1 << 14
"""Pieces remembered, some 150 bytes each; objects of more (128 GiB) are not compared."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Difference:
    """What was read does not add up to the object."""

    pieces: tuple[tuple[Extent, int], ...]
    """All of them in order, with their CRCs."""
    ours: int
    theirs: int


class WholeSum:
    """The CRC-64 of a version of `size` bytes, from those of its pieces."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()  # guards all below
        self._pieces: dict[int, tuple[Extent, int]] = {}
        self._joined: list[tuple[Extent, int]] = []
        self._at = self._sum = 0
        self._theirs: int | None = None
        self.is_settled = False
        """Nothing will be compared any more."""
        self.is_doubted = False
        """It differs, and what comes of that is not decided yet."""

    def add(self, extent: Extent, crc64: int, theirs: int | None) -> Difference | None:
        """
        Take note of a piece; `theirs` is the object's own sum. None: nothing is wrong so far.

        A piece from disk comes without the object's sum (None): that of the others counts.
        Pieces may come in any order, and again. The caller who gets a `Difference` is the
        only one who does.
        """
        with self._lock:
            if self.is_settled or extent.start < self._at:
                return None
            self._pieces[extent.start] = extent, crc64
            self._theirs = self._theirs if theirs is None else theirs
            while (piece := self._pieces.pop(self._at, None)) is not None:
                self._join_locked(*piece)
            if len(self._pieces) + len(self._joined) > MAX_PIECES:
                log.debug("too many pieces to compare their sum with the object's")
                self._settle_locked()
                return None
            if self._at < self._size:
                return None
            found = None
            if self._theirs is not None and self._sum != self._theirs:
                found = Difference(tuple(self._joined), self._sum, self._theirs)
            self.is_doubted = found is not None
            self._settle_locked()
            return found

    def _join_locked(self, extent: Extent, crc64: int) -> None:
        self._joined.append((extent, crc64))
        self._sum = combine(self._sum, crc64, extent.size)
        self._at = extent.stop

    def _settle_locked(self) -> None:
        self.is_settled = True
        self._pieces.clear()
        self._joined.clear()


def reread(
    found: Difference, fetch: Callable[[Extent], Fetched]
) -> dict[Extent, memoryview] | None:
    """
    Fetch all pieces once more; return the bytes of those that were wrong.

    None: the object does not add up this time either. What `fetch` raises comes through.
    """
    total, right = 0, {}
    for extent, crc64 in found.pieces:
        again = fetch(extent)
        if again.crc64 is None:
            return None
        total = combine(total, again.crc64, extent.size)
        if again.crc64 != crc64:
            right[extent] = memoryview(again.data)
    return right if total == found.theirs else None
