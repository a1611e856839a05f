"""
Which bytes to load from the disk cache, and which to ask the store for.

Every run of bytes that is loaded in the middle of a gap makes two requests out of one. So a
short run there is fetched once more with what is around it; at either end of a gap it is
loaded, however short: that only makes the request smaller.

Threads: pure functions.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ossfs.extents import Extent

WORTH = 1024 * 1024
"""Bytes that come in the time of a request: 15 ms to the first byte, 100 MB/s after it."""


class Piece(NamedTuple):
    """A part of a gap that is filled at once."""

    extent: Extent
    is_on_disk: bool


def cut(gaps: Iterable[Extent], on_disk: Iterable[Extent]) -> Iterator[Piece]:
    """Yield the pieces of the gaps, in order; `on_disk` are runs in order, each of one file."""
    runs = list(on_disk)
    for gap in gaps:
        at = gap.start
        for run in _used(gap, runs):
            if at < run.start:
                yield Piece(Extent(at, run.start), is_on_disk=False)
            yield Piece(run, is_on_disk=True)
            at = run.stop
        if at < gap.stop:
            yield Piece(Extent(at, gap.stop), is_on_disk=False)


def _used(gap: Extent, runs: Iterable[Extent]) -> list[Extent]:
    inside = [run for run in (run.clip(gap) for run in runs) if run.size]
    start, stop = gap.start, gap.stop
    for run in inside:
        start = run.stop if run.start == start else start
    for run in reversed(inside):
        stop = run.start if run.stop == stop else stop
    return [run for run in inside if run.stop <= start or run.start >= stop or run.size >= WORTH]
