"""What other clients do in the bucket, while nothing of ours is under way."""

import errno
import stat

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from model_values import modes, numbers, sizes, times
from model_views import DIRECTORY, FILE
from reference_nodes import Node
from reference_state import NS, OWNER, State

from ossfs.errors import OssfsError
from ossfs.store.api import Headers


class OtherClients:
    """Writing, replacing, deleting, renaming, describing."""

    def others(self, act):
        """Let another client do something while nothing of ours is under way."""
        self.life.points.kill_at = None
        self.have_no_trouble()
        self.drain()
        self.core.clock.advance(5)  # clocks differ: later than ours by more than is forgiven
        act()
        self.core.clock.advance(61)

    def is_free(self, path):
        """Say whether nobody here has anything to do with what others may change."""
        node = self.ref.tree.get(path)
        is_file = node is None or (not node.live.is_directory and not node.handles)
        # A directory without a marker would go with the object, and a new file of ours be in none.
        parent = self.ref.tree.get(path.rpartition("/")[0])
        if parent is not None and parent.is_implicit:
            beside = self.ref.below(path.rpartition("/")[0])
            nodes = [self.ref.tree[one] for one in beside]
            is_file &= all(None not in one.kept and not one.is_dirty for one in nodes)
        return is_file and path not in {one.was_at for one in self.ref.orphans()}

    @rule(number=numbers, size=sizes, mode=modes, is_described=st.booleans(), mtime=times)
    def others_put(self, number, size, mode, is_described, mtime):
        """Write a file, as s3fs does or as a browser does, perhaps in a directory of its own."""
        path = self.place(number)
        if not self.is_free(path):
            return
        self.written += 1
        data = bytes([self.written % 255 + 1]) * size
        metadata = {"color": "red"}
        if is_described:
            metadata |= {"mode": str(stat.S_IFREG | mode), "uid": "7", "gid": "8"}
            metadata["xattr"] = "%7B%22user.a%22%3A%22b25l%22%7D"
            if mtime:
                metadata["mtime"] = f"{mtime // NS}.{mtime % NS:09}"
        self.others(lambda: self.core.put(path, data, **metadata))
        modified = self.core.bucket.head(path).modified_ns
        when = mtime if mtime and is_described else modified
        self.ref.appear(
            path,
            State(
                stat.S_IFREG | mode if is_described else FILE,
                *((7, 8) if is_described else (OWNER, OWNER)),
                ((when, when),),
                ((when, when),),
                (("user.a", b"one"),) if is_described else (),
                data,
                0,
                (("color", "red"),),
            ),
            has_time=is_described and mtime is not None,
        )

    @precondition(lambda self: self.handles)
    @rule(number=numbers, size=sizes, is_edited=st.booleans())
    def others_meet(self, number, size, is_edited):
        """
        Another client replaces a file that is open here, and perhaps edited.

        Readers see the bytes that they opened, or an error; an edit is saved beside theirs.
        """
        fd = self.handles[number % len(self.handles)]
        handle, life = self.ref.handles[fd], self.life
        node = handle.node
        if node.was_at is not None or not handle.is_writable or handle.is_appending:
            return
        path = next(path for path, one in self.ref.tree.items() if one is node)
        self.have_no_trouble()
        self.life.points.kill_at = None
        self.call("fsync", fd, real=(fd,))
        self.drain()
        self.written += 2
        most = max(3000, len(node.live.data))  # all of it: the version it is based on will be gone
        ours, theirs = (bytes([(self.written + one) % 255 + 1]) * most for one in range(2))
        if is_edited:
            self.call("pwrite", fd, ours, 0, real=(fd, ours, 0))
        self.others(lambda: self.core.put(path, theirs[:size]))
        fds = [fd for fd, one in self.ref.handles.items() if one.node is node]
        codes = {self.read_or_fail(fd, node.live.data) for fd in fds}
        codes |= {self.close_or_fail(fd) for fd in (fd, *(one for one in fds if one != fd))}
        assert codes <= {0, errno.ESTALE}, codes
        self.drain()
        self.core.clock.advance(61)
        assert self.life is life
        if is_edited:
            assert errno.ESTALE in codes or self.options["durability"] == "journal"
            saved = [key for key in self.core.objects() if key.startswith(f"{path}.conflict-")]
            assert [ours] == [bytes(self.core.bucket.get(key).data) for key in saved], saved
            self.others(lambda: self.core.bucket.delete(saved[0]))
        when = self.core.bucket.head(path).modified_ns
        ranges = ((when, when),)
        state = State(FILE, OWNER, OWNER, ranges, ranges, data=theirs[:size])
        self.ref.appear(path, state, has_time=False)

    def read_or_fail(self, fd, expected):
        try:
            found = self.sh.pread(fd, 10_000, 0)
        except (OssfsError, OSError) as error:
            return error.errno
        assert found == expected
        return 0

    def close_or_fail(self, fd):
        self.handles.remove(fd)
        del self.ref.handles[fd]
        try:
            self.sh.close(fd)
        except (OssfsError, OSError) as error:
            return error.errno
        return 0

    @rule(number=numbers, size=sizes)
    def others_put_below(self, number, size):
        """Make a directory by writing a file into it."""
        path = self.place(number)
        if path in self.ref.tree or path.count("/") == 2 or not self.is_free(path):
            return
        if not self.is_free(f"{path}/a"):
            return
        self.others(lambda: self.core.put(f"{path}/a", b"x" * size))
        when = self.core.bucket.head(f"{path}/a").modified_ns
        ranges = ((when, when),)
        self.ref.tree[path] = Node(State(DIRECTORY, OWNER, OWNER))
        self.ref.tree[path].is_implicit = True
        state = State(FILE, OWNER, OWNER, ranges, ranges, data=b"x" * size)
        self.ref.appear(f"{path}/a", state, has_time=False)

    @rule(number=numbers)
    def others_delete(self, number):
        path = self.place(number)
        if path in self.ref.tree and self.is_free(path):
            self.others(lambda: self.core.bucket.delete(path))
            self.ref.vanish(path)

    @rule(number=numbers, goal=numbers)
    def others_rename(self, number, goal):
        path, goal = self.place(number), self.place(goal)
        if path == goal or path not in self.ref.tree:
            return
        if self.is_free(path) and self.is_free(goal):
            self.others(lambda: self.move(path, goal))
            old = self.as_stored(goal, self.ref.tree[path].kept[0])
            self.ref.appear(goal, old, has_time=self.ref.tree[path].has_time)
            self.ref.vanish(path)

    def move(self, path, goal):
        self.core.bucket.copy(path, goal)
        self.core.bucket.delete(path)

    @rule(number=numbers, mode=modes)
    def others_chmod(self, number, mode):
        path = self.place(number)
        if self.kind(path) == stat.S_IFREG and self.is_free(path):
            self.others(lambda: self.change_mode(path, mode))
            old = self.as_stored(path, self.ref.tree[path].kept[0])
            state = old._replace(mode=stat.S_IFREG | mode)
            self.ref.appear(path, state, has_time=self.ref.tree[path].has_time)

    def as_stored(self, path, state):
        """Return the state with the times of an object that has none of its own."""
        info = self.core.bucket.head(path)
        if "mtime" in info.metadata:
            return state
        ranges = ((info.modified_ns, info.modified_ns),)
        return state._replace(mtimes=ranges, atimes=ranges)

    def change_mode(self, path, mode):
        info = self.core.bucket.head(path)
        metadata = {**info.metadata, "mode": str(stat.S_IFREG | mode)}
        self.core.bucket.copy(path, path, headers=Headers(info.content_type, metadata))
