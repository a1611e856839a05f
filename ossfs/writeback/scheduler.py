"""
Commits that nobody waits for: attribute changes, failed commits, recovered files.

Each waiting file has a time at which it is tried; after a failure it is tried again, a
little later each time, until it is in the bucket or the mount ends (the journal then
keeps it for the next one).

Threads: any method from any thread. The lock guards the queue and is not held
during a commit.
"""

import heapq
import logging
import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from ossfs.clock import Clock
from ossfs.errors import EditConflict, UploadCancelled

log = logging.getLogger(__name__)

FIRST_RETRY_S = 1.0
LAST_RETRY_S = 300.0


class Waiting(Protocol):
    """Something to be committed."""

    @property
    def key(self) -> str:
        """Its name, for messages."""
        ...


W = TypeVar("W", bound=Waiting)


class Scheduler(Generic[W]):
    """
    Runs `commit` for files handed to `later`, on up to `threads` daemon threads.

    `describe` says in the log what has failed and is tried again.
    The threads start with the first file, after the process has become a daemon.
    """

    def __init__(
        self,
        *,
        commit: Callable[[W], None],
        clock: Clock,
        threads: int = 16,
        describe: Callable[[W], str] = lambda file: f"{file.key} is not in the bucket yet",
    ) -> None:
        self._commit = commit
        self._describe = describe
        self._clock = clock
        self._wanted_threads = threads
        self._lock = threading.Lock()
        self._wanted = threading.Condition(self._lock)  # for idle threads
        self._done = threading.Condition(self._lock)  # for who drains
        # Guarded by the lock:
        self._due: dict[W, float] = {}
        self._heap: list[tuple[float, int, W]] = []
        self._count = 0
        self._retry_s: dict[W, float] = {}
        self._running: set[W] = set()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._has_watch = False  # one idle thread sleeps until the next file is due
        self._is_closed = False

    def later(self, file: W, delay_s: float = 0.0) -> None:
        """Commit the file after `delay_s` seconds; sooner if it already was to be."""
        with self._lock:
            due = self._clock.monotonic() + delay_s
            if self._is_closed or due >= self._due.get(file, due + 1):
                return
            self._push_locked(file, due)
            if not self._idle and len(self._threads) < self._wanted_threads:
                self._start_thread_locked()

    def waiting(self) -> list[W]:
        """Return the files that wait or are being committed."""
        with self._lock:
            return list(self._running.union(self._due))

    def drain(self, deadline_s: float | None) -> bool:
        """
        Try everything now, and return whether nothing is left.

        Waits up to `deadline_s` seconds (None: as long as it takes).
        """
        end = None if deadline_s is None else self._clock.monotonic() + deadline_s
        with self._lock:
            for file in list(self._due):
                self._push_locked(file, self._clock.monotonic())
            while self._due or self._running:
                left = None if end is None else end - self._clock.monotonic()
                if left is not None and left <= 0:
                    return False
                self._done.wait(left)
            return True

    def close(self) -> None:
        """Start nothing more and wait for what is running."""
        with self._lock:
            self._is_closed = True
            self._due.clear()
            self._wanted.notify_all()
            self._done.notify_all()
            threads = self._threads
        for thread in threads:
            thread.join()

    def _push_locked(self, file: W, due: float) -> None:
        is_first = not self._heap or due < self._heap[0][0]
        self._due[file] = due
        self._count += 1
        heapq.heappush(self._heap, (due, self._count, file))
        if not self._has_watch:
            self._wanted.notify()
        elif is_first:  # the watch sleeps too long; nobody knows which of the idle it is
            self._wanted.notify_all()

    def _start_thread_locked(self) -> None:
        name = f"ossfs-commit-{len(self._threads)}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while (file := self._next()) is not None:
            retry_s = self._attempt(file)
            with self._lock:
                self._running.discard(file)
                if retry_s is None:
                    self._retry_s.pop(file, None)
                elif not self._is_closed:
                    self._due.setdefault(file, self._clock.monotonic() + retry_s)
                if file in self._due:  # or it was changed and handed in meanwhile
                    self._push_locked(file, self._due[file])
                self._done.notify_all()

    def _next(self) -> W | None:
        """Wait for a file whose time has come; None: closed."""
        with self._lock:
            while not self._is_closed:
                wait_s = None
                if self._heap:
                    due, _, file = self._heap[0]
                    if self._due.get(file) != due or file in self._running:
                        heapq.heappop(self._heap)  # outdated, or queued again when it is done
                        continue
                    wait_s = due - self._clock.monotonic()
                    if wait_s <= 0:
                        heapq.heappop(self._heap)
                        del self._due[file]
                        self._running.add(file)
                        self._share_locked()
                        return file
                self._sleep_locked(wait_s)
            return None

    def _sleep_locked(self, wait_s: float | None) -> None:
        """Be idle: for so long if nobody else has the watch, or until wanted."""
        has_watch = wait_s is not None and not self._has_watch
        self._idle += 1
        self._has_watch |= has_watch
        self._wanted.wait(wait_s if has_watch else None)
        self._has_watch &= not has_watch
        self._idle -= 1

    def _share_locked(self) -> None:
        """Let another thread look after what is due next."""
        if not self._heap or self._has_watch:
            return
        if self._idle:
            self._wanted.notify()
            return
        is_due = self._heap[0][0] <= self._clock.monotonic()
        if is_due and len(self._threads) < self._wanted_threads:
            self._start_thread_locked()

    def _attempt(self, file: W) -> float | None:
        """Commit once; return the seconds until the next attempt, None: not again."""
        try:
            self._commit(file)
        except EditConflict:
            return None  # said and saved by the committer
        except UploadCancelled:
            return None
        except Exception as error:  # noqa: BLE001 - whatever it was, the bytes are still here
            with self._lock:
                retry_s = self._retry_s.get(file, FIRST_RETRY_S)
                self._retry_s[file] = min(2 * retry_s, LAST_RETRY_S)
            log.warning("%s, next try in %.0f s: %s", self._describe(file), retry_s, error)
            return retry_s
        return None
