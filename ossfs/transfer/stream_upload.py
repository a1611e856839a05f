"""
Bytes, text, open files, pipes and iterators become an object of any size.

Nothing is kept for later, since a stream cannot be read twice: an upload that fails is
aborted. Requests are repeated by the bucket, for which the bytes of up to `num_threads`
parts are kept in memory (none, if they come from a file).

Threads: `upload_object` blocks in its caller's thread, which is also the one that reads from
what it was given; parts are sent by threads of its own.
"""

import contextlib
import itertools
from collections.abc import Iterable, Mapping

from ossfs.errors import StoreError
from ossfs.extents import Extent
from ossfs.store.api import Body, BytesBody, ObjectStore, Part
from ossfs.store.interrupts import serving
from ossfs.transfer.cancel import Cancel
from ossfs.transfer.events import DataCallback, ProgressCallback
from ossfs.transfer.headers import SortedHeaders, sorted_headers
from ossfs.transfer.limiter import RateLimiter
from ossfs.transfer.moving import Moving
from ossfs.transfer.options import MULTIPART_THRESHOLD, THREADS, Hooks, UploadResult
from ossfs.transfer.parts import PartPlan
from ossfs.transfer.pieces import send_part
from ossfs.transfer.sizes import DEFAULT_PART_SIZE, determine_part_size, spans
from ossfs.transfer.sources import Data, body_from, has_size, parts_from, slice_of
from ossfs.transfer.spreading import spread
from ossfs.transfer.workers import InlineWorkers, ThreadWorkers, Workers


def upload_object(
    bucket: ObjectStore,
    key: str,
    data: Data,
    *,
    headers: Mapping[str, str] | None = None,
    multipart_threshold: int = MULTIPART_THRESHOLD,
    part_size: int = DEFAULT_PART_SIZE,
    num_threads: int = THREADS,
    forbid_overwrite: bool = False,
    progress_callback: ProgressCallback | None = None,
    on_data: DataCallback | None = None,
    limiter: RateLimiter | None = None,
    cancel: Cancel | None = None,
) -> UploadResult:
    """
    Make `data` (see `put_object`) an object of any size: large ones are sent in parts.

    Of data whose size nobody knows (a pipe, a generator), parts are read as they are sent,
    so that it may be larger than memory and disk; from the thousandth part on they grow, so
    that one stream reaches the largest object. A failure aborts the upload.
    """
    found = sorted_headers(headers, key=key)
    store = found.applied(bucket)
    hooks = Hooks(progress_callback, on_data, None, limiter, cancel or Cancel())
    upload = _PartsUpload(
        store, key, found, num_threads, forbid_overwrite or found.forbid_overwrite
    )
    if has_size(data):
        with body_from(data) as body:
            moving = Moving(bucket, key, body.size, hooks)
            is_small = body.size < max(1, multipart_threshold)
            with moving.done_here():
                if is_small and body.size <= store.limits.max_put:
                    return upload.whole(body, moving)
                size = determine_part_size(body.size, part_size, limits=store.limits)
                slices = (slice_of(body, extent) for _, extent in spans(Extent(0, body.size), size))
                return upload.run(slices, moving)
    moving = Moving(bucket, key, None, hooks)
    limits = store.limits
    plan = PartPlan(min(max(part_size, limits.min_part), limits.max_part), limits)
    parts = parts_from(data, (slot.extent.size for slot in plan.slots(plan.max_size)))
    with moving.done_here():
        first = next(parts, b"")
        if len(first) < min(plan.first_size, max(1, multipart_threshold)):
            return upload.whole(BytesBody(memoryview(first)), moving)
        rest = itertools.chain([first], parts)
        return upload.run((BytesBody(memoryview(part)) for part in rest), moving)


class _PartsUpload:
    """An upload whose parts come one after the other, and are sent side by side."""

    def __init__(
        self,
        store: ObjectStore,
        key: str,
        headers: SortedHeaders,
        num_threads: int,
        forbid_overwrite: bool,
    ) -> None:
        self._store = store
        self._key = key
        self._headers = headers.of_object
        self._threads = max(1, num_threads)
        self._forbid_overwrite = forbid_overwrite

    def whole(self, body: Body, moving: Moving) -> UploadResult:
        """Send all of it by one request."""
        stored = self._store.put(
            self._key,
            moving.watched(body),
            self._headers,
            forbid_overwrite=self._forbid_overwrite,
        )
        return UploadResult.of(stored, body.size)

    def run(self, bodies: Iterable[Body], moving: Moving) -> UploadResult:
        """Send parts until there are no more, then complete; abort when that fails."""
        moving.hooks.cancel.check()
        upload_id = self._store.create_upload(self._key, self._headers)
        parts: list[Part] = []
        try:
            self._send(bodies, upload_id, moving, parts)
            parts.sort(key=lambda part: part.number)
            stored = self._store.complete_upload(
                self._key, upload_id, parts, forbid_overwrite=self._forbid_overwrite
            )
        except BaseException:
            with contextlib.suppress(StoreError), serving(None):
                self._store.abort_upload(self._key, upload_id)
            raise
        size = sum(part.size for part in parts)
        return UploadResult.of(stored, size, upload_id=upload_id, parts_sent=len(parts))

    def _send(
        self, bodies: Iterable[Body], upload_id: str, moving: Moving, parts: list[Part]
    ) -> None:
        def send(numbered: tuple[int, Body]) -> Part:
            number, body = numbered
            with serving(moving.hooks.cancel):
                return send_part(self._store, self._key, upload_id, number, moving.watched(body))

        workers: Workers
        workers = (
            ThreadWorkers(self._threads, "ossfs-send") if self._threads > 1 else InlineWorkers()
        )
        try:
            spread(
                enumerate(bodies, 1),
                send,
                workers=workers,
                window=self._threads,
                done=parts.append,
                check=moving.hooks.cancel.check,
                stop=moving.hooks.cancel.cancel,
            )
        finally:
            workers.close(cancel=True)
