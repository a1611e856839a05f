"""Who may do what in a mount, how it is shown, and ways to read and write past the usual ones."""

import errno
import fcntl
import mmap
import os
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.mounted, pytest.mark.both_libfuses]

LOCKS = """
import errno, fcntl, os, sys
file = open(sys.argv[1], "r+b")
for lock in (fcntl.flock, fcntl.lockf):
    try:
        lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        print("free", end=" ")
    except OSError as error:
        print(errno.errorcode[error.errno], end=" ")
"""


def raises(code):
    return pytest.raises(OSError, check=lambda error: error.errno == code)


def test_files_that_say_nothing(mounting, seen):
    """Show the options' modes and owners, less the umask; those that do say theirs, less it."""
    seen.put("d/f", b"x")
    seen.put("d/ours", b"x", mode=str(0o100666), uid="5", gid="6")
    options = {"uid": 7, "gid": 8, "file-mode": "0646", "dir-mode": "0757", "umask": "0022"}
    mount = mounting().mount(
        "--attrs", "head", *(f"--{name}={value}" for name, value in options.items())
    )
    shown = {
        path: (oct(info.st_mode), info.st_uid, info.st_gid)
        for path in ("d", "d/f", "d/ours")
        for info in [(mount.path / path).stat()]
    }

    assert {
        "d": ("0o40755", 7, 8),
        "d/f": ("0o100644", 7, 8),
        "d/ours": ("0o100644", 5, 6),
    } == shown


@pytest.mark.skipif(os.geteuid() != 0, reason="acts as another user")
@pytest.mark.parametrize("options", [(), ("--allow-other",)], ids=["private", "for all"])
def test_other_users(mounting, seen, options):
    """Are kept out unless the mount is for all; then the modes decide."""
    seen.put("open", b"x", mode=str(0o100644), uid="0", gid="0")
    mount = mounting().mount("--attrs", "head", *options)
    folder = os.open(mount.path, os.O_RDONLY | os.O_DIRECTORY)
    (mount.path / "secret").write_bytes(b"x")
    (mount.path / "secret").chmod(0o600)
    os.seteuid(65534)
    try:
        for name, code in {"open": None, "secret": errno.EACCES}.items():
            if not options:
                with raises(errno.EACCES):
                    os.open(name, os.O_RDONLY, dir_fd=folder)
            elif code is None:
                os.close(os.open(name, os.O_RDONLY, dir_fd=folder))
            else:
                with raises(code):
                    os.open(name, os.O_RDONLY, dir_fd=folder)
    finally:
        os.seteuid(0)
        os.close(folder)


def test_locks_hold_between_processes(mounted):
    """Both kinds, until they are given back."""
    path = mounted.path / "f"
    path.write_bytes(b"x")
    command = [sys.executable, "-c", LOCKS, path]

    def others():
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()

    with path.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert ["EAGAIN", "free"] == others()
        fcntl.lockf(file, fcntl.LOCK_EX)
        assert ["EAGAIN", "EAGAIN"] == others()
    assert ["free", "free"] == others()


def test_direct_io(mounted, seen):
    """Past the kernel's pages: the same bytes, also beside a handle that uses them."""
    path = mounted.path / "f"
    path.write_bytes(b"a" * 8192)
    buffer = mmap.mmap(-1, 8192)
    with path.open("rb", buffering=0) as usual:
        assert b"a" * 8192 == usual.readall()
        fd = os.open(path, os.O_RDWR | os.O_DIRECT)
        try:
            buffer.write(b"b" * 4096)
            assert 4096 == os.pwritev(fd, [memoryview(buffer)[:4096]], 4096)
            assert 8192 == os.preadv(fd, [buffer], 0)
            assert b"a" * 4096 + b"b" * 4096 == buffer[:]
        finally:
            os.close(fd)
            buffer.close()
        assert b"b" * 4096 == os.pread(usual.fileno(), 4096, 4096)

    assert b"a" * 4096 + b"b" * 4096 == seen.get("f")


def test_memory_that_is_shared(mounted, seen):
    """Two processes map the file and see each other's writes; msync brings them to the bucket."""
    path = mounted.path / "f"
    path.write_bytes(b"." * 10_000)
    program = (
        "import mmap, sys\n"
        "with open(sys.argv[1], 'r+b') as file, mmap.mmap(file.fileno(), 0) as memory:\n"
        "    assert memory[9000:9004] == b'here'\n"
        "    memory[:5] = b'there'\n"
    )
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[9000:9004] = b"here"
        subprocess.run([sys.executable, "-c", program, path], check=True)
        assert b"there" == memory[:5]
        memory.flush()
        os.fsync(file.fileno())

        stored = seen.get("f")
    assert (b"there", b"here", 10_000) == (stored[:5], stored[9000:9004], len(stored))
