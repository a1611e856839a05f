"""
The bytes of objects and parts, in files named by number.

A file ("blob") is written once, then only read, linked from the segments table, and
unlinked when no segment names it any more. A key never becomes a file name. A file whose
transaction never happened is an orphan and is swept at the next start.

Threads: `FileWriter` may `hash` in one thread while it stores in another; everything else
belongs to the event loop's thread, except that unlinking happens in the pool.
"""

import hashlib
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from ossfs.crc64 import crc64

_FOLDERS = 256
_IOV_MAX = 1024
_READ_ONLY = os.O_RDONLY | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class Segment(NamedTuple):
    """A run of bytes of one file."""

    blob: int
    offset: int
    size: int


class Received(NamedTuple):
    """A body that is completely on disk."""

    blob: int
    size: int
    md5: bytes
    crc: int


class FileWriter:
    """A new file that counts, hashes and checksums what is written to it."""

    __slots__ = ("_fd", "_md5", "_path", "blob", "crc", "size")

    def __init__(self, blob: int, path: str) -> None:
        self.blob = blob
        self.size = 0
        self.crc = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._path = path
        self._fd = os.open(path, _CREATE, 0o644)

    def write(self, chunks: Sequence[bytes]) -> None:
        """Append the chunks, in order; OSError when the disk does not take them."""
        self.hash(chunks)
        self.store(chunks)

    def hash(self, chunks: Sequence[bytes]) -> None:
        """Do the half of `write` that computes; `store` may run beside it."""
        for chunk in chunks:
            self._md5.update(chunk)
            self.crc = crc64(chunk, self.crc)

    def store(self, chunks: Sequence[bytes]) -> None:
        """Do the half of `write` that goes to disk."""
        for first in range(0, len(chunks), _IOV_MAX):
            self._write_all(chunks[first : first + _IOV_MAX])

    def _write_all(self, chunks: Sequence[bytes]) -> None:
        total = sum(map(len, chunks))
        written = os.writev(self._fd, chunks)
        self.size += written
        if written < total:
            rest = memoryview(b"".join(chunks))[written:]
            while rest:
                written = os.write(self._fd, rest)
                self.size += written
                rest = rest[written:]

    def finish(self) -> Received:
        """Close the file and say what it holds."""
        os.close(self._fd)
        self._fd = -1
        return Received(self.blob, self.size, self._md5.digest(), self.crc)

    def abandon(self) -> None:
        """Close and remove the file; safe after `finish`."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        Path(self._path).unlink(missing_ok=True)


class Files:
    """The directory of blobs."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._last_id = 0
        self._pins: Counter[int] = Counter()
        self._doomed: set[int] = set()
        self._unlinker = ThreadPoolExecutor(1, thread_name_prefix="unlink")
        for folder in range(_FOLDERS):
            (root / f"{folder:02x}").mkdir(parents=True, exist_ok=True)

    def new_id(self) -> int:
        """Return a number that was never used: later ones are larger (time, in ns)."""
        self._last_id = max(self._last_id + 1, time.time_ns())
        return self._last_id

    def never_below(self, used: int) -> None:
        """Make new ids larger than `used`, should the clock have been set back."""
        self._last_id = max(self._last_id, used)

    def create(self) -> FileWriter:
        """Return a writer of a new file."""
        blob = self.new_id()
        return FileWriter(blob, self._path(blob))

    def open(self, blob: int) -> int:
        """Return a file descriptor for reading, the caller's to close."""
        return os.open(self._path(blob), _READ_ONLY)

    def read(self, segments: Sequence[Segment]) -> bytes:
        """Return the bytes of a few small segments."""
        pieces = []
        for blob, offset, size in segments:
            fd = self.open(blob)
            try:
                pieces.append(os.pread(fd, size, offset))
            finally:
                os.close(fd)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def pin(self, blobs: Iterable[int]) -> None:
        """Keep the files although their objects may go; `unpin` as often."""
        self._pins.update(blobs)

    def unpin(self, blobs: Iterable[int]) -> None:
        """Let go, and unlink what was discarded meanwhile."""
        free = []
        for blob in blobs:
            self._pins[blob] -= 1
            if not self._pins[blob]:
                del self._pins[blob]
                if blob in self._doomed:
                    self._doomed.discard(blob)
                    free.append(blob)
        self.discard(free)

    def revive(self, blobs: Iterable[int]) -> None:
        """Keep pinned files after all: they lost their last name and have got a new one."""
        self._doomed.difference_update(blobs)

    def discard(self, blobs: Iterable[int]) -> None:
        """Unlink files that nothing names any more, as soon as nobody reads them."""
        free = []
        for blob in blobs:
            if self._pins.get(blob):
                self._doomed.add(blob)
            else:
                free.append(self._path(blob))
        if free:
            self._unlinker.submit(_unlink, free)

    def sweep(self, known: set[int]) -> int:
        """Remove every file that is not in `known`; return how many. Only at start."""
        orphans = [path for blob, path in self._all() if blob not in known]
        _unlink(orphans)
        return len(orphans)

    def _all(self) -> Iterator[tuple[int, str]]:
        for folder in range(_FOLDERS):
            with os.scandir(f"{self._root}/{folder:02x}") as entries:
                for entry in entries:
                    yield int(entry.name, 16), entry.path

    def _path(self, blob: int) -> str:
        # Ids are nanoseconds: the low bits spread them over the folders.
        return f"{self._root}/{blob % _FOLDERS:02x}/{blob:016x}"

    def close(self) -> None:
        """Wait for pending removals."""
        self._unlinker.shutdown()


def _unlink(paths: Iterable[str]) -> None:
    for path in paths:
        Path(path).unlink(missing_ok=True)
