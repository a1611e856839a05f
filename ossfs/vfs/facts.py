"""
What the store knows of a file, as read-only extended attributes: `user.ossfs.NAME`.

They are not listed: `cp -a` and `rsync -X` would take them for the file's own. `upload` and
`etag` cost nothing, the others a HEAD. Writing `user.ossfs.invalidate` of a file or directory
drops what is remembered of it and all below.

Threads: every method from any thread.
"""

from collections.abc import Callable, Mapping

from ossfs.errors import NoSuchKey
from ossfs.store.api import ObjectInfo, ObjectStore
from ossfs.vfs.keys import split
from ossfs.vfs.nodes import FileNode
from ossfs.vfs.reader import ObjectReader
from ossfs.vfs.tree import Found, Tree

PREFIX = "user.ossfs."
INVALIDATE = "invalidate"
STORED: Mapping[str, Callable[[ObjectInfo], object]] = {
    "crc64": lambda info: info.crc64,
    "storage_class": lambda info: info.storage_class,
    "version_id": lambda info: info.version_id,
    "object_type": lambda info: info.object_type,
    "restore": lambda info: info.restore,
}


class Facts:
    """The values of one mount's files."""

    def __init__(self, *, tree: Tree, store: ObjectStore, reader: ObjectReader) -> None:
        self._tree = tree
        self._store = store
        self._reader = reader

    def get(self, found: Found, name: str) -> str | None:
        """Return a value; None: there is no such name, or the store does not say."""
        if found.entry.is_directory:
            return None
        if name == "upload":
            return "done" if found.node is None else _shown(found.node)
        if name == "etag":
            return self._etag(found)
        if name not in STORED:
            return None
        try:
            value = STORED[name](self._store.head(_object_key(found)))
        except NoSuchKey:
            return None
        return None if value is None or value == "" else str(value)

    def _etag(self, found: Found) -> str | None:
        if found.node is None:
            return found.entry.etag or None
        base = found.node.pending.base
        return None if base is None else base.etag

    def invalidate(self, found: Found) -> None:
        """Forget what is known of a file or directory: the next look asks the bucket."""
        key = found.key
        if found.entry.is_directory:
            self._tree.directories.forget(key)
        else:
            self._reader.forget(key)
        if key != self._tree.keys.prefix:
            self._tree.objects.drop(key)
            self._tree.directories.doubt(*split(key))


def _object_key(found: Found) -> str:
    base = None if found.node is None else found.node.pending.base
    return found.key if base is None else base.key


def _shown(node: FileNode) -> str:
    """Say in words how far a file is on its way to the bucket."""
    if not node.pending.is_dirty:
        return "done"
    status = node.pending.status()
    words = [status.state]
    if status.parts_total:
        words.append(f"{status.parts_done} of {status.parts_total} parts")
    if status.error:
        words.append(status.error)
    return ": ".join(words)
