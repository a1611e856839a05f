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
import time
from collections.abc import Callable

from ossfs.clock import Clock
from ossfs.errors import (
    AlreadyExists,
    EditConflict,
    NameTaken,
    NoSuchKey,
    NoSuchUpload,
    ObjectTooLarge,
    OssfsError,
    PreconditionFailed,
    StoreError,
)
from ossfs.extents import Extent
from ossfs.journal.journal import Journal
from ossfs.journal.records import UploadRecord, Version
from ossfs.store.api import FileBody, ObjectInfo, ObjectStore, Stored
from ossfs.store.resolving import described_by_us, has_content, put_by_us
from ossfs.transfer.parts import PartPlan, Slot
from ossfs.transfer.upload import CopiedPiece, MultipartUpload, Piece, SentPiece
from ossfs.transfer.workers import Workers
from ossfs.writeback.checkpoint import JournalCheckpoint
from ossfs.writeback.pending import PendingFile, Snapshot
from ossfs.writeback.staging import Source, StagedFile

log = logging.getLogger(__name__)

FILL_SIZE = 8 << 20  # bytes of the base fetched by one request


class Committer:
    """
    Brings pending files into the bucket.

    `part_size` is the size of the first parts and the largest file that is one PUT;
    `host` goes into the names of conflict copies.
    """

    def __init__(
        self,
        *,
        store: ObjectStore,
        journal: Journal,
        workers: Workers,
        clock: Clock,
        part_size: int,
        host: str,
    ) -> None:
        self._store = store
        self._journal = journal
        self._workers = workers
        self._clock = clock
        self._plan = PartPlan(part_size, store.limits)
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
            )
            pending.promised(staged)

    def _commit(self, pending: PendingFile, snapshot: Snapshot) -> None:
        if pending.conflict_of is not None:
            self._save_conflict(pending, snapshot)
        try:
            if snapshot.has_new_content:
                version = self._commit_content(pending, snapshot)
            else:
                version = self._commit_headers(pending, snapshot)
        except AlreadyExists as error:
            made = self._made_before(pending, snapshot)
            if made is None:
                self._keep_conflict(pending, snapshot, error)
                return
            version = made
        except (PreconditionFailed, EditConflict, NoSuchKey) as error:
            if snapshot.base is None:
                raise
            arrived = self._arrived(pending, snapshot)
            if arrived is None:
                self._keep_conflict(pending, snapshot, error)
                return
            version = arrived
        pending.settle(snapshot, version)

    def _arrived(self, pending: PendingFile, snapshot: Snapshot) -> Version | None:
        """Return the version there if it has this very content: by our request before a crash."""
        staged = pending.staged
        if not snapshot.has_new_content or staged is None:
            return None
        whole = Extent(0, staged.size)
        try:
            current = self._store.head(snapshot.key)
        except NoSuchKey:
            return None
        if staged.needs_base(whole) or not has_content(current, FileBody(staged.fd, whole)):
            return None
        self._drop_upload(pending)
        return Version(snapshot.key, current.etag, staged.size)

    def _made_before(self, pending: PendingFile, snapshot: Snapshot) -> Version | None:
        """Return the version there if an attempt that seemed to have failed has made it."""
        staged = pending.staged
        if not pending.error or staged is None:
            return None  # nothing was sent before: it is somebody else's, whatever its bytes
        try:
            current = self._store.head(snapshot.key)
        except NoSuchKey:
            return None
        body = FileBody(staged.fd, Extent(0, staged.size))
        if put_by_us(current, body, snapshot.headers) is None:
            return None
        self._drop_upload(pending)
        return Version(snapshot.key, current.etag, staged.size)

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

    def _commit_content(self, pending: PendingFile, snapshot: Snapshot) -> Version:
        staged = pending.staged
        file_id = pending.file_id
        assert staged is not None  # noqa: S101 - new content is in a staging file
        assert file_id is not None  # noqa: S101 - and the journal knows it
        begun = self._plan_begun(pending, snapshot)
        plan = begun or self._plan
        if staged.size > plan.max_size:
            raise ObjectTooLarge(
                f"{staged.size} bytes; the largest file at this part size is {plan.max_size}",
                operation="commit", bucket=self._store.name, key=snapshot.key,
            )  # fmt: skip
        is_small = begun is None and staged.size <= plan.first_size
        # A small file needs one request, and then its bytes are in the bucket; but a promise
        # that was made for longer is not to be weakened.
        is_synced = not is_small or self._journal.is_lasting(file_id)
        if is_synced:
            staged.sync()
        self._promise(pending, snapshot, staged, is_synced=is_synced)
        if is_small:
            if self._fill(pending, snapshot, staged, Extent(0, staged.size)):
                # The PUT replaces the base: without it nobody could tell that it was ours.
                if is_synced:
                    staged.sync()
                self._promise(pending, snapshot, staged, is_synced=is_synced)
            stored = self._put(pending, snapshot, staged)
        else:
            pieces = [
                self._piece(pending, snapshot, staged, slot) for slot in plan.slots(staged.size)
            ]
            stored = self._run_upload(pending, snapshot, pieces, plan)
        return Version(snapshot.key, stored.etag, staged.size)

    def _put(self, pending: PendingFile, snapshot: Snapshot, staged: StagedFile) -> Stored:
        body, base = FileBody(staged.fd, Extent(0, staged.size)), snapshot.base
        self._drop_upload(pending)
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
        return Stored(current.etag, current.crc64, current.version_id)

    def _plan_begun(self, pending: PendingFile, snapshot: Snapshot) -> PartPlan | None:
        """
        Return the parts of the upload that was begun for this very content, if there is one.

        It goes on as it began, whatever the option says by now: it may even be complete.
        """
        record = pending.upload
        if record is None or (record.key, record.generation) != snapshot[:2]:
            return None
        return PartPlan(record.part_size, self._store.limits)

    def _run_upload(
        self, pending: PendingFile, snapshot: Snapshot, pieces: list[Piece], plan: PartPlan
    ) -> Stored:
        checkpoint = self._checkpoint(pending, snapshot, plan)
        guard = self._guard(snapshot, self._store.capabilities.conditional_complete)
        # Copies that are made now are made under If-Match.
        is_checked = checkpoint.record is None and any(
            isinstance(piece, CopiedPiece) for piece in pieces
        )

        def check_base() -> None:
            if snapshot.base is None or is_checked:
                return
            if self._replaced(snapshot.base) is not None:
                raise EditConflict(f"{snapshot.key} was changed by somebody else")

        upload = MultipartUpload(
            store=self._store,
            workers=self._workers,
            key=snapshot.key,
            headers=snapshot.headers,
            pieces=pieces,
            checkpoint=checkpoint,
            on_part=lambda part: self._count_part(pending, part.size),
            is_cancelled=lambda: pending.is_discarded,
            before_complete=check_base,
            if_match=guard,
            forbid_overwrite=self._forbids(snapshot),
            replaces=None if snapshot.base is None else snapshot.base.etag,
        )
        try:
            self._progress(pending, parts_total=len(pieces))
            return upload.run()
        except NoSuchUpload:  # somebody aborted it: once more, from the first part
            log.warning("upload of %s was aborted by somebody else; starting again", snapshot.key)
            self._progress(pending, parts_total=len(pieces))
            return upload.run()
        finally:
            with pending.lock:
                pending.upload = checkpoint.record

    def _piece(
        self, pending: PendingFile, snapshot: Snapshot, staged: StagedFile, slot: Slot
    ) -> Piece:
        base, limits = snapshot.base, self._store.limits
        fits = limits.min_part <= slot.extent.size <= limits.max_copy
        if base is not None and fits and staged.is_base(slot.extent):
            return CopiedPiece(slot.number, slot.extent, base.key, base.etag)

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

    def _checkpoint(
        self, pending: PendingFile, snapshot: Snapshot, plan: PartPlan
    ) -> JournalCheckpoint:
        record = pending.upload
        if record is not None and (record.key, record.generation) != snapshot[:2]:
            self._drop_upload(pending)
            record = None
        assert pending.file_id is not None  # noqa: S101 - new content is in the journal
        return JournalCheckpoint(
            self._journal,
            pending.file_id,
            key=snapshot.key,
            generation=snapshot.generation,
            part_size=plan.first_size,
            record=record,
            clock=self._clock,
        )

    def _drop_upload(self, pending: PendingFile) -> None:
        """Abort an upload that cannot be used any more."""
        with pending.lock:
            record, pending.upload = pending.upload, None
        if record is not None:
            self.abort(record)
            if pending.file_id is not None:
                self._journal.upload_gone(pending.file_id)

    def abort(self, record: UploadRecord) -> None:
        """Abort one of our uploads; a failure is logged, `ossfs uploads` shows the rest."""
        if record.upload_id is None:
            return
        try:
            self._store.abort_upload(record.key, record.upload_id)
        except NoSuchUpload:
            pass  # what we want
        except StoreError as error:
            log.warning("upload %s of %s stays behind: %s", record.upload_id, record.key, error)

    def _replaced(self, base: Version) -> ObjectInfo | None:
        """Return the version that has taken the place of `base`; None: it is still there."""
        try:
            info = self._store.head(base.key)
        except NoSuchKey:
            raise EditConflict(f"{base.key} was deleted by somebody else") from None
        return None if info.etag == base.etag else info

    # Attributes

    def _commit_headers(self, pending: PendingFile, snapshot: Snapshot) -> Version:
        base = snapshot.base
        assert base is not None  # noqa: S101 - without new content there is an object
        if base.size <= self._store.limits.max_copy:
            stored = self._copy_to_itself(base, snapshot)
        else:
            plan = self._plan_begun(pending, snapshot) or self._plan
            pieces: list[Piece] = [
                CopiedPiece(slot.number, slot.extent, base.key, base.etag)
                for slot in plan.slots(base.size)
            ]
            stored = self._run_upload(pending, snapshot, pieces, plan)
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
        self._drop_upload(pending)
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
        pending.settle(copy, self._commit_content(pending, copy))
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
        self._drop_upload(pending)
        if pending.file_id is not None:
            self._journal.conflicted(pending.file_id, message)
        pending.abandon(message)
        log.error("%s", message)
        raise EditConflict(message) from cause

    # Progress

    def _progress(
        self, pending: PendingFile, *, parts_total: int, parts_done: int = 0, sent: int = 0
    ) -> None:
        with pending.lock:
            pending.parts_total, pending.parts_done, pending.sent = parts_total, parts_done, sent

    def _count_part(self, pending: PendingFile, size: int) -> None:
        with pending.lock:
            pending.parts_done += 1
            pending.sent += size
