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
from typing import NamedTuple
from weakref import WeakValueDictionary, ref

from ossfs.cache.blocks import Block, BlockCache, Version
from ossfs.cache.disk import DiskCache
from ossfs.cache.readahead import Readahead, ReadaheadConfig
from ossfs.clock import Clock, SystemClock
from ossfs.extents import Extent
from ossfs.store.api import ObjectInfo, ObjectStore
from ossfs.transfer.lanes import Lanes
from ossfs.transfer.workers import InlineWorkers, Workers
from ossfs.vfs.source import Fetching, Source

LONGEST_READ = 8 * 1024 * 1024
"""Longer reads are done in pieces, so that no single answer fills the memory."""

AT_ONCE = 32
"""Requests ahead of readers, of the whole mount, while the store answers quickly."""

IDLE_S = 10.0
"""A reader that has been still for so long leaves the memory for what is ahead to others."""


class ObjectReader:
    """
    Opens versions of objects for reading, with one cache and one set of workers.

    `workers` fetch ahead of readers, `demanded` what readers wait for (None: they do it).
    `learned` is told what the answer to each GET says of the version, `broke` of versions
    of which wrong bytes were read before anybody could know.
    """

    def __init__(
        self,
        *,
        store: ObjectStore,
        blocks: BlockCache,
        workers: Workers,
        demanded: Workers | None = None,
        readahead: ReadaheadConfig,
        clock: Clock | None = None,
        learned: Callable[[ObjectInfo], None] = lambda _: None,
        broke: Callable[[Version], None] = lambda _: None,
        disk: DiskCache | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self._shared = Fetching(
            store=store,
            blocks=blocks,
            lanes=Lanes(workers, AT_ONCE),
            demanded=demanded or InlineWorkers(),
            clock=clock,
            learned=learned,
            broke=self._broke,
            disk=disk,
        )
        self._tell_broken = broke
        self._readahead = readahead
        self._streaming = _Streaming(clock)
        self._lock = threading.Lock()  # guards _sources
        # A source lives as long as an open file or a request under way knows it.
        self._sources: WeakValueDictionary[tuple[str, str, int], Source] = WeakValueDictionary()

    def open(self, key: str, etag: str, size: int) -> "VersionReader":
        """Return a reader of the version; asks the store nothing."""
        readahead = Readahead(size, self._readahead)
        source = self._source(key, etag, size)
        return VersionReader(source, self._shared.blocks, readahead, self._streaming)

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
                source = Source(self._shared, Version(key, etag), size)
                self._sources[key, etag, size] = source
            return source

    def _broke(self, version: Version) -> None:
        """Let the next to open the version begin anew."""
        with self._lock:
            for name in [name for name in self._sources if name[:2] == version]:
                del self._sources[name]
        self._tell_broken(version)

    def forget(self, key: str) -> None:
        """Drop the object's bytes from memory and disk: it was deleted or replaced."""
        self._shared.forget(key)


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
        self._latest: _Latest | None = None
        # What took the short way since the last read that did not; a racing thread may get
        # lost here, which costs nothing but a number or a request.
        self._quick_reads = self._quick_stop = 0

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
        latest = self._latest
        if latest is not None and latest.start <= offset and offset + length < latest.stop:
            block = latest.block()
            if block is not None:
                self._quick_reads += 1
                self._quick_stop = max(self._quick_stop, offset + length)
                start = offset - latest.start
                return block.data[start : start + length]
        return self._read(Extent(offset, offset + length).clip(self._whole))

    def _read(self, extent: Extent) -> bytes | memoryview:
        if not extent.size:
            return b""
        if extent.size > LONGEST_READ:
            starts = range(extent.start, extent.stop, LONGEST_READ)
            return b"".join(
                self.read(start, min(LONGEST_READ, extent.stop - start)) for start in starts
            )
        hits, self._quick_reads = self._quick_reads, 0
        if hits:
            self._blocks.count_hits(hits)
        quick_stop, self._quick_stop = self._quick_stop, 0
        mendings = self._source.mendings
        pieces = self._blocks.find(self._source.version, extent)
        room = self._blocks.room_ahead // self._streaming.others_and(self)
        with self._lock:
            if quick_stop:
                self._readahead.passed(quick_stop)
            plan = self._readahead.on_read(extent, is_ready=pieces is not None, room=room)
            is_streaming = self._readahead.ahead > 0
        self._streaming.note(self, is_streaming=is_streaming)
        for dropped in plan.dropped:
            self._source.abandon(self, dropped)
        self._fetch_ahead(plan.ahead)
        if pieces is None:
            pieces = self._source.read(extent, plan.demand)
        else:
            self._source.show(extent)
        if self._source.mendings != mendings:
            return self._read(extent)
        self._remember(extent)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _remember(self, extent: Extent) -> None:
        """Have the next reads inside the block that this read ended in take the short way."""
        mendings = self._source.mendings
        block = self._source.block(extent.stop - 1)
        if block is not None and extent.stop < block.extent.stop:
            self._source.show(block.extent)
            if self._source.mendings != mendings:
                return
            self._latest = _Latest(ref(block), block.extent.start, block.extent.stop)

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


class _Latest(NamedTuple):
    """
    A block whose bytes need no asking, but for the last one: with that, the next is planned.

    It may leave the memory at any time.
    """

    block: "ref[Block]"
    start: int
    stop: int


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
