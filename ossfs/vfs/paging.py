"""
A directory of more than one page, on its way from the bucket.

Whoever reads it gets page after page, and the next one is asked for while he looks at what
he got: the first names come after one request, and reading on does not wait for the store if
that is faster. All who read it meanwhile share the pages. One page is asked for ahead, not
more, so a reader who stops early costs one request that nobody needs.

A name that is both a file and a directory is listed twice, perhaps on two pages. So a file
behind which its directory may still come is told with a later page.

Threads: every method from any thread; the lock is never held during a request.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future

from ossfs.store.api import ListPage
from ossfs.transfer.workers import Workers
from ossfs.vfs.entries import Entry, joined, read_page


class Pages:
    """
    The pages of one directory, of which the `first` was asked for at `started`.

    `ask` asks for the page of a token; `came` is called after each that came.
    """

    def __init__(
        self,
        directory: str,
        first: ListPage,
        *,
        started: float,
        ask: Callable[[str], ListPage],
        came: Callable[["Pages"], None],
        workers: Workers,
    ) -> None:
        self.started = started
        self.entries: dict[str, Entry] = {}
        """All that have come; another thread may add to them."""
        self.marker: Entry | None = None
        self._directory = directory
        self._ask = ask
        self._came = came
        self._workers = workers
        self._lock = threading.Lock()  # guards what follows, and adding to the above
        self._names: list[list[str]] = []
        self._held: list[str] = []
        self._token = first.next_token
        self._flight: Future[None] | None = None
        self._take_locked(first)

    @property
    def is_complete(self) -> bool:
        """Whether the last page has come."""
        return self._token is None

    @property
    def count(self) -> int:
        """How many pages have come."""
        return len(self._names)

    def told(self, name: str) -> Entry | None:
        """Return an entry if it has come and nothing more can come of it."""
        return None if name in self._held else self.entries.get(name)

    def so_far(self) -> Mapping[str, Entry]:
        """Return what has come, as it is in this moment."""
        with self._lock:
            return dict(self.entries)

    def names(self, at: int) -> Sequence[str] | None:
        """
        Return the names of one page, from 0; None: there are not so many pages.

        The errors of `ObjectStore.list`: the next call asks again.
        """
        while True:
            with self._lock:
                names = self._names[at] if at < len(self._names) else None
                is_enough = at + 1 < len(self._names) or self.is_complete
                flight, is_mine = self._flight, False
                if flight is None and not is_enough:
                    flight = self._flight = Future()
                    is_mine = True
            if names is not None:
                if flight is not None and is_mine:
                    self._fetch_ahead(flight)
                return names
            if flight is None:
                return None
            if is_mine:
                self._fetch(flight)
            flight.result()

    def _fetch_ahead(self, flight: Future[None]) -> None:
        def ended(task: Future[None]) -> None:
            if task.cancelled():  # the mount ends
                flight.cancel()

        self._workers.submit(self._fetch, flight).add_done_callback(ended)

    def _fetch(self, flight: Future[None]) -> None:
        """Bring the next page; errors are for those who wait for it."""
        try:
            page = self._ask(self._token or "")
            with self._lock:
                self._token, self._flight = page.next_token, None
                self._take_locked(page)
            self._came(self)
        except BaseException as error:  # noqa: BLE001  # whoever waits gets it
            with self._lock:
                self._flight = None
            flight.set_exception(error)
        else:
            flight.set_result(None)

    def _take_locked(self, page: ListPage) -> None:
        found, marker = read_page(page, self._directory)
        self.marker = self.marker or marker
        told = [*self._held, *(name for name in found if name not in self.entries)]
        for name, entry in found.items():
            self.entries[name] = joined(self.entries.get(name), entry)
        self._held = [name for name in told if self._may_follow(name, _last(page))]
        held = set(self._held)
        self._names.append([name for name in told if name not in held])

    def _may_follow(self, name: str, last: str) -> bool:
        """Say whether a directory may come of what is a file up to here."""
        is_open = not self.is_complete and not self.entries[name].is_directory
        return is_open and last < f"{self._directory}{name}/"


class Reading:
    """
    One reader's way through a directory; not for two threads at a time.

    `page` returns one of several pieces by its number, from 0; None: there are not so many.
    """

    def __init__(self, page: Callable[[int], Mapping[str, Entry] | None]) -> None:
        self._page = page
        self._at = 0

    def more(self) -> Mapping[str, Entry] | None:
        """
        Return the next entries, perhaps none; None: that was all.

        The errors of `ObjectStore.list`: the next call goes on at the same place.
        """
        entries = self._page(self._at)
        if entries is not None:
            self._at += 1
        return entries


def _last(page: ListPage) -> str:
    """Return the key or prefix with which a page ends."""
    keys = [item.key for item in page.objects[-1:]]
    return max(keys + list(page.prefixes[-1:]), default="")
