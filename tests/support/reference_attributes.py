"""What calls on the attributes of files and directories do: they are promised at once."""

import errno
import os
import stat

from reference_tree import Tree, fail


class AttributeCalls(Tree):
    """Mode, owner, times, extended attributes."""

    def chmod(self, path, mode):
        node = self.find(path)
        self._describe(node, mode=stat.S_IFMT(node.live.mode) | mode)

    def chown(self, path, uid, gid):
        old = self.find(path).live
        uid, gid = old.uid if uid == -1 else uid, old.gid if gid == -1 else gid
        self._describe(self.find(path), uid=uid, gid=gid)

    def utimens(self, path, atime_ns, mtime_ns):
        node = self.find(path)
        changes = {}
        if atime_ns is not None:
            changes["atimes"] = ((atime_ns, atime_ns),)
        if mtime_ns is not None:
            changes["mtimes"] = ((mtime_ns, mtime_ns),)
        self._describe(node, **changes)

    def setxattr(self, path, name, value, flags=0):
        values = dict(self.find(path).live.xattrs)
        if flags & os.XATTR_CREATE and name in values:
            fail(errno.EEXIST)
        if flags & os.XATTR_REPLACE and name not in values:
            fail(errno.ENODATA)
        values[name] = value
        self._describe(self.find(path), xattrs=tuple(sorted(values.items())))

    def removexattr(self, path, name):
        values = dict(self.find(path).live.xattrs)
        if name not in values:
            fail(errno.ENODATA)
        del values[name]
        self._describe(self.find(path), xattrs=tuple(sorted(values.items())))
