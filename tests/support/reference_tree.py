"""
The names of the reference, and what is in them.

It knows POSIX as far as the file system is asked: the kernel walks paths and checks permissions.
Paths are relative to the top, which is the empty one.
"""

import errno
import os
import stat

from reference_nodes import Node
from reference_state import OWNER, State


def fail(code, path=""):
    raise OSError(code, os.strerror(code), path)


class Tree:
    """The names, with what all calls do to them."""

    def __init__(self):
        self.tree = {}
        self.handles = {}
        self.now = (0, 0)
        self.hidden = set()
        """Names of which objects are there that nobody sees; this one makes no files `O_EXCL`."""
        self.unsent = set()
        """Names of files of which nothing was sent yet; this one has no bucket to rename in."""
        self.just_hidden = None
        """The file that libfuse has hidden last: perhaps for a rename, which comes next then."""
        self.middles = []
        """States between the begin and the end of the last operation."""

    # Looking

    def find(self, path):
        return self.tree.get(path) or fail(errno.ENOENT, path)

    def children(self, path):
        prefix = f"{path}/" if path else ""
        return sorted(
            one[len(prefix) :]
            for one in self.tree
            if one.startswith(prefix) and "/" not in one[len(prefix) :]
        )

    def below(self, path):
        return [one for one in self.tree if one.startswith(f"{path}/")]

    def is_place(self, path):
        """Say whether the kernel would ask the file system about this name."""
        parent = path.rpartition("/")[0]
        return not parent or (parent in self.tree and self.tree[parent].live.is_directory)

    def orphans(self):
        return {one.node for one in self.handles.values() if one.node.was_at is not None}

    # Changing

    def _describe(self, node, **changes):
        new = node.live._replace(**changes)
        if new == node.live:
            return
        # A large file is sent with the times of its first part, unless somebody sets them.
        node.is_time_set |= "mtimes" in changes
        node.live, node.is_implicit, node.fallback = new, False, ()
        if not node.is_dirty:
            node.kept = (new,)
            node.sent += node.kept
            node.has_time = True

    def _make(self, path, mode, *, kept=None, data=b"", rdev=0):
        if path in self.tree:
            fail(errno.EEXIST, path)
        parent = self.tree.get(path.rpartition("/")[0])
        gid = OWNER
        if parent is not None and parent.live.mode & stat.S_ISGID:
            gid = parent.live.gid
            mode |= stat.S_ISGID if stat.S_ISDIR(mode) else 0
        state = State(mode, OWNER, gid, (self.now,), (self.now,), data=data, rdev=rdev)
        self.tree[path] = Node(state, kept=kept)
        self._touch(path)
        return self.tree[path]

    def _touch(self, path):
        """Move the times of a name's directory: they are in memory only."""
        parent = self.tree.get(path.rpartition("/")[0])
        if parent is not None and parent.live.mtimes:
            parent.live = parent.live._replace(mtimes=(self.now,))

    def _leave(self, path, *, to=""):
        """Take a name away; a directory in which a crash finds nothing any more gets a marker."""
        parent = path.rpartition("/")[0]
        node = self.tree.pop(path)
        self._touch(path)
        beside = [self.tree.get(f"{parent}/{name}") for name in self.children(parent)]
        is_left = not to or to.rpartition("/")[0] != parent
        if parent and is_left and all(one.kept == (None,) for one in beside):
            self.tree[parent].is_implicit = False
        return node
