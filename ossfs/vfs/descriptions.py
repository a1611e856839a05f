"""
What is stored beside files and directories: what is known of it, and asking for the rest.

A listing describes a version by etag, size and time; its user metadata comes with a HEAD, a
GET, or our own write. What was learned of exactly the version that a listing shows is used
without asking; `Asking` decides whether a file of which nothing is known is asked for when
it is shown. What is shown from a listing alone (`Known.headers` is None) is never written
back: who changes a file gets what is `known`, and that asks.

Threads: every method from any thread; those that ask block for requests.
"""

import stat
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice

from ossfs.cache.metadata import LONG_AGO, Known, KnownObjects
from ossfs.clock import Clock
from ossfs.errors import NoSuchKey
from ossfs.store.api import Headers, ObjectInfo, ObjectStore, kept_class
from ossfs.transfer.workers import Workers
from ossfs.vfs.ahead import ListingAhead
from ossfs.vfs.asking import AUTO, HEAD, LIST, Asking, is_posix
from ossfs.vfs.directories import Directories
from ossfs.vfs.entries import Entry
from ossfs.vfs.keys import split
from ossfs.vfs.nodes import NodeTable
from ossfs.vfs.posix import file_kind
from ossfs.vfs.walk import Asked, Walks

CLOCKS_DIFFER_NS = 2 * 10**9  # ours from the store's; its times are whole seconds, besides
LINK_HEADERS = Headers(None, {"mode": str(stat.S_IFLNK | 0o777)})


class Descriptions:
    """
    The metadata of one mount's files and directories; `top` is the key of its top.

    `attr_ttl_s` and `dir_ttl_s` say how long the presence of a version, and the marker of a
    directory that was not listed, are believed.
    """

    def __init__(
        self,
        *,
        store: ObjectStore,
        top: str,
        directories: Directories,
        objects: KnownObjects,
        nodes: NodeTable,
        asking: Asking,
        clock: Clock,
        attr_ttl_s: float,
        dir_ttl_s: float,
        asked: Asked,
        ahead: ListingAhead,
        workers: Workers,
    ) -> None:
        self.objects = objects
        self.asking = asking
        self.attr_ttl_s = attr_ttl_s
        self._store = store
        self._top = top
        self._directories = directories
        self._nodes = nodes
        self._clock = clock
        self._dir_ttl_s = dir_ttl_s
        self.asked = asked
        self._ahead = ahead
        self.walks = Walks(
            ask=self._ask_ahead,
            following=self._following,
            asked=asked,
            workers=workers,
            clock=clock,
        )

    # Files

    def shown(self, key: str, entry: Entry) -> Known:
        """Return what `stat` shows of a file: what is known, what is asked for, or the listing."""
        if entry.is_link:
            return _as_link(entry)
        known = self._match(key, entry)
        if known is not None:
            return known
        directory = split(key)[0]
        if not self.asking.is_plain(directory):
            if self._asks(directory):
                return self.known(key, entry)
            if self.asking.attrs == AUTO and self.asking.samples(
                directory, self._directories.count(directory)
            ):
                return self.look(key)
            self.asking.found_plain(directory)
        return _as_listed(entry)

    def shown_unasked(self, directory: str) -> Callable[[str, Entry], Known | None]:
        """
        Return what tells what `shown` says of the files of a directory that was just read.

        None: it would ask. Nothing is asked.
        """
        is_plain = self._is_plain(directory)

        def shown(key: str, entry: Entry) -> Known | None:
            if entry.is_link:
                return _as_link(entry)
            known = self._match(key, entry)
            return _as_listed(entry) if known is None and is_plain else known

        return shown

    def known(self, key: str, entry: Entry, *, fresh: bool = False) -> Known:
        """
        Return a file's version and metadata; with `fresh`, not older than the attributes' TTL.

        One HEAD when the version that the listing shows is not known, and some ahead when one
        file of a directory after the other is not. NoSuchKey.
        """
        known = self._match(key, entry)
        if known is None and self.asked.wait(key):
            known = self._match(key, entry)
        if known is None:
            self.walks.missed(key)
        elif not fresh or not self.is_old(known, key):
            return _in_class_of(entry, known)
        return self.look(key)

    def listed(self, key: str, entry: Entry) -> Known:
        """Return what is known of a file, be it only what its listing shows; asks nothing."""
        known = self._match(key, entry)
        if known is not None:
            return _in_class_of(entry, known)
        checked = self._clock.monotonic() - self._directories.age(*split(key))
        return _as_listed(entry, checked)

    def is_old(self, known: Known, key: str) -> bool:
        """Say whether it was longer ago than the attributes' TTL that a version was seen."""
        listed_age = self._directories.age(*split(key))
        age = min(listed_age, self._clock.monotonic() - known.checked)
        return age >= self.attr_ttl_s

    def look(self, key: str) -> Known:
        """Ask the bucket for a file's version and metadata. NoSuchKey."""
        known = self._ask(key)
        self.show(key, known)
        return known

    def confirmed(self, info: ObjectInfo) -> Known:
        """Take note of an object that the store has just described as its present version."""
        known = self._described(info)
        self.objects.put(info.key, known)
        self.show(info.key, known)
        return known

    def learn(self, info: ObjectInfo) -> None:
        """Take note of what came with the bytes of a version; of our own writes we know more."""
        known = self.objects.get(info.key)
        if known is not None and known.etag != info.etag:
            is_older = known.modified_ns is not None and known.modified_ns <= info.modified_ns
            if not is_older:
                return
        self.objects.put(info.key, self._described(info))

    def put(self, key: str, known: Known) -> None:
        """Take note of a version that we made, perhaps without knowing what is beside it."""
        if known.headers is None:
            self.objects.drop(key)
        else:
            self.objects.put(key, known)
        if key.endswith("/"):
            self.asking.doubt(key)
        self.show(key, known)

    def show(self, key: str, known: Known) -> None:
        """Let a file be seen in its directory; a directory's marker is no entry of it."""
        if not key.endswith("/"):
            modified_ns = known.modified_ns or 0  # of our own: whatever a listing will say
            if known.headers is None:
                modified_ns = known.made_ns
            entry = Entry(
                is_directory=False,
                size=known.size,
                etag=known.etag,
                modified_ns=modified_ns,
                storage_class=(known.headers or known).storage_class,
            )
            self._directories.put(*split(key), entry)

    def kinds(self, directory: str) -> Callable[[str, Entry], int]:
        """
        Return what tells the type bits of the files of a directory that is being read.

        0: unknown, and it would be asked for. Nothing is asked.
        """
        self.asking.read(directory)
        unknown = stat.S_IFREG if self._is_plain(directory) else 0

        def kind(key: str, entry: Entry) -> int:
            if entry.is_link:
                return stat.S_IFLNK
            known = self._match(key, entry)
            return unknown if known is None or known.headers is None else file_kind(known.headers)

        return kind

    def _is_plain(self, directory: str) -> bool:
        """Say whether files of which nothing is known are shown as they are listed."""
        if self.asking.attrs != AUTO:
            return self.asking.attrs == LIST
        if self.asking.is_posix(directory):
            return False
        if directory == self._top or self._directories.has_marker(directory) is False:
            return True
        known = self.objects.get(directory)
        return known is not None and not (known.headers is None or is_posix(known.headers))

    def _asks(self, directory: str) -> bool:
        """Say whether all files of a directory are asked for when they are shown."""
        if self.asking.attrs != AUTO:
            return self.asking.attrs == HEAD
        if self.asking.is_posix(directory):
            return True
        marker = self.marker(directory)
        return marker is not None and marker.headers is not None and is_posix(marker.headers)

    def _match(self, key: str, entry: Entry) -> Known | None:
        return self.objects.match(
            key, etag=entry.etag, size=entry.size, modified_ns=entry.modified_ns
        )

    def _following(self, key: str, count: int) -> Sequence[str]:
        """Return up to `count` keys behind `key` in the listing of which nothing is known."""
        directory, name = split(key)
        if key.endswith("/"):
            return self._directories_behind(directory, key, count)
        listed = self._directories.listed(directory)
        behind = next((at for at, (other, _) in enumerate(listed, 1) if other == name), len(listed))
        unknown = (
            directory + other
            for other, entry in listed[behind:]
            if not (entry.is_directory or entry.is_link)
            and self._nodes.get(directory + other) is None
            and self._match(directory + other, entry) is None
        )
        return tuple(islice(unknown, count))

    def _directories_behind(self, parent: str, directory: str, count: int) -> Sequence[str]:
        unknown = (
            one
            for one in self._directories.directories_in(parent)
            if one > directory
            and not self._directories.is_listed(one)
            and self.objects.get(one) is None
        )
        return tuple(islice(unknown, count))

    def _ask_ahead(self, key: str) -> Known:
        return self._look_for_marker(key) if key.endswith("/") else self._ask(key)

    def _ask(self, key: str) -> Known:
        known = self._described(self._store.head(key))
        self.objects.put(key, known)
        return known

    def _described(self, info: ObjectInfo) -> Known:
        known = self.objects.get(info.key)
        is_ours = known is not None and known.etag == info.etag and known.made_ns > 0
        if is_ours and known is not None and _is_older(info, known):
            return replace(known, checked=self._clock.monotonic())
        if not is_ours and not info.key.endswith("/"):
            self.asking.told(split(info.key)[0], info.headers)
        return Known(
            etag=info.etag,
            size=info.size,
            modified_ns=info.modified_ns,
            headers=info.headers,
            checked=self._clock.monotonic(),
            made_ns=known.made_ns if is_ours and known is not None else 0,
        )

    # Directories

    def marker(self, directory: str, *, is_needed: bool = False) -> Known | None:
        """
        Return what is known of a directory's marker; None: it has none.

        It is asked for when that is not known, unless `--attrs list` says otherwise and it
        `is_needed` for no more than to be shown.
        """
        if directory == self._top or self._directories.has_marker(directory) is False:
            return None
        known = self._known_marker(directory)
        if known is None and self.asking.attrs == LIST and not is_needed:
            entry = self._directories.marker(directory)
            modified_ns = None if entry is None else entry.modified_ns
            return Known("", 0, modified_ns, None, self._clock.monotonic())
        if known is None and self.asked.wait(directory):
            known = self._known_marker(directory)
        if known is None:
            self.walks.missed(directory)
            known = self._look_for_marker(directory)
        return known if known.etag else None

    def _known_marker(self, directory: str) -> Known | None:
        """
        Return what is known of the marker that a listing shows, or that was seen lately.

        The first question is the listing: it is needed next, and tells as much of a marker
        that is known as a HEAD would.
        """
        entry = self._directories.marker(directory)
        known = self.objects.get(directory) if entry is None else None
        if known is not None and self._clock.monotonic() - known.checked < self._dir_ttl_s:
            return known
        is_listed = entry is not None or self._directories.is_listed(directory)
        if not is_listed and self._ahead.looked_at(directory):
            if self._directories.has_marker(directory) is False:
                return self._no_marker()
            entry = self._directories.marker(directory)
        return None if entry is None else self._match(directory, entry)

    def _look_for_marker(self, directory: str) -> Known:
        try:
            return self._ask(directory)
        except NoSuchKey:
            known = self._no_marker()
            self.objects.put(directory, known)
            return known

    def _no_marker(self) -> Known:
        return Known("", 0, None, Headers(), self._clock.monotonic())


def _in_class_of(entry: Entry, known: Known) -> Known:
    """Return what is known, in the class that a listing shows: lifecycle rules change just that."""
    headers = known.headers
    if headers is None or not entry.storage_class:
        return known
    kept = kept_class(entry.storage_class)
    if kept == headers.storage_class:
        return known
    return replace(known, headers=replace(headers, storage_class=kept))


def _is_older(info: ObjectInfo, known: Known) -> bool:
    """
    Say whether an answer may have been on its way before our own last change of metadata.

    That leaves the etag as it is. Somebody else's change has a later time than the one that a
    listing has shown, or, where none has, than our change itself.
    """
    if known.headers is None:
        return False
    if known.modified_ns is not None:
        return info.modified_ns <= known.modified_ns
    return info.modified_ns <= known.made_ns + CLOCKS_DIFFER_NS


def _as_link(entry: Entry) -> Known:
    """Return what a store's own symlink is shown as: a HEAD would describe its target."""
    return replace(_as_listed(entry), headers=LINK_HEADERS)


def _as_listed(entry: Entry, checked: float = LONG_AGO) -> Known:
    modified_ns, storage_class = entry.modified_ns or None, entry.storage_class
    return Known(entry.etag, entry.size, modified_ns, None, checked, storage_class=storage_class)
