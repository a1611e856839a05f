"""
The bytes of files that are not in the bucket yet, on local disk.

A `StagedFile` holds the local bytes of one file: a sparse file plus two sets of extents.
`present` bytes are in the staging file; `dirty` ones among them differ from the object
the edit is based on. Where nothing is present, the base's bytes show through below
`base_limit`, and zeros behind it (the sparse file reads as zeros there by itself).

Deleting the staging folder loses data. Copies that may be deleted live in `ossfs.cache`.

Threads: a `StagedFile` is guarded by its owner's lock, except `read_local`, which may run
beside anything that does not change the same bytes. `StagingArea` may be used by all.
"""

import contextlib
import errno
import os
import threading
import uuid
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from ossfs.errors import StagingFull
from ossfs.extents import Extent, ExtentSet
from ossfs.journal.records import Content
from ossfs.store.api import FileBody
from ossfs.writeback.holes import punch

CHECK_EVERY = 16 << 20  # bytes between two looks at the free space
RESERVE_FRACTION = 20  # the reserve is never more than a twentieth of the disk
ZEROS = bytes(1 << 20)


class Source(Enum):
    """Where a byte of a staged file is."""

    LOCAL = "local"
    BASE = "base"


class Run(NamedTuple):
    """A range of a file whose bytes are in one place."""

    source: Source
    extent: Extent


class StagingArea:
    """
    The folder of the staging files.

    `reserve` bytes of the disk (at most a twentieth of it) stay free: the journal needs
    room to record what happened, and other programs on the disk need it more than we do.
    """

    def __init__(self, folder: Path, *, reserve: int) -> None:
        self.folder = folder
        self._within = f"{folder}/"
        self._reserve = reserve
        self._lock = threading.Lock()  # guards the budget
        self._budget = 0
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, name: str) -> str:
        """Return where a staging file is."""
        return f"{self._within}{name}"

    def new_name(self) -> str:
        """Return a name that no staging file has had."""
        return uuid.uuid4().hex

    def create(self, name: str, *, base_limit: int = 0) -> "StagedFile":
        """Make an empty staging file that shows `base_limit` bytes of the base."""
        self.claim(0)
        fd = os.open(self.path(name), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        content = Content(size=base_limit, present=(), dirty=(), base_limit=base_limit)
        return StagedFile(self, name, fd, content)

    def open(self, name: str, content: Content) -> "StagedFile":
        """Open an existing staging file. FileNotFoundError."""
        fd = os.open(self.path(name), os.O_RDWR | os.O_CLOEXEC)
        return StagedFile(self, name, fd, content)

    def remove(self, name: str) -> None:
        """Delete a staging file; one that is not there is no error."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path(name))  # noqa: PTH108  # a Path takes longer than the unlink

    def names(self) -> set[str]:
        """Return the names of all staging files."""
        return {entry.name for entry in os.scandir(self.folder)}

    def claim(self, size: int) -> None:
        """Say that `size` bytes are about to be written. StagingFull."""
        with self._lock:
            if size <= self._budget:
                self._budget -= size
                return
            self._budget = 0
            free = self.require(size)
            self._budget = min(free, CHECK_EVERY) - size if size < CHECK_EVERY else 0

    def require(self, size: int) -> int:
        """Return how many bytes are free, if there is room for so many. StagingFull."""
        free = self._free()
        if size > free or free <= 0:
            raise StagingFull(f"{self.folder}: {max(free, 0)} bytes are free above the reserve")
        return free

    def _free(self) -> int:
        disk = os.statvfs(self.folder)
        reserve = min(self._reserve, disk.f_blocks * disk.f_frsize // RESERVE_FRACTION)
        return disk.f_bavail * disk.f_frsize - reserve


class StagedFile:
    """The local bytes of one file. See the module's docstring."""

    def __init__(self, area: StagingArea, name: str, fd: int, content: Content) -> None:
        self.name = name
        self.fd = fd
        self.size = content.size
        self.base_limit = content.base_limit
        self.present = ExtentSet(content.present)
        self.dirty = ExtentSet(content.dirty)
        self._area = area
        os.ftruncate(fd, content.size)

    def __repr__(self) -> str:
        return f"StagedFile({self.name}, size={self.size}, dirty={self.dirty.size})"

    def content(self) -> Content:
        """Return what the journal must know to read this file again."""
        return Content(self.size, list(self.present), list(self.dirty), self.base_limit)

    # Changing

    def write(self, offset: int, data: bytes | memoryview) -> None:
        """Put the application's bytes at `offset`. StagingFull: nothing has changed."""
        extent = Extent(offset, offset + len(data))
        self._put(extent, data)
        self.present.add(extent)
        self.dirty.add(extent)
        self.size = max(self.size, extent.stop)

    def fill(self, extent: Extent, data: bytes | bytearray | memoryview) -> None:
        """Put the base's bytes of `extent` where nothing is present yet."""
        view = memoryview(data)
        for gap in list(self.present.gaps(extent)):
            self._put(gap, view[gap.start - extent.start : gap.stop - extent.start])
            self.present.add(gap)

    def truncate(self, size: int) -> None:
        """Cut the file, or extend it with zeros that take no room."""
        os.ftruncate(self.fd, size)
        if size < self.size:
            self.present.truncate(size)
            self.dirty.truncate(size)
            self.base_limit = min(self.base_limit, size)
        self.size = size

    def zero(self, extent: Extent) -> None:
        """Make zeros of a range inside the file, which take no room if the disk can do that."""
        if not punch(self.fd, extent):
            for at in range(extent.start, extent.stop, len(ZEROS)):
                piece = Extent(at, min(at + len(ZEROS), extent.stop))
                self._put(piece, memoryview(ZEROS)[: piece.size])
        self.present.add(extent)
        self.dirty.add(extent)

    def mark_clean(self) -> None:
        """Say that the content is an object now: what is present equals it, the rest too."""
        self.dirty = ExtentSet()
        self.base_limit = self.size

    def _put(self, extent: Extent, data: bytes | memoryview) -> None:
        self._area.claim(extent.size)
        view, at = memoryview(data), extent.start
        try:
            while at < extent.stop:
                at += os.pwrite(self.fd, view[at - extent.start :], at)
        except OSError as error:
            if extent.stop > self.size:
                os.ftruncate(self.fd, self.size)
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StagingFull(f"{self._area.folder}: {error.strerror}") from error
            raise

    def copied(self) -> "StagedFile":
        """
        Return a copy in a file of its own, which may be changed. StagingFull.

        Made inside the kernel; file systems that can share blocks copy nothing.
        """
        self._area.claim(self.present.size)
        name = self._area.new_name()
        copy = self._area.create(name, base_limit=self.base_limit)
        try:
            for extent in self.present:
                _copy_range(self.fd, copy.fd, extent)
            os.ftruncate(copy.fd, self.size)
        except OSError as error:
            copy.remove()
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StagingFull(f"{self._area.folder}: {error.strerror}") from error
            raise
        copy.size = self.size
        copy.present, copy.dirty = ExtentSet(self.present), ExtentSet(self.dirty)
        return copy

    # Reading

    def runs(self, extent: Extent) -> Iterator[Run]:
        """Yield where the bytes of `extent` (inside the file) are, in order."""
        at = extent.start
        for gap in self.present.gaps(extent.clip(Extent(0, self.base_limit))):
            if at < gap.start:
                yield Run(Source.LOCAL, Extent(at, gap.start))
            yield Run(Source.BASE, gap)
            at = gap.stop
        if at < extent.stop:
            yield Run(Source.LOCAL, Extent(at, extent.stop))

    def needs_base(self, extent: Extent) -> bool:
        """Say whether some bytes of `extent` are only in the base."""
        return any(run.source is Source.BASE for run in self.runs(extent))

    def is_base(self, extent: Extent) -> bool:
        """Say whether every byte of `extent` is the base's."""
        return extent.stop <= self.base_limit and not any(True for _ in self.dirty.within(extent))

    def read_local(self, extent: Extent) -> bytes:
        """Read bytes of a LOCAL run."""
        return os.pread(self.fd, extent.size, extent.start)

    def whole(self) -> FileBody:
        """Return all of it as the body of a request, when nothing of the base is missing."""
        return FileBody(self.fd, Extent(0, self.size))

    # Life

    def sync(self) -> None:
        """Return when the bytes are on disk."""
        os.fdatasync(self.fd)

    def close(self) -> None:
        """Close the file and keep it."""
        os.close(self.fd)

    def remove(self) -> None:
        """Close the file and delete it."""
        os.close(self.fd)
        self._area.remove(self.name)


def _copy_range(source: int, target: int, extent: Extent) -> None:
    at = extent.start
    while at < extent.stop:
        copied = os.copy_file_range(source, target, extent.stop - at, at, at)
        if not copied:  # the file is shorter than it should be
            raise OSError(errno.EIO, f"{extent.stop - at} bytes are missing in a staging file")
        at += copied
