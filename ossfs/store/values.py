"""
What is said about buckets, objects, parts and uploads, by us and by stores.

Threads: values.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from ossfs.errors import CallbackFailed, ShortBody

NOTHING: Mapping[str, str] = MappingProxyType({})

STANDARD_HEADERS = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
)
"""What HTTP itself can say of an object, beside its type; kept and returned as it was given."""

KEPT_CLASSES = frozenset(
    {
        *("Standard", "IA"),  # OSS
        *("STANDARD", "IA", "INTELLIGENT_TIERING", "ARCHIVE_FR"),  # TOS
        *("STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR"),  # S3
        "REDUCED_REDUNDANCY",
    }
)
"""
Storage classes that a copy of an object is made in again.

Not the archives: the copy could not be read. Nor what only one server knows: MinIO shows
the name of a tier there, and refuses to store into it.
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a store accepts; sizes in bytes."""

    max_put: int
    min_part: int
    """Smallest part but the last; OSS refuses smaller ones only at Complete."""
    max_part: int
    max_parts: int
    max_copy: int
    """Largest object (or range) one copy request takes."""
    max_key: int
    """Bytes of UTF-8."""
    max_metadata: int
    """Bytes of all user metadata names and values together."""
    max_delete: int
    """Keys in one batch delete; 0: the store has none."""
    refused_first: str = "/\\"
    """Characters that no key begins with."""
    metadata_marks: str = "-"
    """What names of user metadata have beside letters and digits."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a store can do beyond the common core."""

    append: bool = False
    rename: bool = False
    forbid_overwrite: bool = False
    """On put and Complete."""
    forbid_overwrite_copy: bool = False
    """On copies too."""
    conditional_put: bool = False
    """If-Match on put."""
    conditional_complete: bool = False
    """If-Match on Complete."""
    symlinks: bool = False
    part_crc64: bool = False
    """UploadPart answers and ListParts carry a CRC-64."""
    object_crc64: bool = False
    """HEAD, GET, PUT and Complete answers carry the object's CRC-64."""


@dataclass(frozen=True, slots=True)
class Headers:
    """What is stored beside the bytes of an object and chosen per object."""

    content_type: str | None = None
    """None: the store's default (application/octet-stream)."""
    metadata: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """User metadata, names without the dialect's prefix, lower case; values are ASCII."""
    standard: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """Those of `STANDARD_HEADERS` that the object has, names in lower case."""
    storage_class: str = ""
    """As the store words it; empty: what the bucket's options say, else its default."""


def kept_class(storage_class: str) -> str:
    """Return the class of a copy of an object of this class; empty: no certain one."""
    return storage_class if storage_class in KEPT_CLASSES else ""


@dataclass(frozen=True, slots=True)
class Said:
    """What requests of one kind say besides what their method says; names in lower case."""

    headers: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    query: Mapping[str, str] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One version of an object, as HEAD and GET describe it."""

    key: str
    size: int
    etag: str
    modified_ns: int
    content_type: str = ""
    metadata: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    crc64: int | None = None
    storage_class: str = ""
    object_type: str = ""
    """Normal, Multipart, Appendable or Symlink; empty when the store does not say."""
    version_id: str | None = None
    restore: str = ""
    """The restore state of an archived object, as the store words it."""
    standard: Mapping[str, str] = field(default_factory=lambda: NOTHING)

    @property
    def headers(self) -> Headers:
        """What a put or copy has to be given to keep what is stored beside the bytes."""
        kept = kept_class(self.storage_class)
        return Headers(self.content_type or None, self.metadata, self.standard, kept)


@dataclass(frozen=True, slots=True)
class ListedObject:
    """One object, as a listing describes it: no user metadata, no CRC."""

    key: str
    size: int
    etag: str
    modified_ns: int
    storage_class: str = ""
    object_type: str = ""


@dataclass(frozen=True, slots=True)
class ListPage:
    """One answer to a listing; keys and prefixes are each in UTF-8 order."""

    objects: Sequence[ListedObject]
    prefixes: Sequence[str]
    next_token: str | None = None
    """Give it to the next call; None: this was the last page."""


class Fetched(NamedTuple):
    """The bytes of (a range of) one version of an object."""

    info: ObjectInfo
    data: bytes | bytearray | memoryview
    """Empty when they went into a sink of the caller's."""
    crc64: int | None = None
    """Of these bytes; None where the store keeps another sum, which is all that was counted."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The new version that a put, copy or complete made."""

    etag: str
    crc64: int | None = None
    version_id: str | None = None
    callback_answer: bytes | None = None
    """What an application server said when the store called it; None: not asked, or lost."""
    callback_error: CallbackFailed | None = None
    """Why it was not called rightly: the version is stored all the same."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part the store holds for an upload."""

    number: int
    size: int
    etag: str
    crc64: int | None = None
    checksum: str = field(default="", compare=False)
    """What the store itself has found out about the bytes, to be repeated at Complete (S3)."""


@dataclass(frozen=True, slots=True)
class PartsPage:
    """One answer to ListParts, ascending by number."""

    parts: Sequence[Part]
    next_after: int | None = None


@dataclass(frozen=True, slots=True)
class PendingUpload:
    """A multipart upload that was started and neither completed nor aborted."""

    key: str
    upload_id: str
    initiated_ns: int


@dataclass(frozen=True, slots=True)
class UploadsPage:
    """One answer to ListMultipartUploads, by key, then by start."""

    uploads: Sequence[PendingUpload]
    next_marker: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Appended:
    """What an append left behind."""

    next_position: int
    etag: str
    crc64: int | None = None


@dataclass(frozen=True, slots=True)
class BucketFacts:
    """What depends on how a bucket was set up."""

    versioning: str = ""
    """Enabled or Suspended; empty: never enabled, or the store does not say."""
    is_hierarchical: bool = False
    """Directories are real (HNS)."""
    renames: bool = False
    """Objects can be renamed."""


@dataclass(frozen=True, slots=True)
class DeleteFailure:
    """A key that a batch delete did not delete."""

    key: str
    code: str
    message: str


class CutShort(ShortBody):
    """
    A body that ended early; what had come of it is in the sink, and the rest can be asked for.

    `info` describes the object the bytes are of; the first `size` bytes of the extent that
    was asked for came, and have this CRC-64 (None: not known).
    """

    def __init__(self, message: str, *, info: ObjectInfo, size: int, crc64: int | None) -> None:
        super().__init__(message, operation="get", key=info.key)
        self.info = info
        self.size = size
        self.crc64 = crc64
