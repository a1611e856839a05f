"""
One mount from FUSE's start to its end, and the signals in between.

FUSE runs in a thread of its own; the main thread waits for signals, which Python can
only handle there. The first SIGTERM, SIGINT or SIGHUP uploads what is pending, then
unmounts; the second unmounts at once (nothing is lost: the next mount goes on).

Threads: main (signals), `fuse` (blocked in FUSE), `stop` (after a signal), `hurry` (ends
the process in time when nobody waits for uploads any more).
"""

import logging
import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from ossfs.cli import mountpoint as kernel
from ossfs.cli.handlers import HasUploads
from ossfs.errors import MountFailed

logger = logging.getLogger("ossfs.cli")

POLL_S = 0.2
LAST_STEPS_S = 3.0  # for requests under way once nobody waits for the uploads any more


class Mount(HasUploads, Protocol):
    """What `ossfs.assembly.open_mount` returns, as far as this process uses it."""

    def serve(self, mountpoint: str, on_ready: Callable[[], None]) -> None:
        """Block until unmounted; call `on_ready` from another thread when it answers."""
        ...

    def status(self) -> Sequence[Any]:
        """Return what is not in the bucket yet: dataclasses."""
        ...

    def counters(self) -> Mapping[str, Any]:
        """Return what was read and asked, and what is held, as plain values."""
        ...

    def metrics(self) -> str:
        """Return what is counted of requests, in the text format of Prometheus."""
        ...

    def drain(self, deadline_s: float | None) -> bool:
        """Upload what is promised; False: not all of it was done in time."""
        ...

    def close(self) -> None:
        """Release everything."""
        ...


class Session:
    """One mount from FUSE's start to its end, and the signals in between."""

    SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    ENDED = b"\0"  # no signal has this number

    def __init__(
        self, mount: Mount, mountpoint: Path, announce: Callable[[], None], *, deadline_s: float
    ) -> None:
        self._mount = mount
        self.mountpoint = mountpoint
        self._announce = announce
        self.deadline_s = deadline_s
        """How long pending uploads may take after the end."""
        self._is_up = threading.Event()
        self._is_closed = threading.Event()
        self._lock = threading.Lock()  # guards the creation of _watcher
        self._watcher: threading.Thread | None = None
        self._error: BaseException | None = None

    def run(self) -> None:
        """Serve until unmounted; raise what FUSE raised."""
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        # The numbers of signals come through a pipe: the kernel may give a signal to any
        # thread, and then nothing would wake the main thread to run a handler. libfuse
        # leaves handlers alone that are not the default, so these are set before it starts.
        old = {one: signal.signal(one, lambda *_: None) for one in self.SIGNALS}
        old_fd = signal.set_wakeup_fd(writing)
        try:
            fuse = threading.Thread(target=self._serve, args=(writing,), name="fuse", daemon=True)
            fuse.start()
            self._wait(reading)
            fuse.join()
        finally:
            signal.set_wakeup_fd(old_fd)
            for one, handler in old.items():
                signal.signal(one, handler)
            os.close(reading)
            os.close(writing)
        if self._error is not None:
            raise self._error

    def _wait(self, reading: int) -> None:
        """Stop the mount on a signal; return when FUSE has ended."""
        is_stopping = False
        while (news := os.read(reading, 1)) != self.ENDED:
            if news[0] in self.SIGNALS:
                self._stop(signal.Signals(news[0]), is_urgent=is_stopping)
                is_stopping = True

    def hurry(self) -> None:
        """Leave pending uploads to the next mount. From any thread."""
        self.deadline_s = 0.0
        with self._lock:
            if self._watcher is None:
                self._watcher = threading.Thread(
                    target=self._end_in_time, name="hurry", daemon=True
                )
                self._watcher.start()

    def close(self) -> None:
        """Tell that all is closed, and the process can end by itself."""
        self._is_closed.set()
        if self._watcher is not None:
            self._watcher.join()

    def _end_in_time(self) -> None:
        """
        End the process if it does not end soon after it was unmounted.

        Requests may be tried again for minutes, and a mount that was detached is served as
        long as somebody has a file of it open. This is the same as a crash, which costs
        nothing: the journal has what is not in the bucket.
        """
        while kernel.mount_at(self.mountpoint) is not None:
            if self._is_closed.wait(POLL_S):
                return
        if not self._is_closed.wait(LAST_STEPS_S):
            _end_now()

    def _serve(self, writing: int) -> None:
        try:
            self._mount.serve(str(self.mountpoint), self._on_ready)
            if not self._is_up.is_set():
                raise MountFailed("FUSE ended before the mount answered; see the log")  # noqa: TRY301  # one way out for all
        except BaseException as error:  # noqa: BLE001  # raised again by the main thread
            self._error = error
        os.write(writing, self.ENDED)

    def _on_ready(self) -> None:
        logger.info("mounted at %s", self.mountpoint)
        self._is_up.set()
        self._announce()

    def _stop(self, why: signal.Signals, *, is_urgent: bool) -> None:
        logger.info("%s: unmounting%s", why.name, " at once" if is_urgent else "")
        threading.Thread(target=self._unmount, args=(is_urgent,), name="stop", daemon=True).start()

    def _unmount(self, is_urgent: bool) -> None:
        self._is_up.wait(self.deadline_s)
        if is_urgent:
            self.hurry()
        else:
            self._mount.drain(self.deadline_s)
        try:
            kernel.unmount(self.mountpoint, lazily=is_urgent)
        except kernel.Busy:
            for holder in kernel.holders(self.mountpoint):
                logger.info("still busy: %s", holder)
            self._unmount_lazily()
        except MountFailed as error:
            if kernel.mount_at(self.mountpoint) is not None:
                logger.error("%s", error)  # noqa: TRY400  # the message says it all

    def _unmount_lazily(self) -> None:
        try:
            kernel.unmount(self.mountpoint, lazily=True)
        except MountFailed as error:
            logger.error("%s", error)  # noqa: TRY400  # the message says it all


def _end_now() -> None:
    logger.info("files are still open or requests under way; the next mount goes on with them")
    logging.shutdown()
    os._exit(0)
