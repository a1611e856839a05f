"""
From a path to what it names: a directory, a file in the bucket, or a node.

What the mount itself did comes first (nodes), then what is known of the bucket and still
fresh, then the bucket. Names that were unlinked while open are not there, whatever the
bucket says.

Threads: every method from any thread.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from ossfs.cache.metadata import Known
from ossfs.clock import Clock
from ossfs.errors import NoSuchKey
from ossfs.store.api import Headers, kept_class
from ossfs.vfs.ahead import ListingAhead
from ossfs.vfs.described import DescribedDirectories
from ossfs.vfs.descriptions import Descriptions
from ossfs.vfs.directories import Directories
from ossfs.vfs.directory_times import DirectoryTimes
from ossfs.vfs.entries import DIRECTORY, Entry
from ossfs.vfs.hidden import HiddenNames
from ossfs.vfs.inodes import Ino, InodeNumbers
from ossfs.vfs.keys import Keys, split
from ossfs.vfs.nodes import FileNode, NodeTable
from ossfs.vfs.other_forms import link_target
from ossfs.vfs.paging import Reading
from ossfs.vfs.posix import Attributes, Defaults, read_attributes

NO_HEADERS = Headers()

UNCOUNTED = 1  # links of a directory that was not listed, as other file systems have it


@dataclass(frozen=True, slots=True)
class Stat:
    """What `stat` answers; times in ns since 1970."""

    ino: Ino
    size: int
    nlink: int
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Found:
    """What a path names. A file has a node, or (node None) is only in the bucket."""

    key: str
    """Of a directory: with the slash."""
    entry: Entry
    node: FileNode | None = None


class Listed(NamedTuple):
    """A name in a directory."""

    ino: Ino
    kind: int
    """The type bits of its mode; 0: a file whose metadata nobody has asked for."""


class NameReader:
    """
    One reader's way through the names of a directory; not for two threads at a time.

    `ours` is what we have changed (None: not there); it wins over the `entries` of the bucket,
    of which `listed` tells what is shown.
    """

    def __init__(
        self,
        ours: Mapping[str, Listed | None],
        entries: Reading,
        listed: Callable[[Mapping[str, Entry]], Iterable[tuple[str, Listed]]],
    ) -> None:
        self._ours = ours
        self._entries = entries
        self._listed = listed
        self._is_first = True

    def more(self) -> dict[str, Listed] | None:
        """
        Return the next names, perhaps none; None: that was all.

        The errors of the store: the next call goes on at the same place.
        """
        entries = self._entries.more()
        if entries is None:
            return None
        names = {name: one for name, one in self._listed(entries) if name not in self._ours}
        if self._is_first:
            names.update((name, one) for name, one in self._ours.items() if one is not None)
        self._is_first = False
        return names


class Tree:
    """Finds things by path."""

    def __init__(
        self,
        *,
        keys: Keys,
        directories: Directories,
        descriptions: Descriptions,
        ahead: ListingAhead,
        nodes: NodeTable,
        inodes: InodeNumbers,
        defaults: Defaults,
        clock: Clock,
    ) -> None:
        self.keys = keys
        self.directories = directories
        self.descriptions = descriptions
        self.objects = descriptions.objects
        self.ahead = ahead
        self.nodes = nodes
        self.inodes = inodes
        self.defaults = defaults
        self._clock = clock
        self._started_ns = clock.now_ns()
        self.hidden = HiddenNames()
        self.times = DirectoryTimes()
        self.described = DescribedDirectories()

    # Finding

    def find(self, path: str) -> Found:
        """Return what the path names. FileNotFoundError; the errors of the store."""
        found = self.find_or_none(path)
        if found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return found

    def find_or_none(self, path: str) -> Found | None:
        """Return what the path names, or None."""
        if path == "/":
            return Found(self.keys.prefix, DIRECTORY)
        key = self.keys.key(path)
        node = self.nodes.get(key)
        if node is not None:
            return Found(key, Entry(is_directory=False), node)
        if key + "/" in self.described:
            return Found(key + "/", DIRECTORY)
        if self.hidden.covers(key):
            return None
        directory, name = split(key)
        self.ahead.looked_into(directory)
        if self.directories.was_directory(directory, name) and self._is_still_there(key + "/"):
            self.directories.add_directory(directory, name)
        entry = self._seen(key, self.directories.lookup(directory, name))
        if entry is None:
            return None
        return Found(key + "/" if entry.is_directory else key, entry)

    def _is_still_there(self, directory: str) -> bool:
        """
        Look into what was a directory when its parent was listed last.

        That is asked for next, mostly, and saves to list the parent anew. False: who knows.
        """
        if not self.directories.is_listed(directory) and not self.ahead.looked_at(directory):
            return False
        return self.directories.is_there(directory)

    def _seen(self, key: str, entry: Entry | None) -> Entry | None:
        """Return what of an entry is not hidden."""
        if entry is not None and entry.is_directory and self.hidden.covers(key + "/"):
            entry = entry._replace(is_directory=False) if entry.etag else None
        if entry is None or entry.is_directory or (key, entry.etag) not in self.hidden:
            return entry
        return None

    def find_directory(self, path: str) -> str:
        """Return a directory's key. FileNotFoundError, NotADirectoryError."""
        found = self.find(path)
        if not found.entry.is_directory:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        return found.key

    def stat(self, path: str) -> Stat:
        """Return the attributes of what the path names."""
        found = self.find(path)
        if found.node is not None:
            return self.stat_node(found.node)
        if found.entry.is_directory:
            return self._stat_directory(found.key)
        try:
            known = self.descriptions.shown(found.key, found.entry)
        except NoSuchKey:
            self.directories.remove(*split(found.key))
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None
        return Stat(self._ino(found.key), known.size, 1, self.attributes(known))

    def _stat_directory(self, directory: str) -> Stat:
        """Count the links of a directory: from its parent, from itself, from each one in it."""
        attributes = self.directory_attributes(directory)
        inside = self.directories.subdirectories(directory, self.described.names(directory))
        links = UNCOUNTED if inside is None else 2 + inside
        return Stat(self._ino(directory), 0, links, attributes)

    def stat_node(self, node: FileNode) -> Stat:
        """Return the attributes of a file that is open or changed."""
        with node.pending.lock:
            size, attributes = node.pending.size, node.attributes
        return Stat(node.ino, size, 1 if node.is_linked else 0, attributes)

    def read(self, directory: str) -> "NameReader":
        """Begin to read the names in a directory."""
        self.ahead.looked_into(directory)
        entries = self.directories.read(directory)
        ours: dict[str, Listed | None] = {
            name: Listed(self._ino(f"{directory}{name}/"), stat.S_IFDIR)
            for name in self.described.names(directory)
        }
        for name, node in self.nodes.children(directory).items():
            kind = stat.S_IFMT(node.attributes.mode)
            ours[name] = Listed(node.ino, kind) if node.is_linked else None
        return NameReader(ours, entries, lambda listed: self._listed(directory, listed))

    def _listed(self, directory: str, entries: Mapping[str, Entry]) -> Iterator[tuple[str, Listed]]:
        """Yield the names that are not hidden, with their types where these are known."""
        kind_of = self.descriptions.kinds(directory)
        for name, listed in entries.items():
            key = directory + name
            entry = self._seen(key, listed)
            if entry is None:
                continue
            if entry.is_directory:
                yield name, Listed(self._ino(key + "/"), stat.S_IFDIR)
            else:
                yield name, Listed(self._ino(key), kind_of(key, entry))

    def stat_unasked(self, directory: str) -> Callable[[str], Stat | None]:
        """
        Return what tells the attributes of the files in a directory that was just read.

        None: `stat` would ask the bucket, or it is no file. Nothing is asked.
        """
        shown = self.descriptions.shown_unasked(directory)

        def answer(name: str) -> Stat | None:
            key = directory + name
            node = self.nodes.get(key)
            if node is not None:
                return self.stat_node(node) if node.is_linked else None
            if key + "/" in self.described or self.hidden.covers(key):
                return None
            entry = self._seen(key, self.directories.known(directory, name))
            known = None if entry is None or entry.is_directory else shown(key, entry)
            if known is None:
                return None
            return Stat(self._ino(key), known.size, 1, self.attributes(known))

        return answer

    def link_target(self, found: Found) -> str | None:
        """Return where a symlink leads, if that is stored beside its object; asks nothing."""
        known = self.descriptions.listed(found.key, found.entry)
        return None if known.headers is None else link_target(known.headers.metadata)

    # What is stored beside objects

    def attributes(self, known: Known) -> Attributes:
        """Read a file's attributes from what is stored beside it."""
        headers = known.headers
        if headers is None:
            kept = kept_class(known.storage_class)
            headers = Headers(storage_class=kept) if kept else NO_HEADERS
        return read_attributes(
            headers,
            self.defaults,
            is_directory=False,
            modified_ns=self._started_ns if known.modified_ns is None else known.modified_ns,
        )

    def directory_attributes(self, directory: str, *, is_needed: bool = False) -> Attributes:
        """
        Return a directory's attributes: its marker's, if it has one, and our own times.

        With `is_needed` they are those, and not what a listing alone tells.
        """
        return self.times.applied(directory, self._marked(directory, is_needed=is_needed))

    def content_changed(self, *keys: str) -> None:
        """Take note that these names have come or gone: their directories' times move."""
        now_ns = self._clock.now_ns()
        for directory in {split(key)[0] for key in keys}:
            self.times.content_changed(directory, now_ns)

    def heir(self, key: str, attributes: Attributes) -> Attributes:
        """
        Return the attributes of something new: a directory with the setgid bit hands its group on.

        Nothing is asked for that: the kernel has just looked at the directory, for permission.
        """
        parent = split(key)[0]
        known = self.objects.get(parent)
        headers = self.described.get(parent) or (known.headers if known is not None else None)
        if headers is None:
            return attributes
        above = read_attributes(headers, self.defaults, is_directory=True, modified_ns=0)
        if not above.mode & stat.S_ISGID:
            return attributes
        bit = stat.S_ISGID if stat.S_ISDIR(attributes.mode) else 0
        return replace(attributes, gid=above.gid, mode=attributes.mode | bit)

    def _marked(self, directory: str, *, is_needed: bool) -> Attributes:
        modified_ns, headers = self._started_ns, self.described.get(directory)
        if headers is None:
            known = self.descriptions.marker(directory, is_needed=is_needed)
            if known is not None:
                headers, modified_ns = known.headers, known.modified_ns or modified_ns
        return read_attributes(
            NO_HEADERS if headers is None else headers,
            self.defaults,
            is_directory=True,
            modified_ns=modified_ns,
        )

    def made(
        self,
        key: str,
        *,
        etag: str,
        size: int,
        headers: Headers | None,
        storage_class: str = "",
    ) -> None:
        """
        Take note of a version that we made.

        `headers` None: it has those of an object that we have not asked about, but for
        `storage_class`.
        """
        self.hidden.unhide(key)
        now_ns, checked = self._clock.now_ns(), self._clock.monotonic()
        known = Known(etag, size, None, headers, checked, now_ns, storage_class)
        self.descriptions.put(key, known)

    def gone(self, key: str) -> None:
        """Take note that a file is not in the bucket any more."""
        self.objects.drop(key)
        self.directories.remove(*split(key))

    def doubt(self, key: str) -> None:
        """Take note that somebody else changed or deleted a file: ask the bucket again."""
        self.objects.drop(key)
        self.directories.doubt(*split(key))

    def _ino(self, key: str) -> Ino:
        return self.inodes.of("" if key == self.keys.prefix else key)
