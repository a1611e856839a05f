"""
What the kernel has cached of files, and whether it is still right.

The kernel keeps the pages of a file after it was closed, and drops them at the next open
unless it is told that they are still right. Size and time do not say so: another client
may have put other bytes of the same size and modification time. The etag does.

All descriptors of one name share these pages. So when a version that was replaced is still
open, its handles read nothing more, and the new one is read past the pages until they are
closed: else a page of one could be shown by a descriptor of the other.

The kernel drops pages while it takes note of an open, and that is known to have happened
only when it asks for something through the new descriptor. Until then every other open has
to let it drop them, too: its answer may overtake that of the first, and its reader would see
pages of the old version first, and those of the new one a moment later.

The kernel also believes the size it was told last, for as long as attributes are valid,
and reads no further. A file of which an open finds another size is read past the pages.

Threads: every method from any thread; one lock guards the table, which is bounded.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

from ossfs.vfs.nodes import FileNode

MAX_FILES = 100_000  # about 300 bytes each


class Caching(NamedTuple):
    """What an open tells the kernel."""

    keeps_pages: bool
    """The pages it has are right."""
    is_direct: bool
    """It shall ask for every byte, and keep none."""


@dataclass(slots=True)
class _Told:
    """What the kernel has of one inode."""

    etag: str = ""
    """Of the version its pages are of; empty: none that could be kept."""
    size: int | None = None
    node: FileNode | None = None
    """Who was opened last; None: it is closed."""
    older: list[FileNode] = field(default_factory=list)
    """Versions that were replaced while they were open, and may still be."""


class KernelPages:
    """Decides at each open what the kernel may keep and believe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the table and the nodes' has_pages
        self._told: OrderedDict[int, _Told] = OrderedDict()  # by inode number

    def opened(self, node: FileNode) -> Caching:
        """Return what is right for the node, which its opener counts as open already."""
        pending = node.pending
        with pending.lock:
            base, size, is_changed = pending.base, pending.size, pending.generation > 0
        with self._lock:
            if node.is_superseded:  # in this moment, by another open
                return Caching(keeps_pages=True, is_direct=True)
            told = self._told_locked(node.ino)
            self._supersede_locked(told, node)
            keeps_pages = node.has_pages or (base is not None and told.etag == base.etag)
            # Of a file that was changed here, the kernel knows the size by itself.
            is_direct = not is_changed and told.size not in (None, size)
            node.has_pages, told.etag = keeps_pages, ""
        return Caching(keeps_pages, is_direct or bool(told.older))

    def _supersede_locked(self, told: _Told, node: FileNode) -> None:
        if told.node is not None and told.node is not node:
            told.node.is_superseded = True
            told.older.append(told.node)
        told.node = node
        told.older = [older for older in told.older if older.handles]

    def confirmed(self, node: FileNode) -> None:
        """Take note that the kernel asks for something through a descriptor of the node."""
        with self._lock:
            node.has_pages = not node.is_superseded

    def closed(self, node: FileNode) -> None:
        """Remember the version of a node that nobody has open any more."""
        base, is_changed = node.pending.base, node.pending.generation > 0
        with self._lock:
            told = self._told_locked(node.ino)
            told.older = [older for older in told.older if older is not node]
            if told.node is node:
                told.node = None
            if node.is_superseded:  # the pages are not its own
                return
            if node.has_pages and base is not None:
                told.etag = base.etag
                if is_changed:
                    told.size = base.size
            elif is_changed:  # cut by name: the pages are of neither version
                told.etag = ""

    def stated(self, ino: int, size: int) -> None:
        """Take note of the size that the kernel is told."""
        with self._lock:
            self._told_locked(ino).size = size

    def _told_locked(self, ino: int) -> _Told:
        told = self._told.get(ino)
        if told is None:
            told = self._told[ino] = _Told()
            if len(self._told) > MAX_FILES:
                self._told.popitem(last=False)
        return told
