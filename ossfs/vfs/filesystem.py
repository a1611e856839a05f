"""
The file system, without FUSE.

Names come as absolute paths of the mount, open files as handles. A handle points to a
node, not to a name: it goes on working when its file is renamed or unlinked. Conditions
that POSIX knows are raised as Python's `OSError`s, everything else as `OssfsError`s, whose
`errno` the adapter passes on.

Threads: every method may be called from any thread.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Callable

from ossfs.clock import Clock
from ossfs.errors import ObjectTooLarge, PreconditionFailed
from ossfs.extents import Extent
from ossfs.store.api import ListPage, ObjectStore
from ossfs.vfs.describing import Describing
from ossfs.vfs.facts import Facts
from ossfs.vfs.files import Files
from ossfs.vfs.handles import Fh, Handles
from ossfs.vfs.keys import split
from ossfs.vfs.names import Names, symlink_attributes
from ossfs.vfs.pages import Caching
from ossfs.vfs.posix import new_attributes
from ossfs.vfs.reader import ObjectReader
from ossfs.vfs.tree import Found, NameReader, Stat, Tree
from ossfs.vfs.uploads import Uploads
from ossfs.writeback.holes import KEEP_SIZE, PUNCH_HOLE
from ossfs.writeback.values import UploadStatus

ZEROING = PUNCH_HOLE | 0x10  # with FALLOC_FL_ZERO_RANGE; the former comes with KEEP_SIZE
MAX_SYMLINK = 4095  # bytes, Linux PATH_MAX less its NUL


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
        self._clock = clock
        self._handles = Handles(reader)
        self._describing = Describing(
            tree=tree,
            files=files,
            store=store,
            facts=Facts(tree=tree, store=store, reader=reader),
            clock=clock,
        )

    # Looking

    def getattr(self, path: str) -> Stat:
        """Return what `stat` answers. FileNotFoundError."""
        answer = self._tree.stat(path)
        self._files.pages.stated(answer.ino, answer.size)
        return answer

    def fgetattr(self, fh: Fh) -> Stat:
        """Return what `fstat` answers."""
        answer = self._tree.stat_node(self._handles.get(fh).node)
        self._files.pages.stated(answer.ino, answer.size)
        return answer

    def readdir(self, path: str) -> NameReader:
        """
        Begin to read the names in a directory, which come in pieces. NotADirectoryError.

        The first piece of a large directory comes after one request.
        """
        return self._tree.read(self._tree.find_directory(path))

    def opendir(self, path: str, *, pid: int) -> Fh:
        """Return a handle of a directory; `pid` is who has it. NotADirectoryError."""
        return self._files.open_directories.open(self._tree.find_directory(path), pid)

    def releasedir(self, fh: Fh) -> None:
        """Close a handle of a directory."""
        self._files.open_directories.close(fh)

    def stat_unasked(self, path: str) -> Callable[[str], Stat | None]:
        """
        Return what tells the attributes of the files in a directory, for what asks nothing.

        The kernel is told what this tells. NotADirectoryError.
        """
        of = self._tree.stat_unasked(self._tree.find_directory(path))

        def answer(name: str) -> Stat | None:
            known = of(name)
            if known is not None:
                self._files.pages.stated(known.ino, known.size)
            return known

        return answer

    def readlink(self, path: str) -> str:
        """Return a symlink's target. OSError (EINVAL): not a symlink."""
        found = self._tree.find(path)
        if found.entry.is_link:
            return self._tree.keys.target(self._store.get_symlink(found.key), of=found.key)
        if found.entry.is_directory or not stat.S_ISLNK(self._tree.stat(path).attributes.mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
        target = self._tree.link_target(found)
        return os.fsdecode(self._body(found)) if target is None else target

    def _body(self, found: Found) -> bytes:
        """Return what is in the object of a symlink, and no more than a path may have."""
        entry = found.entry
        if entry.etag and entry.size <= MAX_SYMLINK:  # as a whole, since its sum is compared then
            with contextlib.suppress(PreconditionFailed):
                return bytes(self._store.get(found.key, if_match=entry.etag).data)
        return bytes(self._store.get(found.key, Extent(0, MAX_SYMLINK)).data)

    # Opening

    def open(self, path: str, flags: int, *, uid: int = 0) -> Fh:
        """
        Return a handle of a file for a user. FileNotFoundError.

        `flags`: as the system call has them. Emptying it takes its setuid and setgid bits
        away, as the kernel does it for every other change but not for this one.
        """
        found = self._tree.find(path)
        if found.entry.is_directory:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        is_changed = flags & os.O_ACCMODE != os.O_RDONLY or bool(flags & os.O_TRUNC)
        node = self._files.opened(found, fresh=True, is_described=is_changed)
        fh = self._handles.add(node, flags)
        if flags & os.O_TRUNC:
            try:
                self._files.truncate(node, 0)
                self._describing.drop_set_ids(node, uid)
            except BaseException:
                self.release(fh)
                raise
        return fh

    def caching(self, fh: Fh) -> Caching:
        """Say, once after each open, what the kernel may keep and believe of the file."""
        return self._files.pages.opened(self._handles.get(fh).node)

    def create(self, path: str, mode: int, flags: int, *, uid: int, gid: int) -> Fh:
        """
        Make a file and open it; it reaches the bucket when it is flushed or closed.

        One that is there is opened, or with O_EXCL refused: FileExistsError.
        """
        found = self._tree.find_or_none(path)
        if found is not None:
            if flags & os.O_EXCL:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
            return self.open(path, flags, uid=uid)
        key = self._tree.keys.key(path)
        attributes = new_attributes(
            stat.S_IFREG | stat.S_IMODE(mode),
            uid=uid,
            gid=gid,
            now_ns=self._clock.now_ns(),
            name=split(key)[1],
        )
        node = self._files.nodes.new(
            key,
            self._tree.heir(key, attributes),
            has_object=False,
            is_exclusive=bool(flags & os.O_EXCL),
        )
        self._tree.content_changed(key)
        return self._handles.add(node, flags)

    # Reading and writing

    def read(self, fh: Fh, offset: int, length: int) -> bytes | memoryview:
        """
        Return up to `length` bytes; fewer only at the end of the file.

        PreconditionFailed (ESTALE): another client replaced the object meanwhile; the next open
        looks again, however short ago that was done. The same errno once somebody has opened
        the new version: both share the kernel's pages.
        """
        handle = self._handles.get(fh)
        if handle.node.is_superseded:
            code = errno.EIO if handle.node.is_broken else errno.ESTALE
            raise OSError(code, os.strerror(code), handle.node.key)
        if not handle.node.has_pages:
            self._files.pages.confirmed(handle.node)
        try:
            return handle.read(offset, length)
        except PreconditionFailed:
            self._files.nodes.doubt(handle.node)
            raise

    def write(self, fh: Fh, offset: int, data: bytes | memoryview) -> int:
        """Write all of `data`; with O_APPEND, at the end. StagingFull; ObjectTooLarge."""
        handle = self._handles.get(fh)
        if not handle.is_writable:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        node = handle.node
        at = node.pending.size if handle.is_appending else offset
        self._refuse_too_large(node.key, at + len(data))
        if not node.has_pages:
            self._files.pages.confirmed(node)
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
        handle = self._handles.get(fh)
        self._refuse_too_large(handle.node.key, size)
        self._files.truncate(handle.node, size)

    def fallocate(self, fh: Fh, mode: int, offset: int, length: int) -> None:
        """
        Have room for a range of an open file, or zeros, as the system call; nothing is reserved.

        `mode`: FALLOC_FL_…. OSError (EOPNOTSUPP): a mode that moves bytes. ObjectTooLarge;
        StagingFull.
        """
        if mode & ~(KEEP_SIZE | ZEROING):
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        node = self._handles.get(fh).node
        self._refuse_too_large(node.key, offset + length)
        self._files.allocate(
            node,
            Extent(offset, offset + length),
            keeps_size=bool(mode & KEEP_SIZE),
            is_zeroed=bool(mode & ZEROING),
        )

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
        handle = self._handles.get(fh)
        node = handle.node
        if node.is_new:
            is_awaited = node.pending.is_exclusive
        else:
            is_awaited = handle.is_writable and node.pending.has_new_content
        if is_awaited:
            self._files.finish(node)

    def fsync(self, fh: Fh) -> None:
        """Bring a file, content and attributes, into the bucket, as fsync does."""
        self._files.finish(self._handles.get(fh).node, goes_on=True)

    def fsyncdir(self, path: str) -> None:
        """Make the names in a directory as safe as after a close, as its fsync does."""
        self._files.finish_names(self._tree.find_directory(path))

    def release(self, fh: Fh) -> None:
        """Close a handle."""
        handle = self._handles.pop(fh)
        if handle is not None:
            self._files.closed(handle.node)

    # Attributes

    def chmod(self, path: str, mode: int) -> None:
        """Change the permission bits."""
        self._describing.chmod(path, mode)

    def chown(self, path: str, uid: int, gid: int) -> None:
        """Change owner and group; -1 leaves one as it is."""
        self._describing.chown(path, uid, gid)

    def utimens(self, path: str, atime_ns: int | None, mtime_ns: int | None) -> None:
        """Change the times; None leaves one as it is."""
        self._describing.utimens(path, atime_ns, mtime_ns)

    def getxattr(self, path: str, name: str) -> bytes:
        """Return an extended attribute; see `Describing` for these four."""
        return self._describing.getxattr(path, name)

    def listxattr(self, path: str) -> list[str]:
        """Return the names of extended attributes."""
        return self._describing.listxattr(path)

    def setxattr(self, path: str, name: str, value: bytes, flags: int = 0) -> None:
        """Set an extended attribute."""
        self._describing.setxattr(path, name, value, flags)

    def removexattr(self, path: str, name: str) -> None:
        """Remove an extended attribute."""
        self._describing.removexattr(path, name)

    # Names

    def mkdir(self, path: str, mode: int, *, uid: int, gid: int) -> None:
        """Make a directory. FileExistsError."""
        self.names.mkdir(path, mode, uid=uid, gid=gid)

    def rmdir(self, path: str) -> None:
        """Remove an empty directory."""
        self.names.rmdir(path)

    def unlink(self, path: str, *, pid: int = 0) -> None:
        """Remove a file; `pid` is who does it."""
        self.names.unlink(path, pid=pid)

    def rename(self, source: str, target: str, *, is_exclusive: bool = False) -> None:
        """Rename a file or directory; if it `is_exclusive`, nothing of that name may be there."""
        self.names.rename(source, target, is_exclusive=is_exclusive)

    def symlink(self, path: str, target: str, *, uid: int, gid: int) -> None:
        """Make a symlink, in the form of ossfs 1.x: the object's bytes are the target."""
        attributes = symlink_attributes(uid=uid, gid=gid, now_ns=self._clock.now_ns())
        self.names.make_special(path, attributes, os.fsencode(target))

    def mknod(self, path: str, mode: int, rdev: int = 0, *, uid: int, gid: int) -> None:
        """Make an empty file, a fifo, a socket or a device: an object whose mode says so."""
        attributes = new_attributes(
            (stat.S_IFMT(mode) or stat.S_IFREG) | stat.S_IMODE(mode),
            uid=uid,
            gid=gid,
            now_ns=self._clock.now_ns(),
            name=path,
            rdev=rdev if stat.S_IFMT(mode) in (stat.S_IFBLK, stat.S_IFCHR) else 0,
        )
        self.names.make_special(path, attributes, b"")

    # The whole

    def saw_top(self, page: ListPage) -> None:
        """Take note of a first look at the top, from before the mount; nothing relies on it."""
        self._tree.directories.saw_before(self._tree.keys.prefix, page)

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
        handles = self._handles.pop_all()
        # Nodes of handles, too: they may have no name any more, and the unmount may have
        # overtaken their release, so that what they keep is in the bucket or nobody's.
        for node in {*self._tree.nodes, *(handle.node for handle in handles)}:
            node.pending.drop_local()
            node.pending.close()
