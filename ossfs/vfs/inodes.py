"""
Inode numbers: the same for a name as long as it is there, over remounts too.

A number is a hash of the key. A rename carries the old number along, as programs that
watch a file by its number expect; a new file under the old name then gets another one.

Threads: one lock guards the table of exceptions, which is bounded.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import NewType

from ossfs.vfs.keys import split

Ino = NewType("Ino", int)

ROOT = Ino(1)
MAX_EXCEPTIONS = 100_000  # renamed names remembered; about 200 bytes each


class InodeNumbers:
    """Gives every key its number."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards both
        self._exceptions: OrderedDict[str, Ino] = OrderedDict()
        self._owners: dict[Ino, str] = {}

    def of(self, key: str) -> Ino:
        """Return the number of the file, or (key ends in a slash) directory."""
        if not key:
            return ROOT
        with self._lock:
            return self._of_locked(key)

    def _of_locked(self, key: str) -> Ino:
        if (ino := self._exceptions.get(key)) is not None:
            return ino
        ino = hashed(key)
        if self._owners.get(ino, key) == key:
            return ino
        while self._owners.get(ino, key) != key:  # it moved away with a rename
            ino = hashed(f"{key}\0{ino}")
        self._remember_locked(key, ino)
        return ino

    def renamed(self, source: str, target: str) -> None:
        """Let `target` have the number that `source` had."""
        with self._lock:
            self._renamed_locked(source, target)

    def directory_renamed(self, source: str, target: str, below: Iterable[str]) -> None:
        """Do that for a directory and all in it; `below` are the keys of objects there now."""
        names = {target}
        for key in below:
            while key not in names:  # up to a directory that was seen
                names.add(key)
                key = split(key)[0]  # noqa: PLW2901  # the directory that it is in
        with self._lock:
            for name in names:
                self._renamed_locked(source + name[len(target) :], name)

    def _renamed_locked(self, source: str, target: str) -> None:
        ino = self._of_locked(source)
        self._forget_locked(source)
        self._forget_locked(target)
        if ino != hashed(target):
            self._remember_locked(target, ino)

    def forget(self, key: str) -> None:
        """Take note that nothing has this key any more."""
        with self._lock:
            self._forget_locked(key)

    def _remember_locked(self, key: str, ino: Ino) -> None:
        self._exceptions[key] = ino
        self._owners[ino] = key
        if len(self._exceptions) > MAX_EXCEPTIONS:
            _, oldest = self._exceptions.popitem(last=False)
            self._owners.pop(oldest, None)

    def _forget_locked(self, key: str) -> None:
        ino = self._exceptions.pop(key, None)
        if ino is not None:
            self._owners.pop(ino, None)


def hashed(key: str) -> Ino:
    """Return a positive 63-bit number for a key."""
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    return Ino((int.from_bytes(digest, "big") >> 1) | 2)  # never the root's
