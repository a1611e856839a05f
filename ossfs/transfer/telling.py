"""
The events of one transfer, with what they have in common filled in.

Threads: any.
"""

import threading
from dataclasses import replace

from ossfs.errors import OssfsError, TransferCancelled
from ossfs.store.api import Headers, ObjectStore
from ossfs.transfer.events import EventCallback, Listener, PartEvent, TransferEvent
from ossfs.transfer.events import TransferEventType as Type
from ossfs.transfer.opening import Checkpoint, open_upload


class Teller:
    """Tells `callback` what happens to the transfer that `about` describes."""

    def __init__(self, callback: EventCallback | None, about: TransferEvent) -> None:
        self._listener = Listener(callback, threading.Lock())
        self._about = about

    def knows(self, *, upload_id: str = "", checkpoint: str = "", temp_path: str = "") -> None:
        """Put what is known by now into the events that follow."""
        self._about = replace(
            self._about,
            upload_id=upload_id or self._about.upload_id,
            checkpoint=checkpoint or self._about.checkpoint,
            temp_path=temp_path or self._about.temp_path,
        )

    def tell(
        self, kind: Type, *, part: PartEvent | None = None, error: BaseException | None = None
    ) -> None:
        """Tell of a step."""
        if self._listener:
            self._listener(replace(self._about, type=kind, part=part, error=error))

    def opened(self, store: ObjectStore, checkpoint: Checkpoint, key: str, headers: Headers) -> str:
        """Do `open_upload`, and tell of it if the upload is new. Its errors."""
        before = checkpoint.upload_id
        try:
            upload_id = open_upload(store, checkpoint, key, headers)
        except Exception as error:
            self.tell(Type.CREATE_FAILED, error=error)
            raise
        self.knows(upload_id=upload_id)
        if upload_id != before:
            self.tell(Type.CREATED)
        return upload_id

    def tell_failed_part(self, part: PartEvent, error: BaseException) -> None:
        """Tell of a part that is given up: for now, or for good."""
        is_for_now = isinstance(error, OssfsError) and error.is_worth_rerunning
        is_stopped = isinstance(error, TransferCancelled)
        kind = Type.PART_FAILED if is_for_now and not is_stopped else Type.PART_ABORTED
        self.tell(kind, part=part, error=error)
