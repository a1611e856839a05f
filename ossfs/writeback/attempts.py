"""
What a request without an answer may have made of an object.

A commit that failed may have arrived all the same. When the file has been changed since, the
next commit finds a version that is neither the one its edit is based on nor its own bytes;
by this it knows that version as ours, and bases the edit on it.

Threads: values.
"""

from dataclasses import dataclass

from ossfs.store.api import FileBody, ObjectInfo, pieces_of
from ossfs.store.resolving import crc_of_body, md5_of


@dataclass(frozen=True, slots=True)
class Attempt:
    """The content that was sent: its size, and what is known to tell it by."""

    size: int
    crc64: int | None
    md5: str = ""
    """In lower case; empty: not known, it was sent in parts."""

    @classmethod
    def of(cls, body: FileBody) -> "Attempt":
        """Read a file that is sent in one piece."""
        return cls(body.size, crc_of_body(body), md5_of(pieces_of(body)))

    def has_made(self, seen: ObjectInfo) -> bool:
        """Say whether the object is known to have this content."""
        if seen.size != self.size:
            return False
        if seen.crc64 is None or self.crc64 is None:
            return seen.etag.lower() == self.md5
        return seen.crc64 == self.crc64
