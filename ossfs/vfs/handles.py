"""
Open files: a number for the kernel, a node, and a reader of its present version.

Threads: every method from any thread. The table's lock is given back before anything else
is taken; a handle's guards its reader.
"""

import contextlib
import errno
import os
import threading
from dataclasses import dataclass, field
from itertools import count
from typing import NewType

from ossfs.errors import PreconditionFailed
from ossfs.extents import Extent
from ossfs.journal.records import Version
from ossfs.vfs.nodes import FileNode
from ossfs.vfs.reader import ObjectReader, VersionReader
from ossfs.writeback.values import Piece

Fh = NewType("Fh", int)


@dataclass(slots=True, eq=False)
class Handle:
    """An open file. `lock` guards the reader and its version."""

    node: FileNode
    is_writable: bool
    is_appending: bool
    objects: ObjectReader
    lock: threading.Lock = field(default_factory=threading.Lock)
    version: Version | None = None
    reader: VersionReader | None = None

    def read(self, offset: int, length: int) -> bytes | memoryview:
        """
        Return up to `length` bytes; fewer only at the end of the file.

        PreconditionFailed: the object is gone, and not because this mount has replaced it.
        """
        pending = self.node.pending
        reader, base = self.reader, pending.base
        if reader is not None and pending.staged is None and base is self.version:
            with contextlib.suppress(PreconditionFailed):  # below it is seen why
                return reader.read(offset, length)
        while True:
            with pending.lock:
                extent = Extent(offset, offset + length).clip(Extent(0, pending.size))
                base, pieces = pending.base, pending.read(extent)
            try:
                return self._joined(pieces)
            except PreconditionFailed:
                if pending.settled_base() == base and _rests_on(base, pending.read(extent)):
                    raise  # it was not our own commit or rename that has replaced the object

    def _joined(self, pieces: list[Piece]) -> bytes | memoryview:
        if len(pieces) == 1 and pieces[0].data is None:
            return self._read_base(pieces[0].base, pieces[0].extent)
        return b"".join(
            self._read_base(piece.base, piece.extent) if piece.data is None else piece.data
            for piece in pieces
        )

    def _read_base(self, version: Version | None, extent: Extent) -> bytes | memoryview:
        if version is None or not extent.size:
            return b""
        with self.lock:
            if self.reader is None or self.version != version:
                if self.reader is not None:
                    self.reader.close()
                self.version = version
                self.reader = self.objects.open(version.key, version.etag, version.size)
            reader = self.reader
        return reader.read(extent.start, extent.size)

    def close(self) -> None:
        """Let go of what was read ahead."""
        with self.lock:
            if self.reader is not None:
                self.reader.close()
                self.reader = None


class Handles:
    """The open files by number."""

    def __init__(self, objects: ObjectReader) -> None:
        self._objects = objects
        self._lock = threading.Lock()  # guards changes of both
        self._handles: dict[Fh, Handle] = {}
        self._numbers = count(1)

    def add(self, node: FileNode, flags: int) -> Fh:
        """Return the number of a new handle; `flags` are those of open(2)."""
        handle = Handle(
            node,
            is_writable=flags & os.O_ACCMODE != os.O_RDONLY,
            is_appending=bool(flags & os.O_APPEND),
            objects=self._objects,
        )
        with self._lock:
            fh = Fh(next(self._numbers))
            self._handles[fh] = handle
        return fh

    def get(self, fh: Fh) -> Handle:
        """Return a handle. OSError (EBADF): there is none of this number."""
        handle = self._handles.get(fh)
        if handle is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return handle

    def pop(self, fh: Fh) -> Handle | None:
        """Take a handle out and close it; None: there is none of this number."""
        with self._lock:
            handle = self._handles.pop(fh, None)
        if handle is not None:
            handle.close()
        return handle

    def pop_all(self) -> list[Handle]:
        """Take out and close every handle."""
        with self._lock:
            handles, self._handles = list(self._handles.values()), {}
        for handle in handles:
            handle.close()
        return handles


def _rests_on(base: Version | None, pieces: list[Piece]) -> bool:
    return any(piece.data is None and piece.base == base for piece in pieces)
