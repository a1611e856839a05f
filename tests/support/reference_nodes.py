"""
A file or directory of the reference, by whatever name, and an open handle of it.

Each has what is shown (`live`), and what may be found after the process has died (`kept`: each
of these states, None for no such name). An operation that promises something leaves one state
there; what nobody was promised does not change them.
"""

import os

from reference_state import NS, merged

CLOCKS_DIFFER_NS = 2 * NS  # a server's goes on while ours stands still
PART = 1000
"""Bytes; a file of more is sent in parts."""


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
        self.is_time_set = False
        """Nobody has changed the content since somebody set its time."""
        self.ino = None
        self.was_at = None
        """The name that it had, when it has none."""

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
        self.may_be_sent()
        self.marks = self.fallback = ()
        self.kept = (self.live,)
        self.sent += self.kept
        self.is_dirty = self.is_new = self.is_exclusive = False
        self.has_time = True

    def may_be_sent(self):
        """Let a large file have an older time: its upload may have begun before the last write."""
        if len(self.live.data) > PART and not self.is_time_set:
            self.live = merged(*self.marks, self.live)

    def asked_for(self):
        """Let its content be in the bucket by now, perhaps: nobody was promised that."""
        if self.is_dirty:
            self.may_be_sent()
            self.kept += (self.live,)
            self.sent += (self.live,)

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
