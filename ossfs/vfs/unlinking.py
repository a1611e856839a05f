"""
Files that lose their names: unlinked, replaced by a rename, or hidden until their last close.

A file that somebody has open lives on without a name. Its object, if there is one, is
deleted at the last close; the journal knows, so that a crash does not leave it behind.

Threads: every method from any thread.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator

from ossfs.errors import NoSuchKey, OssfsError, StoreError
from ossfs.journal.journal import Journal
from ossfs.journal.records import DeletionRecord
from ossfs.store.api import ObjectStore
from ossfs.vfs.nodes import FileNode
from ossfs.vfs.reader import ObjectReader
from ossfs.vfs.tree import Tree
from ossfs.writeback.commit import Committer

log = logging.getLogger(__name__)


class Unlinking:
    """Takes names away from file nodes. `retry` is called for a file whose commit goes on."""

    def __init__(
        self,
        *,
        tree: Tree,
        store: ObjectStore,
        reader: ObjectReader,
        committer: Committer,
        journal: Journal,
        retry: Callable[[FileNode], None],
    ) -> None:
        self._tree = tree
        self._store = store
        self._reader = reader
        self._committer = committer
        self._journal = journal
        self._retry = retry

    def unlink(self, node: FileNode) -> None:
        """
        Take a file's name away for good.

        When somebody has it open, its object is deleted at the last close only; the
        journal knows. The errors of `ObjectStore.delete`.
        """
        is_open = node.handles > 0
        with self.stopped(node):
            base = node.pending.base
            has_object = node.has_object or node.pending.was_sent
            is_kept = has_object and is_open and base is not None
            if has_object and not is_kept:
                self._store.delete(node.key)
        self.displace(node)
        if is_kept and base is not None:
            intent = self._journal.begin_deletion(base.key, base.etag)
            node.deletion = DeletionRecord(intent, base.key, base.etag)
            self._tree.hidden.hide(base.key, base.etag)
            with self._tree.nodes.lock:
                is_open = node.handles > 0
            if not is_open:  # it was closed while a running commit was waited for
                self.bury(node)
        self._tree.gone(node.key)
        self._reader.forget(node.key)

    def claim(self, key: str) -> None:
        """
        Give a name to another object: the one that was unlinked there while open loses it.

        Its deletion at the last close is called off before the new object is there, because
        that one may have the same etag.
        """
        if self._tree.hidden.claim(key):
            self._journal.cancel_deletions(key)

    @contextlib.contextmanager
    def stopped(self, node: FileNode) -> Iterator[None]:
        """Stop the upload of a file that is to lose its name; if the block fails, it goes on."""
        try:
            with node.pending.stopped():
                yield
        except (OssfsError, OSError):
            if node.pending.is_dirty:
                self._retry(node)
            raise

    def displace(self, node: FileNode) -> None:
        """Let a file lose its name to another one that is renamed to it."""
        self._tree.nodes.remove(node)
        with self._tree.nodes.lock:
            node.is_linked = False
            is_open = node.handles > 0
        upload = node.pending.discard()
        if upload is not None:
            self._committer.abort(upload)
        if not is_open:
            node.pending.drop_local()

    def hide(self, node: FileNode, key: str) -> None:
        """Unlink an open file, but let it be found as `key` until its last close."""
        name, is_open = node.key, node.handles > 0
        self.unlink(node)
        if is_open:
            with self._tree.nodes.lock:
                node.key = key
                self._tree.nodes.add(node)
        log.debug("%s is hidden as %s", name, key)

    def bury(self, node: FileNode) -> None:
        """Finish an unlink whose file was open until now."""
        self._tree.nodes.remove(node)
        upload = node.pending.discard()
        if upload is not None:
            self._committer.abort(upload)
        node.pending.drop_local()
        deletion = node.deletion
        if deletion is None:
            return
        if self._tree.nodes.get(deletion.key) is not None:
            return  # a new file has taken the name; if it never comes, the next mount deletes
        try:
            with self._tree.hidden.deletion(deletion.key, deletion.etag) as is_there:
                if is_there:
                    self._delete_version(deletion)
        except StoreError as error:
            log.warning("%s is deleted at the next mount, not now: %s", deletion.key, error)
            return
        self._journal.end_deletion(deletion.id)

    def _delete_version(self, deletion: DeletionRecord) -> None:
        with contextlib.suppress(NoSuchKey):  # somebody else deleted it
            if self._store.head(deletion.key).etag == deletion.etag:
                self._store.delete(deletion.key)
        self._tree.doubt(deletion.key)  # it may have been listed since
