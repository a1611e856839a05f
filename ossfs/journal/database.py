"""
The file of the journal: an SQLite database with a write-ahead log, in short transactions.

A transaction may be `lasting`: it is on disk, with all before it, when it ends, as with
`synchronous=FULL`. The log is flushed here instead of by SQLite, so that threads whose
transactions come at the same time share one flush.

Threads: any method from any thread; one lock serialises the transactions, another the
flushes. Both are held for local work only.
"""

import contextlib
import errno
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from ossfs.errors import JournalDamaged, JournalUnusable, StagingFull
from ossfs.journal.schema import MIGRATIONS

BUSY_TIMEOUT_S = 10.0  # `ossfs uploads list` may be reading


class Database:
    """
    The database in the file `path`, made when it is not there.

    JournalDamaged when the file is not a journal, or is corrupted; JournalUnusable when it
    was written by a newer version, or cannot be opened; StagingFull when the disk is full.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        self._lock = threading.Lock()  # guards the connection and _written
        self._written = 0  # transactions so far
        self._flushing = threading.Lock()  # guards what follows; never taken inside of _lock
        self._flushed = 0  # transactions that are on disk
        self._log: int | None = None  # descriptor of the write-ahead log
        uri = f"{path.absolute().as_uri()}{'?mode=ro' if read_only else ''}"
        with self._errors():
            self._db = sqlite3.connect(
                uri, uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT_S
            )
        try:
            with self._errors():
                self._prepare(read_only=read_only)
        except BaseException:
            self._db.close()
            raise

    def _prepare(self, *, read_only: bool) -> None:
        if not read_only:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")  # see _flush
        self._db.execute("PRAGMA foreign_keys = ON")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > len(MIGRATIONS):
            raise JournalUnusable(f"{self._path} was written by a newer version of ossfs")
        if read_only:
            if version < len(MIGRATIONS):
                self._read_copy()
                self._migrate(version)
            return
        (verdict,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise JournalDamaged(f"{self._path} is damaged: {verdict}")
        self._migrate(version)

    def _read_copy(self) -> None:
        """Go on with a copy in memory: an older version's tables are not ours to change now."""
        copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        original, self._db = self._db, copy
        with contextlib.closing(original):
            original.backup(copy)

    def _migrate(self, version: int) -> None:
        for number in range(version, len(MIGRATIONS)):
            self._db.executescript(
                f"BEGIN;{MIGRATIONS[number]};PRAGMA user_version = {number + 1};COMMIT"
            )

    def close(self) -> None:
        """Close the file; the journal must not be used any more."""
        with self._flushing, self._lock:
            self._db.close()
            if self._log is not None:
                os.close(self._log)
                self._log = None

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if "full" in str(error):
                raise StagingFull(f"{self._path}: {error}") from error
            is_damaged = "no such" in str(error)  # table or column
            kind = JournalDamaged if is_damaged else JournalUnusable
            raise kind(f"{self._path}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise JournalDamaged(f"{self._path}: {error}") from error

    @contextlib.contextmanager
    def _transaction(self, *, lasting: bool) -> Iterator[sqlite3.Connection]:
        """Run one transaction; a `lasting` one is on disk, with all before it, at the end."""
        with self._lock, self._errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")  # where a full disk shows
            except BaseException:
                if self._db.in_transaction:  # SQLite ends it itself after some errors
                    self._db.execute("ROLLBACK")
                raise
            self._written = number = self._written + 1
        if lasting:
            self._flush(number)

    def _flush(self, number: int) -> None:
        """
        Return when a transaction is on disk.

        Its frames are in the log before that; SQLite flushes the log itself before it takes
        anything over from it (https://www.sqlite.org/wal.html, "Checkpointing").
        """
        with self._flushing:
            if self._flushed >= number:
                return
            written = self._written
            try:
                if self._log is None:
                    self._log = os.open(f"{self._path}-wal", os.O_RDONLY | os.O_CLOEXEC)
                os.fdatasync(self._log)
            except OSError as error:
                kind = StagingFull if error.errno == errno.ENOSPC else JournalUnusable
                raise kind(f"{self._path}-wal: {error.strerror}") from error
            self._flushed = written
