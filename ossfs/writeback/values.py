"""
What is said of a file on its way into the bucket.

Threads: values; a `Room` from any thread; a `WriteRun` is guarded by the lock of its file.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ossfs.extents import Extent
from ossfs.journal.records import Version
from ossfs.store.api import Headers


class Room(Protocol):
    """The memory for bytes of objects, which readers and writers share."""

    def lent(self, size: int) -> AbstractContextManager[None]:
        """Make room for so many bytes inside the block; what was only cached gives way."""
        ...


@dataclass(frozen=True, slots=True)
class UploadStatus:
    """What a person wants to know of one file that is not in the bucket yet."""

    key: str
    state: str
    """draft, waiting, uploading, failed or conflict."""
    size: int
    sent: int
    parts_total: int
    parts_done: int
    generation: int
    error: str
    since_ns: int
    staging: str = ""
    """Path of the local bytes; empty: only attributes changed."""
    id: str = ""
    """Names it in commands; it stays the same as long as the file waits."""
    is_open: bool = False
    """Somebody has it open: more may be written."""


class Snapshot(NamedTuple):
    """What a commit makes the object."""

    key: str
    generation: int
    base: Version | None
    headers: Headers
    has_new_content: bool
    is_exclusive: bool = False
    """It may replace nothing."""


class Piece(NamedTuple):
    """A range of a file: local bytes, or (data is None) bytes of `base`."""

    extent: Extent
    data: bytes | None
    base: Version | None


class WriteRun:
    """Writes that each began where the one before ended."""

    __slots__ = ("goal", "part_size", "sent", "stop")

    def __init__(self) -> None:
        self.begin(0)
        self.part_size = 0

    def begin(self, start: int) -> None:
        """Begin a run at this offset."""
        self.stop = start
        self.sent = start
        """Up to here parts were handed out, or begin before the run."""
        self.goal = 0
        """The end of the next part."""
