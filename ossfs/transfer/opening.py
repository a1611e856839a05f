"""
What is remembered of a multipart upload, and how it is begun or found again.

Threads: one `open_upload` at a time for one checkpoint.
"""

import logging
from collections.abc import Iterator, Mapping
from typing import Protocol

from ossfs.errors import NoSuchUpload
from ossfs.store.api import Headers, ObjectStore, Part

log = logging.getLogger(__name__)

CLOCK_TOLERANCE_NS = 120_000_000_000  # between this machine's clock and the store's


class Checkpoint(Protocol):
    """What is remembered of an upload; each method returns when its fact is safe."""

    @property
    def planned_ns(self) -> int | None:
        """When an upload was planned whose id is not known; None: none was."""
        ...

    @property
    def upload_id(self) -> str | None:
        """The upload's id; None: there is none, or it is not known."""
        ...

    @property
    def parts(self) -> Mapping[int, Part]:
        """Parts that the store has acknowledged to us, by number, whatever bytes they hold."""
        ...

    @property
    def held(self) -> Mapping[int, Part] | None:
        """What the store holds besides `parts`, as it said itself; None: it has to be asked."""
        ...

    @property
    def is_completing(self) -> bool:
        """Complete may have been sent for the current content."""
        ...

    def plan(self) -> None:
        """Remember that CreateUpload is about to be sent."""
        ...

    def started(self, upload_id: str) -> None:
        """Remember the upload's id."""
        ...

    def confirm(self, held: Mapping[int, Part]) -> None:
        """Remember, for this process, what the store says it holds."""
        ...

    def doubt(self) -> None:
        """Forget what the store holds: a request was not answered."""
        ...

    def part_done(self, upload_id: str, part: Part) -> None:
        """Remember a part the store has acknowledged, if that is still the upload."""
        ...

    def completing(self, crc64: int | None) -> None:
        """Remember that Complete is about to be sent, for an object of this CRC-64."""
        ...

    def gone(self) -> None:
        """Forget the upload: it does not exist any more."""
        ...


def open_upload(store: ObjectStore, checkpoint: Checkpoint, key: str, headers: Headers) -> str:
    """
    Return the id of the upload that `checkpoint` remembers, or of a new one.

    Behind it, `checkpoint.held` is what the store holds of it.
    """
    planned_ns = checkpoint.planned_ns
    if planned_ns is not None and (found := find_unanswered(store, key, planned_ns)):
        checkpoint.started(found)
    upload_id = checkpoint.upload_id
    if upload_id is not None and checkpoint.held is None:
        try:
            checkpoint.confirm(
                {part.number: part for part in list_all_parts(store, key, upload_id)}
            )
        except NoSuchUpload:
            log.warning("upload of %s is not known to the store any more", key)
            checkpoint.gone()
            upload_id = None
    if upload_id is None:
        checkpoint.plan()
        upload_id = store.create_upload(key, headers)
        checkpoint.started(upload_id)
        checkpoint.confirm({})
    return upload_id


def confirmed(known: Mapping[int, Part], held: Mapping[int, Part]) -> dict[int, Part]:
    """Return those of the acknowledged parts that the store still holds as they were."""
    return {
        number: part
        for number, part in known.items()
        if number in held and held[number].etag == part.etag
    }


def list_all_parts(store: ObjectStore, key: str, upload_id: str) -> Iterator[Part]:
    """Yield the parts that the store holds of an upload, page by page. NoSuchUpload."""
    after: int | None = 0
    while after is not None:
        page = store.list_parts(key, upload_id, after=after)
        yield from page.parts
        after = page.next_after


def find_unanswered(store: ObjectStore, key: str, planned_ns: int) -> str | None:
    """
    Return the id of an upload whose CreateUpload was sent but whose answer never came.

    Taken for ours: an upload of this key, begun since `planned_ns`, that has no part yet.
    """
    for upload in store.list_uploads(key).uploads:
        if upload.key != key or upload.initiated_ns < planned_ns - CLOCK_TOLERANCE_NS:
            continue
        if not store.list_parts(key, upload.upload_id).parts:
            return upload.upload_id
    return None
