"""
Beginning, taking over and aborting the multipart uploads of files.

A new upload of a key takes over what an earlier writer of that key, who died before he had
closed the file, has left at the store: parts that hold the same bytes need not be sent
again. What nobody needs any more is aborted; the journal knows of it until that is done.

Threads: every method from any thread. `begin` is called with the file's lock held and asks
the store nothing.
"""

import logging

from ossfs.clock import Clock
from ossfs.journal.journal import Journal
from ossfs.journal.records import AbortRecord, UploadRecord
from ossfs.store.api import ObjectStore
from ossfs.transfer.opening import open_upload
from ossfs.transfer.parts import PartPlan
from ossfs.writeback.aborting import NotAborted, finish_abort
from ossfs.writeback.changing import ChangedFile
from ossfs.writeback.checkpoint import JournalCheckpoint
from ossfs.writeback.file_upload import Dropped, FileUpload
from ossfs.writeback.kept import Kept

log = logging.getLogger(__name__)


class FileUploads:
    """The uploads of one mount; `first_size` is the size of the first parts of new ones."""

    def __init__(
        self, *, store: ObjectStore, journal: Journal, kept: Kept, clock: Clock, first_size: int
    ) -> None:
        self.first_size = first_size
        self.plan = PartPlan(first_size, store.limits)
        self._store = store
        self._journal = journal
        self._kept = kept
        self._clock = clock

    def begin(self, pending: ChangedFile) -> FileUpload:
        """Give a file, whose lock is held and which has none, an upload."""
        assert pending.file_id is not None  # noqa: S101 - new content is in the journal
        record, pending.recovered = pending.recovered, None
        if record is None:
            record = self._kept.adopt_upload(pending.key, pending.file_id)
        plan = self._plan(record)
        checkpoint = JournalCheckpoint(
            self._journal,
            pending.file_id,
            key=pending.key,
            part_size=plan.first_size,
            headers=pending.headers,
            clock=self._clock,
            record=record,
        )
        pending.upload = FileUpload(checkpoint, plan, is_own=record is None)
        return pending.upload

    def plan_of(self, pending: ChangedFile) -> PartPlan:
        """Return the parts of a file: those of its upload if there is one under its key."""
        with pending.lock:
            if pending.upload_key != pending.key:
                return self.plan
            return self._plan(pending.recovered) if pending.upload is None else pending.upload.plan

    def _plan(self, record: UploadRecord | None) -> PartPlan:
        return self.plan if record is None else PartPlan(record.part_size, self._store.limits)

    def has_drafts(self, key: str) -> bool:
        """Say whether an interrupted writer of this key has left something."""
        return self._kept.draft_of(key) is not None

    def supersede(self, key: str, fd: int, size: int) -> None:
        """Drop what interrupted writers of a file have left, if the new one has it all."""
        for record in self._kept.supersede(key, fd, size):
            self.finish_abort(record)

    def opened(self, upload: FileUpload) -> str:
        """Return the store's id of an upload, which is begun or looked up if need be."""
        checkpoint = upload.checkpoint
        with upload.opening:
            return open_upload(self._store, checkpoint, upload.key, checkpoint.headers)

    def drop(self, pending: ChangedFile) -> None:
        """Abort the upload of a file, if it has one: it cannot be used any more."""
        dropped = pending.drop_upload()
        if dropped is not None:
            self.abort(dropped)

    def abort(self, dropped: Dropped) -> None:
        """Abort an upload when none of its parts is on its way any more."""
        record = dropped.landed()
        if record is not None:
            self.finish_abort(record)

    def finish_abort(self, record: AbortRecord) -> None:
        """Abort an upload; if that fails, it is tried again by the next mount."""
        try:
            finish_abort(record, self._journal, self._store)
        except NotAborted as error:
            log.warning("%s", error)
