"""
The metadata of objects kept on local disk, so that the next mount need not ask for it.

A row says what is stored beside one version of one object. Nothing here is believed by
itself: whoever reads it compares version and time with what a listing shows. So the file
may be deleted at any time, and a damaged one is given up with one warning.

Rows are written by a thread of its own, a moment after they were noted and many at a time;
a crash costs the last of them. Then an older row may be left of a file whose attributes were
changed in the very second in which it had been written: same version, same time, other
attributes. So after a crash the rows of the last seconds are dropped. Rows are read a
directory at a time.

Threads: every method from any thread. `note` never waits for the disk, `load` only for its
own reading: one lock guards the notes, another one the connection that reads.
"""

import contextlib
import json
import logging
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from ossfs.store.api import Headers

log = logging.getLogger(__name__)

FORMAT = 3
PAUSE_S = 0.5  # notes gather for so long
MAX_ROWS = 500_000  # about 250 bytes each
SPARE_ROWS = 10_000  # how many more there may be before the oldest go
LAST_NS = 5_000_000_000  # more than a listing's time may differ from ours, and a second

SCHEMA = f"""
    CREATE TABLE about (
        bucket TEXT NOT NULL,        -- the store and the bucket that the rows are of
        is_open INTEGER NOT NULL     -- 1: a mount writes here, or did when it died
    );
    CREATE TABLE objects (           -- what is stored beside the last known version of an object
        number INTEGER PRIMARY KEY,  -- grows with each row: the lowest is the oldest
        directory TEXT NOT NULL,     -- key of the directory that shows it
        name TEXT NOT NULL,          -- in it; a marker's ends in a slash
        etag TEXT NOT NULL,
        size INTEGER NOT NULL,       -- bytes
        modified_ns INTEGER,         -- Last-Modified; NULL: we made it, and it was not listed yet
        made_ns INTEGER NOT NULL,    -- when we made it, by our clock; 0: somebody else did
        headers TEXT NOT NULL,       -- JSON: content type or null, metadata, standard ones, class
        UNIQUE (directory, name)
    );
    PRAGMA user_version = {FORMAT};
"""


class Row(NamedTuple):
    """What is known of one version of an object; see the columns of the table."""

    directory: str
    name: str
    etag: str
    size: int
    modified_ns: int | None
    made_ns: int
    headers: Headers


class KeptAttributes:
    """
    The rows of one bucket, in the SQLite database `path`; at most about `max_rows`.

    `bucket` says which one: rows of another one are dropped.
    """

    def __init__(self, path: Path, *, bucket: str, max_rows: int = MAX_ROWS) -> None:
        self._path = path
        self._bucket = bucket
        self._max_rows = max_rows
        self._changed = threading.Condition()  # guards what follows
        self._noted: dict[tuple[str, str], Row] = {}
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._is_usable = True
        self._writing = threading.Lock()  # guards _writer; held while rows are written
        self._reading = threading.Lock()  # guards _reader
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._open()

    def __repr__(self) -> str:
        return f"<KeptAttributes {self._path}, {len(self._noted)} not written yet>"

    def note(self, row: Row) -> None:
        """Let a row be written soon, in the place of an older one of that name."""
        with self._changed:
            if self._is_closed or not self._is_usable:
                return
            self._noted[row.directory, row.name] = row
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="ossfs-attributes", daemon=True
                )
                self._thread.start()
            elif len(self._noted) == 1:
                self._changed.notify_all()

    def load(self, directory: str) -> list[Row]:
        """Return the rows of a directory; where there are two of a name, the first counts."""
        with self._changed:
            noted = [row for row in self._noted.values() if row.directory == directory]
        query = (
            "SELECT directory, name, etag, size, modified_ns, made_ns, headers"
            " FROM objects WHERE directory = ?"
        )
        try:
            with self._reading:
                if self._reader is None:
                    return noted
                found = self._reader.execute(query, (directory,)).fetchall()
            rows = [Row._make((*one[:6], _headers(one[6]))) for one in found]
        except (sqlite3.Error, ValueError, TypeError) as error:
            self._give_up(error)
            return noted
        return noted + rows

    def flush(self) -> None:
        """Write what was noted."""
        with self._changed:
            rows = list(self._noted.values())
        try:
            with self._writing:
                if self._writer is not None and rows:
                    self._write(self._writer, rows)
        except sqlite3.Error as error:
            self._give_up(error)
        with self._changed:
            for row in rows:
                if self._noted.get((row.directory, row.name)) is row:
                    del self._noted[row.directory, row.name]

    def close(self, *, is_crash: bool = False) -> None:
        """Write the rest (not after a crash) and close the file."""
        with self._changed:
            self._is_closed = True
            if is_crash:
                self._noted.clear()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()
        self.flush()
        if not is_crash:
            self._end()
        self._close()

    # Inside

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._noted or self._is_closed)
                self._changed.wait_for(lambda: self._is_closed, PAUSE_S)
                if self._is_closed:
                    return
            self.flush()

    def _write(self, db: sqlite3.Connection, rows: Sequence[Row]) -> None:
        with db:
            db.executemany(
                "INSERT OR REPLACE INTO objects"
                " (directory, name, etag, size, modified_ns, made_ns, headers)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                ((*row[:6], _text(row.headers)) for row in rows),
            )
            (count,) = db.execute("SELECT count(*) FROM objects").fetchone()
            if count > self._max_rows + SPARE_ROWS:
                db.execute(
                    "DELETE FROM objects WHERE number IN"
                    " (SELECT number FROM objects ORDER BY number LIMIT ?)",
                    (count - self._max_rows,),
                )

    def _open(self) -> None:
        try:
            try:
                is_ours = self._connect()
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError as error:
                log.warning("%s is damaged (%s); a new one is begun", self._path, error)
                is_ours = False
            if not is_ours:
                self._close()
                self._delete()
                self._connect()
            if self._writer is not None:
                self._begin(self._writer)
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)

    def _begin(self, db: sqlite3.Connection) -> None:
        """Drop what may be older than what a crash has cost, and say that we write."""
        db.execute("PRAGMA synchronous = FULL")  # the mark must be older than what follows
        with db:
            db.execute(
                "DELETE FROM objects WHERE (SELECT is_open FROM about) AND"
                " (modified_ns >= (SELECT max(modified_ns) FROM objects) - ?"
                " OR made_ns >= (SELECT max(made_ns) FROM objects) - ? AND made_ns > 0)",
                (LAST_NS, LAST_NS),
            )
            db.execute("UPDATE about SET is_open = 1")
        db.execute("PRAGMA synchronous = NORMAL")  # whole after a power cut, if not complete

    def _end(self) -> None:
        """Say that everything was written."""
        try:
            with self._writing:
                if self._writer is not None:
                    with self._writer as db:
                        db.execute("UPDATE about SET is_open = 0")
        except sqlite3.Error as error:
            self._give_up(error)

    def _connect(self) -> bool:
        """Open the file, made if need be; False: it has another format, or bucket."""
        self._writer = db = sqlite3.connect(self._path, check_same_thread=False)
        db.execute("PRAGMA journal_mode = WAL")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            db.executescript(SCHEMA)
            with db:
                db.execute("INSERT INTO about VALUES (?, 0)", (self._bucket,))
        if version not in (0, FORMAT):
            return False
        about = db.execute("SELECT bucket FROM about").fetchall()
        if about != [(self._bucket,)]:
            return False
        self._reader = sqlite3.connect(self._path, check_same_thread=False)
        self._reader.execute("SELECT 1 FROM objects LIMIT 1").fetchall()
        return True

    def _close(self) -> None:
        with self._writing, self._reading:
            connections, self._writer, self._reader = (self._writer, self._reader), None, None
            for one in connections:
                if one is not None:
                    with contextlib.suppress(sqlite3.Error):
                        one.close()

    def _give_up(self, error: Exception) -> None:
        """Go on without: what is not known is asked for."""
        with self._changed:
            was_usable, self._is_usable = self._is_usable, False
            self._noted.clear()
        if was_usable:
            log.warning(
                "%s cannot be used (%s); attributes that it held are asked for again",
                self._path,
                error,
            )
            self._close()
            self._delete()

    def _delete(self) -> None:
        with contextlib.suppress(OSError):
            for end in ("", "-wal", "-shm"):
                Path(f"{self._path}{end}").unlink(missing_ok=True)


def _text(headers: Headers) -> str:
    parts: Iterable[object] = (
        headers.content_type,
        dict(headers.metadata),
        dict(headers.standard),
        headers.storage_class,
    )
    return json.dumps(list(parts), separators=(",", ":"))


def _headers(text: str) -> Headers:
    content_type, metadata, standard, storage_class = json.loads(text)
    return Headers(content_type, metadata, standard, storage_class)
