"""
The file system, without FUSE.

Names come as absolute paths of the mount, open files as handles. A handle points to a
node, not to a name: it goes on working when its file is renamed or unlinked. Conditions
that POSIX knows are raised as Python's `OSError`s, everything else as `OssfsError`s, whose
`errno` the adapter passes on.

Threads: every method may be called from any thread.
"""

import errno
import os
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from typing import NewType

from ossfs.clock import Clock
from ossfs.errors import ObjectTooLarge, PreconditionFailed
from ossfs.extents import Extent
from ossfs.journal.records import Version
from ossfs.store.api import ObjectStore
from ossfs.vfs.files import Files
from ossfs.vfs.keys import split
from ossfs.vfs.names import Names, symlink_attributes
from ossfs.vfs.nodes import FileNode
from ossfs.vfs.pages import Caching
from ossfs.vfs.posix import Attributes, new_attributes
from ossfs.vfs.reader import ObjectReader, VersionReader
from ossfs.vfs.tree import Found, Listed, Stat, Tree
from ossfs.vfs.uploads import Uploads
from ossfs.writeback.pending import Piece, UploadStatus

Fh = NewType("Fh", int)

MAX_SYMLINK = 4095  # bytes, Linux PATH_MAX less its NUL


@dataclass(slots=True, eq=False)
class Handle:
    """An open file. `lock` guards the reader."""

    node: FileNode
    is_writable: bool
    is_appending: bool
    lock: threading.Lock
    version: Version | None = None
    reader: VersionReader | None = None


class FileSystem:
    """See the module's docstring."""

    def __init__(
        self,
        *,
        tree: Tree,
        files: Files,
        names: Names,
        uploads: Uploads,
        store: ObjectStore,
        reader: ObjectReader,
        clock: Clock,
    ) -> None:
        self.names = names
        self.uploads = uploads
        self._tree = tree
        self._files = files
        self._store = store
        self._reader = reader
        self._clock = clock
        self._lock = threading.Lock()  # guards _handles
        self._handles: dict[Fh, Handle] = {}
        self._numbers = count(1)

    # Looking

    def getattr(self, path: str) -> Stat:
        """Return what `stat` answers. FileNotFoundError."""
        answer = self._tree.stat(path)
        self._files.pages.stated(answer.ino, answer.size)
        return answer

    def fgetattr(self, fh: Fh) -> Stat:
        """Return what `fstat` answers."""
        answer = self._tree.stat_node(self._handle(fh).node)
        self._files.pages.stated(answer.ino, answer.size)
        return answer

    def readdir(self, path: str) -> dict[str, Listed]:
        """Return the names in a directory. NotADirectoryError."""
        return self._tree.list(self._tree.find_directory(path))

    def readlink(self, path: str) -> str:
        """Return a symlink's target. OSError (EINVAL): not a symlink."""
        found = self._tree.find(path)
        if found.entry.is_directory or not stat.S_ISLNK(self._tree.stat(path).attributes.mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
        body = bytes(self._store.get(found.key, Extent(0, MAX_SYMLINK)).data)
        return os.fsdecode(body)

    # Opening

    def open(self, path: str, flags: int) -> Fh:
        """Return a handle of a file. `flags`: as the system call has them. FileNotFoundError."""
        found = self._tree.find(path)
        if found.entry.is_directory:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        node = self._files.opened(found, fresh=True)
        fh = self._new_handle(node, flags)
        if flags & os.O_TRUNC:
            try:
                self._files.truncate(node, 0)
            except BaseException:
                self.release(fh)
                raise
        return fh

    def caching(self, fh: Fh) -> Caching:
        """Say, once after each open, what the kernel may keep and believe of the file."""
        return self._files.pages.opened(self._handle(fh).node)

    def create(self, path: str, mode: int, flags: int, *, uid: int, gid: int) -> Fh:
        """
        Make a file and open it; it reaches the bucket when it is flushed or closed.

        One that is there is opened, or with O_EXCL refused: FileExistsError.
        """
        found = self._tree.find_or_none(path)
        if found is not None:
            if flags & os.O_EXCL:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
            return self.open(path, flags)
        key = self._tree.keys.key(path)
        attributes = new_attributes(
            stat.S_IFREG | stat.S_IMODE(mode),
            uid=uid,
            gid=gid,
            now_ns=self._clock.now_ns(),
            name=split(key)[1],
        )
        is_exclusive = bool(flags & os.O_EXCL)
        node = self._files.new_node(key, attributes, has_object=False, is_exclusive=is_exclusive)
        return self._new_handle(node, flags)

    def _new_handle(self, node: FileNode, flags: int) -> Fh:
        access = flags & os.O_ACCMODE
        handle = Handle(
            node,
            is_writable=access != os.O_RDONLY,
            is_appending=bool(flags & os.O_APPEND),
            lock=threading.Lock(),
        )
        with self._lock:
            fh = Fh(next(self._numbers))
            self._handles[fh] = handle
        return fh

    def _handle(self, fh: Fh) -> Handle:
        with self._lock:
            handle = self._handles.get(fh)
        if handle is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return handle

    # Reading and writing

    def read(self, fh: Fh, offset: int, length: int) -> bytes | memoryview:
        """
        Return up to `length` bytes; fewer only at the end of the file.

        PreconditionFailed (ESTALE): another client replaced the object meanwhile. The same
        errno once somebody has opened the new version: both share the kernel's pages.
        """
        handle = self._handle(fh)
        pending = handle.node.pending
        if handle.node.is_superseded:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), handle.node.key)
        while True:
            with pending.lock:
                extent = Extent(offset, offset + length).clip(Extent(0, pending.size))
                base, pieces = pending.base, pending.read(extent)
            try:
                return self._joined(handle, pieces)
            except PreconditionFailed:
                if pending.settled_base() == base and _rests_on(base, pending.read(extent)):
                    raise  # it was not our own commit or rename that has replaced the object

    def _joined(self, handle: Handle, pieces: list[Piece]) -> bytes | memoryview:
        if len(pieces) == 1 and pieces[0].data is None:
            return self._read_base(handle, pieces[0].base, pieces[0].extent)
        return b"".join(
            self._read_base(handle, piece.base, piece.extent) if piece.data is None else piece.data
            for piece in pieces
        )

    def _read_base(
        self, handle: Handle, version: Version | None, extent: Extent
    ) -> bytes | memoryview:
        if version is None or not extent.size:
            return b""
        with handle.lock:
            if handle.reader is None or handle.version != version:
                if handle.reader is not None:
                    handle.reader.close()
                handle.version = version
                handle.reader = self._reader.open(version.key, version.etag, version.size)
            reader = handle.reader
        return reader.read(extent.start, extent.size)

    def write(self, fh: Fh, offset: int, data: bytes | memoryview) -> int:
        """Write all of `data`; with O_APPEND, at the end. StagingFull; ObjectTooLarge."""
        handle = self._handle(fh)
        if not handle.is_writable:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        node = handle.node
        at = node.pending.size if handle.is_appending else offset
        self._refuse_too_large(node.key, at + len(data))
        return self._files.write(node, None if handle.is_appending else offset, data)

    def truncate(self, path: str, size: int) -> None:
        """Cut or extend a file by name; as safe as after a close when this returns."""
        found = self._tree.find(path)
        if found.entry.is_directory:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        self._refuse_too_large(found.key, size)
        node = self._files.opened(found, fresh=True)
        try:
            self._files.truncate(node, size)
            if node.handles == 1:  # nobody else will flush it
                self._files.finish(node)
        finally:
            self._files.closed(node)

    def ftruncate(self, fh: Fh, size: int) -> None:
        """Cut or extend an open file."""
        handle = self._handle(fh)
        self._refuse_too_large(handle.node.key, size)
        self._files.truncate(handle.node, size)

    def _refuse_too_large(self, key: str, size: int) -> None:
        if size > self._files.committer.max_size:
            raise ObjectTooLarge(f"{size} bytes", operation="write", key=key)

    def flush(self, fh: Fh) -> None:
        """
        Bring a file that was written through this handle into the bucket: close(2).

        A new file without a byte waits for `release`: its writer may only have closed a
        duplicate of the descriptor, as shells do. But one that was to be the only one of its
        name (O_EXCL) does not, since nobody hears what `release` has to say.
        """
        handle = self._handle(fh)
        node = handle.node
        if node.is_new:
            is_awaited = node.pending.is_exclusive
        else:
            is_awaited = handle.is_writable and node.pending.has_new_content
        if is_awaited:
            self._files.finish(node)

    def fsync(self, fh: Fh) -> None:
        """Bring a file, content and attributes, into the bucket, as fsync does."""
        self._files.finish(self._handle(fh).node)

    def fsyncdir(self, path: str) -> None:
        """Make the names in a directory as safe as after a close, as its fsync does."""
        self._files.finish_names(self._tree.find_directory(path))

    def release(self, fh: Fh) -> None:
        """Close a handle."""
        with self._lock:
            handle = self._handles.pop(fh, None)
        if handle is None:
            return
        with handle.lock:
            if handle.reader is not None:
                handle.reader.close()
                handle.reader = None
        self._files.closed(handle.node)

    # Attributes

    def chmod(self, path: str, mode: int) -> None:
        """Change the permission bits."""
        self._change(path, lambda old: _with_mode(old, mode))

    def chown(self, path: str, uid: int, gid: int) -> None:
        """Change owner and group; -1 leaves one as it is."""
        self._change(
            path,
            lambda old: replace(
                old, uid=old.uid if uid == -1 else uid, gid=old.gid if gid == -1 else gid
            ),
        )

    def utimens(self, path: str, atime_ns: int | None, mtime_ns: int | None) -> None:
        """Change the times; None leaves one as it is."""
        self._change(
            path,
            lambda old: replace(
                old,
                atime_ns=old.atime_ns if atime_ns is None else atime_ns,
                mtime_ns=old.mtime_ns if mtime_ns is None else mtime_ns,
            ),
        )

    def _change(self, path: str, change: Callable[[Attributes], Attributes]) -> None:
        found = self._tree.find(path)
        if found.entry.is_directory:
            self._change_directory(found, change)
            return
        with self._files.pinned(found) as node, node.pending.lock:
            new = change(node.attributes)
            if new != node.attributes:
                new = replace(new, ctime_ns=self._clock.now_ns())
                self._files.change_attributes(node, new)

    def _change_directory(self, found: Found, change: Callable[[Attributes], Attributes]) -> None:
        old = self._tree.directory_attributes(found.key)
        new = change(old)
        if new == old or found.key == self._tree.keys.prefix:
            return
        new = replace(new, ctime_ns=self._clock.now_ns())
        self.names.put_marker(found.key, new)

    # Names

    def mkdir(self, path: str, mode: int, *, uid: int, gid: int) -> None:
        """Make a directory. FileExistsError."""
        self.names.mkdir(path, mode, uid=uid, gid=gid)

    def rmdir(self, path: str) -> None:
        """Remove an empty directory."""
        self.names.rmdir(path)

    def unlink(self, path: str) -> None:
        """Remove a file."""
        self.names.unlink(path)

    def rename(self, source: str, target: str) -> None:
        """Rename a file or directory."""
        self.names.rename(source, target)

    def symlink(self, path: str, target: str, *, uid: int, gid: int) -> None:
        """Make a symlink, in the form of ossfs 1.x: the object's bytes are the target."""
        attributes = symlink_attributes(uid=uid, gid=gid, now_ns=self._clock.now_ns())
        self.names.make_special(path, attributes, os.fsencode(target))

    def mknod(self, path: str, mode: int, *, uid: int, gid: int) -> None:
        """Make an empty file or a fifo. OSError (EPERM): devices and sockets."""
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFIFO):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM), path)
        kind = stat.S_IFMT(mode) or stat.S_IFREG
        attributes = new_attributes(
            kind | stat.S_IMODE(mode),
            uid=uid,
            gid=gid,
            now_ns=self._clock.now_ns(),
            name=path,
        )
        self.names.make_special(path, attributes, b"")

    # The whole

    def status(self) -> list[UploadStatus]:
        """Describe what is not in the bucket yet, and what is kept for the user."""
        return self.uploads.status()

    def drain(self, deadline_s: float | None) -> bool:
        """Bring everything that nobody has open into the bucket; False: something is left."""
        for node in self._tree.nodes:
            if node.is_linked and node.pending.is_dirty and not node.handles:
                self._files.scheduler.later(node)
        return self._files.scheduler.drain(deadline_s)

    def close(self) -> None:
        """Stop; what is not in the bucket stays on the local disk and in the journal."""
        self._files.scheduler.close()
        with self._lock:
            handles, self._handles = list(self._handles.values()), {}
        for handle in handles:
            if handle.reader is not None:
                handle.reader.close()
        # Nodes of handles, too: they may have no name any more, and the unmount may have
        # overtaken their release, so that what they keep is in the bucket or nobody's.
        for node in {*self._tree.nodes, *(handle.node for handle in handles)}:
            node.pending.drop_local()
            node.pending.close()


def _rests_on(base: Version | None, pieces: list[Piece]) -> bool:
    return any(piece.data is None and piece.base == base for piece in pieces)


def _with_mode(old: Attributes, mode: int) -> Attributes:
    return replace(old, mode=stat.S_IFMT(old.mode) | stat.S_IMODE(mode))
