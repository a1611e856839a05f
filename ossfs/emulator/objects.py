"""
Objects: what a key names, and how that changes.

Bodies are on disk before anything here is called (`receiving`); each method is one
transaction over rows, whatever the size of the object.

Threads: the event loop's thread only.
"""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ossfs.crc64 import combine
from ossfs.emulator.buckets import ARCHIVED, Bucket
from ossfs.emulator.files import Received, Segment
from ossfs.emulator.refusals import Refused
from ossfs.emulator.storage import Change, Storage

SECOND = 1_000_000_000
_DAY_NS = 86_400 * SECOND

NORMAL, MULTIPART, APPENDABLE, SYMLINK = "Normal", "Multipart", "Appendable", "Symlink"

_COLUMNS = (
    "content, kind, size, etag, crc, md5, modified_ns, storage_class, acl, headers, tags, "
    "target, ready_ns, expiry_ns, sums"
)
_FIND = f"SELECT {_COLUMNS} FROM objects WHERE bucket=? AND key=?"  # noqa: S608  # a constant
_REPLACE = "INSERT OR REPLACE INTO objects VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"


class Row(NamedTuple):
    """One object, as stored; the columns are described in the schema."""

    content: int
    kind: str
    size: int
    etag: str
    crc: str
    md5: str
    modified_ns: int
    storage_class: str
    acl: str
    headers: str
    tags: str
    target: str
    ready_ns: int = 0
    expiry_ns: int = 0
    sums: str = ""

    @property
    def modified_s(self) -> int:
        """Unix seconds of the last modification."""
        return self.modified_ns // SECOND

    def tag_items(self) -> list[tuple[str, str]]:
        """Return the tags, names and values."""
        return list(json.loads(self.tags).items()) if self.tags else []


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a request says about the object it makes."""

    headers: dict[str, str] = field(default_factory=dict)
    """Given back with the object: Content-Type …, user metadata (lower case)."""
    storage_class: str = ""
    """Empty: the bucket's."""
    acl: str = "default"
    tags: dict[str, str] = field(default_factory=dict)
    sums: dict[str, str] = field(default_factory=dict)
    """Checksums in base64 by algorithm, and their `type` (S3)."""


Guard = Callable[["Row | None"], None]
"""Raises Refused when the object that is there, or None, must not be replaced."""


def anything(_row: "Row | None") -> None:
    """Let whatever is there be replaced."""


def absent(row: "Row | None") -> None:
    """Raise Refused (FileAlreadyExists) when there is an object."""
    if row is not None:
        raise Refused("FileAlreadyExists")


META = "meta-"
"""Stored headers that begin so are user metadata; each dialect puts its own prefix before."""


class Objects:
    """The objects of all buckets; restoring an archived one takes `restore_s` from now on."""

    def __init__(self, storage: Storage, *, restore_s: float = 0.0) -> None:
        self._storage = storage
        self.restore_s = restore_s

    def find(self, bucket: str, key: str) -> Row | None:
        """Return the object of a key, or None."""
        row = self._storage.db.execute(_FIND, (bucket, key.encode())).fetchone()
        return Row(*row) if row else None

    def get(self, bucket: str, key: str) -> Row:
        """Return the object of a key; Refused (NoSuchKey) when there is none."""
        row = self.find(bucket, key)
        if row is None:
            raise Refused("NoSuchKey", Key=key)
        return row

    def followed(self, bucket: str, key: str) -> Row:
        """
        Return the object whose bytes a read of `key` gives.

        For a symlink: the target's content, size, ETag and CRC under the link's metadata,
        with the later of both times.
        """
        row = self.get(bucket, key)
        if row.kind != SYMLINK:
            return row
        target = self.find(bucket, row.target)
        if target is None:
            raise Refused("SymlinkTargetNotExist", Key=row.target)
        if target.kind == SYMLINK:
            raise Refused("InvalidTargetType", "The target is a symlink too.", Key=row.target)
        return target._replace(
            kind=SYMLINK,
            headers=row.headers,
            tags=row.tags,
            acl=row.acl,
            modified_ns=max(row.modified_ns, target.modified_ns),
        )

    def check_readable(self, row: Row) -> None:
        """Raise Refused (InvalidObjectState) when the bytes are in an archive class."""
        now = self._storage.clock.now_ns()
        if row.storage_class in ARCHIVED and not row.ready_ns <= now < row.expiry_ns:
            raise Refused("InvalidObjectState")

    def put(
        self, bucket: Bucket, key: str, body: Received, given: Attributes, *, guard: Guard
    ) -> Row:
        """Make `body` the object of `key`; `guard` looks at what was there."""
        row = self.new_row(bucket, given, kind=NORMAL, size=body.size)._replace(
            etag=body.md5.hex().upper(),
            crc=str(body.crc),
            md5=base64.b64encode(body.md5).decode(),
        )
        return self.create(bucket.name, key, row, [Segment(body.blob, 0, body.size)], guard=guard)

    def create(
        self, bucket: str, key: str, row: Row, segments: list[Segment], *, guard: Guard
    ) -> Row:
        """Store an object of these segments in one transaction of its own."""
        with self._storage.change() as change:
            guard(self.find(bucket, key))
            self.replace(change, bucket, key, row)
            change.add_segments(row.content, segments)
        return row

    def replace(self, change: Change, bucket: str, key: str, row: Row) -> None:
        """Let the key name `row`; what it named before is dropped."""
        old = self.find(bucket, key)
        if old is not None and old.content != row.content:
            change.drop_content(old.content)
        change.db.execute(_REPLACE, (bucket, key.encode(), *row))

    def remove(self, change: Change, bucket: str, key: str) -> None:
        """Let the key name nothing; nothing happens when it did not name anything."""
        row = self.find(bucket, key)
        if row is not None:
            change.drop_content(row.content)
            change.db.execute(
                "DELETE FROM objects WHERE bucket=? AND key=?", (bucket, key.encode())
            )

    def delete(self, bucket: str, keys: list[str]) -> None:
        """Remove objects, those that exist, in one transaction."""
        with self._storage.change() as change:
            for key in keys:
                self.remove(change, bucket, key)

    def copy(
        self, source: Row, bucket: Bucket, key: str, given: Attributes, *, guard: Guard
    ) -> Row:
        """Make a copy of `source` the object of `key`, sharing its files."""
        row = self.new_row(bucket, given, kind=source.kind, size=source.size)._replace(
            etag=source.etag,
            crc=source.crc,
            md5=source.md5,
            target=source.target,
            sums=source.sums,
        )
        if row.kind != SYMLINK:
            row = row._replace(kind=NORMAL)
        segments = self._storage.segments(source.content, 0, source.size)
        return self.create(bucket.name, key, row, segments, guard=guard)

    def check_append(self, bucket: str, key: str, position: int) -> Row | None:
        """Return the object to append to, None for a new one; Refused when not possible."""
        row = self.find(bucket, key)
        if row is not None and row.kind != APPENDABLE:
            raise Refused("ObjectNotAppendable", Key=key)
        size = row.size if row else 0
        if position != size:
            raise Refused(
                "PositionNotEqualToLength",
                "Position is not equal to file length",
                headers={"next-append": str(size)},
            )
        return row

    def append(
        self,
        bucket: Bucket,
        key: str,
        position: int,
        body: Received,
        given: Attributes,
        *,
        guard: Guard,
    ) -> Row:
        """Add `body` at the end of an appendable object, or make one."""
        old = self.check_append(bucket.name, key, position)
        guard(old)
        if old is not None and not body.size:
            return old
        row = old or self.new_row(bucket, given, kind=APPENDABLE, size=0)
        row = row._replace(
            size=position + body.size,
            crc=str(combine(int(row.crc or 0), body.crc, body.size)),
            # Opaque on the service too; it only has to change.
            etag=hashlib.md5(row.etag.encode() + body.md5, usedforsecurity=False)
            .hexdigest()
            .upper(),
            modified_ns=self._storage.clock.now_ns(),
        )
        with self._storage.change() as change:
            self.replace(change, bucket.name, key, row)
            change.add_segments(row.content, [Segment(body.blob, 0, body.size)], position)
        return row

    def put_symlink(
        self, bucket: Bucket, key: str, target: str, given: Attributes, *, guard: Guard
    ) -> Row:
        """Make `key` a link to another key of the bucket, existing or not."""
        etag = hashlib.md5(target.encode(), usedforsecurity=False).hexdigest().upper()
        row = self.new_row(bucket, given, kind=SYMLINK, size=0)._replace(target=target, etag=etag)
        return self.create(bucket.name, key, row, [], guard=guard)

    def set_acl(self, bucket: str, key: str, acl: str) -> None:
        """Change an object's ACL and nothing else."""
        self._update(bucket, key, self.get(bucket, key)._replace(acl=acl))

    def set_headers(self, bucket: str, key: str, headers: dict[str, str]) -> None:
        """Replace what is given back with an object."""
        self._update(bucket, key, self.get(bucket, key)._replace(headers=json.dumps(headers)))

    def set_tags(self, bucket: str, key: str, tags: dict[str, str]) -> None:
        """Change an object's tags and nothing else, not even Last-Modified."""
        text = json.dumps(tags) if tags else ""
        self._update(bucket, key, self.get(bucket, key)._replace(tags=text))

    def restore(self, bucket: str, key: str, days: int) -> bool:
        """Ask for an archived object's bytes; True: already there, the period is extended."""
        row = self.get(bucket, key)
        if row.storage_class not in ARCHIVED:
            raise Refused("OperationNotSupported", "The object is not archived.", Key=key)
        now = self._storage.clock.now_ns()
        if row.ready_ns > now:
            raise Refused("RestoreAlreadyInProgress")
        restored = now < row.expiry_ns
        ready = row.ready_ns if restored else now + int(self.restore_s * SECOND)
        expiry = max(ready, now) + days * _DAY_NS
        self._update(bucket, key, row._replace(ready_ns=ready, expiry_ns=expiry))
        return restored

    def new_row(self, bucket: Bucket, given: Attributes, *, kind: str, size: int) -> Row:
        """Return a row with a content of its own, modified now, still without sums."""
        return Row(
            content=self._storage.files.new_id(),
            kind=kind,
            size=size,
            etag="",
            crc="",
            md5="",
            modified_ns=self._storage.clock.now_ns(),
            storage_class=given.storage_class or bucket.storage_class,
            acl=given.acl,
            headers=json.dumps(given.headers),
            tags=json.dumps(given.tags) if given.tags else "",
            target="",
            sums=json.dumps(given.sums) if given.sums else "",
        )

    def rename(self, bucket: str, key: str, to: str, *, guard: Guard) -> None:
        """Let `to` name what `key` names now; Refused (NoSuchKey) when that is nothing."""
        row = self.get(bucket, key)
        with self._storage.change() as change:
            guard(self.find(bucket, to))
            self.replace(change, bucket, to, row)
            if to != key:
                change.db.execute(
                    "DELETE FROM objects WHERE bucket=? AND key=?", (bucket, key.encode())
                )

    def _update(self, bucket: str, key: str, row: Row) -> None:
        with self._storage.change() as change:
            self.replace(change, bucket, key, row)


def with_copied(given: Attributes, source: Row, *, headers: bool, tags: bool) -> Attributes:
    """Return the attributes of a copy: the source's where the request does not replace them."""
    if headers:
        given = replace(given, headers=json.loads(source.headers))
    if tags:
        given = replace(given, tags=json.loads(source.tags) if source.tags else {})
    return given
