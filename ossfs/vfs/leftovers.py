"""
Objects whose names are gone, and that could not be deleted yet.

An unlink whose file is open until later, the old name of a file that was renamed, the old
directory after its rename: the application was told that the name is gone, so nobody here
sees it any more. The journal knows what is left to delete, it is tried again in the
background, and at last by the next mount.

Threads: every method from any thread.
"""

import logging
import threading
from collections.abc import Callable

from ossfs.errors import StoreError
from ossfs.journal.journal import Journal
from ossfs.journal.records import DeletionRecord, MoveRecord
from ossfs.store.api import ObjectStore
from ossfs.vfs.keys import split
from ossfs.vfs.tree import Tree
from ossfs.writeback.aside import delete_version
from ossfs.writeback.moves import Mover

log = logging.getLogger(__name__)

RETRY_DELAY_S = 1.0

Leftover = DeletionRecord | MoveRecord


class Leftovers:
    """Deletes what is left. `later` hands a leftover to the background, which calls `finish`."""

    def __init__(
        self,
        *,
        tree: Tree,
        store: ObjectStore,
        journal: Journal,
        mover: Mover,
        later: Callable[[Leftover, float], None],
    ) -> None:
        self._tree = tree
        self._store = store
        self._journal = journal
        self._mover = mover
        self._later = later
        self._lock = threading.Lock()  # guards both
        self._moves: dict[str, MoveRecord] = {}
        self._covered: dict[str, DeletionRecord] = {}

    def hide(self, leftover: Leftover) -> None:
        """Let nobody see what is left; it is deleted in the background."""
        if isinstance(leftover, MoveRecord):
            with self._lock:
                self._moves[leftover.source] = leftover
            self._tree.hidden.hide_prefix(leftover.source)
        else:
            self._tree.hidden.hide(leftover.key, leftover.etag)
        log.warning("%s is renamed, but its old name is deleted later", leftover.key)
        self._later(leftover, RETRY_DELAY_S)

    def delete_soon(self, deletion: DeletionRecord) -> None:
        """Delete a hidden version now, or in the background when that fails."""
        try:
            self.finish(deletion)
        except StoreError as error:
            log.warning("%s is deleted later, not now: %s", deletion.key, error)
            self._later(deletion, RETRY_DELAY_S)

    def uncover(self, key: str) -> None:
        """Go on deleting what a new file would have replaced, and has not: it loses the name."""
        with self._lock:
            deletion = self._covered.pop(key, None)
        if deletion is not None and self._tree.hidden.is_hidden(key):
            self._later(deletion, 0.0)

    def finish(self, leftover: Leftover) -> None:
        """Delete what is left of an unlink or rename. StoreError: it is still there."""
        if isinstance(leftover, MoveRecord):
            self._finish_move(leftover)
        else:
            self._delete(leftover)

    def clear(self, prefix: str) -> None:
        """
        Delete what is left of renames of directories below, at, or above a prefix.

        A directory that gets that name could otherwise not be told from it. StoreError.
        """
        with self._lock:
            moves = [
                move
                for source, move in self._moves.items()
                if source.startswith(prefix) or prefix.startswith(source)
            ]
        for move in moves:
            self._finish_move(move)

    def _finish_move(self, move: MoveRecord) -> None:
        with self._lock:
            if move.source not in self._moves:
                return
        self._mover.resume(move)  # twice at a time does no harm: the name is nobody's
        with self._lock:
            self._moves.pop(move.source, None)
        self._tree.directories.forget(move.source)
        self._tree.hidden.unhide_prefix(move.source)

    def _is_covered(self, deletion: DeletionRecord) -> bool:
        """Say whether a new file has the name: it replaces the object, or `uncover` is called."""
        key = deletion.key
        with self._lock:
            self._covered[key] = deletion
        if self._tree.nodes.get(key) is not None:
            return True
        with self._lock:
            self._covered.pop(key, None)
        return False

    def _delete(self, deletion: DeletionRecord) -> None:
        """
        Delete a hidden version, unless its name was given to another object.

        While that is under way, nothing is certain: it is tried again.
        """
        key = deletion.key
        if self._is_covered(deletion):
            return
        if self._tree.hidden.is_claimed(key):
            self._later(deletion, RETRY_DELAY_S)
            return
        with self._tree.hidden.deletion(key, deletion.etag) as is_there:
            if is_there:
                if delete_version(deletion, self._store):
                    self._tree.objects.drop(key)
                    self._tree.directories.remove_file(*split(key))  # if it was listed since
                else:
                    self._tree.doubt(key)
        self._journal.end_deletion(deletion.id)
