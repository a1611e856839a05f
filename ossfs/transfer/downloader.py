"""
An object becomes a local file, in one request or in ranges that survive an interruption.

Every request names the version (If-Match, If-Unmodified-Since), so that bytes of two are
never mixed; when the object is replaced meanwhile, all of it begins again. Ranges are
written where they belong, a block at a time, into a file beside the target, which gets the
target's name when everything is there and its CRC-64 is the object's.

Threads: a download belongs to the thread that runs it; its ranges are fetched by threads of
its own, which have ended when `run` returns.
"""

import logging
from functools import reduce
from pathlib import Path

from ossfs.crc64 import combine
from ossfs.errors import (
    Damaged,
    LocalFailure,
    NoSuchKey,
    PreconditionFailed,
    RemoteChanged,
    TransferCancelled,
    TransferError,
)
from ossfs.extents import Extent
from ossfs.store.api import ObjectInfo, ObjectStore
from ossfs.store.interrupts import serving
from ossfs.transfer.arriving import IntoFile, fetch
from ossfs.transfer.describing import described
from ossfs.transfer.download_memory import AlreadyThere, DownloadMemory, Received
from ossfs.transfer.events import PartEvent, TransferEvent
from ossfs.transfer.events import TransferEventType as Type
from ossfs.transfer.headers import sorted_headers
from ossfs.transfer.options import DownloadOptions, DownloadResult, Hooks
from ossfs.transfer.plans import DownloadPlan
from ossfs.transfer.progress import Meter, Progress, at_once
from ossfs.transfer.sizes import Span, download_part_size
from ossfs.transfer.spreading import spread
from ossfs.transfer.stream_download import wanted_of
from ossfs.transfer.telling import Teller
from ossfs.transfer.workers import InlineWorkers, ThreadWorkers, Workers

_log = logging.getLogger(__name__)

AHEAD = 2  # ranges handed to the workers for each thread: none waits for the next
MOST_RESTARTS = 3
"""How often the object may be replaced before that is said to be the reason of a failure."""


class FileDownload:
    """The download of one object to one file; `known` spares the request that describes it."""

    def __init__(
        self,
        store: ObjectStore,
        key: str,
        target: Path,
        options: DownloadOptions,
        hooks: Hooks,
        known: ObjectInfo | None = None,
    ) -> None:
        self._place = store.place
        self._store = sorted_headers(options.headers).applied(store)
        self._key = key
        self._target = target.absolute()
        self._options = options
        self._hooks = hooks.own()
        self._known = known
        self._progress = Progress(None, progress=hooks.progress, on_data=hooks.on_data)
        about = TransferEvent(Type.CREATED, "download", store.name, key, str(self._target))
        self._teller = Teller(hooks.on_event, about)
        self._fetched = 0

    def run(self) -> DownloadResult:
        """
        Do what is left to do.

        NoSuchKey; PreconditionFailed: not the version that was asked for; RemoteChanged;
        Damaged; TransferInUse; TransferCancelled; LocalFailure: the file cannot be written;
        any StoreError. What a later run needs is left behind, if there is a checkpoint.
        """
        try:
            with serving(self._hooks.cancel):
                self._hooks.cancel.check()
                result = self._until_unchanged()
        except BaseException as error:
            placed = self._placed(error)
            self._progress.failed(placed)
            if placed is error:
                raise
            raise placed from error
        self._progress.succeeded()
        return result

    def _until_unchanged(self) -> DownloadResult:
        for _ in range(MOST_RESTARTS + 1):
            info = self._described()
            try:
                return self._of_version(info)
            except (PreconditionFailed, NoSuchKey) as error:
                _log.info("%s was replaced, beginning again: %s", self._key, error)
                self._teller.tell(Type.RESTARTED, error=error)
                self._progress.restarted()
                self._fetched = 0
                reason = error
        raise RemoteChanged(
            "the object was replaced again and again", request_id=reason.request_id
        ) from reason

    def _described(self) -> ObjectInfo:
        known, self._known = self._known, None
        return described(
            self._store,
            self._key,
            version_id=self._options.version_id,
            if_match=self._options.if_match,
            conditions=self._options.conditions,
            known=known,
            operation="download",
        )

    def _wanted(self, info: ObjectInfo) -> Extent:
        return wanted_of(self._store, info, self._options.byte_range)

    def _of_version(self, info: ObjectInfo) -> DownloadResult:
        wanted = self._wanted(info)
        is_small = wanted.size < max(1, self._options.multiget_threshold)
        part_size = wanted.size if is_small else self._options.part_size
        plan = DownloadPlan(
            operation="download",
            place=self._place,
            bucket=self._store.name,
            key=self._key,
            version_id=self._options.version_id or "",
            path=str(self._target),
            size=info.size,
            etag=info.etag,
            modified_ns=info.modified_ns,
            start=wanted.start,
            stop=wanted.stop,
            temp="",
            part_size=download_part_size(wanted.size, part_size),
            boot="",
        )
        is_kept = self._options.checkpoint and not is_small
        path = self._checkpoint_path() if self._options.checkpoint else None
        if path is not None and not is_kept and not path.exists():
            path = None  # else there is something to be cleared away
        memory = DownloadMemory(
            path,
            self._target,
            use_temp_file=self._options.use_temp_file,
            verify=self._options.verify,
            restarted=lambda error: self._teller.tell(Type.RESTARTED, error=error),
            check=self._hooks.cancel.check,
        )
        with memory.locked():
            try:
                with memory.opened(plan) as received:
                    return self._into(received, info, path)
            except AlreadyThere as there:
                path.unlink()  # type: ignore[union-attr]  # that is how it was known
                return self._result(info, there.crc64, received=None)

    def _into(self, received: Received, info: ObjectInfo, path: Path | None) -> DownloadResult:
        temp = received.content.path
        self._teller.knows(checkpoint=str(path or ""), temp_path=str(temp))
        self._progress.total = received.content.size
        there = sum(span.extent.size for span in received.spans() if span.number in received.parts)
        self._progress.started(there)
        self._teller.tell(Type.CREATED)
        resumed = len(received.parts)
        try:
            self._fetch(received, info)
            value = self._checked(received, info)
        except BaseException as error:
            is_aborted = isinstance(error, TransferCancelled) and self._hooks.cancel.is_abort
            is_useless = isinstance(error, PreconditionFailed | NoSuchKey | Damaged)
            if is_aborted or is_useless or not received.is_kept:
                received.abandon()
            raise
        self._finish(received, value)
        return self._result(info, value, received=resumed)

    def _fetch(self, received: Received, info: ObjectInfo) -> None:
        missing = [span for span in received.spans() if span.number not in received.parts]
        threads = max(1, min(self._options.num_threads, len(missing)))
        workers: Workers
        workers = ThreadWorkers(threads, "ossfs-fetch") if threads > 1 else InlineWorkers()
        try:
            spread(
                missing,
                lambda span: self._part(received, info, span),
                workers=workers,
                window=threads * AHEAD if threads > 1 else 1,
                done=self._count,
                check=self._hooks.cancel.check,
                stop=self._hooks.cancel.cancel,
            )
        finally:
            workers.close(cancel=True)

    def _count(self, _: None) -> None:
        self._fetched += 1

    def _part(self, received: Received, info: ObjectInfo, span: Span) -> None:
        """Fetch a range; called by its thread."""
        event = PartEvent(span.number, span.extent.start, span.extent.size)
        meter = Meter(self._progress, self._hooks.cancel, self._hooks.limiter)
        place = received.place(span.extent)
        piece = IntoFile(
            span.extent,
            meter,
            at_once(self._options.block_size, self._hooks.limiter),
            lambda at, data: received.content.write_at(place.start + at, data),
        )
        try:
            with serving(self._hooks.cancel):
                fetch(self._store, info, self._options.version_id, piece)
        except BaseException as error:
            self._teller.tell_failed_part(event, error)
            raise
        value = piece.crc64
        received.part_done(span.number, value)
        self._teller.tell(
            Type.PART_DONE, part=PartEvent(event.number, event.offset, event.size, crc64=value)
        )

    def _checked(self, received: Received, info: ObjectInfo) -> int:
        """Return the CRC-64 of everything. Damaged: it is not the object's."""
        sizes = {span.number: span.extent.size for span in received.spans()}
        value = reduce(
            lambda crc, number: combine(crc, received.parts[number], sizes[number]),
            sorted(sizes),
            0,
        )
        is_whole = received.content.size == info.size
        if is_whole and info.crc64 is not None and value != info.crc64:
            raise Damaged(f"the CRC-64 is {value}, the object's is {info.crc64}")
        return value

    def _finish(self, received: Received, value: int) -> None:
        if self._options.flush:
            received.content.flush()
        received.renaming(value)
        if self._options.use_temp_file:
            try:
                received.content.become(self._target, flush=self._options.flush)
            except OSError as error:
                self._teller.tell(Type.RENAME_FAILED, error=error)
                if not received.is_kept:
                    received.abandon()
                raise
            self._teller.tell(Type.RENAMED)
        received.forget()

    def _result(self, info: ObjectInfo, value: int, *, received: int | None) -> DownloadResult:
        wanted = self._wanted(info)
        return DownloadResult(
            etag=info.etag,
            crc64=value,
            version_id=info.version_id,
            size=wanted.size,
            modified_ns=info.modified_ns,
            parts_fetched=self._fetched,
            parts_resumed=received or 0,
        )

    def _checkpoint_path(self) -> Path:
        source = f"{self._place}\n{self._key}\n{self._options.version_id or ''}"
        return self._options.store.path("download", source, str(self._target))

    def _placed(self, error: BaseException) -> BaseException:
        """Return the error with what it is about."""
        where = {"bucket": self._store.name, "key": self._key, "path": str(self._target)}
        if isinstance(error, OSError):
            return LocalFailure(str(error), **where)
        if isinstance(error, TransferError):
            error.bucket, error.key, error.path = where.values()
        return error
