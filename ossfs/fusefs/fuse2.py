"""
libfuse 2, through fusepy.

Importing this module loads the library: OSError when it is not installed.
"""

import ctypes
from collections.abc import Callable, Mapping
from typing import Any

import fuse

from ossfs.fusefs.callbacks import ENCODING, Callbacks

MAX_REQUEST = 128 << 10  # libfuse 2 moves no more at once

MAJOR = 2
SINCE_FALLOCATE = 29
NUMBER: int = fuse._libfuse.fuse_version()  # noqa: SLF001  # fusepy has no name for it

if NUMBER // 10 != MAJOR:  # 2.9 is 29, 3.14 is 314
    raise OSError(f"it is of version {NUMBER}")

get_context = fuse.fuse_get_context


class _Methods(ctypes.Structure):
    """`struct fuse_operations` of libfuse 2.9; fusepy has that of 2.8, which is its beginning."""

    _fields_ = [
        *fuse.fuse_operations._fields_,
        *((name, ctypes.c_void_p) for name in ("poll", "write_buf", "read_buf", "flock")),
        (
            "fallocate",
            ctypes.CFUNCTYPE(
                ctypes.c_int,
                ctypes.c_char_p,
                ctypes.c_int,
                fuse.c_off_t,
                fuse.c_off_t,
                ctypes.POINTER(fuse.fuse_file_info),
            ),
        ),
    ]


if NUMBER >= SINCE_FALLOCATE:
    fuse.fuse_operations = _Methods  # which `fuse.FUSE` makes one of and fills


class Binding(Callbacks, fuse.FUSE):  # type: ignore[misc]  # fusepy has no types
    """Mounts in its constructor, which returns when the file system is unmounted."""

    def __init__(
        self, operations: Callable[..., Any], mountpoint: str, *, options: Mapping[str, str | bool]
    ) -> None:
        self.ask = operations
        super().__init__(
            operations,
            mountpoint,
            encoding=ENCODING,
            foreground=True,
            use_ino=True,
            atomic_o_trunc=True,
            big_writes=True,
            max_read=MAX_REQUEST,
            max_write=MAX_REQUEST,
            **options,
        )

    def readdir(self, path: bytes | None, buf: Any, filler: Any, offset: int, fip: Any) -> int:
        """Give names out, from the one behind `offset` until there is no more room."""
        entry = fuse.c_stat()
        for behind, item in self.behind(path, offset, fip.contents.fh):
            entry.st_ino, entry.st_mode = item.ino, item.kind
            if filler(buf, item.name, entry if item.ino else None, behind):
                break
        return 0


def version() -> str:
    """Return the number of the library, as `2.9`."""
    return f"{NUMBER // 10}.{NUMBER % 10}"
