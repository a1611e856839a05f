"""
What libfuse calls, as far as it is the same for both versions and better than the packages'.

`read` fills the kernel's buffer directly and `write` gets a view of it: a copy less each way.
`open` and `create` pass flags on, and tell the kernel what it may keep. Names pass as they
are: decoded as Latin-1, which maps every byte to one character; `Operations` turns them into
what Python uses for file names.

Threads: libfuse calls from many.
"""

import ctypes
import errno
import logging
import signal
from collections.abc import Callable
from typing import Any

from ossfs.fusefs.threads import keep_state

log = logging.getLogger(__name__)

_libc = ctypes.CDLL(None)
_libc.signal.argtypes = (ctypes.c_int, ctypes.c_void_p)  # works in every thread, unlike Python's
_libc.signal.restype = ctypes.c_void_p
_IGNORE = 1  # SIG_IGN

ENCODING = "latin-1"

REFUSED = (b"security.", b"system.")
"""Namespaces of extended attributes that nothing is stored in."""


class Callbacks:
    """To be inherited from before the `FUSE` of fusepy or mfusepy."""

    ask: Callable[..., Any]
    """Runs a request, `ask(name, *arguments)`; raises nothing but OSError with an errno."""
    ignored_flags = 0
    """Flags of an open that the kernel takes care of by itself."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Mount, and return when the file system is unmounted."""
        try:
            super().__init__(*arguments, **options)
        finally:
            # At its end libfuse lets SIGPIPE kill the process, which Python had ignored: a
            # connection that breaks would end the uploads that are still under way.
            _libc.signal(signal.SIGPIPE, _IGNORE)

    @staticmethod
    def _wrapper(function: Callable[..., int | None], *arguments: Any) -> int:
        """Return what C gets: an answer, or minus an errno. Replaces the packages' own."""
        keep_state()
        try:
            return function(*arguments) or 0
        except OSError as error:  # what `Operations` lets out
            return -(error.errno or errno.EIO)
        except BaseException:
            log.exception("%s", function.__name__)
            return -errno.EIO

    def open(self, path: bytes, fip: Any) -> int:
        """Let the operations decide about the kernel's pages of the file."""
        info = fip.contents
        flags = info.flags & ~self.ignored_flags
        info.fh, caching = self.ask("open", path.decode(ENCODING), flags)
        info.keep_cache, info.direct_io = caching
        return 0

    def create(self, path: bytes, mode: int, fip: Any) -> int:
        """Let the operations know how the new file is opened: fusepy drops the flags."""
        info = fip.contents
        flags = info.flags & ~self.ignored_flags
        info.fh, caching = self.ask("create", path.decode(ENCODING), mode, flags)
        info.keep_cache, info.direct_io = caching
        return 0

    def getxattr(self, path: bytes, name: bytes, value: Any, size: int) -> int:
        """Answer at once what the kernel asks before every write, and `ls` for every file."""
        if name.startswith(REFUSED):
            return -errno.ENOTSUP
        length: int = super().getxattr(path, name, value, size)  # type: ignore[misc]  # the package's
        return length

    def read(self, _path: Any, buf: Any, size: int, offset: int, fip: Any) -> int:
        """Let the operations put their answer into the kernel's buffer."""
        answer = self.ask("read", None, size, offset, fip.contents.fh)
        length = len(answer)
        if length:
            view = memoryview((ctypes.c_char * size).from_address(_address(buf))).cast("B")
            view[:length] = answer
        return length

    def write(self, _path: Any, buf: Any, size: int, offset: int, fip: Any) -> int:
        """Let the operations read the kernel's buffer; it is valid during the call only."""
        view = memoryview((ctypes.c_char * size).from_address(_address(buf))).cast("B")
        written: int = self.ask("write", None, view, offset, fip.contents.fh)
        return written

    def fallocate(self, _path: Any, mode: int, offset: int, length: int, fip: Any) -> int:
        """Pass on what fusepy does not know, and mfusepy in another order."""
        self.ask("fallocate", mode, offset, length, fip.contents.fh)
        return 0


def _address(pointer: Any) -> int:
    address = ctypes.cast(pointer, ctypes.c_void_p).value
    if address is None:
        raise AssertionError
    return address
