"""
Half-open byte ranges, and sets of them.

An `ExtentSet` says which bytes of a file are present (in staging, in a cache …).
It is kept sorted, disjoint and merged, so that a file written from start to end is
one extent however many writes it took.

Threads: `Extent` is a value; an `ExtentSet` is guarded by its owner's lock.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Extent:
    """The bytes `start` ≤ position < `stop`."""

    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.stop:
            raise ValueError(f"not an extent: [{self.start}, {self.stop})")

    @property
    def size(self) -> int:
        """Bytes in the range; 0 for an empty one."""
        return self.stop - self.start

    def clip(self, other: "Extent") -> "Extent":
        """Return the part of this range inside `other`; empty when they do not meet."""
        start = max(self.start, other.start)
        return Extent(start, max(start, min(self.stop, other.stop)))


class ExtentSet:
    """A set of byte positions, stored as sorted, disjoint, non-touching extents."""

    __slots__ = ("_starts", "_stops")

    def __init__(self, extents: Iterable[Extent] = ()) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []
        for extent in extents:
            self.add(extent)

    def __iter__(self) -> Iterator[Extent]:
        return (Extent(a, b) for a, b in zip(self._starts, self._stops, strict=True))

    def __len__(self) -> int:
        return len(self._starts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ExtentSet):
            return NotImplemented
        return self._starts == other._starts and self._stops == other._stops

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        return f"ExtentSet({list(self)!r})"

    @property
    def size(self) -> int:
        """Bytes in the set."""
        return sum(self._stops) - sum(self._starts)

    def copy(self) -> "ExtentSet":
        """Return an independent copy."""
        other = ExtentSet()
        other._starts, other._stops = self._starts[:], self._stops[:]
        return other

    def add(self, extent: Extent) -> None:
        """Put the positions of `extent` into the set."""
        start, stop = extent.start, extent.stop
        if start == stop:
            return
        if self._stops and start == self._stops[-1]:  # the sequential writer
            self._stops[-1] = stop
            return
        first = bisect_left(self._stops, start)
        last = bisect_right(self._starts, stop)
        if first < last:
            start = min(start, self._starts[first])
            stop = max(stop, self._stops[last - 1])
        self._starts[first:last] = [start]
        self._stops[first:last] = [stop]

    def remove(self, extent: Extent) -> None:
        """Take the positions of `extent` out of the set."""
        start, stop = extent.start, extent.stop
        if start == stop:
            return
        first = bisect_right(self._stops, start)
        last = bisect_left(self._starts, stop)
        if first >= last:
            return
        kept = []
        if self._starts[first] < start:
            kept.append((self._starts[first], start))
        if self._stops[last - 1] > stop:
            kept.append((stop, self._stops[last - 1]))
        self._starts[first:last] = [a for a, _ in kept]
        self._stops[first:last] = [b for _, b in kept]

    def truncate(self, size: int) -> None:
        """Take out every position at or behind `size`."""
        if self._stops and self._stops[-1] > size:
            self.remove(Extent(size, self._stops[-1]))

    def covers(self, extent: Extent) -> bool:
        """Say whether every position of `extent` is in the set."""
        return not any(True for _ in self.gaps(extent))

    def within(self, extent: Extent) -> Iterator[Extent]:
        """Yield the parts of the set inside `extent`, in order."""
        if extent.start == extent.stop:
            return
        index = bisect_right(self._stops, extent.start)
        while index < len(self._starts) and self._starts[index] < extent.stop:
            yield Extent(
                max(self._starts[index], extent.start), min(self._stops[index], extent.stop)
            )
            index += 1

    def gaps(self, extent: Extent) -> Iterator[Extent]:
        """Yield the parts of `extent` that are not in the set, in order."""
        at = extent.start
        for present in self.within(extent):
            if at < present.start:
                yield Extent(at, present.start)
            at = present.stop
        if at < extent.stop:
            yield Extent(at, extent.stop)
