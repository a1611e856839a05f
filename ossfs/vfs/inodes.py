"""
Inode numbers: the same for a name as long as it is there, over remounts too.

A number is a hash of the name and of the directory's number. A rename carries the old number
along, as programs that watch a file by its number expect, and with a directory's those of all
that is below it; a new file under the old name then gets another one.

Threads: one lock guards the table of exceptions, which is bounded.
"""

import hashlib
import threading
from collections import OrderedDict
from typing import NewType

from ossfs.vfs.keys import split

Ino = NewType("Ino", int)

ROOT = Ino(1)
MAX_EXCEPTIONS = 100_000  # renamed names remembered; about 200 bytes each


class InodeNumbers:
    """Gives every key its number."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards all
        self._exceptions: OrderedDict[str, Ino] = OrderedDict()
        self._owners: dict[Ino, str] = {}
        self._latest: tuple[str, Ino] = ("", ROOT)  # the directory that was asked for last

    def of(self, key: str) -> Ino:
        """Return the number of the file, or (key ends in a slash) directory."""
        if not key:
            return ROOT
        with self._lock:
            return self._of_locked(key)

    def _of_locked(self, key: str) -> Ino:
        return self._given_locked(key, self._hashed_locked(key))

    def _hashed_locked(self, key: str) -> Ino:
        """Return the number that a key has unless it is an exception."""
        directory = split(key)[0]
        if self._latest[0] != directory:
            self._latest = (directory, self._directory_locked(directory))
        return hashed(self._latest[1], key[len(directory) :])

    def _directory_locked(self, directory: str) -> Ino:
        """Return a directory's number, which follows from those of all above it."""
        ino, start = ROOT, 0
        while stop := directory.find("/", start) + 1:
            ino = self._given_locked(directory[:stop], hashed(ino, directory[start:stop]))
            start = stop
        return ino

    def _given_locked(self, key: str, ino: Ino) -> Ino:
        """Return the number of a key that is to have `ino`, if nothing else has that."""
        if (exception := self._exceptions.get(key)) is not None:
            return exception
        if self._owners.get(ino, key) == key:
            return ino
        while self._owners.get(ino, key) != key:  # it moved away with a rename
            ino = hashed(ino, f"/{key}")  # no name begins so: in what has it, it is none's
        self._remember_locked(key, ino)
        return ino

    def renamed(self, source: str, target: str) -> None:
        """Let `target`, and all that is below it, have the numbers that `source` had."""
        with self._lock:
            ino = self._of_locked(source)
            self._forget_locked(source)
            self._forget_locked(target)
            if ino != self._hashed_locked(target):
                self._remember_locked(target, ino)
            if source.endswith("/"):
                self._moved_below_locked(source, target)

    def _moved_below_locked(self, source: str, target: str) -> None:
        """Let what was renamed below a directory stay an exception under its new key."""
        self._latest = ("", ROOT)
        for key in [key for key in self._exceptions if key.startswith(source)]:
            ino = self._exceptions[key]
            self._forget_locked(key)
            self._remember_locked(target + key[len(source) :], ino)

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
        if key.endswith("/"):
            self._latest = ("", ROOT)
        ino = self._exceptions.pop(key, None)
        if ino is not None:
            self._owners.pop(ino, None)


def hashed(above: Ino, name: str) -> Ino:
    """Return a positive 63-bit number for a name in what has the number `above`."""
    digest = hashlib.blake2b(f"{above:x}/{name}".encode(), digest_size=8).digest()
    return Ino((int.from_bytes(digest, "big") >> 1) | 2)  # never the root's
