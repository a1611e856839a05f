"""
When directories were last changed by names that came and went, or by a change of nothing.

POSIX has a directory's times move with each name in it. Its marker is not put for that, which
would double the requests of every file that is made: the times are kept here, in memory, and
are those of the marker again after a remount. A marker with a later time of change counts.

Threads: every method from any thread; one lock guards the table, which is bounded.
"""

import threading
from collections import OrderedDict
from dataclasses import replace
from typing import NamedTuple

from ossfs.vfs.posix import Attributes

MAX_DIRECTORIES = 20_000  # about 300 bytes each


class _Times(NamedTuple):
    mtime_ns: int | None
    """None: as the marker says."""
    ctime_ns: int


class DirectoryTimes:
    """The times by the directories' keys."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the table
        self._times: OrderedDict[str, _Times] = OrderedDict()

    def content_changed(self, directory: str, now_ns: int) -> None:
        """Take note that a name has come or gone."""
        with self._lock:
            self._remember_locked(directory, _Times(now_ns, now_ns))

    def status_changed(self, directory: str, now_ns: int) -> None:
        """Take note that only the time of change moves."""
        with self._lock:
            old = self._times.get(directory)
            mtime_ns = None if old is None else old.mtime_ns
            self._remember_locked(directory, _Times(mtime_ns, now_ns))

    def _remember_locked(self, directory: str, times: _Times) -> None:
        self._times[directory] = times
        self._times.move_to_end(directory)
        if len(self._times) > MAX_DIRECTORIES:
            self._times.popitem(last=False)

    def applied(self, directory: str, attributes: Attributes) -> Attributes:
        """Return a directory's attributes, as its marker has them, with what is newer here."""
        with self._lock:
            times = self._times.get(directory)
        if times is None or times.ctime_ns <= attributes.ctime_ns:
            return attributes
        mtime_ns = attributes.mtime_ns if times.mtime_ns is None else times.mtime_ns
        return replace(attributes, mtime_ns=mtime_ns, ctime_ns=times.ctime_ns)

    def renamed(self, source: str, target: str) -> None:
        """Take note that every key that begins with `source` begins with `target` now."""
        with self._lock:
            for key in [key for key in self._times if key.startswith(source)]:
                self._times[target + key[len(source) :]] = self._times.pop(key)

    def forget(self, directory: str) -> None:
        """Let the marker's times count again: they were set, or the directory is gone."""
        with self._lock:
            self._times.pop(directory, None)
