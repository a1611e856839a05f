"""
Parts that are sent while their file is still being written.

When one run of writes, each beginning where the last one ended, has filled a whole part of
a file that is larger than one part, that part is on its way at once. What is written in
another order waits for the commit: it may well be written again. A writer that is too far
ahead of its parts is slowed down.

Nothing here is a promise. A part that fails is sent by the commit, which reports it.

Threads: `written` is called with the file's lock held and sends nothing itself; the workers
send.
"""

import logging
import os
from concurrent.futures import Future
from functools import partial

from ossfs.errors import UploadCancelled
from ossfs.extents import Extent
from ossfs.store.api import FileBody, ObjectStore, Part
from ossfs.store.resolving import crc_of_body
from ossfs.transfer.parts import Slot
from ossfs.transfer.pieces import send_part
from ossfs.transfer.workers import Workers
from ossfs.writeback.changing import ChangedFile
from ossfs.writeback.file_upload import FileUpload, Flight
from ossfs.writeback.uploads import FileUploads

log = logging.getLogger(__name__)

AHEAD = 256 << 20  # bytes in full parts of one file that wait or are under way


class EagerParts:
    """Sends full parts ahead of the commit."""

    def __init__(self, *, store: ObjectStore, workers: Workers, uploads: FileUploads) -> None:
        self._store = store
        self._workers = workers
        self._uploads = uploads

    def written(self, pending: ChangedFile, extent: Extent) -> None:
        """
        Take note of a write; the lock of `pending` is held.

        Waits, without the lock, while too much of the file is on its way.
        """
        run = pending.run
        if extent.start != run.stop:
            run.begin(extent.start)
        run.stop = extent.stop
        if run.stop < run.goal or pending.size <= self._uploads.first_size:
            return
        upload = self._upload(pending)
        if upload is None:
            return
        slot = upload.plan.slot_from(run.sent)
        while slot is not None and slot.extent.stop <= run.stop:
            self._send(pending, upload, slot)
            run.sent = slot.extent.stop
            slot = upload.plan.slot_from(run.sent)
        if slot is not None:
            run.goal, run.part_size = slot.extent.stop, slot.extent.size
        self._slow_down(pending)

    def _upload(self, pending: ChangedFile) -> FileUpload | None:
        """Return the upload that full parts are sent to; None: there can be none now."""
        is_renamed = pending.upload_key not in (None, pending.key)  # the commit begins anew
        if pending.is_discarded or pending.is_abandoned or is_renamed:
            return None
        upload = pending.upload or self._uploads.begin(pending)
        return None if upload.is_stopped else upload

    def _send(self, pending: ChangedFile, upload: FileUpload, slot: Slot) -> None:
        if pending.staged is None or upload.is_known(slot.number):
            return
        upload.describe(pending.headers)
        # The staging file may be closed at any moment; this descriptor is the flight's own.
        fd = os.dup(pending.staged.fd)
        upload.launch(slot, partial(self._submit, pending, upload, fd))

    def _submit(
        self, pending: ChangedFile, upload: FileUpload, fd: int, flight: Flight
    ) -> Future[Part]:
        future = self._workers.submit(self._fly, pending, upload, fd, flight)
        future.add_done_callback(lambda done: self._landed(done, pending, upload, fd, flight))
        return future

    def _slow_down(self, pending: ChangedFile) -> None:
        while (
            (upload := pending.upload) is not None
            and not upload.is_stopped
            and upload.unsent > max(AHEAD, 2 * pending.run.part_size)
        ):
            pending.lock.wait()

    def _fly(self, pending: ChangedFile, upload: FileUpload, fd: int, flight: Flight) -> Part:
        """Send one part, unless the store has these bytes already."""
        if pending.is_discarded or upload.is_stopped:
            raise UploadCancelled(f"{upload.key} is not uploaded any more")
        checkpoint, number = upload.checkpoint, flight.slot.number
        upload_id = self._uploads.opened(upload)
        body = FileBody(fd, flight.slot.extent)
        part = checkpoint.there(number)
        if part is None or part.size != body.size or part.crc64 != crc_of_body(body):
            checkpoint.forget(number)  # what is there now will soon not be there any more
            part = send_part(self._store, upload.key, upload_id, number, body)
        with pending.lock:
            if upload.land(flight):  # otherwise nobody knows which bytes were sent
                checkpoint.part_done(upload_id, part)
        return part

    def _landed(
        self,
        done: Future[Part],
        pending: ChangedFile,
        upload: FileUpload,
        fd: int,
        flight: Flight,
    ) -> None:
        os.close(fd)
        error = None if done.cancelled() else done.exception()
        with pending.lock:
            is_missed = (done.cancelled() or error is not None) and upload.fail(flight)
            pending.lock.notify_all()
        if not isinstance(error, Exception) or isinstance(error, UploadCancelled):
            return
        upload.checkpoint.doubt()
        if is_missed:  # not one that was written again, or cut off, while it was sent
            log.warning(
                "part %d of %s could not be sent ahead; closing the file tries again: %s",
                flight.slot.number, upload.key, error,
            )  # fmt: skip
