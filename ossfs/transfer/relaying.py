"""
Bytes of an object on their way from one store to another, through here.

A store copies only what it has itself, by the credentials of who asks. Everything else is
fetched, a piece at a time, and sent on; a piece is in memory as long as it is on its way.

Threads: a `Relay` may be used by any thread; a piece belongs to the one that moves it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ossfs.extents import Extent
from ossfs.store.api import BytesBody, Headers, ObjectInfo, ObjectStore, Part, Stored
from ossfs.store.bodies import WatchedBody
from ossfs.transfer.arriving import IntoMemory, fetch
from ossfs.transfer.options import BLOCK_SIZE, Hooks
from ossfs.transfer.pieces import send_part
from ossfs.transfer.progress import Meter, Progress, at_once


def is_elsewhere(store: ObjectStore, source: ObjectStore) -> bool:
    """Say whether a bucket is of another store, or reached at another endpoint, than `store`."""
    return _store_of(store.place) != _store_of(source.place)


def _store_of(place: str) -> tuple[str, str]:
    return place.partition("://")[0], place.partition(" at ")[2]


@dataclass(frozen=True, slots=True)
class Relay:
    """The bytes of one version of an object, `version_id` or the newest, as `info` has it."""

    source: ObjectStore
    info: ObjectInfo
    version_id: str | None
    hooks: Hooks
    """Their limiter lets each byte pass twice: as it comes, and as it goes."""
    progress: Progress
    """Counts what goes."""

    def put(
        self,
        store: ObjectStore,
        key: str,
        headers_of: Callable[[ObjectInfo], Headers],
        *,
        forbid_overwrite: bool,
    ) -> Stored:
        """Send all of it by one request. The errors of `ObjectStore.get` and `put`."""
        with self._passing(Extent(0, self.info.size)) as (body, info):
            return store.put(key, body, headers_of(info), forbid_overwrite=forbid_overwrite)

    def send(
        self, extent: Extent, store: ObjectStore, key: str, upload_id: str, number: int
    ) -> Part:
        """Send a piece as a part. The errors of `ObjectStore.get` and `upload_part`."""
        with self._passing(extent) as (body, _):
            return send_part(store, key, upload_id, number, body)

    @contextmanager
    def _passing(self, extent: Extent) -> Iterator[tuple[WatchedBody, ObjectInfo]]:
        """Fetch a piece; give it, to be counted as it is sent, and what was said of it."""
        size = at_once(BLOCK_SIZE, self.hooks.limiter)
        piece = IntoMemory(extent, self._meter(Progress(None)), size)
        info = fetch(self.source, self.info, self.version_id, piece)
        meter = self._meter(self.progress)
        try:
            yield WatchedBody(BytesBody(piece.data), meter.began, meter.passing, size), info
        except BaseException:
            meter.began()
            raise

    def _meter(self, progress: Progress) -> Meter:
        return Meter(progress, self.hooks.cancel, self.hooks.limiter)
