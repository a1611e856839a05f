"""
A complete object store in memory, for tests and for trying things out.

It answers as OSS does, down to the form of its ETags, whole-second times, part sizes that
are looked at only when an upload is completed, and what a symlink shows of its target.
Listings come in the order of UTF-8 bytes, which for Python's strings is their own order.

Threads: every method may be called from any thread; see `ossfs.store.memory_core`.
"""

import base64
from collections.abc import Sequence
from dataclasses import replace

from ossfs.crc64 import crc64
from ossfs.errors import (
    InvalidRequest,
    NoSuchKey,
    ObjectTooLarge,
    PreconditionFailed,
    RangeNotSatisfiable,
)
from ossfs.extents import Extent
from ossfs.store.api import (
    Body,
    DeleteFailure,
    Fetched,
    Headers,
    ListedObject,
    ListPage,
    ObjectInfo,
    Sink,
    Stored,
)
from ossfs.store.checks import check_key, require
from ossfs.store.listing import cut
from ossfs.store.memory_objects import as_link, pour, read
from ossfs.store.memory_special import MemorySpecial
from ossfs.store.memory_uploads import MemoryUploads

PAGE = 1000


class MemoryStore(MemoryUploads, MemorySpecial):
    """One bucket in memory; see `ossfs.store.api.ObjectStore` for its methods."""

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
        """Return the bytes of `extent`, clipped; see `ObjectStore.get`."""
        self._refuse_versions("get", key, version_id)
        with self._lock:
            shown = self._shown_locked(key)
        info = shown.info
        self._check_match("get", shown, if_match)
        if unmodified_since_ns is not None and info.modified_ns > unmodified_since_ns:
            raise PreconditionFailed("changed since", **self._where("get", key, 412))
        extent = Extent(0, info.size) if extent is None else extent
        if extent.start >= info.size and extent.size:
            raise RangeNotSatisfiable(
                f"starts at {extent.start} of {info.size}", **self._where("get", key, 416)
            )
        data = shown.data[extent.start : extent.stop]
        if into is None:
            return Fetched(info, data, crc64(data))
        into.begins(info, Extent(extent.start, extent.start + len(data)))
        pour(data, into)
        return Fetched(info, b"", crc64(data))

    def head(self, key: str, *, version_id: str | None = None) -> ObjectInfo:
        """Describe the current version. NoSuchKey: there are no others."""
        self._refuse_versions("head", key, version_id)
        with self._lock:
            return self._shown_locked(key).info

    def _refuse_versions(self, operation: str, key: str, version_id: str | None) -> None:
        if version_id is not None:
            where = self._where(operation, key, 404)
            raise NoSuchKey(f"no version {version_id}", **where, code="NoSuchVersion")

    def put(
        self,
        key: str,
        body: Body,
        headers: Headers,
        *,
        forbid_overwrite: bool = False,
        if_match: str | None = None,
    ) -> Stored:
        """Make `body` the object; see `ObjectStore.put`."""
        self._check_new(key, headers, forbid_overwrite=forbid_overwrite)
        if if_match is not None:
            require(self._capabilities.conditional_put, "conditional writes", key)
        if body.size > self._limits.max_put:
            raise ObjectTooLarge(f"{body.size} bytes", **self._where("put", key, 400))
        made = self._made(key, read(body), headers)
        return self._publish("put", made, forbid_overwrite=forbid_overwrite, if_match=if_match)

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
        """Copy an object inside the bucket; see `ObjectStore.copy`."""
        check_key(source, self._limits)
        self._check_new(key, headers or Headers(storage_class=storage_class))
        if forbid_overwrite:
            require(self._capabilities.forbid_overwrite_copy, "forbid-overwrite", key)
        if source == key and headers is None:
            raise InvalidRequest("a copy to itself needs headers", **self._where("copy", key, 400))
        with self._lock:
            original = self._there_locked("copy", source)
        self._check_match("copy", original, if_match)
        if original.info.size > self._limits.max_copy:
            raise ObjectTooLarge(f"{original.info.size} bytes", **self._where("copy", key, 400))
        kept = replace(original.info.headers, storage_class=storage_class)
        made = self._made(key, original.data, headers or kept)
        if original.target is not None:
            made = as_link(made, original.target)
        made = made._replace(tags=original.tags)
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


def _token(last: str) -> str:
    return base64.urlsafe_b64encode(last.encode()).decode()
