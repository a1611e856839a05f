"""
One mount: from the mount system call to the unmount.

Threads: `run` blocks in its thread until somebody unmounts; libfuse makes its own.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from ossfs.errors import MountFailed
from ossfs.vfs.filesystem import FileSystem

log = logging.getLogger(__name__)

MAX_REQUEST = 128 << 10  # libfuse 2 moves no more at once


def run(
    fs: FileSystem,
    mountpoint: str,
    *,
    name: str,
    options: Mapping[str, str | bool],
    on_ready: Callable[[], None],
    capacity: int,
    has_xattrs: bool,
) -> None:
    """
    Mount `fs` at `mountpoint` and serve it until it is unmounted.

    `name` is what `df` and /proc/mounts show, `capacity` the bytes that `df` shows; `options`
    are libfuse's. Without `has_xattrs` the kernel does not ask for any before each write.
    `on_ready` is called once, from another thread, when the kernel answers. MountFailed:
    libfuse is missing, or refused; it has said why on standard error.
    """
    try:
        from ossfs.fusefs.binding import ENCODING, Binding  # noqa: PLC0415 - loads libfuse
        from ossfs.fusefs.operations import Operations  # noqa: PLC0415 - as above
    except OSError as error:
        raise MountFailed(f"libfuse cannot be loaded: {error}") from error

    def answer() -> None:
        thread = threading.Thread(
            target=_report, args=(mountpoint, on_ready), name="ossfs-ready", daemon=True
        )
        thread.start()

    operations = Operations(fs, on_ready=answer, capacity=capacity, has_xattrs=has_xattrs)
    try:
        Binding(
            operations,
            mountpoint,
            encoding=ENCODING,
            foreground=True,
            fsname=name,
            subtype="ossfs",
            default_permissions=True,
            use_ino=True,
            atomic_o_trunc=True,
            big_writes=True,
            max_read=MAX_REQUEST,
            max_write=MAX_REQUEST,
            **options,
        )
    except RuntimeError as error:
        raise MountFailed(f"libfuse could not mount {mountpoint} (status {error})") from error


def _report(mountpoint: str, on_ready: Callable[[], None]) -> None:
    """Ask the kernel for the top of the mount, and say when it has answered."""
    Path(mountpoint).stat()
    log.info("mounted at %s", mountpoint)
    on_ready()
