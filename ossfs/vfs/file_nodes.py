"""
Nodes of files: found, made, and told from those of other versions.

Threads: every method from any thread.
"""

import errno
import math
import os
import stat
from dataclasses import replace

from ossfs.cache.metadata import Known
from ossfs.clock import Clock
from ossfs.errors import NoSuchKey, ObjectArchived, PreconditionFailed
from ossfs.journal.journal import Journal
from ossfs.journal.records import Version
from ossfs.store.api import Headers, ObjectInfo
from ossfs.vfs.nodes import FileNode
from ossfs.vfs.posix import Attributes, read_attributes
from ossfs.vfs.reader import ObjectReader
from ossfs.vfs.tree import Found, Tree
from ossfs.vfs.upcoming import SMALL, Upcoming
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
        reader: ObjectReader,
        upcoming: Upcoming,
        clock: Clock,
    ) -> None:
        self.tree = tree
        self._reader = reader
        self._upcoming = upcoming
        self._journal = journal
        self._area = area
        self._eager = eager
        self._clock = clock

    def of(self, found: Found, *, fresh: bool = False, is_described: bool = True) -> FileNode:
        """
        Return the node of a file that was found, made when there is none.

        With `fresh`, the bucket is asked when what is known of the file is older than the
        attributes' TTL; a node of a version that was replaced there gives way to a new one.
        What is not going to be changed need not be `is_described`. FileNotFoundError: the
        file is gone.
        """
        node = found.node
        is_enough = node is not None and (node.is_described or not is_described)
        if node is not None and is_enough and not (fresh and self._is_outdated(node)):
            return node
        try:
            if node is not None:
                known = self.tree.descriptions.look(found.key)
                if self._is_current(node, known):
                    return node
                node.is_superseded = True
                self.tree.nodes.remove(node)
            elif is_described or not found.entry.etag:  # it was found by a node that has gone
                known = self.tree.descriptions.known(found.key, found.entry, fresh=fresh)
            else:
                known = self._to_read(found, fresh=fresh)
        except NoSuchKey:
            if node is not None:
                self.tree.nodes.remove(node)
            self.tree.gone(found.key)
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), found.key) from None
        node = self.tree.nodes.add(self._known_node(found.key, known))
        if is_described and not node.is_described:  # somebody else was faster, to read it
            return self.of(replace(found, node=node))
        return node

    def _to_read(self, found: Found, *, fresh: bool) -> Known:
        """
        Return the version of a file that is only to be read.

        A small one is fetched whole instead of being asked about: one request for both.
        """
        key, descriptions = found.key, self.tree.descriptions
        is_small = 0 < found.entry.size <= SMALL
        if fresh and is_small:
            self._upcoming.opened(key)
            self._upcoming.wait(key)
        known = descriptions.listed(key, found.entry)
        is_old = fresh and descriptions.is_old(known, key)
        if fresh and is_small and (is_old or known.headers is None):
            try:
                info = self._reader.fetch_whole(key, known.etag, known.size)
                if info is not None:
                    return self._confirmed(known, info)
            except PreconditionFailed:
                return descriptions.look(key)
            except ObjectArchived:
                pass  # its attributes can be seen, and who reads it is told
        return descriptions.look(key) if is_old else known

    def _confirmed(self, shown: Known, info: ObjectInfo) -> Known:
        """
        Take note of what came with the bytes of a file that is being opened.

        OSError (ESTALE): it was shown as a file, and is something else. The kernel looks again.
        """
        known = self.tree.descriptions.confirmed(info)
        if shown.headers is None and not stat.S_ISREG(self.tree.attributes(known).mode):
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), info.key)
        return known

    def doubt(self, node: FileNode) -> None:
        """Have the next open look: what the node shows is not in the bucket any more."""
        node.checked = -math.inf
        self.tree.doubt(node.key)

    def _is_outdated(self, node: FileNode) -> bool:
        """Say whether another client may have replaced the file since we last looked."""
        if node.pending.is_dirty or node.pending.is_committing:
            return False
        return self._clock.monotonic() - node.checked >= self.tree.descriptions.attr_ttl_s

    def _is_current(self, node: FileNode, known: Known) -> bool:
        with node.pending.lock:
            base = node.pending.base
            is_current = node.pending.is_dirty or (base is not None and base.etag == known.etag)
            if is_current and not node.pending.is_dirty:
                node.checked = known.checked
                node.attributes = self.tree.attributes(known)
                node.pending.describe(node.attributes.headers(), frozenset())
                node.is_described = True
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
            is_described=known.headers is not None,
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
