"""
libfuse 3, through mfusepy.

Importing this module loads the library: OSError when it is not installed.
What were options of a mount in libfuse 2 is agreed with the kernel in `init` here.
"""

import logging
import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import mfusepy

from ossfs.fusefs.callbacks import ENCODING, Callbacks, fill

log = logging.getLogger(__name__)

MAX_REQUEST = 1 << 20  # the most that the kernel sends, unless its administrator allows more
IDLE_THREADS = 10
MAX_THREADS = 128  # by itself, libfuse 3.12 and later stops at 10, all of which may wait
SINCE_MAX_THREADS = 12  # the minor version that has this option

SINCE_NO_ROFD_FLUSH = 11  # and this setting

AUTO_INVAL_DATA = 1 << 12
WRITEBACK_CACHE = 1 << 16
SPLICE_READ = 1 << 9
HANDLE_KILLPRIV = 1 << 20
"""FUSE_CAP_… of fuse_common.h."""

READDIR_PLUS = 1 << 0  # flag of a readdir: attributes are welcome
FILL_DIR_PLUS = 1 << 1  # flag of an entry: it has them

UNWANTED = (
    AUTO_INVAL_DATA  # each open says whether the kernel's pages are right: see `vfs.pages`
    | SPLICE_READ  # a write would be copied out of a pipe
    | HANDLE_KILLPRIV  # the kernel takes setuid and setgid bits away by a chmod
)

MAJOR = 3

if mfusepy.fuse_version_major != MAJOR:
    raise OSError(f"it is of version {mfusepy.fuse_version_major}")

get_context = mfusepy.fuse_get_context


class Binding(Callbacks, mfusepy.FUSE):  # type: ignore[misc]  # as good as untyped
    """
    Mounts in its constructor, which returns when the file system is unmounted.

    With `caches_writes` the kernel collects what is written, and sends it when it likes or
    when the file is closed; it believes nobody else about sizes and times.
    """

    def __init__(
        self,
        operations: Callable[..., Any],
        mountpoint: str,
        *,
        options: Mapping[str, str | bool],
        caches_writes: bool = False,
    ) -> None:
        self.ask = operations
        self._caches_writes = caches_writes
        threads = {"max_idle_threads": str(IDLE_THREADS)}
        if mfusepy.fuse_version_minor >= SINCE_MAX_THREADS:
            threads["max_threads"] = str(MAX_THREADS)
        known = {name: value for name, value in options.items() if name != "nonempty"}
        super().__init__(
            _Methods(operations), mountpoint, encoding=ENCODING, foreground=True, **threads, **known
        )

    def init_fuse_3(self, conn: Any, config: Any) -> None:
        """Agree on what is used, and say that the mount is up."""
        agreed = conn.contents
        agreed.max_write = MAX_REQUEST
        agreed.want &= ~UNWANTED
        if self._caches_writes:
            if agreed.capable & WRITEBACK_CACHE:
                agreed.want |= WRITEBACK_CACHE
                self.ignored_flags = os.O_APPEND  # the kernel knows where the end is
            else:
                log.warning("this kernel does not cache writes; --writeback-cache does nothing")
        settings = config.contents
        settings.use_ino = 1
        if mfusepy.fuse_version_minor >= SINCE_NO_ROFD_FLUSH:
            settings.no_rofd_flush = 1  # who only reads has nothing to bring to the bucket
        self.ask("init", "/")

    def readdir_fuse_3(
        self, path: bytes | None, buf: Any, filler: Any, offset: int, fip: Any, flags: int
    ) -> None:
        """
        Give names out, from the one behind `offset` until there is no more room.

        Attributes that are known go along, as they are in this moment: the kernel takes them
        for newer than what it was told before it asked.
        """
        of, entry = None, mfusepy.c_stat()
        for behind, item in self.behind(path, offset, fip.contents.fh):
            if of is None and path is not None and flags & READDIR_PLUS:
                of = self.ask("attributes", path.decode(ENCODING))
            attributes = None if of is None else of(item.name)
            if attributes is None:
                entry.st_ino, entry.st_mode = item.ino, item.kind
                is_full = filler(buf, item.name, entry if item.ino else None, behind, 0)
            else:
                fill(entry, attributes)
                is_full = filler(buf, item.name, entry, behind, FILL_DIR_PLUS)
            if is_full:
                return

    # What mfusepy passes on without the handle, or without the flags

    def truncate_fuse_3(self, path: bytes | None, length: int, fip: Any) -> None:
        """Cut or extend; by handle, if there is one."""
        name = None if path is None else path.decode(ENCODING)
        self.ask("truncate", name, length, fip.contents.fh if fip else None)

    def rename_fuse_3(self, old: bytes, new: bytes, flags: int) -> None:
        """Rename, as the flags of renameat2(2) say."""
        self.ask("rename", old.decode(ENCODING), new.decode(ENCODING), flags)


class _Methods:
    """The operations as mfusepy wants them: methods, through which errors become errnos."""

    def __init__(self, operations: Callable[..., Any]) -> None:
        self.use_ns = True
        for name in (field[0] for field in mfusepy.fuse_operations._fields_):
            if getattr(operations, name, None) is not None:
                setattr(self, name, partial(operations, name))


def version() -> str:
    """Return the number of the library, as `3.14`."""
    return f"{mfusepy.fuse_version_major}.{mfusepy.fuse_version_minor}"
