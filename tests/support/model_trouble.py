"""Requests that fail, get no answer or take long, and a store that cannot be reached."""

from hypothesis import strategies as st
from hypothesis.stateful import rule
from model_values import numbers

from ossfs.errors import ServerFault, Unreachable


class Trouble:
    """Trouble with the store."""

    @rule(kind=st.sampled_from(["refuse", "lose", "slow"]), number=numbers)
    def have_trouble(self, kind, number):
        """One of the next requests fails, is carried out and not answered, or takes long."""
        self.trouble = (kind, number // 2)

    @rule(then=st.sampled_from(["close", "fsync", ""]), number=numbers)
    def lose_the_store(self, then, number):
        """During the next call, the store cannot be reached."""
        self.life.points.kill_at = None
        self.is_out = True
        if then and self.handles:
            getattr(self, then)(number)

    def heal(self, name, path, untouched):
        """
        Go on after a call that failed because the store could not be reached.

        Nothing has changed; but what was to be closed or synced is tried again by itself.
        """
        self.had_failures, self.life.points.kill_at = True, None
        self.core.clock.advance(400)
        self.drain()
        is_done = name in {"close", "fsync", "fsyncdir"}
        if not is_done:
            done, self.ref = self.ref, untouched
        if name.startswith("rename"):  # what is renamed is brought to the bucket before
            for one in (path, *self.ref.below(path)):
                self.ref.tree[one].asked_for()
        if name == "truncate":  # perhaps it was cut, and could only not be stored
            size = self.fs.getattr(f"/{path}").size
            self.ref = done if size == len(done.tree[path].live.data) else untouched

    def have_no_trouble(self):
        self.trouble, self.is_out = None, False

    def _is_due(self, *kinds):
        if self.trouble is None or self.trouble[0] not in kinds:
            return False
        kind, left = self.trouble
        self.trouble = (kind, left - 1) if left else None
        return not left

    def on_call(self, call):
        if call.kind == "request" and self._is_due("slow"):
            self.core.clock.advance(0.7)

    def refuse(self, call):
        if self.is_out:
            return Unreachable("injected", operation=call.name)
        return ServerFault("injected", operation=call.name) if self._is_due("refuse") else None

    def lose(self, call):  # any
        return self._is_due("lose")
