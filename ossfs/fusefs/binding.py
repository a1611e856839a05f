"""
fusepy, with one copy less each way.

`Binding` lets `read` fill the kernel's buffer directly, hands a view of it to `write`, and
the flags of an open to `create`. Names pass as they are: fusepy decodes them as Latin-1
here, which maps every byte to one character, and `Operations` turns them into what Python
uses for file names.

Importing this module loads libfuse: OSError when it is not installed.
"""

import ctypes
import errno
import logging
from collections.abc import Callable
from typing import Any

import fuse

from ossfs.fusefs.threads import keep_state

log = logging.getLogger(__name__)

ENCODING = "latin-1"

REFUSED = (b"security.", b"system.")
"""Namespaces of extended attributes that nothing is stored in."""

get_context = fuse.fuse_get_context


class Binding(fuse.FUSE):  # type: ignore[misc]  # fusepy has no types
    """Mounts in its constructor, which returns when the file system is unmounted."""

    @staticmethod
    def _wrapper(function: Callable[..., int | None], *arguments: Any) -> int:
        """Return what C gets: an answer, or minus an errno. Replaces fusepy's own, slower one."""
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
        info.fh, caching = self.operations("open", path.decode(self.encoding), info.flags)
        info.keep_cache, info.direct_io = caching
        return 0

    def create(self, path: bytes, mode: int, fip: Any) -> int:
        """Let the operations know how the new file is opened: fusepy drops the flags."""
        info = fip.contents
        info.fh, caching = self.operations("create", path.decode(self.encoding), mode, info.flags)
        info.keep_cache, info.direct_io = caching
        return 0

    def getxattr(self, path: bytes, name: bytes, value: Any, size: int) -> int:
        """Answer at once what the kernel asks before every write, and `ls` for every file."""
        if name.startswith(REFUSED):
            return -errno.ENOTSUP
        length: int = super().getxattr(path, name, value, size)
        return length

    def read(self, _path: Any, buf: Any, size: int, offset: int, fip: Any) -> int:
        """Let the operations put their answer into the kernel's buffer."""
        answer = self.operations("read", None, size, offset, fip.contents.fh)
        length = len(answer)
        if length:
            view = memoryview((ctypes.c_char * size).from_address(_address(buf))).cast("B")
            view[:length] = answer
        return length

    def write(self, _path: Any, buf: Any, size: int, offset: int, fip: Any) -> int:
        """Let the operations read the kernel's buffer; it is valid during the call only."""
        view = memoryview((ctypes.c_char * size).from_address(_address(buf))).cast("B")
        written: int = self.operations("write", None, view, offset, fip.contents.fh)
        return written


def _address(pointer: Any) -> int:
    address = ctypes.cast(pointer, ctypes.c_void_p).value
    if address is None:
        raise AssertionError
    return address
