"""
An object, or a range of it, in order: as an iterator, or into anything with `write`.

Pieces are fetched side by side ahead of the reader, all of one version, and given out one
after the other; up to `num_threads` of them are in memory, and the one that was given out.

Threads: what is here belongs to its caller's thread; pieces are fetched by threads of its
own, which end with the iterator.
"""

import contextlib
import itertools
from collections import deque
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future, wait
from functools import partial
from typing import IO

from ossfs.crc64 import crc64
from ossfs.errors import (
    Damaged,
    NoSuchKey,
    PreconditionFailed,
    RangeNotSatisfiable,
    RemoteChanged,
)
from ossfs.extents import Extent
from ossfs.store.api import ObjectInfo, ObjectStore
from ossfs.store.interrupts import serving
from ossfs.transfer.arriving import IntoMemory, fetch
from ossfs.transfer.cancel import LOOK_EVERY_S, Cancel
from ossfs.transfer.describing import Conditions, described
from ossfs.transfer.events import DataCallback, ProgressCallback
from ossfs.transfer.headers import sorted_headers
from ossfs.transfer.limiter import RateLimiter
from ossfs.transfer.moving import Moving
from ossfs.transfer.options import BLOCK_SIZE, THREADS, DownloadResult, Hooks
from ossfs.transfer.progress import at_once
from ossfs.transfer.sizes import MIB, Span, spans
from ossfs.transfer.workers import InlineWorkers, ThreadWorkers, Workers

STREAM_PART_SIZE = 8 * MIB
"""Pieces are kept in memory until it is their turn."""


def iter_object(
    bucket: ObjectStore,
    key: str,
    *,
    headers: Mapping[str, str] | None = None,
    version_id: str | None = None,
    byte_range: tuple[int, int | None] | None = None,
    if_match: str | None = None,
    conditions: Conditions | None = None,
    part_size: int = STREAM_PART_SIZE,
    num_threads: int = THREADS,
    progress_callback: ProgressCallback | None = None,
    on_data: DataCallback | None = None,
    limiter: RateLimiter | None = None,
    cancel: Cancel | None = None,
    known: ObjectInfo | None = None,
) -> Generator[memoryview, None, DownloadResult]:
    """
    Yield the bytes of an object in order, in pieces of up to `part_size`.

    Up to `num_threads` pieces are fetched ahead, all of one version: RemoteChanged when it is
    replaced meanwhile. Damaged, behind the last piece, when the CRC-64 of all is not the
    object's (of an object that is one piece, before it). What has come is the generator's
    value: of `yield from`, or of its StopIteration.
    """
    store = sorted_headers(headers).applied(bucket)
    hooks = Hooks(progress_callback, on_data, None, limiter, cancel or Cancel())
    info = described(
        store,
        key,
        version_id=version_id,
        if_match=if_match,
        conditions=conditions,
        known=known,
        operation="get",
    )
    wanted = wanted_of(store, info, byte_range)
    moving = Moving(store, info.key, wanted.size, hooks)
    one = partial(_piece, store, info, version_id, moving)
    parts = list(spans(wanted, max(1, part_size)))
    value = 0
    with (
        moving.told(),
        contextlib.closing(_in_order(parts, one, num_threads, moving.hooks)) as pieces,
    ):
        for piece in pieces:
            value = crc64(piece, value)
            if len(piece) == wanted.size:  # the only one: nobody has it yet
                _check(info, wanted, value)
            yield piece
        _check(info, wanted, value)
    return DownloadResult(
        info.etag, value, info.version_id, wanted.size, info.modified_ns, parts_fetched=len(parts)
    )


def _check(info: ObjectInfo, wanted: Extent, value: int) -> None:
    if wanted.size == info.size and info.crc64 not in {None, value}:
        raise Damaged(f"the CRC-64 is {value}, the object's is {info.crc64}")


def wanted_of(
    bucket: ObjectStore, info: ObjectInfo, byte_range: tuple[int, int | None] | None
) -> Extent:
    """Return the bytes that (first, last) mean. RangeNotSatisfiable."""
    if byte_range is None:
        return Extent(0, info.size)
    first, last = byte_range
    stop = info.size if last is None else min(last + 1, info.size)
    if not 0 <= first < stop:
        raise RangeNotSatisfiable(
            f"bytes {first} to {last} of {info.size}", bucket=bucket.name, key=info.key
        )
    return Extent(first, stop)


def _in_order(
    wanted: list[Span], fetch: Callable[[Span], memoryview], num_threads: int, hooks: Hooks
) -> Generator[memoryview]:
    """Fetch pieces side by side, and yield them one after the other."""
    threads = max(1, min(num_threads, len(wanted)))
    workers: Workers
    workers = ThreadWorkers(threads, "ossfs-fetch") if threads > 1 else InlineWorkers()
    ahead: deque[Future[memoryview]] = deque()
    waiting = iter(wanted)
    try:
        for span in itertools.islice(waiting, threads):
            ahead.append(workers.submit(fetch, span))
        while ahead:
            future = ahead.popleft()
            while not wait([future], timeout=LOOK_EVERY_S).done:
                hooks.cancel.check()
            piece = future.result()
            del future
            following = next(waiting, None)
            if following is not None:
                ahead.append(workers.submit(fetch, following))
            yield piece
    except Exception:
        raise
    except BaseException:  # Ctrl-C, or nobody wants the rest: not to wait for whole pieces
        hooks.cancel.cancel()
        raise
    finally:
        workers.close(cancel=True)


def _piece(
    store: ObjectStore, info: ObjectInfo, version_id: str | None, moving: Moving, span: Span
) -> memoryview:
    """Fetch a piece; called by its thread."""
    size = at_once(BLOCK_SIZE, moving.hooks.limiter)
    piece = IntoMemory(span.extent, moving.meter(), size)
    try:
        with serving(moving.hooks.cancel):
            fetch(store, info, version_id, piece)
    except (PreconditionFailed, NoSuchKey) as error:
        raise RemoteChanged(
            "the object was replaced while it was read", request_id=error.request_id
        ) from error
    return piece.data


def download_to_stream(
    bucket: ObjectStore,
    key: str,
    stream: IO[bytes],
    *,
    headers: Mapping[str, str] | None = None,
    version_id: str | None = None,
    byte_range: tuple[int, int | None] | None = None,
    if_match: str | None = None,
    conditions: Conditions | None = None,
    part_size: int = STREAM_PART_SIZE,
    num_threads: int = THREADS,
    progress_callback: ProgressCallback | None = None,
    on_data: DataCallback | None = None,
    limiter: RateLimiter | None = None,
    cancel: Cancel | None = None,
) -> DownloadResult:
    """
    Write an object to anything with `write`, in order; see `iter_object`.

    What `write` raises comes through. Memory is up to `num_threads` times `part_size`.
    """
    pieces = iter_object(
        bucket,
        key,
        headers=headers,
        version_id=version_id,
        byte_range=byte_range,
        if_match=if_match,
        conditions=conditions,
        part_size=part_size,
        num_threads=num_threads,
        progress_callback=progress_callback,
        on_data=on_data,
        limiter=limiter,
        cancel=cancel,
    )
    with contextlib.closing(pieces):
        while True:
            try:
                piece = next(pieces)
            except StopIteration as end:
                result: DownloadResult = end.value
                return result
            write_all(stream, piece)


def write_all(stream: IO[bytes], data: memoryview) -> None:
    """Write all of `data`: a raw stream may take less at once."""
    while data:
        data = data[_taken(stream.write(data), len(data)) :]


def _taken(count: object, size: int) -> int:
    """Return how many bytes were written; things with `write` that do not say so write all."""
    return count if isinstance(count, int) else size
