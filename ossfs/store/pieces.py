"""
An object that comes in pieces because answers were cut short.

Threads: belongs to one operation in one thread.
"""

from ossfs.crc64 import crc64
from ossfs.errors import ChecksumMismatch
from ossfs.extents import Extent
from ossfs.store.api import CutShort, Fetched, ObjectInfo


class Pieces:
    """What has come of an extent so far, all of one version."""

    def __init__(self, extent: Extent | None) -> None:
        self._extent = extent
        self._received: list[memoryview] = []
        self._size = 0
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
        if short.received:
            self._received.append(short.received)
            self._size += len(short.received)
            self.etag = short.info.etag

    def joined(self, info: ObjectInfo, data: bytes | bytearray | memoryview) -> Fetched:
        """Return everything, the last piece being `data`. ChecksumMismatch."""
        if not self._received:
            return Fetched(info, data)
        whole = b"".join([*self._received, data])
        if len(whole) == info.size and info.crc64 not in {None, crc64(whole)}:
            raise ChecksumMismatch("the joined pieces are not the object", key=info.key)
        return Fetched(info, whole)
