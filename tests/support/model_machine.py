"""
The state machine: random calls on a mount without FUSE, crashes, trouble and other clients.

`reference` says what is shown after each step, and what may be left of it by a crash. What was
promised has to be there, in the mount and for other clients; what was not, may be there as it was
before or as it was to be, and nothing in between.
"""

import errno
import os
import stat
from copy import deepcopy
from unittest import mock

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from model_views import DIRECTORY, FILE, shown, stored
from reference import NS, OWNER, Node, Reference, State, difference
from stepped import SteppedScheduler

from ossfs.errors import OssfsError, ServerFault, Transient, Unreachable
from ossfs.store.api import Headers

NAMES = ("a", "b")
PATHS = [*NAMES]
PATHS += [f"{one}/{two}" for one in NAMES for two in NAMES]
PATHS += [f"{one}/{two}" for one in PATHS[2:] for two in NAMES]
numbers = st.integers(0, 19)
offsets = st.sampled_from([0, 1, 500, 999, 1000, 1001, 2500])
sizes = st.sampled_from([1, 300, 1000, 1100, 2600])
modes = st.sampled_from([0o600, 0o644, 0o755, 0o4711, 0o2775, 0o1777])
ids = st.sampled_from([-1, 0, 5, 65534])
times = st.sampled_from([None, 10**18 + 7, 4 * 10**18, NS, 1_700_000_000 * NS])
xattrs = st.sampled_from(["user.a", "user.b"])
FLAGS = (
    os.O_RDONLY,
    os.O_RDWR,
    os.O_WRONLY | os.O_TRUNC,
    os.O_RDWR | os.O_CREAT,
    os.O_RDWR | os.O_CREAT | os.O_EXCL,
    os.O_WRONLY | os.O_CREAT | os.O_APPEND,
    os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
)
KINDS = (stat.S_IFREG, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFBLK)
MOST_HANDLES = 5
TICK_S = 0.001
FAILED = "the store could not be reached"
ON_FS = {"utimens"}  # where the other form cannot leave a time as it is


SPECIAL = st.one_of(
    st.tuples(st.just("symlink"), st.sampled_from(["a", "../b", "/nowhere/\u00fc"])),
    st.tuples(st.just("readlink")),
    st.tuples(
        st.just("mknod"), st.builds(int.__or__, st.sampled_from(KINDS), modes), st.just(2051)
    ),
)
CHANGES = st.one_of(
    st.tuples(st.just("chmod"), modes),
    st.tuples(st.just("chown"), ids, ids),
    st.tuples(st.just("utimens"), times, times),
    st.tuples(
        st.just("setxattr"),
        xattrs,
        st.sampled_from([b"", b"one", bytes(range(256))]),
        st.sampled_from([0, 0, os.XATTR_CREATE, os.XATTR_REPLACE]),
    ),
    st.tuples(st.just("removexattr"), xattrs),
)


class Model(RuleBasedStateMachine):
    """A mount beside its reference."""

    make_core = None

    def __init__(self):
        super().__init__()
        self.core = self.make_core()
        self.ref, self.handles, self.life = Reference(), [], None
        self.written = 0
        self.trouble, self.is_out = None, False

    @initialize(durability=st.sampled_from(["close", "journal"]))
    def begin(self, durability):
        self.options = {"durability": durability, "attrs": "head", "retrying": True}
        self.mount()
        self.mkdir(2, 0o755)

    def teardown(self):
        if self.life is not None:
            self.life.die()

    # How a call is made and compared

    def mount(self, kill_at=None):
        self.had_failures = False
        with mock.patch("ossfs.vfs.files.Scheduler", SteppedScheduler):
            self.life = self.core.mount(kill_at=kill_at, **self.options)
        self.sh, self.fs = self.life.os, self.life.fs
        self.work = self.fs._files.scheduler.work
        points = self.life.points
        points.on_call, points.refuse, points.lose = self.on_call, self.refuse, self.lose

    def call(self, name, *args, real=(), **options):
        """Make one call on both sides; return its answer on the mount, None after a crash."""
        clock, ref = self.core.clock, self.ref
        is_out, untouched = self.is_out, deepcopy(ref) if self.is_out else None
        clock.advance(TICK_S)
        before, ref.middles = ref.snapshot(), []
        started, is_dead, got = clock.now_ns(), False, None
        try:
            self.work()
            side = self.fs if name in ON_FS else self.sh
            got = getattr(side, name)(*(real or [_absolute(one) for one in args]), **options)
        except self.core.Killed:
            is_dead = True
        except OssfsError as error:
            got = FAILED if is_out and isinstance(error, Transient) else repr(error)
        except OSError as error:
            got = errno.errorcode[error.errno]
        self.is_out = False
        is_dead |= self.life.points.is_dead  # also if that was where nobody waits for it
        ref.now = (started, clock.now_ns())
        try:
            wanted = getattr(ref, name)(*args, **options)
        except OSError as error:
            wanted = errno.errorcode[error.errno]
        if is_dead:
            after = ref.snapshot()
            both = {one: before[one] + after[one] for one in before.keys() & after.keys()}
            self.begin_anew([before, before | both, *ref.middles, after])
            return None
        if got == FAILED:
            self.heal(name, args[0], untouched)
            return FAILED
        if name == "open" and not isinstance(wanted, str) and isinstance(got, int):
            ref.handles[got] = wanted
            self.handles.append(got)
            return got
        assert wanted == got, (name, args)
        return got

    # Trouble with the store

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

    # Lives

    def begin_anew(self, allowed, *, dies_again=None):
        """Look what is there after a crash, and go on from that."""
        self.life.die()
        if dies_again is not None:
            try:
                self.mount(kill_at=dies_again)
                self.drain()
            except self.core.Killed:
                pass
            self.life = self.life or self.core.lives[-1]
            self.life.die()
        self.mount()
        self.have_no_trouble()
        self.handles = []
        self.drain()
        assert self.fs.drain(None)
        found = {path: one.state for path, one in shown(self.fs, PATHS).items()}
        wrongs = [self.ref.wrong(kept, found) for kept in allowed]
        assert [] in wrongs, wrongs
        kept = allowed[wrongs.index([])]
        store = self.core.bucket
        metadata = {item.key: store.head(item.key).metadata for item in store.list().objects}
        self.ref = Reference.restarted(kept, found, metadata)
        self.same_in_the_bucket()
        assert [] == self.core.stray_uploads(self.life.journal.load())

    def drain(self):
        while self.fs._files.scheduler.waiting() and self.fs.drain(None):
            pass

    @rule(number=numbers)
    def crash_soon(self, number):
        """Die at one of the next requests or journal writes."""
        points = self.life.points
        points.kill_at = len(points.passed) + 3 * number + number % 3

    @rule(again=st.sampled_from([None, None, 0, 1, 2, 5, 9]))
    def crash(self, again):
        self.begin_anew([self.ref.snapshot()], dies_again=again)

    @rule(is_drained=st.booleans())
    def remount(self, is_drained):
        self.life.points.kill_at = None
        self.have_no_trouble()
        while self.handles:
            self.close(0)
        if is_drained:
            assert self.fs.drain(None)
        self.life.close()
        self.life.points.is_dead = True
        if is_drained:
            self.same_in_the_bucket()
            if not self.had_failures:  # else uploads may be left, which the next mount aborts
                self.core.assert_nothing_left()
        self.begin_anew([self.ref.snapshot()])

    @rule(seconds=st.sampled_from([0.3, 1.5, 12]))
    def wait(self, seconds):
        self.core.clock.advance(seconds)

    # What is compared

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

    # Names to choose from

    def place(self, number):
        """Return one of the names that could be there, those first that are."""
        found = [path for path in PATHS if self.ref.is_place(path)]
        found.sort(key=lambda path: path not in self.ref.tree)
        return found[number % len(found)]

    def kind(self, path):
        node = self.ref.tree.get(path)
        return 0 if node is None else stat.S_IFMT(node.live.mode)

    # Files

    @rule(number=numbers, flags=st.sampled_from(FLAGS), mode=modes)
    def open(self, number, flags, mode):
        path = self.place(number)
        if self.kind(path) not in {0, stat.S_IFREG, stat.S_IFDIR} and not flags & os.O_EXCL:
            return
        if len(self.handles) < MOST_HANDLES:
            self.call("open", path, flags, mode)

    @rule(number=numbers, size=sizes, is_closed=st.booleans())
    def write_file(self, number, size, is_closed):
        """How cp makes a file."""
        path = self.place(number)
        if self.kind(path) not in {0, stat.S_IFREG} or len(self.handles) == MOST_HANDLES:
            return
        life = self.life
        fd = self.call("open", path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        if fd == FAILED:
            return
        if self.life is life:
            self.write(len(self.handles) - 1, 0, size)
        if self.life is life and is_closed:
            assert fd == self.handles[-1]
            self.close(len(self.handles) - 1)

    @rule(number=numbers, offset=offsets, size=sizes)
    def edit(self, number, offset, size):
        """Change a file that is there, and leave it open."""
        files = [path for path, one in self.ref.tree.items() if one.live.is_file]
        if not files or len(self.handles) == MOST_HANDLES:
            return
        life, path = self.life, sorted(files)[number % len(files)]
        if self.call("open", path, os.O_RDWR) != FAILED and self.life is life:
            self.write(len(self.handles) - 1, offset, size)

    @precondition(lambda self: self.handles)
    @rule(number=numbers, offset=offsets, size=sizes)
    def write(self, number, offset, size):
        fd = self.handles[number % len(self.handles)]
        self.written += 1
        data = bytes([self.written % 255 + 1]) * size
        self.call("pwrite", fd, data, offset, real=(fd, data, offset))

    @precondition(lambda self: self.handles)
    @rule(number=numbers, size=offsets)
    def ftruncate(self, number, size):
        fd = self.handles[number % len(self.handles)]
        if self.ref.handles[fd].is_writable:  # the kernel knows that
            self.call("ftruncate", fd, size, real=(fd, size))

    @rule(number=numbers, size=offsets)
    def truncate(self, number, size):
        path = self.place(number)
        if self.kind(path) in {0, stat.S_IFREG, stat.S_IFDIR}:
            self.call("truncate", path, size)

    @precondition(lambda self: self.handles)
    @rule(number=numbers)
    def fsync(self, number):
        fd = self.handles[number % len(self.handles)]
        self.call("fsync", fd, real=(fd,))

    @precondition(lambda self: self.handles)
    @rule(number=numbers)
    def close(self, number):
        fd = self.handles.pop(number % len(self.handles))
        self.call("close", fd, real=(fd,))

    # Attributes

    @rule(number=numbers, change=CHANGES)
    def describe(self, number, change):
        path, (name, *values) = self.place(number), change
        is_link = self.kind(path) == stat.S_IFLNK
        if not (is_link and name in {"chmod", "setxattr", "removexattr"}):  # the kernel refuses
            self.call(name, path, *values, real=(f"/{path}", *values))

    # Names

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

    # Others

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
            is_file &= all(None not in self.ref.tree[one].kept for one in beside)
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


def _absolute(one):
    return f"/{one}" if isinstance(one, str) else one
