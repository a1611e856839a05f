"""
What is known of one directory: all of its entries, its first pages, or single names.

Threads: values, guarded by the lock of `Directories`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ossfs.vfs.entries import Entry
from ossfs.vfs.paging import Pages

MAX_ENTRIES = 300_000  # in all listings that are kept, about 350 bytes each
BESIDE = 30  # entries that a directory counts beside its own


class Seen(NamedTuple):
    """An entry, or its absence, and when it was seen or made."""

    entry: Entry | None
    at: float


@dataclass(slots=True)
class State:
    """What is known of one directory; times are monotonic seconds."""

    entries: dict[str, Entry] | None = None
    """All of them; None: not known."""
    listed: float = 0.0
    large_until: float = 0.0
    """Until then its first page is not asked for again: it did not hold everything."""
    pages: Pages | None = None
    """Those that have come, if the first one did not hold everything."""
    single: dict[str, Seen] = field(default_factory=dict)
    """Names asked for, or changed by us, one at a time."""
    marker: Seen | None = None
    """The directory's own object, or its absence; None: not known."""
    subdirectories: int | None = None
    """How many of the entries are directories; None: not counted."""

    def seen(self, name: str) -> Seen | None:
        """Return the newest that is known of a name, however old; None: nothing."""
        newest = self.single.get(name)
        if self.entries is not None and (newest is None or newest.at < self.listed):
            newest = Seen(self.entries.get(name), self.listed)
        if self.pages is not None and (newest is None or newest.at < self.pages.started):
            told = self.pages.told(name)
            newest = newest if told is None else Seen(told, self.pages.started)
        return newest

    def names(self) -> Mapping[str, Entry]:
        """Return the entries that were listed: all, or those of the first pages."""
        if self.entries is None and self.pages is not None:
            return self.pages.so_far()
        return self.entries or {}

    def page(self, pages: Pages, names: Sequence[str] | None) -> dict[str, Entry]:
        """Return the entries of one page, with our own changes; None: what we have added."""
        told: Iterable[str] = names or ()
        if names is None:
            told = [name for name in self.single if name not in pages.entries]
        entries: dict[str, Entry | None] = {name: pages.entries[name] for name in names or ()}
        for name in told:
            seen = self.single.get(name)
            if seen is not None and seen.at >= pages.started:
                entries[name] = seen.entry
        return {name: entry for name, entry in entries.items() if entry is not None}

    def count_directories(self, besides: Sequence[str]) -> int:
        """Return how many directories were listed, or are there `besides` those."""
        entries = self.entries or {}
        if self.subdirectories is None:
            self.subdirectories = sum(one.is_directory for one in entries.values())
        return self.subdirectories + sum(name not in entries for name in besides)

    def count(self) -> int:
        """Return how many entries are known to be there; of a large directory, at least."""
        if self.entries is not None:
            return len(self.entries)
        return len(self.single) if self.pages is None else len(self.pages.entries)


def weight(state: State) -> int:
    """Return what a directory counts; a huge one may be kept, with some others."""
    entries = state.entries if state.pages is None else state.pages.entries
    return min(BESIDE + len(entries or state.single), MAX_ENTRIES // 2)
