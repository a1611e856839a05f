"""
Aborting uploads at the store that nobody needs any more.

The journal knows of each until it is gone; what fails is tried again by the next mount.

Threads: functions; they block for requests.
"""

from ossfs.errors import NoSuchUpload, OssfsError, StoreError
from ossfs.journal.journal import Journal
from ossfs.journal.records import AbortRecord
from ossfs.store.api import ObjectStore
from ossfs.transfer.opening import find_unanswered


class NotAborted(OssfsError):
    """The store still holds an upload; the message says why, and when it is tried again."""


def finish_abort(record: AbortRecord, journal: Journal, store: ObjectStore) -> None:
    """Abort an upload; one that is gone is no error. NotAborted."""
    try:
        upload_id = record.upload_id
        if upload_id is None:
            upload_id = find_unanswered(store, record.key, record.planned_ns)
        if upload_id is not None:
            store.abort_upload(record.key, upload_id)
    except NoSuchUpload:
        pass  # what we want
    except StoreError as error:
        raise NotAborted(
            f"an upload of {record.key} stays behind until the next mount: {error}"
        ) from error
    journal.end_abort(record.id)
