"""
Aborting uploads at the store that nobody needs any more.

The journal knows of each until it is gone; what fails is tried again by the next mount.

Threads: functions; they block for requests.
"""

import contextlib

from ossfs.errors import NoSuchUpload, OssfsError, StoreError
from ossfs.journal.journal import Journal
from ossfs.journal.records import AbortRecord
from ossfs.store.api import ObjectStore
from ossfs.transfer.opening import find_unanswered


class NotAborted(OssfsError):
    """The store still holds an upload; the message says why, and when it is tried again."""


def abort_known(store: ObjectStore, key: str, upload_id: str | None, planned_ns: int) -> None:
    """
    Abort an upload; one that is gone is no error. The errors of the store.

    Without an id it is looked for: CreateUpload was sent at `planned_ns`, not answered.
    """
    with contextlib.suppress(NoSuchUpload):  # what we want
        upload_id = upload_id or find_unanswered(store, key, planned_ns)
        if upload_id is not None:
            store.abort_upload(key, upload_id)


def finish_abort(record: AbortRecord, journal: Journal, store: ObjectStore) -> None:
    """Abort an upload; one that is gone is no error. NotAborted."""
    try:
        abort_known(store, record.key, record.upload_id, record.planned_ns)
    except StoreError as error:
        raise NotAborted(
            f"an upload of {record.key} stays behind until the next mount: {error}"
        ) from error
    journal.end_abort(record.id)
