"""
The requests under way for one version of an object.

All open files of the version share one `Source`, so no byte is asked for twice at a time.
Two things start requests. What a read needs and nobody has asked for is fetched in the
reader's own thread, because a hop to another thread costs more than a small request's
work; the same goes for a part that waits for a worker when its reader arrives. What is
wanted ahead of a reader goes to the workers, as far as `BlockCache` has room.

A request that was made ahead may fail without anybody hearing of it: the reader that
comes to these bytes makes its own attempt, and believes that one.

Threads: every method may be called from any thread. One lock guards the list of flights;
the cache's own is taken inside of it. Neither is held during a request.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future

from ossfs.cache.blocks import Block, BlockCache, Version
from ossfs.cache.disk import DiskVersion
from ossfs.cache.disk_gaps import Piece, cut
from ossfs.errors import NoSuchKey, PreconditionFailed, RangeNotSatisfiable, ShortBody, StoreError
from ossfs.extents import Extent, ExtentSet
from ossfs.store.api import Fetched, ObjectInfo, ObjectStore
from ossfs.transfer.workers import Workers


class Source:
    """The bytes of one version: from memory, from the disk cache if there is one, or the store."""

    def __init__(
        self,
        store: ObjectStore,
        blocks: BlockCache,
        workers: Workers,
        version: Version,
        size: int,
        learned: Callable[[ObjectInfo], None],
        disk: DiskVersion | None,
    ) -> None:
        self.version = version
        self.size = size
        self._store = store
        self._blocks = blocks
        self._workers = workers
        self._learned = learned
        self._disk = disk
        self._lock = threading.Lock()  # guards _flights and what is in them
        self._flights: list[_Flight] = []

    def read(self, extent: Extent, demand: Extent) -> list[memoryview]:
        """Return the bytes of `extent` in pieces, fetching as much of `demand` as is needed."""
        on_disk = self._on_disk(demand)
        pieces = []
        at = extent.start
        while at < extent.stop:
            block = self._block_at(at, demand, on_disk)
            pieces.append(block.view(at, extent.stop))
            at = block.extent.stop
        return pieces

    def fetch_ahead(self, reader: object, part: Extent) -> bool:
        """Have the workers fetch what is missing of `part`; False: no room for it now."""
        on_disk = self._on_disk(part)
        with self._lock:
            for flight in self._flights:
                if flight.extent.clip(part).size:
                    flight.wanted_by.add(reader)
            missing = list(cut(self._missing_locked(part), on_disk))
            new = []
            for piece in missing:
                if not self._blocks.reserve(piece.extent.size, is_ahead=True):
                    break
                new.append(_Flight(piece, wanted_by={reader}))
            self._flights += new
        for flight in new:
            self._workers.submit(self._run_ahead, flight)
        return len(new) == len(missing)

    def fetch_whole(self, *, is_ahead: bool) -> ObjectInfo | None:
        """Fetch all of it by one request, unless some is there or under way, or no room is."""
        whole = Extent(0, self.size)
        if is_ahead and self._on_disk(whole):
            return None
        with self._lock:
            if self._flights or self._blocks.present(self.version, whole):
                return None
            if not self._blocks.reserve(self.size, is_ahead=is_ahead):
                return None
            flight = _Flight(
                Piece(whole, is_on_disk=False), wanted_by={self} if is_ahead else set()
            )
            flight.claim()
            self._flights.append(flight)
        self._run(flight)
        return flight.info

    def abandon(self, reader: object, extent: Extent) -> None:
        """Forget the flights inside `extent` that only this reader wanted and that wait."""
        with self._lock:
            for flight in self._flights[:]:
                if flight.extent.clip(extent).size:
                    flight.wanted_by.discard(reader)
                    if not flight.wanted_by and flight.claim():
                        self._flights.remove(flight)
                        self._blocks.release(flight.extent.size)
        self._blocks.settle(self.version, extent)

    def _on_disk(self, extent: Extent) -> list[Extent]:
        return [] if self._disk is None else self._disk.present(extent)

    def _block_at(self, at: int, demand: Extent, on_disk: list[Extent]) -> Block:
        """Return the block with the byte at `at`: from memory, from a flight, or by a GET."""
        has_failed = False
        while True:
            with self._lock:
                block = self._blocks.at(self.version, at)
                if block is not None:
                    return block
                flight = self._flight_at_locked(at)
                if flight is None:
                    flight = self._demanded_locked(at, demand, on_disk)
                is_mine = flight.claim()
            if is_mine:
                return self._run(flight)
            try:
                return flight.landed.result()
            except PreconditionFailed:
                raise
            except StoreError:
                # Somebody else's attempt: have one of our own, then believe it.
                if has_failed:
                    raise
                has_failed = True

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

    def _demanded_locked(self, at: int, demand: Extent, on_disk: list[Extent]) -> "_Flight":
        pieces = cut(self._missing_locked(demand), on_disk)
        piece = next(piece for piece in pieces if at < piece.extent.stop)
        self._blocks.reserve(piece.extent.size, is_ahead=False)
        flight = _Flight(piece, wanted_by=set())
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
            kept = self._disk.load(flight.extent) if self._disk and flight.is_on_disk else None
            if kept is None:
                flight.info, data = self._get(flight.extent)
            else:
                data = kept
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
        if self._disk and kept is None:
            self._disk.offer(block)
        return block

    def _get(self, extent: Extent) -> Fetched:
        key, etag = self.version
        # A whole object is asked for as such: then the store checks its CRC-64.
        part = None if extent.size == self.size else extent
        try:
            fetched = self._store.get(key, part, if_match=etag)
        except (NoSuchKey, RangeNotSatisfiable) as error:
            raise self._stale(f"the version being read is gone: {error.message}") from error
        info, data = fetched
        if info.etag != etag or info.size != self.size:
            raise self._stale(f"the store answered with {info.etag} of {info.size} bytes")
        if len(data) != extent.size:
            raise ShortBody(
                f"{len(data)} bytes for {extent}",
                operation="GetObject",
                bucket=self._store.name,
                key=key,
            )
        self._learned(info)
        return fetched

    def _stale(self, message: str) -> PreconditionFailed:
        return PreconditionFailed(
            f"{message} (opened: {self.version.etag} of {self.size} bytes)",
            operation="GetObject",
            bucket=self._store.name,
            key=self.version.key,
        )


class _Flight:
    """A request under way, or waiting for a worker; or bytes to be loaded from disk instead."""

    __slots__ = ("_is_claimed", "extent", "info", "is_on_disk", "landed", "wanted_by")

    def __init__(self, piece: Piece, *, wanted_by: set[object]) -> None:
        self.extent, self.is_on_disk = piece
        self.wanted_by = wanted_by
        """Who had it planned; nobody waits for a flight that was not claimed."""
        self.landed: Future[Block] = Future()
        self.info: ObjectInfo | None = None
        """What the answer said, once it is there."""
        self._is_claimed = False

    def claim(self) -> bool:
        """Say whether the caller, and nobody before, is to run (or cancel) this flight."""
        is_first = not self._is_claimed
        self._is_claimed = True
        return is_first
