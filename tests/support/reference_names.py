"""What calls on names do, and what a crash may leave that comes while they run."""

import errno
import os
import stat

from reference_state import merged
from reference_tree import Tree, fail


class NameCalls(Tree):
    """Making, removing, renaming, symlinks."""

    def mkdir(self, path, mode):
        self._make(path, stat.S_IFDIR | mode)

    def mknod(self, path, mode, rdev):
        self._make(path, mode, rdev=rdev if stat.S_IFMT(mode) == stat.S_IFBLK else 0)

    def symlink(self, target, path):
        self._make(path, stat.S_IFLNK | 0o777, data=os.fsencode(target))

    def readlink(self, path):
        node = self.find(path)
        return os.fsdecode(node.live.data) if stat.S_ISLNK(node.live.mode) else fail(errno.EINVAL)

    def rmdir(self, path):
        if not self.find(path).live.is_directory:
            fail(errno.ENOTDIR, path)
        if self.below(path):
            fail(errno.ENOTEMPTY, path)
        self._leave(path)

    def unlink(self, path):
        if self.find(path).live.is_directory:
            fail(errno.EISDIR, path)
        self._leave(path).was_at = path

    def hide(self, path):
        """Let an open file lose its name, as libfuse does to unlink it or to rename over it."""
        self.just_hidden = self.find(path)
        self.unlink(path)

    def rename_over_hidden(self, path, goal):
        """Rename a file to the name of one that was hidden for that: a crash finds one of them."""
        before, hidden = self.snapshot(), self.just_hidden
        self.tree[goal] = hidden
        self.middles.append(self.snapshot())
        self.rename(path, goal)
        self.middles.append(before | {goal: hidden.kept + self.tree[goal].kept})

    def rename(self, path, goal, *, is_exclusive=False):
        node, displaced = self.find(path), self.tree.get(goal)
        if path == goal and not is_exclusive:
            return
        if goal.startswith(f"{path}/"):
            fail(errno.EINVAL, path)
        if is_exclusive and displaced is not None:
            fail(errno.EEXIST, goal)
        if displaced is not None and not node.live.is_directory and displaced.live.is_directory:
            fail(errno.EISDIR, goal)
        if displaced is not None and node.live.is_directory:
            if not displaced.live.is_directory:
                fail(errno.ENOTDIR, goal)
            if self.below(goal):
                fail(errno.ENOTEMPTY, goal)
        if node.live.is_directory:
            self._rename_directory(path, goal)
        else:
            self._rename_file(path, goal, displaced)

    def _rename_file(self, path, goal, displaced):
        node = self.tree[path]
        if node.kept == (None,) or path in self.unsent:  # it never was in the bucket, nor is now
            if displaced is not None:
                self.middles.append(self.snapshot() | {path: (*node.kept, node.live)})
                # Either that one's object stays, or, if there was none yet, this is promised.
                node.may_be_sent()
                node.sent += (*displaced.sent, *node.kept, node.live)
                node.kept = displaced.kept if node.kept == (None,) else node.kept
                node.kept += (node.live,)
                node.is_exclusive = False
        elif node.is_dirty:
            node.promise()
            self.middles.append(self.snapshot())
        else:  # stored again, with what was only in memory
            node.kept = tuple(state and merged(node.live, state) for state in node.kept)
            node.sent += node.kept
            node.copied(self.now)
        if displaced is not None:
            displaced.was_at = goal
        self.tree[goal] = node
        self._leave(path, to=goal)
        self._touch(goal)

    def _rename_directory(self, path, goal):
        before = self.snapshot()
        for key in self.below(path):
            if self.tree[key].is_dirty and self.tree[key].kept != (None,):
                self.tree[key].promise()
        self.middles.append({key: before[key] + node.kept for key, node in self.tree.items()})
        for key in self.below(path):
            self.tree[key].copied(self.now)
        names = {key: goal + key[len(path) :] for key in (path, *self.below(path))}
        nodes = {goal_: self.tree.pop(key) for key, goal_ in names.items()}
        nodes[goal].is_implicit &= goal not in self.tree  # a marker is there: it is replaced
        self.tree[path] = nodes[goal]
        self._leave(path, to=goal)
        self.tree.update(nodes)
        self._touch(goal)
