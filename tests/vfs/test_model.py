"""
Random calls, crashes, failing requests and other clients, against a reference.

`reference` says what is shown after each step, and what may be left of it by a crash. What was
promised has to be there, in the mount and for other clients; what was not, may be there as it was
before or as it was to be, and nothing in between.

`OSSFS_MODEL_EXAMPLES` sets how many sequences are tried, other ones each time; without it they
are always the same few. `OSSFS_MODEL_STEPS` sets their length.
"""

import errno
import logging
import os
import stat
import time
from dataclasses import replace
from itertools import count
from unittest import mock

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from model_views import DIRECTORY, FILE, shown, stored
from reference import NS, OWNER, Node, Reference, State, difference
from stepped import SteppedScheduler

from ossfs.clock import FakeClock
from ossfs.emulator.process import EmulatorProcess
from ossfs.errors import OssfsError, ServerFault
from ossfs.store.addressing import parse_endpoint
from ossfs.store.api import Headers
from ossfs.store.bucket import Bucket
from ossfs.store.credentials import Credentials, FixedCredentials
from ossfs.store.dialects.oss import oss_dialect
from ossfs.store.dialects.s3 import s3_dialect
from ossfs.store.dialects.tos import tos_dialect
from ossfs.store.limits import OSS_LIMITS
from ossfs.store.transport import HttpTransport

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
LIMITS = replace(OSS_LIMITS, min_part=100)
_numbers = count(1)
ON_FS = {"utimens"}  # where the other form cannot leave a time as it is


class Model(RuleBasedStateMachine):
    """A mount beside its reference."""

    make_core = None

    def __init__(self):
        super().__init__()
        self.core = self.make_core()
        self.ref, self.handles, self.life = Reference(), [], None
        self.written = 0
        self.trouble = None

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
        with mock.patch("ossfs.vfs.files.Scheduler", SteppedScheduler):
            self.life = self.core.mount(kill_at=kill_at, **self.options)
        self.sh, self.fs = self.life.os, self.life.fs
        self.work = self.fs._files.scheduler.work
        points = self.life.points
        points.on_call, points.refuse, points.lose = self.on_call, self.refuse, self.lose

    def call(self, name, *args, real=(), **options):
        """Make one call on both sides; return its answer on the mount, None after a crash."""
        clock, ref = self.core.clock, self.ref
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
            got = repr(error)
        except OSError as error:
            got = errno.errorcode[error.errno]
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

    def have_no_trouble(self):
        self.trouble = None

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
        found = shown(self.fs, contents)
        self.ref.compare({path: one.state for path, one in found.items()})
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
        self.trouble = trouble
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
        if self.life is life:
            self.write(len(self.handles) - 1, 0, size)
        if self.life is life and is_closed:
            assert fd == self.handles[-1]
            self.close(len(self.handles) - 1)

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

    @rule(number=numbers, mode=modes)
    def chmod(self, number, mode):
        path = self.place(number)
        if self.kind(path) != stat.S_IFLNK:  # the kernel refuses
            self.call("chmod", path, mode)

    @rule(number=numbers, uid=ids, gid=ids)
    def chown(self, number, uid, gid):
        self.call("chown", self.place(number), uid, gid)

    @rule(number=numbers, atime=times, mtime=times)
    def utime(self, number, atime, mtime):
        path = self.place(number)
        self.call("utimens", path, atime, mtime)

    @rule(
        number=numbers,
        name=xattrs,
        value=st.sampled_from([b"", b"one", bytes(range(256))]),
        flags=st.sampled_from([0, 0, os.XATTR_CREATE, os.XATTR_REPLACE]),
    )
    def setxattr(self, number, name, value, flags):
        path = self.place(number)
        if self.kind(path) != stat.S_IFLNK:
            self.call("setxattr", path, name, value, flags, real=(f"/{path}", name, value, flags))

    @rule(number=numbers, name=xattrs)
    def removexattr(self, number, name):
        path = self.place(number)
        if self.kind(path) != stat.S_IFLNK:
            self.call("removexattr", path, name, real=(f"/{path}", name))

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

    @rule(number=numbers, leads_to=st.sampled_from(["a", "../b", "/nowhere/ü"]))
    def symlink(self, number, leads_to):
        path = self.place(number)
        self.call("symlink", leads_to, path, real=(leads_to, f"/{path}"))

    @rule(number=numbers)
    def readlink(self, number):
        self.call("readlink", self.place(number))

    @rule(number=numbers, kind=st.sampled_from(KINDS), mode=modes)
    def mknod(self, number, kind, mode):
        self.call("mknod", self.place(number), kind | mode, 0x803)

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
        self.core.clock.advance(3)
        act()
        self.core.clock.advance(61)

    def is_free(self, path):
        """Say whether nobody here has anything to do with what others may change."""
        node = self.ref.tree.get(path)
        is_file = node is None or (not node.live.is_directory and not node.handles)
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


class OverHttp(Model):
    """The same at a server, which has the trouble itself."""

    server = None
    TROUBLE = (
        {"action": "error", "status": 500},
        {"action": "error_after", "status": 503, "code": "SlowDown"},
        {"action": "drop_before"},
        {"action": "drop_after"},
        {"action": "truncate", "bytes": 10},
        {"action": "corrupt", "bytes": 3, "operation": "*Object"},
        {"action": "delay", "seconds": 0.03},
    )

    @rule(trouble=st.sampled_from(TROUBLE), number=numbers)
    def have_trouble(self, trouble, number):
        self.server.add_fault(**trouble, skip=number // 2, count=1)

    def have_no_trouble(self):
        self.server.clear_faults()


def run(make_core, machine=Model, examples=150):
    """Try sequences; log records are not looked at, since failures are injected."""
    logging.getLogger("ossfs").setLevel(logging.CRITICAL)
    machine.make_core = staticmethod(make_core)
    wanted = os.environ.get("OSSFS_MODEL_EXAMPLES")
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=int(wanted or examples),
            stateful_step_count=int(os.environ.get("OSSFS_MODEL_STEPS", "50")),
            deadline=None,
            derandomize=wanted is None,
            database=None,
            print_blob=True,
            report_multiple_bugs=False,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_file_system_is_its_reference(make_core):
    """Whatever happens in whatever order."""
    run(make_core)


class FollowedClock(FakeClock):
    """A clock that a server's clock follows."""

    def __init__(self, server):
        super().__init__(time.time_ns())
        self._server, self._ahead_s = server, 0.0

    def advance(self, seconds):
        super().advance(seconds)
        ahead_s = self.now_ns() / NS - time.time()
        if abs(ahead_s - self._ahead_s) > 0.25:
            self._ahead_s = ahead_s
            self._server.set_clock_offset(ahead_s)


DIALECTS = {
    "oss": lambda: oss_dialect(region="cn-hangzhou"),
    "s3": lambda: s3_dialect(region="us-east-1"),
    "tos": lambda: tos_dialect(region="cn-beijing"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Start a server that takes small parts."""
    limits = {"min_part": LIMITS.min_part, "min_large_part": LIMITS.min_part}
    with EmulatorProcess(tmp_path_factory.mktemp("emulator"), limits=limits) as one:
        yield one


@pytest.mark.parametrize("dialect", DIALECTS)
def test_over_http(make_core, server, dialect):
    """The same at a server, in each dialect."""
    made, transport = DIALECTS[dialect](), HttpTransport()
    made = replace(made, limits=replace(made.limits, min_part=LIMITS.min_part))
    OverHttp.server = server

    def make():
        clock, name = FollowedClock(server), f"model-{dialect}-{next(_numbers)}"
        store = Bucket(
            transport=transport,
            dialect=made,
            credentials=FixedCredentials(Credentials(server.key_id, server.secret)),
            endpoint=parse_endpoint(server.endpoint),
            name=name,
            clock=clock,
        )
        server.clear_faults()
        store._talk.whole(store._talk.call("create_bucket", "PUT"))
        return make_core(clock=clock, store=store)

    try:
        run(make, OverHttp, examples=30)
    finally:
        transport.close()
