"""
One file of the disk cache: a stretch of up to 8 MiB of one version of an object.

The file has one page that says whose bytes it holds, then the bytes, each at its own place,
so that it is sparse until all of them were read once. They come in pieces of 32 KiB; a
stretch that is read at random is one file, not 256. The first page has a CRC-64 for each row
of 32 pieces that was written at once, and one for each other piece. What has neither is not
there. A sequential reader so checks 8 MiB by 8 calls. A small read out of a row checks all
of the row once, and leaves the CRCs of its pieces for the next one.

The bytes of a version never change. Several processes may therefore write the same file at
once without a lock: what overlaps is equal, and of CRCs that go over each other, one is
lost at worst, and with it one piece. Bytes are written before their CRC. Whoever is killed
in between leaves nothing that anybody would read; and whatever the disk makes of a file in
a power failure is found by the CRC.

Threads: a `Stretch` is a value; its methods do the I/O of one file and take no lock.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from ossfs.cache.disk_io import read_at, write_at
from ossfs.crc64 import crc64
from ossfs.extents import Extent, ExtentSet

KIB = 1024
MIB = 1024 * KIB

PIECE: Final = 32 * KIB
"""What is checked and read at least: the grain of `ossfs.cache.readahead`."""
ROW: Final = MIB
STRETCH: Final = 8 * MIB
"""The largest part that is fetched at once."""
HEAD: Final = 4096
BESIDE: Final = 4096
"""What a file is counted beside its blocks: its inode and its name."""

_ROWS: Final = STRETCH // ROW
_PER_ROW: Final = ROW // PIECE
_NAMED: Final = HEAD - 8 * (_ROWS + STRETCH // PIECE)
"""Bytes of the head that say whose it is; the marks of rows and of pieces follow."""

# CRCs are in the byte order of the machine: another one takes the file for somebody else's.
_MAGIC: Final = b"ossfs-block-1 " + sys.byteorder[:1].encode() + b"\n"
_FLAGS: Final = os.O_CLOEXEC | os.O_NOFOLLOW

TOUCH_S: Final = 60
"""A file that is read is marked as used when that was not done for so long."""


class Damaged(Exception):
    """The file is not what was written there."""


def head_of(name: bytes) -> bytes | None:
    """Return how the file of a stretch begins that is called `name`; None: it is too long."""
    head = _MAGIC + len(name).to_bytes(2, "little") + name
    return head.ljust(_NAMED, b"\0") if len(head) <= _NAMED else None


class Stretch:
    """
    The file at `path`, which begins with `head` and is for the bytes `extent` of a version.

    Every method raises OSError as the file system does; FileNotFoundError: nothing is there.
    """

    __slots__ = ("_head", "_path", "extent")

    def __init__(self, path: str, head: bytes, extent: Extent) -> None:
        self.extent = extent
        self._path = path
        self._head = head

    def __repr__(self) -> str:
        return f"<Stretch {self.extent} in {self._path}>"

    @property
    def path(self) -> Path:
        """Where the file is, or would be."""
        return Path(self._path)

    def present(self, extent: Extent) -> list[Extent]:
        """Return the runs of pieces that are there and meet `extent`, in order. Damaged."""
        fd = os.open(self._path, os.O_RDONLY | _FLAGS)
        try:
            marks = self._marks(fd)
        finally:
            os.close(fd)
        if marks is None:
            return []
        there = _there(marks, *self._pieces_meeting(extent))
        return list(ExtentSet(self._run(first, last) for first, last in there))

    def load(self, extent: Extent, now_ns: int) -> memoryview | None:
        """
        Return the bytes of `extent`, verified; None when a piece is missing. Damaged.

        `now_ns` is when they were used.
        """
        first, last = self._pieces_meeting(extent)
        fd = os.open(self._path, os.O_RDONLY | _FLAGS)
        try:
            marks = self._marks(fd)
            if marks is None or _count(marks, first, last) < last - first:
                return None
            low, high = self._checkable(marks, first, last)
            run = self._run(low, high)
            data = read_at(fd, run.size, HEAD + run.start - self.extent.start)
            if os.fstat(fd).st_mtime_ns < now_ns - TOUCH_S * 1_000_000_000:
                _touch(fd, now_ns)
        finally:
            os.close(fd)
        if len(data) != run.size:
            raise Damaged(f"{self._path} ends after {len(data)} bytes of {run}")
        if not _is_intact(data, marks, low):
            raise Damaged(f"{self._path}: bytes of {run} differ from their CRC-64")
        wanted = data[extent.start - run.start : extent.stop - run.start]
        if (low, high) == (first, last):
            return wanted
        self._refine(data, low)
        return memoryview(bytes(wanted))  # so that nobody keeps a whole row for a piece of it

    def store(self, extent: Extent, data: memoryview) -> int:
        """
        Keep what makes whole pieces of `data`, the bytes of `extent`.

        Return about how many bytes more the disk has to hold. Damaged.
        """
        first, last = self._pieces_inside(extent)
        if first >= last:
            return 0
        run = self._run(first, last)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | _FLAGS, 0o600)
        try:
            marks = self._marks(fd)
            missing = run.size
            if marks is not None:
                missing = max(0, missing - _count(marks, first, last) * PIECE)
            if missing:
                data = data[run.start - extent.start : run.stop - extent.start]
                write_at(fd, data, HEAD + run.start - self.extent.start)
                self._mark(fd, data, first, last, is_new=marks is None)
        finally:
            os.close(fd)
        return missing + (HEAD + BESIDE if marks is None else 0)

    def _marks(self, fd: int) -> Sequence[int] | None:
        """Return the CRCs of the rows, then those of the pieces; None: there are none yet."""
        head = os.pread(fd, HEAD, 0)
        if len(head) == HEAD and head.startswith(self._head):
            return memoryview(head)[_NAMED:].cast("Q")
        if len(head) < HEAD or not any(head):
            return None  # whoever began it was killed, or has not come so far
        raise Damaged(f"{self._path} is of something else")

    def _mark(self, fd: int, data: memoryview, first: int, last: int, *, is_new: bool) -> None:
        """Write the CRCs of whole rows, and of the pieces before and behind these."""
        row, end = -(-first // _PER_ROW), last // _PER_ROW
        if row >= end:
            parts = [(_ROWS + first, _marks_of(data, PIECE))]
        else:
            begin, stop = row * ROW - first * PIECE, end * ROW - first * PIECE
            parts = [
                (row, _marks_of(data[begin:stop], ROW)),
                (_ROWS + first, _marks_of(data[:begin], PIECE)),
                (_ROWS + end * _PER_ROW, _marks_of(data[stop:], PIECE)),
            ]
        if is_new:
            head = bytearray(self._head.ljust(HEAD, b"\0"))
            for number, marks in parts:
                head[_NAMED + 8 * number : _NAMED + 8 * number + len(marks)] = marks
            write_at(fd, memoryview(head), 0)
            return
        for number, marks in parts:
            write_at(fd, memoryview(marks), _NAMED + 8 * number)

    def _checkable(self, marks: Sequence[int], first: int, last: int) -> tuple[int, int]:
        """Return the pieces to read so that all of these can be checked: rows, where need be."""
        low = first - first % _PER_ROW
        tail = last - 1 - (last - 1) % _PER_ROW
        if all(marks[_ROWS + first : _ROWS + min(low + _PER_ROW, last)]):
            low = first
        if last % _PER_ROW == 0 or all(marks[_ROWS + max(tail, first) : _ROWS + last]):
            return low, last
        return low, tail + _PER_ROW

    def _refine(self, data: memoryview, first: int) -> None:
        """Leave the CRCs of pieces that were checked as rows, for the next who reads some."""
        marks = _marks_of(data, PIECE)
        with suppress(OSError):  # read-only, or deleted
            fd = os.open(self._path, os.O_RDWR | _FLAGS)
            try:
                if self._marks(fd) is not None:
                    write_at(fd, memoryview(marks), _NAMED + 8 * (_ROWS + first))
            finally:
                os.close(fd)

    def _run(self, first: int, last: int) -> Extent:
        start, stop = self.extent.start, self.extent.stop
        return Extent(start + first * PIECE, min(start + last * PIECE, stop))

    def _pieces_meeting(self, extent: Extent) -> tuple[int, int]:
        clipped = extent.clip(self.extent)
        first = (clipped.start - self.extent.start) // PIECE
        return first, -((self.extent.start - clipped.stop) // PIECE)

    def _pieces_inside(self, extent: Extent) -> tuple[int, int]:
        clipped = extent.clip(self.extent)
        first = -((self.extent.start - clipped.start) // PIECE)
        if clipped.stop == self.extent.stop:  # the last piece of an object may be a short one
            return first, -((self.extent.start - clipped.stop) // PIECE)
        return first, (clipped.stop - self.extent.start) // PIECE


def _there(marks: Sequence[int], first: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield runs of pieces that are there, by their numbers."""
    piece = first
    while piece < last:
        row = piece // _PER_ROW
        stop = min((row + 1) * _PER_ROW, last) if marks[row] else piece + 1
        if marks[row] or marks[_ROWS + piece]:
            yield piece, stop
        piece = stop


def _count(marks: Sequence[int], first: int, last: int) -> int:
    return sum(stop - start for start, stop in _there(marks, first, last))


def _is_intact(data: memoryview, marks: Sequence[int], first: int) -> bool:
    at, piece = 0, first
    while at < len(data):
        row = piece // _PER_ROW
        is_row = piece % _PER_ROW == 0 and len(data) - at >= ROW and marks[row]
        size = ROW if is_row else PIECE
        if _mark_of(data[at : at + size]) != (marks[row] if is_row else marks[_ROWS + piece]):
            return False
        at += size
        piece += size // PIECE
    return True


def _mark_of(data: memoryview) -> int:
    return crc64(data) or 1  # 0 says that nothing is there


def _marks_of(data: memoryview, size: int) -> bytes:
    """Return the marks of `data` in parts of `size`, as the file has them."""
    parts = (data[at : at + size] for at in range(0, len(data), size))
    return b"".join(_mark_of(part).to_bytes(8, sys.byteorder) for part in parts)


def _touch(fd: int, now_ns: int) -> None:
    try:
        os.utime(fd, ns=(now_ns, now_ns))
    except OSError:  # somebody else's file, or read-only: it can be read nevertheless
        return
