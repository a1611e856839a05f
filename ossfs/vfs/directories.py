"""
What is in a directory, as the bucket says, with our own changes on top.

The first look at a name lists its directory: up to 1000 entries come with one request, and
then every name in it, present or missing, is known. Of a directory with more entries, names
are asked for one at a time until somebody reads all of it.

A listing that was under way while we changed the directory does not know of the change:
changes are written down with their time and applied again on top of it.

Threads: every method from any thread. One lock guards all states and is never held during
a request; a listing that several threads want is asked for once.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ossfs.cache.metadata import KnownDirectories
from ossfs.clock import Clock
from ossfs.store.api import ListedObject, ListPage, ObjectStore
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

MAX_ENTRIES = 300_000  # in all listings that are kept, about 350 bytes each
BESIDE = 30  # entries that a directory counts beside its own
PAGE = 1000
FIRST_PAGE_S = 2.0  # after a first page was listed, the others are listed behind it


class _Seen(NamedTuple):
    """An entry, or its absence, and when it was seen or made."""

    entry: Entry | None
    at: float


@dataclass(slots=True)
class _State:
    """What is known of one directory; times are monotonic seconds."""

    entries: dict[str, Entry] | None = None
    """All of them; None: not known."""
    listed: float = 0.0
    large_until: float = 0.0
    """Until then its first page is not asked for again: it did not hold everything."""
    single: dict[str, _Seen] = field(default_factory=dict)
    """Names asked for, or changed by us, one at a time."""
    marker: _Seen | None = None
    """The directory's own object, or its absence; None: not known."""
    subdirectories: int | None = None
    """How many of the entries are directories; None: not counted."""
    first: "_First | None" = None
    """The first page, if it did not hold everything, until somebody reads the others."""

    def known(self, name: str) -> Entry | None:
        """Return what was asked or listed last of a name, however long ago."""
        single = self.single.get(name)
        return single.entry if single else (self.entries or {}).get(name)


def _weight(state: _State) -> int:
    """Return what a directory counts; a huge one may be kept, with some others."""
    return min(BESIDE + len(state.entries or state.single), MAX_ENTRIES // 2)


class _First(NamedTuple):
    """The first page of a large directory; monotonic seconds."""

    started: float
    token: str | None
    entries: dict[str, Entry]
    marker: Entry | None


class Directories:
    """
    The directories of a mount.

    A listing is used for `ttl_s` seconds, an absence for `negative_ttl_s`.
    """

    def __init__(
        self, *, store: ObjectStore, clock: Clock, ttl_s: float, negative_ttl_s: float
    ) -> None:
        self._store = store
        self._clock = clock
        self._ttl_s = ttl_s
        self._negative_ttl_s = negative_ttl_s
        self._lock = threading.Lock()  # guards the states
        self._states: KnownDirectories[_State] = KnownDirectories(MAX_ENTRIES, _weight)
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
            entries = self._once.ask((directory, ""), lambda: self._list_first_page(directory))
            if entries is not None:
                return entries.get(name)
        return self._once.ask((directory, name), lambda: self._look_for(directory, name))

    def entries(self, directory: str) -> Mapping[str, Entry]:
        """Return every entry of the directory. The errors of `ObjectStore.list`."""
        now = self._clock.monotonic()
        with self._lock:
            state = self._state_locked(directory)
            if state.entries is not None and now < state.listed + self._ttl_s:
                return dict(state.entries)
            is_large = now < state.large_until
        if not is_large:
            entries = self._once.ask((directory, ""), lambda: self._list_first_page(directory))
            if entries is not None:
                return dict(entries)
        return dict(self._once.ask((directory, "/"), lambda: self._list_all(directory)))

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

    def directories_in(self, directory: str) -> list[str]:
        """Return the keys of the directories in one, in order, if it was listed; asks nothing."""
        with self._lock:
            entries = self._state_locked(directory).entries or {}
            return sorted(
                f"{directory}{name}/" for name, one in entries.items() if one.is_directory
            )

    def listed(self, directory: str) -> list[tuple[str, Entry]]:
        """Return the entries in the order of the listing, if there was one; asks nothing."""
        with self._lock:
            entries = self._state_locked(directory).entries
            return [] if entries is None else list(entries.items())

    def subdirectories(self, directory: str) -> int | None:
        """Return how many directories were last seen in it; None: not known. Asks nothing."""
        with self._lock:
            state = self._state_locked(directory)
            if state.subdirectories is None and state.entries is not None:
                state.subdirectories = sum(one.is_directory for one in state.entries.values())
            return None if state.entries is None else state.subdirectories

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
            return len(state.single) if state.entries is None else len(state.entries)

    # Telling

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
            if state.entries is None and state.first is None and name not in state.single:
                return  # whoever wants to know will ask for both
            known = state.known(name)
            if known is None and state.first is not None:
                known = state.first.entries.get(name)
        entry = DIRECTORY if known is None else known._replace(is_directory=True)
        self._change(directory, name, entry)

    def remove_directory(self, directory: str, name: str) -> None:
        """Take note that a directory is gone; a file of the same name comes to light."""
        with self._lock:
            known = self._state_locked(directory).known(name)
        file = known._replace(is_directory=False) if known is not None and known.etag else None
        self._change(directory, name, file)

    def doubt(self, directory: str, name: str) -> None:
        """Take note that what is known of the entry is wrong: ask the bucket again."""
        with self._lock:
            state = self._state_locked(directory)
            state.entries = None
            state.single.pop(name, None)

    def made(self, directory: str) -> None:
        """Take note of a directory that we made: it has a marker and is empty."""
        with self._lock:
            state = self._state_locked(directory)
            state.marker = _Seen(OUR_MARKER, self._clock.monotonic())
            if state.entries is None:
                state.entries, state.listed = {}, state.marker.at

    def marked(self, directory: str) -> None:
        """Take note that a directory has a marker."""
        with self._lock:
            state = self._state_locked(directory)
            state.marker = _Seen(OUR_MARKER, self._clock.monotonic())

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
            state.single[name] = _Seen(entry, self._clock.monotonic())
            if state.entries is not None:
                if state.subdirectories is not None:
                    state.subdirectories += is_directory(entry)
                    state.subdirectories -= is_directory(state.entries.get(name))
                if entry is None:
                    state.entries.pop(name, None)
                else:
                    state.entries[name] = entry

    # Inside

    def _state_locked(self, directory: str) -> _State:
        state = self._states.get(directory)
        return self._states.setdefault(directory, _State()) if state is None else state

    def _seen_locked(self, state: _State, name: str, now: float) -> _Seen | None:
        """Return what is known of a name and still fresh; None: ask the bucket."""
        single = state.single.get(name)
        if state.entries is not None and (single is None or single.at < state.listed):
            single = _Seen(state.entries.get(name), state.listed)
        if single is None:
            return None
        ttl_s = self._negative_ttl_s if single.entry is None else self._ttl_s
        return single if now < single.at + ttl_s else None

    def _list_first_page(self, directory: str) -> dict[str, Entry] | None:
        """List up to 1000 entries; return all if there are not more."""
        started = self._clock.monotonic()
        page = self._store.list(directory, delimiter="/", max_keys=PAGE)
        return self._take_first_page(directory, page, started)

    def _list_below(self, directory: str) -> dict[str, Entry] | None:
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
    ) -> dict[str, Entry] | None:
        entries, marker = read_page(page, directory)
        with self._lock:
            state = self._state_locked(directory)
            if page.next_token is None:
                self._install_locked(directory, entries, started, marker)
                return dict(entries)
            state.large_until = started + self._ttl_s
            state.first = _First(started, page.next_token, entries, marker)
            self._mark_locked(state, marker, started)  # its key sorts first
            for name, entry in entries.items():
                if name not in state.single or state.single[name].at < started:
                    state.single[name] = _Seen(entry, started)
        return None

    def _list_all(self, directory: str) -> dict[str, Entry]:
        started, token, entries, marker = self._begin(directory)
        while True:
            page = self._store.list(directory, delimiter="/", token=token, max_keys=PAGE)
            more, found = read_page(page, directory)
            for name, entry in more.items():
                entries[name] = joined(entries.get(name), entry)
            marker = marker or found
            token = page.next_token
            if token is None:
                break
        with self._lock:
            self._install_locked(directory, entries, started, marker)
            return dict(entries)

    def _begin(self, directory: str) -> "_First":
        """Return the first page of a large directory, if that was asked for right before."""
        now = self._clock.monotonic()
        with self._lock:
            state = self._state_locked(directory)
            first, state.first = state.first, None
        if first is None or now > first.started + FIRST_PAGE_S:
            return _First(now, None, {}, None)
        return first

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
        state.subdirectories, state.first = None, None
        self._mark_locked(state, marker, started)
        self._states.put(directory, state)

    def _mark_locked(self, state: _State, marker: Entry | None, started: float) -> None:
        known = state.marker
        if known is None or known.entry is not OUR_MARKER or known.at < started:
            state.marker = _Seen(marker, started)

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
            state.single[name] = _Seen(entry, started)
        return entry
