"""
The journal: what we have promised to finish, in SQLite.

One method is one fact is one short transaction. The order around a request is always:
bytes, intent recorded, request sent, fact recorded. What a crash leaves behind is read back
with `load` and finished by `ossfs.writeback.recovery`. Secrets are never written here.

A fact that a promise rests on is on disk when the method returns (0.2 to 2 ms), as with
`synchronous=FULL`. The others survive the death of the process, but perhaps not that of the
machine (20 us): drafts, and the promise of a small file whose one PUT follows at once,
before anybody is told that the bytes are safe. Such a promise names the boot of the machine
in which it was made, since after a power cut its bytes may be gone; it is a draft then.

Threads: any method from any thread; no lock is held during a request.
"""

from collections.abc import Sequence
from pathlib import Path

from ossfs.clock import Clock
from ossfs.journal.dropping import displace, drop_upload
from ossfs.journal.names import NameFacts
from ossfs.journal.reading import read_ledger
from ossfs.journal.records import (
    AbortRecord,
    Content,
    FileId,
    FileState,
    IntentId,
    Ledger,
    UploadRowId,
    UploadState,
    Version,
)
from ossfs.journal.rows import dump_crc, dump_extents, header_columns, version_columns
from ossfs.store.api import Headers, Part


class Journal(NameFacts):
    """
    The journal in the file `path`, made when it is not there.

    JournalDamaged when the file is not a journal, or is corrupted; JournalUnusable when it
    was written by a newer version, or cannot be opened; StagingFull when the disk is full.
    """

    def __init__(self, path: Path, *, clock: Clock, read_only: bool = False) -> None:
        super().__init__(path, clock=clock, read_only=read_only)
        self._lasting: set[FileId] = set()  # promises that outlive the machine
        self._boot = boot_id()

    # Files

    def open_draft(
        self,
        key: str,
        *,
        base: Version | None,
        staging: str | None,
        headers: Headers,
        is_exclusive: bool = False,
    ) -> FileId:
        """Record that a file is about to differ from the bucket, before its first byte."""
        with self._transaction(lasting=False) as db:
            cursor = db.execute(
                "INSERT INTO files (key, base_key, base_etag, base_size, staging, created_ns,"
                " state, generation, content_type, metadata, error, exclusive)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, '', ?)",
                (
                    key,
                    *version_columns(base),
                    staging,
                    self._clock.now_ns(),
                    FileState.DRAFT.value,
                    *header_columns(headers),
                    is_exclusive,
                ),
            )
        assert cursor.lastrowid is not None  # noqa: S101 - SQLite sets it after an INSERT
        return FileId(cursor.lastrowid)

    def promise(
        self,
        file: FileId,
        *,
        generation: int,
        base: Version | None,
        staging: str | None,
        content: Content | None,
        headers: Headers,
        is_synced: bool = True,
        replaces: FileId | None = None,
    ) -> None:
        """
        Record that this generation will reach the bucket.

        `is_synced` says that its bytes are on disk. If not, the promise ends with this boot
        of the machine. `replaces` is a promise of attributes only, which this one includes.
        """
        extents: tuple[int | None, str | None, str | None, int | None] = (None, None, None, None)
        if content is not None:
            extents = (
                content.size,
                dump_extents(content.present),
                dump_extents(content.dirty),
                content.base_limit,
            )
        is_lasting = is_synced and content is not None  # attributes are in the row itself
        with self._transaction(lasting=is_lasting) as db:
            db.execute(
                "UPDATE files SET state = ?, generation = ?, base_key = ?, base_etag = ?,"
                " base_size = ?, staging = ?, size = ?, present = ?, dirty = ?, base_limit = ?,"
                " content_type = ?, metadata = ?, boot = ? WHERE id = ?",
                (
                    FileState.PROMISED.value,
                    generation,
                    *version_columns(base),
                    staging,
                    *extents,
                    *header_columns(headers),
                    None if is_synced else self._boot,
                    file,
                ),
            )
            if replaces is not None:
                db.execute("DELETE FROM files WHERE id = ?", (replaces,))
            if is_lasting:
                self._lasting.add(file)

    def is_lasting(self, file: FileId) -> bool:
        """Say whether a promise was made for the file that outlives the machine."""
        return file in self._lasting

    def describe(self, file: FileId, headers: Headers) -> None:
        """Record new attributes of a file whose content is promised."""
        with self._transaction(lasting=False) as db:
            db.execute(
                "UPDATE files SET content_type = ?, metadata = ? WHERE id = ?",
                (*header_columns(headers), file),
            )

    def rename_file(self, file: FileId, key: str, *, base: Version | None = None) -> None:
        """
        Record a new name of a file, and of the version it is based on, if it has one.

        What was promised under that name is promised no more.
        """
        with self._transaction(lasting=True) as db:
            displace(db, key, by=file)
            db.execute(
                "UPDATE files SET key = ?, base_key = ?, base_etag = ?, base_size = ?,"
                " exclusive = 0 WHERE id = ?",
                (key, *version_columns(base), file),
            )

    def failed(self, file: FileId, error: str) -> None:
        """Record why the last attempt failed; empty when there is nothing to say any more."""
        with self._transaction(lasting=False) as db:
            db.execute("UPDATE files SET error = ? WHERE id = ?", (error, file))

    def conflicted(self, file: FileId, error: str) -> None:
        """Record that the bytes are kept for the user and not brought to the bucket."""
        with self._transaction(lasting=True) as db:
            db.execute(
                "UPDATE files SET state = ?, error = ? WHERE id = ?",
                (FileState.CONFLICT.value, error, file),
            )

    def forget(self, file: FileId, *, made: str | None = None) -> None:
        """
        Record that nothing is left to do for a file: it is in the bucket, or unlinked.

        `made` is the key of the object that it became: what had been unlinked there is gone
        with that, and no deletion may hit the new object, which may have the same etag.
        """
        with self._transaction(lasting=file in self._lasting) as db:
            db.execute("DELETE FROM files WHERE id = ?", (file,))
            db.execute("DELETE FROM deletions WHERE key = ?", (made,))
            self._lasting.discard(file)

    def unlinked(self, files: Sequence[FileId]) -> AbortRecord | None:
        """
        Record that a file has lost its name, but that its promise may have to hold again.

        Other rows of it are forgotten. Returns its upload, to be aborted.
        """
        record = None
        with self._transaction(lasting=not self._lasting.isdisjoint(files)) as db:
            for file in files:
                record = drop_upload(db, file) or record
                db.execute(
                    "UPDATE files SET state = ? WHERE id = ? AND state = ?",
                    (FileState.UNLINKED.value, file, FileState.PROMISED.value),
                )
                db.execute(
                    "DELETE FROM files WHERE id = ? AND state <> ?",
                    (file, FileState.UNLINKED.value),
                )
        return record

    def relinked(self, files: Sequence[FileId], *, deletion: IntentId | None = None) -> None:
        """Record that the promise of a file without a name holds again, and its object stays."""
        is_lasting = deletion is not None or not self._lasting.isdisjoint(files)
        with self._transaction(lasting=is_lasting) as db:
            db.executemany(
                "UPDATE files SET state = ? WHERE id = ? AND state = ?",
                [(FileState.PROMISED.value, file, FileState.UNLINKED.value) for file in files],
            )
            db.execute("DELETE FROM deletions WHERE id = ?", (deletion,))

    # Uploads

    def plan_upload(
        self, file: FileId, *, key: str, part_size: int, headers: Headers
    ) -> UploadRowId:
        """Record that CreateUpload is about to be sent; replaces an earlier upload's record."""
        with self._transaction(lasting=True) as db:
            db.execute("DELETE FROM uploads WHERE file = ?", (file,))
            cursor = db.execute(
                "INSERT INTO uploads (file, key, generation, part_size, state, planned_ns,"
                " content_type, metadata) VALUES (?, ?, 0, ?, ?, ?, ?, ?)",
                (
                    file,
                    key,
                    part_size,
                    UploadState.PLANNED.value,
                    self._clock.now_ns(),
                    *header_columns(headers),
                ),
            )
        assert cursor.lastrowid is not None  # noqa: S101 - SQLite sets it after an INSERT
        return UploadRowId(cursor.lastrowid)

    def adopt_upload(self, row: UploadRowId, file: FileId) -> None:
        """Record that an upload goes on with the bytes of another file of the same key."""
        with self._transaction(lasting=True) as db:
            db.execute("UPDATE uploads SET file = ? WHERE row = ?", (file, row))

    def upload_started(self, row: UploadRowId, upload_id: str) -> None:
        """Record the upload's id, also if it is to be aborted by now."""
        with self._transaction(lasting=True) as db:
            db.execute(
                "UPDATE uploads SET state = ?, upload_id = ? WHERE row = ?",
                (UploadState.STARTED.value, upload_id, row),
            )
            db.execute("UPDATE aborts SET upload_id = ? WHERE id = ?", (upload_id, row))

    def part_done(self, row: UploadRowId, part: Part) -> None:
        """Record a part the store has acknowledged, which the store can be asked for as well."""
        with self._transaction(lasting=False) as db:
            db.execute(
                "INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?)",
                (row, part.number, part.size, part.etag, dump_crc(part.crc64)),
            )

    def completing(self, row: UploadRowId, generation: int, crc64: int | None) -> None:
        """Record that Complete is about to be sent, for what, and what the CRC will be."""
        with self._transaction(lasting=True) as db:
            db.execute(
                "UPDATE uploads SET state = ?, generation = ?, crc64 = ? WHERE row = ?",
                (UploadState.COMPLETING.value, generation, dump_crc(crc64), row),
            )

    def upload_gone(self, file: FileId) -> None:
        """Record that a file's upload does not exist any more."""
        with self._transaction(lasting=True) as db:
            db.execute("DELETE FROM uploads WHERE file = ?", (file,))

    def drop_upload(self, file: FileId) -> AbortRecord | None:
        """Record that a file's upload is to be aborted; None: it has none."""
        with self._transaction(lasting=True) as db:
            return drop_upload(db, file)

    def discard(self, file: FileId) -> AbortRecord | None:
        """Record that a file is nobody's any more, and return its upload, to be aborted."""
        with self._transaction(lasting=file in self._lasting) as db:
            record = drop_upload(db, file)
            db.execute("DELETE FROM files WHERE id = ?", (file,))
            self._lasting.discard(file)
            return record

    def end_abort(self, abort: IntentId) -> None:
        """Record that an upload is gone from the store."""
        with self._transaction(lasting=False) as db:
            db.execute("DELETE FROM aborts WHERE id = ?", (abort,))

    # Reading back

    def load(self) -> Ledger:
        """Return everything that is not finished."""
        with self._lock, self._errors():
            ledger = read_ledger(self._db, boot=self._boot)
            self._lasting.update(file.id for file in ledger.files if file.content is not None)
        return ledger


def boot_id() -> str:
    """Return what names this boot of the machine (Linux)."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
