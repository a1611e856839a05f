"""How the journal's values are written into columns, and read back."""

import json
from collections.abc import Sequence
from typing import Any

from ossfs.extents import Extent
from ossfs.journal.records import (
    Content,
    CopyUpload,
    FileId,
    FileRecord,
    FileState,
    IntentId,
    MoveRecord,
    UploadRecord,
    UploadRowId,
    UploadState,
    Version,
)
from ossfs.store.api import Headers, Part

_CLASS = ":storage-class"


def file_record(row: Sequence[Any], upload: UploadRecord | None, *, boot: str) -> FileRecord:
    """Read a row of `files`; a promise of another boot than `boot` is a draft."""
    (id_, key, base_key, base_etag, base_size, staging, created_ns, state, generation) = row[:9]
    (size, present, dirty, base_limit, content_type, metadata, error, promised_in) = row[9:17]
    if promised_in not in (None, boot):  # its bytes may be gone
        state, generation, size = FileState.DRAFT, 0, None
    base = None if base_key is None else Version(base_key, base_etag, base_size)
    content = None
    if size is not None:
        content = Content(size, load_extents(present), load_extents(dirty), base_limit)
    return FileRecord(
        id=FileId(id_),
        key=key,
        base=base,
        staging=staging,
        created_ns=created_ns,
        state=FileState(state),
        generation=generation,
        content=content,
        headers=headers_of(content_type, metadata),
        error=error,
        upload=upload,
        is_exclusive=bool(row[17]),
    )


def upload_record(row: Sequence[Any], parts: Sequence[Part]) -> UploadRecord:
    """Read a row of `uploads`."""
    id_, _, key, generation, part_size, state, planned_ns, upload_id, crc64 = row[:9]
    content_type, metadata = row[9:]
    return UploadRecord(
        row=UploadRowId(id_),
        key=key,
        generation=generation,
        part_size=part_size,
        state=UploadState(state),
        planned_ns=planned_ns,
        upload_id=upload_id,
        crc64=load_crc(crc64),
        headers=None if metadata is None else headers_of(content_type, metadata),
        parts=parts,
    )


def move_record(row: Sequence[Any]) -> MoveRecord:
    """Read a row of `moves`."""
    id_, source, etag, target, is_prefix, is_copied, content_type, metadata = row[:8]
    upload_key, planned_ns, upload_id = row[8:]
    return MoveRecord(
        id=IntentId(id_),
        source=source,
        etag=etag,
        target=target,
        is_prefix=bool(is_prefix),
        is_copied=bool(is_copied),
        headers=None if metadata is None else headers_of(content_type, metadata),
        upload=None if upload_key is None else CopyUpload(upload_key, planned_ns, upload_id),
    )


def version_columns(version: Version | None) -> tuple[str | None, str | None, int | None]:
    """Return key, etag and size, or three NULLs."""
    return (None, None, None) if version is None else (version.key, version.etag, version.size)


def header_columns(headers: Headers) -> tuple[str | None, str]:
    """Return the content type and, as JSON, the metadata, standard headers and class."""
    others = {f":{name}": value for name, value in headers.standard.items()}
    if headers.storage_class:
        others[_CLASS] = headers.storage_class
    return headers.content_type, json.dumps({**headers.metadata, **others})


def headers_of(content_type: str | None, metadata: str) -> Headers:
    """Read what `header_columns` wrote; no name of user metadata begins with a colon."""
    named = json.loads(metadata)
    storage_class = named.pop(_CLASS, "")
    return Headers(
        content_type,
        {name: value for name, value in named.items() if not name.startswith(":")},
        {name[1:]: value for name, value in named.items() if name.startswith(":")},
        storage_class,
    )


def dump_extents(extents: Sequence[Extent]) -> str:
    """Write extents as JSON."""
    return f"[{', '.join(f'[{extent.start}, {extent.stop}]' for extent in extents)}]"


def load_extents(text: str) -> list[Extent]:
    """Read extents from JSON."""
    return [Extent(start, stop) for start, stop in json.loads(text)]


def dump_crc(crc64: int | None) -> str | None:
    """Write a CRC-64 as text: SQLite's integers are signed and hold 63 bits of it."""
    return None if crc64 is None else str(crc64)


def load_crc(text: str | None) -> int | None:
    """Read a CRC-64 from text."""
    return None if text is None else int(text)
