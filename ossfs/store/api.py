"""
What ossfs asks of an object store, and the values it answers with.

`ObjectStore` is kept by `bucket.Bucket` (over HTTP), `memory.MemoryStore`, and by the
decorators `retrying.Retrying` and `metered.Metered`; `tests/contract` holds the one
suite that all of them pass.

One method is one request. Every method may be called from any thread, blocks until the
answer is there, and raises nothing but `ossfs.errors.StoreError` and its subclasses; what a
`Body` raises when it cannot be read comes through as it is.

Keys are `str` (UTF-8 on the wire), ETags are opaque and carry no quotes, times are
nanoseconds since 1970 (the stores give whole seconds), CRCs are CRC-64/XZ as unsigned
numbers.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple, Protocol

from ossfs.errors import ShortBody
from ossfs.extents import Extent

NOTHING: Mapping[str, str] = MappingProxyType({})


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


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a store can do beyond the common core."""

    append: bool = False
    rename: bool = False
    forbid_overwrite: bool = False
    conditional_put: bool = False
    """If-Match on PUT and Complete."""
    symlinks: bool = False
    part_crc64: bool = False
    """UploadPart answers and ListParts carry a CRC-64."""
    object_crc64: bool = False
    """HEAD, GET, PUT and Complete answers carry the object's CRC-64."""


class Body(Protocol):
    """Bytes to be sent, possibly several times: a retry reads them again."""

    @property
    def size(self) -> int:
        """How many bytes."""
        ...

    def read_at(self, offset: int, length: int) -> bytes | memoryview:
        """Return exactly `length` bytes from `offset`; OSError when they cannot be read."""
        ...


@dataclass(frozen=True, slots=True)
class BytesBody:
    """A body that is in memory."""

    data: bytes | memoryview = field(repr=False)

    @property
    def size(self) -> int:
        """How many bytes."""
        return len(self.data)

    def read_at(self, offset: int, length: int) -> memoryview:
        """Return a view of the bytes, without a copy."""
        return memoryview(self.data)[offset : offset + length]


@dataclass(frozen=True, slots=True)
class FileBody:
    """A piece of an open file; the caller keeps the descriptor open while it is sent."""

    fd: int
    extent: Extent

    @property
    def size(self) -> int:
        """How many bytes."""
        return self.extent.size

    def read_at(self, offset: int, length: int) -> bytes:
        """Read from the file; OSError when it has become shorter."""
        data = os.pread(self.fd, length, self.extent.start + offset)
        if len(data) != length:
            raise OSError(f"file ends inside {self.extent}")
        return data


def pieces_of(body: Body, size: int = 1 << 20) -> Iterator[bytes | memoryview]:
    """Yield the bytes of `body` in order, in pieces of at most `size`."""
    for offset in range(0, body.size, size):
        yield body.read_at(offset, min(size, body.size - offset))


@dataclass(frozen=True, slots=True)
class Headers:
    """What is stored beside the bytes of an object and chosen per object."""

    content_type: str | None = None
    """None: the store's default (application/octet-stream)."""
    metadata: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """User metadata, names without the dialect's prefix, lower case; values are ASCII."""


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


@dataclass(frozen=True, slots=True)
class Stored:
    """The new version that a put, copy or complete made."""

    etag: str
    crc64: int | None = None
    version_id: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A part the store holds for an upload."""

    number: int
    size: int
    etag: str
    crc64: int | None = None


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
class DeleteFailure:
    """A key that a batch delete did not delete."""

    key: str
    code: str
    message: str


class CutShort(ShortBody):
    """
    A body that ended early, with what had come of it, so that the rest can be asked for.

    `info` describes the object the bytes are of; `received` are the first bytes of the
    extent that was asked for.
    """

    def __init__(self, message: str, *, info: ObjectInfo, received: memoryview) -> None:
        super().__init__(message, operation="get", key=info.key)
        self.info = info
        self.received = received


class ObjectStore(Protocol):
    """
    One bucket. See the module's docstring for what holds for every method.

    Errors that any method may raise: `NoSuchBucket`, `AccessDenied` and below, and
    `Transient` and below (after retries, when the store is wrapped in `Retrying`).
    """

    @property
    def name(self) -> str:
        """The bucket's name, for messages."""
        ...

    @property
    def limits(self) -> Limits:
        """What the store accepts."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What the store can do."""
        ...

    def get(
        self, key: str, extent: Extent | None = None, *, if_match: str | None = None
    ) -> Fetched:
        """
        Return the bytes of `extent`, clipped to the object's end; None: all of them.

        The answer is checked: length, Content-Range, and for a whole object its CRC-64.
        NoSuchKey; PreconditionFailed when the etag is not `if_match`;
        RangeNotSatisfiable when a non-empty extent starts at or behind the end;
        ObjectArchived; CutShort, ChecksumMismatch.
        """
        ...

    def head(self, key: str) -> ObjectInfo:
        """Describe the current version. NoSuchKey."""
        ...

    def list(
        self,
        prefix: str = "",
        *,
        delimiter: str = "",
        start_after: str = "",
        token: str | None = None,
        max_keys: int = 1000,
    ) -> ListPage:
        """
        List keys that begin with `prefix` and are greater than `start_after`.

        With a delimiter, keys that hold it behind the prefix are rolled up into
        prefixes (which end in it). `max_keys` counts both, 1 to 1000. A `token` of an
        earlier page goes with the same other arguments.
        """
        ...

    def put(
        self, key: str, body: Body, headers: Headers, *, forbid_overwrite: bool = False
    ) -> Stored:
        """
        Make `body` the object; readers see the old or the new one, never a mixture.

        The bytes' CRC-64 is compared with the store's. AlreadyExists; ObjectTooLarge;
        InvalidName; ChecksumMismatch.
        """
        ...

    def copy(
        self,
        source: str,
        key: str,
        *,
        if_match: str | None = None,
        headers: Headers | None = None,
        forbid_overwrite: bool = False,
    ) -> Stored:
        """
        Copy an object inside the bucket, on the server.

        With `headers`, they replace the source's; without, the source's are kept
        (`source == key` needs headers). NoSuchKey: no source; PreconditionFailed: the
        source's etag is not `if_match`; ObjectTooLarge: use parts; AlreadyExists.
        """
        ...

    def delete(self, key: str) -> None:
        """Delete the object; one that is not there is no error."""
        ...

    def delete_many(self, keys: Sequence[str]) -> Sequence[DeleteFailure]:
        """Delete up to `limits.max_delete` objects in one request; return what failed."""
        ...

    def create_upload(self, key: str, headers: Headers) -> str:
        """Start a multipart upload and return its id. An existing object is untouched."""
        ...

    def upload_part(self, key: str, upload_id: str, number: int, body: Body) -> Part:
        """
        Send a part, replacing one of the same number; its CRC-64 is compared.

        NoSuchUpload; ChecksumMismatch.
        """
        ...

    def copy_part(
        self,
        key: str,
        upload_id: str,
        number: int,
        source: str,
        extent: Extent,
        *,
        if_match: str | None = None,
    ) -> Part:
        """
        Make a range of an object a part, on the server.

        NoSuchUpload; NoSuchKey: no source; PreconditionFailed.
        """
        ...

    def complete_upload(
        self, key: str, upload_id: str, parts: Iterable[Part], *, forbid_overwrite: bool = False
    ) -> Stored:
        """
        Make the parts, ascending by number, the object.

        NoSuchUpload: also when an earlier, unanswered Complete succeeded;
        InvalidRequest: a part is missing, differs, or is too small; AlreadyExists.
        """
        ...

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Drop an upload and its parts. NoSuchUpload."""
        ...

    def list_parts(self, key: str, upload_id: str, *, after: int = 0) -> PartsPage:
        """List up to 1000 parts with numbers above `after`. NoSuchUpload."""
        ...

    def list_uploads(
        self, prefix: str = "", *, marker: tuple[str, str] | None = None
    ) -> UploadsPage:
        """List up to 1000 uploads of keys that begin with `prefix`; `marker` pages."""
        ...

    def put_symlink(self, key: str, target: str, headers: Headers) -> Stored:
        """Make `key` a native symlink to the key `target`. NotSupported."""
        ...

    def get_symlink(self, key: str) -> str:
        """Return the key a native symlink points to. InvalidRequest: not a link."""
        ...

    def append(self, key: str, position: int, body: Body, headers: Headers) -> Appended:
        """
        Append to an appendable object, made at position 0 with `headers`.

        PositionMismatch (with the right position); Conflict: not appendable;
        NotSupported.
        """
        ...
