"""
Reading one version of an object.

An `ObjectReader` serves the whole mount; `open` gives a `VersionReader` for one open file,
pinned to the etag it was opened with. Bytes come from memory, from requests that are
already under way (for any open file of the same version), or from new ranged GETs with
If-Match. So what a reader gets is that version or `PreconditionFailed` (ESTALE), never a
mixture.

`Readahead` says what to fetch, `Source` does it, for all open files of a version together,
and `BlockCache` holds it. The room for what is fetched ahead is divided among the open
files that have something ahead of them.

Threads: every method may be called from any thread, and several threads may read one open
file at once. No lock is held while another one is taken, or during a request.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from weakref import WeakValueDictionary

from ossfs.cache.blocks import BlockCache, Version
from ossfs.cache.disk import DiskCache
from ossfs.cache.readahead import Readahead, ReadaheadConfig
from ossfs.clock import Clock, SystemClock
from ossfs.extents import Extent
from ossfs.store.api import ObjectInfo, ObjectStore
from ossfs.transfer.workers import Workers
from ossfs.vfs.source import Source

LONGEST_READ = 8 * 1024 * 1024
"""Longer reads are done in pieces, so that no single answer fills the memory."""

IDLE_S = 10.0
"""A reader that has been still for so long leaves the memory for what is ahead to others."""


class ObjectReader:
    """
    Opens versions of objects for reading, with one cache and one set of workers.

    `learned` is told what the answer to each GET says of the version.
    """

    def __init__(
        self,
        *,
        store: ObjectStore,
        blocks: BlockCache,
        workers: Workers,
        readahead: ReadaheadConfig,
        clock: Clock | None = None,
        learned: Callable[[ObjectInfo], None] = lambda _: None,
        disk: DiskCache | None = None,
    ) -> None:
        self._store = store
        self._learned = learned
        self._blocks = blocks
        self._workers = workers
        self._disk = disk
        self._readahead = readahead
        self._streaming = _Streaming(clock or SystemClock())
        self._lock = threading.Lock()  # guards _sources
        # A source lives as long as an open file or a request under way knows it.
        self._sources: WeakValueDictionary[tuple[str, str, int], Source] = WeakValueDictionary()

    def open(self, key: str, etag: str, size: int) -> "VersionReader":
        """Return a reader of the version; asks the store nothing."""
        readahead = Readahead(size, self._readahead)
        source = self._source(key, etag, size)
        return VersionReader(source, self._blocks, readahead, self._streaming)

    def fetch_whole(
        self, key: str, etag: str, size: int, *, is_ahead: bool = False
    ) -> ObjectInfo | None:
        """
        Bring all of a small version into memory; return what the answer says of it.

        None, and nothing is asked: some of it is there or under way, or (only what
        `is_ahead` of a reader) on disk, or there is no room. The errors of `VersionReader.read`.
        """
        return self._source(key, etag, size).fetch_whole(is_ahead=is_ahead)

    def _source(self, key: str, etag: str, size: int) -> Source:
        with self._lock:
            source = self._sources.get((key, etag, size))
            if source is None:
                version = Version(key, etag)
                source = Source(
                    self._store,
                    self._blocks,
                    self._workers,
                    version,
                    size,
                    self._learned,
                    None if self._disk is None else self._disk.of(version, size),
                )
                self._sources[key, etag, size] = source
            return source

    def forget(self, key: str) -> None:
        """Drop the object's bytes from memory and disk: it was deleted or replaced."""
        self._blocks.drop(key)
        if self._disk is not None:
            self._disk.drop(key)


class VersionReader:
    """One open file, reading one version of one object."""

    def __init__(
        self,
        source: Source,
        blocks: BlockCache,
        readahead: Readahead,
        streaming: "_Streaming",
    ) -> None:
        self._source = source
        self._blocks = blocks
        self._streaming = streaming
        self._lock = threading.Lock()  # guards _readahead
        self._readahead = readahead
        self._whole = Extent(0, source.size)

    def __repr__(self) -> str:
        return f"<VersionReader of {self._source.version}, {self._readahead}>"

    @property
    def size(self) -> int:
        """Bytes of the version."""
        return self._whole.stop

    def read(self, offset: int, length: int) -> bytes | memoryview:
        """
        Return the bytes from `offset`, fewer than `length` only at the end of the version.

        A memoryview keeps up to 8 MiB in memory for as long as it lives: copy it and let
        it go. PreconditionFailed: the version is not in the bucket any more; otherwise
        the errors of `ObjectStore.get`.
        """
        extent = Extent(offset, offset + length).clip(self._whole)
        if not extent.size:
            return b""
        if extent.size > LONGEST_READ:
            starts = range(extent.start, extent.stop, LONGEST_READ)
            return b"".join(
                self.read(start, min(LONGEST_READ, extent.stop - start)) for start in starts
            )
        pieces = self._blocks.find(self._source.version, extent)
        room = self._blocks.room_ahead // self._streaming.others_and(self)
        with self._lock:
            plan = self._readahead.on_read(extent, is_ready=pieces is not None, room=room)
            is_streaming = self._readahead.ahead > 0
        self._streaming.note(self, is_streaming=is_streaming)
        for dropped in plan.dropped:
            self._source.abandon(self, dropped)
        self._fetch_ahead(plan.ahead)
        if pieces is None:
            pieces = self._source.read(extent, plan.demand)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """Let go of the file; what was to be fetched for it and has not begun never will."""
        self._streaming.note(self, is_streaming=False)
        self.pause()

    def pause(self) -> None:
        """Forget what was to be fetched ahead, and let what was fetched make room."""
        with self._lock:
            self._readahead.pause()
        self._source.abandon(self, self._whole)

    def _fetch_ahead(self, parts: Iterable[Extent]) -> None:
        for part in parts:
            if not self._source.fetch_ahead(self, part):
                with self._lock:
                    self._readahead.give_back(part)
                return


class _Streaming:
    """The open files that have something ahead of them, the one longest still first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()  # guards _since
        self._since: OrderedDict[VersionReader, float] = OrderedDict()

    def others_and(self, reader: VersionReader) -> int:
        """Return how many share the memory when this reader is one of them."""
        return len(self._since) + (reader not in self._since)

    def note(self, reader: VersionReader, *, is_streaming: bool) -> None:
        """Take note of a read (or of the end of reading), and let those pause that are still."""
        now = self._clock.monotonic()
        still = []
        with self._lock:
            if is_streaming:
                self._since[reader] = now
                self._since.move_to_end(reader)
            else:
                self._since.pop(reader, None)
            while self._since and next(iter(self._since.values())) < now - IDLE_S:
                still.append(self._since.popitem(last=False)[0])
        for other in still:
            other.pause()
