"""
Writing the bytes of a file that is not in the bucket to another place.

Local bytes come from the staging file. What only the version has that an edit is based on
is fetched, a piece at a time; what cannot be had stays a hole, if that was asked for.

Threads: an export belongs to the thread that runs it.
"""

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ossfs.errors import OssfsError
from ossfs.extents import Extent
from ossfs.writeback.details import BASE, LOST, Details, Gap

PIECE = 4 << 20  # bytes copied, or fetched, at once

Fetch = Callable[[Extent], bytes]
"""Returns bytes of the version that the edit is based on. Any OssfsError: they cannot be had."""


class Incomplete(OssfsError):
    """Bytes of the file cannot be had; the message says which, and why."""


class Written(NamedTuple):
    """What an export wrote."""

    size: int
    """Of the file, holes and all."""
    fetched: int
    """Bytes that came from the store."""
    holes: list[Gap]
    """What is missing."""


def write_sparse(
    details: Details, staging: int | None, target: int, fetch: Fetch, *, partial: bool
) -> Written:
    """
    Write the file into an empty file, `target`; `staging` has the local bytes.

    Incomplete, unless `partial`: some bytes cannot be had.
    """
    fetched, holes = 0, []
    os.ftruncate(target, details.status.size)
    for extent, gap in _ranges(details):
        if gap is None:
            if staging is not None:
                _copy_data(staging, target, extent)
            continue
        hole = None
        for piece in _pieces(extent):
            try:
                data = _fetched(gap, piece, fetch)
            except OssfsError as error:
                if not partial:
                    raise _incomplete(gap, error) from error
                hole = Gap(piece.start, extent.stop, gap.why)
                break
            _write_at(target, data, piece.start)
            fetched += len(data)
        if hole is not None:
            holes.append(hole)
    return Written(details.status.size, fetched, holes)


def write_stream(
    details: Details, staging: int | None, target: int, fetch: Fetch, *, partial: bool
) -> Written:
    """
    Write the file from start to end into a pipe, `target`, with zeros for its holes.

    Incomplete, unless `partial`: some bytes cannot be had, and nothing, or less, was written.
    """
    fetched, holes = 0, []
    for extent, gap in _ranges(details):
        is_hole = False
        for piece in _pieces(extent):
            data = bytes(piece.size)
            if gap is None:
                data = b"" if staging is None else os.pread(staging, piece.size, piece.start)
                data = data.ljust(piece.size, b"\0")
            elif not is_hole:
                try:
                    data = _fetched(gap, piece, fetch)
                    fetched += len(data)
                except OssfsError as error:
                    if not partial:
                        raise _incomplete(gap, error) from error
                    is_hole = True
                    holes.append(Gap(piece.start, extent.stop, gap.why))
            _write_all(target, data)
    return Written(details.status.size, fetched, holes)


def _fetched(gap: Gap, piece: Extent, fetch: Fetch) -> bytes:
    if gap.why != BASE:
        raise Incomplete(
            "the staging file ends before"
            if gap.why == LOST
            else "it is not known what was written there, and what was not"
        )
    data = fetch(piece)
    if len(data) != piece.size:
        raise Incomplete(f"{len(data)} bytes came instead of {piece.size}")
    return data


def _incomplete(gap: Gap, cause: OssfsError) -> Incomplete:
    return Incomplete(f"bytes {gap.start} to {gap.stop} cannot be had: {cause}")


def _ranges(details: Details) -> Iterator[tuple[Extent, Gap | None]]:
    """Yield the ranges of the file in order; without a gap, the bytes are local."""
    at = 0
    for gap in details.gaps:
        if at < gap.start:
            yield Extent(at, gap.start), None
        yield gap.extent, gap
        at = gap.stop
    if at < details.status.size:
        yield Extent(at, details.status.size), None


def _pieces(extent: Extent) -> Iterator[Extent]:
    for start in range(extent.start, extent.stop, PIECE):
        yield Extent(start, min(start + PIECE, extent.stop))


def _copy_data(source: int, target: int, extent: Extent) -> None:
    """Copy what is not a hole; what is, stays one."""
    at = extent.start
    while at < extent.stop:
        try:
            at = os.lseek(source, at, os.SEEK_DATA)
        except OSError:  # ENXIO: only a hole is left
            return
        stop = min(os.lseek(source, at, os.SEEK_HOLE), extent.stop)
        while at < stop:
            data = os.pread(source, min(PIECE, stop - at), at)
            if not data:
                return
            _write_at(target, data, at)
            at += len(data)


def _write_at(target: int, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(target, view, at)
        view, at = view[written:], at + written


def _write_all(target: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]
