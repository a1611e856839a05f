"""
Changing what is stored beside files and directories: mode, owner, times.

Threads: every method from any thread.
"""

import stat
from collections.abc import Callable
from dataclasses import replace

from ossfs.clock import Clock
from ossfs.vfs.files import Files
from ossfs.vfs.nodes import FileNode
from ossfs.vfs.posix import Attributes
from ossfs.vfs.tree import Found, Tree

Change = Callable[[Attributes], Attributes]


class Describing:
    """Changes attributes by path, for `FileSystem`."""

    def __init__(self, *, tree: Tree, files: Files, clock: Clock) -> None:
        self._tree = tree
        self._files = files
        self._clock = clock

    def chmod(self, path: str, mode: int) -> None:
        """Change the permission bits."""
        self.change(path, lambda old: _with_mode(old, mode))

    def chown(self, path: str, uid: int, gid: int) -> None:
        """Change owner and group; -1 leaves one as it is."""
        self.change(
            path,
            lambda old: replace(
                old, uid=old.uid if uid == -1 else uid, gid=old.gid if gid == -1 else gid
            ),
        )

    def utimens(self, path: str, atime_ns: int | None, mtime_ns: int | None) -> None:
        """Change the times; None leaves one as it is."""
        self.change(
            path,
            lambda old: replace(
                old,
                atime_ns=old.atime_ns if atime_ns is None else atime_ns,
                mtime_ns=old.mtime_ns if mtime_ns is None else mtime_ns,
            ),
        )

    def change(self, path: str, change: Change) -> None:
        """
        Replace the attributes of what the path names; the time of change moves with them.

        When nothing else does, it moves on this mount only: `chmod -R` to what is there
        already must not copy every object onto itself.
        """
        found = self._tree.find(path)
        if found.entry.is_directory:
            self._change_directory(found, change)
            return
        with self._files.pinned(found) as node, node.pending.lock:
            old, new = node.attributes, change(node.attributes)
            changed = replace(new, ctime_ns=self._clock.now_ns())
            if new == old:
                self._files.change_time(node, changed)
            else:
                self._files.change_attributes(node, changed)

    def drop_set_ids(self, node: FileNode, uid: int) -> None:
        """Take setuid and setgid bits away because a user, unless root, changed the content."""
        with node.pending.lock:
            mode = node.attributes.mode
            dropped = stat.S_ISUID
            if mode & stat.S_IXGRP:  # without it, the bit means something else
                dropped |= stat.S_ISGID
            if uid and mode & dropped:
                self._files.change_attributes(node, replace(node.attributes, mode=mode & ~dropped))

    def _change_directory(self, found: Found, change: Change) -> None:
        old = self._tree.directory_attributes(found.key, is_needed=True)
        new, now_ns = change(old), self._clock.now_ns()
        if new == old:
            self._tree.times.status_changed(found.key, now_ns)
        elif found.key != self._tree.keys.prefix:
            self._files.markers.change(found.key, replace(new, ctime_ns=now_ns))
            self._tree.times.forget(found.key)


def _with_mode(old: Attributes, mode: int) -> Attributes:
    return replace(old, mode=stat.S_IFMT(old.mode) | stat.S_IMODE(mode))
