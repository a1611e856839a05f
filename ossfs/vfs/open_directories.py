"""
Which process holds which directory open.

Threads: every method from any thread; one lock guards the table.
"""

import threading
from itertools import count

from ossfs.vfs.handles import Fh


class OpenDirectories:
    """The handles of directories."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards both
        self._open: dict[Fh, tuple[str, int]] = {}
        self._numbers = count(1)

    def open(self, directory: str, pid: int) -> Fh:
        """Return a new handle of a directory for a process."""
        with self._lock:
            fh = Fh(next(self._numbers))
            self._open[fh] = directory, pid
            return fh

    def close(self, fh: Fh) -> None:
        """Forget a handle."""
        with self._lock:
            self._open.pop(fh, None)

    def holds(self, pid: int, directory: str) -> bool:
        """Say whether a process holds the directory open."""
        with self._lock:
            return (directory, pid) in self._open.values()
