"""
How much the disk cache takes, and what goes when that is too much.

All mounts that share the folder share its bound. What it takes is a number in the file
`usage`, to which each of them adds what it writes; it is counted anew when a mount first
writes, and whenever something has to go. Then the files that were used longest ago go, until
a tenth of it is free again. One process does that at a time, under a lock that the
kernel drops with it; others meanwhile write as long as there is room.

Only files that are named as ours are counted, and only those are ever deleted.

Threads: one thread at a time, the one that writes to the cache.
"""

import fcntl
import heapq
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import ENOSPC
from pathlib import Path
from typing import NamedTuple

from ossfs.cache.disk_stretch import BESIDE

NAME = re.compile(r"[0-9a-f]{30}-[0-9a-f]{16}-[0-9a-f]{1,16}")
SHARD = re.compile(r"[0-9a-f]{2}")

AT_ONCE = 50_000
"""Files that are chosen in one go: about 10 MB of memory."""

FEW_INODES = 50
"""Less than one part in so many of the inodes free counts as a full disk."""


class Kept(NamedTuple):
    """One file of the cache."""

    used_ns: int
    cost: int
    path: str


class Space:
    """
    The room of the cache in `folder`: at most `size` bytes, `reserve` bytes stay free.

    `evictions` counts the files that made room.
    """

    def __init__(self, folder: Path, *, size: int, reserve: int) -> None:
        self.size = size
        self.evictions = 0
        self._folder = folder
        self._reserve = reserve
        self._known = 0
        self._unsaid = 0
        self._is_counted = False

    def claim(self, wanted: int) -> bool:
        """
        Say whether so many bytes may be written now; makes room if that is needed.

        OSError: making room does not help, other things fill the disk; or the folder fails.
        """
        if not self._is_counted or self._excess(wanted) > 0:
            is_done = self._make_room(wanted)
            if is_done and self._free() < self._reserve + wanted:
                message = f"less than {self._reserve} bytes would stay free"
                raise OSError(ENOSPC, message, str(self._folder))
            return self._excess(wanted) <= 0
        return True

    def note(self, written: int) -> None:
        """Add what was written to what the cache takes. OSError."""
        self._unsaid += written
        with self._locked("usage") as fd:
            if fd is not None:
                self._say(fd, _get(fd) + self._unsaid)

    def used(self) -> int:
        """Return how many bytes the cache takes, as far as it is known. OSError."""
        with self._locked("usage", shared=True) as fd:
            if fd is not None:
                self._known = _get(fd)
        return self._known + self._unsaid

    def _say(self, fd: int, total: int) -> None:
        os.pwrite(fd, total.to_bytes(8, "little", signed=True), 0)
        self._known, self._unsaid = total, 0

    def _excess(self, wanted: int) -> int:
        """Return how many bytes have to go before so many more are written."""
        return max(self.used() + wanted - self.size, self._reserve + wanted - self._free())

    def _free(self) -> int:
        disk = os.statvfs(self._folder)
        if disk.f_files and disk.f_favail < disk.f_files // FEW_INODES:
            return 0
        return disk.f_bavail * disk.f_frsize

    def _make_room(self, wanted: int) -> bool:
        """Count what is there, and delete what is too much; False: another process does it."""
        with self._locked("lock") as fd:
            if fd is None:
                return False
            excess = self._excess(wanted)
            goal = excess + min(self.used(), self.size) // 10 if excess > 0 else 0
            total, oldest = self._look(goal)
            total -= self._delete(oldest)
            with self._locked("usage") as usage:
                self._is_counted = usage is not None
                if usage is not None:
                    self._say(usage, total)
        return True

    def _look(self, goal: int) -> tuple[int, list[Kept]]:
        """Return what all files take, and those used longest ago that take `goal` bytes."""
        total = chosen = 0
        heap: list[tuple[int, Kept]] = []  # the most recently used on top
        for file in self._files():
            total += file.cost
            if chosen < goal or (heap and file.used_ns < -heap[0][0]):
                heapq.heappush(heap, (-file.used_ns, file))
                chosen += file.cost
            while heap and (chosen - heap[0][1].cost >= goal or len(heap) > AT_ONCE):
                chosen -= heapq.heappop(heap)[1].cost
        return total, sorted(file for _, file in heap)

    def _delete(self, files: list[Kept]) -> int:
        """Delete them; return what they took."""
        for file in files:
            with suppress(FileNotFoundError):
                Path(file.path).unlink()
            self.evictions += 1
        return sum(file.cost for file in files)

    def _files(self) -> Iterator[Kept]:
        for shard in os.scandir(self._folder):
            if not SHARD.fullmatch(shard.name):
                continue
            with suppress(FileNotFoundError), os.scandir(shard.path) as files:
                for file in files:
                    if NAME.fullmatch(file.name):
                        with suppress(FileNotFoundError):
                            used_ns = file.stat(follow_symlinks=False).st_mtime_ns
                            yield Kept(used_ns, cost_of(file), file.path)

    @contextmanager
    def _locked(self, name: str, *, shared: bool = False) -> Iterator[int | None]:
        """
        Open a file of the folder under its lock; None: somebody else has that.

        Nobody waits for the lock of another process, which may have been stopped.
        """
        fd = os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
            else:
                yield fd
        finally:
            os.close(fd)


def cost_of(file: os.DirEntry[str]) -> int:
    """Return what a file of the cache is counted. OSError."""
    return file.stat(follow_symlinks=False).st_blocks * 512 + BESIDE


def _get(fd: int) -> int:
    return int.from_bytes(os.pread(fd, 8, 0), "little", signed=True)
