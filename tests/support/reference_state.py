"""
What a file or directory is at one moment, and how far that agrees with what was seen of it.

Times are ranges: the moments between which the call ran. The first look narrows them down.
"""

import stat
from typing import NamedTuple

OWNER = 1000
NS = 10**9


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
