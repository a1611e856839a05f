"""
Copying one object inside the bucket, whatever its size, without its bytes coming here.

Threads: `copy_object` blocks in the caller; the parts of a large copy are made by the
workers.
"""

from collections.abc import Mapping

from ossfs.store.api import Headers, ObjectStore, Part, Stored
from ossfs.transfer.opening import confirmed
from ossfs.transfer.parts import PartPlan
from ossfs.transfer.pieces import CopiedPiece
from ossfs.transfer.upload import MultipartUpload
from ossfs.transfer.workers import Workers

COPY_PART_SIZE = 64 << 20  # first parts of a large copy: no bytes are kept here, so large ones


class TransientCheckpoint:
    """A checkpoint that ends with the process: a copy that is interrupted starts again."""

    def __init__(self) -> None:
        self.planned_ns: int | None = None
        self.upload_id: str | None = None
        self.is_completing = False
        self._parts: dict[int, Part] = {}
        self._held: Mapping[int, Part] | None = None

    @property
    def parts(self) -> Mapping[int, Part]:
        """Acknowledged parts, by number."""
        return self._parts

    @property
    def held(self) -> Mapping[int, Part] | None:
        """What the store was seen to hold; None: it was not asked."""
        return self._held

    def confirm(self, held: Mapping[int, Part]) -> None:
        """Remember what the store holds; facts that it does not confirm are none."""
        self._held = held
        self._parts = confirmed(self._parts, held)

    def doubt(self) -> None:
        """Forget what the store holds."""
        self._held = None

    def plan(self) -> None:
        """Nothing to remember: the id will be."""

    def started(self, upload_id: str) -> None:
        """Remember the upload's id."""
        self.planned_ns, self.upload_id = None, upload_id

    def part_done(self, upload_id: str, part: Part) -> None:
        """Remember a part; a dict takes it from any thread."""
        if upload_id == self.upload_id:
            self._parts[part.number] = part

    def completing(self, crc64: int | None) -> None:  # noqa: ARG002 - part of the protocol
        """Remember that Complete is about to be sent."""
        self.is_completing = True

    def gone(self) -> None:
        """Forget the upload."""
        self.planned_ns, self.upload_id, self.is_completing, self._held = None, None, False, None
        self._parts.clear()


def copy_object(
    source: str,
    target: str,
    *,
    size: int,
    etag: str,
    headers: Headers | None,
    storage_class: str = "",
    store: ObjectStore,
    workers: Workers,
    checkpoint: TransientCheckpoint | None = None,
) -> Stored:
    """
    Copy the version `etag` of `source` (`size` bytes) to `target`.

    With `headers`, they go with the copy; without, the source's do, and `storage_class` says
    which class it had, as far as the caller knows. A fresh `checkpoint`
    lets the caller know of the upload that a large copy needs. NoSuchKey;
    PreconditionFailed: the source is another version now; any StoreError: the target is
    unchanged, and no upload is left behind as far as the store can be reached.
    """
    if size <= store.limits.max_copy:
        return store.copy(
            source, target, if_match=etag, headers=headers, storage_class=storage_class
        )
    if headers is None:
        headers = store.head(source).headers
    plan = PartPlan(max(COPY_PART_SIZE, store.limits.min_part), store.limits)
    checkpoint = TransientCheckpoint() if checkpoint is None else checkpoint
    upload = MultipartUpload(
        store=store,
        workers=workers,
        key=target,
        headers=headers,
        pieces=[CopiedPiece(s.number, s.extent, source, etag) for s in plan.slots(size)],
        checkpoint=checkpoint,
    )
    try:
        return upload.run()
    except BaseException:
        if checkpoint.upload_id is not None and not checkpoint.is_completing:
            store.abort_upload(target, checkpoint.upload_id)
        raise
