"""
One page of a listing, cut from sorted keys.

Keys that hold the delimiter behind the prefix are rolled up into one entry that ends with
the delimiter; entries, whichever kind, count towards the size of the page.

Threads: a pure function.
"""

from collections.abc import Iterable
from typing import NamedTuple


class Cut(NamedTuple):
    """A page: its keys, its rolled-up prefixes, its last entry, and whether there is more."""

    keys: list[str]
    prefixes: list[str]
    last: str
    more: bool


def cut(keys: Iterable[str], prefix: str, delimiter: str, size: int, behind: str | None) -> Cut:
    """
    Return the first `size` entries of ascending `keys`, all beginning with `prefix`.

    `behind` is the last entry of the page before: a key, or a rolled-up prefix, whose keys
    have been counted with it and are passed over.
    """
    page = Cut([], [], "", more=False)
    seen = behind and rolled_up(behind, prefix, delimiter)
    last = behind or ""
    for key in keys:
        roll = rolled_up(key, prefix, delimiter)
        if roll is not None and roll == seen:
            continue
        if len(page.keys) + len(page.prefixes) == size:
            return page._replace(last=last, more=True)
        if roll is None:
            page.keys.append(key)
        else:
            page.prefixes.append(roll)
        seen, last = roll, roll or key
    return page._replace(last=last)


def rolled_up(key: str, prefix: str, delimiter: str) -> str | None:
    """Return the entry that stands for `key`; None: the key itself is listed."""
    if not delimiter:
        return None
    found = key.find(delimiter, len(prefix))
    return None if found < 0 else key[: found + len(delimiter)]
