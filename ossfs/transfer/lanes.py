"""
How many requests to have under way at once, when nobody waits for any particular one.

A store that is overloaded answers late: with 503, after which the request is tried again
behind a pause, or simply slowly. Both show in the time to the first byte. So there is one
rule: while the first bytes come about as quickly as they ever did lately, one more request
at once is allowed for each full set that was answered; when they come much later, half as
many (additive increase, multiplicative decrease, as TCP does it).

Threads: every method from any thread. The lock is never held while a task runs.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable

from ossfs.transfer.workers import Workers

SLOWER = 4.0
"""A first byte is late when it took so many times the quickest one of late …"""
MUCH_S = 0.25
"""… and this much longer: a busy processor alone delays by less."""
MEMORY = 256
"""Answers after which the quickest one is forgotten half: networks change."""

log = logging.getLogger(__name__)


class Lanes:
    """Gives tasks to `workers`, at most `most` at a time, and fewer when answers come late."""

    def __init__(self, workers: Workers, most: int) -> None:
        self._workers = workers
        self._most = most
        self._lock = threading.Lock()  # guards all below
        self._limit = float(most)
        self._running = 0
        self._is_going_on = False
        self._waiting: deque[Callable[[], None]] = deque()
        self._quickest_s = self._next_quickest_s = float("inf")
        self._answers = 0
        self._generation = 0

    def __repr__(self) -> str:
        return f"<Lanes: {self._running} of {self.limit} in use, {len(self._waiting)} waiting>"

    @property
    def limit(self) -> int:
        """How many tasks may run at once now."""
        return max(1, int(self._limit))

    @property
    def generation(self) -> int:
        """A number that moves with each halving: what began before says nothing new."""
        return self._generation

    def submit(self, task: Callable[[], None]) -> None:
        """Run a task when there is room for it; in the order of submission."""
        with self._lock:
            self._waiting.append(task)
        self._go_on()

    def answered(self, seconds: float, generation: int) -> None:
        """Take note of how long a first byte took; `generation` as it was when it was asked."""
        with self._lock:
            self._note_locked(seconds)
            if seconds <= max(self._quickest_s * SLOWER, self._quickest_s + MUCH_S):
                self._limit = min(self._most, self._limit + 1 / self._limit)
            elif generation == self._generation:
                self._limit = max(1.0, self._limit / 2)
                self._generation += 1
                log.info(
                    "the store answers after %.2f s (at best %.2f): %d requests ahead at a time",
                    seconds,
                    self._quickest_s,
                    self.limit,
                )

    def _note_locked(self, seconds: float) -> None:
        self._answers += 1
        if self._answers % MEMORY == 0:
            self._quickest_s, self._next_quickest_s = self._next_quickest_s, float("inf")
        self._quickest_s = min(self._quickest_s, seconds)
        self._next_quickest_s = min(self._next_quickest_s, seconds)

    def _go_on(self) -> None:
        with self._lock:
            if self._is_going_on:  # whoever does looks again
                return
            self._is_going_on = True
        while (task := self._next()) is not None:
            self._workers.submit(task).add_done_callback(lambda _: self._ended())

    def _next(self) -> Callable[[], None] | None:
        with self._lock:
            if not self._waiting or self._running >= self.limit:
                self._is_going_on = False
                return None
            self._running += 1
            return self._waiting.popleft()

    def _ended(self) -> None:
        with self._lock:
            self._running -= 1
        self._go_on()
