"""
What a transfer tells while it runs: how many bytes have moved, and which steps were made.

`DataEvent`s are about bytes, `TransferEvent`s about requests and files. They go to functions
of the user's, which may be slow and may fail: what they raise is logged, once for each
function, and changes nothing about the transfer. To stop one, call `Cancel.cancel`.

Threads: events of one transfer come one after the other, from whichever thread has done
what they tell.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

_log = logging.getLogger(__name__)


class DataEventType(Enum):
    """What has happened to the bytes."""

    STARTED = "started"
    MOVED = "moved"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DataEvent:
    """Bytes have moved, or have begun or ceased to."""

    type: DataEventType
    consumed: int
    """Bytes of the whole that are where they belong, those of earlier runs included."""
    total: int | None
    """None: nobody knows beforehand."""
    moved: int = 0
    """Bytes that this event is about."""
    error: BaseException | None = None


class TransferEventType(Enum):
    """Which step was made, or was not."""

    CREATED = "created"
    """The multipart upload, or the temporary file of a download, is there."""
    CREATE_FAILED = "create failed"
    PART_DONE = "part done"
    PART_FAILED = "part failed"
    """It was given up after repetitions; a later run may succeed."""
    PART_ABORTED = "part aborted"
    """The store refuses it for good, or the transfer was cancelled."""
    COMPLETED = "completed"
    """The parts are the object."""
    COMPLETE_FAILED = "complete failed"
    RENAMED = "renamed"
    """The temporary file has become the target."""
    RENAME_FAILED = "rename failed"
    RESTARTED = "restarted"
    """What an earlier run had left could not be used; `error` says why."""


@dataclass(frozen=True, slots=True)
class PartEvent:
    """A part of an upload, copy or download."""

    number: int
    offset: int
    size: int
    etag: str = ""
    """Empty for downloads."""
    crc64: int | None = None


@dataclass(frozen=True, slots=True)
class TransferEvent:
    """A step of a transfer."""

    type: TransferEventType
    operation: str
    """upload, download or copy."""
    bucket: str
    key: str
    path: str = ""
    """The local file; of a copy, the source."""
    upload_id: str = ""
    checkpoint: str = ""
    """The file that remembers the transfer; empty: none does."""
    temp_path: str = ""
    part: PartEvent | None = None
    error: BaseException | None = None


ProgressCallback = Callable[[int, int | None], object]
"""Called with the bytes that are where they belong, and with those there will be in all."""
DataCallback = Callable[[DataEvent], object]
EventCallback = Callable[[TransferEvent], object]


class Listener:
    """A function of the user's, which is called by one thread at a time and may fail."""

    def __init__(self, function: Callable[..., object] | None, lock: threading.Lock) -> None:
        self._function = function
        self._lock = lock
        self._has_failed = False

    def __call__(self, *arguments: Any) -> None:
        """Call it, if there is one."""
        if self._function is None:
            return
        with self._lock:
            self.call_locked(*arguments)

    def call_locked(self, *arguments: Any) -> None:
        """Call it, with the lock held."""
        if self._function is None:
            return
        try:
            self._function(*arguments)
        except Exception:  # noqa: BLE001  # whatever the user's function raises
            if not self._has_failed:
                self._has_failed = True
                _log.warning(
                    "a callback failed, and the transfer goes on: %r", self._function, exc_info=True
                )

    def __bool__(self) -> bool:
        return self._function is not None
