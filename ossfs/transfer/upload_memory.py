"""
The checkpoint of one upload or copy: found, believed or not, and dropped.

What an earlier run has left is gone on with if it is about the same source, key, bucket and
headers. Otherwise it is thrown away, and the upload that it names is aborted at the store:
nobody else would ever do that.

Threads: belongs to the thread that runs the upload.
"""

import contextlib
import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ossfs.errors import StoreError
from ossfs.store.api import ObjectStore
from ossfs.store.interrupts import serving
from ossfs.transfer.checkpoints import CheckpointFile, Loaded, Unusable
from ossfs.transfer.copy import TransientCheckpoint
from ossfs.transfer.events import TransferEventType as Type
from ossfs.transfer.finding import Found
from ossfs.transfer.locking import TransferLock
from ossfs.transfer.plans import CopyPlan, UploadPlan, as_record, check_parts, earlier
from ossfs.transfer.remembering import RecordedUpload
from ossfs.transfer.telling import Teller

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Remembered:
    """The facts of an upload, the size of its parts, and its file if it has one."""

    checkpoint: TransientCheckpoint
    part_size: int
    file: CheckpointFile | None = None

    @property
    def is_kept(self) -> bool:
        """A later run will find it."""
        return self.file is not None

    def forget(self) -> None:
        """Delete the file: there is nothing left to do."""
        if self.file is not None:
            self.file.delete()


class UploadMemory:
    """
    What is remembered of an upload or copy to `key`.

    `plan` returns what would be written down for parts of a size, `path` where; `find`
    looks for an upload at the store when nothing is remembered.
    """

    def __init__(
        self,
        store: ObjectStore,
        key: str,
        *,
        plan: Callable[[int], UploadPlan | CopyPlan],
        path: Callable[[], Path],
        find: Callable[[], Found | None],
        teller: Teller,
    ) -> None:
        self._store = store
        self._key = key
        self._plan = plan
        self._path = path
        self._find = find
        self._teller = teller

    @contextlib.contextmanager
    def opened(self, part_size: int, *, is_kept: bool) -> Iterator[Remembered]:
        """
        Give what an earlier run left, or a new beginning in parts of `part_size`.

        TransferInUse: another one runs. Unless it `is_kept`, nothing is on disk.
        """
        if not is_kept:
            yield Remembered(TransientCheckpoint(), part_size)
            return
        path = self._path()
        with _locked(path):
            file = CheckpointFile(path)
            self._teller.knows(checkpoint=str(path))
            try:
                yield self._recalled(file) or self._begun(file, part_size)
            finally:
                file.close()

    def drop(self) -> None:
        """Throw away what an earlier run left, if it left something."""
        path = self._path()
        if not path.exists():
            return
        with _locked(path):
            file = CheckpointFile(path)
            try:
                loaded = file.load()
            except Unusable as error:
                loaded = error.legible
            if loaded is not None:
                self._abort_earlier(loaded)
            file.delete()

    def abandon(self, remembered: Remembered) -> None:
        """Leave nothing behind, as far as the store can be reached."""
        upload_id = remembered.checkpoint.upload_id
        if upload_id is not None:
            with contextlib.suppress(StoreError), serving(None):
                self._store.abort_upload(self._key, upload_id)
        remembered.forget()

    def _recalled(self, file: CheckpointFile) -> Remembered | None:
        """Return what an earlier run left; None: nothing that could be gone on with."""
        loaded = None
        try:
            loaded = file.load()
            if loaded is None:
                return None
            then = earlier(self._plan(1), loaded.plan)
            check_parts(then.part_size, then.size, self._store.limits)
            return Remembered(RecordedUpload(file, loaded.facts), then.part_size, file)
        except Unusable as error:
            loaded = loaded or error.legible
            _log.info("the checkpoint of %s cannot be used: %s", self._key, error)
            self._teller.tell(Type.RESTARTED, error=error)
        if loaded is not None:
            self._abort_earlier(loaded)
        return None

    def _begun(self, file: CheckpointFile, part_size: int) -> Remembered:
        found = self._find()
        part_size = found.part_size if found else part_size
        file.begin(as_record(self._plan(part_size)))
        checkpoint = RecordedUpload(file)
        if found is not None:
            _log.info("upload %s of %s was found at the store", found.upload_id, self._key)
            checkpoint.started(found.upload_id)
        return Remembered(checkpoint, part_size, file)

    def _abort_earlier(self, loaded: Loaded) -> None:
        """Free what the store holds of an upload that is not gone on with."""
        place, key = loaded.plan.get("place"), loaded.plan.get("key")
        if (place, key) != (self._store.place, self._key):
            return
        ids = [fact["upload"] for fact in loaded.facts if isinstance(fact.get("upload"), str)]
        with contextlib.suppress(StoreError):
            if ids:
                self._store.abort_upload(self._key, ids[-1])


def digest_of(headers: Mapping[str, str], *, sequential: bool = False) -> str:
    """Return a digest of what an upload is begun with."""
    named = {name.lower(): value for name, value in headers.items()}
    said = json.dumps([named, sequential], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = TransferLock(path.with_name(f"{path.name}.lock"))
    try:
        yield
    finally:
        lock.release()
