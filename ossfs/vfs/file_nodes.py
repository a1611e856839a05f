"""
Nodes of files: found, made, and told from those of other versions.

Threads: every method from any thread.
"""

import errno
import os

from ossfs.cache.metadata import Known
from ossfs.clock import Clock
from ossfs.errors import NoSuchKey
from ossfs.journal.journal import Journal
from ossfs.journal.records import Version
from ossfs.store.api import Headers
from ossfs.vfs.nodes import FileNode
from ossfs.vfs.posix import Attributes, read_attributes
from ossfs.vfs.tree import Found, Tree
from ossfs.writeback.eager import EagerParts
from ossfs.writeback.pending import PendingFile
from ossfs.writeback.staging import StagingArea


class FileNodes:
    """Makes the nodes of one mount."""

    def __init__(
        self,
        *,
        tree: Tree,
        journal: Journal,
        area: StagingArea,
        eager: EagerParts,
        clock: Clock,
    ) -> None:
        self.tree = tree
        self._journal = journal
        self._area = area
        self._eager = eager
        self._clock = clock

    def of(self, found: Found, *, fresh: bool = False) -> FileNode:
        """
        Return the node of a file that was found, made when there is none.

        With `fresh`, the bucket is asked when what is known of the file is older than the
        attributes' TTL; a node of a version that was replaced there gives way to a new one.
        FileNotFoundError: the file is gone.
        """
        node = found.node
        if node is not None and not (fresh and self._is_outdated(node)):
            return node
        try:
            if node is not None:
                known = self.tree.look(found.key)
                if self._is_current(node, known):
                    return node
                node.is_superseded = True
                self.tree.nodes.remove(node)
            else:
                known = self.tree.known(found.key, found.entry, fresh=fresh)
        except NoSuchKey:
            if node is not None:
                self.tree.nodes.remove(node)
            self.tree.gone(found.key)
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), found.key) from None
        return self.tree.nodes.add(self._known_node(found.key, known))

    def _is_outdated(self, node: FileNode) -> bool:
        """Say whether another client may have replaced the file since we last looked."""
        if node.pending.is_dirty or node.pending.is_committing:
            return False
        return self._clock.monotonic() - node.checked >= self.tree.attr_ttl_s

    def _is_current(self, node: FileNode, known: Known) -> bool:
        with node.pending.lock:
            base = node.pending.base
            is_current = node.pending.is_dirty or (base is not None and base.etag == known.etag)
            if is_current and not node.pending.is_dirty:
                node.checked = known.checked
                node.attributes = self.tree.attributes(known)
        return is_current

    def _known_node(self, key: str, known: Known) -> FileNode:
        attributes = self.tree.attributes(known)
        pending = self._pending(key, Version(key, known.etag, known.size), attributes)
        return FileNode(
            key,
            self.tree.inodes.of(key),
            pending,
            attributes,
            has_object=True,
            checked=known.checked,
        )

    def new(
        self, key: str, attributes: Attributes, *, has_object: bool, is_exclusive: bool = False
    ) -> FileNode:
        """
        Make a new, empty file with one handle; the journal knows it. StagingFull.

        FileExistsError: another one came first, and this one was to be the only one.
        """
        pending = self._pending(key, None, attributes)
        # What this mount hides there is still in the bucket, and is meant to be replaced.
        hidden = self.tree.hidden
        pending.is_exclusive = is_exclusive and not (hidden.is_hidden(key) or hidden.covers(key))
        pending.create()
        node = FileNode(
            key,
            self.tree.inodes.of(key),
            pending,
            attributes,
            has_object=has_object,
            is_new=True,
            handles=1,
        )
        with self.tree.nodes.lock:
            known = self.tree.nodes.add(node)
            if known is not node and not is_exclusive:
                known.handles += 1
        if known is not node:  # two creations at once: both open the same file
            pending.discard()
            pending.drop_local()
            if is_exclusive:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), key)
        return known

    def _pending(self, key: str, base: Version | None, attributes: Attributes) -> PendingFile:
        return PendingFile(
            key,
            base=base,
            headers=attributes.headers(),
            area=self._area,
            journal=self._journal,
            clock=self._clock,
            ahead=self._eager,
        )

    def restored(self, pending: PendingFile) -> FileNode:
        """Make the node of a file that an earlier mount promised, unless the name has one."""
        pending.ahead = self._eager
        node = FileNode(
            pending.key,
            self.tree.inodes.of(pending.key),
            pending,
            self.attributes(pending.headers, pending.since_ns),
            has_object=True,  # perhaps: its request may have been the last before the crash
        )
        self.tree.nodes.add(node)
        return node

    def attributes(self, headers: Headers, modified_ns: int) -> Attributes:
        """Read the attributes of a file; `modified_ns` where they do not say when it was."""
        return read_attributes(
            headers, self.tree.defaults, is_directory=False, modified_ns=modified_ns
        )
