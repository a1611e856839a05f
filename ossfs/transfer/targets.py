"""
Where the bytes of a download go: a file of the right size from the start, written in place.

Threads: `write_at` may be called from any thread, for places that do not overlap; the rest
belongs to one thread.
"""

import contextlib
import errno
import os
from collections.abc import Callable
from pathlib import Path

from ossfs.crc64 import crc64
from ossfs.extents import Extent
from ossfs.store.api import FileBody, pieces_of
from ossfs.transfer.checkpoints import flush_folder

PROC_FDS = Path("/proc/self/fd")
"""By way of it, a file without a name can be given one."""


class TargetFile:
    """
    The file at `path`, open until `close`, with room for `size` bytes.

    With `is_new` whatever was there is replaced; without, a file of that size has to be
    there. A name that `is_ours` is nobody else's: what has it is deleted, and no link. One
    that is `nameless` gets its name at the end, so that nothing is left of it when the
    process dies (where the file system can do that; else it has it from the start).
    OSError: ENOSPC when the disk has no room for it; FileNotFoundError, and ValueError when
    its size is another one, unless `is_new`.
    """

    def __init__(
        self,
        path: Path,
        size: int,
        *,
        is_new: bool,
        is_ours: bool = False,
        is_nameless: bool = False,
    ) -> None:
        self.path = path
        self.size = size
        self._has_name = True
        if is_new and is_ours:
            path.unlink(missing_ok=True)
        self._fd = self._opened(is_new=is_new, is_ours=is_ours, is_nameless=is_nameless)
        try:
            if is_new:
                self._make_room()
            elif os.fstat(self._fd).st_size != size:
                raise ValueError(f"{path} has {os.fstat(self._fd).st_size} bytes, not {size}")  # noqa: TRY301  # the file is closed below
        except BaseException:
            os.close(self._fd)
            raise

    def _opened(self, *, is_new: bool, is_ours: bool, is_nameless: bool) -> int:
        if is_nameless and PROC_FDS.exists():
            with contextlib.suppress(OSError):  # not every file system can
                fd = os.open(self.path.parent, os.O_RDWR | os.O_CLOEXEC | os.O_TMPFILE, 0o666)
                self._has_name = False
                return fd
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if is_new else 0)
        if is_ours and self.path.is_symlink() and not is_new:
            raise ValueError(f"{self.path} is a link")
        if is_ours:  # in a folder that others write to, too, it may be a link of theirs
            flags |= os.O_NOFOLLOW | (os.O_EXCL if is_new else 0)
        return os.open(self.path, flags, 0o666)

    def _make_room(self) -> None:
        os.ftruncate(self._fd, 0)
        if not self.size:
            return
        space = os.fstatvfs(self._fd)
        if self.size > space.f_bavail * space.f_frsize and space.f_blocks:
            raise OSError(errno.ENOSPC, f"{self.size} bytes do not fit on the disk", str(self.path))
        os.ftruncate(self._fd, self.size)

    def write_at(self, offset: int, data: memoryview) -> None:
        """Write all of `data`. OSError."""
        while data:
            written = os.pwrite(self._fd, data, offset)
            offset += written
            data = data[written:]

    def crc64(self, extent: Extent, check: Callable[[], object] = lambda: None) -> int:
        """Read a piece and return its CRC-64. OSError; what `check` raises, asked all the while."""
        value = 0
        for piece in pieces_of(FileBody(self._fd, extent)):
            check()
            value = crc64(piece, value)
        return value

    def flush(self) -> None:
        """Bring the bytes to disk."""
        os.fsync(self._fd)

    def become(self, target: Path, *, flush: bool) -> None:
        """Give the file its name, in one step, replacing what had it; with `flush`, on disk."""
        if self._has_name or not self._took(target):
            self.path.replace(target)
        self.path = target
        if flush:
            flush_folder(target.parent)

    def _took(self, target: Path) -> bool:
        """Give a nameless file the target's name, or where that is taken its own one."""
        nameless = PROC_FDS / str(self._fd)
        self._has_name = True
        for name in (target, self.path):
            with contextlib.suppress(FileExistsError):
                os.link(nameless, name, src_dir_fd=self._fd)  # else links are not followed
                return name == target
        raise FileExistsError(
            errno.EEXIST, "the name of the temporary file is taken", str(self.path)
        )

    def remove(self) -> None:
        """Delete the file; one without a name goes when it is closed."""
        if self._has_name:
            self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of it; a second call does nothing more."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
