"""
Changing what is stored beside files and directories: mode, owner, times, extended attributes.

Threads: every method from any thread.
"""

import errno
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import replace

from ossfs.clock import Clock
from ossfs.errors import InvalidRequest, NoSuchKey
from ossfs.store.api import ObjectStore
from ossfs.store.checks import check_metadata
from ossfs.vfs.facts import INVALIDATE, PREFIX, Facts
from ossfs.vfs.files import Files
from ossfs.vfs.nodes import FileNode
from ossfs.vfs.posix import Attributes
from ossfs.vfs.tree import Found, Tree
from ossfs.vfs.xattrs import HEADER, STORED, parse_xattrs, with_xattrs

SPARE = 200  # bytes of metadata for mode, owner and times, all of them as long as can be

Change = Callable[[Attributes], Attributes]


class Describing:
    """Changes attributes by path, for `FileSystem`."""

    def __init__(
        self, *, tree: Tree, files: Files, store: ObjectStore, facts: Facts, clock: Clock
    ) -> None:
        self._tree = tree
        self._files = files
        self._store = store
        self._facts = facts
        self._clock = clock

    def chmod(self, path: str, mode: int) -> None:
        """Change the permission bits."""
        self.change(path, lambda old: _with_mode(old, mode))

    def chown(self, path: str, uid: int, gid: int) -> None:
        """Change owner and group; -1 leaves one as it is."""
        self.change(
            path,
            lambda old: replace(
                old, uid=old.uid if uid == -1 else uid, gid=old.gid if gid == -1 else gid
            ),
        )

    def utimens(self, path: str, atime_ns: int | None, mtime_ns: int | None) -> None:
        """Change the times; None leaves one as it is."""
        self.change(
            path,
            lambda old: replace(
                old,
                atime_ns=old.atime_ns if atime_ns is None else atime_ns,
                mtime_ns=old.mtime_ns if mtime_ns is None else mtime_ns,
            ),
        )

    def change(self, path: str, change: Change) -> None:
        """
        Replace the attributes of what the path names; the time of change moves with them.

        When nothing else does, it moves on this mount only: `chmod -R` to what is there
        already must not copy every object onto itself.
        """
        found = self._tree.find(path)
        if found.entry.is_directory:
            self._change_directory(found, change)
            return
        if found.entry.is_link:  # the copy would be one of its target
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), path)
        with self._files.pinned(found) as node, node.pending.lock:
            old, new = node.attributes, change(node.attributes)
            changed = replace(new, ctime_ns=self._clock.now_ns())
            if new == old:
                self._files.change_time(node, changed)
            else:
                self._files.change_attributes(node, changed)

    def drop_set_ids(self, node: FileNode, uid: int) -> None:
        """Take setuid and setgid bits away because a user, unless root, changed the content."""
        with node.pending.lock:
            mode = node.attributes.mode
            dropped = stat.S_ISUID
            if mode & stat.S_IXGRP:  # without it, the bit means something else
                dropped |= stat.S_ISGID
            if uid and mode & dropped:
                self._files.change_attributes(node, replace(node.attributes, mode=mode & ~dropped))

    def _change_directory(self, found: Found, change: Change) -> None:
        old = self._tree.directory_attributes(found.key, is_needed=True)
        new, now_ns = change(old), self._clock.now_ns()
        if new == old:
            self._tree.times.status_changed(found.key, now_ns)
        elif found.key != self._tree.keys.prefix:
            self._files.markers.change(found.key, replace(new, ctime_ns=now_ns))
            self._tree.times.forget(found.key)

    # Extended attributes

    def getxattr(self, path: str, name: str) -> bytes:
        """Return a value. OSError: ENODATA, ENOTSUP (not a namespace that is kept)."""
        _require_stored(name, path)
        if name.startswith(PREFIX):
            fact = self._facts.get(self._tree.find(path), name[len(PREFIX) :])
            value = None if fact is None else os.fsencode(fact)
        else:
            value = self._xattrs(path).get(name)
        if value is None:
            raise OSError(errno.ENODATA, os.strerror(errno.ENODATA), path)
        return value

    def listxattr(self, path: str) -> list[str]:
        """
        Return the names that are stored with what the path names.

        `ls -l` asks this of each file: where nobody has stored any, the store is not asked.
        """
        found = self._tree.find(path)
        if found.entry.is_directory or (found.node is not None and found.node.is_described):
            return sorted(self._xattrs(path))
        try:
            known = self._tree.descriptions.shown(found.key, found.entry)
        except NoSuchKey:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None
        return sorted(parse_xattrs(self._tree.attributes(known).foreign.get(HEADER, "")))

    def setxattr(self, path: str, name: str, value: bytes, flags: int = 0) -> None:
        """
        Set a value. The `flags` are those of the system call.

        OSError: EEXIST, ENODATA as the flags ask for it; ENOSPC, E2BIG: the store takes no
        more metadata with an object, or not even this value alone; EPERM: a fact.
        """
        _require_stored(name, path)
        if name.startswith(PREFIX):
            self._act(path, name[len(PREFIX) :])
            return
        self._refuse_top(path)

        def change(old: Attributes) -> Attributes:
            values = parse_xattrs(old.foreign.get(HEADER, ""))
            if flags & os.XATTR_CREATE and name in values:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
            if flags & os.XATTR_REPLACE and name not in values:
                raise OSError(errno.ENODATA, os.strerror(errno.ENODATA), path)
            self._require_room(path, {}, {name: value}, errno.E2BIG)
            self._require_room(path, old.foreign, values | {name: value}, errno.ENOSPC)
            return replace(old, foreign=with_xattrs(old.foreign, values | {name: value}))

        self.change(path, change)

    def removexattr(self, path: str, name: str) -> None:
        """Remove a value. OSError: ENODATA, ENOTSUP; EPERM: a fact."""
        _require_stored(name, path)
        if name.startswith(PREFIX):
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), path)
        self._refuse_top(path)

        def change(old: Attributes) -> Attributes:
            values = parse_xattrs(old.foreign.get(HEADER, ""))
            if values.pop(name, None) is None:
                raise OSError(errno.ENODATA, os.strerror(errno.ENODATA), path)
            return replace(old, foreign=with_xattrs(old.foreign, values))

        self.change(path, change)

    def _xattrs(self, path: str) -> dict[str, bytes]:
        return parse_xattrs(self._stored(path).foreign.get(HEADER, ""))

    def _stored(self, path: str) -> Attributes:
        """Return the attributes that are stored with what the path names, and not a listing's."""
        found = self._tree.find(path)
        if found.entry.is_directory:
            return self._tree.directory_attributes(found.key, is_needed=True)
        if found.entry.is_link:
            return self._tree.attributes(self._tree.descriptions.shown(found.key, found.entry))
        if found.node is not None and found.node.is_described:
            return found.node.attributes
        try:
            return self._tree.attributes(self._tree.descriptions.known(found.key, found.entry))
        except NoSuchKey:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None

    def _require_room(
        self, path: str, metadata: Mapping[str, str], values: Mapping[str, bytes], code: int
    ) -> None:
        limits = self._store.limits
        limits = replace(limits, max_metadata=limits.max_metadata - SPARE)
        try:
            check_metadata(path, with_xattrs(metadata, values), limits)
        except InvalidRequest as error:
            raise OSError(code, os.strerror(code), path) from error

    @staticmethod
    def _refuse_top(path: str) -> None:
        """Keep nothing with the top: there need not be an object."""
        if path == "/":
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), path)

    def _act(self, path: str, name: str) -> None:
        if name != INVALIDATE:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), path)
        self._facts.invalidate(self._tree.find(path))


def _require_stored(name: str, path: str) -> None:
    if not name.startswith(STORED):
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), path)
    if name in STORED:  # nothing behind the namespace
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)


def _with_mode(old: Attributes, mode: int) -> Attributes:
    return replace(old, mode=stat.S_IFMT(old.mode) | stat.S_IMODE(mode))
