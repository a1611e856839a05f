"""
An object that comes in pieces because answers were cut short.

Threads: belongs to one operation in one thread.
"""

from ossfs.crc64 import combine
from ossfs.errors import ChecksumMismatch
from ossfs.extents import Extent
from ossfs.store.api import CutShort, Fetched


class Pieces:
    """What has come of an extent so far, all of one version."""

    def __init__(self, extent: Extent | None) -> None:
        self._extent = extent
        self._received: list[memoryview] = []
        self._size = 0
        self._crc64: int | None = 0
        self.etag: str | None = None

    @property
    def missing(self) -> Extent | None:
        """What is to be asked for."""
        if not self._size:
            return self._extent
        if self._extent is None:
            return Extent(self._size, 1 << 62)
        return Extent(self._extent.start + self._size, self._extent.stop)

    def add(self, short: CutShort) -> None:
        """Keep what came."""
        if short.size:
            self._received.append(short.received)
            self._count(short.size, short.crc64)
            self.etag = short.info.etag

    def _count(self, size: int, crc64: int | None) -> None:
        self._size += size
        if self._crc64 is not None:
            self._crc64 = None if crc64 is None else combine(self._crc64, crc64, size)

    def joined(self, last: Fetched) -> Fetched:
        """Return everything, `last` being the last piece. ChecksumMismatch."""
        if not self._received:
            return last
        info = last.info
        rest = self.missing
        assert rest is not None  # noqa: S101  # something came, so that it has a start
        self._count(rest.clip(Extent(0, info.size)).size, last.crc64)
        is_known = self._size == info.size and None not in {info.crc64, self._crc64}
        if is_known and info.crc64 != self._crc64:
            raise ChecksumMismatch("the joined pieces are not the object", key=info.key)
        return Fetched(info, b"".join([*self._received, last.data]), self._crc64)
