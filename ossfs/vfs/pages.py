"""
Which version the pages are of that the kernel has cached of a file.

The kernel keeps the pages of a file after it was closed, and drops them at the next open
unless it is told that they are still right. Size and time do not say so: another client
may have put other bytes of the same size and modification time. The etag does.

Threads: every method from any thread; one lock guards the table, which is bounded.
"""

import threading
from collections import OrderedDict

from ossfs.vfs.nodes import FileNode

MAX_FILES = 100_000  # about 200 bytes each


class KernelPages:
    """Decides at each open whether the kernel may keep what it has."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the table (by inode number) and the nodes' has_pages
        self._etags: OrderedDict[int, str] = OrderedDict()

    def opened(self, node: FileNode) -> bool:
        """Return whether the pages are the node's; from now on they are."""
        base = node.pending.base
        with self._lock:
            etag = self._etags.pop(node.ino, None)
            is_kept = node.has_pages or (base is not None and etag == base.etag)
            node.has_pages = True
        return is_kept

    def closed(self, node: FileNode) -> None:
        """Remember the version of a node that is not needed any more."""
        base = node.pending.base
        with self._lock:
            if node.has_pages and base is not None:
                self._etags[node.ino] = base.etag
                if len(self._etags) > MAX_FILES:
                    self._etags.popitem(last=False)
            elif node.pending.generation:  # cut by name: the pages are of neither version
                self._etags.pop(node.ino, None)
