"""
The same system calls in several directories, and what came of each: mounts beside a local disk.

A `Step` is one call by one user. `play` runs steps in some directories and returns, for each, the
errno or answer, and what the call did to the tree: type, mode, owner, size, links and device of
every name, where its inode was before, and which times it moved. Two directories agree when those
are equal.

All paths are relative and the process works inside the directory, so that other users need no
permission for what is above it.
"""

# The system calls themselves are what is tested.
# ruff: noqa: PTH101, PTH102, PTH104, PTH106, PTH108, PTH115, PTH116, PTH118, PTH208, PTH211

import contextlib
import ctypes
import errno
import os
import socket
import stat
import time
from dataclasses import dataclass

ROOT = (0, 0, ())
TIMES = ("atime", "mtime", "ctime")
WITHOUT_ATIME = TIMES[1:]
READS = {"get", "fread"}
"""Reading moves the time of access on a local disk, depending on how that is mounted."""
AT_FDCWD, AT_SYMLINK_NOFOLLOW = -100, 0x100
NOW, OMIT = (0, (1 << 30) - 1), (0, (1 << 30) - 2)  # UTIME_… of utimensat(2)
HOUR_NS = 3600 * 10**9
CLOCK_REALTIME_COARSE = 5  # Linux: by its ticks local disks count; `time` does not name it


@dataclass(frozen=True)
class Step:
    """One call: a name in `Calls`, its arguments, and who makes it (uid, gid, groups)."""

    name: str
    args: tuple
    user: tuple = ROOT

    def __str__(self):
        who = "" if self.user == ROOT else f" as {self.user}"
        return f"{self.name}{self.args}{who}"


def step(name, *args, user=ROOT):
    return Step(name, args, user)


_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


def _checked(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), "of the C library")


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("ns", ctypes.c_long))


@contextlib.contextmanager
def acting_as(user):
    """Make system calls as another user; the process has to be root's."""
    uid, gid, groups = user
    if user == ROOT:
        yield
        return
    before = os.getgroups()
    os.setgroups(groups)
    os.setegid(gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(before)


def wait_for_a_tick():
    """Let a call that follows have a later time than one that went before."""
    now = time.clock_gettime_ns(time.CLOCK_REALTIME)
    while time.clock_gettime_ns(CLOCK_REALTIME_COARSE) <= now:
        os.sched_yield()


class Calls:
    """What can be called; descriptors that stay open have names."""

    def __init__(self):
        self._open = {}
        self._renewed = 0

    def close(self):
        for fd in self._open.values():
            os.close(fd)

    def create(self, path, mode=0o644):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))

    def open(self, path, flags, mode=0):
        os.close(os.open(path, flags | os.O_NONBLOCK, mode))  # a fifo would wait for its other end

    def put(self, path, data):
        """Write a whole file."""
        flags = os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_NONBLOCK
        fd = os.open(path, flags, 0o644)
        try:
            os.write(fd, data)
        finally:
            os.close(fd)

    def append(self, path, data):
        fd = os.open(path, os.O_APPEND | os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(fd, data)
        finally:
            os.close(fd)

    def get(self, path):
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            return os.read(fd, 1 << 20)
        finally:
            os.close(fd)

    def hold(self, name, path, flags, mode=0o644):
        fd = os.open(path, flags | os.O_NONBLOCK, mode)
        if name in self._open:
            self.drop(name)
        self._open[name] = fd

    def drop(self, name):
        os.close(self._open.pop(name))

    def fread(self, name, size, offset):
        return os.pread(self._open[name], size, offset)

    def fwrite(self, name, data):
        return os.write(self._open[name], data)

    def pwrite(self, name, data, offset):
        return os.pwrite(self._open[name], data, offset)

    def seek(self, name, offset, whence):
        return os.lseek(self._open[name], offset, whence)

    def ftruncate(self, name, size):
        os.ftruncate(self._open[name], size)

    def fchmod(self, name, mode):
        os.fchmod(self._open[name], mode)

    def fchown(self, name, uid, gid):
        os.fchown(self._open[name], uid, gid)

    def fstat(self, name):
        return _shown(os.fstat(self._open[name]))

    def fsync(self, name):
        os.fsync(self._open[name])

    def fallocate(self, name, offset, size):
        os.posix_fallocate(self._open[name], offset, size)

    def fallocate_as(self, name, mode, offset, size):
        _checked(_libc.fallocate(self._open[name], mode, offset, size))

    def truncate(self, path, size):
        os.truncate(path, size)

    def mkdir(self, path, mode=0o755):
        os.mkdir(path, mode)

    def rmdir(self, path):
        os.rmdir(path)

    def unlink(self, path):
        os.unlink(path)

    def link(self, source, target):
        os.link(source, target, follow_symlinks=False)

    def symlink(self, target, path):
        os.symlink(target, path)

    def readlink(self, path):
        return os.readlink(path)

    def rename(self, source, target):
        os.rename(source, target)

    def mkfifo(self, path, mode=0o644):
        os.mkfifo(path, mode)

    def mknod(self, path, mode, major=0, minor=0):
        os.mknod(path, mode, os.makedev(major, minor))

    def bind(self, path):
        """Make a socket."""
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path)

    def chmod(self, path, mode):
        os.chmod(path, mode)

    def chown(self, path, uid, gid):
        os.chown(path, uid, gid)

    def lchown(self, path, uid, gid):
        os.lchown(path, uid, gid)

    def utime(self, path, atime_ns, mtime_ns):
        os.utime(path, ns=(atime_ns, mtime_ns))

    def lutime(self, path, atime_ns, mtime_ns):
        os.utime(path, ns=(atime_ns, mtime_ns), follow_symlinks=False)

    def utimensat(self, path, atime, mtime):
        """Set times as (seconds, ns), of a link itself; `NOW` and `OMIT` as well."""
        times = (_Timespec * 2)(_Timespec(*atime), _Timespec(*mtime))
        _checked(_libc.utimensat(AT_FDCWD, os.fsencode(path), times, AT_SYMLINK_NOFOLLOW))

    def rename_as(self, source, target, flags):
        words = (AT_FDCWD, os.fsencode(source), AT_FDCWD, os.fsencode(target), flags)
        _checked(_libc.renameat2(*words))

    def connect(self, path):
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(path)

    def touch(self, path):
        """Set both times to now, as utimensat with no times."""
        os.utime(path)

    def access(self, path, mode):
        return os.access(path, mode, effective_ids=True)

    def listdir(self, path):
        return sorted(os.listdir(path))

    def stat(self, path):
        return _shown(os.stat(path))

    def umask(self, mask):
        os.umask(mask)

    def setxattr(self, path, name, value, flags=0):
        os.setxattr(path, name, value, flags, follow_symlinks=False)

    def renew(self, path, name):
        """Set a value that was never set: what becomes of the same one differs by file system."""
        self._renewed += 1
        os.setxattr(path, name, b"%d" % self._renewed, follow_symlinks=False)

    def getxattr(self, path, name):
        return os.getxattr(path, name, follow_symlinks=False)

    def listxattr(self, path):
        return sorted(os.listxattr(path, follow_symlinks=False))

    def removexattr(self, path, name):
        os.removexattr(path, name, follow_symlinks=False)


class Side:
    """One directory, and what the steps have done to it so far."""

    def __init__(self, folder, times):
        self.facts = []
        self._folder = folder
        self._calls = Calls()
        self._times = times
        os.chdir(folder)
        self._before = _tree()

    def take(self, one):
        """Make the call, and look at what came of it."""
        os.chdir(self._folder)
        started_ns = time.clock_gettime_ns(CLOCK_REALTIME_COARSE)
        answer = _called(self._calls, one)
        after = _tree()
        names = WITHOUT_ATIME if one.name in READS else self._times
        self.facts.append((str(one), answer, _compared(self._before, after, started_ns, names)))
        self._before = after

    def close(self):
        self._calls.close()


def play(folders, steps, times=TIMES):
    """
    Run the steps in each directory; return for each one line of facts per step.

    Each step is made in all directories before the next one, so that all wait for the same
    tick of the clock.
    """
    back, umask = os.open(".", os.O_RDONLY | os.O_DIRECTORY), os.umask(0o022)
    sides = []
    try:
        sides += [Side(folder, times) for folder in folders]
        for one in steps:
            wait_for_a_tick()
            for side in sides:
                side.take(one)
    finally:
        for side in sides:
            side.close()
        os.umask(umask)
        os.fchdir(back)
        os.close(back)
    return [side.facts for side in sides]


def _called(calls, one):
    try:
        with acting_as(one.user):
            return getattr(calls, one.name)(*one.args)
    except OSError as error:
        return errno.errorcode[error.errno]
    except KeyError:
        return "no such descriptor"


def _tree():
    """Return what `lstat` says of the directory and everything in it."""
    found = {".": os.lstat(".")}
    for folder, directories, files in os.walk("."):
        for name in (*directories, *files):
            path = os.path.join(folder, name)
            found[path] = os.lstat(path)
    return found


def _shown(info):
    """Return what must be equal on both sides; what a directory's size is, is its own matter."""
    size = 0 if stat.S_ISDIR(info.st_mode) else info.st_size
    mode = f"{stat.filemode(info.st_mode)} {stat.S_IMODE(info.st_mode):o}"
    return mode, info.st_uid, info.st_gid, size, info.st_nlink, info.st_rdev


def _compared(before, after, started_ns, names):
    changes = []
    numbers = {info.st_ino: path for path, info in before.items()}
    for path in sorted({*before, *after}):
        new, old = after.get(path), before.get(path)
        if new is None:
            changes.append((path, "gone"))
            continue
        was = numbers.get(new.st_ino, "new")
        times = _times(old, new, started_ns, names)
        if old is None or was != path or _shown(old) != _shown(new) or times:
            changes.append((path, was, _shown(new), times))
    return changes


def _times(old, new, started_ns, names):
    """Say which times were moved, and to what: now, or a value that was given."""
    found = []
    for name in names:
        if name == "atime" and not stat.S_ISREG(new.st_mode):
            continue  # looking at the tree moves them
        value = getattr(new, f"st_{name}_ns")
        if old is not None and value == getattr(old, f"st_{name}_ns"):
            continue
        found.append(f"{name}: {_when(value, started_ns)}")
    return " ".join(found)


def _when(value, started_ns):
    if value >= started_ns + HOUR_NS or value < started_ns - HOUR_NS:
        return value
    return "now" if value >= started_ns else "earlier"
