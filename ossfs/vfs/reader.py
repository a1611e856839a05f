"""
Reading one version of an object.

An `ObjectReader` serves the whole mount; `open` gives a `VersionReader` for one open file,
pinned to the etag it was opened with. Bytes come from memory, from requests that are
already under way (for any open file of the same version), or from new ranged GETs with
If-Match. So what a reader gets is that version or `PreconditionFailed` (ESTALE), never a
mixture.

Two things start requests. What a read needs and nobody has asked for is fetched in the
reader's own thread, because a hop to another thread costs more than a small request's
work; the same goes for a part that waits for a worker when its reader arrives. What
`Readahead` wants ahead of the reader goes to the workers, as far as `BlockCache` has room.

Threads: every method may be called from any thread, and several threads may read one open
file at once. Locks, in this order: one per open file (around its `Readahead`), one per
version (around the list of requests under way), the cache's own. None is held during a
request.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import Future
from weakref import WeakValueDictionary

from ossfs.cache.blocks import Block, BlockCache, Version
from ossfs.cache.readahead import Readahead, ReadaheadConfig
from ossfs.clock import Clock, SystemClock
from ossfs.errors import NoSuchKey, PreconditionFailed, RangeNotSatisfiable, ShortBody, StoreError
from ossfs.extents import Extent, ExtentSet
from ossfs.store.api import ObjectStore
from ossfs.transfer.workers import Workers

LONGEST_READ = 8 * 1024 * 1024
"""Longer reads are done in pieces, so that no single answer fills the memory."""

IDLE_S = 10.0
"""A reader that has been still for so long leaves the memory for what is ahead to others."""


class ObjectReader:
    """Opens versions of objects for reading, with one cache and one set of workers."""

    def __init__(
        self,
        *,
        store: ObjectStore,
        blocks: BlockCache,
        workers: Workers,
        readahead: ReadaheadConfig,
        clock: Clock | None = None,
    ) -> None:
        self._store = store
        self._blocks = blocks
        self._workers = workers
        self._readahead = readahead
        self._streaming = _Streaming(clock or SystemClock())
        self._lock = threading.Lock()  # guards _sources
        # A source lives as long as an open file or a request under way knows it.
        self._sources: WeakValueDictionary[tuple[str, str, int], _Source] = WeakValueDictionary()

    def open(self, key: str, etag: str, size: int) -> "VersionReader":
        """Return a reader of the version; asks the store nothing."""
        with self._lock:
            source = self._sources.get((key, etag, size))
            if source is None:
                source = _Source(self._store, self._blocks, self._workers, Version(key, etag), size)
                self._sources[key, etag, size] = source
        readahead = Readahead(size, self._readahead)
        return VersionReader(source, self._blocks, readahead, self._streaming)

    def forget(self, key: str) -> None:
        """Drop the object's bytes from memory: it was deleted or replaced."""
        self._blocks.drop(key)


class VersionReader:
    """One open file, reading one version of one object."""

    def __init__(
        self,
        source: "_Source",
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


class _Source:
    """What all open files of one version share: the requests under way."""

    def __init__(
        self,
        store: ObjectStore,
        blocks: BlockCache,
        workers: Workers,
        version: Version,
        size: int,
    ) -> None:
        self.version = version
        self.size = size
        self._store = store
        self._blocks = blocks
        self._workers = workers
        self._lock = threading.Lock()  # guards _flights and what is in them
        self._flights: list[_Flight] = []

    def read(self, extent: Extent, demand: Extent) -> list[memoryview]:
        """Return the bytes of `extent` in pieces, fetching as much of `demand` as is needed."""
        pieces = []
        at = extent.start
        while at < extent.stop:
            block = self._block_at(at, demand)
            pieces.append(block.view(at, extent.stop))
            at = block.extent.stop
        return pieces

    def fetch_ahead(self, reader: VersionReader, part: Extent) -> bool:
        """Have the workers fetch what is missing of `part`; False: no room for it now."""
        with self._lock:
            for flight in self._flights:
                if flight.extent.clip(part).size:
                    flight.wanted_by.add(reader)
            new = []
            for gap in self._missing_locked(part):
                if not self._blocks.reserve(gap.size, is_ahead=True):
                    break
                new.append(_Flight(gap, wanted_by={reader}))
                self._flights.append(new[-1])
            else:
                gap = None
        for flight in new:
            self._workers.submit(self._run_ahead, flight)
        return gap is None

    def abandon(self, reader: VersionReader, extent: Extent) -> None:
        """Forget the flights inside `extent` that only this reader wanted and that wait."""
        with self._lock:
            for flight in self._flights[:]:
                if flight.extent.clip(extent).size:
                    flight.wanted_by.discard(reader)
                    if not flight.wanted_by and flight.claim():
                        self._flights.remove(flight)
                        self._blocks.release(flight.extent.size)
        self._blocks.settle(self.version, extent)

    def _block_at(self, at: int, demand: Extent) -> Block:
        """Return the block with the byte at `at`: from memory, from a flight, or by a GET."""
        failed: _Flight | None = None
        while True:
            with self._lock:
                block = self._blocks.at(self.version, at)
                if block is not None:
                    return block
                flight = self._flight_at_locked(at) or self._demanded_locked(at, demand)
                is_mine = flight.claim()
            if is_mine:
                return self._run(flight)
            try:
                return flight.landed.result()
            except PreconditionFailed:
                raise
            except StoreError:
                # Somebody else's attempt: have one of our own, then believe it.
                if failed is not None:
                    raise
                failed = flight

    def _missing_locked(self, extent: Extent) -> list[Extent]:
        missing = ExtentSet([extent])
        for present in self._blocks.present(self.version, extent):
            missing.remove(present)
        for flight in self._flights:
            missing.remove(flight.extent)
        return list(missing)

    def _flight_at_locked(self, at: int) -> "_Flight | None":
        for flight in self._flights:
            if flight.extent.start <= at < flight.extent.stop:
                return flight
        return None

    def _demanded_locked(self, at: int, demand: Extent) -> "_Flight":
        gap = next(gap for gap in self._missing_locked(demand) if at < gap.stop)
        self._blocks.reserve(gap.size, is_ahead=False)
        flight = _Flight(gap, wanted_by=set())
        self._flights.append(flight)
        return flight

    def _run_ahead(self, flight: "_Flight") -> None:
        with self._lock:
            if not flight.claim():
                return
        try:
            self._run(flight)
        except StoreError:
            return  # the reader that comes to these bytes tries again and hears of it

    def _run(self, flight: "_Flight") -> Block:
        try:
            data = self._get(flight.extent)
            with self._lock:  # so that the bytes are always either in a flight or in a block
                block = self._blocks.put(
                    self.version, flight.extent, data, is_ahead=bool(flight.wanted_by)
                )
                self._flights.remove(flight)
        except BaseException as error:
            with self._lock:
                self._flights.remove(flight)
                self._blocks.release(flight.extent.size)
            flight.landed.set_exception(error)
            raise
        flight.landed.set_result(block)
        return block

    def _get(self, extent: Extent) -> bytes | bytearray | memoryview:
        key, etag = self.version
        # A whole object is asked for as such: then the store checks its CRC-64.
        part = None if extent.size == self.size else extent
        try:
            info, data = self._store.get(key, part, if_match=etag)
        except (NoSuchKey, RangeNotSatisfiable) as error:
            raise self._stale(f"the version being read is gone: {error.message}") from error
        if info.etag != etag or info.size != self.size:
            raise self._stale(f"the store answered with {info.etag} of {info.size} bytes")
        if len(data) != extent.size:
            raise ShortBody(
                f"{len(data)} bytes for {extent}",
                operation="GetObject",
                bucket=self._store.name,
                key=key,
            )
        return data

    def _stale(self, message: str) -> PreconditionFailed:
        return PreconditionFailed(
            f"{message} (opened: {self.version.etag} of {self.size} bytes)",
            operation="GetObject",
            bucket=self._store.name,
            key=self.version.key,
        )


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


class _Flight:
    """A request under way, or waiting for a worker."""

    __slots__ = ("_is_claimed", "extent", "landed", "wanted_by")

    def __init__(self, extent: Extent, *, wanted_by: set[VersionReader]) -> None:
        self.extent = extent
        self.wanted_by = wanted_by
        """Who had it planned; nobody waits for a flight that was not claimed."""
        self.landed: Future[Block] = Future()
        self._is_claimed = False

    def claim(self) -> bool:
        """Say whether the caller, and nobody before, is to run (or cancel) this flight."""
        is_first = not self._is_claimed
        self._is_claimed = True
        return is_first
