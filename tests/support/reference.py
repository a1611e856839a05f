"""
What a mount has to be like: a file system in memory, and what a crash must leave of it.

A `Reference` knows POSIX as far as the file system is asked (the kernel walks paths and checks
permissions). Each file and directory has what is shown (`live`), and what may be found after
the process has died (`kept`: each of these states, None for no such name). An operation that
promises something leaves one state there; what nobody was promised does not change them.

Times are ranges: the moments between which the call ran. The first look narrows them down.
"""

import base64
import errno
import json
import os
import stat
from typing import NamedTuple
from urllib.parse import unquote

OWNER = 1000
NS = 10**9
CLOCKS_DIFFER_NS = 2 * NS  # a server's goes on while ours stands still
PART = 1000
"""Bytes; a file of more is sent in parts."""


class State(NamedTuple):
    """A file or directory at one moment; of times, the ranges in which they may be (none: any)."""

    mode: int
    uid: int
    gid: int
    mtimes: tuple = ()
    atimes: tuple = ()
    xattrs: tuple = ()
    data: bytes = b""
    rdev: int = 0
    foreign: tuple = ()
    """Metadata of other programs, which is none of our business and has to stay."""

    @property
    def is_directory(self):
        return stat.S_ISDIR(self.mode)

    @property
    def is_file(self):
        return stat.S_ISREG(self.mode)


def merged(*states):
    """Return the last state with the times of all of them."""
    return states[-1]._replace(
        mtimes=tuple({one for state in states for one in state.mtimes}),
        atimes=tuple({one for state in states for one in state.atimes}),
    )


def difference(state, seen):
    """Say in which fields what was seen is not the state; empty: in none."""
    found = []
    for name in ("mode", "uid", "gid", "xattrs", "data", "rdev", "foreign"):
        value = getattr(seen, name)
        if value is not None and value != getattr(state, name):
            found.append(f"{name} {_short(value)}, not {_short(getattr(state, name))}")
    for name in ("mtimes", "atimes"):
        ranges, value = getattr(state, name), getattr(seen, name)
        if ranges and value and not any(low <= value <= high for low, high in ranges):
            found.append(f"{name} {value}, not in {ranges}")
    return "; ".join(found)


def _short(value):
    if not isinstance(value, bytes) or len(value) <= 20:
        return f"{value:o}" if isinstance(value, int) else repr(value)
    runs, start = [], 0
    for at in range(1, len(value) + 1):
        if at == len(value) or value[at] != value[start]:
            runs.append(f"{at - start}*{value[start]}")
            start = at
    return " ".join(runs[:12])


def parsed(metadata):
    """Read what is stored beside an object, as s3fs and ossfs 1.x do: the fields it tells."""
    own = {"mode", "uid", "gid", "mtime", "ctime", "atime", "rdev", "xattr"}
    xattrs = json.loads(unquote(metadata["xattr"])) if "xattr" in metadata else {}
    return {
        "mode": int(metadata["mode"]) if "mode" in metadata else None,
        "uid": int(metadata["uid"]) if "uid" in metadata else None,
        "gid": int(metadata["gid"]) if "gid" in metadata else None,
        "mtimes": _time(metadata.get("mtime")),
        "atimes": _time(metadata.get("atime") or metadata.get("mtime")),
        "rdev": int(metadata.get("rdev", "0")),
        "xattrs": tuple(sorted((name, base64.b64decode(text)) for name, text in xattrs.items())),
        "foreign": tuple(sorted((name, one) for name, one in metadata.items() if name not in own)),
    }


def _time(text):
    if text is None:
        return None
    seconds, _, fraction = text.partition(".")
    return int(seconds) * NS + int(fraction.ljust(9, "0") if fraction else 0)


class Node:
    """A file or directory, by whatever name."""

    def __init__(self, live, *, kept=None):
        self.live = live
        self.kept = (live,) if kept is None else kept
        self.sent = self.kept
        """What other clients may see while there is something that is not promised."""
        self.handles = 0
        self.is_dirty = False
        """Its content is ahead of every promise."""
        self.is_new = self.is_exclusive = False
        self.is_implicit = False
        """A directory that is there only because of what is in it."""
        self.fallback = ()
        """Times that may be shown again: a later one is in memory only."""
        self.has_time = True
        """A time is stored with it, and not only the store's own."""
        self.marks = ()
        """What it was like since it became dirty: a large file may get an older time."""
        self.ino = None
        self.was_at = None
        """The name that it had, when it has none."""

    def may_be(self, seen):
        return any(state is not None and not difference(state, seen) for state in self.kept)

    def shown(self):
        """Return what is to be shown."""
        return self.live._replace(mtimes=self.live.mtimes + self.fallback)

    def saw(self, seen):
        """Take note of the times that are shown."""
        for name in ("mtimes", "atimes"):
            if getattr(self.live, name):
                value = getattr(seen, name)
                self.live = self.live._replace(**{name: ((value, value),)})

    def promise(self):
        """Its content and attributes have to outlive everything now."""
        if len(self.live.data) > PART:
            self.live = merged(*self.marks, self.live)
        self.marks = self.fallback = ()
        self.kept = (self.live,)
        self.sent += self.kept
        self.is_dirty = self.is_new = self.is_exclusive = False
        self.has_time = True

    def copied(self, now):
        """Let the store copy it: what has no time of its own gets another one."""
        if not self.has_time:
            between = (now[0] // NS * NS - CLOCKS_DIFFER_NS, now[1] + CLOCKS_DIFFER_NS)
            renewed = self.live._replace(mtimes=(between,), atimes=(between,))
            self.live = merged(self.live, renewed)
            self.kept = self.sent = (self.live,)


class Handle:
    def __init__(self, node, flags):
        self.node = node
        self.is_writable = flags & os.O_ACCMODE != os.O_RDONLY
        self.is_appending = bool(flags & os.O_APPEND)


def fail(code, path=""):
    raise OSError(code, os.strerror(code), path)


class Reference:
    """The file system; paths are relative to its top, which is the empty one."""

    def __init__(self):
        self.tree = {}
        self.handles = {}
        self.now = (0, 0)
        self.middles = []
        """States between the begin and the end of the last operation."""

    # Looking

    def find(self, path):
        return self.tree.get(path) or fail(errno.ENOENT, path)

    def children(self, path):
        prefix = f"{path}/" if path else ""
        return sorted(
            one[len(prefix) :]
            for one in self.tree
            if one.startswith(prefix) and "/" not in one[len(prefix) :]
        )

    def below(self, path):
        return [one for one in self.tree if one.startswith(f"{path}/")]

    def is_place(self, path):
        """Say whether the kernel would ask the file system about this name."""
        parent = path.rpartition("/")[0]
        return not parent or (parent in self.tree and self.tree[parent].live.is_directory)

    def orphans(self):
        return {one.node for one in self.handles.values() if one.node.was_at is not None}

    def readlink(self, path):
        node = self.find(path)
        return os.fsdecode(node.live.data) if stat.S_ISLNK(node.live.mode) else fail(errno.EINVAL)

    # Files

    def open(self, path, flags, mode=0o644):
        node = self.tree.get(path)
        if node is None:
            if not flags & os.O_CREAT:
                fail(errno.ENOENT, path)
            node = self._make(path, stat.S_IFREG | mode, kept=(None,))
            node.is_dirty = node.is_new = True
            is_hidden = any(one.was_at == path for one in self.orphans())
            node.is_exclusive = bool(flags & os.O_EXCL) and not is_hidden
        elif flags & os.O_CREAT and flags & os.O_EXCL:
            fail(errno.EEXIST, path)
        elif node.live.is_directory:
            fail(errno.EISDIR, path)
        elif flags & os.O_TRUNC:
            self._change(node, b"")
            if flags & os.O_CREAT:  # as a user who is not root: that call says who it is
                drops = stat.S_ISUID | (stat.S_ISGID if node.live.mode & stat.S_IXGRP else 0)
                self._describe(node, mode=node.live.mode & ~drops)
        node.handles += 1
        return Handle(node, flags)

    def _change(self, node, data):
        node.marks += (node.live,)
        node.live = node.live._replace(data=data, mtimes=(self.now,))
        node.is_dirty, node.is_new = True, False

    def pwrite(self, fd, data, offset):
        handle = self.handles[fd]
        if not handle.is_writable:
            fail(errno.EBADF)
        old = handle.node.live.data
        at = len(old) if handle.is_appending else offset
        old = old.ljust(at, b"\0")
        self._change(handle.node, old[:at] + data + old[at + len(data) :])
        return len(data)

    def pread(self, fd, size, offset):
        return self.handles[fd].node.live.data[offset : offset + size]

    def ftruncate(self, fd, size):
        self._cut(self.handles[fd].node, size)

    def _cut(self, node, size):
        old = node.live.data
        if size != len(old) or not size:
            self._change(node, old[:size].ljust(size, b"\0"))
            return
        if node.is_dirty:
            node.marks += (node.live,)
        node.fallback += node.live.mtimes
        node.live = node.live._replace(mtimes=(self.now,))
        # Stored with the next change of anything, whatever that is.
        node.kept = tuple(
            state and state._replace(mtimes=(*state.mtimes, self.now)) for state in node.kept
        )
        node.sent += node.kept

    def truncate(self, path, size):
        node = self.find(path)
        if node.live.is_directory:
            fail(errno.EISDIR, path)
        self._cut(node, size)
        if node.is_dirty and not node.handles:
            node.promise()

    def fsync(self, fd):
        node = self.handles[fd].node
        if node.was_at is None and node.is_dirty:
            node.promise()

    def fsyncdir(self, path):
        for name in self.children(path):
            node = self.tree[f"{path}/{name}" if path else name]
            if node.is_new:
                node.promise()

    def close(self, fd):
        handle = self.handles.pop(fd)
        node = handle.node
        node.handles -= 1
        is_due = node.is_exclusive if node.is_new else handle.is_writable
        if node.was_at is None and node.is_dirty and (is_due or not node.handles):
            node.promise()

    # Attributes

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

    def getxattr(self, path, name):
        values = dict(self.find(path).live.xattrs)
        return values[name] if name in values else fail(errno.ENODATA)

    def _describe(self, node, **changes):
        new = node.live._replace(**changes)
        if new == node.live:
            return
        # A large file is sent with the times of its first part, unless somebody sets them.
        node.marks = () if "mtimes" in changes else node.marks
        node.live, node.is_implicit, node.fallback = new, False, ()
        if not node.is_dirty:
            node.kept = (new,)
            node.sent += node.kept
            node.has_time = True

    # Names

    def _make(self, path, mode, *, kept=None, data=b"", rdev=0):
        if path in self.tree:
            fail(errno.EEXIST, path)
        parent = self.tree.get(path.rpartition("/")[0])
        gid = OWNER
        if parent is not None and parent.live.mode & stat.S_ISGID:
            gid = parent.live.gid
            mode |= stat.S_ISGID if stat.S_ISDIR(mode) else 0
        state = State(mode, OWNER, gid, (self.now,), (self.now,), data=data, rdev=rdev)
        self.tree[path] = Node(state, kept=kept)
        self._touch(path)
        return self.tree[path]

    def _touch(self, path):
        """Move the times of a name's directory: they are in memory only."""
        parent = self.tree.get(path.rpartition("/")[0])
        if parent is not None and parent.live.mtimes:
            parent.live = parent.live._replace(mtimes=(self.now,))

    def _leave(self, path):
        """Take a name away; a directory that nothing is in any more gets a marker."""
        parent = path.rpartition("/")[0]
        node = self.tree.pop(path)
        self._touch(path)
        if parent and not self.children(parent):
            self.tree[parent].is_implicit = False
        return node

    def mkdir(self, path, mode):
        self._make(path, stat.S_IFDIR | mode)

    def mknod(self, path, mode, rdev):
        self._make(path, mode, rdev=rdev if stat.S_IFMT(mode) == stat.S_IFBLK else 0)

    def symlink(self, target, path):
        self._make(path, stat.S_IFLNK | 0o777, data=os.fsencode(target))

    def rmdir(self, path):
        if not self.find(path).live.is_directory:
            fail(errno.ENOTDIR, path)
        if self.below(path):
            fail(errno.ENOTEMPTY, path)
        self._leave(path)

    def unlink(self, path):
        if self.find(path).live.is_directory:
            fail(errno.EISDIR, path)
        self._leave(path).was_at = path

    def rename(self, path, goal, *, is_exclusive=False):
        node, displaced = self.find(path), self.tree.get(goal)
        if path == goal and not is_exclusive:
            return
        if goal.startswith(f"{path}/"):
            fail(errno.EINVAL, path)
        if is_exclusive and displaced is not None:
            fail(errno.EEXIST, goal)
        if displaced is not None and not node.live.is_directory and displaced.live.is_directory:
            fail(errno.EISDIR, goal)
        if displaced is not None and node.live.is_directory:
            if not displaced.live.is_directory:
                fail(errno.ENOTDIR, goal)
            if self.below(goal):
                fail(errno.ENOTEMPTY, goal)
        if node.live.is_directory:
            self._rename_directory(path, goal)
        else:
            self._rename_file(path, goal, displaced)

    def _rename_file(self, path, goal, displaced):
        node = self.tree[path]
        if node.kept == (None,):  # it never was in the bucket, and is not now
            if displaced is not None:
                self.middles.append(self.snapshot() | {path: (None, node.live)})
                # Either that one's object stays, or, if there was none yet, this is promised.
                node.kept = node.sent = (*displaced.kept, node.live)
                node.is_exclusive = False
        elif node.is_dirty:
            node.promise()
            self.middles.append(self.snapshot())
        else:  # stored again, with what was only in memory
            node.kept = tuple(state and merged(node.live, state) for state in node.kept)
            node.sent += node.kept
            node.copied(self.now)
        if displaced is not None:
            displaced.was_at = goal
        self.tree[goal] = node
        self._leave(path)
        self._touch(goal)

    def _rename_directory(self, path, goal):
        before = self.snapshot()
        for key in self.below(path):
            if self.tree[key].is_dirty and self.tree[key].kept != (None,):
                self.tree[key].promise()
        self.middles.append({key: before[key] + node.kept for key, node in self.tree.items()})
        for key in self.below(path):
            self.tree[key].copied(self.now)
        names = {key: goal + key[len(path) :] for key in (path, *self.below(path))}
        nodes = {goal_: self.tree.pop(key) for key, goal_ in names.items()}
        nodes[goal].is_implicit &= goal not in self.tree  # a marker is there: it is replaced
        self.tree[path] = nodes[goal]
        self._leave(path)
        self.tree.update(nodes)
        self._touch(goal)

    # Afterwards

    def snapshot(self):
        """Return the names with what a crash may leave of each."""
        return {path: node.kept for path, node in self.tree.items()}

    def compare(self, seen):
        """Raise AssertionError unless this is what is shown; keep the times that are."""
        wrong = [f"{path} is not shown" for path in self.tree.keys() - seen.keys()]
        wrong += [f"{path} should not be shown" for path in seen.keys() - self.tree.keys()]
        for path in self.tree.keys() & seen.keys():
            told = difference(self.tree[path].shown(), seen[path])
            wrong += [f"{path}: {told}"] if told else []
        assert not wrong, "; ".join(sorted(wrong))
        for path, state in seen.items():
            self.tree[path].saw(state)

    @staticmethod
    def wrong(kept, seen):
        """Say what was seen after a crash and cannot be."""
        wrong = []
        for path in sorted({*kept, *seen}):
            states, found = kept.get(path, (None,)), seen.get(path)
            if found is None:
                wrong += [] if None in states else [f"{path} is gone"]
                continue
            differences = [difference(one, found) for one in states if one is not None]
            if "" not in differences:
                wrong.append(f"{path}: {' or '.join(differences) or 'should not be there'}")
        return wrong

    @classmethod
    def restarted(cls, kept, seen, metadata):
        """Return what is there after a crash, of what may have been there."""
        made = cls()
        for path, found in seen.items():
            states = [one for one in kept[path] if one is not None and not difference(one, found)]
            made.tree[path] = node = Node(states[-1])
            node.saw(found)
            node.is_implicit = node.live.is_directory and f"{path}/" not in metadata
            if len(states[-1].mtimes) > 1:  # what was shown may be in memory only
                node.fallback = states[-1].mtimes
            else:
                node.kept = node.sent = (node.live,)
            node.has_time = found.is_directory or "mtime" in metadata.get(path, ())
        return made

    # Others

    def appear(self, path, state, *, has_time=True):
        """Another client has stored a file."""
        ino = self.tree[path].ino if path in self.tree else None
        self.tree[path] = Node(state)
        self.tree[path].ino = ino
        self.tree[path].has_time = has_time

    def looked_inside(self, paths):
        """Files were opened, read and closed: what is the only one of its name is promised then."""
        for path in paths:
            node = self.tree.get(path)
            if node is not None and node.is_new and node.is_exclusive:
                node.promise()

    def vanish(self, path):
        """Another client has deleted a file, and with it the directories that were nothing else."""
        del self.tree[path]
        parent = path.rpartition("/")[0]
        if parent and self.tree[parent].is_implicit and not self.children(parent):
            self.vanish(parent)
