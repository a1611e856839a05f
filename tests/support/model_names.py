"""Calls on names."""

import stat

from hypothesis import strategies as st
from hypothesis.stateful import rule
from model_values import SPECIAL, modes, numbers


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
        self.call("unlink", self.place(number))

    @rule(number=numbers, goal=numbers, is_exclusive=st.sampled_from([False, False, False, True]))
    def rename(self, number, goal, is_exclusive):
        path, goal = self.place(number), self.place(goal)
        depth = goal.count("/") - path.count("/")
        if all(one.count("/") + depth < 3 for one in self.ref.below(path)):
            self.call("rename", path, goal, is_exclusive=is_exclusive)

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
