"""
Bytes of an object on their way from one store to another, through here.

A store copies only what it has itself, by the credentials of who asks. Everything else is
fetched, a piece at a time, and sent on; a piece is in memory as long as it is on its way.

Threads: a `Relay` may be used by any thread; a piece belongs to the one that moves it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ossfs.errors import ChecksumMismatch
from ossfs.extents import Extent
from ossfs.store.api import BytesBody, Headers, ObjectInfo, ObjectStore, Part, Stored
from ossfs.store.bodies import WatchedBody
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
        """Send all of it by one request. The errors of `ObjectStore.get_into` and `put`."""
        body, meter, info = self._fetched(Extent(0, self.info.size))
        try:
            return store.put(key, body, headers_of(info), forbid_overwrite=forbid_overwrite)
        except BaseException:
            meter.began()
            raise

    def send(
        self, extent: Extent, store: ObjectStore, key: str, upload_id: str, number: int
    ) -> Part:
        """Send a piece as a part. The errors of `ObjectStore.get_into` and `upload_part`."""
        body, meter, _ = self._fetched(extent)
        try:
            return send_part(store, key, upload_id, number, body)
        except BaseException:
            meter.began()
            raise

    def _fetched(self, extent: Extent) -> tuple[WatchedBody, Meter, ObjectInfo]:
        """Return a piece, what counts it as it is sent, and what came with it."""
        try:
            view, info = self._received(extent)
        except ChecksumMismatch:  # of a whole object: nobody has its bytes yet
            view, info = self._received(extent)
        meter = Meter(self.progress, self.hooks.cancel, self.hooks.limiter)
        size = at_once(BLOCK_SIZE, self.hooks.limiter)
        return WatchedBody(BytesBody(view), meter.began, meter.passing, size), meter, info

    def _received(self, extent: Extent) -> tuple[memoryview, ObjectInfo]:
        view, at = memoryview(bytearray(extent.size)), 0

        def write(data: memoryview) -> None:
            nonlocal at
            self.hooks.cancel.check()
            if self.hooks.limiter is not None:
                self.hooks.limiter.take(len(data), self.hooks.cancel.pause)
            view[at : at + len(data)] = data
            at += len(data)

        info = self.source.get_into(
            self.info.key,
            write,
            None if extent.size == self.info.size else extent,
            if_match=self.info.etag,
            unmodified_since_ns=self.info.modified_ns,
            version_id=self.version_id,
            at_once=at_once(BLOCK_SIZE, self.hooks.limiter),
        )
        return view, info
