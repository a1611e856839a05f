"""
Files that lose their names: unlinked, replaced by a rename, or hidden until their last close.

A file that somebody has open lives on without a name. Its object, if there is one, is
deleted at the last close; the journal knows, so that a crash does not leave it behind. When
the name is given to another object before that, the bytes are kept aside first.

Threads: every method from any thread.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

from ossfs.clock import Clock
from ossfs.errors import OssfsError
from ossfs.journal.journal import Journal
from ossfs.journal.records import DeletionRecord, IntentId, Version
from ossfs.store.api import ObjectStore
from ossfs.vfs.keys import split
from ossfs.vfs.leftovers import RETRY_DELAY_S, Leftovers
from ossfs.vfs.nodes import FileNode
from ossfs.vfs.reader import ObjectReader
from ossfs.vfs.tree import Tree
from ossfs.writeback.aside import Aside, move_base
from ossfs.writeback.commit import Committer
from ossfs.writeback.file_upload import Dropped

log = logging.getLogger(__name__)

AT_ONCE_S = 1.0  # libfuse needs microseconds, on a machine that is not busy


class Unlinking:
    """
    Takes names away from file nodes.

    `later` is called with a file whose commit was stopped and goes on in the background.
    """

    def __init__(
        self,
        *,
        tree: Tree,
        store: ObjectStore,
        reader: ObjectReader,
        committer: Committer,
        journal: Journal,
        aside: Aside,
        leftovers: Leftovers,
        clock: Clock,
        later: Callable[[FileNode, float], None],
    ) -> None:
        self._tree = tree
        self._store = store
        self._reader = reader
        self._committer = committer
        self._journal = journal
        self._aside = aside
        self._leftovers = leftovers
        self._clock = clock
        self._later = later
        # Guarded by the lock of the table of nodes: who reads the object of a hidden key.
        self._orphans: dict[str, FileNode] = {}
        self._just_hidden = threading.local()

    def unlink(self, node: FileNode) -> None:
        """
        Take a file's name away for good.

        When somebody has it open, its object is deleted at the last close only; the
        journal knows. The errors of `ObjectStore.delete`.
        """
        self._unlink(node, is_hidden=False)

    def _unlink(self, node: FileNode, *, is_hidden: bool) -> None:
        is_open = node.handles > 0
        deletion, intent = None, None
        with self.stopped(node):
            needed = node.pending.base
            if needed is None and is_hidden:
                needed = self._emptied(node)
            has_object = node.has_object or node.pending.was_sent
            if has_object and is_open and needed is not None:
                intent = self._journal.begin_deletion(needed.key, needed.etag)
                deletion = DeletionRecord(intent, needed.key, needed.etag)
            elif has_object:
                self.claim(node.key)  # it may be that of another file, which is still read
                intent = self._delete_promised(node)
                self.replaced(node.key)
        self._displace(node, node.pending.unlink if is_hidden else node.pending.discard)
        if deletion is None and intent is not None:
            self._journal.end_deletion(intent)
        if deletion is not None:
            self._orphan(node, deletion)
        self._tree.gone(node.key)
        self._reader.forget(node.key)

    def _delete_promised(self, node: FileNode) -> IntentId | None:
        """
        Delete a file's object; when an edit of it is promised, return the journal's note.

        Without the note, a crash would find an edit of an object that somebody has deleted.
        """
        base, intent = node.pending.base, None
        if base is not None and base.key == node.key and node.pending.file_id is not None:
            intent = self._journal.begin_deletion(base.key, base.etag)
        try:
            self._store.delete(node.key)
        except BaseException:
            if intent is not None:
                self._journal.end_deletion(intent)
            raise
        return intent

    def _orphan(self, node: FileNode, deletion: DeletionRecord) -> None:
        """Hide the object of a file without a name until its last close."""
        node.deletion = deletion
        self._tree.hidden.hide(deletion.key, deletion.etag)
        with self._tree.nodes.lock:
            self._orphans[deletion.key] = node
            is_open = node.handles > 0
        if not is_open:  # it was closed while a running commit was waited for
            self.bury(node)

    # Giving a name to another object

    def claim(self, key: str) -> None:
        """
        Give a name to another object: the one that was unlinked there while open loses it.

        Its bytes are kept for who reads them, and it is not deleted while the request is
        under way, because the new one may have the same etag. Call `replaced` when that is
        there, or `unclaim`. The errors of the store: the name is not given.
        """
        if not self._tree.hidden.claim(key):
            return
        with self._tree.nodes.lock:
            orphan = self._orphans.get(key)
        try:
            if orphan is not None:
                self._keep(orphan, split(key)[0])
        except BaseException:
            self.unclaim(key)
            raise

    def replaced(self, key: str) -> None:
        """Take note that nothing of what was hidden under a key is there any more."""
        if self._tree.hidden.is_hidden(key):
            self._journal.cancel_deletions(key)
            self._tree.hidden.unhide(key)

    def unclaim(self, key: str) -> None:
        """Take note that the object which was to have the name did not come."""
        self._tree.hidden.unclaim(key)

    def moved_away(self, key: str) -> None:
        """Take note that a file which was no object yet has another name now."""
        self.unclaim(key)
        self._leftovers.uncover(key)

    @contextlib.contextmanager
    def replacing(self, node: FileNode) -> Iterator[None]:
        """
        Take a file's name for another one: its upload is stopped, its bytes are kept.

        If the block fails, all is as before.
        """
        with self.stopped(node):
            base = node.pending.base
            self._keep(node, split(node.key)[0])
            try:
                yield
            except BaseException:
                moved = node.pending.base
                if base is not None and moved is not None and moved != base:
                    move_base(node.pending, moved, base)
                    self._drop_copies(node)
                raise
        self.displace(node)

    def evacuate(self, directory: str) -> list[str]:
        """
        Keep what is read of the hidden objects below a directory, and return their keys.

        They may be deleted then; call `replaced` for each.
        """
        keys = sorted(self._tree.hidden.below(directory))
        for key in keys:
            with self._tree.nodes.lock:
                orphan = self._orphans.get(key)
            if orphan is not None:
                self._keep(orphan, split(directory)[0])
        return keys

    def _keep(self, node: FileNode, directory: str) -> None:
        """Bring the bytes of an open file to where the end of its object does not reach."""
        with self._held(node) as is_open:
            if is_open and not self._aside.fetch(node.pending):
                self._copy(node, directory)

    def _copy(self, node: FileNode, directory: str) -> None:
        reserved = self._aside.reserve(directory)
        self._tree.hidden.hide(reserved.key, "")
        try:
            base = self._aside.copy(node.pending, reserved)
        except (OssfsError, OSError):
            self._leftovers.delete_soon(reserved)  # something may be there
            raise
        with self._tree.nodes.lock:
            node.copies.append(reserved)
            if base is not None and self._orphans.get(base.key) is node:
                del self._orphans[base.key]
            self._orphans[reserved.key] = node
        log.info("%s goes on being read as %s", node.key, reserved.key)

    @contextlib.contextmanager
    def stopped(self, node: FileNode) -> Iterator[None]:
        """Stop the upload of a file that is to lose its name; if the block fails, it goes on."""
        try:
            with node.pending.stopped():
                yield
        except (OssfsError, OSError):
            if node.pending.is_dirty:
                self._later(node, RETRY_DELAY_S)
            raise

    def displace(self, node: FileNode) -> None:
        """Let a file lose its name to another one that is renamed to it."""
        self._displace(node, node.pending.discard)

    def _displace(self, node: FileNode, drop: Callable[[], Dropped | None]) -> None:
        self._tree.nodes.remove(node)
        self._leftovers.uncover(node.key)
        with self._tree.nodes.lock:
            node.is_linked = False
            is_open = node.handles > 0
        self._drop(drop)
        if not is_open:
            self.bury(node)

    def _drop(self, drop: Callable[[], Dropped | None]) -> None:
        upload = drop()
        if upload is not None:
            self._committer.abort(upload)

    # Hidden by libfuse

    def hide(self, node: FileNode, key: str) -> None:
        """Unlink an open file, but let it be found as `key` until its last close."""
        name, is_open = node.key, node.handles > 0
        self._unlink(node, is_hidden=True)
        if is_open:
            with self._tree.nodes.lock:
                node.key = key
                self._tree.nodes.add(node)
            self._just_hidden.latest = (name, node, self._clock.monotonic())
        log.debug("%s is hidden as %s", name, key)

    def _emptied(self, node: FileNode) -> Version | None:
        """
        Return the object of a file that was emptied since, and is needed by nobody who reads.

        But a crash has to find it when it comes while another file takes the name. Unless
        it may be gone: something was sent since, or hidden there.
        """
        known = self._tree.objects.get(node.key)
        is_gone = node.pending.was_sent or self._tree.hidden.is_hidden(node.key)
        if known is None or not known.etag or is_gone:
            return None
        return Version(node.key, known.etag, known.size)

    def just_hidden(self, key: str) -> FileNode | None:
        """
        Return the file to whose name another one is to be renamed, if it was hidden for that.

        libfuse hides an open file right before, in the same thread. If that was longer ago,
        it was to be unlinked. Ask as soon as a rename begins.
        """
        latest: tuple[str, FileNode, float] | None
        latest, self._just_hidden.latest = getattr(self._just_hidden, "latest", None), None
        if latest is None or latest[0] != key:
            return None
        return latest[1] if self._clock.monotonic() - latest[2] < AT_ONCE_S else None

    @contextlib.contextmanager
    def giving_way(self, node: FileNode) -> Iterator[bool]:
        """
        Rename another file to the name of one that was hidden for that.

        A crash must find it where it was, as it was, if not the new one; if the block fails,
        it is unlinked again. An object that it leaves behind is the new file's to replace, or
        to delete. Yields whether something that was promised of it may be in no bucket yet.
        """
        with self._held(node) as is_open:
            if not is_open:
                yield False
                return
            deletion = node.deletion
            if deletion is not None:
                self._tree.hidden.claim(deletion.key)  # nobody deletes it meanwhile
            is_promised = node.pending.relink(deletion=None if deletion is None else deletion.id)
            try:
                yield is_promised
            except BaseException:
                if deletion is not None:
                    again = self._journal.begin_deletion(deletion.key, deletion.etag)
                    node.deletion = replace(deletion, id=again)
                    self.unclaim(deletion.key)
                raise
            finally:
                self._drop(node.pending.discard)

    @contextlib.contextmanager
    def _held(self, node: FileNode) -> Iterator[bool]:
        """Keep a file without a name from its end; False: nobody has it open any more."""
        with self._tree.nodes.lock:
            is_open = node.handles > 0
            node.handles += is_open
        if not is_open:
            yield False
            return
        try:
            yield True
        finally:
            with self._tree.nodes.lock:
                node.handles -= 1
                is_over = not node.handles and not node.is_linked
            if is_over:
                self.bury(node)

    # The last close

    def bury(self, node: FileNode) -> None:
        """Finish an unlink whose file was open until now."""
        self._tree.nodes.remove(node)
        self._drop(node.pending.discard)
        node.pending.drop_local()
        with self._tree.nodes.lock:
            for key in [key for key, orphan in self._orphans.items() if orphan is node]:
                del self._orphans[key]
        self._drop_copies(node)
        deletion, node.deletion = node.deletion, None
        if deletion is not None:
            self._leftovers.delete_soon(deletion)

    def _drop_copies(self, node: FileNode) -> None:
        copies, node.copies = node.copies, []
        for copy in copies:
            with self._tree.nodes.lock:
                self._orphans.pop(copy.key, None)
            self._leftovers.delete_soon(copy)
