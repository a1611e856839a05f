"""
What is kept on the local disk for somebody to decide about: drafts, conflicts, lost files.

Nobody promised a draft to the bucket, and a conflict found no place there. Their rows in
the journal and their staging files stay until a person, or a new write of the same file,
makes them superfluous. Of a lost file there are only bytes (`ossfs.writeback.lost`).
`Kept` is the one list of them that a mount has; what leaves it is not shown any more.

A state folder that nobody has mounted can be looked through in the same way: then what was
promised is in the list, too.

Threads: any method from any thread. The lock guards the table and that it agrees with the
journal; it may be held during a transaction, never during a request. Who holds it takes no
other lock but the journal's.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from ossfs.clock import Clock
from ossfs.errors import OssfsError
from ossfs.extents import Extent
from ossfs.journal.journal import Journal
from ossfs.journal.records import (
    AbortRecord,
    Content,
    FileId,
    FileRecord,
    FileState,
    UploadRecord,
    Version,
)
from ossfs.store.api import ObjectStore
from ossfs.writeback.aborting import finish_abort
from ossfs.writeback.details import Details, describe, detailed
from ossfs.writeback.lost import LOST_NAME, lost_files
from ossfs.writeback.pending import PendingFile
from ossfs.writeback.restoring import restore
from ossfs.writeback.staging import StagingArea
from ossfs.writeback.values import UploadStatus

log = logging.getLogger(__name__)

COMPARED = 1 << 20  # bytes read at once


class Refused(OssfsError):
    """This cannot be done with this file; the message says why, and what can be."""


class Kept:
    """The drafts, conflicts and lost files of one state folder."""

    def __init__(self, *, journal: Journal, area: StagingArea) -> None:
        self._journal = journal
        self._area = area
        self._lost = area.folder.with_name(LOST_NAME)
        self._lock = threading.RLock()
        self._records: dict[FileId, FileRecord] = {}  # guarded by the lock

    # The table

    def add(self, records: Iterable[FileRecord]) -> None:
        """Keep these; their rows and staging files are there already."""
        with self._lock:
            self._records.update((record.id, record) for record in records)

    def add_conflicts(self) -> None:
        """Keep what the journal has as a conflict by now. JournalDamaged."""
        with self._lock:
            files = self._journal.load().files
            self.add(record for record in files if record.state is FileState.CONFLICT)

    def records(self) -> list[FileRecord]:
        """Return those that the journal knows, oldest first."""
        with self._lock:
            return [self._records[file_id] for file_id in sorted(self._records)]

    def get(self, file_id: FileId) -> FileRecord | None:
        """Return one of them; None: it is not kept, or not any more."""
        with self._lock:
            return self._records.get(file_id)

    def draft_of(self, key: str) -> FileRecord | None:
        """Return the latest draft of a key, with what is known of its upload."""
        for record in reversed(self.records()):
            if record.key == key and record.state is FileState.DRAFT:
                return record
        return None

    def adopt_upload(self, key: str, file: FileId) -> UploadRecord | None:
        """Hand the upload of a draft of this key over to another file, once."""
        with self._lock:
            draft = self.draft_of(key)
            if draft is None or draft.upload is None or draft.upload.key != key:
                return None
            upload = draft.upload
            self._journal.adopt_upload(upload.row, file)
            self._records[draft.id] = replace(draft, upload=None)
            return upload

    def supersede(self, key: str, fd: int, size: int) -> list[AbortRecord]:
        """
        Drop the drafts of a key whose bytes a new file, open as `fd`, all has.

        Drafts of edits are left alone: nobody knows which of their bytes were written.
        Returns the uploads of those that were dropped, to be aborted.
        """
        dropped = []
        for record in self.records():
            is_whole = record.state is FileState.DRAFT and record.base is None
            if record.key != key or not is_whole or record.staging is None:
                continue
            try:
                is_included = _begins_with(fd, size, self._area.folder / record.staging)
            except OSError as error:
                log.warning("the draft of %s cannot be read: %s", key, error)
                continue
            if is_included:
                log.info("%s is in the bucket: its draft is not needed any more", key)
                dropped.append(self.drop(record.id))
        return [one for one in dropped if one is not None]

    def drop(self, file_id: FileId) -> AbortRecord | None:
        """
        Forget one of them and delete its local bytes; nothing happens when it is gone.

        Returns its upload, if it has one, to be aborted: otherwise the next mount does it.
        """
        with self._lock:
            record = self._records.get(file_id)
            if record is None:
                return None
            dropped = self._journal.discard(file_id)
            del self._records[file_id]
        if record.staging is not None:
            self._area.remove(record.staging)
        return dropped

    def take(self, file_id: FileId) -> FileRecord | None:
        """Hand one of them over, once: row and staging file are the caller's from now on."""
        with self._lock:
            return self._records.pop(file_id, None)

    # For a person

    def status(self) -> list[UploadStatus]:
        """Describe them for a person."""
        known = [describe(record, self._area.folder) for record in self.records()]
        return known + [details.status for details in lost_files(self._lost)]

    def details(self, name: str) -> Details | None:
        """Describe the one whose id is `name` completely; None: there is none."""
        record = self._named(name)
        if record is not None:
            return detailed(record, self._area.folder)
        return next((one for one in lost_files(self._lost) if one.status.id == name), None)

    def abort(self, name: str, store: ObjectStore) -> bool:
        """
        Abort the upload of a file at the store and keep its local bytes.

        False: it has none. NotAborted: the next mount tries again.
        """
        with self._lock:
            record = self._named(name)
            dropped = None if record is None else self._journal.drop_upload(record.id)
            if record is None or dropped is None:
                return False
            self._records[record.id] = replace(record, upload=None)
        finish_abort(dropped, self._journal, store)
        return True

    def discard(self, name: str, store: Callable[[], ObjectStore]) -> None:
        """
        Delete the local bytes of a file, and all that is known of it.

        If it has an upload at the store, that is aborted. NotAborted, or what `store`
        raises: all the rest is done, and the next mount tries again.
        """
        details = self.details(name)
        if details is None:
            return
        dropped = None
        if name.isdecimal():
            dropped = self.drop(FileId(int(name)))
        else:  # no row knows it
            Path(details.status.staging).unlink(missing_ok=True)
        log.info("discarded %s (%d bytes)", details.status.key, details.status.size)
        if dropped is not None:
            finish_abort(dropped, self._journal, store())

    def fetch(self, name: str, extent: Extent, store: ObjectStore) -> bytes:
        """
        Return bytes of the version that an edit is based on.

        Refused: there is none. PreconditionFailed, NoSuchKey: it is not there any more.
        """
        record = self._named(name)
        if record is None or record.base is None:
            raise Refused(f"{name} is not an edit of an object")
        return fetch_base(store, record.base, extent)

    def promise(self, name: str, *, clock: Clock, overwrite: bool) -> PendingFile:
        """
        Promise a draft of a new file to the bucket as it is; what it holds is all of it.

        Its bytes and the promise are on disk when this returns. Unless it may `overwrite`
        what is there, one that was opened with O_EXCL must still be the first of its name.
        Refused: it is no draft of a new file.
        """
        record = self._named(name)
        if record is None:
            raise Refused(f"there is no file {name} any more")
        refuse_to_resume(detailed(record, self._area.folder))
        if record.state is FileState.PROMISED:  # it could not be taken up at the start
            pending = restore(record, self._journal, self._area, clock)
            self.take(record.id)
            return pending
        assert record.staging is not None  # noqa: S101 - a draft without bytes is not kept
        size = (self._area.folder / record.staging).stat().st_size
        whole = [Extent(0, size)] if size else []
        content = Content(size=size, present=whole, dirty=whole, base_limit=0)
        staged = self._area.open(record.staging, content)
        try:
            staged.sync()
            generation = max(1, record.generation)
            self._journal.promise(
                record.id,
                generation=generation,
                base=None,
                staging=record.staging,
                content=content,
                headers=record.headers,
            )
        finally:
            staged.close()
        with self._lock:
            self._reload_locked(record.id)
            promised = self._records.pop(record.id)
        if overwrite:
            promised = replace(promised, is_exclusive=False)
        return restore(promised, self._journal, self._area, clock)

    def _named(self, name: str) -> FileRecord | None:
        return self.get(FileId(int(name))) if name.isdecimal() else None

    def _reload_locked(self, file_id: FileId) -> None:
        self._records.update(
            (record.id, record) for record in self._journal.load().files if record.id == file_id
        )


def _begins_with(fd: int, size: int, path: Path) -> bool:
    """Say whether a file of `size` bytes begins with all the bytes of another one."""
    with path.open("rb") as draft:
        at = 0
        while data := draft.read(COMPARED):
            if at + len(data) > size or os.pread(fd, len(data), at) != data:
                return False
            at += len(data)
    return True


def refuse_to_resume(details: Details) -> None:
    """Say why a kept file is not brought to the bucket. Refused, unless it can be."""
    status = details.status
    way = f"`ossfs uploads export {status.id} FILE` writes what is here to a file"
    if status.state == "draft" and details.base is not None:
        raise Refused(
            f"{status.key} is an unfinished edit of a version in the bucket, and nobody knows"
            f" what else was to be changed; {way}"
        )
    if status.state == "conflict":
        raise Refused(
            f"{status.key} was changed by somebody else, and theirs stays; {way},"
            " which can be compared and copied over theirs"
        )
    if status.state == "lost":
        raise Refused(f"{status.key} is damaged: {status.error}; {way}")


def fetch_base(store: ObjectStore, base: Version, extent: Extent) -> bytes:
    """Return bytes of that version. PreconditionFailed, NoSuchKey: it is not there any more."""
    return bytes(store.get(base.key, extent, if_match=base.etag).data)
