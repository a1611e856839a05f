"""
Where the bytes of the object to be made come from: the local disk, or the version edited.

Threads: every method from any thread; a file's bytes are not changed meanwhile.
"""

from collections.abc import Callable, Iterable, Iterator

from ossfs.extents import Extent
from ossfs.journal.records import Version
from ossfs.store.api import FileBody, ObjectStore
from ossfs.transfer.parts import PartPlan, Slot
from ossfs.transfer.pieces import CopiedPiece, Piece, SentPiece
from ossfs.writeback.pending import PendingFile
from ossfs.writeback.staging import Source, StagedFile
from ossfs.writeback.values import Room, Snapshot

FILL_SIZE = 8 << 20  # bytes of the base fetched by one request


class Contents:
    """The bytes of snapshots."""

    def __init__(self, store: ObjectStore, room: Room) -> None:
        self._store = store
        self._room = room

    def pieces(
        self, pending: PendingFile, snapshot: Snapshot, staged: StagedFile, plan: PartPlan
    ) -> Iterator[Piece]:
        """Yield what the parts are made from: bytes from here, or ranges of the base."""
        base, limits = snapshot.base, self._store.limits

        def is_base(extent: Extent) -> bool:
            return base is not None and staged.is_base(extent)

        for slot, is_copy in joined(plan.slots(staged.size), is_base, limits.max_copy):
            fits = limits.min_part <= slot.extent.size <= limits.max_copy
            if base is not None and is_copy and fits:
                yield CopiedPiece(slot.number, slot.extent, base.key, base.etag)
            else:
                yield self._sent(pending, snapshot, staged, slot)

    def _sent(
        self, pending: PendingFile, snapshot: Snapshot, staged: StagedFile, slot: Slot
    ) -> SentPiece:
        def open_body() -> FileBody:
            self.fill(pending, snapshot, staged, slot.extent)
            return FileBody(staged.fd, slot.extent)

        return SentPiece(slot.number, slot.extent, open_body)

    def fill(
        self, pending: PendingFile, snapshot: Snapshot, staged: StagedFile, extent: Extent
    ) -> bool:
        """
        Fetch the bytes of `extent` that are only in the base; False: there were none.

        For all of a small file, a small base is fetched whole: then the store's checksum is
        that of what came.
        PreconditionFailed.
        """
        with pending.lock:
            runs = [run.extent for run in staged.runs(extent) if run.source is Source.BASE]
        if not runs:
            return False
        base = snapshot.base
        assert base is not None  # noqa: S101 - only a base shows through
        if extent.size == staged.size and base.size <= FILL_SIZE:
            self._fetch(pending, base, staged, None)
            return True
        for run in runs:
            for start in range(run.start, run.stop, FILL_SIZE):
                wanted = Extent(start, min(start + FILL_SIZE, run.stop))
                self._fetch(pending, base, staged, wanted)
        return True

    def _fetch(
        self, pending: PendingFile, base: Version, staged: StagedFile, wanted: Extent | None
    ) -> None:
        """Bring bytes of the base to the local disk; None: all of them."""
        size = base.size if wanted is None else wanted.size
        with self._room.lent(size):
            fetched = self._store.get(base.key, wanted, if_match=base.etag)
            with pending.lock:
                staged.fill(wanted or Extent(0, staged.base_limit), fetched.data)

    def copies(self, snapshot: Snapshot, plan: PartPlan) -> Iterator[Piece]:
        """Yield what the parts of the base itself are made from."""
        base = snapshot.base
        if base is None:
            return
        for slot, _ in joined(plan.slots(base.size), lambda _: True, self._store.limits.max_copy):
            yield CopiedPiece(slot.number, slot.extent, base.key, base.etag)


def joined(
    slots: Iterable[Slot], is_base: Callable[[Extent], bool], max_copy: int
) -> Iterator[tuple[Slot, bool]]:
    """
    Yield the parts of an object, and whether each is the base's.

    Neighbours that are the base's are joined, up to the largest copy, under the number of
    the first of them: so numbers still follow from offsets alone.
    """
    joined: Slot | None = None
    for slot in slots:
        if not is_base(slot.extent):
            if joined is not None:
                yield joined, True
            joined = None
            yield slot, False
        elif joined is not None and slot.extent.stop - joined.extent.start <= max_copy:
            joined = Slot(joined.number, Extent(joined.extent.start, slot.extent.stop))
        else:
            if joined is not None:
                yield joined, True
            joined = slot
    if joined is not None:
        yield joined, True
