"""
An edit of a version that is not there any more: it never overwrites what is.

When all bytes of the file are here, they become an object beside the other one. When some
are missing, because the old version is gone, the local ones are kept on the local disk.

Threads: every method from any thread, for one file one at a time.
"""

import logging
from typing import NoReturn

from ossfs.clock import Clock, stamp
from ossfs.errors import EditConflict, OssfsError
from ossfs.extents import Extent
from ossfs.journal.journal import Journal
from ossfs.journal.records import Version
from ossfs.writeback.pending import PendingFile
from ossfs.writeback.staging import StagedFile
from ossfs.writeback.uploads import FileUploads
from ossfs.writeback.values import Snapshot

log = logging.getLogger(__name__)


class Conflicts:
    """Finds a place for edits that have lost theirs; `host` goes into the names of copies."""

    def __init__(self, *, journal: Journal, uploads: FileUploads, clock: Clock, host: str) -> None:
        self._journal = journal
        self._uploads = uploads
        self._clock = clock
        self._host = host

    def settle(self, pending: PendingFile, snapshot: Snapshot, cause: OssfsError) -> Snapshot:
        """
        Return what is to become the copy beside the object that is not ours.

        EditConflict: there is none, since only attributes were changed, or since bytes are
        missing; the others are kept locally then.
        """
        staged = pending.staged
        if not snapshot.has_new_content or staged is None:
            log.warning("attributes of %s are not changed: %s", snapshot.key, cause)
            pending.settle(snapshot, snapshot.base or Version(snapshot.key, "", 0))
            raise EditConflict(f"{snapshot.key} was changed by somebody else") from cause
        if staged.needs_base(Extent(0, staged.size)):
            self._keep_locally(pending, snapshot, staged, cause)
        name = f"{snapshot.key}.conflict-{self._host}-{stamp(self._clock.now_ns())}"
        self._uploads.drop(pending)
        with pending.lock:
            pending.conflict_of = snapshot.key
            pending.key, pending.base, pending.is_exclusive = name, None, False
            if pending.file_id is not None:
                self._journal.rename_file(pending.file_id, name)
        return snapshot._replace(key=name, base=None, is_exclusive=False)

    def saved(
        self, pending: PendingFile, copy: Snapshot, kind: type[EditConflict] = EditConflict
    ) -> NoReturn:
        """Say that the copy is in the bucket: raise EditConflict, or another `kind` of it."""
        with pending.lock:
            key, pending.conflict_of = pending.conflict_of, None
        log.error(
            "%s was changed by somebody else during an edit; the edit is saved as %s",
            key, copy.key,
        )  # fmt: skip
        raise kind(f"{key} was changed; the edit is saved as {copy.key}")

    def _keep_locally(
        self, pending: PendingFile, snapshot: Snapshot, staged: StagedFile, cause: OssfsError
    ) -> NoReturn:
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
