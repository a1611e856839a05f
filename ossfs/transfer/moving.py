"""
What transfers of streams and single objects share: they are counted, limited and stopped.

Threads: a `Moving` belongs to one transfer; its bodies and meters to the threads that move
its parts.
"""

import contextlib
from collections.abc import Iterator

from ossfs.errors import TransferError
from ossfs.store.api import Body, ObjectStore
from ossfs.store.bodies import WatchedBody
from ossfs.store.interrupts import serving
from ossfs.transfer.options import BLOCK_SIZE, Hooks
from ossfs.transfer.progress import Meter, Progress, at_once


class Moving:
    """One transfer to be counted, limited and stopped."""

    def __init__(self, bucket: ObjectStore, key: str, total: int | None, hooks: Hooks) -> None:
        self.hooks = hooks.own()
        self.progress = Progress(total, progress=hooks.progress, on_data=hooks.on_data)
        self._where = bucket.name, key

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Say how it begins and ends."""
        self.progress.started()
        try:
            self.hooks.cancel.check()
            yield
        except BaseException as error:
            if isinstance(error, TransferError):
                error.bucket, error.key = self._where
            self.progress.failed(error)
            raise
        self.progress.succeeded()

    @contextlib.contextmanager
    def done_here(self) -> Iterator[None]:
        """Do the same for what is done in this thread, whose requests end when it is stopped."""
        with self.told(), serving(self.hooks.cancel):
            yield

    def meter(self) -> Meter:
        """Return what counts one part."""
        return Meter(self.progress, self.hooks.cancel, self.hooks.limiter)

    def watched(self, body: Body) -> WatchedBody:
        """Return a body that is counted as it leaves."""
        meter = self.meter()
        size = at_once(BLOCK_SIZE, self.hooks.limiter)
        return WatchedBody(body, meter.began, meter.passing, size)
