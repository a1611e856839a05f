"""
A request for bytes of one version: waiting for a worker, under way, or landed.

A `Flight` is where the bytes go as they come (it is the sink of its GET), and where readers
wait for those they need, so that nobody waits for a whole part of 8 MiB to see its first
bytes. Two exceptions: nothing of a whole object is shown before its checksum was compared,
and the end of any flight only when all of it has landed, which is when sums are compared.

Threads: one thread fills a flight; any number wait for it. Its condition is never held
together with another lock by those who fill it.
"""

import threading

from ossfs.cache.blocks import Block, Version
from ossfs.cache.disk_gaps import Piece
from ossfs.clock import Clock
from ossfs.errors import PreconditionFailed, StoreError
from ossfs.extents import Extent
from ossfs.store.api import ObjectInfo
from ossfs.store.bodies import room_for

SHOWN_FIRST = 128 << 10
"""Bytes that are shown before more have come: one read of the kernel."""
HELD_BACK = 64 << 10
"""Bytes at the end that are shown only when all have landed."""
WORTH_CANCELLING = 1 << 20
"""Bytes that are still to come; fewer are cheaper than a new connection."""


class Unwanted(Exception):
    """The flight was given up while it was under way."""


class Flight:
    """Bytes of one version of `size` bytes, on their way, or to be loaded from the disk."""

    def __init__(
        self,
        version: Version,
        size: int,
        piece: Piece,
        *,
        bucket: str,
        clock: Clock,
        wanted_by: set[object],
    ) -> None:
        self.extent, self.is_on_disk = piece
        self.wanted_by = wanted_by
        """Who had it planned; nobody waits for a flight that was not claimed."""
        self.is_whole = self.can_start_over = self.extent.size == size
        self.info: ObjectInfo | None = None
        """What the answer said, once it is there."""
        self.answered_at: float | None = None
        """When it began to come; seconds, monotonic."""
        self._version = version
        self._size = size
        self._bucket = bucket
        self._clock = clock
        self._is_ahead = bool(wanted_by)
        self._is_claimed = False
        self._is_cancelled = False
        # Written by the thread that fills it.
        self._room = memoryview(b"")
        self._at = 0
        # Guards all below.
        self._changed = threading.Condition()
        self._waiting = 0
        self._shown = 0
        self._block: Block | None = None
        self._error: BaseException | None = None

    def __repr__(self) -> str:
        return f"<Flight {self.extent}, {self._at} bytes came>"

    # Who runs it

    def claim(self, *, is_demanded: bool = False) -> bool:
        """
        Say whether the caller, and nobody before, is to run (or cancel) this flight.

        One that its reader runs itself is not cancelled any more. The source's lock is held.
        """
        is_first = not self._is_claimed
        self._is_claimed = True
        self._is_ahead = self._is_ahead and not (is_first and is_demanded)
        return is_first

    def cancel(self) -> None:
        """Have it end early, if it was made ahead of readers and none waits for it."""
        with self._changed:
            is_long = self.extent.size - self._at > WORTH_CANCELLING
            self._is_cancelled = self._is_ahead and not self._waiting and is_long

    # Filling it: see `ossfs.store.bodies.Sink`

    def begins(self, info: ObjectInfo, extent: Extent) -> None:
        """Take note that bytes of this version come. PreconditionFailed: it is another one."""
        if info.etag != self._version.etag or info.size != self._size:
            raise self.stale(f"the store answered with {info.etag} of {info.size} bytes")
        self.info = info
        if self.answered_at is None:
            self.answered_at = self._clock.monotonic()
        if not self._room:
            self._room = room_for(self.extent.size)
        self._at = extent.start - self.extent.start

    def room(self) -> memoryview:
        """Return memory for the next bytes: few at first, for somebody may wait for them."""
        return self._room[self._at : self._at + max(SHOWN_FIRST, self._at)]

    def came(self, count: int) -> None:
        """Let those see these bytes who wait for them."""
        self._at += count
        if self._is_cancelled:
            raise Unwanted
        if not self.is_whole:
            with self._changed:
                self._shown = max(self._shown, min(self._at, self.extent.size - HELD_BACK))
                if self._waiting:
                    self._changed.notify_all()

    @property
    def is_complete(self) -> bool:
        """All the bytes have come."""
        return self._at == self.extent.size

    @property
    def data(self) -> memoryview:
        """The memory that is filled."""
        return self._room

    def land(self, block: Block) -> None:
        """Let everybody have the block that it became."""
        with self._changed:
            self._block = block
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """Let those who wait know that the bytes do not come."""
        with self._changed:
            self._error = error
            self._changed.notify_all()

    # Waiting for it

    def wait(self, at: int) -> memoryview:
        """
        Return the bytes from `at` on, as many as are there, but at least one.

        StoreError, Unwanted: they do not come.
        """
        first = at - self.extent.start
        with self._changed:
            self._waiting += 1
            while self._block is None and self._error is None and self._shown <= first:
                self._changed.wait()
            self._waiting -= 1
            if self._block is not None:
                return self._block.view(at, self.extent.stop)
            if self._shown > first:
                return self._room[first : self._shown].toreadonly()
            assert self._error is not None  # noqa: S101 - what ended the loop
            raise self._error

    def stale(self, message: str) -> StoreError:
        """Return the error for a version that is not in the bucket any more."""
        return PreconditionFailed(
            f"{message} (opened: {self._version.etag} of {self._size} bytes)",
            operation="GetObject",
            bucket=self._bucket,
            key=self._version.key,
        )
