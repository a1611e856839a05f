"""
Reading and writing files of the cache past the kernel's page cache, where that works.

What a cache holds is read and written in large pieces, and what was read is in the pages of
the mount itself; a second copy in the page cache would only push out other things. It is
also what costs: a gigabyte written through it took 0.3 to 1.9 CPU-seconds, measured while a
reader wanted the processors, and 0.04 directly from memory that begins at a page
(`ossfs.store.bodies.room_for`). Small pieces, other memory and file systems that cannot do
it go through the page cache.

Threads: pure functions over a descriptor that one thread has.
"""

import fcntl
import os
from collections.abc import Callable
from errno import EINVAL
from functools import partial

from ossfs.store.bodies import PAGE, PAGED, room_for


def read_at(fd: int, size: int, offset: int) -> memoryview:
    """Return `size` bytes from `offset`, fewer at the end of the file. OSError."""
    if size < PAGED or offset % PAGE:
        return memoryview(os.pread(fd, size, offset))
    room = room_for(-(-size // PAGE) * PAGE)
    count = 0
    if _set_direct(fd, is_direct=True):
        try:
            count = _unless_refused(partial(os.preadv, fd, [room], offset))
        finally:
            _set_direct(fd, is_direct=False)
    while count < size and (more := os.preadv(fd, [room[count:size]], offset + count)):
        count += more
    return room[: min(count, size)]


def write_at(fd: int, data: memoryview, offset: int) -> None:
    """Write all of `data`. OSError."""
    whole = len(data) - len(data) % PAGE
    if whole >= PAGED and offset % PAGE == 0 and _set_direct(fd, is_direct=True):
        try:
            written = _unless_refused(partial(os.pwrite, fd, data[:whole], offset))
        finally:
            _set_direct(fd, is_direct=False)
        data, offset = data[written:], offset + written
    while data:
        written = os.pwrite(fd, data, offset)
        data, offset = data[written:], offset + written


def _unless_refused(attempt: Callable[[], int]) -> int:
    """Return how much was done; 0: not with this memory or this disk."""
    try:
        return attempt()
    except OSError as error:
        if error.errno != EINVAL:
            raise
        return 0


def _set_direct(fd: int, *, is_direct: bool) -> bool:
    """Turn direct I/O on or off; False: the file system has none."""
    try:
        fcntl.fcntl(fd, fcntl.F_SETFL, os.O_DIRECT if is_direct else 0)
    except OSError:
        return False
    return True
