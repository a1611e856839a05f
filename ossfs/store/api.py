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

The values are in `ossfs.store.values` and the bodies in `ossfs.store.bodies`; both are
offered here too, as what the methods take and return.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from ossfs.extents import Extent
from ossfs.store.bodies import Body, BytesBody, FileBody, Handing, Sink, pieces_of
from ossfs.store.values import (
    NOTHING,
    STANDARD_HEADERS,
    Appended,
    BucketFacts,
    Capabilities,
    CutShort,
    DeleteFailure,
    Fetched,
    Headers,
    Limits,
    ListedObject,
    ListPage,
    ObjectInfo,
    Part,
    PartsPage,
    PendingUpload,
    Said,
    Stored,
    UploadsPage,
    kept_class,
)

__all__ = [
    "NOTHING",
    "STANDARD_HEADERS",
    "Appended",
    "Body",
    "BucketFacts",
    "BytesBody",
    "Capabilities",
    "CutShort",
    "DeleteFailure",
    "Fetched",
    "FileBody",
    "Handing",
    "Headers",
    "Limits",
    "ListPage",
    "ListedObject",
    "ObjectInfo",
    "ObjectStore",
    "Part",
    "PartsPage",
    "PendingUpload",
    "Said",
    "Sink",
    "Stored",
    "UploadsPage",
    "kept_class",
    "pieces_of",
]


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
    def place(self) -> str:
        """Which bucket of which store, the same in every process: `oss://bucket at https://…`."""
        ...

    @property
    def limits(self) -> Limits:
        """What the store accepts."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What the store can do."""
        ...

    def saying(self, said: Mapping[str, Said]) -> "ObjectStore":
        """
        Return the same bucket, whose requests say more: method of this protocol → what.

        What a method says itself wins. Connections and credentials are shared.
        """
        ...

    def copying_from(self, bucket: str, *, version_id: str | None = None) -> "ObjectStore":
        """Return the same bucket, whose copies come from another one of the store."""
        ...

    def probe(self) -> BucketFacts:
        """
        Ask how the bucket was set up; from then on `capabilities` heed it.

        The answer is kept: later calls send nothing. What may not be asked (a user who may
        only use objects) is taken for not set up.
        """
        ...

    def get(
        self,
        key: str,
        extent: Extent | None = None,
        *,
        if_match: str | None = None,
        unmodified_since_ns: int | None = None,
        version_id: str | None = None,
        into: Sink | None = None,
    ) -> Fetched:
        """
        Return the bytes of `extent`, clipped to the object's end; None: all of them.

        Or let them go `into` a sink as they come, whose errors come through. `version_id`
        asks for another version than the current one. The answer is checked: length,
        Content-Range, and for a whole object its checksum. That is known when all bytes have
        come: on ChecksumMismatch, what is in the sink is not to be used.

        NoSuchKey; PreconditionFailed when the etag is not `if_match`, or the object was
        changed after `unmodified_since_ns`; RangeNotSatisfiable when a non-empty extent
        starts at or behind the end; ObjectArchived; ChecksumMismatch; CutShort: its first
        `size` bytes are in the sink.

        Within `Retrying`, an answer that was cut short is gone on with, from the same
        version, and one with a wrong checksum is asked for again if nobody has used it: see
        `Sink.can_start_over`.
        """
        ...

    def head(self, key: str, *, version_id: str | None = None) -> ObjectInfo:
        """Describe the current version, or the one named. NoSuchKey."""
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
        self,
        key: str,
        body: Body,
        headers: Headers,
        *,
        forbid_overwrite: bool = False,
        if_match: str | None = None,
    ) -> Stored:
        """
        Make `body` the object; readers see the old or the new one, never a mixture.

        With `if_match`, only that version is replaced (`capabilities.conditional_put`).
        The bytes' checksum is compared by us or by the store. AlreadyExists;
        PreconditionFailed; ObjectTooLarge; InvalidName; ChecksumMismatch; NotSupported.
        """
        ...

    def copy(
        self,
        source: str,
        key: str,
        *,
        if_match: str | None = None,
        headers: Headers | None = None,
        storage_class: str = "",
        forbid_overwrite: bool = False,
    ) -> Stored:
        """
        Copy an object inside the bucket, on the server.

        With `headers`, they replace the source's; without, the source's are kept
        (`source == key` needs headers), but not its storage class: no store hands that on,
        so `storage_class` says it. NoSuchKey: no source; PreconditionFailed: the
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
        self,
        key: str,
        upload_id: str,
        parts: Iterable[Part],
        *,
        forbid_overwrite: bool = False,
        if_match: str | None = None,
    ) -> Stored:
        """
        Make the parts, ascending by number, the object.

        With `if_match`, only that version is replaced (`capabilities.conditional_complete`).
        NoSuchUpload: also when an earlier, unanswered Complete succeeded;
        InvalidRequest: a part is missing, differs, or is too small; AlreadyExists;
        PreconditionFailed; Conflict: another write came between; NotSupported.
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

    def rename(self, source: str, target: str, *, forbid_overwrite: bool = False) -> None:
        """
        Give an object another key, in one step.

        Stores differ in whether they replace a target; with `forbid_overwrite` none does.
        NoSuchKey; AlreadyExists; NotSupported.
        """
        ...

    def restore(self, key: str, days: int, *, tier: str = "") -> None:
        """
        Ask for an archived object's bytes to be readable for `days`; `head` tells when.

        `tier` is the store's word for how fast. One that is being restored is no error.
        InvalidRequest or NotSupported: not archived.
        """
        ...

    def get_tagging(self, key: str) -> Mapping[str, str]:
        """Return the object's tags. NoSuchKey."""
        ...

    def put_tagging(self, key: str, tags: Mapping[str, str]) -> None:
        """Replace the object's tags; its version and times stay. NoSuchKey."""
        ...
