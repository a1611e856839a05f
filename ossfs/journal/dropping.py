"""
What goes with a row of the journal that goes, inside of a transaction.

Threads: functions of a connection, which the caller serialises.
"""

import sqlite3

from ossfs.journal.records import AbortRecord, FileId, FileState, IntentId


def displace(db: sqlite3.Connection, key: str, *, by: FileId | None = None) -> None:
    """Forget what was promised under a name that another file has now; drafts are kept."""
    displaced = db.execute(
        "SELECT id FROM files WHERE key = ? AND state = ? AND id IS NOT ?",
        (key, FileState.PROMISED.value, by),
    ).fetchall()
    for (file,) in displaced:
        drop_upload(db, file)
        db.execute("DELETE FROM files WHERE id = ?", (file,))


def drop_upload(db: sqlite3.Connection, file: FileId) -> AbortRecord | None:
    """Turn the upload of a file into one that is to be aborted."""
    cursor = db.execute(
        "INSERT INTO aborts (id, key, planned_ns, upload_id)"
        " SELECT row, key, planned_ns, upload_id FROM uploads WHERE file = ?",
        (file,),
    )
    if not cursor.rowcount or cursor.lastrowid is None:
        return None
    db.execute("DELETE FROM uploads WHERE file = ?", (file,))
    intent = IntentId(cursor.lastrowid)
    key, planned_ns, upload_id = db.execute(
        "SELECT key, planned_ns, upload_id FROM aborts WHERE id = ?", (intent,)
    ).fetchone()
    return AbortRecord(intent, key, planned_ns, upload_id)
