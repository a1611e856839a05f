"""
Names that are gone although their objects are still there.

An object that is unlinked while somebody reads it is deleted at the last close; until then
nobody sees it. When its name is given to a new object first, it is not deleted any more:
that would hit the new one. An empty etag hides whatever has the key.

Threads: every method from any thread. `claim` waits for a deletion of the same key that is
under way, since the request could otherwise arrive behind the new object.
"""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(slots=True)
class _Hidden:
    etag: str
    is_claimed: bool = False
    is_being_deleted: bool = False


class HiddenNames:
    """The keys of objects and directories that nobody sees, in one mount."""

    def __init__(self) -> None:
        self._changed = threading.Condition()  # guards all
        self._names: dict[str, _Hidden] = {}
        self._prefixes: frozenset[str] = frozenset()  # replaced, never changed: read without it

    def hide(self, key: str, etag: str) -> None:
        """Let nobody see this version of an object."""
        with self._changed:
            self._names[key] = _Hidden(etag)

    def hide_prefix(self, prefix: str) -> None:
        """Let nobody see a directory, and nothing that is in it."""
        with self._changed:
            self._prefixes |= {prefix}

    def unhide_prefix(self, prefix: str) -> None:
        """Let a directory of this name be seen: nothing of the old one is there any more."""
        with self._changed:
            self._prefixes -= {prefix}

    def covers(self, key: str) -> bool:
        """Say whether a key is, or is in, a directory that nobody sees."""
        prefixes = self._prefixes
        return bool(prefixes) and any(key.startswith(prefix) for prefix in prefixes)

    def unhide(self, key: str) -> None:
        """Let the object of this key be seen: it is another one now, or it is deleted."""
        with self._changed:
            self._names.pop(key, None)

    def __contains__(self, version: tuple[str, str]) -> bool:
        """Say whether the version (key, etag) is hidden."""
        key, etag = version
        if not self._names:  # as nearly always
            return False
        with self._changed:
            hidden = self._names.get(key)
            return hidden is not None and hidden.etag in ("", etag)

    def is_hidden(self, key: str) -> bool:
        """Say whether any version of an object is hidden."""
        with self._changed:
            return key in self._names

    def below(self, prefix: str) -> set[str]:
        """Return the hidden keys that begin with `prefix`."""
        with self._changed:
            return {key for key in self._names if key.startswith(prefix)}

    def claim(self, key: str) -> bool:
        """
        Give the key to a new object, about to be made; False: nothing was hidden there.

        What is hidden stays so until `unhide`, but `deletion` leaves it alone.
        """
        with self._changed:
            while (hidden := self._names.get(key)) is not None and hidden.is_being_deleted:
                self._changed.wait()
            if hidden is None:
                return False
            hidden.is_claimed = True
            return True

    def unclaim(self, key: str) -> None:
        """Take note that the new object did not come: what is hidden may be deleted again."""
        with self._changed:
            hidden = self._names.get(key)
            if hidden is not None:
                hidden.is_claimed = False

    def is_claimed(self, key: str) -> bool:
        """Say whether the key is being given to a new object, so that nothing is certain."""
        with self._changed:
            hidden = self._names.get(key)
            return hidden is not None and hidden.is_claimed

    @contextlib.contextmanager
    def deletion(self, key: str, etag: str) -> Iterator[bool]:
        """
        Delete a hidden version inside the block, and let its name be seen behind it.

        Yields False when there is nothing to delete: the name has a new object, whatever
        its etag. If the block fails, the version stays hidden.
        """
        if not self.begin_deletion(key, etag):
            yield False
            return
        is_deleted = False
        try:
            yield True
            is_deleted = True
        finally:
            self.end_deletion(key, is_deleted=is_deleted)

    def begin_deletion(self, key: str, etag: str) -> bool:
        """
        Keep others from the name of a hidden version, which is about to be deleted.

        False: there is nothing to delete. Otherwise `end_deletion` has to follow.
        """
        with self._changed:
            hidden = self._names.get(key)
            if hidden is None or hidden.etag != etag:
                return False
            if hidden.is_claimed or hidden.is_being_deleted:
                return False
            hidden.is_being_deleted = True
            return True

    def end_deletion(self, key: str, *, is_deleted: bool) -> None:
        """Let others have the name; if the version is deleted, it is not hidden any more."""
        with self._changed:
            hidden = self._names.get(key)
            if hidden is not None and hidden.is_being_deleted:
                hidden.is_being_deleted = False
                if is_deleted:
                    del self._names[key]
            self._changed.notify_all()
