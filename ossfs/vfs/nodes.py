"""
Files that are more than a name in the bucket: open, changed, or on their way there.

A `FileNode` is what handles point to, so that they survive renames and unlinks. The
`NodeTable` finds the node of a key; what it holds comes before what the bucket says.

Threads: the table's lock guards the table and the nodes' `key`, `handles`, `commits` and
`is_linked`; a node's `attributes` are guarded by its pending file's lock. The table's lock
is taken before a pending file's, never after, and never held during I/O.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from ossfs.journal.records import DeletionRecord
from ossfs.vfs.inodes import Ino
from ossfs.vfs.keys import split
from ossfs.vfs.posix import Attributes
from ossfs.writeback.pending import PendingFile


@dataclass(slots=True, eq=False)
class FileNode:
    """One file, by whatever name."""

    key: str
    ino: Ino
    pending: PendingFile
    attributes: Attributes
    has_object: bool
    """The bucket holds an object of this key: this file's, or one it will replace."""
    handles: int = 0
    commits: int = 0
    """How many of them are under way, up to the moment when the new version is known."""
    is_linked: bool = True
    """It has a name; otherwise it lives until its last handle closes."""
    deletion: DeletionRecord | None = None
    """The journal's note that its object is to be deleted at the last close."""
    copies: list[DeletionRecord] = field(default_factory=list)
    """The same for copies from which it is read because its object had to make room."""
    is_new: bool = False
    """Made by us, with nothing written yet: committed at release, not at flush."""
    has_pages: bool = False
    """What the kernel has cached of it are bytes of this node: it has dropped all others."""
    is_superseded: bool = False
    """Another version has its name and its pages in the kernel; no byte of it may get there."""
    is_described: bool = True
    """Its attributes are the object's; otherwise a listing's, and only good to be shown."""
    is_broken: bool = False
    """Wrong bytes of it were shown, and it is superseded for that reason."""
    checked: float = 0.0
    """When the bucket last said that this version is there; seconds, monotonic."""


class NodeTable:
    """The nodes by key."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._nodes: dict[str, FileNode] = {}
        self._names: defaultdict[str, dict[str, FileNode]] = defaultdict(dict)

    def get(self, key: str) -> FileNode | None:
        """Return the key's node."""
        with self.lock:
            return self._nodes.get(key)

    def add(self, node: FileNode) -> FileNode:
        """Put a node under its key; return the one that was faster, if there is one."""
        with self.lock:
            known = self._nodes.setdefault(node.key, node)
            if known is node:
                parent, name = split(node.key)
                self._names[parent][name] = node
            return known

    def remove(self, node: FileNode) -> None:
        """Take a node out, if its key still is its own."""
        with self.lock:
            if self._nodes.get(node.key) is node:
                del self._nodes[node.key]
                parent, name = split(node.key)
                self._names[parent].pop(name, None)
                if not self._names[parent]:
                    del self._names[parent]

    def distrust(self, key: str, etag: str) -> None:
        """Take note that wrong bytes of a version were shown: whoever has it open gets no more."""
        with self.lock:
            node = self._nodes.get(key)
            base = None if node is None or node.pending.is_dirty else node.pending.base
            if node is not None and base is not None and base.etag == etag:
                node.is_broken = node.is_superseded = True
                self.remove(node)

    def rename(self, node: FileNode, key: str) -> None:
        """Put a node under another key, in place of the node that may be there."""
        with self.lock:
            displaced = self._nodes.get(key)
            if displaced is not None:
                self.remove(displaced)
            is_member = self._nodes.get(node.key) is node
            self.remove(node)
            node.key = key
            if is_member:
                self.add(node)

    def children(self, directory: str) -> dict[str, FileNode]:
        """Return the nodes whose names are in the directory."""
        with self.lock:
            return dict(self._names.get(directory, {}))

    def below(self, prefix: str) -> list[FileNode]:
        """Return the nodes whose keys begin with `prefix`."""
        with self.lock:
            return [node for key, node in self._nodes.items() if key.startswith(prefix)]

    def __iter__(self) -> Iterator[FileNode]:
        with self.lock:
            return iter(list(self._nodes.values()))
