"""
What the journal knows of names: renames and deletions on their way, and markers of directories.

Threads: any method from any thread; no lock is held during a request.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from ossfs.clock import Clock
from ossfs.journal.database import Database
from ossfs.journal.dropping import displace
from ossfs.journal.records import IntentId
from ossfs.journal.rows import header_columns
from ossfs.store.api import Headers


class NameFacts(Database):
    """The part of the journal that changes of names are written into."""

    def __init__(self, path: Path, *, clock: Clock, read_only: bool) -> None:
        super().__init__(path, read_only=read_only)
        self._clock = clock

    # Renames

    def begin_move(
        self, source: str, target: str, *, etag: str = "", headers: Headers | None = None
    ) -> IntentId:
        """
        Record that a rename is about to copy its first object.

        `etag` is the source's; empty: all keys that begin with `source` are moved. The
        facts of one object's move need not outlive the machine: at worst both names stay.
        """
        is_prefix = not etag
        columns = (None, None) if headers is None else header_columns(headers)
        with self._transaction(lasting=is_prefix) as db:
            cursor = db.execute(
                "INSERT INTO moves (source, etag, target, is_prefix, is_copied, content_type,"
                " metadata) VALUES (?, ?, ?, ?, 0, ?, ?)",
                (source, etag, target, is_prefix, *columns),
            )
        assert cursor.lastrowid is not None  # noqa: S101 - SQLite sets it after an INSERT
        return IntentId(cursor.lastrowid)

    def plan_move_upload(self, move: IntentId, key: str) -> None:
        """Record that CreateUpload is about to be sent for the copy of a large object."""
        with self._transaction(lasting=True) as db:
            db.execute(
                "UPDATE moves SET upload_key = ?, upload_planned_ns = ?, upload_id = NULL"
                " WHERE id = ?",
                (key, self._clock.now_ns(), move),
            )

    def move_upload_started(self, move: IntentId, upload_id: str) -> None:
        """Record that upload's id."""
        with self._transaction(lasting=True) as db:
            db.execute("UPDATE moves SET upload_id = ? WHERE id = ?", (upload_id, move))

    def move_copied(self, move: IntentId, *, is_prefix: bool) -> None:
        """
        Record that everything is at the target and the source may be deleted.

        Attributes that went with the copy of a file are where they should be now, what had
        been unlinked at its target is gone, and what was promised there must not come. Files
        on their way into a directory that was renamed go on under its new name.
        """
        with self._transaction(lasting=is_prefix) as db:
            db.execute("UPDATE moves SET is_copied = 1 WHERE id = ?", (move,))
            db.execute(
                "DELETE FROM files WHERE staging IS NULL AND key ="
                " (SELECT source FROM moves WHERE id = ? AND metadata IS NOT NULL)",
                (move,),
            )
            db.execute(
                "DELETE FROM deletions WHERE key = (SELECT target FROM moves WHERE id = ?)",
                (move,),
            )
            if is_prefix:
                self._follow(db, move)
                return
            targets = db.execute("SELECT target FROM moves WHERE id = ?", (move,)).fetchall()
            for (target,) in targets:
                displace(db, target)

    @staticmethod
    def _follow(db: sqlite3.Connection, move: IntentId) -> None:
        names = "SELECT source, target FROM moves WHERE id = ?"
        for source, target in db.execute(names, (move,)).fetchall():
            behind = len(source) + 1  # SQLite counts from 1
            db.execute(
                "UPDATE files SET key = ? || substr(key, ?) WHERE substr(key, 1, ?) = ?",
                (target, behind, len(source), source),
            )
            db.execute(
                "UPDATE files SET base_key = ? || substr(base_key, ?)"
                " WHERE substr(base_key, 1, ?) = ?",
                (target, behind, len(source), source),
            )

    def move_left(self, move: IntentId) -> IntentId:
        """Record that a file is renamed, and that its source is to be deleted later."""
        with self._transaction(lasting=True) as db:
            cursor = db.execute(
                "INSERT INTO deletions (key, etag) SELECT source, etag FROM moves WHERE id = ?",
                (move,),
            )
            db.execute("DELETE FROM moves WHERE id = ?", (move,))
        assert cursor.lastrowid is not None  # noqa: S101 - SQLite sets it after an INSERT
        return IntentId(cursor.lastrowid)

    def end_move(self, move: IntentId, *, is_prefix: bool) -> None:
        """Record that a rename is finished, or was undone before anything was copied."""
        with self._transaction(lasting=is_prefix) as db:
            db.execute("DELETE FROM moves WHERE id = ?", (move,))

    # Deletions

    def begin_deletion(self, key: str, etag: str, *, lasting: bool = True) -> IntentId:
        """
        Record that an object is to be deleted when its last handle closes, or soon.

        Not `lasting`: when the machine dies, too, the file may be there again.
        """
        with self._transaction(lasting=lasting) as db:
            cursor = db.execute("INSERT INTO deletions (key, etag) VALUES (?, ?)", (key, etag))
        assert cursor.lastrowid is not None  # noqa: S101 - SQLite sets it after an INSERT
        return IntentId(cursor.lastrowid)

    def cancel_deletions(self, key: str) -> None:
        """Record that another object has the name: it is not to be deleted."""
        with self._transaction(lasting=True) as db:
            db.execute("DELETE FROM deletions WHERE key = ?", (key,))

    def end_deletion(self, deletion: IntentId) -> None:
        """Record that the object is deleted, or that a new one has taken its name."""
        with self._transaction(lasting=True) as db:
            db.execute("DELETE FROM deletions WHERE id = ?", (deletion,))

    def end_deletions(self, deletions: Sequence[IntentId]) -> None:
        """Record the same of many; after a crash of the machine they are looked for again."""
        with self._transaction(lasting=False) as db:
            db.executemany("DELETE FROM deletions WHERE id = ?", [(one,) for one in deletions])

    # Directories

    def describe_directory(self, directory: str, headers: Headers) -> None:
        """Record that the marker of a directory is to have these attributes."""
        with self._transaction(lasting=False) as db:
            db.execute(
                "INSERT OR REPLACE INTO markers VALUES (?, ?, ?)",
                (directory, *header_columns(headers)),
            )

    def directory_described(self, directory: str) -> None:
        """Record that the marker has them, or that the directory is gone."""
        with self._transaction(lasting=False) as db:
            db.execute("DELETE FROM markers WHERE key = ?", (directory,))
