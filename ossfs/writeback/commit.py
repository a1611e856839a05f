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
from collections.abc import Callable
from typing import Any

from ossfs.clock import Clock
from ossfs.errors import (
    AlreadyExists,
    EditConflict,
    NameTaken,
    NoSuchKey,
    ObjectTooLarge,
    OssfsError,
    PreconditionFailed,
    Transient,
)
from ossfs.extents import Extent
from ossfs.journal.journal import Journal
from ossfs.journal.records import Version
from ossfs.store.api import ObjectStore, Stored
from ossfs.store.resolving import described_by_us, has_content
from ossfs.transfer.workers import Workers
from ossfs.writeback.attempts import Attempt
from ossfs.writeback.conflicts import Conflicts
from ossfs.writeback.contents import Contents
from ossfs.writeback.file_upload import Dropped
from ossfs.writeback.guards import copy_to_itself, described, replaced
from ossfs.writeback.pending import PendingFile
from ossfs.writeback.putting import Putting
from ossfs.writeback.staging import StagedFile
from ossfs.writeback.uploading import Uploading
from ossfs.writeback.uploads import FileUploads
from ossfs.writeback.values import Room, Snapshot

log = logging.getLogger(__name__)

LASTING_AFTER_S = 1.0  # an upload that takes longer is to survive a power cut, too


class Committer:
    """
    Brings pending files into the bucket.

    A file that is not larger than the first part of an upload is one PUT.
    """

    def __init__(
        self,
        *,
        store: ObjectStore,
        journal: Journal,
        workers: Workers,
        uploads: FileUploads,
        conflicts: Conflicts,
        room: Room,
        clock: Clock,
    ) -> None:
        self._store = store
        self._journal = journal
        self._workers = workers
        self._uploads = uploads
        self._conflicts = conflicts
        self._clock = clock
        self._contents = Contents(store, room)
        self._putting = Putting(store)
        self._uploading = Uploading(store=store, workers=workers, uploads=uploads)

    @property
    def max_size(self) -> int:
        """Bytes of the largest file that can be committed."""
        return self._uploads.plan.max_size

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
                upload, promised = pending.upload, snapshot
                is_large = staged.size > self._uploads.plan_of(pending).first_size
                if upload is not None and upload.key == snapshot.key and is_large:
                    promised = self._uploading.with_headers_of(upload, pending, snapshot)
                self._promise(pending, promised, staged, is_synced=True)

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
            pending.promised(staged, snapshot.generation if is_synced else 0)

    def _commit(self, pending: PendingFile, snapshot: Snapshot) -> None:
        if pending.conflict_of is not None:
            self._commit_content(pending, snapshot)
            self._conflicts.saved(pending, snapshot)
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
        current = replaced(self._store, base)
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

    def _keep_conflict(self, pending: PendingFile, snapshot: Snapshot, cause: OssfsError) -> None:
        """Save the local bytes beside the object that is not ours; raise EditConflict."""
        copy = self._conflicts.settle(pending, snapshot, cause)
        self._commit_content(pending, copy)
        kind = NameTaken if snapshot.is_exclusive else EditConflict
        self._conflicts.saved(pending, copy, kind)

    def _arrived(self, pending: PendingFile, snapshot: Snapshot) -> Version | None:
        """Return the version there if it has this very content: by our request before a crash."""
        staged = pending.staged
        if not snapshot.has_new_content or staged is None:
            return None
        if staged.needs_base(Extent(0, staged.size)):
            return None
        return self._sent_before(staged, pending, snapshot)

    def _made_before(self, pending: PendingFile, snapshot: Snapshot) -> Version | None:
        """Return the version there if an attempt that seemed to have failed has made it."""
        staged = pending.staged
        if not (pending.error or pending.is_restored) or staged is None:
            return None  # nothing was sent before: it is somebody else's, whatever its bytes
        # After a crash its attributes tell nothing: they may have been set since that attempt.
        return self._sent_before(staged, pending, snapshot, is_alike=not pending.is_restored)

    def _sent_before(
        self,
        staged: StagedFile,
        pending: PendingFile,
        snapshot: Snapshot,
        *,
        is_alike: bool = False,
    ) -> Version | None:
        """
        Return the version there if an earlier attempt has sent it; mended, if it is damaged.

        With `is_alike`, only one that has the attributes which are to be set.
        """
        try:
            current = self._store.head(snapshot.key)
        except NoSuchKey:
            return None
        is_described = described_by_us(current, snapshot.headers) is not None
        if is_alike and not is_described:
            return None
        if has_content(current, staged.whole()):
            stored = described(self._store, current, snapshot)
        elif pending.is_restored and is_described and current.size == staged.size:
            # Nobody else gives an object our clock's times.
            log.warning("%s had arrived damaged before a crash; it is sent again", snapshot.key)
            stored = self._putting.mend(staged.whole(), snapshot)
        else:
            return None
        self._uploads.drop(pending)
        return Version(snapshot.key, stored.etag, staged.size)

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
        is_small = staged.size <= plan.first_size
        if not is_small and staged.size > plan.max_size:
            raise ObjectTooLarge(
                f"{staged.size} bytes; the largest file at this part size is {plan.max_size}",
                operation="commit", bucket=self._store.name, key=snapshot.key,
            )  # fmt: skip
        if is_small:
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
        if not pending.is_promised(snapshot.generation):
            self._promise_as_lasting(pending, snapshot, staged)
        if self._contents.fill(pending, snapshot, staged, Extent(0, staged.size)):
            # The PUT replaces the base: without it nobody could tell that it was ours.
            self._promise_as_lasting(pending, snapshot, staged)
        pending.progress(parts_total=1)
        stored = self._putting.put(snapshot, staged)
        pending.progress(parts_total=1, parts_done=1, sent=staged.size)
        return stored

    def _promise_as_lasting(
        self, pending: PendingFile, snapshot: Snapshot, staged: StagedFile
    ) -> None:
        """
        Promise the content, to survive what an earlier promise of this file survives.

        Its bytes are on their way to the bucket, and need not wait for the local disk; but a
        promise that was made for longer is not to be weakened.
        """
        is_lasting = pending.file_id is not None and self._journal.is_lasting(pending.file_id)
        if is_lasting:
            staged.sync()
        self._promise(pending, snapshot, staged, is_synced=is_lasting)

    def _commit_large(self, pending: PendingFile, snapshot: Snapshot, staged: StagedFile) -> None:
        upload = self._uploading.upload_of(pending, snapshot)
        snapshot = self._uploading.with_headers_of(upload, pending, snapshot)
        if not pending.is_promised(snapshot.generation):
            self._promise_as_lasting(pending, snapshot, staged)
        begun, is_lasting = self._clock.monotonic(), pending.is_promised(snapshot.generation)

        def make_lasting() -> None:
            nonlocal is_lasting
            if is_lasting or self._clock.monotonic() < begun + LASTING_AFTER_S:
                return
            is_lasting = True
            fd = os.dup(staged.fd)  # the commit may be faster, and close the other one
            self._in_background(fd, self._make_lasting, pending, snapshot, staged, fd)

        pieces = list(self._contents.pieces(pending, snapshot, staged, upload.plan))
        stored = self._uploading.run(pending, snapshot, upload, pieces, on_part=make_lasting)
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
            stored = copy_to_itself(self._store, base, snapshot)
        else:
            upload = self._uploading.upload_of(pending, snapshot)
            pieces = list(self._contents.copies(snapshot, upload.plan))
            stored = self._uploading.run(pending, snapshot, upload, pieces)
        return Version(snapshot.key, stored.etag, base.size)

    def abort(self, dropped: Dropped) -> None:
        """Abort the upload of a file that was unlinked; a failure is left to the next mount."""
        self._uploads.abort(dropped)
