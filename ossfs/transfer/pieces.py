"""
Where the bytes of a part come from: from here, or from an object the store has already.

Threads: a piece is used by one thread at a time.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from ossfs.extents import Extent
from ossfs.store.api import Body, ObjectStore, Part, pieces_of
from ossfs.store.resolving import crc_of_body, md5_of


class Piece(Protocol):
    """One part to be made."""

    @property
    def number(self) -> int:
        """The part's number, 1 to the store's limit."""
        ...

    @property
    def extent(self) -> Extent:
        """Where its bytes are in the object."""
        ...

    @property
    def size(self) -> int:
        """Bytes in the part."""
        ...

    def send(self, store: ObjectStore, key: str, upload_id: str) -> Part:
        """Make the part; one request (and those that fetch what is missing of it)."""
        ...

    def local_crc64(self) -> int | None:
        """Return the CRC-64 of the part's bytes as they are now; None: they are not local."""
        ...

    def local_md5(self) -> str | None:
        """Return their MD5, in lower case; None: they are not local."""
        ...


@dataclass(frozen=True, slots=True)
class SentPiece:
    """A part whose bytes are sent from here."""

    number: int
    extent: Extent
    open_body: Callable[[], Body]
    """Makes every byte local, then gives them."""

    @property
    def size(self) -> int:
        """Bytes in the part."""
        return self.extent.size

    def send(self, store: ObjectStore, key: str, upload_id: str) -> Part:
        """Send the bytes."""
        return send_part(store, key, upload_id, self.number, self.open_body())

    def local_crc64(self) -> int | None:
        """Read the bytes and return their CRC-64."""
        return crc_of_body(self.open_body())

    def local_md5(self) -> str:
        """Read the bytes and return their MD5."""
        return md5_of(pieces_of(self.open_body()))


@dataclass(frozen=True, slots=True)
class CopiedPiece:
    """A part that the store copies from a range of an object it already has."""

    number: int
    extent: Extent
    source: str
    etag: str

    @property
    def size(self) -> int:
        """Bytes in the part."""
        return self.extent.size

    def send(self, store: ObjectStore, key: str, upload_id: str) -> Part:
        """Have the range copied, if the source still is that version."""
        part = store.copy_part(
            key, upload_id, self.number, self.source, self.extent, if_match=self.etag
        )
        return Part(part.number, self.size, part.etag, part.crc64)

    def local_crc64(self) -> int | None:
        """Not known: the bytes never were here."""
        return None

    def local_md5(self) -> None:
        """Not known: the bytes never were here."""
        return


def send_part(store: ObjectStore, key: str, upload_id: str, number: int, body: Body) -> Part:
    """
    Send the bytes of a part; the CRC-64 of what comes back is theirs, on every store.

    They must not change before this returns. The errors of `ObjectStore.upload_part`.
    """
    part = store.upload_part(key, upload_id, number, body)
    return part if part.crc64 is not None else replace(part, crc64=crc_of_body(body))
