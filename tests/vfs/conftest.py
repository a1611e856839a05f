"""
A mount without FUSE and without HTTP, that can be killed at any request or journal write.

`core` is what outlives a process: the bucket, the state folder, the time. `core.mount()`
begins a life over them; `life.close()` ends it in order, `life.die()` as SIGKILL does.
`life.points` counts the moments before and after each request and each journal write, and
lets one of them be the last, or lets an answer be lost.

`life.os` speaks like the module `os`, so that scenarios can run through a real mount too.
"""

import inspect
import os
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import pytest
from whole_files import WholeFiles

from ossfs import assembly
from ossfs.clock import FakeClock
from ossfs.config import CacheConfig, MountConfig, PosixConfig, WritebackConfig, parse_url
from ossfs.errors import Unreachable
from ossfs.journal.journal import Journal
from ossfs.journal.records import FileState
from ossfs.store.api import BytesBody, Headers
from ossfs.store.limits import OSS_LIMITS
from ossfs.store.memory import MemoryStore
from ossfs.store.retrying import Retrying, RetryOptions
from ossfs.transfer.workers import InlineWorkers
from ossfs.writeback import recovery

PART = 1000  # bytes; a file of more is a multipart upload
LIMITS = replace(OSS_LIMITS, min_part=100)

REQUESTS = {
    *("get", "head", "list", "put", "copy", "delete", "delete_many"),
    *("create_upload", "upload_part", "copy_part", "complete_upload", "abort_upload"),
    *("list_parts", "list_uploads", "put_symlink", "get_symlink", "append", "rename"),
}
FACTS = {
    name
    for name, value in inspect.getmembers(Journal)
    if callable(value) and not name.startswith("_") and name not in {"load", "close", "is_lasting"}
}


class Killed(BaseException):
    """The process died here."""


@dataclass(frozen=True)
class Call:
    """A request or a journal write."""

    kind: str
    name: str
    args: tuple
    kwargs: dict

    @property
    def key(self):
        return self.args[0] if self.args else ""


class Points:
    """The moments of one life at which it can end."""

    def __init__(self):
        self.passed = []
        self.calls = []
        self.kill_at = None
        self.kill_on = None
        self.is_dead = False
        self.lose = lambda call: False
        self.refuse = lambda call: None
        self.on_call = lambda call: None
        self._lock = threading.RLock()

    def pass_by(self, what):
        with self._lock:
            if self.is_dead:
                raise Killed(what)
            self.passed.append(what)
            if len(self.passed) - 1 == self.kill_at or what == self.kill_on:
                self.is_dead = True
                raise Killed(what)

    def run(self, call, function):
        self.pass_by(f"before {call.kind} {call.name}")
        self.on_call(call)
        if call.kind == "request":
            error = self.refuse(call)
            if error is not None:
                raise error
        result = function(*call.args, **call.kwargs)
        with self._lock:
            self.calls.append(call)
        self.pass_by(f"after {call.kind} {call.name}")
        if call.kind == "request" and self.lose(call):
            raise Unreachable("the answer is lost", operation=call.name)
        return result

    def names(self, kind="request"):
        return [call.name for call in self.calls if call.kind == kind]


class Tapped:
    """Passes every call on, by way of `points`."""

    def __init__(self, inner, points, kind, names):
        self._inner, self._points, self._kind, self._names = inner, points, kind, names

    def __getattr__(self, name):
        value = getattr(self._inner, name)
        if name not in self._names:
            return value

        def call(*args, **kwargs):
            return self._points.run(Call(self._kind, name, args, kwargs), value)

        return call


class RunningClock(FakeClock):
    """A fake clock that also runs: for what waits in threads."""

    def __init__(self, now_ns):
        super().__init__(now_ns)
        self._real = time.monotonic()

    def monotonic(self):
        return super().monotonic() + time.monotonic() - self._real


class Os(WholeFiles):
    """A file system as the module `os` shows it; descriptors are handles."""

    def __init__(self, fs):
        self.fs = fs

    def open(self, path, flags, mode=0o644):
        if flags & os.O_CREAT:
            return self.fs.create(path, mode, flags & ~os.O_CREAT, uid=1000, gid=1000)
        return self.fs.open(path, flags)

    def close(self, fd):
        try:
            self.fs.flush(fd)
        finally:
            self.fs.release(fd)

    def pread(self, fd, length, offset):
        return bytes(self.fs.read(fd, offset, length))

    def pwrite(self, fd, data, offset):
        return self.fs.write(fd, offset, data)

    def fsync(self, fd):
        self.fs.fsync(fd)

    def fsyncdir(self, path):
        self.fs.fsyncdir(path)

    def ftruncate(self, fd, size):
        self.fs.ftruncate(fd, size)

    def truncate(self, path, size):
        self.fs.truncate(path, size)

    def fstat(self, fd):
        return self._stat(self.fs.fgetattr(fd))

    def stat(self, path):
        return self._stat(self.fs.getattr(path))

    @staticmethod
    def _stat(answer):
        found = answer.attributes
        return SimpleNamespace(
            st_ino=answer.ino,
            st_size=answer.size,
            st_nlink=answer.nlink,
            st_mode=found.mode,
            st_uid=found.uid,
            st_gid=found.gid,
            st_mtime_ns=found.mtime_ns,
            st_atime_ns=found.atime_ns,
            st_ctime_ns=found.ctime_ns,
        )

    def listdir(self, path):
        reader, names = self.fs.readdir(path), []
        while (piece := reader.more()) is not None:
            names += piece
        return sorted(names)

    def mkdir(self, path, mode=0o755):
        self.fs.mkdir(path, mode, uid=1000, gid=1000)

    def rmdir(self, path):
        self.fs.rmdir(path)

    def unlink(self, path):
        self.fs.unlink(path)

    def rename(self, old, new, *, is_exclusive=False):
        self.fs.rename(old, new, is_exclusive=is_exclusive)

    def chmod(self, path, mode):
        self.fs.chmod(path, mode)

    def chown(self, path, uid, gid):
        self.fs.chown(path, uid, gid)

    def utime(self, path, *, ns):
        self.fs.utimens(path, *ns)

    def symlink(self, target, path):
        self.fs.symlink(path, target, uid=1000, gid=1000)

    def readlink(self, path):
        return self.fs.readlink(path)

    def mknod(self, path, mode, rdev=0):
        self.fs.mknod(path, mode, rdev, uid=1000, gid=1000)

    def setxattr(self, path, name, value, flags=0):
        self.fs.setxattr(path, name, value, flags)

    def removexattr(self, path, name):
        self.fs.removexattr(path, name)


class Life:
    """One process that has the bucket mounted."""

    def __init__(self, core, *, retrying, clock, workers, kill_at, refuse, **options):
        self.points = Points()
        self.points.refuse = refuse
        self.points.kill_at = kill_at
        self.state_dir = core.state_dir
        self.mount = None
        store = Tapped(core.bucket, self.points, "request", REQUESTS)
        if retrying:
            options_ = RetryOptions(deadline_s=60.0, read_deadline_s=60.0)
            store = Retrying(store, options=options_, clock=clock)
        self.workers = workers
        self.parts = assembly.Parts(
            store=store,
            read_workers=workers(),
            demand_workers=workers(),
            upload_workers=workers(),
            copy_workers=workers(),
            clock=clock,
        )
        config = core.config(**options)
        with mock.patch.object(recovery, "Journal", self._journal):
            try:
                self.mount = assembly.build(config, core.state_dir, self.parts)
            except Killed:
                self.die()
                raise
        self.fs = self.mount.fs
        self.os = Os(self.fs)

    def _journal(self, path, *, clock):
        self.journal = Journal(path, clock=clock)
        return Tapped(self.journal, self.points, "fact", FACTS)

    def requests(self):
        """Return the names of the requests since the last call."""
        names = self.points.names()
        self.points.calls.clear()
        return names

    def die(self):
        """End as SIGKILL does: nothing more happens, the kernel closes the files."""
        if self.mount is not None:
            self.mount.fs._files.scheduler.close()
        self.points.is_dead = True
        self.journal.close()
        if self.mount is not None:
            self.mount._caches.close(is_crash=True)
        for workers in (
            self.parts.read_workers,
            self.parts.demand_workers,
            self.parts.upload_workers,
            self.parts.copy_workers,
        ):
            workers.close(cancel=True)
        for link in Path("/proc/self/fd").iterdir():
            try:
                target = str(link.readlink())
            except FileNotFoundError:
                continue
            if target.startswith(str(self.state_dir)):
                os.close(int(link.name))

    def close(self):
        """Unmount."""
        if not self.points.is_dead:
            self.mount.close()


class Core:
    """What outlives a process."""

    Killed = Killed

    def __init__(self, state_dir, *, limits=LIMITS, capabilities=None, clock=None, store=None):
        self.state_dir = state_dir.resolve()
        self.state_dir.mkdir(parents=True, exist_ok=True)
        self.clock = clock or FakeClock()
        options = {} if capabilities is None else {"capabilities": capabilities}
        self.bucket = store or MemoryStore(clock=self.clock, limits=limits, **options)
        self.lives = []

    def config(
        self, *, prefix="", part_size=PART, attr_ttl_s=1.0, durability="close", attrs="auto"
    ):
        return MountConfig(
            url=parse_url(f"oss://bucket/{prefix}"),
            cache=CacheConfig(memory=64 << 20, attr_ttl_s=attr_ttl_s),
            writeback=WritebackConfig(part_size=part_size, reserve=0, durability=durability),
            posix=PosixConfig(uid=1000, gid=1000, attrs=attrs),
        )

    def mount(
        self,
        *,
        retrying=False,
        is_running=False,
        workers=InlineWorkers,
        kill_at=None,
        refuse=lambda call: None,
        **options,
    ):
        """Begin a life; with `is_running`, its clock runs by itself, from now."""
        clock = RunningClock(self.clock.now_ns()) if is_running else self.clock
        life = Life(
            self,
            retrying=retrying,
            clock=clock,
            workers=workers,
            kill_at=kill_at,
            refuse=refuse,
            **options,
        )
        self.lives.append(life)
        return life

    @contextmanager
    def mounted(self, **options):
        life = self.mount(**options)
        try:
            yield life
        finally:
            life.close()

    def close(self):
        for life in self.lives:
            if not life.points.is_dead and life.fs is not None:
                life.close()
                life.points.is_dead = True

    # The bucket as other clients see it

    def put(self, key, data, **metadata):
        self.bucket.put(key, BytesBody(data), Headers(None, metadata))

    def objects(self):
        """Return every object's bytes."""
        return {
            item.key: bytes(self.bucket.get(item.key).data) for item in self.bucket.list().objects
        }

    def uploads(self):
        return list(self.bucket.list_uploads().uploads)

    def stray_uploads(self, ledger):
        """Return the uploads that no draft goes on with."""
        known = {one.upload.upload_id for one in ledger.files if one.upload is not None}
        return [one for one in self.uploads() if one.upload_id not in known]

    def staged(self):
        return sorted(path.name for path in (self.state_dir / "staging").iterdir())

    def ledger(self):
        """Read the journal, of which no life may be left."""
        journal = Journal(self.state_dir / "journal.db", clock=self.clock)
        try:
            return journal.load()
        finally:
            journal.close()

    def assert_nothing_left(self):
        """In journal and staging nothing but drafts; on the store, nothing but their uploads."""
        ledger = self.ledger()
        assert [] == self.stray_uploads(ledger)
        assert [] == list(ledger.aborts)
        assert [] == list(ledger.moves)
        assert [] == list(ledger.deletions)
        assert [] == list(ledger.markers)
        assert [] == [one for one in ledger.files if one.state is not FileState.DRAFT]
        assert sorted(one.staging for one in ledger.files) == self.staged()


@pytest.fixture
def make_core(tmp_path):
    """Make a bucket and a state folder; with other arguments, another one."""
    made = []

    def make(**options):
        made.append(Core(tmp_path / f"state-{len(made)}", **options))
        return made[-1]

    yield make
    for core in made:
        core.close()


@pytest.fixture
def core(make_core):
    """Make a bucket and a state folder."""
    return make_core()


@pytest.fixture
def life(core):
    """Mount the bucket, with a clock that stands still."""
    return core.mount()


@pytest.fixture
def sh(life):
    """Return the mount's `os`."""
    return life.os
