"""
Random calls on a local disk and in a mount: the same errnos, answers and changes.

`OSSFS_MODEL_EXAMPLES` sets how many sequences are tried, other ones each time; without it they
are always the same few. Some of the requests fail, get no answer, or take longer. After every few
sequences the mount is killed, and the next one shows what it has shown; after the last one it ends
in order, and both the next one and other clients see every tree as the local disk has it.
"""

import os
import shutil
import stat
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from posix_sides import WITHOUT_ATIME, play, step
from stored_headers import parsed

pytestmark = [pytest.mark.mounted, pytest.mark.slow, pytest.mark.both_libfuses]

CRASH_EVERY = 5
TOP = ("a", "b", "c")
BELOW = tuple(f"{one}/{other}" for one in TOP for other in ("x", "y"))
PATHS = (*TOP, *BELOW, "a/x/deep")
names = st.sampled_from(PATHS)
tops = st.sampled_from(TOP)
below = st.sampled_from(BELOW)
handles = st.sampled_from("fgh")
modes = st.sampled_from((0o600, 0o644, 0o755, 0o4711, 0o2775, 0o1777))
sizes = st.sampled_from((0, 1, 4095, 4096, 100_000))


class Much(bytes):
    """Bytes that are not shown one by one."""

    def __repr__(self):
        return f"{bytes(self[:3])} * {len(self) // 3}"


data = st.sampled_from((b"", b"one", Much(b"two" * 2000), Much(b"333" * 70_000)))
times = st.sampled_from((0, 1, 10**18 + 7, 4 * 10**18))
xattrs = st.sampled_from(("user.a", "user.b"))
ids = st.sampled_from((-1, 0, 5, 65534))
FLAGS = (
    os.O_RDONLY, os.O_RDWR, os.O_RDWR | os.O_TRUNC, os.O_CREAT | os.O_RDWR,
    os.O_CREAT | os.O_EXCL | os.O_RDWR, os.O_APPEND | os.O_WRONLY | os.O_CREAT,
)  # fmt: skip


def call(name, *arguments):
    return st.builds(step, st.just(name), *arguments)


OTHERS = (
    call("put", names, data),
    call("put", names, data),
    call("append", names, data),
    call("get", names),
    call("create", names, modes),
    call("open", names, st.sampled_from(FLAGS), modes),
    call("mkdir", names, modes),
    call("mkdir", names, modes),
    call("symlink", names, names),
    call("readlink", names),
    call("mkfifo", names, modes),
    call("mknod", names, modes.map(lambda mode: stat.S_IFSOCK | mode)),
    call("truncate", names, sizes),
    call("chmod", names, modes),
    call("chown", names, ids, st.sampled_from((0, 5))),
    call("lchown", names, ids, st.sampled_from((0, 5))),  # of -1, -1 the kernel tells nobody
    call("lutime", names, times, times),
    call("utime", names, times, times),
    call("touch", names),
    call("access", names, st.sampled_from((os.F_OK, os.R_OK, os.W_OK, os.X_OK))),
    call("listdir", names),
    call("stat", names),
    call("renew", names, xattrs),
    call("setxattr", names, xattrs, st.just(b"new"), st.sampled_from((1, 2))),
    call("getxattr", names, xattrs),
    call("removexattr", names, xattrs),
    call("listxattr", names),
    call("fwrite", handles, data),
    call("fwrite", handles, data),
    call("pwrite", handles, data, sizes),
    call("fread", handles, st.just(1 << 20), sizes),
    call("seek", handles, sizes, st.sampled_from((os.SEEK_SET, os.SEEK_CUR, os.SEEK_END))),
    call("ftruncate", handles, sizes),
    call("fchmod", handles, modes),
    call("fchown", handles, ids, st.sampled_from((0, 5))),
    call("fallocate", handles, sizes, sizes.map(lambda size: size + 1)),
    call("fstat", handles),
    call("fsync", handles),
    call("drop", handles),
)
CALLS = st.one_of(
    *OTHERS,
    call("hold", handles, tops, st.sampled_from(FLAGS), modes),
    call("rmdir", names),
    call("unlink", names),
    call("unlink", names),
    call("rename", names, names),
    call("rename", names, names),
)
# Of a file that lost its name in a directory that is gone, libfuse knows no path any more.
CALLS_BELOW = st.one_of(
    *OTHERS,
    call("hold", handles, below, st.sampled_from(FLAGS), modes),
    call("hold", handles, below, st.sampled_from(FLAGS), modes),
    call("unlink", tops),
    call("rename", names, tops),
    call("rename", tops, tops),
)


def left(folder, *, times=False):
    """Describe what a sequence has left; with `times`, when files were changed, too."""
    found = {}
    for path in sorted(folder.rglob("*")):
        info = path.lstat()
        is_directory, is_link = stat.S_ISDIR(info.st_mode), stat.S_ISLNK(info.st_mode)
        content = path.read_bytes() if stat.S_ISREG(info.st_mode) else None
        found[str(path.relative_to(folder))] = (
            info.st_mode,
            info.st_uid,
            info.st_gid,
            0 if is_directory else info.st_size,
            str(path.readlink()) if is_link else content,
            () if is_link else xattrs_of(path),
            info.st_mtime_ns if times and not is_directory else 0,
        )
    return found


def with_times_of(now, was, steps):
    """Return `was`, with earlier times of `now` if calls may have moved them without a change."""
    if not {"truncate", "ftruncate", "fallocate"}.intersection(one.name for one in steps):
        return was
    times = {path: described[-1] for path, described in now.items()}
    return {path: (*one[:-1], min(one[-1], times.get(path, 0))) for path, one in was.items()}


def xattrs_of(path):
    return tuple((name, os.getxattr(path, name)) for name in sorted(os.listxattr(path)))


def stored(seen, folder):
    """Describe the same as other clients see it, by the headers that s3fs and ossfs 1.x know."""
    found = {}
    for key in sorted(seen.keys(f"{folder}/")):
        headers, content = seen.request("GET", key)
        prefix = "x-oss-meta-"
        told = parsed(
            {
                name.lower()[len(prefix) :]: value
                for name, value in headers.items()
                if name.lower().startswith(prefix)
            }
        )
        mode, is_directory = told["mode"], key.endswith("/")
        is_link = stat.S_ISLNK(mode)
        found[key.rstrip("/")[len(folder) + 1 :]] = (
            mode,
            told["uid"],
            told["gid"],
            len(content),
            content.decode() if is_link else content if stat.S_ISREG(mode) else None,
            told["xattrs"],
            0 if is_directory else told["mtimes"],
        )
    del found[""]  # the marker of the folder itself
    return found


def have_trouble(server):
    """Let a share of the requests fail, before or after they are carried out, or take longer."""
    server.add_fault("error", status=500, probability=0.01)
    server.add_fault("error_after", status=503, code="SlowDown", probability=0.01)
    server.add_fault("drop_before", probability=0.005)
    server.add_fault("drop_after", probability=0.01)
    server.add_fault("delay", seconds=0.05, probability=0.02)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to others")
@pytest.mark.parametrize("durability", ["close", "journal"])
def test_random_calls(mounting, tmp_path, emulator, seen, durability):
    """Whatever is called in whatever order."""
    numbers, folders = count(), []
    examples = os.environ.get("OSSFS_MODEL_EXAMPLES")
    options = ("--durability", durability)
    mounted = mounting().mount(*options)
    have_trouble(emulator)

    @settings(
        max_examples=int(examples or 20),
        deadline=None,
        derandomize=examples is None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of(*(st.lists(one, min_size=10, max_size=40) for one in (CALLS, CALLS_BELOW))))
    def run(steps):
        number = next(numbers)
        local, remote = tmp_path / f"local-{number}", mounted.path / f"{number}"
        for folder in (local, remote):
            folder.mkdir()
        for wanted, got in zip(*play((local, remote), steps, WITHOUT_ATIME), strict=True):
            assert wanted == got
        folders.append((local, remote, steps))
        if number % CRASH_EVERY == CRASH_EVERY - 1:
            recent = [(remote, steps) for _, remote, steps in folders[-CRASH_EVERY:]]
            before = [left(one, times=True) for one, _ in recent]
            mounted.remount(*options, "--attrs", "head")
            for was, (one, steps_) in zip(before, recent, strict=True):
                now = left(one, times=True)
                assert with_times_of(now, was, steps_) == now

    run()

    emulator.clear_faults()
    assert 0 == mounted.umount().returncode
    assert mounted.is_clean()
    mounted.mount("--attrs", "head")
    for local, remote, _ in folders:
        assert left(local) == left(remote)
        assert left(remote, times=True) == stored(seen, remote.name)
    shutil.rmtree(mounted.path, ignore_errors=True)
