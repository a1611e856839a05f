"""
Random calls on a local disk and in a mount: the same errnos, answers and changes.

`OSSFS_MODEL_EXAMPLES` sets how many sequences are tried, other ones each time; without it they
are always the same few. After the last one, the mount ends, and the next one shows every tree as
the local disk has it.
"""

import os
import shutil
import stat
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from posix_sides import WITHOUT_ATIME, play, step

pytestmark = [pytest.mark.mounted, pytest.mark.slow, pytest.mark.both_libfuses]

TOP = ("a", "b", "c")
PATHS = (*TOP, *(f"{one}/{other}" for one in TOP for other in ("x", "y")), "a/x/deep")
names = st.sampled_from(PATHS)
tops = st.sampled_from(TOP)  # of a file in a directory that is gone, libfuse knows no path
handles = st.sampled_from("fg")
modes = st.sampled_from((0o600, 0o644, 0o755, 0o4711, 0o2775, 0o1777))
sizes = st.sampled_from((0, 1, 4095, 4096, 100_000))
data = st.sampled_from((b"", b"one", b"two" * 2000, b"3" * 200_000))
times = st.sampled_from((0, 1, 10**18 + 7, 4 * 10**18))
ids = st.sampled_from((-1, 0, 5, 65534))
FLAGS = (
    os.O_RDONLY, os.O_RDWR, os.O_RDWR | os.O_TRUNC, os.O_CREAT | os.O_RDWR,
    os.O_CREAT | os.O_EXCL | os.O_RDWR, os.O_APPEND | os.O_WRONLY | os.O_CREAT,
)  # fmt: skip


def call(name, *arguments):
    return st.builds(step, st.just(name), *arguments)


CALLS = st.one_of(
    call("put", names, data),
    call("put", names, data),
    call("append", names, data),
    call("get", names),
    call("create", names, modes),
    call("mkdir", names, modes),
    call("mkdir", names, modes),
    call("rmdir", names),
    call("unlink", names),
    call("unlink", names),
    call("rename", names, names),
    call("rename", names, names),
    call("symlink", names, names),
    call("readlink", names),
    call("mkfifo", names, modes),
    call("mknod", names, modes.map(lambda mode: stat.S_IFSOCK | mode)),
    call("truncate", names, sizes),
    call("chmod", names, modes),
    call("lchown", names, ids, st.sampled_from((0, 5))),  # of -1, -1 the kernel tells nobody
    call("lutime", names, times, times),
    call("listdir", names),
    call("stat", names),
    call("renew", names, st.sampled_from(("user.a", "user.b"))),
    call("removexattr", names, st.sampled_from(("user.a", "user.b"))),
    call("listxattr", names),
    call("hold", handles, tops, st.sampled_from(FLAGS), modes),
    call("fwrite", handles, data),
    call("pwrite", handles, data, sizes),
    call("fread", handles, st.just(1 << 20), sizes),
    call("ftruncate", handles, sizes),
    call("fchmod", handles, modes),
    call("fstat", handles),
    call("fsync", handles),
    call("drop", handles),
)


def left(folder):
    """Describe what a sequence has left, without times."""
    found = {}
    for path in sorted(folder.rglob("*")):
        info = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(info.st_mode) else None
        size = 0 if stat.S_ISDIR(info.st_mode) else info.st_size
        found[str(path.relative_to(folder))] = (
            info.st_mode,
            info.st_uid,
            info.st_gid,
            size,
            content,
        )
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to others")
def test_random_calls(mounted, tmp_path):
    """Whatever is called in whatever order."""
    numbers, folders = count(), []
    examples = os.environ.get("OSSFS_MODEL_EXAMPLES")

    @settings(
        max_examples=int(examples or 60),
        deadline=None,
        derandomize=examples is None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(CALLS, min_size=10, max_size=40))
    def run(steps):
        number = next(numbers)
        local, remote = tmp_path / f"local-{number}", mounted.path / f"{number}"
        for folder in (local, remote):
            folder.mkdir()
        for wanted, got in zip(*play((local, remote), steps, WITHOUT_ATIME), strict=True):
            assert wanted == got
        folders.append((local, remote))

    run()

    assert 0 == mounted.umount().returncode
    assert mounted.is_clean()
    mounted.mount("--attrs", "head")
    for local, remote in folders:
        assert left(local) == left(remote)
    shutil.rmtree(mounted.path, ignore_errors=True)
