"""
An object becomes another one, in one request or in parts.

Inside of a store no bytes come here; from one store to another, they are fetched and sent
on (`ossfs.transfer.relaying`). Every request names the version of the source, so that an
object is never made of two; what survives an interruption is as in
`ossfs.transfer.uploader`.

Threads: a copy belongs to the thread that runs it; its parts are asked for by threads of
its own, which have ended when `run` returns.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

from ossfs.errors import Damaged, LocalFailure, PreconditionFailed, TransferCancelled, TransferError
from ossfs.extents import Extent
from ossfs.store.api import Headers, ObjectInfo, ObjectStore, Part, Stored, kept_class
from ossfs.store.interrupts import serving
from ossfs.store.resolving import crc_of_parts
from ossfs.transfer.describing import described
from ossfs.transfer.events import PartEvent, TransferEvent
from ossfs.transfer.events import TransferEventType as Type
from ossfs.transfer.headers import sorted_headers
from ossfs.transfer.opening import Checkpoint
from ossfs.transfer.options import (
    COPY_PART_SIZE,
    MULTIPART_THRESHOLD,
    CopyOptions,
    Hooks,
    UploadResult,
)
from ossfs.transfer.pieces import CopiedPiece
from ossfs.transfer.plans import CopyPlan
from ossfs.transfer.progress import Progress
from ossfs.transfer.relaying import Relay, is_elsewhere
from ossfs.transfer.sizes import DEFAULT_PART_SIZE, determine_part_size, spans
from ossfs.transfer.telling import Teller
from ossfs.transfer.upload import MultipartUpload
from ossfs.transfer.upload_memory import Remembered, UploadMemory, digest_of
from ossfs.transfer.workers import InlineWorkers, ThreadWorkers, Workers

Move: TypeAlias = Callable[[CopiedPiece, ObjectStore, str, str], Part]
"""Makes a part of an upload, by its id, from a piece."""


class ObjectCopy:
    """The copy of `source_key` of the bucket `source` to `key` of the bucket `store`."""

    def __init__(
        self,
        store: ObjectStore,
        key: str,
        source: ObjectStore,
        source_key: str,
        options: CopyOptions,
        hooks: Hooks,
        known: ObjectInfo | None = None,
    ) -> None:
        self._headers = None if options.headers is None else sorted_headers(options.headers)
        is_wanted = options.through_here
        self._is_relayed = is_elsewhere(store, source) if is_wanted is None else is_wanted
        if not self._is_relayed:
            store = store.copying_from(source.name, version_id=options.version_id)
        self._store = self._headers.applied(store) if self._headers else store
        self._key = key
        self._source = self._headers.of_source(source) if self._headers else source
        self._source_key = source_key
        self._options = options
        self._hooks = hooks.own()
        self._known = known
        self._progress = Progress(None, progress=hooks.progress, on_data=hooks.on_data)
        origin = f"{source.name}/{source_key}"
        about = TransferEvent(Type.CREATED, "copy", store.name, key, origin)
        self._teller = Teller(hooks.on_event, about)
        self._copied: set[int] = set()

    def run(self) -> UploadResult:
        """
        Do what is left to do.

        NoSuchKey: no source; PreconditionFailed: the source was replaced meanwhile, or is
        not the version that was asked for; Damaged; TransferInUse; TransferCancelled; any
        StoreError.
        """
        try:
            with serving(self._hooks.cancel):
                self._hooks.cancel.check()
                result = self._of_version(self._described())
        except BaseException as error:
            placed = self._placed(error)
            self._progress.failed(placed)
            if placed is error:
                raise
            raise placed from error
        self._progress.succeeded()
        return result

    def _placed(self, error: BaseException) -> BaseException:
        """Return the error with what it is about."""
        if isinstance(error, OSError):  # of the checkpoint: nothing else is local here
            return LocalFailure(str(error), bucket=self._store.name, key=self._key)
        if isinstance(error, TransferError):
            error.bucket, error.key = self._store.name, self._key
        return error

    def _described(self) -> ObjectInfo:
        return described(
            self._source,
            self._source_key,
            version_id=self._options.version_id,
            if_match=self._options.if_match,
            conditions=self._options.conditions,
            known=self._known,
            operation="copy",
        )

    def _of_version(self, info: ObjectInfo) -> UploadResult:
        self._progress.total = info.size
        self._progress.started()
        limits, threshold = self._store.limits, self._options.multipart_threshold
        limit = limits.max_put if self._is_relayed else limits.max_copy
        if threshold is None and self._is_relayed:
            threshold = MULTIPART_THRESHOLD
        is_small = info.size <= limit and (threshold is None or info.size < max(1, threshold))
        return self._at_once(info) if is_small else self._in_parts(info)

    def _at_once(self, info: ObjectInfo) -> UploadResult:
        try:
            stored = self._relayed(info) if self._is_relayed else self._copied_by_store(info)
        except Exception as error:
            self._teller.tell(Type.COMPLETE_FAILED, error=error)
            raise
        self._teller.tell(Type.COMPLETED)
        return self._result(info, stored)

    def _copied_by_store(self, info: ObjectInfo) -> Stored:
        return self._store.copy(
            self._source_key,
            self._key,
            if_match=info.etag,
            headers=self._headers_of(info) if self._headers else None,
            storage_class=self._class_of(info),
            forbid_overwrite=self._options.forbid_overwrite,
        )

    def _relayed(self, info: ObjectInfo) -> Stored:
        return self._relay(info).put(
            self._store,
            self._key,
            self._headers_of,
            forbid_overwrite=self._options.forbid_overwrite,
        )

    def _relay(self, info: ObjectInfo) -> Relay:
        return Relay(self._source, info, self._options.version_id, self._hooks, self._progress)

    def _in_parts(self, info: ObjectInfo) -> UploadResult:
        if self._known is not None:  # a listing does not say what is stored beside the bytes
            info = self._source.head(self._source_key, version_id=self._options.version_id)
        preferred = DEFAULT_PART_SIZE if self._is_relayed else COPY_PART_SIZE
        preferred = self._options.part_size or preferred
        size = determine_part_size(info.size, preferred, limits=self._store.limits)
        memory = UploadMemory(
            self._store,
            self._key,
            plan=lambda part_size: self._plan(info, part_size),
            path=self._checkpoint_path,
            find=lambda: None,
            teller=self._teller,
        )
        with memory.opened(size, is_kept=self._options.checkpoint) as remembered:
            try:
                return self._once(info, remembered)
            except BaseException as error:
                is_aborted = isinstance(error, TransferCancelled) and self._hooks.cancel.is_abort
                is_useless = isinstance(error, PreconditionFailed | Damaged)
                if not remembered.is_kept or is_aborted or is_useless:
                    memory.abandon(remembered)
                raise

    def _once(self, info: ObjectInfo, remembered: Remembered) -> UploadResult:
        checkpoint = remembered.checkpoint
        threads = max(1, self._options.num_threads)
        workers: Workers
        workers = ThreadWorkers(threads, "ossfs-copy") if threads > 1 else InlineWorkers()
        resumed = 0

        def count(part: Part) -> None:
            nonlocal resumed
            if part.number not in self._copied:
                resumed += 1
                self._progress.there(part.size)

        pieces = list(self._pieces(info, remembered.part_size))
        upload = MultipartUpload(
            store=self._store,
            workers=workers,
            key=self._key,
            headers=self._headers_of(info),
            pieces=pieces,
            checkpoint=checkpoint,
            opened=lambda: self._opened(info, checkpoint),
            on_part=count,
            is_cancelled=self._hooks.cancel.raised,
            before_complete=lambda: self._compare(
                info, [checkpoint.parts[piece.number] for piece in pieces]
            ),
            is_current=lambda _: True,  # the version is pinned: its bytes do not change
            forbid_overwrite=self._options.forbid_overwrite,
            window=max(1, threads),
            stop=self._hooks.cancel.cancel,
        )
        try:
            stored = upload.run()
        finally:
            workers.close(cancel=True)
        if stored.crc64 is not None and info.crc64 not in {None, stored.crc64}:
            raise Damaged(f"the copy's CRC-64 is {stored.crc64}, the source's {info.crc64}")
        self._teller.tell(Type.COMPLETED)
        upload_id = checkpoint.upload_id or ""
        remembered.forget()
        return replace(self._result(info, stored), upload_id=upload_id, parts_resumed=resumed)

    def _compare(self, info: ObjectInfo, parts: Sequence[Part]) -> None:
        """Raise Damaged if the parts are known not to be the source."""
        value = crc_of_parts(parts)
        if value is not None and info.crc64 not in {None, value}:
            raise Damaged(f"the parts' CRC-64 is {value}, the source's {info.crc64}")

    def _headers_of(self, info: ObjectInfo) -> Headers:
        """Return what goes with the copy."""
        headers = self._headers.of_object if self._headers else info.headers
        return replace(headers, storage_class=self._class_of(info))

    def _class_of(self, info: ObjectInfo) -> str:
        """Return the copy's class, which no store takes over by itself; empty: as it has it."""
        if self._options.storage_class is not None:
            return self._options.storage_class
        if self._is_relayed:  # another store has other classes
            return ""
        is_said = self._headers is not None and self._headers.says("storage-class")
        return "" if is_said else kept_class(info.storage_class)

    def _moving(self, info: ObjectInfo) -> Move:
        """Return what makes a part."""
        relay = self._relay(info)

        def copied(piece: CopiedPiece, store: ObjectStore, key: str, upload_id: str) -> Part:
            plain = CopiedPiece(piece.number, piece.extent, piece.source, piece.etag)
            part = plain.send(store, key, upload_id)
            self._progress.moved(piece.size)
            return part

        def relayed(piece: CopiedPiece, store: ObjectStore, key: str, upload_id: str) -> Part:
            return relay.send(piece.extent, store, key, upload_id, piece.number)

        return relayed if self._is_relayed else copied

    def _pieces(self, info: ObjectInfo, part_size: int) -> Iterator["_WatchedCopy"]:
        send = partial(self._send, self._moving(info))
        for number, extent in spans(Extent(0, info.size), part_size):
            yield _WatchedCopy(number, extent, self._source_key, info.etag, send)

    def _send(
        self, move: Move, piece: CopiedPiece, store: ObjectStore, key: str, upload_id: str
    ) -> Part:
        """Have a part copied; called by its thread."""
        event = PartEvent(piece.number, piece.extent.start, piece.size)
        self._hooks.cancel.check()
        self._copied.add(piece.number)
        try:
            with serving(self._hooks.cancel):
                part = move(piece, store, key, upload_id)
        except BaseException as error:
            self._teller.tell_failed_part(event, error)
            raise
        self._teller.tell(Type.PART_DONE, part=replace(event, etag=part.etag, crc64=part.crc64))
        return part

    def _opened(self, info: ObjectInfo, checkpoint: Checkpoint) -> str:
        return self._teller.opened(self._store, checkpoint, self._key, self._headers_of(info))

    def _plan(self, info: ObjectInfo, part_size: int) -> CopyPlan:
        given = dict(self._options.headers or {})
        return CopyPlan(
            operation="copy",
            place=self._store.place,
            bucket=self._store.name,
            key=self._key,
            source_bucket=self._source.name,
            source_key=self._source_key,
            version_id=self._options.version_id or "",
            size=info.size,
            etag=info.etag,
            said=digest_of(given | {"class": self._class_of(info)}),
            part_size=part_size,
        )

    def _checkpoint_path(self) -> Path:
        version = self._options.version_id or ""
        source = f"{self._source.place}\n{self._source_key}\n{version}"
        return self._options.store.path("copy", source, f"{self._store.place}\n{self._key}")

    def _result(self, info: ObjectInfo, stored: Stored) -> UploadResult:
        return UploadResult.of(stored, info.size, parts_sent=len(self._copied))


@dataclass(frozen=True, slots=True)
class _WatchedCopy(CopiedPiece):
    """A part that is asked for by `deliver`."""

    deliver: Callable[[CopiedPiece, ObjectStore, str, str], Part]

    def send(self, store: ObjectStore, key: str, upload_id: str) -> Part:
        """Have the range copied."""
        return self.deliver(self, store, key, upload_id)
