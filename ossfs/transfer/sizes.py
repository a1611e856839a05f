"""
How large the parts of a transfer are, and where they begin.

Unlike the parts of a mount's uploads (`ossfs.transfer.parts`), those of a transfer are all
of one size, the last one excepted: the size of the whole is known.

Threads: pure functions.
"""

from collections.abc import Iterator
from typing import NamedTuple

from ossfs.extents import Extent
from ossfs.store.api import Limits
from ossfs.store.limits import OSS_LIMITS

MIB = 1 << 20
DEFAULT_PART_SIZE = 10 * MIB
"""As oss2: large enough that a request's latency hardly counts, small enough to be sent again."""
MOST_DOWNLOAD_PARTS = 100_000
"""No store limits them; as oss2: the record stays below some 10 MB."""


class Span(NamedTuple):
    """A part of a transfer: its number, from 1, and the bytes it holds."""

    number: int
    extent: Extent


def determine_part_size(
    total_size: int, preferred_size: int | None = None, *, limits: Limits = OSS_LIMITS
) -> int:
    """
    Return the size of the parts in which `total_size` bytes are sent.

    That is the preferred size (10 MiB if none is given), raised to the store's smallest
    part and doubled until the parts are few enough; a file that is smaller than a part is
    one part. ValueError: more than the store takes as one object, or not a size.
    """
    preferred = DEFAULT_PART_SIZE if preferred_size is None else preferred_size
    if preferred < 1 or total_size < 0:
        raise ValueError(f"{total_size} bytes in parts of {preferred}")
    if total_size > limits.max_part * limits.max_parts:
        raise ValueError(f"{total_size} bytes are more than the store takes as one object")
    size = min(max(preferred, limits.min_part), limits.max_part)
    while size * limits.max_parts < total_size:
        size = min(size * 2, limits.max_part)
    return min(size, total_size) if total_size else size


def download_part_size(total_size: int, preferred_size: int) -> int:
    """Return the size of the ranges in which an object is fetched."""
    size = max(1, preferred_size)
    while size * MOST_DOWNLOAD_PARTS < total_size:
        size *= 2
    return size


def spans(extent: Extent, part_size: int) -> Iterator[Span]:
    """Yield the parts of `extent`, the last one clipped to its end."""
    for number, start in enumerate(range(extent.start, extent.stop, part_size), 1):
        yield Span(number, Extent(start, min(start + part_size, extent.stop)))
