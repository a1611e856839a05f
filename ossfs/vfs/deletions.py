"""
Deletions of many files in a row, sent together.

Whoever removes a tree holds a directory open, takes one name after the other from it and
waits for each: `rm -r`, Python's `rmtree`. The first few of them are deleted while it waits,
so that it hears of a refusal. The following are in the journal and gone from sight when
`unlink` returns; a moment later one request deletes all that have come together, and the moment
grows while the run goes on, so that a tree of any size takes few requests. The
`rmdir` at the end waits for it. A single `unlink` is not touched by this.

Threads: every method from any thread. The lock is never held during a request.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ossfs.clock import Clock
from ossfs.errors import StoreError
from ossfs.journal.journal import Journal
from ossfs.journal.records import DeletionRecord
from ossfs.store.api import DeleteFailure, ObjectStore
from ossfs.vfs.open_directories import OpenDirectories
from ossfs.vfs.tree import Tree

log = logging.getLogger(__name__)

PATIENCE = 3  # files deleted one at a time before the next ones are deleted together
PAUSE_S = 2.0  # after this time without a deletion it is not the same run any more
DELAY_S = 0.02  # to the first request of a run
LAST_DELAY_S = 0.64  # each request of a run waits twice as long as the one before, up to this
MOST_WAITING = 5000  # then an unlink waits for a request


@dataclass(frozen=True, slots=True)
class Deletion:
    """What waits to be deleted; all of it is one piece of work."""

    key: str = "deletions"


ALL = Deletion()


class Deletions:
    """Deletes files together. `later` hands work to the background, which calls `finish`."""

    def __init__(
        self,
        *,
        tree: Tree,
        store: ObjectStore,
        journal: Journal,
        clock: Clock,
        open_directories: OpenDirectories,
        later: Callable[[Deletion, float], None],
    ) -> None:
        self._tree = tree
        self._store = store
        self._journal = journal
        self._clock = clock
        self._open = open_directories
        self._later = later
        self._lock = threading.Lock()  # guards all below
        self._waiting: dict[str, DeletionRecord] = {}
        self._runner = 0
        self._run_count = 0
        self._run_at = float("-inf")
        self._run_delay_s = DELAY_S
        self._sending = threading.Lock()  # one request at a time: the next takes all that came

    def is_run(self, pid: int, directory: str) -> bool:
        """Say whether a process holds the directory open and removes one file after the other."""
        with self._lock:
            is_fresh = self._clock.monotonic() < self._run_at + PAUSE_S
            is_run = is_fresh and self._runner == pid and self._run_count >= PATIENCE
        return is_run and self._store.limits.max_delete > 0 and self._open.holds(pid, directory)

    def deleted(self, pid: int) -> None:
        """Take note of a deletion that the store has answered."""
        now = self._clock.monotonic()
        with self._lock:
            is_same = self._runner == pid and now < self._run_at + PAUSE_S
            self._run_count = self._run_count + 1 if is_same else 1
            self._run_delay_s = self._run_delay_s if is_same else DELAY_S
            self._runner, self._run_at = pid, now

    # Deleting

    def soon(self, pid: int, key: str, etag: str) -> None:
        """Take a file's name away now, and delete its object a moment later."""
        intent = self._journal.begin_deletion(key, etag, lasting=False)
        self._tree.hidden.hide(key, etag)
        self._tree.gone(key)
        with self._lock:
            self._waiting[key] = DeletionRecord(intent, key, etag)
            is_full = len(self._waiting) >= MOST_WAITING
            fills_request = len(self._waiting) >= self._store.limits.max_delete
            delay_s = 0.0 if fills_request else self._run_delay_s
        self.deleted(pid)
        self._later(ALL, delay_s)
        if is_full:
            self.settle()

    def finish(self, _: Deletion = ALL) -> None:
        """
        Delete what waits; what the store cannot do now waits on. StoreError.

        What comes meanwhile has a moment of its own, unless it is more than a request holds.
        """
        with self._lock:
            self._run_delay_s = min(2 * self._run_delay_s, LAST_DELAY_S)
        with self._sending:
            is_full = True
            while is_full and (batch := self._take("")):
                self._send(batch)
                is_full = len(batch) == self._store.limits.max_delete

    def settle(self, prefix: str = "") -> None:
        """Delete what waits and has a key that begins with `prefix`, now. StoreError."""
        with self._sending:
            while batch := self._take(prefix):
                self._send(batch)

    def _take(self, prefix: str) -> list[DeletionRecord]:
        with self._lock:
            found = [record for key, record in self._waiting.items() if key.startswith(prefix)]
            del found[self._store.limits.max_delete :]
            for record in found:
                del self._waiting[record.key]
            return found

    def _send(self, batch: Sequence[DeletionRecord]) -> None:
        hidden = self._tree.hidden
        due = [record for record in batch if hidden.begin_deletion(record.key, record.etag)]
        left = {record.key: record for record in due}
        try:
            failures = self._store.delete_many(list(left)) if left else ()
            for key in left.keys() - {failure.key for failure in failures}:
                self._tree.gone(key)  # it may have been listed since
                hidden.end_deletion(key, is_deleted=True)
                del left[key]
            self._give_up([one for one in failures if one.code == "AccessDenied"], left)
        finally:
            for key in left:
                hidden.end_deletion(key, is_deleted=False)
            with self._lock:
                self._waiting = left | self._waiting
            done = [record.id for record in batch if record.key not in left]
            self._journal.end_deletions(done)
        if left:
            raise StoreError(
                f"{len(left)} files are not deleted yet",
                operation="DeleteObjects",
                bucket=self._store.name,
                key=next(iter(left)),
            )

    def _give_up(self, refused: Sequence[DeleteFailure], left: dict[str, DeletionRecord]) -> None:
        """Let files be seen again that may not be deleted."""
        for failure in refused:
            if left.pop(failure.key, None) is not None:
                self._tree.hidden.end_deletion(failure.key, is_deleted=True)
                self._tree.doubt(failure.key)
        if refused:
            log.warning(
                "%d files were removed and are there again, the store does not let them be"
                " deleted; one of them is %s: %s",
                len(refused),
                refused[0].key,
                refused[0].message,
            )
            with self._lock:
                self._run_count = 0
