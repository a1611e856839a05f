"""
Holes in files on the local disk: zeros that take no room.

Python has no name for the system call, so it is called through the C library.

Threads: a function without state.
"""

import ctypes
import errno
import os

from ossfs.extents import Extent

PUNCH_HOLE = 0x02  # FALLOC_FL_… of linux/falloc.h
KEEP_SIZE = 0x01

_libc = ctypes.CDLL(None, use_errno=True)
# With 64-bit offsets also where `long` is shorter; not every C library has that name.
_fallocate = getattr(_libc, "fallocate64", None) or getattr(_libc, "fallocate", None)
if _fallocate is not None:
    _fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


def punch(fd: int, extent: Extent) -> bool:
    """Make a hole of a range; False: this system, or this disk, cannot. OSError."""
    if not extent.size:
        return True
    if _fallocate is None:
        return False
    if _fallocate(fd, PUNCH_HOLE | KEEP_SIZE, extent.start, extent.size) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.EOPNOTSUPP, errno.ENOSYS):
        return False
    raise OSError(code, os.strerror(code))
