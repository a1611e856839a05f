"""Calls on names."""

import os
import stat

from hypothesis import strategies as st
from hypothesis.stateful import rule
from model_calls import AT_ONCE, FAILED
from model_values import MOST_HANDLES, SPECIAL, modes, numbers, sizes

TRUNCATE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


class NameRules:
    """Making, removing, renaming, syncing of directories."""

    @rule(number=numbers, mode=modes)
    def mkdir(self, number, mode):
        self.call("mkdir", self.place(number), mode)

    @rule(number=numbers)
    def rmdir(self, number):
        self.call("rmdir", self.place(number))

    @rule(number=numbers)
    def unlink(self, number):
        path = self.place(number)
        if self.is_hidden_first(path):
            self.hide(path)
            self.core.clock.advance(1)  # until what comes next has nothing to do with that
        else:
            self.call("unlink", path)

    def is_hidden_first(self, path):
        """Say whether libfuse hides the file of this name until it is closed."""
        node = self.ref.tree.get(path)
        return self.is_hiding and node is not None and node.handles > 0

    def hide(self, path):
        """Let a file lose its name; return whether it did, and we live."""
        self.hidden_files += 1
        name, life = f"{path.rpartition('/')[0]}/.fuse_hidden{self.hidden_files:016x}", self.life
        real = (f"/{path}", f"/{name.lstrip('/')}")
        return self.call("hide", path, by="rename", real=real) != FAILED and self.life is life

    @rule(number=numbers, goal=numbers, is_exclusive=st.sampled_from([False, False, False, True]))
    def rename(self, number, goal, is_exclusive):
        path, goal = self.place(number), self.place(goal)
        depth = goal.count("/") - path.count("/")
        if all(one.count("/") + depth < 3 for one in self.ref.below(path)):
            self.put_at(path, goal, is_exclusive=is_exclusive)

    def put_at(self, path, goal, *, is_exclusive=False, is_out=False):
        """Rename, perhaps without a store; below libfuse, a file that is open is hidden first."""
        is_refused = path == goal or is_exclusive or self.kind(path) in {0, stat.S_IFDIR}
        if is_refused or not self.is_hidden_first(goal):
            self.is_out |= is_out
            self.call("rename", path, goal, is_exclusive=is_exclusive)
        elif self.hide(goal):
            self.is_out = is_out
            self.call(AT_ONCE, path, goal, by="rename")

    @rule(
        paths=st.tuples(numbers, numbers),
        flags=st.sampled_from([os.O_RDONLY, os.O_RDWR, TRUNCATE, TRUNCATE]),
        size=sizes,
        thens=st.tuples(st.sampled_from(["", "fsync", "fsync"]), st.sampled_from(["", "close"])),
        kill=st.sampled_from([*[None] * 3, *["out"] * 3, *range(12)]),
    )
    def replace_open(self, paths, flags, size, thens, kill):
        """Write a file, rename it over one that is open; perhaps it fails, or we die meanwhile."""
        path, goal = map(self.place, paths)
        are_files = {self.kind(path), self.kind(goal)} <= {0, stat.S_IFREG}
        if path == goal or not are_files or len(self.handles) > MOST_HANDLES - 2:
            return
        flags |= 0 if self.kind(goal) else os.O_CREAT
        is_there = self.fill(goal, flags, size, thens[0])
        if not is_there or not self.fill(path, TRUNCATE, 300, thens[1]):
            return
        life, points = self.life, self.life.points
        if isinstance(kill, int):
            points.kill_at = len(points.passed) + kill
        self.put_at(path, goal, is_out=kill == "out")
        if kill is not None and self.life is life:
            self.crash(None)

    @rule(number=numbers, special=SPECIAL)
    def make_special(self, number, special):
        path, (name, *values) = self.place(number), special
        if name == "symlink":
            self.call(name, *values, path, real=(*values, f"/{path}"))
        else:
            self.call(name, path, *values, real=(f"/{path}", *values))

    @rule(number=numbers)
    def fsyncdir(self, number):
        path = self.place(number)
        if self.kind(path) == stat.S_IFDIR:
            self.call("fsyncdir", path)
