"""
FUSE requests ↔ calls of `ossfs.vfs.filesystem.FileSystem`. Translation only.

Every exception becomes an errno: those of POSIX conditions and of `OssfsError`s as they
are, anything else EIO with a traceback in the log. fusepy itself would turn an exception
without an errno into an undefined answer, which the kernel may take for success.

Threads: libfuse calls from many threads. `init` runs after the process became a daemon.
"""

import errno
import logging
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from ossfs.errors import OssfsError
from ossfs.fusefs.callbacks import ENCODING
from ossfs.vfs.filesystem import FileSystem
from ossfs.vfs.handles import Fh
from ossfs.vfs.pages import Caching
from ossfs.vfs.tree import NameReader, Stat

log = logging.getLogger(__name__)

UTIME_NOW = (1 << 30) - 1  # as libfuse passes them: seconds 0, these nanoseconds
UTIME_OMIT = (1 << 30) - 2
RENAME_NOREPLACE = 1  # of renameat2(2); libfuse 2 passes no flags
BLOCK = 4096
CAPACITY = 1 << 50  # 1 PiB
FAKE_FILES = 1 << 40
MAX_NAME = 255
EXPECTED = {errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY, errno.ENOTSUP, errno.ENODATA, errno.EINVAL}


class Item(NamedTuple):
    """A name in a directory, its inode number (0: whatever) and type bits (0: unknown)."""

    name: bytes
    ino: int
    kind: int


@dataclass(slots=True)
class Listing:
    """What a reader of a directory was told so far, and who tells the rest."""

    items: list[Item]
    reader: NameReader | None


class Operations:
    """
    What both bindings call: `operations(name, *arguments)`.

    `asker` tells who asks, as (uid, gid, pid).
    """

    use_ns = True
    flag_nullpath_ok = 1  # operations on handles need no path
    flag_utime_omit_ok = 1

    def __init__(
        self,
        fs: FileSystem,
        *,
        asker: Callable[[], tuple[int, int, int]],
        on_ready: Callable[[], None],
        capacity: int = CAPACITY,
        has_xattrs: bool = True,
    ) -> None:
        self._fs = fs
        self._asker = asker
        self._on_ready = on_ready
        self._blocks = -(-capacity // BLOCK)
        if not has_xattrs:  # the binding leaves it out, and the kernel stops asking
            for name in ("getxattr", "listxattr", "setxattr", "removexattr"):
                setattr(self, name, None)

    def __call__(self, name: str, *arguments: Any) -> Any:
        """Run one request; raises nothing but OSError with an errno."""
        try:
            return getattr(self, name)(*arguments)
        except OssfsError as error:
            log.warning("%s: %s", _describe(name, arguments), error)
            raise OSError(error.errno, str(error)) from error
        except OSError as error:
            if error.errno is None:
                log.exception("%s", _describe(name, arguments))
                raise OSError(errno.EIO, str(error)) from error
            if error.errno not in EXPECTED:
                log.info("%s: %s", _describe(name, arguments), error)
            raise
        except BaseException as error:
            log.exception("%s", _describe(name, arguments))
            raise OSError(errno.EIO, str(error)) from error

    # The mount

    def init(self, path: str) -> None:  # noqa: ARG002 - always the top
        """Say that the mount is up."""
        self._on_ready()

    def destroy(self, path: str) -> None:
        """Nothing to do: whoever mounted closes the file system."""

    def statfs(self, path: str) -> dict[str, int]:  # noqa: ARG002 - one bucket, one answer
        """Report plenty of room: a bucket has no size, and what is in it nobody has counted."""
        return {
            "f_bsize": BLOCK,
            "f_frsize": BLOCK,
            "f_blocks": self._blocks,
            "f_bfree": self._blocks,
            "f_bavail": self._blocks,
            "f_files": FAKE_FILES,
            "f_ffree": FAKE_FILES,
            "f_favail": FAKE_FILES,
            "f_namemax": MAX_NAME,
        }

    # Looking

    def getattr(self, path: str | None, fh: int | None = None) -> dict[str, int]:
        """Return what `stat` and `fstat` answer."""
        if path is None:
            return _stat(self._fs.fgetattr(Fh(fh or 0)))
        return _stat(self._fs.getattr(_path(path)))

    def opendir(self, path: str) -> int:
        """Open a directory."""
        return self._fs.opendir(_path(path), pid=self._asker()[2])

    def releasedir(self, path: str | None, fh: int) -> None:  # noqa: ARG002 - by handle
        """Close a directory."""
        self._fs.releasedir(Fh(fh))

    def readdir(self, path: str | None) -> Listing:
        """
        Begin to list a directory; one that was removed while it was read has no names.

        The attributes of what is in it come when the kernel takes the name: see `attributes`.
        """
        listing = Listing([Item(b".", 0, stat.S_IFDIR), Item(b"..", 0, stat.S_IFDIR)], None)
        if path is not None:
            listing.reader = self._fs.readdir(_path(path))
            self.more(listing)
        return listing

    def more(self, listing: Listing) -> bool:
        """Go on listing a directory, by a page of the bucket's listing; False: that was all."""
        names = None if listing.reader is None else listing.reader.more()
        for name, listed in (names or {}).items():
            listing.items.append(Item(os.fsencode(name), listed.ino, listed.kind))
        return names is not None

    def attributes(self, path: str) -> Callable[[bytes], dict[str, int] | None]:
        """Return what tells the attributes of a file in a directory, if nobody is asked for it."""
        of = self._fs.stat_unasked(_path(path))

        def answer(name: bytes) -> dict[str, int] | None:
            known = of(os.fsdecode(name))
            return None if known is None else _stat(known)

        return answer

    def readlink(self, path: str) -> str:
        """Read a symlink."""
        return _wire(self._fs.readlink(_path(path)))

    # Files

    def open(self, path: str, flags: int) -> tuple[int, Caching]:
        """Open a file; say, too, what the kernel may keep and believe of it."""
        uid = self._asker()[0] if flags & os.O_TRUNC else 0
        fh = self._fs.open(_path(path), flags, uid=uid)
        return fh, self._fs.caching(fh)

    def create(self, path: str, mode: int, flags: int) -> tuple[int, Caching]:
        """Make a file and open it, as the flags say; as `open`."""
        uid, gid, _ = self._asker()
        fh = self._fs.create(_path(path), mode, flags, uid=uid, gid=gid)
        return fh, self._fs.caching(fh)

    def read(self, path: None, size: int, offset: int, fh: int) -> bytes | memoryview:  # noqa: ARG002 - by handle
        """Read."""
        return self._fs.read(Fh(fh), offset, size)

    def write(self, path: None, data: memoryview, offset: int, fh: int) -> int:  # noqa: ARG002 - by handle
        """Write."""
        return self._fs.write(Fh(fh), offset, data)

    def truncate(self, path: str | None, length: int, fh: int | None = None) -> None:
        """Truncate and ftruncate."""
        if fh is not None:
            self._fs.ftruncate(Fh(fh), length)
        elif path is not None:
            self._fs.truncate(_path(path), length)

    def fallocate(self, mode: int, offset: int, length: int, fh: int) -> None:
        """Have room for a range, or make zeros of it."""
        self._fs.fallocate(Fh(fh), mode, offset, length)

    def flush(self, path: str | None, fh: int) -> None:  # noqa: ARG002 - by handle
        """close(2), of one of perhaps several descriptors."""
        self._fs.flush(Fh(fh))

    def fsync(self, path: str | None, datasync: int, fh: int) -> None:  # noqa: ARG002 - by handle
        """Bring the file to the bucket."""
        self._fs.fsync(Fh(fh))

    def fsyncdir(self, path: str | None, datasync: int, fh: int) -> None:  # noqa: ARG002 - by path
        """Bring the files of a directory to the bucket; one that was removed has none."""
        if path is not None:
            self._fs.fsyncdir(_path(path))

    def release(self, path: str | None, fh: int) -> None:  # noqa: ARG002 - by handle
        """Close for good."""
        self._fs.release(Fh(fh))

    # Attributes

    def chmod(self, path: str | None, mode: int) -> None:
        """Change permissions."""
        self._fs.chmod(_path(path), mode)

    def chown(self, path: str | None, uid: int, gid: int) -> None:
        """Change owner or group."""
        self._fs.chown(_path(path), uid, gid)

    def utimens(self, path: str | None, times: tuple[int, int] | None = None) -> None:
        """Change times."""
        atime, mtime = times if times is not None else (UTIME_NOW, UTIME_NOW)
        self._fs.utimens(_path(path), _time(atime), _time(mtime))

    def getxattr(self, path: str, name: str) -> bytes:
        """Return an extended attribute."""
        return self._fs.getxattr(_path(path), _path(name))

    def listxattr(self, path: str) -> list[str]:
        """Return the names of extended attributes."""
        return [_wire(name) for name in self._fs.listxattr(_path(path))]

    def setxattr(self, path: str, name: str, value: bytes, flags: int) -> None:
        """Set an extended attribute."""
        self._fs.setxattr(_path(path), _path(name), value, flags)

    def removexattr(self, path: str, name: str) -> None:
        """Remove an extended attribute."""
        self._fs.removexattr(_path(path), _path(name))

    # Names

    def mkdir(self, path: str, mode: int) -> None:
        """Make a directory."""
        uid, gid, _ = self._asker()
        self._fs.mkdir(_path(path), mode, uid=uid, gid=gid)

    def mknod(self, path: str, mode: int, dev: int) -> None:
        """Make a file, fifo, socket or device."""
        uid, gid, _ = self._asker()
        self._fs.mknod(_path(path), mode, dev, uid=uid, gid=gid)

    def symlink(self, path: str, target: str) -> None:
        """Make a symlink."""
        uid, gid, _ = self._asker()
        self._fs.symlink(_path(path), _path(target), uid=uid, gid=gid)

    def link(self, path: str, target: str) -> None:
        """Refuse: an object has one key."""
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), path, None, target)

    def unlink(self, path: str) -> None:
        """Remove a file."""
        self._fs.unlink(_path(path), pid=self._asker()[2])

    def rmdir(self, path: str) -> None:
        """Remove a directory."""
        self._fs.rmdir(_path(path))

    def rename(self, old: str, new: str, flags: int = 0) -> None:
        """Rename; of the flags of renameat2(2), RENAME_NOREPLACE alone can be kept."""
        if flags & ~RENAME_NOREPLACE:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), old)
        self._fs.rename(_path(old), _path(new), is_exclusive=bool(flags))


def _stat(answer: Stat) -> dict[str, int]:
    attributes = answer.attributes
    return {
        "st_ino": answer.ino,
        "st_mode": attributes.mode,
        "st_nlink": answer.nlink,
        "st_uid": attributes.uid,
        "st_gid": attributes.gid,
        "st_rdev": attributes.rdev,
        "st_size": answer.size,
        "st_blocks": -(-answer.size // 512),
        "st_blksize": BLOCK,
        "st_atime": attributes.atime_ns,
        "st_mtime": attributes.mtime_ns,
        "st_ctime": attributes.ctime_ns,
    }


def _path(wire: str | None) -> str:
    """From the binding's Latin-1 to Python's form of file names; None: it has no name any more."""
    if wire is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    return os.fsdecode(wire.encode(ENCODING))


def _wire(path: str) -> str:
    """From Python's form of file names to the binding's Latin-1."""
    return os.fsencode(path).decode(ENCODING)


def _time(value: int) -> int | None:
    if value == UTIME_OMIT:
        return None
    return time.time_ns() if value == UTIME_NOW else value


def _describe(name: str, arguments: tuple[Any, ...]) -> str:
    shown = [
        f"{len(argument)} bytes" if isinstance(argument, memoryview) else repr(argument)
        for argument in arguments
    ]
    return f"{name}({', '.join(shown)})"
