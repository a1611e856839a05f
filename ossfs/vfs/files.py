"""
Opening files, and bringing what was written into the bucket.

A node lives from the first open or change to the moment when nothing about it is missing
in the bucket and nobody has it open. `commit` is the one way into the bucket; it is
reached by flush, fsync and release, and by the scheduler for what nobody waits for.

Threads: every method from any thread.
"""

import contextlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ossfs.clock import Clock
from ossfs.errors import EditConflict, OssfsError
from ossfs.extents import Extent
from ossfs.journal.journal import Journal
from ossfs.store.api import ObjectStore
from ossfs.vfs.deletions import Deletion, Deletions
from ossfs.vfs.file_nodes import FileNodes
from ossfs.vfs.leftovers import RETRY_DELAY_S, Leftover, Leftovers
from ossfs.vfs.markers import Marker, Markers
from ossfs.vfs.nodes import FileNode
from ossfs.vfs.open_directories import OpenDirectories
from ossfs.vfs.pages import KernelPages
from ossfs.vfs.posix import Attributes, format_time
from ossfs.vfs.reader import ObjectReader
from ossfs.vfs.tree import Found, Tree
from ossfs.vfs.unlinking import Unlinking
from ossfs.vfs.upcoming import Upcoming
from ossfs.writeback.aside import Aside
from ossfs.writeback.commit import Committer
from ossfs.writeback.eager import EagerParts
from ossfs.writeback.kept import Kept
from ossfs.writeback.moves import Mover
from ossfs.writeback.pending import PendingFile
from ossfs.writeback.scheduler import Scheduler
from ossfs.writeback.staging import StagingArea
from ossfs.writeback.values import Room

log = logging.getLogger(__name__)

TIMES = frozenset(("mtime", "ctime", "atime"))
CHANGE_TIME = frozenset(("ctime",))
CLOSED_DELAY_S = 0.05  # to the upload of a file that is safe on the local disk
SYNCED_DELAY_S = 1.0  # of one that is still open
ATTRIBUTES_DELAY_S = 0.1  # chmod, chown and utimens mostly come together: one self-copy

Work = FileNode | Leftover | Marker | Deletion
"""What is done in the background."""


class Files:
    """The life of file nodes."""

    def __init__(
        self,
        *,
        tree: Tree,
        store: ObjectStore,
        reader: ObjectReader,
        upcoming: Upcoming,
        committer: Committer,
        mover: Mover,
        journal: Journal,
        area: StagingArea,
        kept: Kept,
        eager: EagerParts,
        room: Room,
        clock: Clock,
        waits_for_bucket: bool,
    ) -> None:
        self.tree = tree
        self.committer = committer
        self._reader = reader
        self._clock = clock
        self.nodes = FileNodes(
            tree=tree,
            journal=journal,
            area=area,
            eager=eager,
            reader=reader,
            upcoming=upcoming,
            clock=clock,
        )
        self.waits_for_bucket = waits_for_bucket
        self.kept = kept
        """Drafts and conflicts, of this mount and of those before it."""
        self.pages = KernelPages()
        self.scheduler: Scheduler[Work] = Scheduler(
            commit=self._work_off, describe=_unfinished, clock=clock
        )
        self.leftovers = Leftovers(
            tree=tree, store=store, journal=journal, mover=mover, later=self.scheduler.later
        )
        self.open_directories = OpenDirectories()
        self.deletions = Deletions(
            tree=tree,
            store=store,
            journal=journal,
            clock=clock,
            open_directories=self.open_directories,
            later=self.scheduler.later,
        )
        self.markers = Markers(
            tree=tree, store=store, journal=journal, clock=clock, later=self.scheduler.later
        )
        self.unlinking = Unlinking(
            tree=tree,
            store=store,
            reader=reader,
            committer=committer,
            journal=journal,
            aside=Aside(store=store, area=area, journal=journal, mover=mover, room=room),
            leftovers=self.leftovers,
            clock=clock,
            later=self.scheduler.later,
        )

    def adopt(self, files: Iterable[PendingFile], *, is_due: bool = True) -> None:
        """Take over what an earlier mount promised; if it is due, it goes on into the bucket."""
        for pending in files:
            node = self.nodes.restored(pending)
            if is_due:
                self.scheduler.later(node)

    # Changing

    def change_attributes(self, node: FileNode, attributes: Attributes) -> None:
        """Change what goes with the object; one self-copy follows when nothing else does."""
        with node.pending.lock:
            is_set = attributes.mtime_ns != node.attributes.mtime_ns
            implicit = CHANGE_TIME if is_set else node.pending.implicit
            node.pending.change_headers(attributes.headers(), implicit)
            node.attributes = attributes
            rides_along = node.pending.has_new_content
        if node.is_linked and not rides_along:
            self.scheduler.later(node, ATTRIBUTES_DELAY_S)

    def change_time(self, node: FileNode, attributes: Attributes) -> None:
        """
        Take note of attributes of which only times are new, because nothing was changed.

        There is no request for that: they are stored with the next change.
        """
        with node.pending.lock:
            node.attributes = attributes
            node.pending.describe(attributes.headers(), node.pending.implicit | CHANGE_TIME)
            base = node.pending.base
        known = None if base is None else self.tree.objects.get(node.key)
        if base is not None and known is not None and known.etag == base.etag:
            self.tree.objects.put(node.key, replace(known, headers=attributes.headers()))

    def write(self, node: FileNode, offset: int | None, data: bytes | memoryview) -> int:
        """
        Put bytes into the file, or (offset None) behind its end; its times move with them.

        StagingFull, EditConflict.
        """
        with node.pending.lock:
            written = node.pending.write(offset, data)
            self._content_changed_locked(node)
        return written

    def truncate(self, node: FileNode, size: int) -> None:
        """Cut or extend the file; an empty one is cut loose from what the bucket holds."""
        with node.pending.lock:
            if size == 0:
                node.pending.replace()
            elif size == node.pending.size:
                self._touch(node)
                return
            else:
                node.pending.truncate(size)
            self._content_changed_locked(node)

    def allocate(
        self, node: FileNode, extent: Extent, *, keeps_size: bool, is_zeroed: bool
    ) -> None:
        """Have room for a range, or zeros; the file grows to its end. StagingFull, EditConflict."""
        with node.pending.lock:
            size = node.pending.size
            if is_zeroed:
                node.pending.zero(extent, keeps_size=keeps_size)
            else:
                node.pending.allocate(extent, keeps_size=keeps_size)
            if is_zeroed or node.pending.size != size:
                self._content_changed_locked(node)
            else:
                self._touch(node)

    def _touch(self, node: FileNode) -> None:
        now_ns = self._clock.now_ns()
        self.change_time(node, node.attributes.changed(now_ns, mtime_ns=now_ns))

    def _content_changed_locked(self, node: FileNode) -> None:
        now_ns = self._clock.now_ns()
        node.is_new = False
        node.attributes = node.attributes.rewritten(now_ns, self.tree.defaults)
        node.pending.describe(node.attributes.headers, TIMES)

    # Committing

    def finish(self, node: FileNode, *, goes_on: bool = False) -> None:
        """
        Do what close and fsync promise.

        The bytes are in the bucket, or, when the mount does not wait for that, safe on the
        local disk and soon on their way: not at once, since many files are changed again or
        removed right away, and later if the writer `goes_on`.
        """
        if self.waits_for_bucket:
            self.commit(node)
        elif node.is_linked:
            self.committer.promise(node.pending)
            with node.pending.lock:
                self._take_times_locked(node)
            self.scheduler.later(node, SYNCED_DELAY_S if goes_on else CLOSED_DELAY_S)

    def promise(self, node: FileNode) -> None:
        """Let a file be safe on the local disk, if that is what close promises here."""
        if not self.waits_for_bucket:
            self.finish(node, goes_on=True)

    def finish_names(self, directory: str) -> None:
        """
        Do what fsync of a directory promises: the names in it are as safe as after a close.

        Files that somebody is still writing are left to him; one that was only made is not.
        The first error is raised when all were tried; all are tried again in the background.
        """
        first: Exception | None = None
        for node in self.tree.nodes.children(directory).values():
            if not node.is_linked or (node.handles and not node.is_new):
                continue
            try:
                self.finish(node)
            except (OssfsError, OSError) as error:
                first = first or error
        try:
            self.markers.settle(directory)
            self.deletions.settle(directory)
        except OssfsError as error:
            first = first or error
        if first is not None:
            raise first

    def commit(self, node: FileNode, *, again: bool = True) -> None:
        """
        Bring the file into the bucket; nothing happens when it is there.

        EditConflict: somebody changed the object; the path shows theirs from now on. Other
        errors: the bytes are kept and it is tried `again` in the background.
        """
        try:
            self._commit(node, is_asked_for=True)
        except EditConflict:
            raise
        except (OssfsError, OSError):
            if node.is_linked and again:
                self.scheduler.later(node, RETRY_DELAY_S)
            raise

    def _work_off(self, work: Work) -> None:
        if isinstance(work, FileNode):
            self._commit(work)
        elif isinstance(work, Marker):
            self.markers.finish(work)
        elif isinstance(work, Deletion):
            self.deletions.finish(work)
        else:
            self.leftovers.finish(work)

    def _commit(self, node: FileNode, *, is_asked_for: bool = False) -> None:
        """Bring it into the bucket; in the background not what is still being written."""
        with self._staying(node):
            self._bring(node, is_asked_for=is_asked_for)
        self._retire(node)

    @contextlib.contextmanager
    def _staying(self, node: FileNode) -> Iterator[None]:
        """Keep a node in the table: between its commit and the news of it nothing else knows."""
        with self.tree.nodes.lock:
            node.commits += 1
        try:
            yield
        finally:
            with self.tree.nodes.lock:
                node.commits -= 1

    def _bring(self, node: FileNode, *, is_asked_for: bool) -> None:
        replaces = node.has_object
        try:
            is_done = self.committer.commit(
                node.pending, before=self.unlinking.claim, is_asked_for=is_asked_for
            )
        except EditConflict:
            self._conflicted(node)
            raise
        except (OssfsError, OSError):
            node.has_object = True  # perhaps: the request may have been carried out
            raise
        if is_done:
            self._published(node, replaces=replaces)
            if node.is_linked and node.pending.is_dirty and not node.pending.has_new_content:
                self.scheduler.later(node, ATTRIBUTES_DELAY_S)  # a chmod that met the commit

    def _conflicted(self, node: FileNode) -> None:
        """Let the path show theirs, and the saved edit be seen where it is."""
        self.unlinking.unclaim(node.key)
        self.tree.nodes.remove(node)
        self.tree.doubt(node.key)
        pending = node.pending
        with pending.lock:
            copy, headers = pending.base, pending.headers
        if pending.is_abandoned:
            self.kept.add_conflicts()
        elif copy is not None and copy.key != node.key:
            self.tree.made(copy.key, etag=copy.etag, size=copy.size, headers=headers)
        with self.tree.nodes.lock:
            is_open = node.handles > 0
        if not is_open:
            pending.drop_local()

    def _published(self, node: FileNode, *, replaces: bool) -> None:
        with node.pending.lock:
            base, headers = node.pending.base, node.pending.headers
            node.has_object = True
            node.checked = self._clock.monotonic()
            self._take_times_locked(node)
        if base is None or not node.is_linked:
            return
        if replaces:
            self._reader.forget(base.key)
        with self.tree.nodes.lock:  # a rename that goes on right now tells what is where after it
            if node.key == base.key:
                self.tree.made(base.key, etag=base.etag, size=base.size, headers=headers)

    def _take_times_locked(self, node: FileNode) -> None:
        """Let a large file have the times that its upload was begun with, before the last write."""
        headers = node.pending.headers
        if headers.metadata.get("mtime") != format_time(node.attributes.mtime_ns):
            node.attributes = self.nodes.attributes(headers, node.attributes.mtime_ns)

    def opened(self, found: Found, *, fresh: bool = False, is_described: bool = True) -> FileNode:
        """Return the node of a file, as `FileNodes.of` does, and count a handle of it."""
        while True:
            node = self.nodes.of(found, fresh=fresh, is_described=is_described)
            with self.tree.nodes.lock:
                if self.tree.nodes.get(node.key) is node:
                    node.handles += 1
                    return node
            found = replace(found, node=None)  # its last handle was closed in this moment

    @contextlib.contextmanager
    def pinned(self, found: Found, *, is_described: bool = True) -> Iterator[FileNode]:
        """Keep the node of a file alive for a while, without opening the file."""
        node = self.opened(found, is_described=is_described)
        try:
            yield node
        finally:
            with self.tree.nodes.lock:
                node.handles -= 1
            self._retire(node)

    def closed(self, node: FileNode) -> None:
        """Count a handle less; at the last one, finish what is left to do."""
        with self.tree.nodes.lock:
            node.handles -= 1
            if node.handles:
                return
        if not node.is_linked:
            self.unlinking.bury(node)
        elif node.pending.has_new_content and not self._is_retried(node):
            try:
                self.finish(node)
            except (OssfsError, OSError) as error:
                log.warning("%s could not be brought to the bucket: %s", node.key, error)
        else:
            self._retire(node)

    def _is_retried(self, node: FileNode) -> bool:
        """Say whether the scheduler has what failed, and nothing was written since."""
        return bool(node.pending.error) and node.pending.is_asked_for

    def _retire(self, node: FileNode) -> None:
        """Forget a node that nobody has open and nothing is missing of."""
        with self.tree.nodes.lock:
            is_used = node.handles or node.commits
            is_idle = not is_used and not node.pending.is_dirty and node.is_linked
            if is_idle:
                self.tree.nodes.remove(node)
        if is_idle:
            self.pages.closed(node)
            node.pending.drop_local()


def _unfinished(work: Work) -> str:
    if isinstance(work, FileNode):
        return f"{work.key} is not in the bucket yet"
    if isinstance(work, Deletion):
        return "files that were removed are not deleted yet"
    if isinstance(work, Marker):
        return f"{work.key} does not have its attributes in the bucket yet"
    return f"{work.key} is gone here, but not deleted yet"
