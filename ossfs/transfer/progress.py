"""
How far a transfer is, counted as its bytes pass.

`Progress` counts for the whole, a `Meter` for one part: it is asked before each piece, and
there waits for the rate limit and ends the request when the transfer is cancelled. A part
that begins anew gives back what it had counted; what is told never goes back.

Threads: any; a `Meter` belongs to the thread that moves its part.
"""

import threading

from ossfs.transfer.cancel import Cancel
from ossfs.transfer.events import (
    DataCallback,
    DataEvent,
    DataEventType,
    Listener,
    ProgressCallback,
)
from ossfs.transfer.limiter import RateLimiter


class Progress:
    """Bytes that are where they belong, of `total` (None: nobody knows)."""

    def __init__(
        self,
        total: int | None,
        *,
        progress: ProgressCallback | None = None,
        on_data: DataCallback | None = None,
    ) -> None:
        self.total = total
        self._lock = threading.Lock()  # guards what follows, and the order of what is told
        self._consumed = 0
        self._told = -1
        self._progress = Listener(progress, self._lock)
        self._on_data = Listener(on_data, self._lock)

    @property
    def consumed(self) -> int:
        """Bytes that are where they belong."""
        return self._consumed

    def started(self, done: int = 0) -> None:
        """Say that it begins, `done` bytes being there from earlier runs."""
        with self._lock:
            self._consumed = done
            self._tell_locked(DataEventType.STARTED)

    def moved(self, count: int) -> None:
        """Count bytes (fewer than 0: they have to be moved again) and say so."""
        with self._lock:
            self._consumed += count
            if count > 0:
                self._tell_locked(DataEventType.MOVED, count)

    def there(self, count: int) -> None:
        """Count bytes that were found to be where they belong, and say so."""
        with self._lock:
            self._consumed += count
            self._tell_progress_locked()

    def restarted(self) -> None:
        """Count from 0 again."""
        with self._lock:
            self._consumed = 0

    def succeeded(self) -> None:
        """Say that all of it is done."""
        with self._lock:
            if self.total is not None:
                self._consumed = self.total
            self._tell_locked(DataEventType.SUCCEEDED)

    def failed(self, error: BaseException) -> None:
        """Say why no more will come."""
        with self._lock:
            consumed = max(self._consumed, 0)
            self._on_data.call_locked(
                DataEvent(DataEventType.FAILED, consumed, self.total, error=error)
            )

    def _tell_locked(self, kind: DataEventType, moved: int = 0) -> None:
        consumed = max(self._told, self._consumed)
        self._on_data.call_locked(DataEvent(kind, consumed, self.total, moved))
        self._tell_progress_locked()

    def _tell_progress_locked(self) -> None:
        if self._consumed > self._told:
            self._told = self._consumed
            self._progress.call_locked(self._told, self.total)


class Meter:
    """Counts the bytes of one part, as `WatchedBody` and writers tell them."""

    def __init__(self, progress: Progress, cancel: Cancel, limiter: RateLimiter | None) -> None:
        self._progress = progress
        self._cancel = cancel
        self._limiter = limiter
        self._count = 0

    def began(self) -> None:
        """Give back what was counted: the part begins anew."""
        if self._count:
            self._progress.moved(-self._count)
            self._count = 0

    def passing(self, count: int) -> None:
        """Wait until `count` bytes may pass, and count them. TransferCancelled."""
        self._cancel.check()
        if self._limiter is not None:
            self._limiter.take(count, self._cancel.pause)
        self._count += count
        self._progress.moved(count)


def at_once(block_size: int, limiter: RateLimiter | None) -> int:
    """Return how many bytes may pass in one piece."""
    return block_size if limiter is None else min(block_size, limiter.capacity)
