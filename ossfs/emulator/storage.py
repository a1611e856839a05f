"""
What the server knows, in SQLite, and the one way to change it.

Every change is one transaction: a request is either visible completely or not at all,
also after SIGKILL. An object's or part's bytes are a list of segments of files (see
`files`), so a multipart upload is completed, and an object copied, without moving a byte.

Versions are not kept yet. They would be further rows of `objects` with a version column
in its key; everything that names "the object of this key" goes through
`objects.Objects.find`, `objects.replace` and `objects.remove`.

Threads: the event loop's thread only. Statements take microseconds, so nothing else waits.
"""

import errno
import fcntl
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ossfs.clock import Clock
from ossfs.emulator.files import Files, Segment
from ossfs.emulator.settings import Limits

_SCHEMA = """
CREATE TABLE IF NOT EXISTS buckets (
    name          TEXT PRIMARY KEY,
    created_ns    INTEGER NOT NULL,
    acl           TEXT NOT NULL,        -- private, public-read, public-read-write
    storage_class TEXT NOT NULL,        -- of objects that name none
    redundancy    TEXT NOT NULL,        -- LRS or ZRS, only echoed
    versioning    TEXT NOT NULL,        -- '', Enabled, Suspended: only echoed
    renames       INTEGER NOT NULL      -- objects may be renamed (TOS)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS objects (
    bucket        TEXT NOT NULL,
    key           BLOB NOT NULL,        -- UTF-8: rows are in the order of listings
    content       INTEGER NOT NULL,     -- owner of the segments
    kind          TEXT NOT NULL,        -- Normal, Multipart, Appendable, Symlink
    size          INTEGER NOT NULL,
    etag          TEXT NOT NULL,        -- without quotes
    crc           TEXT NOT NULL,        -- CRC-64/XZ in decimal (SQLite has no unsigned)
    md5           TEXT NOT NULL,        -- base64, '' when the whole was never hashed
    modified_ns   INTEGER NOT NULL,
    storage_class TEXT NOT NULL,
    acl           TEXT NOT NULL,        -- 'default': the bucket's
    headers       TEXT NOT NULL,        -- JSON: what is given back with it, `meta-` for metadata
    tags          TEXT NOT NULL,        -- JSON object, '' when there are none
    target        TEXT NOT NULL,        -- key a symlink points to
    ready_ns      INTEGER NOT NULL,     -- restored from archive at, 0: never asked
    expiry_ns     INTEGER NOT NULL,     -- the restored copy ends
    sums          TEXT NOT NULL,        -- JSON: checksums the client sent, '' when none
    PRIMARY KEY (bucket, key)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS segments (
    content INTEGER NOT NULL,           -- an object's or a part's
    start   INTEGER NOT NULL,           -- position in the content
    blob    INTEGER NOT NULL,           -- the file
    offset  INTEGER NOT NULL,           -- position in the file
    size    INTEGER NOT NULL,           -- never 0
    PRIMARY KEY (content, start)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS segments_by_blob ON segments (blob);

CREATE TABLE IF NOT EXISTS uploads (
    bucket        TEXT NOT NULL,
    key           BLOB NOT NULL,
    id            TEXT NOT NULL,        -- begins with the time: sorted by initiation
    created_ns    INTEGER NOT NULL,
    storage_class TEXT NOT NULL,
    acl           TEXT NOT NULL,
    headers       TEXT NOT NULL,
    tags          TEXT NOT NULL,
    sequential    INTEGER NOT NULL,     -- parts must arrive in order
    sums          TEXT NOT NULL,        -- JSON: algorithm and type of the object's checksum
    PRIMARY KEY (bucket, key, id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS parts (
    upload      TEXT NOT NULL,
    number      INTEGER NOT NULL,
    content     INTEGER NOT NULL,
    size        INTEGER NOT NULL,
    etag        TEXT NOT NULL,
    crc         TEXT NOT NULL,
    modified_ns INTEGER NOT NULL,
    sums        TEXT NOT NULL,          -- JSON, as an object's
    PRIMARY KEY (upload, number)
) WITHOUT ROWID;
"""
_SCHEMA_VERSION = 2


class Change:
    """One transaction; files that nothing names after it are removed."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self._candidates: set[int] = set()
        self.added: set[int] = set()
        """Files that got a name."""

    def add_segments(self, content: int, segments: Iterable[Segment], start: int = 0) -> int:
        """Append segments to `content` at `start`; return the end."""
        rows = []
        for blob, offset, size in segments:
            if size:
                rows.append((content, start, blob, offset, size))
                start += size
                self.added.add(blob)
        self.db.executemany("INSERT INTO segments VALUES (?,?,?,?,?)", rows)
        return start

    def drop_content(self, content: int) -> None:
        """Forget the segments of `content`."""
        found = self.db.execute("SELECT blob FROM segments WHERE content=?", (content,))
        self._candidates.update(blob for (blob,) in found)
        self.db.execute("DELETE FROM segments WHERE content=?", (content,))

    def unnamed(self) -> list[int]:
        """Return the dropped files that no segment names now."""
        named = "SELECT 1 FROM segments WHERE blob=? LIMIT 1"
        return [
            blob for blob in self._candidates if self.db.execute(named, (blob,)).fetchone() is None
        ]


class Storage:
    """A directory with the server's state: `meta.sqlite` and `blobs/`."""

    def __init__(self, directory: Path, *, clock: Clock, limits: Limits) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.clock = clock
        self.limits = limits
        self._lock = _lock(directory)
        try:
            self.db = _connect(directory / "meta.sqlite")
            self.files = Files(directory / "blobs")
            self._sweep()
        except BaseException:
            self._lock.close()
            raise

    @contextmanager
    def change(self) -> Iterator[Change]:
        """Open a transaction; commit at the end, roll back on any exception."""
        change = Change(self.db)
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield change
            unnamed = change.unnamed()
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")
        self.files.revive(change.added)
        self.files.discard(unnamed)

    def segments(self, content: int, start: int, stop: int) -> list[Segment]:
        """Return the segments that hold the bytes `start` ≤ position < `stop`."""
        if start >= stop:
            return []
        rows = self.db.execute(
            "SELECT start, blob, offset, size FROM segments WHERE content=?1 AND start<?3 AND "
            "start>=(SELECT max(start) FROM segments WHERE content=?1 AND start<=?2) "
            "ORDER BY start",
            (content, start, stop),
        )
        found = []
        for at, blob, offset, size in rows:
            skip = max(0, start - at)
            found.append(Segment(blob, offset + skip, min(size, stop - at) - skip))
        return found

    def _sweep(self) -> None:
        known = {blob for (blob,) in self.db.execute("SELECT DISTINCT blob FROM segments")}
        (content,) = self.db.execute("SELECT max(content) FROM segments").fetchone()
        self.files.never_below(max(max(known, default=0), content or 0))
        self.files.sweep(known)

    def close(self) -> None:
        """Finish pending removals and close the database."""
        self.files.close()
        self.db.close()
        self._lock.close()


def _lock(directory: Path) -> IO[str]:
    """Keep other servers off: their sweep would remove bodies that are being received."""
    lock = (directory / "lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise OSError(errno.EBUSY, "another server uses the directory", str(directory)) from None
    return lock


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    try:
        _prepare(db, path)
    except sqlite3.Error as error:
        db.close()
        raise OSError(f"{path} cannot be used: {error}") from error
    except OSError:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    db.execute("PRAGMA journal_mode=WAL")
    # NORMAL: safe against SIGKILL; after a power loss the last seconds may be missing.
    db.execute("PRAGMA synchronous=NORMAL")
    db.execute("PRAGMA cache_size=-65536")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version not in (0, _SCHEMA_VERSION):
        raise OSError(f"{path} was written by another version ({version}) of this server")
    db.executescript(_SCHEMA)
    db.execute(f"PRAGMA user_version={_SCHEMA_VERSION}")
