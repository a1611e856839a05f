"""
The whole journal, read back as values: what a process that died has left to be finished.

Threads: a pure function of the database; the caller serialises its connection.
"""

import sqlite3

from ossfs.journal.records import (
    AbortRecord,
    DeletionRecord,
    FileId,
    FileRecord,
    FileState,
    IntentId,
    Ledger,
    MarkerRecord,
    MoveRecord,
    Unreadable,
    UploadRecord,
)
from ossfs.journal.rows import file_record, headers_of, load_crc, move_record, upload_record
from ossfs.store.api import Part


def read_ledger(db: sqlite3.Connection, *, boot: str) -> Ledger:
    """
    Return everything that is not finished; promises of another boot are drafts.

    A file whose row makes no sense stops no other: it is among the `unreadable`.
    """
    files, unreadable = _files(db, _uploads(db), boot)
    return Ledger(
        files=files,
        moves=_moves(db),
        deletions=[
            DeletionRecord(IntentId(id_), key, etag)
            for id_, key, etag in db.execute("SELECT id, key, etag FROM deletions ORDER BY id")
        ],
        aborts=[
            AbortRecord(IntentId(id_), key, planned_ns, upload_id)
            for id_, key, planned_ns, upload_id in db.execute(
                "SELECT id, key, planned_ns, upload_id FROM aborts ORDER BY id"
            )
        ],
        markers=[
            MarkerRecord(key, headers_of(content_type, metadata))
            for key, content_type, metadata in db.execute(
                "SELECT key, content_type, metadata FROM markers ORDER BY key"
            )
        ],
        unreadable=unreadable,
        unlinked=[
            FileId(id_)
            for (id_,) in db.execute(
                "SELECT id FROM files WHERE state = ?", (FileState.UNLINKED.value,)
            )
        ],
    )


def _uploads(db: sqlite3.Connection) -> dict[int, UploadRecord]:
    """Return the uploads by the number of their file."""
    parts: dict[int, list[Part]] = {}
    for upload, number, size, etag, crc64 in db.execute(
        "SELECT upload, number, size, etag, crc64 FROM parts ORDER BY number"
    ):
        parts.setdefault(upload, []).append(Part(number, size, etag, load_crc(crc64)))
    return {
        row[1]: upload_record(row, parts.get(row[0], []))
        for row in db.execute(
            "SELECT row, file, key, generation, part_size, state, planned_ns, upload_id,"
            " crc64, content_type, metadata FROM uploads"
        )
    }


def _files(
    db: sqlite3.Connection, uploads: dict[int, UploadRecord], boot: str
) -> tuple[list[FileRecord], list[Unreadable]]:
    files, unreadable = [], []
    for row in db.execute(
        "SELECT id, key, base_key, base_etag, base_size, staging, created_ns, state,"
        " generation, size, present, dirty, base_limit, content_type, metadata, error,"
        " boot, exclusive FROM files WHERE state <> ? ORDER BY id",
        (FileState.UNLINKED.value,),
    ):
        try:
            files.append(file_record(row, uploads.get(row[0]), boot=boot))
        except (ValueError, TypeError) as error:
            staging = None if row[5] is None else str(row[5])
            unreadable.append(Unreadable(FileId(row[0]), str(row[1]), staging, str(error)))
    return files, unreadable


def _moves(db: sqlite3.Connection) -> list[MoveRecord]:
    return [
        move_record(row)
        for row in db.execute(
            "SELECT id, source, etag, target, is_prefix, is_copied, content_type,"
            " metadata, upload_key, upload_planned_ns, upload_id FROM moves ORDER BY id"
        )
    ]
