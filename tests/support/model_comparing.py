"""What is compared: all that is shown, after each step, and what others see in the bucket."""

from hypothesis.stateful import invariant, precondition, rule
from model_values import PATHS, numbers
from model_views import shown, stored
from reference_state import difference


class Comparing:
    """The mount and its bucket beside the reference."""

    @invariant()
    def same(self):
        if self.life is not None:
            self.compare()

    def compare(self, contents=()):
        points = self.life.points
        kill_at, points.kill_at = points.kill_at, None
        before, trouble, self.trouble = len(points.passed), self.trouble, None
        is_out, self.is_out = self.is_out, False
        found = shown(self.fs, contents)
        self.ref.compare({path: one.state for path, one in found.items()})
        self.ref.looked_inside(contents)
        for path, one in found.items():
            node = self.ref.tree[path]
            assert node.ino in {None, one.ino}, path
            node.ino = one.ino
            inside = [f"{path}/{name}" for name in self.ref.children(path)]
            count = sum(self.ref.tree[name].live.is_directory for name in inside)
            links = 2 + count if node.live.is_directory else 1
            assert links == one.links, path
            assert one.size == (0 if node.live.is_directory else len(node.live.data)), path
        for fd, handle in self.ref.handles.items():
            info = self.sh.fstat(fd)
            assert len(handle.node.live.data) == info.st_size
            assert info.st_nlink == (handle.node.was_at is None)
        assert len(found) == len({one.ino for one in found.values()})
        self.trouble, self.is_out = trouble, is_out
        if kill_at is not None:
            points.kill_at = kill_at + len(points.passed) - before

    @rule()
    def look_inside(self):
        self.compare(PATHS)

    @precondition(lambda self: self.handles)
    @rule(number=numbers)
    def read(self, number):
        fd = self.handles[number % len(self.handles)]
        self.call("pread", fd, 10_000, 0, real=(fd, 10_000, 0))

    @rule()
    def settle(self):
        """When nothing is on its way any more, others see what was promised."""
        points = self.life.points
        kill_at, points.kill_at = points.kill_at, None
        self.have_no_trouble()
        self.drain()
        self.same_in_the_bucket()
        if kill_at is not None:
            points.kill_at = len(points.passed) + 3

    def same_in_the_bucket(self):
        found, wrong = stored(self.core.bucket), []
        orphans = {node.was_at for node in self.ref.orphans()}
        for path, node in self.ref.tree.items():
            is_directory = node.live.is_directory
            seen = found.pop(f"{path}/" if is_directory else path, None)
            states = node.sent if node.is_dirty else node.kept
            if seen is None:
                may_miss = node.is_implicit or None in states
                wrong += [] if may_miss else [f"{path} is not there"]
            elif not node.is_implicit and not (node.is_dirty and path in orphans):
                differences = [difference(one, seen) for one in states if one is not None]
                wrong += [] if "" in differences else [f"{path}: {' or '.join(differences)}"]
        for key in found:
            is_excused = key in orphans or (orphans and ".ossfs_hidden-" in key)
            wrong += [] if is_excused else [f"{key} should not be there"]
        assert [] == wrong
