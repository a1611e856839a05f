"""
Stopping a transfer from another thread, a callback, or a signal handler.

A `Cancel` is given to one or more transfers. They look at it before each piece of at most
some 100 KiB, while they wait for a rate limit, for each other, or between attempts; and the
connections on which requests wait for a store that does not answer are shut down.

Threads: every method may be called from any thread. `cancel` takes no lock, so that a
signal handler may call it whatever the interrupted thread holds.
"""

import contextlib
import threading
import time
from socket import SHUT_RDWR, socket

from ossfs.errors import TransferCancelled

LOOK_EVERY_S = 0.05
"""Longest wait between two looks."""


class Cancel:
    """
    Whether somebody wants a transfer to stop, and what shall be left of it.

    With `parent`, also when that is cancelled: each transfer has such a one of its own, to
    stop its threads when it is interrupted itself, as by Ctrl-C.
    """

    def __init__(self, parent: "Cancel | None" = None) -> None:
        self._parent = parent
        self._is_abort: bool | None = None  # one attribute: it is set in one step
        self._connections: dict[int, socket] = {}  # of each thread; every step on it is one

    def __repr__(self) -> str:
        state = {None: "not cancelled", False: "stop and keep", True: "abort"}[self._is_abort]
        return f"<Cancel: {state}>"

    def cancel(self, *, abort: bool = False) -> None:
        """
        Stop the transfers that look here, within a second.

        What they have done is kept, so that they go on later; with `abort` it is thrown
        away: the multipart upload, the checkpoint, the temporary file. A second call may
        turn keeping into aborting, not the other way round.
        """
        self._is_abort = abort or bool(self._is_abort)
        for connection in list(self._connections.values()):
            with contextlib.suppress(OSError):  # it has ended by itself
                connection.shutdown(SHUT_RDWR)

    def holds(self, connection: socket | None) -> None:
        """Hear which connection this thread's request is on; see `ossfs.store.interrupts`."""
        if self._parent is not None:
            self._parent.holds(connection)
        if connection is None:
            self._connections.pop(threading.get_ident(), None)
        else:
            self._connections[threading.get_ident()] = connection

    @property
    def is_cancelled(self) -> bool:
        """Somebody called `cancel`."""
        is_parent = self._parent is not None and self._parent.is_cancelled
        return is_parent or self._is_abort is not None

    @property
    def is_abort(self) -> bool:
        """Nothing shall be left."""
        is_parent = self._parent is not None and self._parent.is_abort
        return is_parent or bool(self._is_abort)

    def check(self) -> None:
        """Raise TransferCancelled if somebody called `cancel`."""
        if self.is_cancelled:
            raise TransferCancelled("aborted" if self.is_abort else "cancelled, and kept")

    def raised(self) -> bool:
        """Do `check`, for those who ask, and would raise an error of their own."""
        self.check()
        return False

    def pause(self, seconds: float) -> None:
        """Wait, looking all the while. TransferCancelled."""
        until = time.monotonic() + seconds
        while True:
            self.check()
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, LOOK_EVERY_S))
