"""
What the in-memory store does beyond whole objects: links, append, rename, tags.

Threads: every method may be called from any thread.
"""

from collections.abc import Mapping
from dataclasses import replace

from ossfs.errors import Conflict, InvalidRequest, NotSupported, ObjectTooLarge, PositionMismatch
from ossfs.store.api import Appended, Body, BucketFacts, Headers, Stored
from ossfs.store.checks import check_key, require
from ossfs.store.memory_core import MemoryCore
from ossfs.store.memory_objects import Object, as_appendable, as_link, read


class MemorySpecial(MemoryCore):
    """See `ossfs.store.api.ObjectStore` for the methods."""

    def probe(self) -> BucketFacts:
        """Say that it is a flat bucket without versions; renaming is a capability."""
        return BucketFacts(renames=self._capabilities.rename)

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
                made = self._made(key, old.data + data, old.info.headers)
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

    def rename(self, source: str, target: str, *, forbid_overwrite: bool = False) -> None:
        """Give an object another key, in one step; see `ObjectStore.rename`."""
        require(self._capabilities.rename, "rename", source)
        check_key(target, self._limits)
        with self._lock:
            found = self._there_locked("rename", source)
            moved = found._replace(info=replace(found.info, key=target))
            self._publish_locked("rename", moved, forbid_overwrite, None)
            if source != target:
                del self._objects[source]

    def restore(self, key: str, days: int, *, tier: str = "") -> None:
        """Refuse: nothing is archived here. NoSuchKey, NotSupported."""
        with self._lock:
            self._there_locked("restore", key)
        where = self._where("restore", key, 400)
        wish = f"{days} days {tier}".strip()
        raise NotSupported(f"not archived, {wish}", **where, code="OperationNotSupported")

    def get_tagging(self, key: str) -> Mapping[str, str]:
        """Return the object's tags. NoSuchKey."""
        with self._lock:
            return self._there_locked("get_tagging", key).tags

    def put_tagging(self, key: str, tags: Mapping[str, str]) -> None:
        """Replace the object's tags; its version and times stay. NoSuchKey."""
        with self._lock:
            found = self._there_locked("put_tagging", key)
            self._objects[key] = found._replace(tags=dict(tags))
