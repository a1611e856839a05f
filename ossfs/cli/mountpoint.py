"""
What the kernel knows about mounts.

Is a directory fit to be mounted on, what is mounted where, who holds it, taking it away.

A mount whose process died stays in the kernel's table; every access to it fails with
ENOTCONN ("Transport endpoint is not connected"). It is called stale here. Nothing below
looks into a mounted directory but `prepare`, because a process that hangs would make
that hang, too.

Threads: functions without state.
"""

import contextlib
import ctypes
import errno
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ossfs.errors import MountFailed

MNT_DETACH = 2  # umount2(2)
FUSE_PACKAGES = "apt-get install fuse3 libfuse2 (on Ubuntu 24.04 and later: libfuse2t64)"


@dataclass(frozen=True, slots=True)
class KernelMount:
    """One line of /proc/self/mountinfo."""

    path: str
    fstype: str
    source: str

    @property
    def is_ours(self) -> bool:
        """Say whether ossfs mounted it."""
        return self.fstype == "fuse.ossfs" or self.source.startswith(("ossfs", "oss://"))


def kernel_mounts(table: str = "/proc/self/mountinfo") -> list[KernelMount]:
    """Return what is mounted, in the order it was mounted (proc(5))."""
    found = []
    for line in Path(table).read_text(errors="surrogateescape").splitlines():
        before, _, after = line.partition(" - ")
        fstype, source = after.split(" ")[:2]
        found.append(KernelMount(_unescaped(before.split(" ")[4]), fstype, _unescaped(source)))
    return found


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def mount_at(path: Path) -> KernelMount | None:
    """Return what is mounted at `path`, the topmost; None: nothing."""
    return next((one for one in reversed(kernel_mounts()) if one.path == str(path)), None)


def located(directory: str | Path) -> Path:
    """Return the path as the kernel writes it, without touching what is mounted there."""
    path = Path(directory).absolute()
    here = Path(os.path.realpath(path.parent), path.name)
    if path.name != ".." and mount_at(here) is not None:
        return here
    return Path(os.path.realpath(path))


def prepare(path: Path, *, nonempty: bool, say: Callable[[str], None]) -> None:
    """
    Make sure that `path` can be mounted on; a stale mount is taken away, saying so.

    MountFailed says what stands in the way and what to do.
    """
    try:
        is_empty = next(path.iterdir(), None) is None
    except OSError as error:
        is_empty = _after_failure(path, error, say)
    mounted = mount_at(path)
    if mounted is not None:
        raise MountFailed(
            f"{path} is a mount already ({mounted.fstype}, {mounted.source});"
            f" to take it away: ossfs umount {path}"
        )
    if not is_empty and not nonempty:
        raise MountFailed(
            f"{path} is not empty, and a mount would hide what is in it;"
            " use an empty directory, or -o nonempty"
        )
    if os.geteuid() != 0 and not os.access(path, os.W_OK):
        raise MountFailed(f"{path} is not yours to mount on: you need write permission for it")


def _after_failure(path: Path, error: OSError, say: Callable[[str], None]) -> bool:
    if error.errno == errno.ENOTCONN:
        say(f"{path} still has the mount of a process that is gone; taking it away")
        unmount(path, lazily=True)
        return next(path.iterdir(), None) is None
    if error.errno == errno.ENOENT:
        raise MountFailed(f"{path} does not exist; make it: mkdir -p {path}") from error
    if error.errno == errno.ENOTDIR:
        raise MountFailed(f"{path} is not a directory") from error
    raise MountFailed(f"{path} cannot be used: {error.strerror}") from error


def require_fuse(
    *,
    allow_other: bool,
    device: Path = Path("/dev/fuse"),
    fuse_conf: Path = Path("/etc/fuse.conf"),
) -> None:
    """Make sure that this user can mount with FUSE at all; MountFailed names what is missing."""
    if not device.exists():
        raise MountFailed(
            f"{device} is missing: load the kernel module (modprobe fuse);"
            " a container needs --device /dev/fuse --cap-add SYS_ADMIN"
        )
    if os.geteuid() == 0:
        return
    if not os.access(device, os.R_OK | os.W_OK):
        raise MountFailed(f"{device} may be opened by root only; as root: chmod 666 {device}")
    if fusermount() is None:
        raise MountFailed(f"fusermount is missing: {FUSE_PACKAGES}")
    if allow_other and not _says(fuse_conf, "user_allow_other"):
        raise MountFailed(
            f"allow_other needs the line user_allow_other in {fuse_conf}"
            f" (as root: echo user_allow_other >> {fuse_conf}), or leave it out"
        )


def _says(file: Path, word: str) -> bool:
    try:
        return word in (line.strip() for line in file.read_text().splitlines())
    except OSError:
        return False


def fusermount() -> str | None:
    """Return the program that mounts and unmounts for users; None: not installed."""
    return shutil.which("fusermount3") or shutil.which("fusermount")


class Busy(MountFailed):
    """Somebody has a file or a working directory inside the mount."""


def unmount(path: Path, *, lazily: bool = False) -> None:
    """
    Take the mount at `path` away; lazily: at once by name, really when its last user is gone.

    Busy; MountFailed with what the system said.
    """
    if os.geteuid() == 0:
        _unmount_as_root(path, lazily=lazily)
        return
    program = fusermount()
    if program is None:
        raise MountFailed(f"cannot unmount {path}: fusermount is missing: {FUSE_PACKAGES}")
    flags = ["-u", "-z"] if lazily else ["-u"]
    done = subprocess.run(
        [program, *flags, "--", str(path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    if done.returncode != 0:
        said = done.stderr.strip()
        raise (Busy if "busy" in said else MountFailed)(f"cannot unmount {path}: {said}")


def _unmount_as_root(path: Path, *, lazily: bool) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.umount2(os.fsencode(path), MNT_DETACH if lazily else 0) != 0:
        code = ctypes.get_errno()
        raise (Busy if code == errno.EBUSY else MountFailed)(
            f"cannot unmount {path}: {os.strerror(code)}"
        )


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that keeps a mount busy."""

    pid: int
    command: str
    path: str

    def __str__(self) -> str:
        return f"{self.command} (process {self.pid}) has {self.path}"


def holders(mountpoint: Path) -> Iterator[Holder]:
    """Yield other processes with a file or working directory inside, as far as we may look."""
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or process.name == str(os.getpid()):
            continue
        with contextlib.suppress(OSError):  # ended, or not ours to see
            path = _held(process, str(mountpoint))
            if path is not None:
                command = (process / "comm").read_text().strip()
                yield Holder(int(process.name), command, path)


def _held(process: Path, mountpoint: str) -> str | None:
    for link in (process / "cwd", process / "root", *(process / "fd").iterdir()):
        with contextlib.suppress(OSError):  # closed while we look
            target = str(link.readlink())  # says the name; the file system is not asked
            if target == mountpoint or target.startswith(mountpoint.rstrip("/") + "/"):
                return target
    return None
