"""
A large file becomes an object: a multipart upload, some of it sent while it was written.

Threads: every method from any thread, for one file one at a time.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait

from ossfs.errors import EditConflict, NoSuchUpload
from ossfs.store.api import ObjectStore, Part, Stored
from ossfs.transfer.parts import Slot
from ossfs.transfer.pieces import CopiedPiece, Piece
from ossfs.transfer.upload import MultipartUpload
from ossfs.transfer.workers import Workers
from ossfs.writeback.file_upload import FileUpload
from ossfs.writeback.guards import etag_guard, forbids, is_same_besides, replaced
from ossfs.writeback.pending import PendingFile
from ossfs.writeback.uploads import FileUploads
from ossfs.writeback.values import Snapshot

log = logging.getLogger(__name__)


class Uploading:
    """Uploads snapshots in parts."""

    def __init__(self, *, store: ObjectStore, workers: Workers, uploads: FileUploads) -> None:
        self._store = store
        self._workers = workers
        self._uploads = uploads

    def upload_of(self, pending: PendingFile, snapshot: Snapshot) -> FileUpload:
        """Return the upload that the commit goes on with."""
        if pending.upload_key not in (None, snapshot.key):
            self._uploads.drop(pending)
        with pending.lock:
            upload = pending.upload or self._uploads.begin(pending)
            upload.checkpoint.generation = snapshot.generation
            upload.describe(snapshot.headers)
            outdated = list(upload.outdated())
        wait(outdated)
        return upload

    def with_headers_of(
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

    def run(
        self,
        pending: PendingFile,
        snapshot: Snapshot,
        upload: FileUpload,
        pieces: Sequence[Piece],
        on_part: Callable[[], None] = lambda: None,
    ) -> Stored:
        """
        Make the pieces the object; `on_part` is called after each of them.

        EditConflict; UploadCancelled: the file was unlinked. Other errors: run it again.
        """
        slots = {piece.number: Slot(piece.number, piece.extent) for piece in pieces}
        # Copies that are made now are made under If-Match.
        is_checked = upload.checkpoint.upload_id is None and any(
            isinstance(piece, CopiedPiece) for piece in pieces
        )

        def check_base() -> None:
            if snapshot.base is None or is_checked:
                return
            if replaced(self._store, snapshot.base) is not None:
                raise EditConflict(f"{snapshot.key} was changed by somebody else")

        def arrived(part: Part) -> None:
            with pending.lock:
                upload.mark_current(slots[part.number])
                pending.parts_done += 1
                pending.sent += part.size
            on_part()

        is_conditional = self._store.capabilities.conditional_complete
        transfer = MultipartUpload(
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
            if_match=etag_guard(snapshot, is_conditional=is_conditional),
            forbid_overwrite=forbids(snapshot, self._store),
            replaces=None if snapshot.base is None else snapshot.base.etag,
        )
        pending.progress(parts_total=len(pieces))
        try:
            return transfer.run()
        except NoSuchUpload:  # somebody aborted it: once more, from the first part
            log.warning("upload of %s was aborted by somebody else; starting again", snapshot.key)
            pending.progress(parts_total=len(pieces))
            return transfer.run()

    def _under_way(self, pending: PendingFile, upload: FileUpload) -> dict[int, Future[Part]]:
        with pending.lock:
            return upload.under_way()
