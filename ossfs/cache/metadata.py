"""
What the bucket said about objects and directories, for a while.

`KnownObjects` keeps the user metadata of object versions: a listing shows the etag and
the time of the version there, and what is known of exactly that version needs no HEAD.
`KnownDirectories` keeps listings. Both forget the least recently used; losing an entry
costs a request, nothing else.

Threads: every method from any thread; one lock each, never held during a request. The
values are the callers' and are not changed by the cache.
"""

import threading
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from cachetools import LRUCache

from ossfs.store.api import Headers

D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class Known:
    """One version of an object and what is stored beside it."""

    etag: str
    size: int
    modified_ns: int | None
    """None for our own writes: the store's answer to them does not say."""
    headers: Headers
    checked: float
    """When the store last said that this version is there; seconds, monotonic."""


class KnownObjects:
    """Up to `max_objects` versions, one per key."""

    def __init__(self, max_objects: int) -> None:
        self._lock = threading.Lock()  # guards the cache
        self._cache: LRUCache[str, Known] = LRUCache(max_objects)

    def get(self, key: str) -> Known | None:
        """Return what is known of the key's last seen version."""
        with self._lock:
            return self._cache.get(key)

    def match(self, key: str, *, etag: str, size: int, modified_ns: int) -> Known | None:
        """
        Return what is known of the version that a listing shows; None: another one.

        The time counts because a change of metadata alone keeps the etag. Our own write
        takes its time from the first listing that shows its etag; 0 is no time.
        """
        with self._lock:
            known = self._cache.get(key)
            if known is None or (known.etag, known.size) != (etag, size):
                return None
            if not modified_ns:
                return known
            if known.modified_ns is None:
                known = replace(known, modified_ns=modified_ns)
                self._cache[key] = known
            return known if known.modified_ns == modified_ns else None

    def put(self, key: str, known: Known) -> None:
        """Remember a version."""
        with self._lock:
            self._cache[key] = known

    def rename(self, source: str, target: str) -> None:
        """Take note that every key that begins with `source` begins with `target` now."""
        with self._lock:
            for key in [key for key in self._cache if key.startswith(source)]:
                known = self._cache.pop(key)
                # The copies have times of their own; a listing will show them.
                self._cache[target + key[len(source) :]] = replace(known, modified_ns=None)

    def drop(self, key: str) -> None:
        """Forget the key."""
        with self._lock:
            self._cache.pop(key, None)


class KnownDirectories(Generic[D]):
    """Up to `max_directories` values of a caller's own type, one per directory key."""

    def __init__(self, max_directories: int) -> None:
        self._lock = threading.Lock()  # guards the cache
        self._cache: LRUCache[str, D] = LRUCache(max_directories)

    def get(self, key: str) -> D | None:
        """Return the directory's value."""
        with self._lock:
            return self._cache.get(key)

    def setdefault(self, key: str, value: D) -> D:
        """Return the directory's value; `value` becomes it if there is none."""
        with self._lock:
            found: D = self._cache.setdefault(key, value)
            return found

    def drop(self, key: str) -> None:
        """Forget the directory and every one below it."""
        with self._lock:
            for known in [known for known in self._cache if known.startswith(key)]:
                self._cache.pop(known, None)
