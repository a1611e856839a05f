"""
Directories listed before somebody looks into them.

Who looks at a directory mostly looks into it next: so the first question about one is its
listing, which tells of its marker, too. When directories that stand side by side are looked
into one after the other (find, du, rsync, git status, rm -r), the next ones are listed ahead,
each with all that is below it, if that fits into one answer.

A listing that nobody uses is a request too many. So only two directories of a parent are
listed in advance, and two more for each one that was looked into, up to 16. Of directories
whose markers are known, more are: a listing says whether that is still so, and what has to be
asked else is a request, too.

Threads: every method from any thread. One lock guards the walks; it is never held during a
request. The workers list.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial

from ossfs.clock import Clock
from ossfs.errors import StoreError
from ossfs.transfer.workers import Workers
from ossfs.vfs.directories import Directories
from ossfs.vfs.keys import split
from ossfs.vfs.walk import Asked

FIRST_AHEAD = 2  # directories of one parent that are listed and were not looked into
MORE_AHEAD = 2  # for each one that was
LAST_AHEAD = 16
MOST_KNOWN = 200  # the same for directories whose markers are known
PAUSE_S = 2.0  # after this time without a look, the walk is over


@dataclass(slots=True)
class _Walk:
    """Somebody who looks at the directories of one parent."""

    at: float
    ahead: int = FIRST_AHEAD
    unused: set[str] = field(default_factory=set)
    """Directories that were listed, and that nobody has looked into."""
    names: Sequence[str] = ()
    """The directories of the parent, in order."""
    places: dict[str, int] = field(default_factory=dict)


class ListingAhead:
    """
    Lists directories of one mount. `asked` is what is on its way.

    `is_known` says of a directory whether a marker of it was seen before.
    """

    def __init__(
        self,
        *,
        directories: Directories,
        is_known: Callable[[str], bool],
        asked: Asked,
        workers: Workers,
        clock: Clock,
    ) -> None:
        self._directories = directories
        self._is_known = is_known
        self._asked = asked
        self._workers = workers
        self._clock = clock
        self._lock = threading.Lock()  # guards what follows
        self._walks: dict[str, _Walk] = {}
        self._unused: set[str] = set()  # of all walks; read without the lock

    def looked_at(self, directory: str) -> bool:
        """
        List a directory that somebody asks about, or wait for its listing.

        False: too many have been listed in vain; ask for the directory alone. The errors of
        `ObjectStore.list`.
        """
        if self._asked.wait(directory):
            return True
        is_known = self._is_known(directory)
        with self._lock:
            walk = self._walk_locked(split(directory)[0])
            limit = MOST_KNOWN if is_known else walk.ahead
            is_late = len(walk.unused) >= walk.ahead
            if directory not in walk.unused and len(walk.unused) >= limit:
                return False
            is_walk = walk.ahead > FIRST_AHEAD
            walk.unused.add(directory)
            self._unused.add(directory)
        if is_late:
            known = [one for one in self._behind(walk, directory) if self._is_known(one)]
            self._list_ahead(walk, known[:LAST_AHEAD], limit=MOST_KNOWN)
        if is_walk:
            self._directories.list_below(directory)
        else:
            self._directories.list_anew(directory)
        return True

    def looked_into(self, directory: str) -> None:
        """Take note that names in a directory are asked for; list those that stand behind it."""
        if directory not in self._unused:
            return
        self._asked.wait(directory)
        parent = split(directory)[0]
        with self._lock:
            self._unused.discard(directory)
            walk = self._walk_locked(parent)
            walk.unused.discard(directory)
            walk.ahead = min(walk.ahead + MORE_AHEAD, LAST_AHEAD)
        self._list_ahead(walk, self._behind(walk, directory), limit=walk.ahead)

    def _behind(self, walk: _Walk, directory: str) -> Sequence[str]:
        """Return some of the directories behind one that were not listed."""
        if directory not in walk.places:
            names = self._directories.directories_in(split(directory)[0])
            walk.names, walk.places = names, {name: at for at, name in enumerate(names)}
        at = walk.places.get(directory, len(walk.names))
        return [
            one
            for one in walk.names[at + 1 : at + 1 + 2 * LAST_AHEAD]
            if one not in self._unused and not self._directories.is_listed(one)
        ]

    def _list_ahead(self, walk: _Walk, directories: Sequence[str], *, limit: int) -> None:
        with self._lock:
            chosen = directories[: max(limit - len(walk.unused), 0)]
            walk.unused.update(chosen)
            self._unused.update(chosen)
        for one in chosen:
            if self._asked.add(one):
                future = self._workers.submit(self._list, one)
                future.add_done_callback(partial(self._listed, one))

    def _walk_locked(self, parent: str) -> _Walk:
        now = self._clock.monotonic()
        walk = self._walks.get(parent)
        if walk is None or now > walk.at + PAUSE_S:
            for key in [key for key, one in self._walks.items() if now > one.at + PAUSE_S]:
                self._unused -= self._walks.pop(key).unused
            walk = self._walks[parent] = _Walk(now)
        walk.at = now
        return walk

    def _list(self, directory: str) -> None:
        """List a directory; who looks into it lists it again if that fails."""
        try:
            self._directories.list_below(directory)
        except StoreError:
            return

    def _listed(self, directory: str, _: Future[None]) -> None:
        self._asked.answered(directory)
