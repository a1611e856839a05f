"""Calls on files, and on attributes of whatever has a name."""

import os
import stat

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from model_calls import FAILED
from model_values import CHANGES, FLAGS, MOST_HANDLES, modes, numbers, offsets, sizes


class FileRules:
    """Opening, writing, cutting, syncing, closing, describing."""

    @rule(number=numbers, flags=st.sampled_from(FLAGS), mode=modes)
    def open(self, number, flags, mode):
        path = self.place(number)
        if self.kind(path) not in {0, stat.S_IFREG, stat.S_IFDIR} and not flags & os.O_EXCL:
            return
        if len(self.handles) < MOST_HANDLES:
            self.call("open", path, flags, mode)

    @rule(number=numbers, size=sizes, is_closed=st.booleans())
    def write_file(self, number, size, is_closed):
        """How cp makes a file."""
        path = self.place(number)
        if self.kind(path) in {0, stat.S_IFREG} and len(self.handles) < MOST_HANDLES:
            then = "close" if is_closed else ""
            self.fill(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, size, then)

    def fill(self, path, flags, size, then):
        """Open a file, write to it and close or sync it; return whether it is open, and we live."""
        life = self.life
        if self.call("open", path, flags) == FAILED or self.life is not life:
            return False
        last = len(self.handles) - 1
        if flags & os.O_ACCMODE:
            self.write(last, 0, size)
        if self.life is life and then:
            getattr(self, then)(last)
        return self.life is life

    @rule(number=numbers, offset=offsets, size=sizes)
    def edit(self, number, offset, size):
        """Change a file that is there, and leave it open."""
        files = [path for path, one in self.ref.tree.items() if one.live.is_file]
        if not files or len(self.handles) == MOST_HANDLES:
            return
        life, path = self.life, sorted(files)[number % len(files)]
        if self.call("open", path, os.O_RDWR) != FAILED and self.life is life:
            self.write(len(self.handles) - 1, offset, size)

    @precondition(lambda self: self.handles)
    @rule(number=numbers, offset=offsets, size=sizes)
    def write(self, number, offset, size):
        fd = self.handles[number % len(self.handles)]
        self.written += 1
        data = bytes([self.written % 255 + 1]) * size
        self.call("pwrite", fd, data, offset, real=(fd, data, offset))

    @precondition(lambda self: self.handles)
    @rule(number=numbers, size=offsets)
    def ftruncate(self, number, size):
        fd = self.handles[number % len(self.handles)]
        if self.ref.handles[fd].is_writable:  # the kernel knows that
            self.call("ftruncate", fd, size, real=(fd, size))

    @rule(number=numbers, size=offsets)
    def truncate(self, number, size):
        path = self.place(number)
        if self.kind(path) in {0, stat.S_IFREG, stat.S_IFDIR}:
            self.call("truncate", path, size)

    @precondition(lambda self: self.handles)
    @rule(number=numbers)
    def fsync(self, number):
        fd = self.handles[number % len(self.handles)]
        self.call("fsync", fd, real=(fd,))

    @precondition(lambda self: self.handles)
    @rule(number=numbers)
    def close(self, number):
        fd = self.handles.pop(number % len(self.handles))
        self.call("close", fd, real=(fd,))

    @rule(number=numbers, change=CHANGES)
    def describe(self, number, change):
        path, (name, *values) = self.place(number), change
        is_link = self.kind(path) == stat.S_IFLNK
        if not (is_link and name in {"chmod", "setxattr", "removexattr"}):  # the kernel refuses
            self.call(name, path, *values, real=(f"/{path}", *values))
