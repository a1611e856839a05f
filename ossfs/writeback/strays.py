"""
Multipart uploads at the store that nobody needs, and what is to be done about them.

A store keeps the parts of an upload, and charges for them, until somebody completes or
aborts it. An upload in a journal of ours is needed: a file or a rename goes on with it. One
in the journal's list of aborts is ours, and not needed. Any other is foreign: of another
program, machine or user, which may be at work on it.

Threads: functions; they block for requests.
"""

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import NamedTuple

from ossfs.errors import NoSuchUpload
from ossfs.journal.records import Ledger
from ossfs.store.api import ObjectStore, PendingUpload
from ossfs.transfer.opening import CLOCK_TOLERANCE_NS, list_all_parts


class Owner(Enum):
    """Whose an upload is."""

    NEEDED = "needed"
    """A file or a rename of ours goes on with it: never aborted here."""
    OURS = "ours"
    """It was ours, and nothing needs it any more."""
    FOREIGN = "foreign"
    """No journal knows it."""


class Stray(NamedTuple):
    """An upload at the store."""

    key: str
    upload_id: str
    initiated_ns: int
    owner: Owner


class Claims:
    """What the journals of this user say about uploads of one bucket."""

    def __init__(self) -> None:
        self._needed: set[str] = set()
        self._ours: set[str] = set()
        self._planned: list[tuple[str, int]] = []

    def add(self, ledger: Ledger) -> None:
        """Take a journal into account."""
        for file in ledger.files:
            if file.upload is not None:
                self._claim(file.upload.key, file.upload.planned_ns, file.upload.upload_id)
        for move in ledger.moves:
            if move.upload is not None:
                self._claim(move.upload.key, move.upload.planned_ns, move.upload.upload_id)
        self._ours.update(one.upload_id for one in ledger.aborts if one.upload_id is not None)

    def _claim(self, key: str, planned_ns: int, upload_id: str | None) -> None:
        if upload_id is None:  # its answer never came, or is on its way
            self._planned.append((key, planned_ns))
        else:
            self._needed.add(upload_id)

    def owner(self, upload: PendingUpload) -> Owner:
        """Say whose an upload is."""
        if upload.upload_id in self._needed or any(
            key == upload.key and upload.initiated_ns >= planned_ns - CLOCK_TOLERANCE_NS
            for key, planned_ns in self._planned
        ):
            return Owner.NEEDED
        return Owner.OURS if upload.upload_id in self._ours else Owner.FOREIGN


def uploads_of(store: ObjectStore, prefix: str) -> Iterator[PendingUpload]:
    """Yield every upload of keys that begin with `prefix`; a request per 1000."""
    marker: tuple[str, str] | None = None
    while True:
        page = store.list_uploads(prefix, marker=marker)
        yield from page.uploads
        if page.next_marker is None:
            return
        marker = page.next_marker


def older_than(
    uploads: Iterable[PendingUpload], claims: Claims, *, before_ns: int
) -> Iterator[Stray]:
    """Yield the uploads that were begun before `before_ns`."""
    for one in uploads:
        if one.initiated_ns < before_ns:
            yield Stray(one.key, one.upload_id, one.initiated_ns, claims.owner(one))


def held_by(store: ObjectStore, stray: Stray) -> int:
    """Return how many bytes the store holds for an upload; 0 when it is gone."""
    try:
        return sum(part.size for part in list_all_parts(store, stray.key, stray.upload_id))
    except NoSuchUpload:
        return 0
