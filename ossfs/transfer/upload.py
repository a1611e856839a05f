"""
A multipart upload that can be interrupted anywhere and goes on at the first missing part.

The pieces say where the bytes of each part come from; the checkpoint remembers what has
been done, and is told before and after each request that matters. What the store says it
holds (ListParts, once in each process) is the truth, and a part that it holds is taken for
a piece when both have the same CRC-64 (or MD5, where parts are listed without), whoever
sent it.

Complete goes on at the store when the connection drops, and is answered by NoSuchUpload
when it is repeated. Whether an unanswered one succeeded is decided by looking at the
object; an upload that is run again begins with that look.

Threads: `run` blocks in the caller; parts are sent by `workers`. One `run` at a time for
one checkpoint.
"""

import contextlib
import logging
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace

from ossfs.errors import (
    ChecksumMismatch,
    NoSuchKey,
    NoSuchUpload,
    ObjectTooLarge,
    PreconditionFailed,
    StoreError,
    UploadCancelled,
)
from ossfs.store.api import Headers, ObjectStore, Part, Stored
from ossfs.store.resolving import crc_of_parts, etag_of_parts
from ossfs.transfer.opening import Checkpoint, open_upload
from ossfs.transfer.pieces import Piece
from ossfs.transfer.workers import Workers

log = logging.getLogger(__name__)

WINDOW = 16  # parts handed to the workers ahead of the first unfinished one


class MultipartUpload:
    """
    Makes `pieces` (ascending by number) the object `key`.

    `replaces` is the etag of the version that is there before, if it is known: it may have
    as many bytes and parts, and is not to be taken for what Complete made. With `if_match`,
    Complete replaces that version only (`capabilities.conditional_complete`); with
    `forbid_overwrite`, none.

    `is_current(number)` says that an acknowledged part is known to hold its piece's bytes;
    of the others the CRC-64s are compared. `opened` returns the upload's id in place of
    `open_upload`, for a checkpoint that somebody else may open as well. `under_way` returns
    parts that somebody else is sending at the moment: they are waited for, and sent here if
    that fails. `window` parts are handed to the workers ahead of the first unfinished one.
    `stop` is called when this thread is interrupted, before it waits for what is being sent.
    """

    def __init__(
        self,
        *,
        store: ObjectStore,
        workers: Workers,
        key: str,
        headers: Headers,
        pieces: Sequence[Piece],
        checkpoint: Checkpoint,
        opened: Callable[[], str] | None = None,
        on_part: Callable[[Part], None] = lambda _: None,
        is_cancelled: Callable[[], bool] = lambda: False,
        before_complete: Callable[[], None] = lambda: None,
        is_current: Callable[[int], bool] = lambda _: False,
        under_way: Callable[[], Mapping[int, Future[Part]]] = dict,
        replaces: str | None = None,
        if_match: str | None = None,
        forbid_overwrite: bool = False,
        window: int = WINDOW,
        stop: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._workers = workers
        self._key = key
        self._headers = headers
        self._pieces = pieces
        self._checkpoint = checkpoint
        self._opened = opened or self._open
        self._on_part = on_part
        self._is_cancelled = is_cancelled
        self._before_complete = before_complete
        self._is_current = is_current
        self._under_way = under_way
        self._replaces = replaces
        self._if_match = if_match
        self._forbid_overwrite = forbid_overwrite
        self._window = window
        self._stop = stop

    @property
    def size(self) -> int:
        """Bytes of the object."""
        return sum(piece.size for piece in self._pieces)

    def run(self) -> Stored:
        """
        Do what is left to do and return the new version.

        UploadCancelled when `is_cancelled` became true (what is done stays);
        ObjectTooLarge; any StoreError: nothing is lost, run again.
        """
        if len(self._pieces) > self._store.limits.max_parts:
            raise ObjectTooLarge(
                f"{len(self._pieces)} parts", operation="upload", bucket=self._store.name,
                key=self._key,
            )  # fmt: skip
        if self._checkpoint.is_completing and (stored := self._completed_before()):
            log.info("upload of %s had been completed before", self._key)
            return stored
        upload_id = self._opened()
        try:
            under_way = self._under_way()
            parts = self._held_parts(under_way)
            missing = [piece for piece in self._pieces if piece.number not in parts]
            self._send(missing, under_way, parts, upload_id)
            return self._complete([parts[piece.number] for piece in self._pieces])
        except StoreError:
            self._checkpoint.doubt()  # some answer was lost
            raise

    def _open(self) -> str:
        return open_upload(self._store, self._checkpoint, self._key, self._headers)

    def _upload_id(self) -> str:
        upload_id = self._checkpoint.upload_id
        if upload_id is None:
            raise AssertionError
        return upload_id

    # What is already there

    def _held_parts(self, besides: Container[int]) -> dict[int, Part]:
        """Return the parts the store holds that are what we would send, but for `besides`."""
        acknowledged = self._checkpoint.parts
        there = {**(self._checkpoint.held or {}), **acknowledged}
        held = {}
        for piece in self._pieces:
            part = there.get(piece.number)
            if part is None or piece.number in besides:
                continue
            self._check_cancelled()
            ours = self._as_ours(part, piece, acknowledged.get(piece.number))
            if ours is not None:
                held[part.number] = ours
                if acknowledged.get(piece.number) != ours:  # after Complete, nobody else knows it
                    self._checkpoint.part_done(self._upload_id(), ours)
                self._on_part(ours)
        if held:
            log.info("upload of %s: %d of %d parts are there", self._key, len(held),
                     len(self._pieces))  # fmt: skip
        return held

    def _as_ours(self, part: Part, piece: Piece, known: Part | None) -> Part | None:
        """Return what the store holds if that is what we would send."""
        if part.size != piece.size:
            return None
        if known is not None and self._is_current(part.number):
            return part
        expected = piece.local_crc64()
        if expected is None:  # it was copied, as it would be now
            return part if known is not None and known.crc64 is None else None
        if part.crc64 is None:  # a store that lists no CRC-64: there, ETags of parts are MD5s
            is_same = part.etag.lower() == piece.local_md5()
            return replace(part, crc64=expected) if is_same else None
        return part if part.crc64 == expected else None

    # Sending

    def _send(
        self,
        missing: Iterable[Piece],
        under_way: Mapping[int, Future[Part]],
        parts: dict[int, Part],
        upload_id: str,
    ) -> None:
        in_flight: dict[Future[Part], Piece | None] = {}
        try:
            for piece in missing:
                self._check_cancelled()
                future = under_way.get(piece.number)
                if future is not None:
                    in_flight[future] = piece
                    continue
                in_flight[self._workers.submit(self._send_piece, piece, upload_id)] = None
                if len(in_flight) >= self._window + len(under_way):
                    self._collect(in_flight, parts, upload_id)
            while in_flight:
                self._check_cancelled()
                self._collect(in_flight, parts, upload_id)
        except NoSuchUpload:
            self._checkpoint.gone()
            raise
        except Exception:
            raise
        except BaseException:  # Ctrl-C: nobody wants to wait for whole parts
            self._stop()
            raise
        finally:
            ours = [future for future, piece in in_flight.items() if piece is None]
            for future in ours:
                future.cancel()
            wait(ours)

    def _send_piece(self, piece: Piece, upload_id: str) -> Part:
        part = piece.send(self._store, self._key, upload_id)
        self._checkpoint.part_done(upload_id, part)
        return part

    def _collect(
        self,
        in_flight: dict[Future[Part], Piece | None],
        parts: dict[int, Part],
        upload_id: str,
    ) -> None:
        """Wait for a part; one that somebody else could not send is sent again from here."""
        done, _ = wait(in_flight, return_when=FIRST_COMPLETED)
        for future in done:
            piece = in_flight.pop(future)
            if piece is not None and (future.cancelled() or future.exception() is not None):
                in_flight[self._workers.submit(self._send_piece, piece, upload_id)] = None
                continue
            part = future.result()
            parts[part.number] = part
            self._on_part(part)

    def _check_cancelled(self) -> None:
        if self._is_cancelled():
            raise UploadCancelled(f"upload of {self._key} was cancelled")

    # Completing

    def _complete(self, parts: Sequence[Part]) -> Stored:
        self._check_cancelled()
        self._before_complete()
        expected = crc_of_parts(parts)
        self._checkpoint.completing(expected)
        stored = self._complete_resolved(parts, expected)
        if expected is not None and stored.crc64 not in (None, expected):
            self._checkpoint.gone()
            raise ChecksumMismatch(
                f"the object's CRC-64 is {stored.crc64}, the bytes sent have {expected}",
                operation="CompleteMultipartUpload",
                bucket=self._store.name,
                key=self._key,
            )
        return stored

    def _complete_resolved(self, parts: Sequence[Part], expected: int | None) -> Stored:
        """Send Complete; when it finds no upload, look whether an earlier one did it."""
        try:
            return self._store.complete_upload(
                self._key,
                self._upload_id(),
                parts,
                if_match=self._if_match,
                forbid_overwrite=self._forbid_overwrite,
            )
        except (NoSuchUpload, PreconditionFailed) as error:
            if stored := self._look(expected, parts):
                return stored
            if isinstance(error, NoSuchUpload):
                self._checkpoint.gone()
            raise

    def _completed_before(self) -> Stored | None:
        parts = self._checkpoint.parts
        known = [parts[piece.number] for piece in self._pieces if piece.number in parts]
        if len(known) < len(self._pieces):
            return None
        stored = self._look(crc_of_parts(known), known)
        if stored is not None:  # perhaps an older object of the same bytes: then it is not used up
            with contextlib.suppress(NoSuchUpload):
                self._store.abort_upload(self._key, self._upload_id())
        return stored

    def _look(self, expected: int | None, parts: Sequence[Part]) -> Stored | None:
        """Return the object if it is the one our Complete makes."""
        try:
            info = self._store.head(self._key)
        except NoSuchKey:
            return None
        if info.size != self.size or info.etag == self._replaces:
            return None
        if expected is not None and info.crc64 is not None:
            is_ours = info.crc64 == expected
        elif (etag := etag_of_parts(parts)) is not None and info.crc64 is None:
            is_ours = info.etag.lower() == etag
        else:  # copied parts have no CRC here: the id is used up and the count is right
            is_ours = info.etag.endswith(f"-{len(parts)}") and self._is_used_up()
        return Stored(info.etag, info.crc64, info.version_id) if is_ours else None

    def _is_used_up(self) -> bool:
        try:
            self._store.list_parts(self._key, self._upload_id())
        except NoSuchUpload:
            return True
        return False
