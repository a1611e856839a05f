"""
A multipart upload that can be interrupted anywhere and goes on at the first missing part.

The pieces say where the bytes of each part come from; the checkpoint remembers what has
been done, and is told before and after each request that matters. What the store says it
holds (ListParts) is the truth; the checkpoint's facts only spare reading bytes again.

Complete goes on at the store when the connection drops, and is answered by NoSuchUpload
when it is repeated. Whether an unanswered one succeeded is decided by looking at the
object; an upload that is run again begins with that look.

Threads: `run` blocks in the caller; parts are sent by `workers`. One `run` at a time for
one checkpoint.
"""

import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Protocol

from ossfs.crc64 import crc64
from ossfs.errors import (
    ChecksumMismatch,
    NoSuchKey,
    NoSuchUpload,
    ObjectTooLarge,
    PreconditionFailed,
    UploadCancelled,
)
from ossfs.extents import Extent
from ossfs.store.api import Body, Headers, ObjectStore, Part, Stored
from ossfs.store.resolving import crc_of_parts, etag_of_parts
from ossfs.transfer.workers import Workers

log = logging.getLogger(__name__)

WINDOW = 16  # parts handed to the workers ahead of the first unfinished one
CLOCK_TOLERANCE_NS = 120_000_000_000  # between this machine's clock and the store's
CRC_READ_SIZE = 1 << 20


class Piece(Protocol):
    """One part to be made."""

    @property
    def number(self) -> int:
        """The part's number, 1 to the store's limit."""
        ...

    @property
    def size(self) -> int:
        """Bytes in the part."""
        ...

    def send(self, store: ObjectStore, key: str, upload_id: str) -> Part:
        """Make the part; one request (and those that fetch what is missing of it)."""
        ...

    def local_crc64(self) -> int | None:
        """Return the CRC-64 of the part's bytes as they are now; None: they are not local."""
        ...


@dataclass(frozen=True, slots=True)
class SentPiece:
    """A part whose bytes are sent from here."""

    number: int
    extent: Extent
    open_body: Callable[[], Body]
    """Makes every byte local, then gives them."""

    @property
    def size(self) -> int:
        """Bytes in the part."""
        return self.extent.size

    def send(self, store: ObjectStore, key: str, upload_id: str) -> Part:
        """Send the bytes."""
        return store.upload_part(key, upload_id, self.number, self.open_body())

    def local_crc64(self) -> int | None:
        """Read the bytes and return their CRC-64."""
        body, value = self.open_body(), 0
        for offset in range(0, body.size, CRC_READ_SIZE):
            length = min(CRC_READ_SIZE, body.size - offset)
            value = crc64(body.read_at(offset, length), value)
        return value


@dataclass(frozen=True, slots=True)
class CopiedPiece:
    """A part that the store copies from a range of an object it already has."""

    number: int
    extent: Extent
    source: str
    etag: str

    @property
    def size(self) -> int:
        """Bytes in the part."""
        return self.extent.size

    def send(self, store: ObjectStore, key: str, upload_id: str) -> Part:
        """Have the range copied, if the source still is that version."""
        part = store.copy_part(
            key, upload_id, self.number, self.source, self.extent, if_match=self.etag
        )
        return Part(part.number, self.size, part.etag, part.crc64)

    def local_crc64(self) -> int | None:
        """Not known: the bytes never were here."""
        return None


class Checkpoint(Protocol):
    """What is remembered of an upload; each method returns when its fact is safe."""

    @property
    def planned_ns(self) -> int | None:
        """When an upload was planned whose id is not known; None: none was."""
        ...

    @property
    def upload_id(self) -> str | None:
        """The upload's id; None: there is none, or it is not known."""
        ...

    @property
    def parts(self) -> Mapping[int, Part]:
        """Acknowledged parts of the current content, by number."""
        ...

    @property
    def is_completing(self) -> bool:
        """Complete may have been sent for the current content."""
        ...

    def plan(self) -> None:
        """Remember that CreateUpload is about to be sent."""
        ...

    def started(self, upload_id: str) -> None:
        """Remember the upload's id."""
        ...

    def part_done(self, part: Part) -> None:
        """Remember a part the store has acknowledged."""
        ...

    def completing(self, crc64: int | None) -> None:
        """Remember that Complete is about to be sent, for an object of this CRC-64."""
        ...

    def gone(self) -> None:
        """Forget the upload: it does not exist any more."""
        ...


class MultipartUpload:
    """
    Makes `pieces` (ascending by number) the object `key`.

    `replaces` is the etag of the version that is there before, if it is known: it may have
    as many bytes and parts, and is not to be taken for what Complete made. With `if_match`,
    Complete replaces that version only (`capabilities.conditional_complete`).
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
        on_part: Callable[[Part], None] = lambda _: None,
        is_cancelled: Callable[[], bool] = lambda: False,
        before_complete: Callable[[], None] = lambda: None,
        replaces: str | None = None,
        if_match: str | None = None,
        forbid_overwrite: bool = False,
    ) -> None:
        self._store = store
        self._workers = workers
        self._key = key
        self._headers = headers
        self._pieces = pieces
        self._checkpoint = checkpoint
        self._on_part = on_part
        self._is_cancelled = is_cancelled
        self._before_complete = before_complete
        self._replaces = replaces
        self._if_match = if_match
        self._forbid_overwrite = forbid_overwrite

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
        parts = self._held_parts()
        if self._checkpoint.upload_id is None:
            self._checkpoint.plan()
            self._checkpoint.started(self._store.create_upload(self._key, self._headers))
        self._send([piece for piece in self._pieces if piece.number not in parts], parts)
        return self._complete([parts[piece.number] for piece in self._pieces])

    def _upload_id(self) -> str:
        upload_id = self._checkpoint.upload_id
        if upload_id is None:
            raise AssertionError
        return upload_id

    # What is already there

    def _held_parts(self) -> dict[int, Part]:
        """Return the parts the store holds that are what we would send."""
        if self._checkpoint.upload_id is None and not self._adopt_unanswered_create():
            return {}
        try:
            listed = self._list_parts()
        except NoSuchUpload:
            log.warning("upload of %s is not known to the store any more", self._key)
            self._checkpoint.gone()
            return {}
        wanted = {piece.number: piece for piece in self._pieces}
        held = {}
        for part in listed:
            piece = wanted.get(part.number)
            if piece is not None and self._is_ours(part, piece):
                held[part.number] = self._with_crc64(part)
                self._on_part(part)
        log.info("upload of %s goes on: %d of %d parts", self._key, len(held), len(wanted))
        return held

    def _is_ours(self, part: Part, piece: Piece) -> bool:
        if part.size != piece.size:
            return False
        known = self._checkpoint.parts.get(part.number)
        if known is not None and known.etag == part.etag:
            return None in (known.crc64, part.crc64) or known.crc64 == part.crc64
        return part.crc64 is not None and part.crc64 == piece.local_crc64()

    def _with_crc64(self, part: Part) -> Part:
        known = self._checkpoint.parts.get(part.number)
        return known if known is not None and part.crc64 is None else part

    def _list_parts(self) -> list[Part]:
        upload_id = self._upload_id()
        parts: list[Part] = []
        after = 0
        while True:
            page = self._store.list_parts(self._key, upload_id, after=after)
            parts.extend(page.parts)
            if page.next_after is None:
                return parts
            after = page.next_after

    def _adopt_unanswered_create(self) -> bool:
        planned_ns = self._checkpoint.planned_ns
        found = None if planned_ns is None else find_unanswered(self._store, self._key, planned_ns)
        if found is not None:
            self._checkpoint.started(found)
        return found is not None

    # Sending

    def _send(self, missing: Iterable[Piece], parts: dict[int, Part]) -> None:
        upload_id = self._upload_id()
        in_flight: set[Future[Part]] = set()
        try:
            for piece in missing:
                self._check_cancelled()
                in_flight.add(self._workers.submit(self._send_piece, piece, upload_id))
                if len(in_flight) >= WINDOW:
                    in_flight = self._collect(in_flight, parts)
            while in_flight:
                self._check_cancelled()
                in_flight = self._collect(in_flight, parts)
        except NoSuchUpload:
            self._checkpoint.gone()
            raise
        finally:
            for future in in_flight:
                future.cancel()
            wait(in_flight)

    def _send_piece(self, piece: Piece, upload_id: str) -> Part:
        part = piece.send(self._store, self._key, upload_id)
        self._checkpoint.part_done(part)
        return part

    def _collect(self, in_flight: set[Future[Part]], parts: dict[int, Part]) -> set[Future[Part]]:
        done, waiting = wait(in_flight, return_when=FIRST_COMPLETED)
        for future in done:
            part = future.result()
            parts[part.number] = part
            self._on_part(part)
        return waiting

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


def find_unanswered(store: ObjectStore, key: str, planned_ns: int) -> str | None:
    """
    Return the id of an upload whose CreateUpload was sent but whose answer never came.

    Taken for ours: an upload of this key, begun since `planned_ns`, that has no part yet.
    """
    for upload in store.list_uploads(key).uploads:
        if upload.key != key or upload.initiated_ns < planned_ns - CLOCK_TOLERANCE_NS:
            continue
        if not store.list_parts(key, upload.upload_id).parts:
            return upload.upload_id
    return None
