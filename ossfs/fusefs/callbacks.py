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
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from ossfs.fusefs.threads import keep_state

if TYPE_CHECKING:
    from ossfs.fusefs.operations import Item, Listing

log = logging.getLogger(__name__)

_libc = ctypes.CDLL(None)
_libc.signal.argtypes = (ctypes.c_int, ctypes.c_void_p)  # works in every thread, unlike Python's
_libc.signal.restype = ctypes.c_void_p
_IGNORE = 1  # SIG_IGN

_view_of = ctypes.pythonapi.PyMemoryView_FromMemory
"""Memory as bytes, without the type that ctypes makes, and keeps, for each size."""
_view_of.argtypes = (ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int)
_view_of.restype = ctypes.py_object
_READABLE, _WRITABLE = 0x100, 0x200  # PyBUF_READ, PyBUF_WRITE

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
        self._listings: dict[int, Listing] = {}  # by reader
        try:
            super().__init__(*arguments, **options)
        finally:
            # At its end libfuse lets SIGPIPE kill the process, which Python had ignored: a
            # connection that breaks would end the uploads that are still under way.
            _libc.signal(signal.SIGPIPE, _IGNORE)

    # Directories: who reads one is given names as they come from the bucket

    def behind(self, path: bytes | None, offset: int, reader: int) -> "Iterator[tuple[int, Item]]":
        """
        Yield names of a directory, and the offset behind each, from the one behind `offset`.

        `reader` is the handle; from the beginning, the directory is listed anew.
        """
        listing = None if offset == 0 else self._listings.get(reader)
        if listing is None:
            name = None if path is None else path.decode(ENCODING)
            listing = self._listings[reader] = self.ask("readdir", name)
        at = offset
        while True:
            for item in islice(listing.items, at, None):
                at += 1
                yield at, item
            if at >= len(listing.items) and not self.ask("more", listing):
                return

    def releasedir(self, path: bytes | None, fip: Any) -> int:
        """Forget what a reader was told."""
        self._listings.pop(fip.contents.fh, None)
        code: int = super().releasedir(path, fip)  # type: ignore[misc]  # the package's
        return code

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

    def fgetattr(self, path: bytes | None, buf: Any, fip: Any) -> int:
        """Hand attributes out, by handle or by name; `getattr` of the packages comes here, too."""
        name = None if path is None else path.decode(ENCODING)
        fill(buf.contents, self.ask("getattr", name, fip.contents.fh if fip else None))
        return 0

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
            _view_of(buf, length, _WRITABLE)[:] = answer
        return length

    def write(self, _path: Any, buf: Any, size: int, offset: int, fip: Any) -> int:
        """Let the operations read the kernel's buffer; it is valid during the call only."""
        view = _view_of(buf, size, _READABLE)
        written: int = self.ask("write", None, view, offset, fip.contents.fh)
        return written

    def fallocate(self, _path: Any, mode: int, offset: int, length: int, fip: Any) -> int:
        """Pass on what fusepy does not know, and mfusepy in another order."""
        self.ask("fallocate", mode, offset, length, fip.contents.fh)
        return 0


def fill(entry: Any, told: Mapping[str, int]) -> None:
    """Write all attributes into the structure of C; the times are in ns."""
    entry.st_ino = told["st_ino"]
    entry.st_mode = told["st_mode"]
    entry.st_nlink = told["st_nlink"]
    entry.st_uid = told["st_uid"]
    entry.st_gid = told["st_gid"]
    entry.st_rdev = told["st_rdev"]
    entry.st_size = told["st_size"]
    entry.st_blocks = told["st_blocks"]
    entry.st_blksize = told["st_blksize"]
    for place, name in (
        (entry.st_atimespec, "st_atime"),
        (entry.st_mtimespec, "st_mtime"),
        (entry.st_ctimespec, "st_ctime"),
    ):
        place.tv_sec, place.tv_nsec = divmod(told[name], 1_000_000_000)
