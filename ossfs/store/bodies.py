"""
The bytes of requests: in memory, or a piece of a file.

Threads: bodies are values; one may be sent by several threads at once.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from ossfs.extents import Extent


class Body(Protocol):
    """Bytes to be sent, possibly several times: a retry reads them again."""

    @property
    def size(self) -> int:
        """How many bytes."""
        ...

    def read_at(self, offset: int, length: int) -> bytes | memoryview:
        """Return exactly `length` bytes from `offset`; OSError when they cannot be read."""
        ...


@dataclass(frozen=True, slots=True)
class BytesBody:
    """A body that is in memory."""

    data: bytes | memoryview = field(repr=False)

    @property
    def size(self) -> int:
        """How many bytes."""
        return len(self.data)

    def read_at(self, offset: int, length: int) -> memoryview:
        """Return a view of the bytes, without a copy."""
        return memoryview(self.data)[offset : offset + length]


@dataclass(frozen=True, slots=True)
class FileBody:
    """A piece of an open file; the caller keeps the descriptor open while it is sent."""

    fd: int
    extent: Extent

    @property
    def size(self) -> int:
        """How many bytes."""
        return self.extent.size

    def read_at(self, offset: int, length: int) -> bytes:
        """Read from the file; OSError when it has become shorter."""
        data = os.pread(self.fd, length, self.extent.start + offset)
        if len(data) != length:
            raise OSError(f"file ends inside {self.extent}")
        return data


def pieces_of(body: Body, size: int = 256 << 10) -> Iterator[bytes | memoryview]:
    """
    Yield the bytes of `body` in order, in pieces of at most `size`.

    A piece is good until the next one is asked for: those of a file share one buffer, which
    saves a gigabyte 250,000 page faults, 0.05 CPU-seconds. OSError when bytes are missing.
    """
    if isinstance(body, FileBody):
        yield from _read_in_turn(body, size)
        return
    for offset in range(0, body.size, size):
        length = min(size, body.size - offset)
        piece = body.read_at(offset, length)
        if len(piece) != length:
            raise OSError(f"the body gave {len(piece)} bytes of {length} at {offset}")
        yield piece


def _read_in_turn(body: FileBody, size: int) -> Iterator[memoryview]:
    view = memoryview(bytearray(min(size, body.size)))
    for offset in range(0, body.size, size):
        piece = view[: min(size, body.size - offset)]
        if os.preadv(body.fd, [piece], body.extent.start + offset) != len(piece):
            raise OSError(f"file ends inside {body.extent}")
        yield piece
