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
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from ossfs.cache.metadata import Known, KnownObjects
from ossfs.clock import Clock
from ossfs.errors import NoSuchKey
from ossfs.store.api import Headers, ObjectStore
from ossfs.transfer.workers import Workers
from ossfs.vfs.directories import DIRECTORY, Directories, Entry
from ossfs.vfs.hidden import HiddenNames
from ossfs.vfs.inodes import Ino, InodeNumbers
from ossfs.vfs.keys import Keys, split
from ossfs.vfs.nodes import FileNode, NodeTable
from ossfs.vfs.posix import Attributes, Defaults, read_attributes
from ossfs.vfs.walk import Walks


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


class Tree:
    """Finds things by path."""

    def __init__(
        self,
        *,
        store: ObjectStore,
        keys: Keys,
        directories: Directories,
        objects: KnownObjects,
        nodes: NodeTable,
        inodes: InodeNumbers,
        defaults: Defaults,
        clock: Clock,
        attr_ttl_s: float,
        dir_ttl_s: float,
        workers: Workers,
    ) -> None:
        self.keys = keys
        self.directories = directories
        self.objects = objects
        self.nodes = nodes
        self.inodes = inodes
        self.defaults = defaults
        self._store = store
        self._clock = clock
        self.attr_ttl_s = attr_ttl_s
        self._dir_ttl_s = dir_ttl_s
        self._started_ns = clock.now_ns()
        self.hidden = HiddenNames()
        self.described: dict[str, Headers] = {}
        """Directories whose attributes, and perhaps markers, are not in the bucket yet."""
        self._walks = Walks(ask=self._ask, following=self._following, workers=workers, clock=clock)

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
        entry = self._seen(key, self.directories.lookup(*split(key)))
        if entry is None:
            return None
        return Found(key + "/" if entry.is_directory else key, entry)

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
            return Stat(self._ino(found.key), 0, 2, self.directory_attributes(found.key))
        try:
            known = self.known(found.key, found.entry)
        except NoSuchKey:
            self.directories.remove(*split(found.key))
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None
        return Stat(self._ino(found.key), known.size, 1, self.attributes(known))

    def stat_node(self, node: FileNode) -> Stat:
        """Return the attributes of a file that is open or changed."""
        with node.pending.lock:
            size, attributes = node.pending.size, node.attributes
        return Stat(node.ino, size, 1 if node.is_linked else 0, attributes)

    def list(self, directory: str) -> dict[str, Listed]:
        """Return the names in a directory."""
        names = {}
        for name, listed in self.directories.entries(directory).items():
            entry = self._seen(directory + name, listed)
            if entry is not None:
                key = f"{directory}{name}/" if entry.is_directory else directory + name
                names[name] = Listed(self._ino(key), stat.S_IFDIR if entry.is_directory else 0)
        for key in list(self.described):
            if split(key)[0] == directory:
                names[split(key)[1]] = Listed(self._ino(key), stat.S_IFDIR)
        for name, node in self.nodes.children(directory).items():
            if node.is_linked:
                names[name] = Listed(node.ino, stat.S_IFMT(node.attributes.mode))
            else:
                names.pop(name, None)
        return names

    # What is stored beside objects

    def known(self, key: str, entry: Entry, *, fresh: bool = False) -> Known:
        """
        Return a file's version and metadata; with `fresh`, not older than the attributes' TTL.

        One HEAD when the version that the listing shows is not known, and some ahead when one
        file of a directory after the other is not. NoSuchKey.
        """
        known = self._known(key, entry)
        if known is None and self._walks.wait(key):
            known = self._known(key, entry)
        if known is None:
            self._walks.missed(key)
        elif not fresh or not self._is_old(key, known):
            return known
        return self.look(key)

    def _known(self, key: str, entry: Entry) -> Known | None:
        return self.objects.match(
            key, etag=entry.etag, size=entry.size, modified_ns=entry.modified_ns
        )

    def _following(self, key: str, count: int) -> Sequence[str]:
        """Return up to `count` files behind `key` in the listing of which nothing is known."""
        directory, name = split(key)
        listed = self.directories.listed(directory)
        behind = next((at for at, (other, _) in enumerate(listed, 1) if other == name), len(listed))
        unknown = (
            directory + other
            for other, entry in listed[behind:]
            if not entry.is_directory
            and self.nodes.get(directory + other) is None
            and self._known(directory + other, entry) is None
        )
        return tuple(islice(unknown, count))

    def _is_old(self, key: str, known: Known) -> bool:
        listed_age = self.directories.age(*split(key))
        age = min(listed_age, self._clock.monotonic() - known.checked)
        return age >= self.attr_ttl_s

    def _ask(self, key: str) -> Known:
        info = self._store.head(key)
        known = Known(
            etag=info.etag,
            size=info.size,
            modified_ns=info.modified_ns,
            headers=info.headers,
            checked=self._clock.monotonic(),
        )
        self.objects.put(key, known)
        return known

    def look(self, key: str) -> Known:
        """Ask the bucket for a file's version and metadata. NoSuchKey."""
        known = self._ask(key)
        self._show(key, known)
        return known

    def attributes(self, known: Known) -> Attributes:
        """Read a file's attributes from what is stored beside it."""
        return read_attributes(
            known.headers,
            self.defaults,
            is_directory=False,
            modified_ns=self._started_ns if known.modified_ns is None else known.modified_ns,
        )

    def directory_attributes(self, directory: str) -> Attributes:
        """Return a directory's attributes: its marker's, if it has one."""
        modified_ns, headers = self._started_ns, self.described.get(directory)
        if headers is not None:
            return read_attributes(
                headers, self.defaults, is_directory=True, modified_ns=modified_ns
            )
        headers = Headers()
        if directory != self.keys.prefix and self.directories.has_marker(directory) is not False:
            known = self.objects.get(directory)
            if known is None or self._clock.monotonic() - known.checked >= self._dir_ttl_s:
                known = self._look_for_marker(directory)
            headers = known.headers
            if known.modified_ns is not None:
                modified_ns = known.modified_ns
        return read_attributes(headers, self.defaults, is_directory=True, modified_ns=modified_ns)

    def _look_for_marker(self, directory: str) -> Known:
        try:
            return self.look(directory)
        except NoSuchKey:
            known = Known("", 0, None, Headers(), self._clock.monotonic())
            self.objects.put(directory, known)
            return known

    def published(self, key: str, known: Known) -> None:
        """Take note of a version that we made."""
        self.hidden.unhide(key)
        self.objects.put(key, known)
        self._show(key, known)

    def _show(self, key: str, known: Known) -> None:
        """Let a file be seen in its directory; a directory's marker is no entry of it."""
        if not key.endswith("/"):
            modified_ns = known.modified_ns or 0
            entry = Entry(
                is_directory=False, size=known.size, etag=known.etag, modified_ns=modified_ns
            )
            self.directories.put(*split(key), entry)

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
