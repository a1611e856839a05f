"""
The way of a changed file into the bucket, and what may come between.

A commit takes a snapshot and makes it the object; each change moves the generation, so it
is known what is still missing afterwards. A commit excludes writers, other commits and
renames; an unlink stops it.

Threads: as in `ossfs.writeback.changing`. `committing()`, `moving()` and `stopped()` are
long states, not held locks.
"""

import contextlib
from collections.abc import Iterator

from ossfs.journal.records import FileId, IntentId, Version
from ossfs.store.api import Headers
from ossfs.writeback.changing import ChangedFile
from ossfs.writeback.file_upload import Dropped
from ossfs.writeback.values import Snapshot, UploadStatus


class PendingFile(ChangedFile):
    """One file on its way into the bucket."""

    # Committing

    @contextlib.contextmanager
    def committing(self, *, is_asked_for: bool = True) -> Iterator[Snapshot | None]:
        """
        Exclude writers and other commits; None when there is nothing to commit.

        Unless it `is_asked_for`, content that nobody has closed or synced yet is left alone.
        """
        with self.lock:
            while self.is_committing:
                self.lock.wait()
            is_early = not is_asked_for and not self.is_asked_for
            if not self.is_dirty or self.is_discarded or is_early:
                snapshot = None
            else:
                self.is_committing = self.is_asked_for = True
                snapshot = self.snapshot()
        if snapshot is None:
            yield None
            return
        try:
            yield snapshot
        finally:
            with self.lock:
                self.is_committing = False
                self.lock.notify_all()

    def snapshot(self) -> Snapshot:
        """Return what a commit would make the object now."""
        with self.lock:
            return Snapshot(
                self.key,
                self.generation,
                self.base,
                self.headers,
                self.has_new_content,
                self.is_exclusive,
            )

    def settle(self, snapshot: Snapshot, version: Version) -> None:
        """Take note that `snapshot` is the object `version` now; the journal first."""
        with self.lock:
            is_behind = self.generation != snapshot.generation and not self.is_discarded
            if is_behind and self.file_id is not None:
                self._keep_headers_locked(self.file_id, version)
            else:
                self._forget_locked(made=version.key)
            self.base, self.is_exclusive = version, False
            self.attempts.clear()
            self.committed = snapshot.generation
            self.upload = self.recovered = None
            self.error = ""
            if snapshot.has_new_content:
                self.has_new_content = False
                if self.staged is not None:
                    self.staged.mark_clean()
            if is_behind and self.file_id is None:
                self._record_headers_locked()

    def _keep_headers_locked(self, file_id: FileId, version: Version) -> None:
        """Make of the promise of content one of the attributes that were changed meanwhile."""
        self._journal.promise(
            file_id,
            generation=self.generation,
            base=version,
            staging=None,
            content=None,
            headers=self.headers,
            replaces=self.attributes_id,
        )
        self._journal.upload_gone(file_id)
        self._journal.cancel_deletions(version.key)
        self.attributes_id = None
        self.is_content_recorded = False
        self._drop_promised_locked()

    @contextlib.contextmanager
    def moving(self) -> Iterator[Headers | None]:
        """
        Exclude writers and commits while the object is renamed; call `moved` inside.

        Yields the headers that are to go with the object, None when it has them.
        """
        with self.lock:
            while self.is_committing:
                self.lock.wait()
            self.is_committing = True
            headers = self.headers if self.is_dirty else None
        try:
            yield headers
        finally:
            with self.lock:
                self.is_committing = False
                self.lock.notify_all()

    def moved(self, key: str, version: Version, headers: Headers | None) -> None:
        """Take note that the object, with these headers, is `version` under `key` now."""
        with self.lock:
            self.key, self.base = key, version
            if self.has_new_content and self.file_id is not None:
                self._rename_rows_locked(key, version)
                return
            self._forget_locked()
            if headers is None or headers is self.headers:
                self.committed = self.generation
            else:  # attributes changed meanwhile
                self._record_headers_locked()

    def rename(self, key: str) -> bool:
        """
        Give a file that has no version in the bucket yet a new name; waits for a commit.

        False: there is one (by now), under the old name; nothing has changed.
        """
        with self.lock:
            while self.is_committing:
                self.lock.wait()
            if self.base is not None:
                return False
            self._rename_rows_locked(key, None)
            self.key = key
            return True

    def _rename_rows_locked(self, key: str, base: Version | None) -> None:
        self.is_exclusive = False  # a rename may replace what is there
        for file_id in self._rows_locked():
            self._journal.rename_file(file_id, key, base=base)

    def followed(self, key: str, version: Version | None) -> None:
        """Take note that the object has moved with its directory; call it inside `moving`."""
        with self.lock:
            self._rename_rows_locked(key, version)
            self.key, self.base = key, version

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop a running commit and exclude others; if the block fails, all is as before."""
        with self.lock:
            was_discarded, self.is_discarded = self.is_discarded, True
            while self.is_committing:
                self.lock.wait()
        try:
            yield
        except BaseException:
            with self.lock:
                self.is_discarded = was_discarded
                self._catch_up_locked()
            raise

    def _catch_up_locked(self) -> None:
        """Tell the journal of changes that it was not told of while the file was to go."""
        if self.is_discarded or not self.is_dirty:
            return
        if self.has_new_content and self.staged is not None:
            if not self.is_content_recorded:
                self._record_content_locked(self.staged.name)
        elif self.file_id is None:
            self._record_headers_locked()

    def unlink(self) -> Dropped | None:
        """
        Do as `discard`, but let what is promised be promised again by `relink`.

        Until `discard` the journal knows, so that a crash brings nothing back.
        """
        with self.lock:
            if not self.has_promise:
                return self.discard()
            self._stop_locked()
            record = self._journal.unlinked(self._rows_locked())
            self.committed = self.generation
            return self._dropped_locked(record)

    def relink(self, *, deletion: IntentId | None) -> bool:
        """
        Let a crash find what was there before the file was unlinked.

        `deletion` is the note that its object is to go. False: nothing else was promised.
        """
        with self.lock:
            rows = self._rows_locked() if self.has_promise else []
            if rows or deletion is not None:
                self._journal.relinked(rows, deletion=deletion)
            return self.has_promise

    def _rows_locked(self) -> list[FileId]:
        return [row for row in (self.attributes_id, self.file_id) if row is not None]

    def _stop_locked(self) -> None:
        self.is_discarded = True
        while self.is_committing:
            self.lock.wait()

    def discard(self) -> Dropped | None:
        """
        Never commit again: the file was unlinked. Stops a running commit and waits for it.

        The bytes stay readable and writable until `drop_local`. Returns the upload that
        the store may still hold.
        """
        with self.lock:
            self._stop_locked()
            record = None
            if self.file_id is not None:
                record = self._journal.discard(self.file_id)
                self.file_id = None
            self._forget_locked()
            self.committed = self.generation
            return self._dropped_locked(record)

    def abandon(self, reason: str) -> None:
        """Leave bytes and journal as they are for the user, and accept no more changes."""
        with self.lock:
            self.is_abandoned = True
            self.error = reason
            self.file_id = None
            self.committed = self.generation

    def drop_local(self) -> None:
        """Delete the local bytes unless something of them is missing in the bucket."""
        with self.lock:
            is_needed = self.is_committing or (self.is_dirty and not self.is_discarded)
            if self.staged is None or is_needed:
                return
            if self.is_abandoned:
                self.staged.close()
            else:
                self.staged.remove()
            self.staged = None

    def close(self) -> None:
        """Close the staging file and keep it, for the next mount."""
        with self.lock:
            promised, self._promised = self._promised, None
            if promised is not None and promised is not self.staged:
                promised.close()
            if self.staged is not None:
                self.staged.close()
                self.staged = None

    def progress(self, *, parts_total: int, parts_done: int = 0, sent: int = 0) -> None:
        """Note how far its commit is, for a person."""
        with self.lock:
            self.parts_total, self.parts_done, self.sent = parts_total, parts_done, sent

    def status(self) -> UploadStatus:
        """Describe it for a person."""
        with self.lock:
            if self.is_committing:
                state = "uploading"
            elif self.error:
                state = "failed"
            else:
                state = "waiting"
            return UploadStatus(
                key=self.key,
                state=state,
                size=self.size,
                sent=self.sent,
                parts_total=self.parts_total,
                parts_done=self.parts_done,
                generation=self.generation,
                error=self.error,
                since_ns=self.since_ns,
                staging=self._area.path(self.staged.name) if self.staged else "",
                id="" if self.file_id is None else str(self.file_id),
            )
