"""
Which part of an upload holds which bytes.

The sizes grow in steps, so that small files have small parts and one stream still
reaches the largest object in the store's number of parts. A part's number follows from
its offset alone, never from the file's size: an upload that started while the file was
being written, or that is resumed after the file grew, never renumbers.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ossfs.extents import Extent
from ossfs.store.api import Limits

MIB = 1 << 20
STEP_PARTS = 1000
GROWTH = 4  # 8, 32, 128, 512 MiB
STEPS = 4
# 1000 of (8 + 32 + 128) MiB + 7000 of 512 MiB = 3.6 TiB; larger first parts reach 48.8 TB.


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in an upload: the part's number and the bytes it holds."""

    number: int
    extent: Extent


@dataclass(frozen=True, slots=True)
class PartPlan:
    """
    Where the parts begin, for a first part of `first_size` bytes under `limits`.

    ValueError when the store would refuse the first part's size.
    """

    first_size: int
    limits: Limits

    def __post_init__(self) -> None:
        if not self.limits.min_part <= self.first_size <= self.limits.max_part:
            raise ValueError(
                f"part size {self.first_size} is outside the store's "
                f"{self.limits.min_part} to {self.limits.max_part}"
            )

    def _steps(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield (first number, first offset, part size, number of parts) of each step."""
        number, offset, size = 1, 0, self.first_size
        for step in range(STEPS):
            last = step == STEPS - 1 or size == self.limits.max_part
            left = self.limits.max_parts - number + 1
            count = left if last else min(STEP_PARTS, left)
            yield number, offset, size, count
            number, offset = number + count, offset + count * size
            if last or number > self.limits.max_parts:
                return
            size = min(size * GROWTH, self.limits.max_part)

    @property
    def max_size(self) -> int:
        """Bytes of the largest object this plan can hold."""
        *_, (_, offset, size, count) = self._steps()
        return offset + size * count

    def slot_at(self, offset: int) -> Slot:
        """Return the whole slot that holds the byte at `offset`; ValueError behind the last."""
        for number, start, size, count in self._steps():
            index = (offset - start) // size
            if index < count:
                at = start + index * size
                return Slot(number + index, Extent(at, at + size))
        raise ValueError(f"offset {offset} is behind the last part")

    def slot_from(self, offset: int) -> Slot | None:
        """Return the first slot that begins at `offset` or behind it; None: there is none."""
        if offset < self.max_size:
            slot = self.slot_at(offset)
            if slot.extent.start == offset:
                return slot
            offset = slot.extent.stop
        return self.slot_at(offset) if offset < self.max_size else None

    def slots(self, size: int) -> Iterator[Slot]:
        """Yield the slots of an object of `size` bytes, the last one clipped to its end."""
        at = 0
        while at < size:
            slot = self.slot_at(at)
            yield Slot(slot.number, Extent(at, min(slot.extent.stop, size)))
            at = slot.extent.stop
