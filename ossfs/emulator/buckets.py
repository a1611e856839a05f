"""
Buckets: made, described, removed.

Threads: the event loop's thread only.
"""

import re
from typing import NamedTuple

from ossfs.emulator.refusals import Refused, invalid
from ossfs.emulator.storage import Storage

ACLS = ("private", "public-read", "public-read-write")
STORAGE_CLASSES = (
    "Standard",
    "IA",
    "Archive",
    "ColdArchive",
    "DeepColdArchive",
    "Intelligent",
    "ArchiveInstant",
    "OneZone",
    "Reduced",
)
"""Of all dialects; none has all of them."""
ARCHIVED = frozenset(("Archive", "ColdArchive", "DeepColdArchive"))

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")


class Bucket(NamedTuple):
    """One bucket, as stored."""

    name: str
    created_ns: int
    acl: str
    storage_class: str
    redundancy: str
    versioning: str
    renames: int = 0


class Usage(NamedTuple):
    """What a bucket holds, per storage class: (class, bytes, objects)."""

    classes: list[tuple[str, int, int]]
    uploads: int
    modified_ns: int


def check_name(name: str) -> None:
    """Raise Refused unless `name` can be a bucket's."""
    if not _NAME.fullmatch(name):
        raise Refused("InvalidBucketName", "The specified bucket is not valid.", BucketName=name)


class Buckets:
    """The buckets of the one account there is."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._known: dict[str, Bucket] = {}

    def create(
        self,
        name: str,
        *,
        acl: str = "",
        storage_class: str = "",
        redundancy: str = "",
        new: bool = False,
    ) -> None:
        """Make a bucket; again with nothing that differs is fine, unless it must be `new`."""
        check_name(name)
        if acl and acl not in ACLS:
            raise invalid("acl", acl)
        if storage_class and storage_class not in STORAGE_CLASSES:
            raise invalid("StorageClass", storage_class)
        existing = self._find(name)
        if existing:
            if new:
                raise Refused("BucketAlreadyOwnedByYou", BucketName=name)
            if storage_class not in ("", existing.storage_class):
                raise Refused("BucketAlreadyExists", BucketName=name)
            if acl:
                self.set(name, acl=acl)
            return
        now = self._storage.clock.now_ns()
        row = (name, now, acl or "private", storage_class or "Standard", redundancy or "LRS", "", 0)
        with self._storage.change() as change:
            change.db.execute("INSERT INTO buckets VALUES (?,?,?,?,?,?,?)", row)

    def get(self, name: str) -> Bucket:
        """Return a bucket; Refused (NoSuchBucket) when there is none."""
        bucket = self._known.get(name) or self._find(name)
        if bucket is None:
            check_name(name)
            raise Refused("NoSuchBucket", BucketName=name)
        self._known[name] = bucket
        return bucket

    def set(
        self,
        name: str,
        *,
        acl: str | None = None,
        versioning: str | None = None,
        renames: bool | None = None,
    ) -> None:
        """Change the settings that are given."""
        bucket = self.get(name)
        if acl is not None and acl not in ACLS:
            raise invalid("acl", acl)
        with self._storage.change() as change:
            change.db.execute(
                "UPDATE buckets SET acl=?, versioning=?, renames=? WHERE name=?",
                (
                    bucket.acl if acl is None else acl,
                    bucket.versioning if versioning is None else versioning,
                    bucket.renames if renames is None else renames,
                    name,
                ),
            )
        self._known.pop(name, None)

    def delete(self, name: str) -> None:
        """Remove a bucket without objects and uploads."""
        self.get(name)
        with self._storage.change() as change:
            used = change.db.execute(
                "SELECT EXISTS (SELECT 1 FROM objects WHERE bucket=?1) OR "
                "EXISTS (SELECT 1 FROM uploads WHERE bucket=?1)",
                (name,),
            ).fetchone()
            if used[0]:
                raise Refused("BucketNotEmpty", BucketName=name)
            change.db.execute("DELETE FROM buckets WHERE name=?", (name,))
        self._known.pop(name, None)

    def list(self, prefix: str, marker: str, limit: int) -> list[Bucket]:
        """Return at most `limit` buckets named behind `marker`, in order."""
        rows = self._storage.db.execute(
            "SELECT * FROM buckets WHERE name>? AND substr(name, 1, ?)=? ORDER BY name LIMIT ?",
            (marker, len(prefix), prefix, limit),
        )
        return [Bucket(*row) for row in rows]

    def usage(self, name: str) -> Usage:
        """Count a bucket's objects and bytes (reads all its rows)."""
        self.get(name)
        classes = self._storage.db.execute(
            "SELECT storage_class, sum(size), count(*) FROM objects WHERE bucket=? GROUP BY 1",
            (name,),
        ).fetchall()
        uploads, modified = self._storage.db.execute(
            "SELECT (SELECT count(*) FROM uploads WHERE bucket=?1), "
            "(SELECT max(modified_ns) FROM objects WHERE bucket=?1)",
            (name,),
        ).fetchone()
        return Usage(classes, uploads, modified or 0)

    def _find(self, name: str) -> Bucket | None:
        row = self._storage.db.execute("SELECT * FROM buckets WHERE name=?", (name,)).fetchone()
        return Bucket(*row) if row else None
