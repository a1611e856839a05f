"""
A local file becomes an object, in one request or in parts that survive an interruption.

What survives: the upload at the store, and a checkpoint that says which file it is of. A
later run takes it up if the file is still what it was (size, time of the last change, and,
unless told otherwise, the bytes of the finished parts), asks the store what it holds, and
sends the rest. What does not fit is thrown away, the upload at the store with it.

The file is looked at again before the upload is completed: what changed meanwhile never
becomes an object.

Threads: an upload belongs to the thread that runs it; its parts are sent by threads of its
own, which have ended when `run` returns.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial, reduce
from pathlib import Path

from ossfs.crc64 import crc64
from ossfs.errors import (
    Conflict,
    LocalFailure,
    NoSuchUpload,
    SourceChanged,
    TransferCancelled,
    TransferError,
)
from ossfs.extents import Extent
from ossfs.store.api import ObjectStore, Part, Said, Stored, pieces_of
from ossfs.store.bodies import WatchedBody
from ossfs.store.interrupts import serving
from ossfs.store.resolving import CompletionUnknown, md5_of
from ossfs.transfer.events import PartEvent, TransferEvent
from ossfs.transfer.events import TransferEventType as Type
from ossfs.transfer.finding import Found, find_upload
from ossfs.transfer.headers import sorted_headers
from ossfs.transfer.opening import Checkpoint, list_all_parts
from ossfs.transfer.options import Hooks, UploadOptions, UploadResult
from ossfs.transfer.pieces import SentPiece
from ossfs.transfer.plans import UploadPlan
from ossfs.transfer.progress import Meter, Progress, at_once
from ossfs.transfer.sizes import determine_part_size, spans
from ossfs.transfer.sources import FileSource
from ossfs.transfer.telling import Teller
from ossfs.transfer.upload import MultipartUpload
from ossfs.transfer.upload_memory import Remembered, UploadMemory, digest_of
from ossfs.transfer.workers import InlineWorkers, ThreadWorkers, Workers

_log = logging.getLogger(__name__)

AHEAD = 2  # parts handed to the workers for each thread: none waits for the next


class FileUpload:
    """The upload of one file to one key."""

    def __init__(
        self, store: ObjectStore, key: str, source: FileSource, options: UploadOptions, hooks: Hooks
    ) -> None:
        self._headers = sorted_headers(options.headers, key=key)
        self._store = self._headers.applied(store)
        if options.sequential and store.place.startswith("oss:"):  # the others know no such thing
            self._store = self._store.saying(_sequential(self._headers.said))
        self._key = key
        self._source = source
        self._options = options
        self._hooks = hooks.own()
        self._progress = Progress(source.size, progress=hooks.progress, on_data=hooks.on_data)
        about = TransferEvent(Type.CREATED, "upload", store.name, key, str(source.path))
        self._teller = Teller(hooks.on_event, about)
        self._memory = UploadMemory(
            self._store,
            key,
            plan=self._plan,
            path=self._checkpoint_path,
            find=self._found,
            teller=self._teller,
        )
        self._sent: set[int] = set()
        self._resumed = 0

    def run(self) -> UploadResult:
        """
        Do what is left to do.

        SourceChanged; TransferInUse; TransferCancelled; LocalFailure: the file cannot be
        read; any StoreError. All but the first leave behind what a later run needs, if
        there is a checkpoint.
        """
        self._progress.started()
        try:
            with serving(self._hooks.cancel):
                self._hooks.cancel.check()
                result = self._put() if self._is_small() else self._in_parts()
        except BaseException as error:
            placed = self._placed(error)
            self._progress.failed(placed)
            if placed is error:
                raise
            raise placed from error
        self._progress.succeeded()
        return result

    def _is_small(self) -> bool:
        size = self._source.size
        is_small = size < max(1, self._options.multipart_threshold)
        return is_small and size <= self._store.limits.max_put

    # In one request

    def _put(self) -> UploadResult:
        if self._options.checkpoint:
            self._memory.drop()  # of a larger file that had this name
        meter = Meter(self._progress, self._hooks.cancel, self._hooks.limiter)
        left = self._source.size

        def began() -> None:
            nonlocal left
            left = self._source.size
            meter.began()

        def passing(count: int) -> None:
            nonlocal left
            meter.passing(count)
            left -= count
            if not left:  # with the last piece, the store would take it for whole
                self._source.check()

        body = WatchedBody(self._source.body(), began, passing, self._at_once())
        try:
            stored = self._store.put(
                self._key,
                body,
                self._headers.of_object,
                forbid_overwrite=self._forbids_overwrite(),
            )
        except Exception as error:
            self._teller.tell(Type.COMPLETE_FAILED, error=error)
            raise
        self._teller.tell(Type.COMPLETED)
        return self._result(stored)

    # In parts

    def _in_parts(self) -> UploadResult:
        part_size = determine_part_size(
            self._source.size, self._options.part_size, limits=self._store.limits
        )
        with self._memory.opened(part_size, is_kept=self._options.checkpoint) as remembered:
            try:
                stored, upload_id = self._twice(remembered)
            except BaseException as error:
                placed = self._placed(error)
                is_aborted = isinstance(placed, TransferCancelled) and self._hooks.cancel.is_abort
                if not remembered.is_kept or is_aborted or isinstance(placed, SourceChanged):
                    self._memory.abandon(remembered)
                raise
        return self._result(stored, upload_id)

    def _twice(self, remembered: Remembered) -> tuple[Stored, str]:
        """Upload; begin once more when somebody aborts the upload meanwhile."""
        try:
            return self._once(remembered)
        except CompletionUnknown:
            raise
        except NoSuchUpload as error:
            _log.info("the upload of %s has vanished, beginning again", self._key)
            self._teller.tell(Type.RESTARTED, error=error)
            self._progress.restarted()
            self._sent.clear()
            self._resumed = 0
            return self._once(remembered)

    def _once(self, remembered: Remembered) -> tuple[Stored, str]:
        """Return what is stored, and the id of the upload that it was."""
        threads = 1 if self._options.sequential else max(1, self._options.num_threads)
        is_threaded = threads > 1 and self._source.size > remembered.part_size
        workers: Workers
        workers = ThreadWorkers(threads, "ossfs-send") if is_threaded else InlineWorkers()
        checkpoint = remembered.checkpoint
        is_completing = False

        def before_complete() -> None:
            nonlocal is_completing
            self._source.check()
            is_completing = True

        upload = MultipartUpload(
            store=self._store,
            workers=workers,
            key=self._key,
            headers=self._headers.of_object,
            pieces=list(self._pieces(remembered.part_size)),
            checkpoint=checkpoint,
            opened=lambda: self._opened(checkpoint),
            on_part=self._count,
            is_cancelled=self._hooks.cancel.raised,
            before_complete=before_complete,
            is_current=lambda _: not self._options.verify,
            forbid_overwrite=self._forbids_overwrite(),
            window=threads * AHEAD if is_threaded else 1,
            stop=self._hooks.cancel.cancel,
        )
        try:
            stored = upload.run()
        except Exception as error:
            if is_completing:
                self._teller.tell(Type.COMPLETE_FAILED, error=error)
            raise
        finally:
            workers.close(cancel=True)
        self._teller.tell(Type.COMPLETED)
        upload_id = checkpoint.upload_id or ""
        remembered.forget()
        return stored, upload_id

    def _pieces(self, part_size: int) -> Iterator["_WatchedPiece"]:
        for number, extent in spans(Extent(0, self._source.size), part_size):
            body = partial(self._source.body, extent)
            yield _WatchedPiece(number, extent, body, self._hooks.cancel.check, self._send)

    def _opened(self, checkpoint: Checkpoint) -> str:
        return self._teller.opened(self._store, checkpoint, self._key, self._headers.of_object)

    def _count(self, part: Part) -> None:
        if part.number not in self._sent:
            self._resumed += 1
            self._progress.there(part.size)

    def _send(self, piece: SentPiece, store: ObjectStore, key: str, upload_id: str) -> Part:
        """Send a part; called by its thread."""
        event = PartEvent(piece.number, piece.extent.start, piece.size)
        meter = Meter(self._progress, self._hooks.cancel, self._hooks.limiter)
        self._sent.add(piece.number)
        body = WatchedBody(piece.open_body(), meter.began, meter.passing, self._at_once())
        watched = SentPiece(piece.number, piece.extent, lambda: body)
        try:
            with serving(self._hooks.cancel):
                part = self._sent_part(watched, store, key, upload_id)
        except BaseException as error:
            meter.began()
            self._teller.tell_failed_part(event, error)
            raise
        self._teller.tell(Type.PART_DONE, part=replace(event, etag=part.etag, crc64=part.crc64))
        return part

    def _sent_part(self, piece: SentPiece, store: ObjectStore, key: str, upload_id: str) -> Part:
        try:
            return piece.send(store, key, upload_id)
        except Conflict as error:
            # The parts of a sequential upload are final: an answer was lost, or it is another's.
            if error.code != "PartAlreadyExist":
                raise
            for part in list_all_parts(store, key, upload_id):
                if part.number == piece.number and part.crc64 == piece.local_crc64():
                    return part
            raise

    # What is remembered

    def _plan(self, part_size: int) -> UploadPlan:
        return UploadPlan(
            operation="upload",
            place=self._store.place,
            bucket=self._store.name,
            key=self._key,
            path=str(self._source.path),
            size=self._source.size,
            mtime_ns=self._source.mtime_ns,
            said=digest_of(self._options.headers, sequential=self._options.sequential),
            part_size=part_size,
        )

    def _checkpoint_path(self) -> Path:
        target = f"{self._store.place}\n{self._key}"
        return self._options.store.path("upload", str(self._source.path), target)

    def _found(self) -> Found | None:
        if not self._options.rebuild:
            return None
        return find_upload(self._store, self._key, self._source.size, self._source.body)

    # The rest

    def _at_once(self) -> int:
        return at_once(self._options.block_size, self._hooks.limiter)

    def _forbids_overwrite(self) -> bool:
        return self._options.forbid_overwrite or self._headers.forbid_overwrite

    def _result(self, stored: Stored, upload_id: str = "") -> UploadResult:
        return UploadResult.of(
            stored,
            self._source.size,
            upload_id=upload_id,
            parts_sent=len(self._sent),
            parts_resumed=self._resumed,
        )

    def _placed(self, error: BaseException) -> BaseException:
        """Return the error with what it is about."""
        where = {"bucket": self._store.name, "key": self._key, "path": str(self._source.path)}
        if isinstance(error, OSError):
            with contextlib.suppress(OSError):
                try:
                    self._source.check()
                except SourceChanged as changed:
                    return type(changed)(changed.message, **where)
            return LocalFailure(str(error), **where)
        if isinstance(error, TransferError):
            error.bucket, error.key, error.path = where.values()
        return error


def _sequential(said: Mapping[str, Said]) -> Mapping[str, Said]:
    """Return what is said when an upload begins whose parts come in order."""
    beginning = said.get("create_upload", Said())
    return {"create_upload": Said(beginning.headers, {"sequential": ""})}


@dataclass(frozen=True, slots=True)
class _WatchedPiece(SentPiece):
    """A part of the file that is sent by `deliver`; reading it can be ended by `check`."""

    check: Callable[[], object]
    deliver: Callable[[SentPiece, ObjectStore, str, str], Part]

    def send(self, store: ObjectStore, key: str, upload_id: str) -> Part:
        """Send the bytes."""
        return self.deliver(self, store, key, upload_id)

    def local_crc64(self) -> int:
        """Read the bytes and return their CRC-64."""
        return reduce(lambda crc, piece: crc64(piece, crc), self._read(), 0)

    def local_md5(self) -> str:
        """Read the bytes and return their MD5."""
        return md5_of(self._read())

    def _read(self) -> Iterator[bytes | memoryview]:
        for piece in pieces_of(self.open_body()):
            self.check()
            yield piece
