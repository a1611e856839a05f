"""
The requests under way for one version of an object.

All open files of the version share one `Source`, so no byte is asked for twice at a time.
Two things start requests. What a read needs and nobody has asked for is fetched in the
reader's own thread, because a hop to another thread costs more than a small request's
work; the same goes for a part that waits for a worker when its reader arrives. Only a
demand that is much longer than the read is left to a thread set aside for such, so that
the reader goes on with its first bytes. What is wanted ahead of a reader goes to the
workers, as far as `BlockCache` has room.

A request that was made ahead may fail without anybody hearing of it: the reader that
comes to these bytes makes its own attempt, and believes that one.

Threads: every method may be called from any thread. One lock guards the list of flights;
the cache's own is taken inside of it. Neither is held during a request.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from ossfs.cache.blocks import Block, BlockCache, Version
from ossfs.cache.disk import DiskCache
from ossfs.cache.disk_gaps import Piece, cut
from ossfs.clock import Clock
from ossfs.crc64 import crc64
from ossfs.errors import (
    ChecksumMismatch,
    NoSuchKey,
    PreconditionFailed,
    RangeNotSatisfiable,
    ShortBody,
    StoreError,
)
from ossfs.extents import Extent, ExtentSet
from ossfs.store.api import Fetched, ObjectInfo, ObjectStore
from ossfs.transfer.lanes import Lanes
from ossfs.transfer.workers import Workers
from ossfs.vfs.flights import Flight, Unwanted
from ossfs.vfs.integrity import Difference, WholeSum, reread

LONG = 512 << 10
"""A demand that is so much longer than the read is not waited for as a whole."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fetching:
    """What all sources of a mount share."""

    store: ObjectStore
    blocks: BlockCache
    lanes: Lanes
    demanded: Workers
    """Fetch what a reader waits for, when it is much longer than what it asked for."""
    clock: Clock
    learned: Callable[[ObjectInfo], None]
    """Is told what the answer to each GET says of the version."""
    broke: Callable[[Version], None]
    """Is told of a version of which wrong bytes were shown."""
    disk: DiskCache | None

    def forget(self, key: str) -> None:
        """Drop the object's bytes from memory and disk."""
        self.blocks.drop(key)
        if self.disk is not None:
            self.disk.drop(key)


@dataclass(slots=True)
class _Shown:
    """What readers have been given of a version that is not checked yet."""

    extents: ExtentSet = field(default_factory=ExtentSet)
    broken: str = ""
    """Why nobody may be given anything any more."""


class Source:
    """The bytes of one version: from memory, from the disk cache if there is one, or the store."""

    def __init__(self, shared: Fetching, version: Version, size: int) -> None:
        self.version = version
        self.size = size
        self._shared = shared
        self._blocks = shared.blocks
        self._disk = None if shared.disk is None else shared.disk.of(version, size)
        self._sum = WholeSum(size)
        self._lock = threading.Lock()  # guards the rest
        self._flights: list[Flight] = []
        self._shown = _Shown()
        self._has_fetched = False
        self._mendings = 0
        self._right: dict[Extent, memoryview] = {}
        """Bytes that were fetched again of flights that have come, and are no blocks yet."""

    @property
    def mendings(self) -> int:
        """
        How often wrong bytes were found and replaced.

        Who has taken bytes before that, and shows them after it, has to take them anew.
        """
        return self._mendings

    # For readers

    def read(self, extent: Extent, demand: Extent) -> list[memoryview]:
        """Return the bytes of `extent` in pieces, fetching as much of `demand` as is needed."""
        on_disk = self._on_disk(demand)
        pieces = []
        at = extent.start
        while at < extent.stop:
            piece = self._piece_at(at, extent, demand, on_disk)[: extent.stop - at]
            pieces.append(piece)
            at += len(piece)
        self.show(extent)
        return pieces

    def show(self, extent: Extent) -> None:
        """
        Take note that a reader is given these bytes.

        ChecksumMismatch: wrong ones were given before, and nobody can take them back.
        """
        with self._lock:
            self._refuse_broken_locked()
            if self._sum.is_doubted or not self._sum.is_settled:
                self._shown.extents.add(extent)
            elif self._shown.extents:
                self._shown.extents = ExtentSet()

    def _refuse_broken_locked(self) -> None:
        if self._shown.broken:
            raise self._mismatch(self._shown.broken)

    def block(self, at: int) -> Block | None:
        """Return the block that holds the byte at `at`, if it is in memory."""
        return self._blocks.at(self.version, at)

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
                new.append(self._flight(piece, wanted_by={reader}))
            self._flights += new
        for flight in new:
            self._shared.lanes.submit(partial(self._run_ahead, flight))
        return len(new) == len(missing)

    def fetch_whole(self, *, is_ahead: bool) -> ObjectInfo | None:
        """
        Fetch all of it by one request, unless some is there or under way, or no room is.

        Its bytes make room as those do that were read: if nobody comes for them, they go.
        """
        whole = Extent(0, self.size)
        if is_ahead and self._on_disk(whole):
            return None
        with self._lock:
            if self._flights or self._blocks.present(self.version, whole):
                return None
            if not self._blocks.reserve(self.size, is_ahead=is_ahead):
                return None
            piece = Piece(whole, is_on_disk=False)
            flight = self._flight(piece, wanted_by=set())
            flight.claim()
            self._flights.append(flight)
        self._run(flight)
        return flight.info

    def abandon(self, reader: object, extent: Extent) -> None:
        """Give up the flights inside `extent` that nobody but this reader wanted."""
        with self._lock:
            for flight in self._flights[:]:
                if flight.extent.clip(extent).size:
                    flight.wanted_by.discard(reader)
                    if flight.wanted_by:
                        continue
                    if flight.claim():
                        self._flights.remove(flight)
                        self._blocks.release(flight.extent.size)
                    else:
                        flight.cancel()
        self._blocks.settle(self.version, extent)

    # Finding bytes

    def _on_disk(self, extent: Extent) -> list[Extent]:
        return [] if self._disk is None else self._disk.present(extent)

    def _piece_at(
        self, at: int, extent: Extent, demand: Extent, on_disk: list[Extent]
    ) -> memoryview:
        """Return some bytes from `at` on: from memory, from a flight, or by a GET."""
        has_failed = False
        while True:
            with self._lock:
                block = self._blocks.at(self.version, at)
                if block is not None:
                    return block.view(at, block.extent.stop)
                flight = self._flight_at_locked(at)
                if flight is None:
                    flight = self._demanded_locked(at, demand, on_disk)
                is_mine = flight.claim(is_demanded=True)
            is_long = not flight.is_whole and flight.extent.size > extent.size + LONG
            if is_mine and not is_long:
                return self._run(flight).view(at, flight.extent.stop)
            if is_mine:
                self._shared.demanded.submit(self._run_alone, flight)
            try:
                return flight.wait(at)
            except Unwanted:
                continue
            except StoreError as error:
                # Somebody else's attempt: have one of our own, then believe it.
                if is_mine or has_failed or isinstance(error, PreconditionFailed):
                    raise
                has_failed = True

    def _missing_locked(self, extent: Extent) -> list[Extent]:
        missing = ExtentSet([extent])
        for present in self._blocks.present(self.version, extent):
            missing.remove(present)
        for flight in self._flights:
            missing.remove(flight.extent)
        return list(missing)

    def _flight_at_locked(self, at: int) -> Flight | None:
        for flight in self._flights:
            if flight.extent.start <= at < flight.extent.stop:
                return flight
        return None

    def _demanded_locked(self, at: int, demand: Extent, on_disk: list[Extent]) -> Flight:
        pieces = cut(self._missing_locked(demand), on_disk)
        piece = next(piece for piece in pieces if at < piece.extent.stop)
        self._blocks.reserve(piece.extent.size, is_ahead=False)
        flight = self._flight(piece, wanted_by=set())
        self._flights.append(flight)
        return flight

    def _flight(self, piece: Piece, *, wanted_by: set[object]) -> Flight:
        return Flight(
            self.version,
            self.size,
            piece,
            bucket=self._shared.store.name,
            clock=self._shared.clock,
            wanted_by=wanted_by,
        )

    # Fetching

    def _run_ahead(self, flight: Flight) -> None:
        with self._lock:
            if not flight.claim():
                return
        self._run_alone(flight)

    def _run_alone(self, flight: Flight) -> None:
        try:
            self._run(flight)
        except (StoreError, Unwanted):
            return  # the reader that comes to these bytes tries again and hears of it

    def _run(self, flight: Flight) -> Block:
        try:
            kept = self._disk.load(flight.extent) if self._disk and flight.is_on_disk else None
            if kept is None:
                fetched = self._get(flight)
                data, crc, theirs = flight.data, fetched.crc64, fetched.info.crc64
            else:
                data, crc, theirs = kept, crc64(kept), None
            self._compare(flight, crc, theirs)
            with self._lock:  # so that the bytes are always either in a flight or in a block
                self._refuse_broken_locked()  # nobody would compare these any more
                mended = self._right.pop(flight.extent, None)
                if mended is not None:
                    data, crc = mended, crc64(mended)
                block = self._blocks.put(
                    self.version,
                    flight.extent,
                    data,
                    is_ahead=bool(flight.wanted_by),
                    crc64=crc,
                )
                self._flights.remove(flight)
        except BaseException as error:
            with self._lock:
                self._flights.remove(flight)
                self._blocks.release(flight.extent.size)
            flight.fail(error)
            raise
        flight.land(block)
        if self._disk and kept is None:
            self._disk.offer(block)
        return block

    def _get(self, flight: Flight) -> Fetched:
        key, etag = self.version
        lanes, clock = self._shared.lanes, self._shared.clock
        generation, began = lanes.generation, clock.monotonic()
        # A whole object is asked for as such: then the store checks its CRC-64.
        part = None if flight.is_whole else flight.extent
        try:
            fetched = self._shared.store.get(key, part, if_match=etag, into=flight)
        except (NoSuchKey, RangeNotSatisfiable) as error:
            raise flight.stale(f"the version being read is gone: {error.message}") from error
        if not flight.is_complete:
            raise ShortBody(
                f"not all of {flight.extent}",
                operation="GetObject",
                bucket=self._shared.store.name,
                key=key,
            )
        if flight.answered_at is not None:
            lanes.answered(flight.answered_at - began, generation)
        self._shared.learned(fetched.info)
        return fetched

    # Checking

    def _compare(self, flight: Flight, crc: int | None, theirs: int | None) -> None:
        """
        Take note of a piece that came; compare all with the object if it is the last one.

        ChecksumMismatch: they differ, and a reader has seen them.
        """
        if flight.is_whole or crc is None or (theirs is None and not flight.is_on_disk):
            return
        for extent, known in self._left_by_others():
            self._sum.add(extent, known, None)
        found = self._sum.add(flight.extent, crc, theirs)
        if found is not None:
            self._mend(found)

    def _left_by_others(self) -> list[tuple[Extent, int]]:
        """Return, once, what was in memory when this source fetched its first piece."""
        with self._lock:
            is_first, self._has_fetched = not self._has_fetched, True
        return self._blocks.sums(self.version) if is_first else []

    def _mend(self, found: Difference) -> None:
        """Put right bytes in place of wrong ones. ChecksumMismatch: somebody has these."""
        key = self.version.key
        sums = f"CRC-64 of what was read {found.ours}, of the object {found.theirs}"
        log.warning("%s: %s; reading it again", key, sums)
        get, etag = self._shared.store.get, self.version.etag
        try:
            right = reread(found, lambda extent: get(key, extent, if_match=etag))
        except StoreError as error:
            log.info("%s: it cannot be read again: %s", key, error)
            right = None
        if self._shared.disk is not None:  # after all that was offered to it meanwhile
            self._shared.disk.drop(key)
        with self._lock:
            if right is None or self._is_shown_locked(right):
                self._shown.broken, right = sums, None
                self._blocks.drop(key)  # before anybody opens it anew
            else:
                self._replace_locked(right)
            self._mendings += 1
            self._sum.is_doubted = False
        if right is None:
            log.error("%s: %s; whoever has it open gets an error", key, sums)
            self._shared.broke(self.version)
            raise self._mismatch(sums)
        log.info("%s: mended %s, nobody had seen it", key, list(right))

    def _replace_locked(self, right: Mapping[Extent, memoryview]) -> None:
        landing = {flight.extent for flight in self._flights}
        for extent, data in right.items():
            if extent in landing:
                self._right[extent] = data
            elif self._blocks.present(self.version, extent):
                self._blocks.reserve(extent.size, is_ahead=False)
                self._blocks.put(self.version, extent, data, is_ahead=False, crc64=crc64(data))

    def _mismatch(self, sums: str) -> ChecksumMismatch:
        return ChecksumMismatch(
            f"wrong bytes were read: {sums}",
            operation="GetObject",
            bucket=self._shared.store.name,
            key=self.version.key,
        )

    def _is_shown_locked(self, extents: Iterable[Extent]) -> bool:
        shown = self._shown.extents
        return any(part.clip(extent).size for extent in extents for part in shown)
