"""
Objects in parts, of the in-memory store.

Threads: every method may be called from any thread.
"""

import uuid
from collections.abc import Iterable

from ossfs.crc64 import crc64
from ossfs.errors import InvalidRequest, ObjectTooLarge
from ossfs.extents import Extent
from ossfs.store.api import (
    Body,
    Headers,
    Part,
    PartsPage,
    PendingUpload,
    Stored,
    UploadsPage,
)
from ossfs.store.checks import check_part_number, require
from ossfs.store.memory_core import MemoryCore
from ossfs.store.memory_objects import Piece, Upload, as_multipart, chosen, joint_etag, md5, read

PAGE = 1000


class MemoryUploads(MemoryCore):
    """See `ossfs.store.api.ObjectStore` for the methods."""

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
        self,
        key: str,
        upload_id: str,
        parts: Iterable[Part],
        *,
        forbid_overwrite: bool = False,
        if_match: str | None = None,
    ) -> Stored:
        """Make the parts, ascending by number, the object; see `ObjectStore.complete_upload`."""
        if forbid_overwrite:
            require(self._capabilities.forbid_overwrite, "forbid-overwrite", key)
        if if_match is not None:
            require(self._capabilities.conditional_complete, "conditional writes", key)
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
            stored = self._publish_locked("complete_upload", made, forbid_overwrite, if_match)
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
