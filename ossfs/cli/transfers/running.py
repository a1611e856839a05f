"""
Many files moved side by side, until all are done or somebody says stop.

One that fails does not stop the others, unless the reason will be theirs, too (wrong
credentials, no such bucket). Ctrl-C, SIGTERM and SIGHUP stop all of them in order, so that
the next run goes on; a second Ctrl-C does not wait for that.

Threads: `Run` belongs to the main thread, which is the one that gets signals; tasks run in
threads of its own.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from ossfs.cli.explain import explain
from ossfs.cli.transfers.runlog import RunLog
from ossfs.cli.transfers.showing import View
from ossfs.cli.transfers.tasks import How, Task
from ossfs.cli.wording import shown
from ossfs.config import MountConfig
from ossfs.errors import (
    CredentialsExpired,
    InvalidCredentials,
    NoSuchBucket,
    OssfsError,
    TransferCancelled,
    Untrusted,
)
from ossfs.store.interrupts import serving
from ossfs.transfer.cancel import Cancel
from ossfs.transfer.limiter import RateLimiter
from ossfs.transfer.options import Hooks
from ossfs.transfer.spreading import spread
from ossfs.transfer.workers import InlineWorkers, ThreadWorkers, Workers

FATAL = (InvalidCredentials, CredentialsExpired, NoSuchBucket, Untrusted)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = 128
"""Exit codes of what a signal stopped are that, plus the signal's number, as in shells."""
AHEAD = 4
"""Tasks handed out for each worker: listings go on while files are moved."""


@dataclass(slots=True)
class Outcome:
    """What came of a run."""

    moved: int = 0
    skipped: int = 0
    failed: int = 0
    size: int = 0
    signal: int = 0
    """Which signal stopped it; 0: none did."""

    @property
    def exit_code(self) -> int:
        """What the command ends with."""
        if self.signal:
            return INTERRUPTED + self.signal
        return 1 if self.failed else 0


@dataclass(slots=True)
class Run:
    """The tasks of one command; `jobs` of them at a time."""

    how: How
    jobs: int
    view: View
    limiter: RateLimiter | None = None
    log: RunLog | None = None
    config: Callable[[], MountConfig | None] = lambda: None
    is_there: Callable[[Task], bool] = lambda _: True
    """Whether the target of a task that an earlier run has done still is there."""
    is_same: Callable[[Task], bool] | None = None
    """Whether a target has the same bytes already; None: it is not looked at."""
    cancel: Cancel = field(default_factory=Cancel)
    outcome: Outcome = field(default_factory=Outcome)
    _lock: threading.Lock = field(default_factory=threading.Lock)  # guards outcome
    _fatal: BaseException | None = None

    def run(self, tasks: Iterable[Task]) -> Outcome:
        """Do all tasks; what fails is said and counted."""
        workers: Workers
        workers = ThreadWorkers(self.jobs, "ossfs-job") if self.jobs > 1 else InlineWorkers()
        with self.interruptible():
            try:
                spread(
                    enumerate(self._due(tasks)),
                    self._move,
                    workers=workers,
                    window=self.jobs * AHEAD if self.jobs > 1 else 1,
                    done=lambda _: None,
                    check=self._check,
                )
            except TransferCancelled:
                pass
            except (OssfsError, OSError) as error:  # of finding out what is to be done
                self.failed(str(error), error)
            finally:
                workers.close(cancel=True)
        return self.outcome

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let signals stop what moves here."""

        def stop(number: int, _: FrameType | None) -> None:
            if self.outcome.signal:
                os._exit(INTERRUPTED + number)  # asked twice: at once
            self.outcome.signal = number
            self.cancel.cancel()

        before: dict[int, Any] = {one: signal.signal(one, stop) for one in SIGNALS}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def left_out(self, what: str, why: str) -> None:
        """Say and count what is not moved, as it cannot be."""
        with self._lock:
            self.outcome.failed += 1
        self.view.say(f"ossfs: {shown(what)}: {why}")

    def failed(self, what: str, error: BaseException) -> None:
        """Say and count what could not be done."""
        text = explain(error, self.config()) if isinstance(error, OssfsError) else str(error)
        with self._lock:
            self.outcome.failed += 1
        self.view.say(f"ossfs: {shown(what)}: {text}" if what not in text else f"ossfs: {text}")

    def _due(self, tasks: Iterable[Task]) -> Iterator[Task]:
        for task in tasks:
            if self.log is not None and self.log.has(task) and self.is_there(task):
                with self._lock:
                    self.outcome.skipped += 1
                continue
            self.view.expects(task)
            yield task

    def _check(self) -> None:
        self.cancel.check()
        if self._fatal is not None:
            raise TransferCancelled("given up")

    def _move(self, numbered: tuple[int, Task]) -> None:
        number, task = numbered
        if self._fatal is not None or self.cancel.is_cancelled:
            return
        hooks = Hooks(
            progress=lambda consumed, _: self.view.moved(number, consumed),
            limiter=self.limiter,
            cancel=self.cancel,
        )
        self.view.begun(number, task)
        is_done = is_skipped = False
        try:
            with serving(self.cancel):
                is_skipped = self.is_same is not None and self.is_same(task)
            if not is_skipped:
                task.move(self.how, hooks)
            is_done = True
        except TransferCancelled:
            return
        except (OssfsError, OSError) as error:
            self._failed(task, error)
        finally:
            self.view.ended(number, task, is_done=is_done and not is_skipped)
        if not is_done:
            return
        with self._lock:
            self.outcome.moved += not is_skipped
            self.outcome.skipped += is_skipped
            self.outcome.size += 0 if is_skipped else task.size
        if self.log is not None:
            self.log.note(task)

    def _failed(self, task: Task, error: BaseException) -> None:
        with self._lock:
            is_known = self._fatal is not None
            if isinstance(error, FATAL):
                self._fatal = self._fatal or error
            if is_known and isinstance(error, FATAL):
                self.outcome.failed += 1  # said once is enough
                return
        self.failed(f"{task.words[0]} of {task.words[1]}", error)
