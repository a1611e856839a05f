"""
The multipart upload of one file, while the file may still change.

It knows which of the parts that the store has are the file's bytes now, and which are on
their way. A write into such a part takes that back: the part is sent again at the commit.
Nothing of this is in the journal, since whoever reads a journal compares checksums.

Threads: all of it is guarded by the lock of the `PendingFile` it belongs to, but for
`checkpoint`, which has its own.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import replace
from typing import NamedTuple

from ossfs.extents import Extent
from ossfs.journal.records import AbortRecord, IntentId, UploadRecord
from ossfs.store.api import Headers, Part
from ossfs.transfer.parts import PartPlan, Slot
from ossfs.writeback.checkpoint import JournalCheckpoint


class FileUpload:
    """See the module's docstring. `is_own`: it was begun with the present content."""

    def __init__(self, checkpoint: JournalCheckpoint, plan: PartPlan, *, is_own: bool) -> None:
        self.checkpoint = checkpoint
        self.plan = plan
        self.is_own = is_own
        self.opening = threading.Lock()  # held by whoever asks the store about the upload
        self.is_stopped = False
        """Nothing more is sent ahead of the commit: a part failed, or the file is gone."""
        self._current: set[int] = set()
        self._flights: dict[int, Flight] = {}
        self._outdated: list[Future[Part]] = []
        self._reach = 0  # no part that is current or under way reaches beyond this offset

    @property
    def key(self) -> str:
        """The key it was begun for."""
        return self.checkpoint.key

    def describe(self, headers: Headers) -> None:
        """Take note of the headers that it is to begin with, unless it has begun."""
        if not self._flights and self.checkpoint.upload_id is None:
            self.checkpoint.headers = headers

    @property
    def unsent(self) -> int:
        """Bytes of the parts that are on their way."""
        return sum(flight.slot.extent.size for flight in self._flights.values())

    def is_current(self, number: int) -> bool:
        """Say whether an acknowledged part is known to hold the file's present bytes."""
        return number in self._current

    def is_known(self, number: int) -> bool:
        """Say whether a part is current or on its way."""
        return number in self._current or number in self._flights

    def mark_current(self, slot: Slot) -> None:
        """Take note that the store has acknowledged the present bytes of a part."""
        self._current.add(slot.number)
        self._reach = max(self._reach, slot.extent.stop)

    def touch(self, extent: Extent) -> None:
        """Take note that these bytes are about to change."""
        if extent.start >= self._reach:
            return
        at = extent.start
        while at < min(extent.stop, self._reach):
            slot = self.plan.slot_at(at)
            self._forget(slot.number)
            at = slot.extent.stop

    def cut(self, size: int) -> None:
        """Take note that the file is about to end at `size`: no byte behind it stays."""
        self.touch(Extent(size, max(size, self._reach)))

    def _forget(self, number: int) -> None:
        self._current.discard(number)
        flight = self._flights.pop(number, None)
        if flight is not None and flight.future is not None:
            self._outdated.append(flight.future)

    def launch(self, slot: Slot, submit: Callable[["Flight"], Future[Part]]) -> None:
        """Have a part sent: `submit` hands it to a worker, who calls `land` or `fail`."""
        flight = self._flights[slot.number] = Flight(slot)
        self._reach = max(self._reach, slot.extent.stop)
        flight.future = submit(flight)

    def land(self, flight: "Flight") -> bool:
        """Take note that a part has arrived; False: its bytes have been changed meanwhile."""
        if self._flights.get(flight.slot.number) is not flight:
            return False
        del self._flights[flight.slot.number]
        self._current.add(flight.slot.number)
        return True

    def fail(self, flight: "Flight") -> bool:
        """Take note that a part has not arrived; return whether it was still wanted."""
        if self._flights.get(flight.slot.number) is not flight:
            return False
        was_stopped, self.is_stopped = self.is_stopped, True
        del self._flights[flight.slot.number]
        return not was_stopped

    def under_way(self) -> dict[int, Future[Part]]:
        """Return the parts of the present bytes that are on their way."""
        return {
            number: flight.future
            for number, flight in self._flights.items()
            if flight.future is not None
        }

    def flights(self) -> list[Future[Part]]:
        """Return all parts on their way, whatever bytes they hold."""
        return [*self.under_way().values(), *self._outdated]

    def outdated(self) -> list[Future[Part]]:
        """Return the parts on their way that hold older bytes: nothing may overtake them."""
        return self._outdated


class Dropped(NamedTuple):
    """An upload that is to be aborted when nothing of it is on its way any more."""

    record: AbortRecord | None
    flights: list[Future[Part]]
    upload: FileUpload | None
    recovered: UploadRecord | None

    def landed(self) -> AbortRecord | None:
        """
        Wait until all parts have landed; return what is to be aborted, None: nothing was begun.

        The first of them may have begun the upload after the journal let go of it, which it
        also does when another file gets the name. It knows both by the same number.
        """
        wait(self.flights)
        known = self.recovered if self.upload is None else self.upload.checkpoint.record
        if self.record is not None:
            upload_id = None if known is None else known.upload_id
            return replace(self.record, upload_id=self.record.upload_id or upload_id)
        if known is None:
            return None
        return AbortRecord(IntentId(known.row), known.key, known.planned_ns, known.upload_id)


class Flight:
    """A part on its way to the store."""

    __slots__ = ("future", "slot")

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
        self.future: Future[Part] | None = None
