"""
A complete object store in memory, for tests and for trying things out.

It answers as OSS does, down to the form of its ETags, whole-second times, part sizes that
are looked at only when an upload is completed, and what a symlink shows of its target.
Listings come in the order of UTF-8 bytes, which for Python's strings is their own order.

Threads: every method may be called from any thread. `_lock` guards `_objects` and
`_uploads`; bodies are read before it is taken.
"""

import base64
import threading
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ossfs.clock import Clock, SystemClock
from ossfs.crc64 import crc64
from ossfs.errors import (
    AlreadyExists,
    Conflict,
    InvalidRequest,
    NoSuchKey,
    NoSuchUpload,
    ObjectTooLarge,
    PositionMismatch,
    PreconditionFailed,
    RangeNotSatisfiable,
)
from ossfs.extents import Extent
from ossfs.store.api import (
    Appended,
    Body,
    Capabilities,
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
    Stored,
    UploadsPage,
)
from ossfs.store.checks import Where, check_headers, check_key, check_part_number, require
from ossfs.store.limits import OSS_CAPABILITIES, OSS_LIMITS
from ossfs.store.listing import cut
from ossfs.store.memory_objects import (
    Object,
    Piece,
    Upload,
    as_appendable,
    as_link,
    as_multipart,
    chosen,
    joint_etag,
    md5,
    read,
)

PAGE = 1000
DEFAULT_TYPE = "application/octet-stream"


class MemoryStore:
    """One bucket in memory; see `ossfs.store.api.ObjectStore` for its methods."""

    def __init__(
        self,
        name: str = "memory",
        *,
        limits: Limits = OSS_LIMITS,
        capabilities: Capabilities = OSS_CAPABILITIES,
        clock: Clock | None = None,
    ) -> None:
        self._name = name
        self._limits = limits
        self._capabilities = capabilities
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._objects: dict[str, Object] = {}
        self._uploads: dict[str, Upload] = {}
        self._started = 0

    def __repr__(self) -> str:
        return f"MemoryStore({self._name!r}, {len(self._objects)} objects)"

    @property
    def name(self) -> str:
        """The bucket's name, for messages."""
        return self._name

    @property
    def limits(self) -> Limits:
        """What the store accepts."""
        return self._limits

    @property
    def capabilities(self) -> Capabilities:
        """What the store can do."""
        return self._capabilities

    # Whole objects

    def get(
        self, key: str, extent: Extent | None = None, *, if_match: str | None = None
    ) -> Fetched:
        """Return the bytes of `extent`, clipped; see `ObjectStore.get`."""
        with self._lock:
            shown = self._shown_locked(key)
        self._check_match("get", shown, if_match)
        if extent is None:
            return Fetched(shown.info, shown.data)
        if extent.start >= shown.info.size and extent.size:
            raise RangeNotSatisfiable(
                f"starts at {extent.start} of {shown.info.size}", **self._where("get", key, 416)
            )
        return Fetched(shown.info, shown.data[extent.start : extent.stop])

    def head(self, key: str) -> ObjectInfo:
        """Describe the current version. NoSuchKey."""
        with self._lock:
            return self._shown_locked(key).info

    def put(
        self, key: str, body: Body, headers: Headers, *, forbid_overwrite: bool = False
    ) -> Stored:
        """Make `body` the object; see `ObjectStore.put`."""
        self._check_new(key, headers, forbid_overwrite=forbid_overwrite)
        if body.size > self._limits.max_put:
            raise ObjectTooLarge(f"{body.size} bytes", **self._where("put", key, 400))
        made = self._made(key, read(body), headers)
        return self._publish("put", made, forbid_overwrite=forbid_overwrite)

    def copy(
        self,
        source: str,
        key: str,
        *,
        if_match: str | None = None,
        headers: Headers | None = None,
        forbid_overwrite: bool = False,
    ) -> Stored:
        """Copy an object inside the bucket; see `ObjectStore.copy`."""
        check_key(source, self._limits)
        self._check_new(key, headers or Headers(), forbid_overwrite=forbid_overwrite)
        if source == key and headers is None:
            raise InvalidRequest("a copy to itself needs headers", **self._where("copy", key, 400))
        with self._lock:
            original = self._there_locked("copy", source)
        self._check_match("copy", original, if_match)
        if original.info.size > self._limits.max_copy:
            raise ObjectTooLarge(f"{original.info.size} bytes", **self._where("copy", key, 400))
        kept = Headers(original.info.content_type, original.info.metadata)
        made = self._made(key, original.data, headers or kept)
        if original.target is not None:
            made = as_link(made, original.target)
        return self._publish("copy", made, forbid_overwrite=forbid_overwrite)

    def delete(self, key: str) -> None:
        """Delete the object; one that is not there is no error."""
        check_key(key, self._limits)
        with self._lock:
            self._objects.pop(key, None)

    def delete_many(self, keys: Sequence[str]) -> Sequence[DeleteFailure]:
        """Delete up to `limits.max_delete` objects at once; none of them ever fails here."""
        require(self._limits.max_delete, "batch delete", "")
        if len(keys) > self._limits.max_delete:
            raise InvalidRequest(f"{len(keys)} keys at once", **self._where("delete_many", "", 400))
        for key in keys:
            check_key(key, self._limits)
        with self._lock:
            for key in keys:
                self._objects.pop(key, None)
        return ()

    # Listing

    def list(
        self,
        prefix: str = "",
        *,
        delimiter: str = "",
        start_after: str = "",
        token: str | None = None,
        max_keys: int = PAGE,
    ) -> ListPage:
        """List keys; see `ObjectStore.list`."""
        if not 1 <= max_keys <= PAGE:
            raise InvalidRequest(f"max_keys {max_keys}", **self._where("list", prefix, 400))
        after = start_after if token is None else self._position(token)
        with self._lock:
            found = sorted(key for key in self._objects if key.startswith(prefix) and key > after)
            page = cut(found, prefix, delimiter, max_keys, None if token is None else after)
            objects = [self._listed_locked(key) for key in page.keys]
        return ListPage(objects, page.prefixes, _token(page.last) if page.more else None)

    def _position(self, token: str) -> str:
        try:
            return base64.urlsafe_b64decode(token).decode()
        except ValueError:
            raise InvalidRequest("unknown token", **self._where("list", "", 400)) from None

    def _listed_locked(self, key: str) -> ListedObject:
        info = self._objects[key].info
        return ListedObject(
            key, info.size, info.etag, info.modified_ns, info.storage_class, info.object_type
        )

    # Objects in parts

    def create_upload(self, key: str, headers: Headers) -> str:
        """Start a multipart upload and return its id."""
        self._check_new(key, headers)
        with self._lock:
            self._started += 1  # leads the id, so that ids sort by start
            upload_id = f"{self._started:08X}{uuid.uuid4().hex.upper()[8:]}"
            self._uploads[upload_id] = Upload(key, headers, self._now_ns())
        return upload_id

    def upload_part(self, key: str, upload_id: str, number: int, body: Body) -> Part:
        """Send a part, replacing one of the same number; see `ObjectStore.upload_part`."""
        check_part_number(key, number, self._limits)
        if body.size > self._limits.max_part:
            raise ObjectTooLarge(f"{body.size} bytes", **self._where("upload_part", key, 400))
        return self._add_part("upload_part", key, upload_id, number, read(body))

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
        """Make a range of an object a part; see `ObjectStore.copy_part`."""
        check_part_number(key, number, self._limits)
        with self._lock:
            self._upload_locked("copy_part", key, upload_id)
            shown = self._shown_locked(source)
        self._check_match("copy_part", shown, if_match)
        if not extent.size or extent.stop > shown.info.size:
            raise InvalidRequest(f"{extent} of {source}", **self._where("copy_part", key, 400))
        if extent.size > self._limits.max_part:
            raise ObjectTooLarge(f"{extent.size} bytes", **self._where("copy_part", key, 400))
        data = shown.data[extent.start : extent.stop]
        return self._add_part("copy_part", key, upload_id, number, data)

    def _add_part(self, operation: str, key: str, upload_id: str, number: int, data: bytes) -> Part:
        crc = crc64(data) if self._capabilities.part_crc64 else None
        part = Part(number, len(data), md5(data), crc)
        with self._lock:
            self._upload_locked(operation, key, upload_id).parts[number] = Piece(part, data)
        return part

    def complete_upload(
        self, key: str, upload_id: str, parts: Iterable[Part], *, forbid_overwrite: bool = False
    ) -> Stored:
        """Make the parts, ascending by number, the object; see `ObjectStore.complete_upload`."""
        wanted = list(parts)
        with self._lock:
            upload = self._upload_locked("complete_upload", key, upload_id)
            held = dict(upload.parts)
        where = self._where("complete_upload", key, 400)
        pieces = chosen(wanted, held, self._limits, where)
        plain = self._made(key, b"".join(piece.data for piece in pieces), upload.headers)
        made = as_multipart(plain, joint_etag(pieces))
        with self._lock:
            self._upload_locked("complete_upload", key, upload_id)
            stored = self._publish_locked("complete_upload", made, forbid_overwrite)
            del self._uploads[upload_id]
        return stored

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Drop an upload and its parts. NoSuchUpload."""
        with self._lock:
            self._upload_locked("abort_upload", key, upload_id)
            del self._uploads[upload_id]

    def list_parts(self, key: str, upload_id: str, *, after: int = 0) -> PartsPage:
        """List up to 1000 parts with numbers above `after`. NoSuchUpload."""
        with self._lock:
            held = self._upload_locked("list_parts", key, upload_id).parts
            numbers = sorted(number for number in held if number > after)
            parts = [held[number].part for number in numbers[:PAGE]]
        return PartsPage(parts, parts[-1].number if len(numbers) > PAGE else None)

    def list_uploads(
        self, prefix: str = "", *, marker: tuple[str, str] | None = None
    ) -> UploadsPage:
        """List up to 1000 uploads of keys that begin with `prefix`."""
        with self._lock:
            found = sorted(
                (upload.key, upload_id, upload.initiated_ns)
                for upload_id, upload in self._uploads.items()
                if upload.key.startswith(prefix)
                and (marker is None or (upload.key, upload_id) > marker)
            )
        uploads = [PendingUpload(*entry) for entry in found[:PAGE]]
        more = len(found) > PAGE
        return UploadsPage(uploads, (uploads[-1].key, uploads[-1].upload_id) if more else None)

    # Symlinks and appending

    def put_symlink(self, key: str, target: str, headers: Headers) -> Stored:
        """Make `key` a native symlink to the key `target`."""
        require(self._capabilities.symlinks, "symlinks", key)
        self._check_new(key, headers)
        check_key(target, self._limits)
        return self._publish("put_symlink", as_link(self._made(key, b"", headers), target))

    def get_symlink(self, key: str) -> str:
        """Return the key a native symlink points to. InvalidRequest: not a link."""
        require(self._capabilities.symlinks, "symlinks", key)
        with self._lock:
            target = self._there_locked("get_symlink", key).target
        if target is None:
            where = self._where("get_symlink", key, 400)
            raise InvalidRequest("not a symlink", **where, code="NotSymlink")
        return target

    def append(self, key: str, position: int, body: Body, headers: Headers) -> Appended:
        """Append to an appendable object; see `ObjectStore.append`."""
        require(self._capabilities.append, "append", key)
        self._check_new(key, headers)
        data = read(body)
        with self._lock:
            old = self._objects.get(key)
            self._check_append_locked(key, position, len(data), old)
            if old is None:
                self._objects[key] = as_appendable(self._made(key, data, headers), "")
            elif data:
                kept = Headers(old.info.content_type, old.info.metadata)
                made = self._made(key, old.data + data, kept)
                self._objects[key] = as_appendable(made, old.info.etag)
            info = self._objects[key].info
        return Appended(info.size, info.etag, info.crc64)

    def _check_append_locked(self, key: str, position: int, size: int, old: Object | None) -> None:
        if old is not None and old.info.object_type != "Appendable":
            where = self._where("append", key, 409)
            raise Conflict("not appendable", **where, code="ObjectNotAppendable")
        end = old.info.size if old else 0
        if position != end:
            where = self._where("append", key, 409)
            raise PositionMismatch(f"at {position}", next_position=end, **where)
        if end + size > self._limits.max_put:
            raise ObjectTooLarge(f"{end + size} bytes", **self._where("append", key, 400))

    # What the methods share

    def _where(self, operation: str, key: str, status: int) -> Where:
        return {"operation": operation, "bucket": self._name, "key": key, "status": status}

    def _now_ns(self) -> int:
        return self._clock.now_ns() // 1_000_000_000 * 1_000_000_000

    def _check_new(self, key: str, headers: Headers, *, forbid_overwrite: bool = False) -> None:
        check_key(key, self._limits)
        check_headers(key, headers, self._limits)
        if forbid_overwrite:
            require(self._capabilities.forbid_overwrite, "forbid-overwrite", key)

    def _check_match(self, operation: str, found: Object, if_match: str | None) -> None:
        if if_match is not None and found.info.etag != if_match:
            where = self._where(operation, found.info.key, 412)
            raise PreconditionFailed(f"expected {if_match}, found {found.info.etag}", **where)

    def _made(self, key: str, data: bytes, headers: Headers) -> Object:
        info = ObjectInfo(
            key=key,
            size=len(data),
            etag=md5(data),
            modified_ns=self._now_ns(),
            content_type=headers.content_type or DEFAULT_TYPE,
            metadata={name.lower(): text.strip() for name, text in headers.metadata.items()},
            crc64=crc64(data) if self._capabilities.object_crc64 else None,
            storage_class="Standard",
            object_type="Normal",
        )
        return Object(info, data)

    def _publish(self, operation: str, made: Object, *, forbid_overwrite: bool = False) -> Stored:
        with self._lock:
            return self._publish_locked(operation, made, forbid_overwrite)

    def _publish_locked(self, operation: str, made: Object, forbid_overwrite: bool) -> Stored:
        key = made.info.key
        if forbid_overwrite and key in self._objects:
            where = self._where(operation, key, 409)
            raise AlreadyExists("the object exists", **where, code="FileAlreadyExists")
        self._objects[key] = made
        return Stored(made.info.etag, made.info.crc64)

    def _there_locked(self, operation: str, key: str) -> Object:
        check_key(key, self._limits)
        try:
            return self._objects[key]
        except KeyError:
            raise NoSuchKey("not there", **self._where(operation, key, 404)) from None

    def _shown_locked(self, key: str) -> Object:
        """Return what GET and HEAD show: of a symlink, the target under the link's headers."""
        found = self._there_locked("get", key)
        if found.target is None:
            return found
        if found.target not in self._objects:
            where = self._where("get", key, 404)
            raise NoSuchKey("the target is not there", **where, code="SymlinkTargetNotExist")
        target = self._objects[found.target]
        if target.target is not None:
            where = self._where("get", key, 400)
            raise InvalidRequest("a link to a link", **where, code="InvalidTargetType")
        info = replace(
            found.info,
            size=target.info.size,
            etag=target.info.etag,
            crc64=target.info.crc64,
            modified_ns=max(found.info.modified_ns, target.info.modified_ns),
        )
        return Object(info, target.data)

    def _upload_locked(self, operation: str, key: str, upload_id: str) -> Upload:
        upload = self._uploads.get(upload_id)
        if upload is None or upload.key != key:
            raise NoSuchUpload(f"no upload {upload_id}", **self._where(operation, key, 404))
        return upload


def _token(last: str) -> str:
    return base64.urlsafe_b64encode(last.encode()).decode()
