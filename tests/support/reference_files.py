"""What calls on the content of files do, and which of them promise it."""

import errno
import os
import stat

from reference_nodes import Handle
from reference_tree import Tree, fail


class FileCalls(Tree):
    """Opening, reading, writing, cutting, syncing, closing."""

    def open(self, path, flags, mode=0o644):
        node = self.tree.get(path)
        if node is None:
            if not flags & os.O_CREAT:
                fail(errno.ENOENT, path)
            node = self._make(path, stat.S_IFREG | mode, kept=(None,))
            node.is_dirty = node.is_new = True
            node.is_exclusive = bool(flags & os.O_EXCL) and path not in self.hidden
        elif flags & os.O_CREAT and flags & os.O_EXCL:
            fail(errno.EEXIST, path)
        elif node.live.is_directory:
            fail(errno.EISDIR, path)
        elif flags & os.O_TRUNC:
            self._change(node, b"")
            if flags & os.O_CREAT:  # as a user who is not root: that call says who it is
                drops = stat.S_ISUID | (stat.S_ISGID if node.live.mode & stat.S_IXGRP else 0)
                self._describe(node, mode=node.live.mode & ~drops)
        node.handles += 1
        return Handle(node, flags)

    def _change(self, node, data):
        node.marks += (node.live,)
        node.live = node.live._replace(data=data, mtimes=(self.now,))
        node.is_dirty, node.is_new, node.is_time_set = True, False, False

    def pwrite(self, fd, data, offset):
        handle = self.handles[fd]
        if not handle.is_writable:
            fail(errno.EBADF)
        old = handle.node.live.data
        at = len(old) if handle.is_appending else offset
        old = old.ljust(at, b"\0")
        self._change(handle.node, old[:at] + data + old[at + len(data) :])
        return len(data)

    def pread(self, fd, size, offset):
        return self.handles[fd].node.live.data[offset : offset + size]

    def ftruncate(self, fd, size):
        self._cut(self.handles[fd].node, size)

    def _cut(self, node, size):
        old = node.live.data
        if size != len(old) or not size:
            self._change(node, old[:size].ljust(size, b"\0"))
            return
        if node.is_dirty:
            node.marks += (node.live,)
            node.is_time_set = False
        node.fallback += node.live.mtimes
        node.live = node.live._replace(mtimes=(self.now,))
        # Stored with the next change of anything, whatever that is.
        node.kept = tuple(
            state and state._replace(mtimes=(*state.mtimes, self.now)) for state in node.kept
        )
        node.sent += node.kept

    def truncate(self, path, size):
        node = self.find(path)
        if node.live.is_directory:
            fail(errno.EISDIR, path)
        self._cut(node, size)
        if node.is_dirty and not node.handles:
            node.promise()

    def fsync(self, fd):
        node = self.handles[fd].node
        if node.was_at is None and node.is_dirty:
            node.promise()

    def fsyncdir(self, path):
        for name in self.children(path):
            node = self.tree[f"{path}/{name}" if path else name]
            if node.is_new:
                node.promise()

    def close(self, fd):
        handle = self.handles.pop(fd)
        node = handle.node
        node.handles -= 1
        is_due = node.is_exclusive if node.is_new else handle.is_writable
        if node.was_at is None and node.is_dirty and (is_due or not node.handles):
            node.promise()
