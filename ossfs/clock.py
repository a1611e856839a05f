"""
Time, handed in where it is needed so that tests do not sleep.

Threads: both clocks may be used from any thread.
"""

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """What the rest of ossfs knows of time."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970, for time stamps; may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds since some start, for durations; never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


def stamp(now_ns: int) -> str:
    """Return a time, in UTC to the second, as names of files have it: 20260101T000000Z."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_ns // 1_000_000_000))


class SystemClock:
    """The machine's own clock."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970."""
        return time.time_ns()

    def monotonic(self) -> float:
        """Seconds since the machine started, or so."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        time.sleep(seconds)


class FakeClock:
    """A clock that moves only when told to, or when somebody sleeps on it."""

    def __init__(self, now_ns: int = 1_767_225_600_000_000_000) -> None:
        self._lock = threading.Lock()
        self._start_ns = now_ns
        self._elapsed_ns = 0

    def now_ns(self) -> int:
        """Nanoseconds since 1970, as told."""
        with self._lock:
            return self._start_ns + self._elapsed_ns

    def monotonic(self) -> float:
        """Seconds since this clock was made."""
        with self._lock:
            return self._elapsed_ns / 1e9

    def sleep(self, seconds: float) -> None:
        """Return at once, that much later."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self._elapsed_ns += int(seconds * 1e9)
