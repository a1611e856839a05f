"""
What all operations of the in-memory store share: its objects, and how a version is made.

Threads: `_lock` guards `_objects` and `_uploads`; bodies are read before it is
taken.
"""

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from ossfs.clock import Clock, SystemClock
from ossfs.crc64 import crc64
from ossfs.errors import (
    AlreadyExists,
    InvalidRequest,
    NoSuchBucket,
    NoSuchKey,
    NoSuchUpload,
    PreconditionFailed,
)
from ossfs.store.api import Capabilities, Headers, Limits, ObjectInfo, Said, Stored
from ossfs.store.checks import Where, check_headers, check_key, require
from ossfs.store.limits import OSS_CAPABILITIES, OSS_LIMITS
from ossfs.store.memory_objects import Object, Upload, md5

T = TypeVar("T", bound="MemoryCore")

DEFAULT_TYPE = "application/octet-stream"


class MemoryCore:
    """A bucket in memory, and what may be said of it."""

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
        return f"{type(self).__name__}({self._name!r}, {len(self._objects)} objects)"

    @property
    def name(self) -> str:
        """The bucket's name, for messages."""
        return self._name

    @property
    def place(self) -> str:
        """Which bucket: names are places here."""
        return f"memory://{self._name}"

    def saying(self: T, said: Mapping[str, Said]) -> T:  # noqa: ARG002, PYI019  # nobody listens; Self needs Python 3.11
        """Return this bucket: there are no requests that could say more."""
        return self

    def copying_from(self: T, bucket: str, *, version_id: str | None = None) -> T:  # noqa: PYI019  # the same
        """Return this bucket; there is no other. NoSuchBucket; NoSuchKey: there are no versions."""
        if bucket != self._name:
            raise NoSuchBucket("not there", **self._where("copy", "", 404) | {"bucket": bucket})
        if version_id is not None:
            raise NoSuchKey(f"no version {version_id}", **self._where("copy", "", 404))
        return self

    @property
    def limits(self) -> Limits:
        """What the store accepts."""
        return self._limits

    @property
    def capabilities(self) -> Capabilities:
        """What the store can do."""
        return self._capabilities

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
            storage_class=headers.storage_class or "Standard",
            object_type="Normal",
            standard=headers.standard,
        )
        return Object(info, data)

    def _publish(
        self,
        operation: str,
        made: Object,
        *,
        forbid_overwrite: bool = False,
        if_match: str | None = None,
    ) -> Stored:
        with self._lock:
            return self._publish_locked(operation, made, forbid_overwrite, if_match)

    def _publish_locked(
        self, operation: str, made: Object, forbid_overwrite: bool, if_match: str | None
    ) -> Stored:
        key = made.info.key
        if if_match is not None:
            self._check_match(operation, self._there_locked(operation, key), if_match)
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
