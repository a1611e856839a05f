"""
The checkpoints of uploads, kept in the journal.

Threads: `part_done` is called by the workers, the rest by the thread that runs the upload.
"""

import threading
from collections.abc import Mapping
from dataclasses import replace

from ossfs.clock import Clock
from ossfs.journal.journal import Journal
from ossfs.journal.records import FileId, IntentId, UploadRecord, UploadState
from ossfs.store.api import Part
from ossfs.transfer.copy import UnrecordedCheckpoint


class MoveCheckpoint(UnrecordedCheckpoint):
    """The upload that copies the object `key` in a rename: the journal knows it, to abort it."""

    def __init__(self, journal: Journal, move: IntentId, key: str) -> None:
        super().__init__()
        self._journal = journal
        self._move = move
        self._key = key

    def plan(self) -> None:
        """Journal that CreateUpload is about to be sent."""
        self._journal.plan_move_upload(self._move, self._key)

    def started(self, upload_id: str) -> None:
        """Journal the upload's id."""
        self._journal.move_upload_started(self._move, upload_id)
        super().started(upload_id)


class JournalCheckpoint:
    """
    A `ossfs.transfer.upload.Checkpoint` for generation `generation` of `file`.

    A `record` from before must be of the same key, generation and part size.
    """

    def __init__(
        self,
        journal: Journal,
        file: FileId,
        *,
        key: str,
        generation: int,
        part_size: int,
        record: UploadRecord | None,
        clock: Clock,
    ) -> None:
        self._journal = journal
        self._file = file
        self._key = key
        self._generation = generation
        self._part_size = part_size
        self._clock = clock
        self._lock = threading.Lock()  # guards the record
        self._record = record

    @property
    def record(self) -> UploadRecord | None:
        """What is known of the upload now; None: there is none."""
        with self._lock:
            return self._record

    @property
    def planned_ns(self) -> int | None:
        """When an upload was planned whose id is not known."""
        record = self.record
        is_planned = record is not None and record.state is UploadState.PLANNED
        return record.planned_ns if record is not None and is_planned else None

    @property
    def upload_id(self) -> str | None:
        """The upload's id, if it is known."""
        record = self.record
        return None if record is None else record.upload_id

    @property
    def parts(self) -> Mapping[int, Part]:
        """Acknowledged parts."""
        record = self.record
        return {} if record is None else {part.number: part for part in record.parts}

    @property
    def is_completing(self) -> bool:
        """Complete may have been sent."""
        record = self.record
        return record is not None and record.state is UploadState.COMPLETING

    def plan(self) -> None:
        """Journal that CreateUpload is about to be sent."""
        row = self._journal.plan_upload(
            self._file, key=self._key, generation=self._generation, part_size=self._part_size
        )
        with self._lock:
            self._record = UploadRecord(
                row=row,
                key=self._key,
                generation=self._generation,
                part_size=self._part_size,
                state=UploadState.PLANNED,
                planned_ns=self._clock.now_ns(),
                upload_id=None,
                crc64=None,
                parts=(),
            )

    def started(self, upload_id: str) -> None:
        """Journal the upload's id."""
        with self._lock:
            assert self._record is not None  # noqa: S101 - it was planned
            self._journal.upload_started(self._record.row, upload_id)
            self._record = replace(self._record, state=UploadState.STARTED, upload_id=upload_id)

    def part_done(self, part: Part) -> None:
        """Journal an acknowledged part."""
        with self._lock:
            assert self._record is not None  # noqa: S101 - it was started
            self._journal.part_done(self._record.row, part)
            others = [known for known in self._record.parts if known.number != part.number]
            self._record = replace(self._record, parts=(*others, part))

    def completing(self, crc64: int | None) -> None:
        """Journal that Complete is about to be sent."""
        with self._lock:
            assert self._record is not None  # noqa: S101 - it was started
            self._journal.completing(self._record.row, crc64)
            self._record = replace(self._record, state=UploadState.COMPLETING, crc64=crc64)

    def gone(self) -> None:
        """Journal that the upload does not exist any more."""
        self._journal.upload_gone(self._file)
        with self._lock:
            self._record = None
