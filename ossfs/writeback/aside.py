"""
The bytes of versions that are replaced or deleted here while somebody still reads them.

POSIX lets an open file live on when its name is given to another one. The bucket does
not: whoever reads a version that is gone gets ESTALE. So, before the request that ends a
version, the bytes that are only there are brought here, into the file's staging, or, when
they are many, copied inside the store to a hidden key. The journal knows of that copy
before it is made, so that the last close or the next mount deletes it.

Threads: every method from any thread. Nothing here takes part in a commit: who calls has
excluded those of this file.
"""

import contextlib
import secrets

from ossfs.errors import NoSuchKey, NoSuchUpload, ObjectArchived, PreconditionFailed, StagingFull
from ossfs.extents import Extent
from ossfs.journal.journal import Journal
from ossfs.journal.records import DeletionRecord, Version
from ossfs.store.api import ObjectStore
from ossfs.writeback.moves import Mover
from ossfs.writeback.pending import PendingFile
from ossfs.writeback.staging import Source, StagingArea
from ossfs.writeback.values import Room

FETCHED = 8 << 20  # bytes that are fetched by one GET; from more on, the store copies
PREFIX = ".ossfs_hidden-"
GONE = (NoSuchKey, PreconditionFailed, ObjectArchived)  # nobody can read it as it is


class Aside:
    """Keeps the bytes of open files reachable."""

    def __init__(
        self,
        *,
        store: ObjectStore,
        area: StagingArea,
        journal: Journal,
        mover: Mover,
        room: Room,
    ) -> None:
        self._store = store
        self._room = room
        self._area = area
        self._journal = journal
        self._mover = mover

    def fetch(self, pending: PendingFile) -> bool:
        """
        Bring the bytes that are only in the bucket here; False: they are too many.

        The errors of `ObjectStore.get`, but for a version that is gone already, or archived:
        then there is nothing to keep.
        """
        with pending.lock:
            base, missing = pending.base, _missing_locked(pending)
        if base is None or not missing:
            return True
        wanted = Extent(missing[0].start, missing[-1].stop)
        if wanted.size > FETCHED:
            return False
        with self._room.lent(wanted.size):
            return self._bring(pending, base, wanted)

    def _bring(self, pending: PendingFile, base: Version, wanted: Extent) -> bool:
        is_whole = wanted == Extent(0, base.size)  # then the store checks its CRC
        try:
            fetched = self._store.get(base.key, None if is_whole else wanted, if_match=base.etag)
        except GONE:
            return True
        try:
            self._fill(pending, base, wanted, memoryview(fetched.data))
        except StagingFull:
            return False
        return True

    def _fill(self, pending: PendingFile, base: Version, wanted: Extent, data: memoryview) -> None:
        with pending.lock:
            if pending.base != base:
                return  # emptied meanwhile: nothing of it is left to be read
            if pending.staged is None:
                # Not in the journal: bytes that nobody changed need not survive a crash.
                pending.staged = self._area.create(self._area.new_name(), base_limit=base.size)
            for extent in _missing_locked(pending):
                gap = extent.clip(wanted)
                if gap.size:
                    view = data[gap.start - wanted.start : gap.stop - wanted.start]
                    pending.staged.fill(gap, view)

    def reserve(self, directory: str) -> DeletionRecord:
        """Return a hidden key in a directory, which the journal will have deleted."""
        key = f"{directory}{PREFIX}{secrets.token_hex(8)}"
        return DeletionRecord(self._journal.begin_deletion(key, ""), key, "")

    def copy(self, pending: PendingFile, reserved: DeletionRecord) -> Version | None:
        """
        Copy the file's version to a reserved key, and have it read from there.

        Returns the version that it was; None: it is gone, or nothing of it is needed. Any
        StoreError: the file is as it was, but perhaps something is at the reserved key.
        """
        with pending.lock:
            base = pending.base
        if base is None:
            return None
        try:
            copied = self._mover.copy(base, reserved.key)
        except GONE:
            return None
        return base if move_base(pending, base, copied) else None


def move_base(pending: PendingFile, old: Version, new: Version) -> bool:
    """Have a file's bytes read from another object; False: it is not based on `old`."""
    with pending.lock:
        if pending.base != old:
            return False
        pending.base = new
        return True


def _missing_locked(pending: PendingFile) -> list[Extent]:
    """Return the ranges whose bytes are only in the bucket."""
    if pending.staged is not None:
        whole = Extent(0, pending.staged.size)
        return [run.extent for run in pending.staged.runs(whole) if run.source is Source.BASE]
    if pending.base is None or not pending.base.size:
        return []
    return [Extent(0, pending.base.size)]


def delete_version(record: DeletionRecord, store: ObjectStore) -> bool:
    """
    Delete the version that a deletion is about, and nothing else. StoreError.

    An empty etag names a key that is ours alone: whatever is there goes, uploads included.
    Returns whether nothing is there now; otherwise it is somebody else's.
    """
    if record.etag:
        try:
            if store.head(record.key).etag != record.etag:
                return False
        except NoSuchKey:  # somebody else was faster
            return True
        store.delete(record.key)
        return True
    for upload in store.list_uploads(record.key).uploads:
        with contextlib.suppress(NoSuchUpload):
            store.abort_upload(upload.key, upload.upload_id)
    store.delete(record.key)
    return True
