"""
Everything that is known of one file that is not in the bucket.

`Details` are what `ossfs uploads show` prints and what an export goes by. They travel as
JSON between the mount process and a command.

Threads: values.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ossfs.extents import Extent, ExtentSet
from ossfs.journal.records import Content, FileRecord, FileState, UploadRecord, Version
from ossfs.store.limits import OSS_LIMITS
from ossfs.transfer.parts import PartPlan
from ossfs.writeback.values import UploadStatus

BASE = "base"
"""Only the version that the edit is based on has these bytes."""
UNKNOWN = "unknown"
"""Nothing was written there, as far as the local disk tells: bytes of the base, or zeros."""
LOST = "lost"
"""They were here, and the staging file ends before them."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A range of the file that is not on the local disk, and why (`BASE`, `UNKNOWN`, `LOST`)."""

    start: int
    stop: int
    why: str

    @property
    def extent(self) -> Extent:
        """The range."""
        return Extent(self.start, self.stop)


@dataclass(frozen=True, slots=True)
class KnownPart:
    """A part that the store has acknowledged."""

    number: int
    size: int


@dataclass(frozen=True, slots=True)
class KnownUpload:
    """The multipart upload of a file."""

    upload_id: str | None
    """None: the store has not answered yet."""
    state: str
    part_size: int
    parts: Sequence[KnownPart]


@dataclass(frozen=True, slots=True)
class Details:
    """One file that is not in the bucket as it should be."""

    status: UploadStatus
    base: Version | None
    """What the edit is based on; None: a new file, or one that was emptied first."""
    gaps: Sequence[Gap]
    upload: KnownUpload | None

    def to_json(self) -> dict[str, Any]:
        """Write it as plain values: those of the status beside the others."""
        own = asdict(self)
        return {**own.pop("status"), **own}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> "Details":
        """Read what `to_json` wrote."""
        own = dict(plain)
        base, gaps, upload = own.pop("base"), own.pop("gaps"), own.pop("upload")
        if upload is not None:
            parts = [KnownPart(**part) for part in upload.pop("parts")]
            upload = KnownUpload(**upload, parts=parts)
        return cls(
            status=UploadStatus(**own),
            base=None if base is None else Version(**base),
            gaps=[Gap(**gap) for gap in gaps],
            upload=upload,
        )


def describe(record: FileRecord, staging: Path) -> UploadStatus:
    """Describe a file of the journal for a person; `staging` is the folder of its bytes."""
    path = None if record.staging is None else staging / record.staging
    local = _local_size(path)
    size = local or 0
    if record.content is not None:
        size = record.content.size
    elif path is None and record.base is not None:
        size = record.base.size
    upload = record.upload
    parts = () if upload is None else upload.parts
    return UploadStatus(
        key=record.key,
        state=_state(record, local),
        size=size,
        sent=sum(part.size for part in parts),
        parts_total=0 if upload is None else parts_of(size, upload.part_size),
        parts_done=len(parts),
        generation=record.generation,
        error=record.error,
        since_ns=record.created_ns,
        staging="" if path is None else str(path),
        id=str(record.id),
    )


def detailed(record: FileRecord, staging: Path) -> Details:
    """Describe a file of the journal completely."""
    path = None if record.staging is None else staging / record.staging
    return Details(
        status=describe(record, staging),
        base=record.base,
        gaps=list(_gaps(record, path)),
        upload=None if record.upload is None else known_upload(record.upload),
    )


def known_upload(record: UploadRecord) -> KnownUpload:
    """Return what a person wants to know of an upload."""
    return KnownUpload(
        upload_id=record.upload_id,
        state=record.state.value,
        part_size=record.part_size,
        parts=[KnownPart(part.number, part.size) for part in record.parts],
    )


def parts_of(size: int, part_size: int) -> int:
    """Return how many parts a file of `size` bytes has; 0: no store takes such parts."""
    try:
        plan = PartPlan(part_size, OSS_LIMITS)
        return plan.slot_at(size - 1).number if size else 0
    except ValueError:
        return 0


def is_damaged(record: FileRecord, staging: Path) -> bool:
    """Say whether local bytes of the file that the journal knows of are not there."""
    if record.staging is None or record.content is None:
        return False
    local = _local_size(staging / record.staging)
    return local is None or local < record.content.size


def _state(record: FileRecord, local: int | None) -> str:
    if record.content is not None and (local is None or local < record.content.size):
        return "lost"
    if record.state is FileState.PROMISED:
        return "failed" if record.error else "waiting"
    return str(record.state.value)


def _local_size(path: Path | None) -> int | None:
    """Return the size of a staging file; None: it is not there."""
    with contextlib.suppress(OSError):
        return None if path is None else path.stat().st_size
    return None


def _gaps(record: FileRecord, path: Path | None) -> Iterator[Gap]:
    if path is None:
        if record.base is not None and record.base.size:
            yield Gap(0, record.base.size, BASE)
        return
    if record.content is None:
        if record.base is not None:
            yield from _holes(path)
        return
    local = _local_size(path) or 0
    for gap in missing(record.content):
        if gap.start < local:
            yield Gap(gap.start, min(gap.stop, local), BASE)
    if local < record.content.size:
        yield Gap(local, record.content.size, LOST)


def missing(content: Content) -> Iterator[Extent]:
    """Yield the ranges of which only the base has the bytes."""
    limit = min(content.base_limit, content.size)
    return ExtentSet(content.present).gaps(Extent(0, limit))


def _holes(path: Path) -> Iterator[Gap]:
    """
    Yield the holes of a staging file.

    All that is known of an edit whose writer did not get to its end; a hole begins and ends
    with a block of the disk.
    """
    with contextlib.suppress(OSError), path.open("rb") as file:
        at, size = 0, os.fstat(file.fileno()).st_size
        while at < size:
            data = _seek(file.fileno(), at, os.SEEK_DATA, size)
            if at < data:
                yield Gap(at, data, UNKNOWN)
            at = _seek(file.fileno(), data, os.SEEK_HOLE, size) if data < size else size


def _seek(fd: int, at: int, what: int, size: int) -> int:
    try:
        return os.lseek(fd, at, what)
    except OSError:  # ENXIO: no more data behind it
        return size
