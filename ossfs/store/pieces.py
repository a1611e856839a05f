"""
An object that comes in pieces because answers were cut short.

Threads: belongs to one operation in one thread.
"""

from ossfs.crc64 import combine
from ossfs.errors import ChecksumMismatch
from ossfs.extents import Extent
from ossfs.store.api import CutShort, Fetched


class Pieces:
    """How much has come of an extent so far, all of one version."""

    def __init__(self, extent: Extent | None) -> None:
        self._extent = extent
        self._size = 0
        self._crc64: int | None = 0
        self.etag: str | None = None
        """The version's; None: nothing has come."""

    @property
    def missing(self) -> Extent | None:
        """What is to be asked for."""
        if not self._size:
            return self._extent
        if self._extent is None:
            return Extent(self._size, 1 << 62)
        return Extent(self._extent.start + self._size, self._extent.stop)

    def add(self, short: CutShort) -> None:
        """Take note of what came."""
        if short.size:
            self._count(short.size, short.crc64)
            self.etag = short.info.etag

    def _count(self, size: int, crc64: int | None) -> None:
        self._size += size
        if self._crc64 is not None:
            self._crc64 = None if crc64 is None else combine(self._crc64, crc64, size)

    def crc64_with(self, last: Fetched) -> int | None:
        """Return the CRC-64 of everything, `last` being the last piece. ChecksumMismatch."""
        rest = self.missing
        if not self._size or rest is None:
            return last.crc64
        info = last.info
        self._count(rest.clip(Extent(0, info.size)).size, last.crc64)
        is_known = self._size == info.size and None not in {info.crc64, self._crc64}
        if is_known and info.crc64 != self._crc64:
            raise ChecksumMismatch("the joined pieces are not the object", key=info.key)
        return self._crc64
