"""
A small file becomes an object: one PUT, and a look before it when it is an edit.

Threads: every method from any thread, for one file one at a time.
"""

from ossfs.errors import ChecksumMismatch, EditConflict, PreconditionFailed
from ossfs.extents import Extent
from ossfs.store.api import FileBody, ObjectInfo, ObjectStore, Stored
from ossfs.store.resolving import has_content
from ossfs.writeback.guards import described, etag_guard, forbids, replaced
from ossfs.writeback.staging import StagedFile
from ossfs.writeback.values import Snapshot

MENDINGS = 5  # times that an object is sent again because it arrived damaged


class Putting:
    """Puts snapshots whose bytes are all local."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def put(self, snapshot: Snapshot, staged: StagedFile) -> Stored:
        """Make the bytes the object. EditConflict; the errors of `ObjectStore.put`."""
        body, base = FileBody(staged.fd, Extent(0, staged.size)), snapshot.base
        if base is not None and (current := replaced(self._store, base)):
            return self._ours(current, body, snapshot)
        is_conditional = self._store.capabilities.conditional_put
        try:
            return self._store.put(
                snapshot.key,
                body,
                snapshot.headers,
                if_match=etag_guard(snapshot, is_conditional=is_conditional),
                forbid_overwrite=forbids(snapshot, self._store),
            )
        except ChecksumMismatch:
            return self.mend(body, snapshot)
        except PreconditionFailed:
            current = None if base is None else replaced(self._store, base)
            if current is None:
                raise
            return self._ours(current, body, snapshot)

    def _ours(self, current: ObjectInfo, body: FileBody, snapshot: Snapshot) -> Stored:
        """Return the version there if it is our own PUT, whose answer we never saw."""
        if not has_content(current, body):
            raise EditConflict(f"{snapshot.key} was changed by somebody else")
        return described(self._store, current, snapshot)

    def mend(self, body: FileBody, snapshot: Snapshot) -> Stored:
        """
        Replace what a request of ours has made of bytes that were damaged on their way.

        One on a condition is not repeated by itself, because its condition holds no more.
        ChecksumMismatch: they are damaged each time.
        """
        left = MENDINGS
        while True:
            left -= 1
            is_conditional = self._store.capabilities.conditional_put
            etag = self._store.head(snapshot.key).etag if is_conditional else None
            try:
                return self._store.put(snapshot.key, body, snapshot.headers, if_match=etag)
            except ChecksumMismatch:
                if not left:
                    raise
