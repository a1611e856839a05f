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
from ossfs.store.api import Headers, Part
from ossfs.transfer.copy import TransientCheckpoint
from ossfs.transfer.opening import confirmed


class MoveCheckpoint(TransientCheckpoint):
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
    A `ossfs.transfer.opening.Checkpoint` for the upload of `file` under `key`.

    Its parts begin where `part_size` says. `record` is what an earlier process, or an
    earlier attempt at the same key, has left.
    """

    def __init__(
        self,
        journal: Journal,
        file: FileId,
        *,
        key: str,
        part_size: int,
        headers: Headers,
        clock: Clock,
        record: UploadRecord | None = None,
    ) -> None:
        self.key = key
        self.part_size = part_size
        self.headers = headers if record is None else record.headers or headers
        """Those that the upload was, or is to be, created with."""
        self.generation = 0
        """What Complete is sent for; the committer says it before."""
        self._journal = journal
        self._file = file
        self._clock = clock
        self._lock = threading.Lock()  # guards all that follows
        self._record = record
        self._parts = {} if record is None else {part.number: part for part in record.parts}
        self._held: Mapping[int, Part] | None = None

    @property
    def record(self) -> UploadRecord | None:
        """What is known of the upload now; None: there is none."""
        with self._lock:
            parts = tuple(self._parts.values())
            return None if self._record is None else replace(self._record, parts=parts)

    @property
    def planned_ns(self) -> int | None:
        """When an upload was planned whose id is not known."""
        with self._lock:
            record = self._record
        is_planned = record is not None and record.state is UploadState.PLANNED
        return record.planned_ns if record is not None and is_planned else None

    @property
    def upload_id(self) -> str | None:
        """The upload's id, if it is known."""
        with self._lock:
            return None if self._record is None else self._record.upload_id

    @property
    def parts(self) -> Mapping[int, Part]:
        """Acknowledged parts."""
        with self._lock:
            return dict(self._parts)

    def there(self, number: int) -> Part | None:
        """Return a part that the store has, as far as is known."""
        with self._lock:
            return self._parts.get(number) or (self._held or {}).get(number)

    def forget(self, number: int) -> None:
        """Take a part for absent, in this process, because it is about to be replaced."""
        with self._lock:
            self._parts.pop(number, None)
            if self._held is not None:
                self._held = {key: part for key, part in self._held.items() if key != number}

    @property
    def held(self) -> Mapping[int, Part] | None:
        """What the store said it holds, in this process."""
        with self._lock:
            return self._held

    @property
    def is_completing(self) -> bool:
        """Complete may have been sent for the present generation."""
        with self._lock:
            record = self._record
        return (
            record is not None
            and record.state is UploadState.COMPLETING
            and record.generation == self.generation
        )

    def plan(self) -> None:
        """Journal that CreateUpload is about to be sent."""
        row = self._journal.plan_upload(
            self._file, key=self.key, part_size=self.part_size, headers=self.headers
        )
        with self._lock:
            self._parts, self._held = {}, None
            self._record = UploadRecord(
                row=row,
                key=self.key,
                generation=0,
                part_size=self.part_size,
                state=UploadState.PLANNED,
                planned_ns=self._clock.now_ns(),
                upload_id=None,
                crc64=None,
                headers=self.headers,
                parts=(),
            )

    def started(self, upload_id: str) -> None:
        """Journal the upload's id."""
        with self._lock:
            assert self._record is not None  # noqa: S101 - it was planned
            self._journal.upload_started(self._record.row, upload_id)
            self._record = replace(self._record, state=UploadState.STARTED, upload_id=upload_id)

    def confirm(self, held: Mapping[int, Part]) -> None:
        """Remember what the store holds; facts that it does not confirm are none."""
        with self._lock:
            self._held = held
            self._parts = confirmed(self._parts, held)

    def doubt(self) -> None:
        """Have the store asked again."""
        with self._lock:
            self._held = None

    def part_done(self, upload_id: str, part: Part) -> None:
        """Journal an acknowledged part."""
        with self._lock:
            if self._record is None or self._record.upload_id != upload_id:
                return  # of an upload that was given up meanwhile
            self._journal.part_done(self._record.row, part)
            self._parts[part.number] = part

    def completing(self, crc64: int | None) -> None:
        """Journal that Complete is about to be sent."""
        with self._lock:
            assert self._record is not None  # noqa: S101 - it was started
            self._journal.completing(self._record.row, self.generation, crc64)
            self._record = replace(
                self._record,
                state=UploadState.COMPLETING,
                generation=self.generation,
                crc64=crc64,
            )

    def gone(self) -> None:
        """Journal that the upload does not exist any more."""
        self._journal.upload_gone(self._file)
        with self._lock:
            self._record, self._parts, self._held = None, {}, None
