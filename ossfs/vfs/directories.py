"""
What is in a directory, as the bucket says, with our own changes on top.

The first look at a name lists its directory: up to 1000 entries come with one request, and
then every name in it, present or missing, is known. Of a directory with more entries, names
are asked for one at a time until somebody reads all of it.

Who reads a directory gets it page by page: see `paging`.

A listing that was under way while we changed the directory does not know of the change:
changes are written down with their time and applied again on top of it.

Threads: every method from any thread. One lock guards all states and is never held during
a request; a listing that several threads want is asked for once.
"""

import threading
from collections.abc import Mapping, Sequence
from functools import partial

from ossfs.cache.metadata import KnownDirectories
from ossfs.clock import Clock
from ossfs.store.api import ListedObject, ListPage, ObjectStore
from ossfs.transfer.workers import Workers
from ossfs.vfs.directory_states import MAX_ENTRIES, Seen, State, weight
from ossfs.vfs.entries import (
    DIRECTORY,
    OUR_MARKER,
    Entry,
    file_entry,
    is_directory,
    joined,
    read_all_below,
    read_page,
)
from ossfs.vfs.once import Once
from ossfs.vfs.paging import Pages, Reading

PAGE = 1000


class Directories:
    """
    The directories of a mount.

    A listing is used for `ttl_s` seconds, an absence for `negative_ttl_s`.
    """

    def __init__(
        self,
        *,
        store: ObjectStore,
        workers: Workers,
        clock: Clock,
        ttl_s: float,
        negative_ttl_s: float,
    ) -> None:
        self._store = store
        self._workers = workers
        self._clock = clock
        self._ttl_s = ttl_s
        self._negative_ttl_s = negative_ttl_s
        self._lock = threading.Lock()  # guards the states
        self._states: KnownDirectories[State] = KnownDirectories(MAX_ENTRIES, weight)
        self._once = Once()

    # Asking

    def lookup(self, directory: str, name: str) -> Entry | None:
        """Return the entry; None: there is none. The errors of `ObjectStore.list`."""
        now = self._clock.monotonic()
        with self._lock:
            state = self._state_locked(directory)
            seen = self._seen_locked(state, name, now)
            is_large = now < state.large_until
        if seen is not None:
            return seen.entry
        if not is_large:
            found = self._once.ask((directory, ""), lambda: self._list_first_page(directory))
            if not isinstance(found, Pages):
                return found.get(name)
            if (entry := found.told(name)) is not None:
                return entry
        return self._once.ask((directory, name), lambda: self._look_for(directory, name))

    def read(self, directory: str) -> Reading:
        """Begin to read every entry of the directory. The errors of `ObjectStore.list`."""
        now = self._clock.monotonic()
        with self._lock:
            state = self._state_locked(directory)
            found: dict[str, Entry] | Pages | None = None
            if state.entries is not None and now < state.listed + self._ttl_s:
                found = dict(state.entries)
            elif now < state.large_until:
                found = state.pages
        if found is None:
            found = self._once.ask((directory, ""), lambda: self._list_first_page(directory))
        if isinstance(found, Pages):
            return Reading(partial(self._page, directory, found))
        whole = [found]
        return Reading(lambda at: whole[at] if at < len(whole) else None)

    def _page(self, directory: str, pages: Pages, at: int) -> Mapping[str, Entry] | None:
        """Return one page, with our own changes; behind the last, what we have added."""
        names = pages.names(at)
        if names is None and at > pages.count:
            return None
        with self._lock:
            return self._state_locked(directory).page(pages, names)

    def list_anew(self, directory: str) -> None:
        """Ask for the first page of a directory's listing, unless somebody is asking for it."""
        self._once.ask((directory, ""), lambda: self._list_first_page(directory))

    def list_below(self, directory: str) -> None:
        """Do the same, and list all that is below it, if that fits into one answer."""
        if not self.is_listed(directory):
            self._once.ask((directory, ""), lambda: self._list_below(directory))

    def known(self, directory: str, name: str) -> Entry | None:
        """Return the entry if it is known and still fresh; asks nothing."""
        now = self._clock.monotonic()
        with self._lock:
            seen = self._seen_locked(self._state_locked(directory), name, now)
        return None if seen is None else seen.entry

    def is_listed(self, directory: str) -> bool:
        """Say whether nothing is to be asked to look a name up."""
        now = self._clock.monotonic()
        with self._lock:
            state = self._state_locked(directory)
            is_known = state.entries is not None and now < state.listed + self._ttl_s
            return is_known or now < state.large_until

    def was_directory(self, directory: str, name: str) -> bool:
        """Say whether an outdated listing shows a directory, and nothing newer is known of it."""
        now = self._clock.monotonic()
        with self._lock:
            state = self._state_locked(directory)
            if now < state.large_until or self._seen_locked(state, name, now) is not None:
                return False
            return is_directory((state.entries or {}).get(name))

    def is_there(self, directory: str) -> bool:
        """Say whether a directory's own listing, if that is fresh, proves that it is there."""
        if not self.is_listed(directory):
            return False
        with self._lock:
            state = self._state_locked(directory)
            has_marker = state.marker is not None and state.marker.entry is not None
            return has_marker or bool(state.entries) or state.pages is not None

    def directories_in(self, directory: str) -> list[str]:
        """Return the keys of the directories in one, in order, if it was listed; asks nothing."""
        with self._lock:
            entries = self._state_locked(directory).names()
            return sorted(
                f"{directory}{name}/" for name, one in entries.items() if one.is_directory
            )

    def listed(self, directory: str) -> list[tuple[str, Entry]]:
        """Return the entries in the order of the listing, if there was one; asks nothing."""
        with self._lock:
            return list(self._state_locked(directory).names().items())

    def subdirectories(self, directory: str, besides: Sequence[str]) -> int | None:
        """
        Return how many directories were last seen in it, or are there `besides` those.

        None: it was not listed. Asks nothing.
        """
        with self._lock:
            state = self._state_locked(directory)
            return None if state.entries is None else state.count_directories(besides)

    def age(self, directory: str, name: str) -> float:
        """Return how many seconds ago the entry was seen; infinity if it is not known."""
        now = self._clock.monotonic()
        with self._lock:
            state = self._state_locked(directory)
            seen = self._seen_locked(state, name, now)
        return float("inf") if seen is None else now - seen.at

    def is_bare(self, directory: str, *, besides: str) -> bool:
        """
        Say whether the directory will have neither an entry nor a marker without one name.

        A directory that covers a file leaves that behind when it goes.
        """
        with self._lock:
            state = self._state_locked(directory)
            if state.entries is None or state.marker is None or state.marker.entry is not None:
                return False
            last = state.entries.get(besides)
            leaves_file = last is not None and last.is_directory and bool(last.etag)
            return not leaves_file and not state.entries.keys() - {besides}

    def has_marker(self, directory: str) -> bool | None:
        """Say whether the directory has an object of its own; None: not known."""
        with self._lock:
            marker = self._state_locked(directory).marker
            return None if marker is None else marker.entry is not None

    def marker(self, directory: str) -> Entry | None:
        """Return the directory's own object as a listing shows it, if that is still fresh."""
        now = self._clock.monotonic()
        with self._lock:
            marker = self._state_locked(directory).marker
        if marker is None or marker.entry is OUR_MARKER or now >= marker.at + self._ttl_s:
            return None
        return marker.entry

    def count(self, directory: str) -> int:
        """Return how many entries are known to be there; more than a page: at least so many."""
        with self._lock:
            state = self._state_locked(directory)
            return state.count()

    # Telling

    def saw_before(self, directory: str, page: ListPage) -> None:
        """Take over a listing that is not to be relied on: it says what is worth asking for."""
        if page.next_token is None:
            with self._lock:
                state = self._state_locked(directory)
                state.entries, state.listed = read_page(page, directory)[0], float("-inf")

    def put(self, directory: str, name: str, entry: Entry) -> None:
        """Take note of an entry that we made, changed or saw."""
        self._change(directory, name, entry)

    def remove(self, directory: str, name: str) -> None:
        """Take note that the entry is gone."""
        self._change(directory, name, None)

    def add_directory(self, directory: str, name: str) -> None:
        """Take note that a directory is there; what is known of a file of its name stays known."""
        with self._lock:
            state = self._state_locked(directory)
            seen = state.seen(name)
            if seen is None and state.pages is None:
                return  # whoever wants to know will ask for both
        known = None if seen is None else seen.entry
        entry = DIRECTORY if known is None else known._replace(is_directory=True)
        self._change(directory, name, entry)

    def remove_directory(self, directory: str, name: str) -> None:
        """Take note that a directory is gone; a file of the same name comes to light."""
        with self._lock:
            seen = self._state_locked(directory).seen(name)
        known = None if seen is None else seen.entry
        file = known._replace(is_directory=False) if known is not None and known.etag else None
        self._change(directory, name, file)

    def remove_file(self, directory: str, name: str) -> None:
        """Take note that a file is gone; a directory of its name, if one was seen, stays."""
        with self._lock:
            seen = self._state_locked(directory).seen(name)
        known = None if seen is None else seen.entry
        self._change(directory, name, DIRECTORY if is_directory(known) else None)

    def doubt(self, directory: str, name: str) -> None:
        """Take note that what is known of the entry is wrong: ask the bucket again."""
        with self._lock:
            state = self._state_locked(directory)
            state.entries = state.pages = None
            state.single.pop(name, None)

    def made(self, directory: str) -> None:
        """Take note of a directory that we made: it has a marker and is empty."""
        with self._lock:
            state = self._state_locked(directory)
            state.marker = Seen(OUR_MARKER, self._clock.monotonic())
            if state.entries is None:
                state.entries, state.listed = {}, state.marker.at

    def marked(self, directory: str) -> None:
        """Take note that a directory has a marker."""
        with self._lock:
            state = self._state_locked(directory)
            state.marker = Seen(OUR_MARKER, self._clock.monotonic())

    def forget(self, directory: str) -> None:
        """Know nothing of the directory and all below it."""
        with self._lock:
            self._states.drop(directory)

    def saw_all_below(
        self, directory: str, objects: Mapping[str, ListedObject], started: float
    ) -> None:
        """Take over what was seen of a directory and all below it, asked for at `started`."""
        with self._lock:
            for parent, entries in read_all_below(directory, objects).items():
                marker = objects.get(parent)
                self._install_locked(
                    parent, entries, started, None if marker is None else file_entry(marker)
                )

    def _change(self, directory: str, name: str, entry: Entry | None) -> None:
        with self._lock:
            state = self._state_locked(directory)
            state.single[name] = Seen(entry, self._clock.monotonic())
            if state.entries is not None:
                if state.subdirectories is not None:
                    state.subdirectories += is_directory(entry)
                    state.subdirectories -= is_directory(state.entries.get(name))
                if entry is None:
                    state.entries.pop(name, None)
                else:
                    state.entries[name] = entry

    # Inside

    def _state_locked(self, directory: str) -> State:
        state = self._states.get(directory)
        return self._states.setdefault(directory, State()) if state is None else state

    def _seen_locked(self, state: State, name: str, now: float) -> Seen | None:
        """Return what is known of a name and still fresh; None: ask the bucket."""
        seen = state.seen(name)
        if seen is None:
            return None
        ttl_s = self._negative_ttl_s if seen.entry is None else self._ttl_s
        return seen if now < seen.at + ttl_s else None

    def _list_first_page(self, directory: str) -> dict[str, Entry] | Pages:
        """List up to 1000 entries; return all, or the pages if there are more."""
        started = self._clock.monotonic()
        return self._take_first_page(directory, self._list_page(directory, None), started)

    def _list_page(self, directory: str, token: str | None) -> ListPage:
        return self._store.list(directory, delimiter="/", token=token, max_keys=PAGE)

    def _list_below(self, directory: str) -> dict[str, Entry] | Pages:
        """Do the same, and know all that is below it when the answer says so."""
        started = self._clock.monotonic()
        page = self._store.list(directory, max_keys=PAGE)
        if page.next_token is not None:
            return self._list_first_page(directory)
        self.saw_all_below(directory, {item.key: item for item in page.objects}, started)
        with self._lock:
            return dict(self._state_locked(directory).entries or {})

    def _take_first_page(
        self, directory: str, page: ListPage, started: float
    ) -> dict[str, Entry] | Pages:
        if page.next_token is None:
            entries, marker = read_page(page, directory)
            with self._lock:
                self._install_locked(directory, entries, started, marker)
                return dict(entries)
        pages = Pages(
            directory,
            page,
            started=started,
            ask=partial(self._list_page, directory),
            came=partial(self._came, directory),
            workers=self._workers,
        )
        with self._lock:
            state = self._state_locked(directory)
            state.large_until, state.pages = started + self._ttl_s, pages
            self._mark_locked(state, pages.marker, started)  # its key sorts first
            self._states.put(directory, state)
        return pages

    def _came(self, directory: str, pages: Pages) -> None:
        """Count one more page; keep all when it was the last, unless they are outdated."""
        with self._lock:
            state = self._state_locked(directory)
            if state.pages is not pages:
                return
            if pages.is_complete:
                self._install_locked(directory, dict(pages.entries), pages.started, pages.marker)
            else:
                self._states.put(directory, state)

    def _install_locked(
        self, directory: str, entries: dict[str, Entry], started: float, marker: Entry | None
    ) -> None:
        """Take over a listing, but for what we changed since it was asked for."""
        state = self._state_locked(directory)
        state.single = {name: seen for name, seen in state.single.items() if seen.at >= started}
        for name, seen in state.single.items():
            if seen.entry is None:
                entries.pop(name, None)
            else:
                entries[name] = seen.entry
        state.entries, state.listed, state.large_until = entries, started, 0.0
        state.subdirectories, state.pages = None, None
        self._mark_locked(state, marker, started)
        self._states.put(directory, state)

    def _mark_locked(self, state: State, marker: Entry | None, started: float) -> None:
        known = state.marker
        if known is None or known.entry is not OUR_MARKER or known.at < started:
            state.marker = Seen(marker, started)

    def _look_for(self, directory: str, name: str) -> Entry | None:
        """Ask for one name in a large directory: one request, rarely two."""
        started = self._clock.monotonic()
        key = directory + name
        page = self._store.list(key, delimiter="/", max_keys=PAGE)
        entries, _ = read_page(page, directory)
        entry = entries.get(name)
        if page.next_token is not None and (entry is None or not entry.is_directory):
            below = self._store.list(key + "/", max_keys=1)
            entry = joined(entry, DIRECTORY) if below.objects else entry
        with self._lock:
            state = self._state_locked(directory)
            newest = state.single.get(name)
            if newest is not None and newest.at >= started:
                return newest.entry
            state.single[name] = Seen(entry, started)
        return entry
