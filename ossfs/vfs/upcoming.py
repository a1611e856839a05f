"""
Small files fetched before they are opened, when somebody reads one after the other.

`cat *`, `grep -r` and a loop over numbered files open the files of a directory in an order
that can be known: that of the listing, or that of the numbers in the names. Once the third
file was opened in such an order, the next ones are fetched whole, side by side; each GET
brings what is stored beside the file, too. How many are fetched ahead doubles only when the
reader arrives before the bytes do, so that a slow reader has few of them lie about.

Files read side by side, by a few processes or threads that share the work, count as one
after the other. Whoever reads at random is left alone.

Threads: every method from any thread. One lock guards the walks; it is never held during a
request. The workers fetch.
"""

import re
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial

from ossfs.clock import Clock
from ossfs.errors import StoreError
from ossfs.transfer.workers import Workers
from ossfs.vfs.descriptions import Descriptions
from ossfs.vfs.directories import Directories
from ossfs.vfs.entries import Entry
from ossfs.vfs.keys import split
from ossfs.vfs.nodes import NodeTable
from ossfs.vfs.reader import ObjectReader
from ossfs.vfs.walk import Asked

SMALL = 128 << 10
"""Bytes of a file that is fetched whole when it is opened: a HEAD takes about as long."""

PATIENCE = 3  # files opened in an order before the next ones are fetched
PAUSE_S = 2.0  # after this time without an open, the walk is over
FIRST_AHEAD = 4  # files fetched ahead; doubles
LAST_AHEAD = 64
MAX_BYTES = 4 << 20  # of the files that one walk has ahead
MAX_LEFT = 4 * LAST_AHEAD  # files that were fetched ahead and are not opened after all
BEFORE, BEHIND = 16, 8  # how far beside the furthest file others may be opened
MAX_NUMBERED = 20_000  # names that are put in the order of their numbers: takes 3 µs each


class Upcoming:
    """Fetches what the readers of one mount will open next. `asked` is what is on its way."""

    def __init__(
        self,
        *,
        reader: ObjectReader,
        descriptions: Descriptions,
        directories: Directories,
        nodes: NodeTable,
        asked: Asked,
        workers: Workers,
        clock: Clock,
    ) -> None:
        self._reader = reader
        self._descriptions = descriptions
        self._directories = directories
        self._nodes = nodes
        self._asked = asked
        self._workers = workers
        self._clock = clock
        self._lock = threading.Lock()  # guards what follows
        self._walks: dict[str, _Walk] = {}
        self._followed = float("-inf")  # when somebody was last seen to follow an order

    def opened(self, key: str) -> None:
        """Take note that a small file is being opened to be read; fetch what comes next."""
        self._descriptions.walks.opened(key)
        directory, name = split(key)
        for other, entry in self._next(directory, name):
            following = directory + other
            if self._asked.add(following):
                future = self._workers.submit(self._fetch, following, entry)
                future.add_done_callback(partial(self._fetched, directory, other))

    def wait(self, key: str) -> bool:
        """Wait for the bytes of a file that are on their way; False: they are not."""
        return self._asked.wait(key)

    def _next(self, directory: str, name: str) -> Sequence[tuple[str, Entry]]:
        """Return the files of a directory that are to be fetched after one was opened."""
        now = self._clock.monotonic()
        with self._lock:
            walk = self._walks.get(directory)
            if walk is None or now > walk.at + PAUSE_S:
                self._walks = {key: w for key, w in self._walks.items() if now <= w.at + PAUSE_S}
                # Who has read one directory in order reads the next one, too.
                patience = 1 if now <= self._followed + PAUSE_S else PATIENCE
                walk = self._walks[directory] = _Walk(patience)
            walk.at = now
            walk.opened.append(name)
            if not walk.orders:
                if len(walk.opened) < walk.patience:
                    return ()
                entries = {
                    other: entry
                    for other, entry in self._directories.listed(directory)
                    if not (entry.is_directory or entry.is_link)
                }
                walk.see(entries)
            found = [
                (other, entry)
                for other, entry in walk.follow()
                if 0 < entry.size <= SMALL and self._nodes.get(directory + other) is None
            ]
            walk.flying.update(other for other, _ in found)
            if walk.is_followed:
                self._followed = now
        return found

    def _fetch(self, key: str, entry: Entry) -> None:
        """Bring a file into memory; who opens it looks, and asks for what did not come."""
        try:
            self._reader.fetch_whole(key, entry.etag, entry.size, is_ahead=True)
        except StoreError:
            return

    def _fetched(self, directory: str, name: str, _: Future[None]) -> None:
        with self._lock:
            walk = self._walks.get(directory)
            if walk is not None and name in walk.flying:
                walk.flying.remove(name)
                walk.ready.add(name)
        self._asked.answered(directory + name)


@dataclass(slots=True)
class _Order:
    """One order of a directory's files, and how far it was followed."""

    names: Sequence[str]
    places: dict[str, int]
    first: int = 0
    furthest: int = -1
    looked: int = 0
    """Files before this one were opened, or are fetched."""
    hits: int = 0
    """Different files that were opened, from the first to the furthest."""
    near: set[int] = field(default_factory=set)
    """The last of them."""

    def opened(self, name: str) -> None:
        """Take note of an open."""
        at = self.places.get(name)
        if at is None or at in self.near:
            return
        if not self.hits or not self.furthest - BEFORE <= at <= self.furthest + BEHIND:
            self.hits, self.first, self.furthest, self.looked = 0, at, at, 0
            self.near.clear()
        self.hits += 1
        self.near.add(at)
        self.furthest = max(self.furthest, at)
        if len(self.near) > 4 * BEFORE:
            self.near = {one for one in self.near if one >= self.furthest - BEFORE}

    @property
    def is_followed(self) -> bool:
        """Whether most files are opened, and not one here and one there."""
        return 2 * self.hits > self.furthest - self.first


@dataclass(slots=True)
class _Walk:
    """Somebody who opens files of one directory."""

    patience: int
    at: float = 0.0
    opened: list[str] = field(default_factory=list)
    """Since the orders were last told."""
    entries: dict[str, Entry] = field(default_factory=dict)
    orders: list[_Order] = field(default_factory=list)
    ahead: int = FIRST_AHEAD
    flying: set[str] = field(default_factory=set)
    """Files that are being fetched, and were not opened since."""
    ready: set[str] = field(default_factory=set)
    """Those whose bytes have come."""
    is_followed: bool = False
    """Files were seen to be opened in order."""

    def see(self, entries: dict[str, Entry]) -> None:
        """Take note of the files there are."""
        self.entries = entries
        self.orders = [_order(sorted(entries))]
        if len(entries) <= MAX_NUMBERED and any(re.search(r"\d", name) for name in self.opened):
            self.orders.append(_order(sorted(entries, key=_numbered)))

    def follow(self) -> list[tuple[str, Entry]]:
        """Return the files to fetch now that those in `opened` were opened."""
        is_ready = True
        for name in self.opened:
            is_ready = name in self.ready
            self.ready.discard(name)
            self.flying.discard(name)
            for order in self.orders:
                order.opened(name)
        self.opened.clear()
        best = max(self.orders, key=lambda order: (order.is_followed, order.hits))
        self.is_followed = best.is_followed and best.hits > 1
        is_first = best.furthest == 0
        is_late = len(self.ready) > MAX_LEFT
        if best.hits < (self.patience if is_first else PATIENCE) or is_late:
            return []
        if not best.is_followed:
            return []
        if not is_ready:
            self.ahead = min(2 * self.ahead, LAST_AHEAD)
        first = max(best.looked, best.furthest + 1)
        stop = min(best.furthest + 1 + self.ahead, len(best.names))
        if first >= stop or stop - first < min(self.ahead // 4, len(best.names) - first):
            return []
        found = list(self._within(best.names[first:stop]))
        best.looked = first + len(found)
        return found

    def _within(self, names: Sequence[str]) -> Iterator[tuple[str, Entry]]:
        """Yield entries as long as they fit."""
        room = MAX_BYTES - sum(self.entries[name].size for name in self.ready)
        for name in names:
            entry = self.entries[name]
            room -= entry.size if entry.size <= SMALL else 0
            if room < 0:
                return
            yield name, entry


def _order(names: Sequence[str]) -> _Order:
    return _Order(names, {name: at for at, name in enumerate(names)})


def _numbered(name: str) -> list[tuple[int, str]]:
    """Return what names are compared by when numbers in them count as such."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)
    ]
