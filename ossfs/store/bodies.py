"""
The bytes of requests: in memory, or a piece of a file.

Threads: bodies are values; one may be sent by several threads at once.
"""

import ctypes
import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ossfs.extents import Extent

if TYPE_CHECKING:
    from ossfs.store.values import ObjectInfo

RECEIVED_AT_ONCE = 1 << 20
"""Bytes of an answer that are received and counted together."""

LARGE = 32 << 20
"""The largest piece that glibc's malloc keeps for reuse (M_MMAP_THRESHOLD on 64 bits)."""

PAGED = 1 << 20
"""From this size on memory begins at a page."""
PAGE = 4096
HUGE = 2 << 20


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


@dataclass(frozen=True, slots=True)
class WatchedBody:
    """
    A body whose sender says when it leaves; reading it for other reasons is not told.

    `began` is called whenever it is sent from its start, `passing` with the size of each
    piece before it goes: it may wait, to limit the rate, and what it raises ends the request.
    Pieces have at most `at_once` bytes.
    """

    body: Body
    began: Callable[[], None]
    passing: Callable[[int], None]
    at_once: int

    @property
    def size(self) -> int:
        """How many bytes."""
        return self.body.size

    def read_at(self, offset: int, length: int) -> bytes | memoryview:
        """Return exactly `length` bytes from `offset`."""
        return self.body.read_at(offset, length)


class Sink(Protocol):
    """
    Where the bytes of an object go as they come, in order, in one thread.

    What its methods raise ends the request and comes through as it is.
    """

    @property
    def can_start_over(self) -> bool:
        """
        Whether everything may come again, be it of another version.

        What came is wrong or outdated then; who has used it already says no.
        """
        ...

    def begins(self, info: "ObjectInfo", extent: Extent) -> None:
        """
        Take note that bytes of `extent` of this version will come.

        Once more when a lost connection makes the rest come with another answer, which
        begins where the last one ended; or, if it `can_start_over`, from the start.
        """
        ...

    def room(self) -> memoryview:
        """Return memory for the next bytes, as many as it likes, but at least one."""
        ...

    def came(self, count: int) -> None:
        """Take note that the first `count` bytes of that memory have been filled."""
        ...


class Whole:
    """A sink that keeps everything in one piece of memory."""

    can_start_over = True

    def __init__(self) -> None:
        self._room = memoryview(b"")
        self._start = 0  # in the object
        self._at = 0

    @property
    def data(self) -> memoryview:
        """What came."""
        return self._room[: self._at].toreadonly()

    def begins(self, _info: "ObjectInfo", extent: Extent) -> None:
        """Make room for all of it, unless this is the rest."""
        if not self._at or extent.start != self._start + self._at:
            self._room, self._start = room_for(extent.size), extent.start
        self._at = extent.start - self._start

    def room(self) -> memoryview:
        """Return what is left of the room."""
        return self._room[self._at :]

    def came(self, count: int) -> None:
        """Go on behind these bytes."""
        self._at += count


class Handing:
    """
    A sink that hands what comes to `write`, up to `at_once` bytes a time.

    What `write` is given is good until it returns. It is handed over before a checksum can
    be compared: after a ChecksumMismatch it is not to be used.
    """

    can_start_over = False

    def __init__(
        self, write: Callable[[memoryview], object], at_once: int = RECEIVED_AT_ONCE
    ) -> None:
        self._write = write
        self._at_once = at_once
        self._room = memoryview(b"")

    def begins(self, _info: "ObjectInfo", extent: Extent) -> None:
        """Make room for one piece."""
        self._room = room_for(min(self._at_once, extent.size))

    def room(self) -> memoryview:
        """Return the room."""
        return self._room

    def came(self, count: int) -> None:
        """Hand the piece over."""
        self._write(self._room[:count])


def room_for(size: int) -> memoryview:
    """
    Return memory for that many bytes; what is in it before they are written is arbitrary.

    From 32 MiB on malloc asks the kernel for fresh memory each time, and a gigabyte in pages
    of 4 KiB costs 0.4 CPU-seconds; in huge pages, where the kernel has them, hardly any.
    From 1 MiB on it begins at a page, so that a disk can read and write it without a copy,
    and huge pages are asked for: a disk that takes requests of 254 pages, as a virtual one
    does, then moves 2.3 GB/s instead of 1.2.
    """
    if size < PAGED:
        return memoryview(_unset_bytes(None, size))
    if size < LARGE:
        room: bytearray = _unset_bytes(None, size + PAGE)
        address = ctypes.addressof(ctypes.c_char.from_buffer(room))
        start = address - address % HUGE  # the memory around it is the heap's, too
        _madvise(start, address + size + PAGE - start, _HUGE_PAGES)  # advice: it may be refused
        return memoryview(room)[-address % PAGE :][:size]
    fresh = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(AttributeError, OSError):  # a kernel without them
        fresh.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(fresh)


_HUGE_PAGES: int = getattr(mmap, "MADV_HUGEPAGE", 0)
_madvise = ctypes.CDLL(None).madvise
_madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)

_unset_bytes = ctypes.pythonapi.PyByteArray_FromStringAndSize
"""bytearray(size) without the zeros, which cost 0.05 CPU-seconds for a gigabyte."""
_unset_bytes.argtypes = (ctypes.c_char_p, ctypes.c_ssize_t)
_unset_bytes.restype = ctypes.py_object


def pieces_of(body: Body, size: int = 256 << 10) -> Iterator[bytes | memoryview]:
    """
    Yield the bytes of `body` in order, in pieces of at most `size`.

    A piece is good until the next one is asked for: those of a file share one buffer, which
    saves a gigabyte 250,000 page faults, 0.05 CPU-seconds. OSError when bytes are missing.
    """
    if isinstance(body, WatchedBody):
        body = body.body
    if isinstance(body, FileBody):
        yield from _read_in_turn(body, size)
        return
    for offset in range(0, body.size, size):
        length = min(size, body.size - offset)
        piece = body.read_at(offset, length)
        if len(piece) != length:
            raise OSError(f"the body gave {len(piece)} bytes of {length} at {offset}")
        yield piece


def leaving(body: Body, size: int) -> Iterator[bytes | memoryview]:
    """Yield what `pieces_of` does, to whoever sends it: who watches the body is told."""
    if not isinstance(body, WatchedBody):
        yield from pieces_of(body, size)
        return
    body.began()
    for piece in pieces_of(body.body, min(size, body.at_once)):
        body.passing(len(piece))
        yield piece


def _read_in_turn(body: FileBody, size: int) -> Iterator[memoryview]:
    view = memoryview(bytearray(min(size, body.size)))
    for offset in range(0, body.size, size):
        piece = view[: min(size, body.size - offset)]
        if os.preadv(body.fd, [piece], body.extent.start + offset) != len(piece):
            raise OSError(f"file ends inside {body.extent}")
        yield piece
