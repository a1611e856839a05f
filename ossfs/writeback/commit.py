"""
Making a generation of a file the object.

    bytes on disk → promise in the journal → requests → new version known → journal closed

A small file is one PUT. A large one is a multipart upload whose parts are sent, or, where
the bytes are those of the version the edit is based on, copied by the store. Every
request that relies on that version says so (If-Match); when it is gone, nothing is
overwritten: the local bytes become a conflict copy beside it.

Threads: `commit` may be called from any thread; commits of one file exclude each other.
"""

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, wait
from typing import Any

from ossfs.clock import Clock
from ossfs.errors import (
    AlreadyExists,
    ChecksumMismatch,
    EditConflict,
    NameTaken,
    NoSuchKey,
    NoSuchUpload,
    ObjectTooLarge,
    OssfsError,
    PreconditionFailed,
    Transient,
)
from ossfs.extents import Extent
from ossfs.journal.journal import Journal
from ossfs.journal.records import Version
from ossfs.store.api import FileBody, Headers, ObjectInfo, ObjectStore, Part, Stored
from ossfs.store.resolving import described_by_us, has_content
from ossfs.transfer.parts import PartPlan, Slot
from ossfs.transfer.pieces import CopiedPiece, Piece, SentPiece
from ossfs.transfer.upload import MultipartUpload
from ossfs.transfer.workers import Workers
from ossfs.writeback.attempts import Attempt
from ossfs.writeback.file_upload import FileUpload
from ossfs.writeback.pending import Dropped, PendingFile, Snapshot
from ossfs.writeback.staging import Source, StagedFile
from ossfs.writeback.uploads import FileUploads

log = logging.getLogger(__name__)

MENDINGS = 5  # times that an object is sent again because it arrived damaged
FILL_SIZE = 8 << 20  # bytes of the base fetched by one request


class Committer:
    """
    Brings pending files into the bucket.

    A file that is not larger than the first part of an upload is one PUT. `host` goes into
    the names of conflict copies.
    """

    def __init__(
        self,
        *,
        store: ObjectStore,
        journal: Journal,
        workers: Workers,
        clock: Clock,
        uploads: FileUploads,
        host: str,
    ) -> None:
        self._store = store
        self._journal = journal
        self._workers = workers
        self._clock = clock
        self._uploads = uploads
        self._plan = uploads.plan
        self._host = host

    @property
    def max_size(self) -> int:
        """Bytes of the largest file that can be committed."""
        return self._plan.max_size

    def commit(
        self,
        pending: PendingFile,
        *,
        before: Callable[[str], None] = lambda _: None,
        is_asked_for: bool = True,
    ) -> bool:
        """
        Make the file's present generation the object; return False if it already was.

        `before` is called with the key when it is certain that requests follow. Unless it
        `is_asked_for` by who closes or syncs, content that is still being written is left
        alone, and False is returned.

        EditConflict: the base is gone, the bytes are kept (the message says where).
        UploadCancelled: the file was unlinked meanwhile. Any other OssfsError: nothing
        is lost, commit again.
        """
        with pending.committing(is_asked_for=is_asked_for) as snapshot:
            if snapshot is None:
                return False
            with pending.lock:
                pending.was_sent = True
            try:
                before(snapshot.key)
                self._commit(pending, snapshot)
            except EditConflict:
                raise
            except (OssfsError, OSError) as error:
                self._note_failure(pending, error)
                self._note_attempt(pending, snapshot, error)
                raise
        return True

    def promise(self, pending: PendingFile) -> None:
        """
        Make sure that the present generation will reach the bucket, whatever happens here.

        Its bytes and the journal are on disk when this returns. StagingFull.
        """
        with pending.committing() as snapshot:
            staged = pending.staged
            if snapshot is None or staged is None or pending.file_id is None:
                return
            if snapshot.has_new_content:
                staged.sync()
                self._promise(pending, snapshot, staged, is_synced=True)

    def _promise(
        self, pending: PendingFile, snapshot: Snapshot, staged: StagedFile, *, is_synced: bool
    ) -> None:
        with pending.lock:  # attributes that were changed meanwhile are promised, too
            assert pending.file_id is not None  # noqa: S101 - new content is in the journal
            self._journal.promise(
                pending.file_id,
                generation=snapshot.generation,
                base=snapshot.base,
                staging=staged.name,
                content=staged.content(),
                headers=pending.headers,
                is_synced=is_synced,
                replaces=pending.attributes_id,
            )
            pending.attributes_id = None
            pending.promised(staged)

    def _commit(self, pending: PendingFile, snapshot: Snapshot) -> None:
        if pending.conflict_of is not None:
            self._save_conflict(pending, snapshot)
        try:
            if snapshot.has_new_content:
                snapshot = self._rebased(pending, snapshot)
                self._commit_content(pending, snapshot)
            else:
                pending.settle(snapshot, self._commit_headers(pending, snapshot))
        except AlreadyExists as error:
            made = self._made_before(pending, snapshot)
            if made is None:
                self._keep_conflict(pending, snapshot, error)
            else:
                pending.settle(snapshot, made)
        except (PreconditionFailed, EditConflict, NoSuchKey) as error:
            if snapshot.base is None:
                raise
            arrived = self._arrived(pending, snapshot)
            if arrived is None:
                self._keep_conflict(pending, snapshot, error)
            else:
                pending.settle(snapshot, arrived)

    def _rebased(self, pending: PendingFile, snapshot: Snapshot) -> Snapshot:
        """Let an edit be based on what an attempt at older content has made, if it has arrived."""
        base = snapshot.base
        earlier = pending.superseded() if pending.is_restored else None
        if base is None or base.key != snapshot.key or not (pending.attempts or earlier):
            return snapshot
        current = self._replaced(base)
        if current is None:
            return snapshot
        attempts = list(pending.attempts)
        if earlier is not None and not earlier.needs_base(Extent(0, earlier.size)):
            attempts.append(Attempt.of(earlier.whole()))
        if not any(attempt.has_made(current) for attempt in attempts):
            return snapshot
        log.info("%s had arrived, though no answer came; the edit goes on from there", base.key)
        self._uploads.drop(pending)
        with pending.lock:
            # What differs from the old base contains what differs from this one.
            pending.base = Version(base.key, current.etag, current.size)
        return snapshot._replace(base=pending.base)

    def _note_attempt(self, pending: PendingFile, snapshot: Snapshot, error: Exception) -> None:
        """Remember what a commit may have made although it failed."""
        staged, upload = pending.staged, pending.upload
        is_edit = snapshot.has_new_content and snapshot.base is not None
        if staged is None or not is_edit or not isinstance(error, Transient):
            return
        if upload is None:
            if staged.size <= self._uploads.first_size:
                pending.may_have_arrived()
        elif upload.checkpoint.is_completing:
            record = upload.checkpoint.record
            if record is not None and record.crc64 is not None:
                pending.may_have_arrived(record.crc64)

    def _arrived(self, pending: PendingFile, snapshot: Snapshot) -> Version | None:
        """Return the version there if it has this very content: by our request before a crash."""
        staged = pending.staged
        if not snapshot.has_new_content or staged is None:
            return None
        try:
            current = self._store.head(snapshot.key)
        except NoSuchKey:
            return None
        if staged.needs_base(Extent(0, staged.size)):
            return None
        stored = self._sent_before(current, staged, pending, snapshot)
        return None if stored is None else Version(snapshot.key, stored.etag, staged.size)

    def _made_before(self, pending: PendingFile, snapshot: Snapshot) -> Version | None:
        """Return the version there if an attempt that seemed to have failed has made it."""
        staged = pending.staged
        if not (pending.error or pending.is_restored) or staged is None:
            return None  # nothing was sent before: it is somebody else's, whatever its bytes
        try:
            current = self._store.head(snapshot.key)
        except NoSuchKey:
            return None
        # After a crash its attributes tell nothing: they may have been set since that attempt.
        if not pending.is_restored and described_by_us(current, snapshot.headers) is None:
            return None
        stored = self._sent_before(current, staged, pending, snapshot)
        return None if stored is None else Version(snapshot.key, stored.etag, staged.size)

    def _sent_before(
        self, current: ObjectInfo, staged: StagedFile, pending: PendingFile, snapshot: Snapshot
    ) -> Stored | None:
        """Return what is there if an earlier attempt has sent it; mended, if it is damaged."""
        is_alike = described_by_us(current, snapshot.headers) is not None
        if has_content(current, staged.whole()):
            stored = self._described(current, snapshot)
        elif pending.is_restored and is_alike and current.size == staged.size:
            # Nobody else gives an object our clock's times.
            log.warning("%s had arrived damaged before a crash; it is sent again", snapshot.key)
            stored = self._mend(staged.whole(), snapshot)
        else:
            return None
        self._uploads.drop(pending)
        return stored

    def _note_failure(self, pending: PendingFile, error: Exception) -> None:
        with pending.lock:
            pending.error = str(error)
            file_id = pending.file_id
        if file_id is None:
            return
        try:
            self._journal.failed(file_id, str(error))
        except OssfsError:
            log.exception("the journal could not note why %s failed", pending.key)

    # Content

    def _commit_content(self, pending: PendingFile, snapshot: Snapshot) -> None:
        staged = pending.staged
        assert staged is not None  # noqa: S101 - new content is in a staging file
        # An upload goes on as it began, whatever the option says by now: it may be complete.
        plan = self._uploads.plan_of(pending)
        if staged.size > plan.max_size:
            raise ObjectTooLarge(
                f"{staged.size} bytes; the largest file at this part size is {plan.max_size}",
                operation="commit", bucket=self._store.name, key=snapshot.key,
            )  # fmt: skip
        if staged.size <= plan.first_size:
            self._uploads.drop(pending)
            stored = self._commit_small(pending, snapshot, staged)
            pending.settle(snapshot, Version(snapshot.key, stored.etag, staged.size))
        else:
            self._commit_large(pending, snapshot, staged)
        if snapshot.base is None and self._uploads.has_drafts(snapshot.key):
            fd = os.dup(staged.fd)  # the file may be closed first
            self._in_background(fd, self._uploads.supersede, snapshot.key, fd, staged.size)

    def _in_background(self, fd: int, function: Callable[..., None], *arguments: Any) -> None:
        """Have a worker do something with a descriptor, and close that in any case."""
        done = self._workers.submit(function, *arguments)
        done.add_done_callback(lambda _: os.close(fd))

    def _commit_small(self, pending: PendingFile, snapshot: Snapshot, staged: StagedFile) -> Stored:
        # It needs one request, and then its bytes are in the bucket; but a promise that was
        # made for longer is not to be weakened.
        is_synced = self._is_lasting(pending)
        if is_synced:
            staged.sync()
        self._promise(pending, snapshot, staged, is_synced=is_synced)
        if self._fill(pending, snapshot, staged, Extent(0, staged.size)):
            # The PUT replaces the base: without it nobody could tell that it was ours.
            if is_synced:
                staged.sync()
            self._promise(pending, snapshot, staged, is_synced=is_synced)
        return self._put(pending, snapshot, staged)

    def _is_lasting(self, pending: PendingFile) -> bool:
        return pending.file_id is not None and self._journal.is_lasting(pending.file_id)

    def _commit_large(self, pending: PendingFile, snapshot: Snapshot, staged: StagedFile) -> None:
        upload = self._upload_of(pending, snapshot)
        snapshot = self._with_headers_of(upload, pending, snapshot)
        if self._is_lasting(pending):
            staged.sync()
            self._promise(pending, snapshot, staged, is_synced=True)
        else:  # the parts need not wait for the local disk
            self._promise(pending, snapshot, staged, is_synced=False)
            fd = os.dup(staged.fd)  # the commit may be faster, and close the other one
            self._in_background(fd, self._make_lasting, pending, snapshot, staged, fd)
        stored = self._upload(pending, snapshot, staged, upload)
        version = Version(snapshot.key, stored.etag, staged.size)
        pending.settle(snapshot, version)
        if upload.checkpoint.headers != snapshot.headers:
            self._commit_headers_behind(pending)

    def _make_lasting(
        self, pending: PendingFile, snapshot: Snapshot, staged: StagedFile, fd: int
    ) -> None:
        """Let the promise outlive the machine, if the commit still runs when it is synced."""
        os.fdatasync(fd)
        with pending.lock:
            is_current = pending.file_id is not None and pending.generation == snapshot.generation
            if is_current and pending.is_committing and not pending.is_discarded:
                self._promise(pending, snapshot, staged, is_synced=True)

    def _upload_of(self, pending: PendingFile, snapshot: Snapshot) -> FileUpload:
        """Return the upload that the commit goes on with."""
        if pending.upload_key not in (None, snapshot.key):
            self._uploads.drop(pending)
        with pending.lock:
            upload = pending.upload or self._uploads.begin(pending)
            upload.checkpoint.generation = snapshot.generation
            outdated = list(upload.outdated())
        wait(outdated)
        return upload

    def _with_headers_of(
        self, upload: FileUpload, pending: PendingFile, snapshot: Snapshot
    ) -> Snapshot:
        """
        Let the times that nobody has set be those at which the upload was begun.

        CreateUpload is what carries headers; others need a copy of the object behind it.
        """
        created = upload.checkpoint.headers
        with pending.lock:
            is_near = upload.is_own and is_same_besides(created, snapshot.headers, pending.implicit)
            if is_near and pending.headers is snapshot.headers:
                pending.describe(created, pending.implicit)
        return snapshot._replace(headers=created) if is_near else snapshot

    def _put(self, pending: PendingFile, snapshot: Snapshot, staged: StagedFile) -> Stored:
        body, base = FileBody(staged.fd, Extent(0, staged.size)), snapshot.base
        guard = self._guard(snapshot, self._store.capabilities.conditional_put)
        if base is not None and (current := self._replaced(base)):
            return self._ours(current, body, snapshot)
        self._progress(pending, parts_total=1)
        try:
            stored = self._store.put(
                snapshot.key,
                body,
                snapshot.headers,
                if_match=guard,
                forbid_overwrite=self._forbids(snapshot),
            )
        except ChecksumMismatch:
            stored = self._mend(body, snapshot)
        except PreconditionFailed:
            current = None if base is None else self._replaced(base)
            if current is None:
                raise
            stored = self._ours(current, body, snapshot)
        self._progress(pending, parts_total=1, parts_done=1, sent=staged.size)
        return stored

    def _guard(self, snapshot: Snapshot, is_conditional: bool) -> str | None:
        """
        Return the etag that a write names, where the store can refuse to replace another.

        It closes the gap behind the look at the base; the look stays, because a server that
        does not know the condition ignores it.
        """
        base = snapshot.base
        is_same = base is not None and base.key == snapshot.key
        return base.etag if base is not None and is_same and is_conditional else None

    def _forbids(self, snapshot: Snapshot) -> bool:
        """Say whether a write is to fail when an object has the name, and the store can do it."""
        return snapshot.is_exclusive and self._store.capabilities.forbid_overwrite

    def _ours(self, current: ObjectInfo, body: FileBody, snapshot: Snapshot) -> Stored:
        """Return the version there if it is our own PUT, whose answer we never saw."""
        if not has_content(current, body):
            raise EditConflict(f"{snapshot.key} was changed by somebody else")
        return self._described(current, snapshot)

    def _described(self, current: ObjectInfo, snapshot: Snapshot) -> Stored:
        """Give an object that an earlier attempt made the attributes that were set since."""
        stored = described_by_us(current, snapshot.headers)
        if stored is not None:
            return stored
        if current.size > self._store.limits.max_copy:
            log.warning("attributes of %s are those of an earlier attempt", snapshot.key)
            return Stored(current.etag, current.crc64, current.version_id)
        return self._copy_to_itself(Version(snapshot.key, current.etag, current.size), snapshot)

    def _mend(self, body: FileBody, snapshot: Snapshot) -> Stored:
        """
        Replace what a request of ours has made of bytes that were damaged on their way.

        One on a condition is not repeated by itself, because its condition holds no more.
        ChecksumMismatch: they are damaged each time.
        """
        left = MENDINGS
        while True:
            left -= 1
            is_conditional = self._store.capabilities.conditional_put
            etag = self._store.head(snapshot.key).etag if is_conditional else None
            try:
                return self._store.put(snapshot.key, body, snapshot.headers, if_match=etag)
            except ChecksumMismatch:
                if not left:
                    raise

    def _upload(
        self, pending: PendingFile, snapshot: Snapshot, staged: StagedFile, upload: FileUpload
    ) -> Stored:
        pieces = list(self._pieces(pending, snapshot, staged, upload.plan))
        return self._run_upload(pending, snapshot, upload, pieces)

    def _run_upload(
        self, pending: PendingFile, snapshot: Snapshot, upload: FileUpload, pieces: list[Piece]
    ) -> Stored:
        slots = {piece.number: Slot(piece.number, piece.extent) for piece in pieces}
        # Copies that are made now are made under If-Match.
        is_checked = upload.checkpoint.upload_id is None and any(
            isinstance(piece, CopiedPiece) for piece in pieces
        )

        def check_base() -> None:
            if snapshot.base is None or is_checked:
                return
            if self._replaced(snapshot.base) is not None:
                raise EditConflict(f"{snapshot.key} was changed by somebody else")

        def arrived(part: Part) -> None:
            with pending.lock:
                upload.mark_current(slots[part.number])
                pending.parts_done += 1
                pending.sent += part.size

        run = MultipartUpload(
            store=self._store,
            workers=self._workers,
            key=snapshot.key,
            headers=upload.checkpoint.headers,
            pieces=pieces,
            checkpoint=upload.checkpoint,
            opened=lambda: self._uploads.opened(upload),
            on_part=arrived,
            is_cancelled=lambda: pending.is_discarded,
            before_complete=check_base,
            is_current=upload.is_current,
            under_way=lambda: self._under_way(pending, upload),
            if_match=self._guard(snapshot, self._store.capabilities.conditional_complete),
            forbid_overwrite=self._forbids(snapshot),
            replaces=None if snapshot.base is None else snapshot.base.etag,
        )
        self._progress(pending, parts_total=len(pieces))
        try:
            return run.run()
        except NoSuchUpload:  # somebody aborted it: once more, from the first part
            log.warning("upload of %s was aborted by somebody else; starting again", snapshot.key)
            self._progress(pending, parts_total=len(pieces))
            return run.run()

    def _under_way(self, pending: PendingFile, upload: FileUpload) -> dict[int, Future[Part]]:
        with pending.lock:
            return upload.under_way()

    def _pieces(
        self, pending: PendingFile, snapshot: Snapshot, staged: StagedFile, plan: PartPlan
    ) -> Iterator[Piece]:
        """Yield what the parts are made from: bytes from here, or ranges of the base."""
        base, limits = snapshot.base, self._store.limits

        def is_base(extent: Extent) -> bool:
            return base is not None and staged.is_base(extent)

        for slot, is_copy in _joined(plan.slots(staged.size), is_base, limits.max_copy):
            fits = limits.min_part <= slot.extent.size <= limits.max_copy
            if base is not None and is_copy and fits:
                yield CopiedPiece(slot.number, slot.extent, base.key, base.etag)
            else:
                yield self._sent(pending, snapshot, staged, slot)

    def _sent(
        self, pending: PendingFile, snapshot: Snapshot, staged: StagedFile, slot: Slot
    ) -> SentPiece:
        def open_body() -> FileBody:
            self._fill(pending, snapshot, staged, slot.extent)
            return FileBody(staged.fd, slot.extent)

        return SentPiece(slot.number, slot.extent, open_body)

    def _fill(
        self, pending: PendingFile, snapshot: Snapshot, staged: StagedFile, extent: Extent
    ) -> bool:
        """
        Fetch the bytes of `extent` that are only in the base; False: there were none.

        PreconditionFailed.
        """
        with pending.lock:
            runs = [run.extent for run in staged.runs(extent) if run.source is Source.BASE]
        for run in runs:
            assert snapshot.base is not None  # noqa: S101 - only a base shows through
            for start in range(run.start, run.stop, FILL_SIZE):
                wanted = Extent(start, min(start + FILL_SIZE, run.stop))
                fetched = self._store.get(snapshot.base.key, wanted, if_match=snapshot.base.etag)
                with pending.lock:
                    staged.fill(wanted, fetched.data)
        return bool(runs)

    def _replaced(self, base: Version) -> ObjectInfo | None:
        """Return the version that has taken the place of `base`; None: it is still there."""
        try:
            info = self._store.head(base.key)
        except NoSuchKey:
            raise EditConflict(f"{base.key} was deleted by somebody else") from None
        return None if info.etag == base.etag else info

    # Attributes

    def _commit_headers_behind(self, pending: PendingFile) -> None:
        """Give an object that was just made the headers that its upload did not begin with."""
        with pending.lock:
            pending.change_headers(pending.headers, pending.implicit)
            snapshot = pending.snapshot()
        try:
            version = self._commit_headers(pending, snapshot)
        except (PreconditionFailed, NoSuchKey) as error:  # the last writer has won
            log.warning("attributes of %s are not set: %s", snapshot.key, error)
            version = snapshot.base or Version(snapshot.key, "", 0)
        pending.settle(snapshot, version)

    def _commit_headers(self, pending: PendingFile, snapshot: Snapshot) -> Version:
        base = snapshot.base
        assert base is not None  # noqa: S101 - without new content there is an object
        if base.size <= self._store.limits.max_copy:
            stored = self._copy_to_itself(base, snapshot)
        else:
            upload = self._upload_of(pending, snapshot)
            runs = _joined(
                upload.plan.slots(base.size), lambda _: True, self._store.limits.max_copy
            )
            pieces: list[Piece] = [
                CopiedPiece(slot.number, slot.extent, base.key, base.etag) for slot, _ in runs
            ]
            stored = self._run_upload(pending, snapshot, upload, pieces)
        return Version(snapshot.key, stored.etag, base.size)

    def _copy_to_itself(self, base: Version, snapshot: Snapshot) -> Stored:
        try:
            return self._store.copy(
                base.key, snapshot.key, if_match=base.etag, headers=snapshot.headers
            )
        except PreconditionFailed:  # a copy gives an object made of parts another etag
            info = self._store.head(base.key)
            earlier = described_by_us(info, snapshot.headers) if info.size == base.size else None
            if earlier is None:
                raise
            return earlier

    # Conflicts

    def _keep_conflict(self, pending: PendingFile, snapshot: Snapshot, cause: OssfsError) -> None:
        """Save the local bytes beside the object that is not ours; raise EditConflict."""
        staged = pending.staged
        if not snapshot.has_new_content or staged is None:
            log.warning("attributes of %s are not changed: %s", snapshot.key, cause)
            pending.settle(snapshot, snapshot.base or Version(snapshot.key, "", 0))
            raise EditConflict(f"{snapshot.key} was changed by somebody else") from cause
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock.now_ns() / 1e9))
        name = f"{snapshot.key}.conflict-{self._host}-{stamp}"
        if staged.needs_base(Extent(0, staged.size)):
            self._keep_locally(pending, snapshot, staged, cause)
        self._uploads.drop(pending)
        with pending.lock:
            pending.conflict_of = snapshot.key
            pending.key, pending.base, pending.is_exclusive = name, None, False
            if pending.file_id is not None:
                self._journal.rename_file(pending.file_id, name)
        copy = snapshot._replace(key=name, base=None, is_exclusive=False)
        self._save_conflict(pending, copy, NameTaken if snapshot.is_exclusive else EditConflict)

    def _save_conflict(
        self, pending: PendingFile, copy: Snapshot, kind: type[EditConflict] = EditConflict
    ) -> None:
        """Make the local bytes the conflict copy, now or at a later attempt; EditConflict."""
        self._commit_content(pending, copy)
        with pending.lock:
            key, pending.conflict_of = pending.conflict_of, None
        log.error(
            "%s was changed by somebody else during an edit; the edit is saved as %s",
            key, copy.key,
        )  # fmt: skip
        raise kind(f"{key} was changed; the edit is saved as {copy.key}")

    def _keep_locally(
        self, pending: PendingFile, snapshot: Snapshot, staged: StagedFile, cause: OssfsError
    ) -> None:
        message = (
            f"{snapshot.key} was changed by somebody else during an edit, and bytes of the old"
            f" version are missing here; what was written is kept as {staged.name}"
        )
        self._uploads.drop(pending)
        if pending.file_id is not None:
            self._journal.conflicted(pending.file_id, message)
        pending.abandon(message)
        log.error("%s", message)
        raise EditConflict(message) from cause

    def abort(self, dropped: Dropped) -> None:
        """Abort the upload of a file that was unlinked; a failure is left to the next mount."""
        self._uploads.abort(dropped)

    # Progress

    def _progress(
        self, pending: PendingFile, *, parts_total: int, parts_done: int = 0, sent: int = 0
    ) -> None:
        with pending.lock:
            pending.parts_total, pending.parts_done, pending.sent = parts_total, parts_done, sent


def _joined(
    slots: Iterable[Slot], is_base: Callable[[Extent], bool], max_copy: int
) -> Iterator[tuple[Slot, bool]]:
    """
    Yield the parts of an object, and whether each is the base's.

    Neighbours that are the base's are joined, up to the largest copy, under the number of
    the first of them: so numbers still follow from offsets alone.
    """
    joined: Slot | None = None
    for slot in slots:
        if not is_base(slot.extent):
            if joined is not None:
                yield joined, True
            joined = None
            yield slot, False
        elif joined is not None and slot.extent.stop - joined.extent.start <= max_copy:
            joined = Slot(joined.number, Extent(joined.extent.start, slot.extent.stop))
        else:
            if joined is not None:
                yield joined, True
            joined = slot
    if joined is not None:
        yield joined, True


def is_same_besides(one: Headers, other: Headers, names: frozenset[str]) -> bool:
    """Say whether two sets of headers differ in nothing but metadata of these names."""

    def without(metadata: Mapping[str, str]) -> dict[str, str]:
        return {name: value for name, value in metadata.items() if name not in names}

    return (
        one.content_type == other.content_type
        and one.standard == other.standard
        and without(one.metadata) == without(other.metadata)
    )
