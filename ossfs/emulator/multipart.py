"""
Multipart uploads: parts in, one object out.

Completing moves no bytes: the object's segments are those of its parts.

Threads: the event loop's thread only.
"""

import hashlib
import itertools
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ossfs.crc64 import combine
from ossfs.emulator import checksums
from ossfs.emulator.buckets import Bucket
from ossfs.emulator.files import Received, Segment
from ossfs.emulator.objects import MULTIPART, Attributes, Guard, Objects, Row
from ossfs.emulator.refusals import Refused, invalid
from ossfs.emulator.storage import Change, Storage

MAX_PARTS = 10_000


class Upload(NamedTuple):
    """One upload that is neither completed nor aborted."""

    id: str
    created_ns: int
    storage_class: str
    acl: str
    headers: str
    tags: str
    sequential: bool
    sums: str
    """JSON: algorithm and type of the checksum the object will have."""

    @property
    def checksum(self) -> dict[str, str]:
        """Return `algorithm` and `type` of the object's checksum; empty when it has none."""
        found: dict[str, str] = json.loads(self.sums) if self.sums else {}
        return found

    @property
    def attributes(self) -> Attributes:
        """What the object will get."""
        tags = json.loads(self.tags) if self.tags else {}
        return Attributes(json.loads(self.headers), self.storage_class, self.acl, tags)


class Part(NamedTuple):
    """One uploaded part."""

    number: int
    content: int
    size: int
    etag: str
    crc: str
    modified_ns: int
    sums: str

    @property
    def checksums(self) -> dict[str, str]:
        """Return the part's checksums in base64 by algorithm."""
        found: dict[str, str] = json.loads(self.sums) if self.sums else {}
        return found


Listed = tuple[int, str, dict[str, str]]
"""A part to complete with: number, ETag, checksums by algorithm."""


class Multipart:
    """The uploads of all buckets."""

    def __init__(self, storage: Storage, objects: Objects) -> None:
        self._storage = storage
        self._objects = objects

    def initiate(self, bucket: Bucket, key: str, given: Attributes, *, sequential: bool) -> str:
        """Begin an upload and return its id: 32 hex digits, later ones sort behind."""
        upload = f"{self._storage.files.new_id():016X}{secrets.token_hex(8).upper()}"
        with self._storage.change() as change:
            change.db.execute(
                "INSERT INTO uploads VALUES (?,?,?,?,?,?,?,?,?,?)",
                (
                    bucket.name,
                    key.encode(),
                    upload,
                    self._storage.clock.now_ns(),
                    given.storage_class or bucket.storage_class,
                    given.acl,
                    json.dumps(given.headers),
                    json.dumps(given.tags) if given.tags else "",
                    sequential,
                    json.dumps(given.sums) if given.sums else "",
                ),
            )
        return upload

    def get(self, bucket: str, key: str, upload: str) -> Upload:
        """Return an upload; Refused (NoSuchUpload) when there is none."""
        row = self._storage.db.execute(
            "SELECT id, created_ns, storage_class, acl, headers, tags, sequential, sums "
            "FROM uploads WHERE bucket=? AND key=? AND id=?",
            (bucket, key.encode(), upload),
        ).fetchone()
        if row is None:
            raise Refused("NoSuchUpload", UploadId=upload)
        return Upload(*row)

    def check_part(self, bucket: str, key: str, upload: str, number: int) -> None:
        """Raise Refused unless that part may be sent now."""
        if not 1 <= number <= MAX_PARTS:
            raise invalid(
                "partNumber", number, "Part number must be an integer between 1 and 10000."
            )
        if not self.get(bucket, key, upload).sequential:
            return
        (last,) = self._storage.db.execute(
            "SELECT max(number) FROM parts WHERE upload=?", (upload,)
        ).fetchone()
        if number <= (last or 0):
            raise Refused("PartAlreadyExist", "For sequential multipart upload, parts are final.")
        if number != (last or 0) + 1:
            raise Refused("PartNotSequential", "Parts must be sent in order, beginning with 1.")

    def put_part(
        self,
        bucket: str,
        key: str,
        upload: str,
        number: int,
        body: Received,
        *,
        segments: list[Segment] | None = None,
        sums: Mapping[str, str],
    ) -> Part:
        """
        Store a part that was received; one of the same number is replaced.

        `segments`: where its bytes are, when they are another object's (`body` has the
        sums); `sums`: checksums in base64.
        """
        if segments is None:
            segments = [Segment(body.blob, 0, body.size)]
        part = Part(
            number,
            self._storage.files.new_id(),
            body.size,
            body.md5.hex().upper(),
            str(body.crc),
            self._storage.clock.now_ns(),
            json.dumps(sums) if sums else "",
        )
        with self._storage.change() as change:
            # Again, now that the body is here: an abort may have come first.
            self.check_part(bucket, key, upload, number)
            old = change.db.execute(
                "SELECT content FROM parts WHERE upload=? AND number=?", (upload, number)
            ).fetchone()
            if old:
                change.drop_content(old[0])
            change.db.execute(
                "INSERT OR REPLACE INTO parts VALUES (?,?,?,?,?,?,?,?)", (upload, *part)
            )
            change.add_segments(part.content, segments)
        return part

    def parts(self, upload: str, after: int = 0, limit: int = MAX_PARTS) -> list[Part]:
        """Return at most `limit` parts with numbers behind `after`, in order."""
        rows = self._storage.db.execute(
            "SELECT number, content, size, etag, crc, modified_ns, sums FROM parts "
            "WHERE upload=? AND number>? ORDER BY number LIMIT ?",
            (upload, after, limit),
        )
        return [Part(*row) for row in rows]

    def complete(
        self,
        bucket: Bucket,
        key: str,
        upload: str,
        listed: Sequence[Listed] | None,
        *,
        acl: str = "",
        guard: Guard,
        smallest: int,
        expected: Mapping[str, str],
    ) -> Row:
        """
        Make the listed parts, None: all of them, the object of `key`.

        Parts that are not listed are dropped. Refused when a part is absent, differs, is
        out of order or, but for the last, smaller than `smallest`, or the
        object's checksum or `size` is not the `expected`.
        """
        begun = self.get(bucket.name, key, upload)
        there = self.parts(upload)
        used = there if listed is None else _chosen(there, listed, begun)
        _check_sizes(used, smallest)
        given = begun.attributes
        row = self._objects.new_row(
            bucket, given, kind=MULTIPART, size=sum(part.size for part in used)
        )._replace(etag=_etag(used), crc=_crc(used), sums=_sums(begun, used))
        _check_expected(row, expected)
        if acl:
            row = row._replace(acl=acl)
        with self._storage.change() as change:
            guard(self._objects.find(bucket.name, key))
            self._objects.replace(change, bucket.name, key, row)
            end = 0
            for part in used:
                segments = self._storage.segments(part.content, 0, part.size)
                end = change.add_segments(row.content, segments, end)
            self._drop(change, bucket.name, key, upload, there)
        return row

    def abort(self, bucket: str, key: str, upload: str) -> None:
        """Drop an upload and its parts."""
        self.get(bucket, key, upload)
        with self._storage.change() as change:
            self._drop(change, bucket, key, upload, self.parts(upload))

    def _drop(
        self, change: Change, bucket: str, key: str, upload: str, parts: Sequence[Part]
    ) -> None:
        for part in parts:
            change.drop_content(part.content)
        change.db.execute("DELETE FROM parts WHERE upload=?", (upload,))
        change.db.execute(
            "DELETE FROM uploads WHERE bucket=? AND key=? AND id=?", (bucket, key.encode(), upload)
        )


def _check_sizes(used: Sequence[Part], smallest: int) -> None:
    if not used:
        raise Refused("MalformedXML", "The upload has no parts.")
    for part in used[:-1]:
        if part.size < smallest:
            raise Refused(
                "EntityTooSmall",
                "Your proposed upload smaller than the minimum allowed size.",
                ProposedSize=str(part.size),
                MinSizeAllowed=str(smallest),
                PartNumber=str(part.number),
                PartETag=part.etag,
            )


def _chosen(there: Sequence[Part], listed: Sequence[Listed], begun: Upload) -> list[Part]:
    composite = begun.checksum.get("type") == checksums.COMPOSITE
    numbers = [number for number, *_ in listed]
    if any(later <= earlier for earlier, later in itertools.pairwise(numbers)):
        raise Refused(
            "InvalidPartOrder",
            "The list of parts was not in ascending order. "
            "Parts list must specified in order by part number.",
        )
    if composite and not all(sums for *_, sums in listed):
        raise Refused(
            "InvalidRequest",
            "The upload was created using a checksum. The complete request must include the "
            "checksum for each part.",
        )
    by_number = {part.number: part for part in there}
    chosen = []
    for number, etag, sums in listed:
        part = by_number.get(number)
        if (
            part is None
            or part.etag.upper() != etag.strip().strip('"').upper()
            or not sums.items() <= part.checksums.items()
        ):
            raise Refused(
                "InvalidPart",
                "One or more of the specified parts could not be found or the specified "
                "entity tag might not have matched the part's entity tag.",
                UploadId=begun.id,
                PartNumber=str(number),
                PartEtag=etag,
            )
        chosen.append(part)
    return chosen


def _check_expected(row: Row, expected: Mapping[str, str]) -> None:
    sums = json.loads(row.sums) if row.sums else {}
    for name, value in expected.items():
        if name == "size":
            if value != str(row.size):
                raise Refused("InvalidRequest", "The object's size is not the announced one.")
        elif sums.get(name) != value:
            raise Refused("BadDigest", f"The {name.upper()} you specified did not match.")


def _etag(parts: Sequence[Part]) -> str:
    joined = b"".join(bytes.fromhex(part.etag) for part in parts)
    return f"{hashlib.md5(joined, usedforsecurity=False).hexdigest().upper()}-{len(parts)}"


def _crc(parts: Sequence[Part]) -> str:
    crc = 0
    for part in parts:
        crc = combine(crc, int(part.crc), part.size)
    return str(crc)


def _sums(begun: Upload, parts: Sequence[Part]) -> str:
    """Return the object's checksum, made of those of its parts, as it is stored."""
    wanted = begun.checksum
    if not wanted:
        return ""
    name = wanted["algorithm"]
    each = [(part.checksums[name], part.size) for part in parts]
    whole = wanted["type"] == checksums.FULL_OBJECT
    value = checksums.of_whole(name, each) if whole else checksums.of_parts(name, each)
    return json.dumps({name: value, "type": wanted["type"]})
