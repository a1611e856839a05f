"""
What is kept on the local disk for somebody to decide about: drafts and conflicts.

Nobody promised a draft to the bucket, and a conflict found no place there. Their rows in
the journal and their staging files stay until a person, or a new write of the same file,
makes them superfluous. `Kept` is the one list of them that a mount has; what leaves it is
not shown any more.

Threads: any method from any thread. The lock guards the table and that it agrees with the
journal; it may be held during a transaction, never during a request. Who holds it takes no
other lock but the journal's.
"""

import contextlib
import threading
from collections.abc import Iterable
from pathlib import Path

from ossfs.journal.journal import Journal
from ossfs.journal.records import FileId, FileRecord, FileState
from ossfs.writeback.pending import UploadStatus
from ossfs.writeback.staging import StagingArea


class Kept:
    """The drafts and conflicts of one state folder."""

    def __init__(self, *, journal: Journal, area: StagingArea) -> None:
        self._journal = journal
        self._area = area
        self._lock = threading.RLock()
        self._records: dict[FileId, FileRecord] = {}  # guarded by the lock

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
        """Return all of them, oldest first."""
        with self._lock:
            return [self._records[file_id] for file_id in sorted(self._records)]

    def get(self, file_id: FileId) -> FileRecord | None:
        """Return one of them; None: it is not kept, or not any more."""
        with self._lock:
            return self._records.get(file_id)

    def status(self) -> list[UploadStatus]:
        """Describe them for a person."""
        return [describe(record, self._area.folder) for record in self.records()]

    def draft_of(self, key: str) -> FileRecord | None:
        """Return the latest draft of a key, with what is known of its upload."""
        for record in reversed(self.records()):
            if record.key == key and record.state is FileState.DRAFT:
                return record
        return None

    def drop(self, file_id: FileId) -> None:
        """
        Forget one of them and delete its local bytes; nothing happens when it is gone.

        Its upload at the store is not touched, and not known any more.
        """
        with self._lock:
            record = self._records.get(file_id)
            if record is None:
                return
            self._journal.forget(file_id)
            del self._records[file_id]
        if record.staging is not None:
            self._area.remove(record.staging)

    def take(self, file_id: FileId) -> FileRecord | None:
        """Hand one of them over, once: row and staging file are the caller's from now on."""
        with self._lock:
            return self._records.pop(file_id, None)


def describe(record: FileRecord, staging: Path) -> UploadStatus:
    """Describe a file of the journal for a person; `staging` is the folder of its bytes."""
    upload = record.upload
    parts = () if upload is None else upload.parts
    state = record.state.value
    if record.state is FileState.PROMISED:
        state = "failed" if record.error else "waiting"
    path = "" if record.staging is None else str(staging / record.staging)
    return UploadStatus(
        id=str(record.id),
        key=record.key,
        state=state,
        size=_size(record, path),
        sent=sum(part.size for part in parts),
        parts_total=0,
        parts_done=len(parts),
        generation=record.generation,
        error=record.error,
        since_ns=record.created_ns,
        staging=path,
    )


def _size(record: FileRecord, path: str) -> int:
    if record.content is not None:
        return record.content.size
    with contextlib.suppress(OSError):  # a draft whose file was never made
        return Path(path).stat().st_size if path else 0
    return 0
