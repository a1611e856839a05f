"""
Changing names: mkdir, rmdir, unlink, rename, symlink.

A store has no names, only keys: a directory is a zero-byte object whose key ends in a
slash (a marker), or just the fact that keys begin with it. A directory that would vanish
with its last file gets a marker, as POSIX directories stay.

Threads: every method from any thread; the kernel serialises changes in one directory.
"""

import contextlib
import errno
import logging
import os
import stat
from collections.abc import Iterable, Iterator

from ossfs.clock import Clock
from ossfs.errors import NoSuchKey, OssfsError
from ossfs.journal.records import MoveRecord, Version
from ossfs.store.api import BytesBody, Headers, ObjectStore
from ossfs.vfs.entries import DIRECTORY
from ossfs.vfs.files import Files
from ossfs.vfs.keys import split
from ossfs.vfs.nodes import FileNode
from ossfs.vfs.posix import Attributes, new_attributes
from ossfs.vfs.tree import Found, Tree
from ossfs.writeback.moves import Mover, delete_all, moved

log = logging.getLogger(__name__)

LIBFUSE_HIDDEN = ".fuse_hidden"  # libfuse renames an open file to this instead of unlinking it
MAX_COPIES = 10_000  # of a directory that was renamed: more are listed again when looked at


class Names:
    """Operations on names."""

    def __init__(
        self, *, tree: Tree, files: Files, store: ObjectStore, mover: Mover, clock: Clock
    ) -> None:
        self._tree = tree
        self._files = files
        self._store = store
        self._mover = mover
        self._clock = clock

    # Making

    def mkdir(self, path: str, mode: int, *, uid: int, gid: int) -> None:
        """Make a directory: one PUT, now or soon. FileExistsError."""
        self._refuse_existing(path)
        directory = self._tree.keys.directory(path)
        self._files.leftovers.clear(directory)
        attributes = self._tree.heir(
            directory,
            new_attributes(
                stat.S_IFDIR | stat.S_IMODE(mode),
                uid=uid,
                gid=gid,
                now_ns=self._clock.now_ns(),
                name="",
            ),
        )
        if self._files.waits_for_bucket:
            self._files.markers.put(directory, attributes)
        else:
            self._files.markers.change(directory, attributes)
        self._tree.directories.put(*split(directory), DIRECTORY)
        self._tree.directories.made(directory)
        self._tree.times.forget(directory)
        self._tree.content_changed(directory)

    def make_special(self, path: str, attributes: Attributes, content: bytes) -> None:
        """Make a symlink, fifo or empty file: an object whose mode says what it is."""
        self._refuse_existing(path)
        key = self._tree.keys.key(path)
        headers = self._tree.heir(key, attributes).headers()
        with self._claimed(key):
            stored = self._store.put(key, BytesBody(content), headers)
            self._files.unlinking.replaced(key)
        self._tree.made(key, etag=stored.etag, size=len(content), headers=headers)
        self._tree.content_changed(key)

    @contextlib.contextmanager
    def _claimed(self, key: str) -> Iterator[None]:
        """Give a name to an object that the block makes."""
        self._files.unlinking.claim(key)
        try:
            yield
        except BaseException:
            self._files.unlinking.unclaim(key)
            self._tree.doubt(key)  # an object may be there
            raise

    def _refuse_existing(self, path: str) -> None:
        if self._tree.find_or_none(path) is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)

    # Removing

    def rmdir(self, path: str) -> None:
        """Remove an empty directory. NotADirectoryError; OSError (ENOTEMPTY)."""
        directory = self._tree.find_directory(path)
        self._files.leftovers.clear(directory)
        self._files.deletions.settle(directory)
        self._require_empty(directory, path)
        self._keep_parent(directory)
        self._files.markers.forget(directory)
        leftovers = self._files.unlinking.evacuate(directory)
        delete_all(self._store, [*leftovers, directory])
        for key in leftovers:
            self._files.unlinking.replaced(key)
        self._tree.directories.forget(directory)
        self._tree.objects.drop(directory)
        self._tree.directories.remove_directory(*split(directory))
        self._tree.inodes.forget(directory)
        self._tree.times.forget(directory)
        self._tree.content_changed(directory)

    def _require_empty(self, directory: str, path: str) -> None:
        hidden = self._tree.hidden.below(directory)
        page = self._store.list(directory, max_keys=min(1000, 2 + len(hidden)))
        names = {item.key for item in page.objects} - hidden - {directory}
        nodes = [node for node in self._tree.nodes.below(directory) if node.is_linked]
        if names or nodes or self._tree.described.has_below(directory):
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), path)

    def unlink(self, path: str, *, pid: int = 0) -> None:
        """Remove a file for a process. FileNotFoundError; IsADirectoryError."""
        found = self._tree.find(path)
        if found.entry.is_directory:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        self._keep_parent(found.key)
        if found.node is not None:
            self._files.unlinking.unlink(found.node)
        else:
            self._delete(found, pid)
        self._tree.inodes.forget(found.key)
        self._tree.content_changed(found.key)

    def _delete(self, found: Found, pid: int) -> None:
        """Delete a file that nobody has open: now, or soon when it is one of many."""
        directory, deletions = split(found.key)[0], self._files.deletions
        # A HEAD of a store's own symlink shows its target's etag, which says nothing later.
        is_certain = bool(found.entry.etag) and not found.entry.is_link
        if is_certain and deletions.is_run(pid, directory):
            deletions.soon(pid, found.key, found.entry.etag)
        else:
            self._store.delete(found.key)
            self._tree.gone(found.key)
            deletions.deleted(pid)

    def _keep_parent(self, key: str) -> None:
        """
        Give the parent a marker if it would vanish with what is the last name in it.

        Before that goes: a crash, or a marker that is refused, must not cost the directory.
        What is only being written is no name to a crash.
        """
        parent, name = split(key)
        is_top = parent == self._tree.keys.prefix
        others = self._tree.nodes.children(parent).items()
        has_nodes = any(
            node.is_linked and (node.has_object or node.pending.has_promise)
            for other, node in others
            if other != name
        )
        if is_top or has_nodes or not self._tree.directories.is_bare(parent, besides=name):
            return
        self._files.markers.put(parent, self._tree.directory_attributes(parent))
        self._tree.directories.made(parent)

    def _keep_parent_without(self, source: str, target: str) -> None:
        """Do the same for what is about to leave its directory by a rename."""
        if split(source)[0] != split(target)[0]:
            self._keep_parent(source)

    # Renaming

    def rename(self, source: str, target: str, *, is_exclusive: bool = False) -> None:
        """
        Rename a file or directory, replacing what POSIX lets it replace.

        FileExistsError: something is there, and the rename `is_exclusive`.
        FileNotFoundError, IsADirectoryError, NotADirectoryError, OSError (ENOTEMPTY,
        EINVAL: into itself); the errors of the store: the source is as it was.
        """
        hidden = self._files.unlinking.just_hidden(self._tree.keys.key(target))
        old = self._tree.find(source)
        if source == target and not is_exclusive:
            return
        if target.startswith(source + "/"):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), source)
        new = self._tree.find_or_none(target)
        if is_exclusive and new is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
        if old.entry.is_directory:
            self._rename_directory(old, new, target)
        else:
            self._rename_file(old, new, target, hidden)

    def _rename_directory(self, old: Found, new: Found | None, target: str) -> None:
        goal = self._tree.keys.directory(target)
        for directory in (old.key, goal):
            self._files.leftovers.clear(directory)
            self._files.deletions.settle(directory)
        if new is not None:
            if not new.entry.is_directory:
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), target)
            self._require_empty(new.key, target)
            self._files.markers.forget(new.key)
        self._files.markers.settle(old.key)
        if new is not None and self._tree.descriptions.marker(old.key, is_needed=True) is None:
            # It needs one, to replace the other's: that would lend it mode and owner.
            self._files.markers.put(old.key, self._tree.directory_attributes(old.key))
        for node in self._tree.nodes.below(old.key):
            if node.is_linked and node.has_object:
                self._files.commit(node)
        # Nobody can see these, and a move would bring them back under their new names.
        leftovers = self._files.unlinking.evacuate(old.key)
        if new is not None:  # its marker stays until the other one is copied over it
            leftovers += self._files.unlinking.evacuate(new.key)
        if leftovers:
            delete_all(self._store, leftovers)
        for key in leftovers:
            self._files.unlinking.replaced(key)
        self._keep_parent_without(old.key, goal)
        self._move_prefix(old.key, goal)

    def _move_prefix(self, source: str, goal: str) -> None:
        nodes, started = self._tree.nodes.below(source), self._clock.monotonic()
        with contextlib.ExitStack() as stack:
            for node in nodes:  # no commit may put a new version where it would be deleted
                stack.enter_context(node.pending.moving())
            try:
                leftover, copies = self._mover.move_prefix(source, goal)
            except OssfsError:
                self._tree.directories.forget(goal)
                self._tree.doubt(goal)
                raise
            for node in nodes:
                self._follow(node, moved(node.key, source, goal))
        for directory in (source, goal):
            self._tree.directories.forget(directory)
        if len(copies) <= MAX_COPIES:
            self._tree.directories.saw_all_below(goal, copies, started)
        self._tree.inodes.renamed(source, goal)
        self._tree.objects.drop(goal)
        self._tree.directories.remove_directory(*split(source))
        self._tree.directories.put(*split(goal), DIRECTORY)
        self._tree.objects.rename(source, goal, now_ns=self._clock.now_ns())
        self._tree.times.renamed(source, goal)
        self._tree.times.status_changed(goal, self._clock.now_ns())
        self._tree.content_changed(source, goal)
        if leftover is not None:
            self._files.leftovers.hide(leftover)

    def _follow(self, node: FileNode, key: str) -> None:
        """Let an open file go on under the key its object has been moved to."""
        version = node.pending.base
        if version is not None:
            with contextlib.suppress(NoSuchKey):
                version = Version(key, self._store.head(key).etag, version.size)
        node.pending.followed(key, version)
        self._tree.nodes.rename(node, key)

    def _rename_file(
        self, old: Found, new: Found | None, target: str, hidden: FileNode | None
    ) -> None:
        if new is not None and new.entry.is_directory:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), target)
        key = self._tree.keys.key(target)
        if old.entry.is_link:
            self._rename_link(old, new, key, hidden)
            return
        with self._files.pinned(old, is_described=False) as node:
            if node.handles > 1 and split(key)[1].startswith(LIBFUSE_HIDDEN):
                self._keep_parent(node.key)
                self._tree.content_changed(node.key)
                self._files.unlinking.hide(node, key)
                self._tree.inodes.renamed(old.key, key)  # who gets the name is another file
                return
            self._keep_parent_without(node.key, key)
            # Its time of change moves, as on a local disk: that goes along with the copy.
            if node.is_described:
                changed = node.attributes.changed(self._clock.now_ns())
                self._files.change_time(node, changed)
            with self._taking_from(new, hidden) as (is_there, is_promised):
                if is_promised and not node.has_object:
                    self._files.promise(node)
                self._take_name(node, key, replaces=is_there)
            self._tree.content_changed(old.key, key)
            self._tree.inodes.renamed(old.key, key)
            node.ino = self._tree.inodes.of(key)

    @contextlib.contextmanager
    def _taking_from(
        self, new: Found | None, hidden: FileNode | None
    ) -> Iterator[tuple[bool, bool]]:
        """
        Give the name of a file, which may just have been hidden, to another one in the block.

        Yields whether an object may be there, and whether only the local disk may have what
        was promised under that name: then the other one must be as safe, or a crash would
        find neither of them.
        """
        unlinking = self._files.unlinking
        if new is not None and new.node is not None:
            with unlinking.replacing(new.node):
                yield True, new.node.pending.is_dirty
        elif new is None and hidden is not None:
            with unlinking.giving_way(hidden) as is_promised:
                yield True, is_promised
        else:
            yield new is not None, False

    def _rename_link(
        self, old: Found, new: Found | None, key: str, hidden: FileNode | None
    ) -> None:
        """Rename a store's own symlink: make another one, then delete it."""
        self._keep_parent_without(old.key, key)
        leads_to = self._store.get_symlink(old.key)
        with self._taking_from(new, hidden), self._claimed(key):
            self._store.put_symlink(key, leads_to, Headers())
            self._files.unlinking.replaced(key)
        self._store.delete(old.key)
        self._tree.gone(old.key)
        self._tree.doubt(key)
        self._tree.content_changed(old.key, key)
        self._tree.inodes.renamed(old.key, key)

    def _take_name(self, node: FileNode, key: str, *, replaces: bool) -> None:
        source = node.key
        if not node.has_object and node.pending.rename(key):
            node.has_object = replaces
            self._tree.nodes.rename(node, key)
            self._tree.gone(source)
            self._files.unlinking.moved_away(source)
        else:
            self._move_object(node, key)

    def _move_object(self, node: FileNode, key: str) -> None:
        if node.pending.has_new_content:
            self._files.commit(node)
        source = node.key
        with self._claimed(key), node.pending.moving() as changed:
            base = node.pending.base
            headers = node.pending.headers if node.is_described else changed
            kept = node.pending.headers.storage_class
            assert base is not None  # noqa: S101 - a clean file has an object
            version, leftover = self._mover.move_object(
                base, key, headers=headers, storage_class=kept, at_once=changed is None
            )
            node.pending.moved(key, version, headers)
        self._tree.nodes.rename(node, key)
        self._tree.gone(source)  # behind that: a commit that has just ended may have shown it
        known = node.pending.headers if node.is_described else None
        self._tree.made(
            key, etag=version.etag, size=version.size, headers=known, storage_class=kept
        )
        if leftover is not None:
            self._files.leftovers.hide(leftover)

    # Recovery

    def resume(self, moves: Iterable[MoveRecord]) -> None:
        """Finish renames that a crash interrupted; what cannot be finished is logged."""
        for record in moves:
            try:
                self._mover.resume(record)
            except OssfsError:
                log.exception(
                    "the rename of %s to %s is not finished; it is tried again at the next mount",
                    record.source,
                    record.target,
                )
                if record.is_prefix and record.is_copied:
                    self._files.leftovers.hide(record)


def symlink_attributes(*, uid: int, gid: int, now_ns: int) -> Attributes:
    """Return the attributes of a new symlink."""
    return new_attributes(stat.S_IFLNK | 0o777, uid=uid, gid=gid, now_ns=now_ns, name="")
