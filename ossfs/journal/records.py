"""
What the journal knows, as values.

The journal holds one `FileRecord` per file whose content or attributes are not in the
bucket yet, with at most one `UploadRecord`, one `MoveRecord` or `DeletionRecord` per
change of names that takes more than one request, and one `AbortRecord` per upload that is
to vanish from the store.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NewType

from ossfs.extents import Extent
from ossfs.store.api import Headers, Part

FileId = NewType("FileId", int)
UploadRowId = NewType("UploadRowId", int)
IntentId = NewType("IntentId", int)


class FileState(str, Enum):
    """How far a file's way into the bucket is."""

    DRAFT = "draft"
    """Bytes that nobody promised: the writer had not flushed when we last heard."""
    PROMISED = "promised"
    """A flush or fsync was begun: the bytes are synced and will be brought to the bucket."""
    CONFLICT = "conflict"
    """The object the edit was based on is gone; the bytes are kept for the user."""
    UNLINKED = "unlinked"
    """What was promised of a file that lost its name while it was open."""


class UploadState(str, Enum):
    """How far a multipart upload is."""

    PLANNED = "planned"
    """CreateUpload may have been sent; its id is not known."""
    STARTED = "started"
    """The id is known; parts are being sent."""
    COMPLETING = "completing"
    """Complete may have been sent."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object: what an edit is based on."""

    key: str
    etag: str
    size: int


@dataclass(frozen=True, slots=True)
class Content:
    """
    A file's bytes at one moment: which are local, which are the base's, the rest zeros.

    `present` are the local ones; `dirty` those of them that differ from the base (or may);
    the base's bytes below `base_limit` show through where nothing is present.
    """

    size: int
    present: Sequence[Extent]
    dirty: Sequence[Extent]
    base_limit: int


@dataclass(frozen=True, slots=True)
class UploadRecord:
    """The checkpoint of one multipart upload."""

    row: UploadRowId
    key: str
    generation: int
    """The one that Complete may have been sent for; 0: it was not sent."""
    part_size: int
    state: UploadState
    planned_ns: int
    upload_id: str | None
    crc64: int | None
    headers: Headers | None
    """Sent with CreateUpload; None: those of the file."""
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One file that is not in the bucket as it should be."""

    id: FileId
    key: str
    base: Version | None
    staging: str | None
    """Name in the staging folder; None when only attributes changed."""
    created_ns: int
    state: FileState
    generation: int
    content: Content | None
    """As of the last promise; None for a draft."""
    headers: Headers
    error: str = ""
    upload: UploadRecord | None = None
    is_exclusive: bool = False
    """The object to be made must not replace another."""


@dataclass(frozen=True, slots=True)
class CopyUpload:
    """The upload that copies a large object during a rename."""

    key: str
    planned_ns: int
    upload_id: str | None


@dataclass(frozen=True, slots=True)
class MoveRecord:
    """A rename of a file, or of everything under a prefix, that has been begun."""

    id: IntentId
    source: str
    etag: str
    """Of the source, if it is one object; another version there is not to be moved."""
    target: str
    is_prefix: bool
    is_copied: bool
    """Everything is at the target; what is left is to delete the source."""
    headers: Headers | None = None
    """For a file: attributes that go with the copy; None: the source's."""
    upload: CopyUpload | None = None

    @property
    def key(self) -> str:
        """What is to go."""
        return self.source


@dataclass(frozen=True, slots=True)
class DeletionRecord:
    """
    An object whose name is gone and that is deleted when its last handle closes.

    With an empty etag the key is ours alone: whatever is there is deleted.
    """

    id: IntentId
    key: str
    etag: str


@dataclass(frozen=True, slots=True)
class AbortRecord:
    """A multipart upload that nobody needs any more, and that the store may still hold."""

    id: IntentId
    key: str
    planned_ns: int
    upload_id: str | None
    """None: the answer to CreateUpload never came."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row of `files` that makes no sense, with what of it does."""

    id: FileId
    key: str
    staging: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class MarkerRecord:
    """Attributes of a directory that its marker does not have yet."""

    key: str
    headers: Headers


@dataclass(frozen=True, slots=True)
class Ledger:
    """Everything in the journal, as found at start."""

    files: Sequence[FileRecord] = field(default_factory=tuple)
    moves: Sequence[MoveRecord] = field(default_factory=tuple)
    deletions: Sequence[DeletionRecord] = field(default_factory=tuple)
    aborts: Sequence[AbortRecord] = field(default_factory=tuple)
    markers: Sequence[MarkerRecord] = field(default_factory=tuple)
    unreadable: Sequence[Unreadable] = field(default_factory=tuple)
    unlinked: Sequence[FileId] = field(default_factory=tuple)
    """Nothing is left to do for these: whoever had them open is gone."""
