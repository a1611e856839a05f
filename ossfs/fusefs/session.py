"""
One mount: from the mount system call to the unmount.

Threads: `run` blocks in its thread until somebody unmounts; libfuse makes its own.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from ossfs.errors import MountFailed
from ossfs.fusefs import libraries
from ossfs.fusefs.operations import Operations
from ossfs.vfs.filesystem import FileSystem

log = logging.getLogger(__name__)


def run(
    fs: FileSystem,
    mountpoint: str,
    *,
    name: str,
    options: Mapping[str, str | bool],
    on_ready: Callable[[str], None],
    capacity: int,
    has_xattrs: bool,
    library: str,
    caches_writes: bool,
) -> None:
    """
    Mount `fs` at `mountpoint` and serve it until it is unmounted.

    `name` is what `df` and /proc/mounts show, `capacity` the bytes that `df` shows; `options`
    are libfuse's. Without `has_xattrs` the kernel does not ask for any before each write.
    `library` is what `libraries.choose` takes; with `caches_writes`, which needs libfuse 3,
    the kernel collects what is written. `on_ready` is called once, from another thread, when
    the kernel answers, with what the mount runs on in words. MountFailed: libfuse is missing,
    or refused; it has said why on standard error.
    """
    number = libraries.choose(library)
    if number == 2 and caches_writes:  # noqa: PLR2004  # the version
        raise MountFailed("--writeback-cache needs libfuse 3; try with --fuse 3")
    binding = libraries.load(number)
    about = f"libfuse {binding.version()}"

    def answer() -> None:
        thread = threading.Thread(
            target=_report, args=(mountpoint, about, on_ready), name="ossfs-ready", daemon=True
        )
        thread.start()

    operations = Operations(
        fs,
        asker=binding.get_context,
        on_ready=answer,
        capacity=capacity,
        has_xattrs=has_xattrs,
    )
    extra = {"caches_writes": True} if caches_writes else {}
    try:
        binding.Binding(
            operations,
            mountpoint,
            options={
                "fsname": name,
                "subtype": "ossfs",
                "default_permissions": True,
                **options,
            },
            **extra,
        )
    except RuntimeError as error:
        raise MountFailed(f"libfuse could not mount {mountpoint} (status {error})") from error


def _report(mountpoint: str, about: str, on_ready: Callable[[str], None]) -> None:
    """Ask the kernel for the top of the mount, and say when it has answered."""
    Path(mountpoint).stat()
    log.info("mounted at %s with %s", mountpoint, about)
    on_ready(about)
