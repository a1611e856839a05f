"""
The bytes of objects kept in memory, under one budget.

A block is a piece of one version of an object: its bytes never change and it is named by
(key, etag) and where it starts. A block is as long as the answer it came with, from a
grain of 32 KiB (a random read) to a part of 8 MiB (a sequential one), because cutting an
answer into smaller pieces would free nothing: a slice keeps the whole buffer in memory. So
what is counted here and what the process holds are the same number.

Who writes borrows from the same budget (`lent`) what is fetched of the version that is edited.

Bytes that are still under way are counted too: `reserve` comes before a request, `put`
or `release` after it. What was fetched ahead and waits to be read may take three quarters
of the budget; it is not evicted for the sake of other bytes that are fetched ahead, since
everything would be fetched twice then. All else makes room, least recently used first.

Threads: every method may be called from any thread. One lock guards everything; it is
held for a few look-ups, never while bytes are copied or fetched.
"""

import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from ossfs.extents import Extent

MIB = 1024 * 1024

BESIDE = 1200
"""
Bytes of memory that a block takes beside its data: its own objects and its share of the
index; measured for objects of one block, with CPython 3.11. It matters for small files.
"""


class Version(NamedTuple):
    """One version of one object."""

    key: str
    etag: str


class _Referable:
    """Lets others know of a block without keeping its memory."""

    __slots__ = ("__weakref__",)  # what `weakref_slot=True` does from Python 3.11 on


@dataclass(eq=False, slots=True)
class Block(_Referable):
    """The bytes of `extent` in `version`, in one buffer."""

    version: Version
    extent: Extent
    data: memoryview = field(repr=False)
    is_waiting: bool = False
    """Was fetched ahead, and its last byte was not read yet."""
    crc64: int | None = None
    """Of its bytes as they came; None: whoever fetched them did not say."""

    def view(self, start: int, stop: int) -> memoryview:
        """Return the part of the block inside [start, stop), counted in the object."""
        first = self.extent.start
        return self.data[max(start - first, 0) : stop - first]

    @property
    def cost(self) -> int:
        """Bytes of memory it takes."""
        return self.extent.size + BESIDE


class BlockCache:
    """
    Blocks of any number of versions, at most `budget` bytes with what is under way.

    `hits` and `misses` count the calls of `find`, `evictions` the blocks that made room.
    """

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.hits = 0
        self.misses = 0
        self.evictions = 0
        # Guards all that follows, and the counters.
        self._lock = threading.Lock()
        self._objects: dict[str, dict[str, _Blocks]] = {}
        self._used: OrderedDict[Block, None] = OrderedDict()
        self._waiting: OrderedDict[Block, None] = OrderedDict()
        self._held = 0
        self._ahead = 0
        self._reserved = 0

    def __repr__(self) -> str:
        return (
            f"<BlockCache {self._held / MIB:.1f} MiB held, {self._reserved / MIB:.1f} under way, "
            f"of {self.budget / MIB:.1f}; {self.hits} hits, {self.misses} misses>"
        )

    @property
    def held(self) -> int:
        """Bytes of memory that blocks take."""
        return self._held

    @property
    def reserved(self) -> int:
        """Bytes of memory set aside for what is under way."""
        return self._reserved

    @property
    def room_ahead(self) -> int:
        """Bytes that all readers together may have ahead: the rest is for unforeseen reads."""
        return self.budget * 3 // 4

    def find(self, version: Version, extent: Extent) -> list[memoryview] | None:
        """Return the bytes of a non-empty `extent` in pieces; None when any is missing."""
        with self._lock:
            blocks = self._blocks_locked(version).covering(extent)
            if blocks is None:
                self.misses += 1
                return None
            self.hits += 1
            for block in blocks:
                self._touch_locked(block, extent.stop)
        return [block.view(extent.start, extent.stop) for block in blocks]

    def at(self, version: Version, offset: int) -> Block | None:
        """Return the block that holds the byte at `offset`; it counts as used."""
        with self._lock:
            block = self._blocks_locked(version).at(offset)
            if block is not None:
                self._touch_locked(block, offset + 1)
            return block

    def count_hits(self, hits: int) -> None:
        """Take note of reads that found their bytes without asking here."""
        with self._lock:
            self.hits += hits

    def present(self, version: Version, extent: Extent) -> list[Extent]:
        """Return the extents of the blocks that meet `extent`, in order."""
        with self._lock:
            return [block.extent for block in self._blocks_locked(version).meeting(extent)]

    def sums(self, version: Version) -> list[tuple[Extent, int]]:
        """Return the blocks of a version in order, with their CRC-64s where these are known."""
        with self._lock:
            return [
                (block.extent, block.crc64)
                for block in self._blocks_locked(version)
                if block.crc64 is not None
            ]

    def reserve(self, size: int, *, is_ahead: bool) -> bool:
        """
        Make room for `size` bytes before they are asked for.

        Bytes ahead of a reader are refused (False) when `room_ahead` would be exceeded.
        Bytes that a reader waits for are always allowed, if need be beyond the budget.
        """
        with self._lock:
            if is_ahead and self._reserved + self._ahead + size > self.room_ahead:
                return False
            self._reserved += size + BESIDE
            self._evict_locked()
            return True

    def release(self, size: int) -> None:
        """Give back what was reserved: the bytes do not come."""
        with self._lock:
            self._reserved -= size + BESIDE

    @contextmanager
    def lent(self, size: int) -> Iterator[None]:
        """Make room for `size` bytes that somebody else holds inside the block."""
        self.reserve(size, is_ahead=False)
        try:
            yield
        finally:
            self.release(size)

    def put(
        self,
        version: Version,
        extent: Extent,
        data: bytes | bytearray | memoryview,
        *,
        is_ahead: bool,
        crc64: int | None = None,
    ) -> Block:
        """
        Turn a reservation into a block, and return it; it may be evicted at any time.

        Blocks that it overlaps go: two requests for the same bytes crossed each other.
        """
        if len(data) != extent.size or not data:
            raise ValueError(f"{len(data)} bytes are no block {extent}")
        view = memoryview(data).toreadonly()
        block = Block(version, extent, view, is_waiting=is_ahead, crc64=crc64)
        with self._lock:
            self._reserved -= block.cost
            for older in self._blocks_locked(version).meeting(extent):
                self._remove_locked(older)
            self._objects.setdefault(version.key, {}).setdefault(version.etag, _Blocks()).add(block)
            self._held += block.cost
            if is_ahead:
                self._waiting[block] = None
                self._ahead += block.cost
            else:
                self._used[block] = None
            self._evict_locked()
        return block

    def settle(self, version: Version, extent: Extent) -> None:
        """Take note that what was fetched ahead inside `extent` will not be read soon."""
        with self._lock:
            for block in self._blocks_locked(version).meeting(extent):
                if block.is_waiting:
                    self._settle_locked(block)

    def drop(self, key: str) -> None:
        """Forget all versions of the object."""
        with self._lock:
            for blocks in list(self._objects.get(key, {}).values()):
                for block in list(blocks):
                    self._remove_locked(block)

    def _blocks_locked(self, version: Version) -> "_Blocks":
        return self._objects.get(version.key, {}).get(version.etag, NO_BLOCKS)

    def _touch_locked(self, block: Block, stop: int) -> None:
        if not block.is_waiting:
            self._used.move_to_end(block)
        elif stop >= block.extent.stop:
            self._settle_locked(block)

    def _settle_locked(self, block: Block) -> None:
        block.is_waiting = False
        del self._waiting[block]
        self._ahead -= block.cost
        self._used[block] = None

    def _evict_locked(self) -> None:
        while self._held and self._held + self._reserved > self.budget:
            self._remove_locked(next(iter(self._used or self._waiting)))
            self.evictions += 1

    def _remove_locked(self, block: Block) -> None:
        key, etag = block.version
        versions = self._objects[key]
        versions[etag].remove(block)
        if not len(versions[etag]):
            del versions[etag]
            if not versions:
                del self._objects[key]
        if block.is_waiting:
            self._settle_locked(block)
        del self._used[block]
        self._held -= block.cost


class _Blocks:
    """The blocks of one version, by position; they do not overlap."""

    __slots__ = ("_blocks", "_starts")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._blocks: list[Block] = []

    def __len__(self) -> int:
        return len(self._blocks)

    def __iter__(self) -> Iterator[Block]:
        return iter(self._blocks)

    def at(self, offset: int) -> Block | None:
        index = bisect_right(self._starts, offset) - 1
        if index < 0 or self._blocks[index].extent.stop <= offset:
            return None
        return self._blocks[index]

    def meeting(self, extent: Extent) -> list[Block]:
        first = max(bisect_right(self._starts, extent.start) - 1, 0)
        last = bisect_left(self._starts, extent.stop)
        return [b for b in self._blocks[first:last] if b.extent.stop > extent.start]

    def covering(self, extent: Extent) -> list[Block] | None:
        found = []
        at = extent.start
        while at < extent.stop:
            block = self.at(at)
            if block is None:
                return None
            found.append(block)
            at = block.extent.stop
        return found

    def add(self, block: Block) -> None:
        index = bisect_left(self._starts, block.extent.start)
        self._starts.insert(index, block.extent.start)
        self._blocks.insert(index, block)

    def remove(self, block: Block) -> None:
        index = bisect_left(self._starts, block.extent.start)
        del self._starts[index], self._blocks[index]


NO_BLOCKS = _Blocks()
"""What is known of a version nobody has read; it stays empty."""
