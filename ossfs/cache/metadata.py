"""
What the bucket said about objects and directories, for a while.

`KnownObjects` keeps the user metadata of object versions: a listing shows the etag and
the time of the version there, and what is known of exactly that version needs no HEAD.
What it learns is noted on the local disk too, and read back from there, for the next mount.
`KnownDirectories` keeps listings. Both forget the least recently used; losing an entry
costs a request, nothing else.

Threads: every method from any thread; one lock each, never held during a request. The
values are the callers' and are not changed by the cache.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from cachetools import LRUCache

from ossfs.cache.attributes import KeptAttributes, Row
from ossfs.store.api import Headers

D = TypeVar("D")

SKEW_NS = 2_000_000_000
"""By how much a store's clock may be ahead of ours when it dates an object that we made."""
LONG_AGO = float("-inf")
MAX_RECALLED = 100_000  # directories that were read from the disk, about 150 bytes each


@dataclass(frozen=True, slots=True)
class Known:
    """One version of an object and what is stored beside it."""

    etag: str
    size: int
    modified_ns: int | None
    """None for our own writes: the store's answer to them does not say."""
    headers: Headers | None
    """None: nobody has asked, only a listing has shown the version."""
    checked: float
    """When the store last said that this version is there; seconds, monotonic."""
    made_ns: int = 0
    """When we made it, since 1970, by our clock; 0: not known."""
    storage_class: str = ""
    """As a listing shows it, where `headers` are None."""


class _Objects(LRUCache[str, Known]):
    """Forgets that a directory was read from the disk with the first object of it."""

    def __init__(self, max_objects: int) -> None:
        super().__init__(max_objects)
        self.recalled: LRUCache[str, None] = LRUCache(MAX_RECALLED)

    def popitem(self) -> tuple[str, Known]:
        key, known = super().popitem()
        self.recalled.pop(_place(key)[0], None)
        return key, known


class KnownObjects:
    """
    Up to `max_objects` versions, one per key.

    `kept` holds more of them on the local disk; it is read before the first answer about
    an object of a directory, outside of the lock.
    """

    def __init__(self, max_objects: int, kept: KeptAttributes | None = None) -> None:
        self._kept = kept
        self._lock = threading.Lock()  # guards the cache
        self._cache = _Objects(max_objects)

    def get(self, key: str) -> Known | None:
        """Return what is known of the key's last seen version."""
        self._recall(key)
        with self._lock:
            return self._cache.get(key)

    def has_seen(self, key: str) -> bool:
        """Say whether an object of this key was seen, now or by an earlier mount."""
        known = self.get(key)
        return known is not None and bool(known.etag)

    def match(self, key: str, *, etag: str, size: int, modified_ns: int) -> Known | None:
        """
        Return what is known of the version that a listing shows; None: another one.

        The time counts because a change of metadata alone keeps the etag. Our own write
        takes its time from the first listing that shows its etag, unless that is so late
        that somebody may have changed the metadata since; 0 is no time.
        """
        with self._lock:
            known = self._cache.get(key)
            is_recalled = self._is_recalled_locked(key)
        if not is_recalled:
            self._recall(key)
        elif known is None:
            return None
        with self._lock:
            known = self._cache.get(key)
            if known is None or known.etag != etag or known.size != size:
                return None
            if not modified_ns or known.modified_ns == modified_ns:
                return known
            if known.modified_ns is not None:
                return None
            if known.made_ns and modified_ns > known.made_ns + SKEW_NS:
                return None
            known = replace(known, modified_ns=modified_ns)
            self._cache[key] = known
        self._note(key, known)
        return known

    def put(self, key: str, known: Known) -> None:
        """Remember a version."""
        with self._lock:
            self._cache[key] = known
        self._note(key, known)

    def rename(self, source: str, target: str, *, now_ns: int) -> None:
        """Take note that every key that begins with `source` begins with `target` now."""
        moved = {}
        with self._lock:
            for key in [key for key in self._cache if key.startswith(source)]:
                # The copies have times of their own; a listing will show them.
                known = replace(self._cache.pop(key), modified_ns=None, made_ns=now_ns)
                moved[target + key[len(source) :]] = known
            self._cache.update(moved)
        for key, known in moved.items():
            self._note(key, known)

    def drop(self, key: str) -> None:
        """Forget the key."""
        self._recall(key)
        with self._lock:
            self._cache.pop(key, None)

    def _recall(self, key: str) -> None:
        """Read what the disk has of the key's directory, if that was not done yet."""
        with self._lock:
            if self._is_recalled_locked(key) or self._kept is None:
                return
        directory = _place(key)[0]
        rows = self._kept.load(directory)
        with self._lock:
            if directory in self._cache.recalled:
                return
            self._cache.recalled[directory] = None
            for row in rows:
                if directory + row.name not in self._cache:
                    self._cache[directory + row.name] = Known(
                        row.etag, row.size, row.modified_ns, row.headers, LONG_AGO, row.made_ns
                    )

    def _is_recalled_locked(self, key: str) -> bool:
        return self._kept is None or key[: key.rfind("/", 0, -1) + 1] in self._cache.recalled

    def _note(self, key: str, known: Known) -> None:
        if self._kept is not None and known.headers is not None and known.etag:
            self._kept.note(
                Row(
                    *_place(key),
                    known.etag,
                    known.size,
                    known.modified_ns,
                    known.made_ns,
                    known.headers,
                )
            )


def _place(key: str) -> tuple[str, str]:
    """Return the key of the directory that shows the key, and the rest of the key."""
    at = key.rfind("/", 0, -1) + 1
    return key[:at], key[at:]


class KnownDirectories(Generic[D]):
    """
    Values of a caller's own type, one per directory key, up to a weight of `most` together.

    `weigh` says how much one counts when it is put; without it, each counts 1.
    """

    def __init__(self, most: int, weigh: Callable[[D], int] | None = None) -> None:
        self._lock = threading.Lock()  # guards the cache
        self._cache: LRUCache[str, D] = LRUCache(most, getsizeof=weigh)

    def get(self, key: str) -> D | None:
        """Return the directory's value."""
        with self._lock:
            return self._cache.get(key)

    def put(self, key: str, value: D) -> None:
        """Make this the directory's value, with what it weighs now."""
        with self._lock:
            self._cache[key] = value

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
