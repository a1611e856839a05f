"""
Directories whose attributes, and perhaps markers, are not in the bucket yet.

What is here comes before what the bucket says. `ossfs.vfs.markers` brings it there.

Threads: every method from any thread; the lock is held for one look or change.
"""

import threading
from collections import defaultdict

from ossfs.store.api import Headers
from ossfs.vfs.keys import split


class DescribedDirectories:
    """The headers that the markers of directories are to have, by key and by parent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._headers: dict[str, Headers] = {}
        self._names: defaultdict[str, set[str]] = defaultdict(set)

    def __contains__(self, directory: str) -> bool:
        """Say whether the directory is one of them."""
        return directory in self._headers

    def get(self, directory: str) -> Headers | None:
        """Return what its marker is to have; None: what it has."""
        return self._headers.get(directory)

    def put(self, directory: str, headers: Headers) -> None:
        """Take note of what a directory's marker is to have."""
        parent, name = split(directory)
        with self._lock:
            self._headers[directory] = headers
            self._names[parent].add(name)

    def drop(self, directory: str) -> None:
        """Take note that the marker has it, or that the directory is gone."""
        parent, name = split(directory)
        with self._lock:
            if self._headers.pop(directory, None) is None:
                return
            self._names[parent].discard(name)
            if not self._names[parent]:
                del self._names[parent]

    def names(self, directory: str) -> list[str]:
        """Return the names of those that are in a directory."""
        with self._lock:
            return list(self._names.get(directory, ()))

    def has_below(self, directory: str) -> bool:
        """Say whether one of them is in a directory, at any depth."""
        with self._lock:
            return any(parent.startswith(directory) for parent in self._names)
