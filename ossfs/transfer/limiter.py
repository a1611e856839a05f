"""
How fast bytes may pass: a bucket of tokens, one for each byte.

The bucket fills with `rate` tokens a second, holds at most `capacity` of them, and is empty
at first. Whoever wants to move bytes takes their tokens, on credit if need be, and waits
until the debt is paid: so in any time t at most capacity + rate · t bytes pass, the mean is
the rate, and those who wait are served in the order in which they came.

Threads: one limiter may be shared by any number of transfers; its lock is never held while
somebody waits.
"""

import threading
from collections.abc import Callable

from ossfs.clock import Clock, SystemClock

DEFAULT_CAPACITY_S = 0.25
"""
The default capacity, in seconds of the rate: too short to be felt as a burst, and longer than a
busy machine lets those oversleep who wait, since what is beyond it is lost.
"""
LEAST_CAPACITY = 16 << 10
"""Its lower bound: pieces that are smaller cost more processor time than they smooth."""


class RateLimiter:
    """
    Lets `rate` bytes a second pass, and at most `capacity` bytes at once.

    ValueError: one of them is not positive.
    """

    def __init__(
        self, rate: float, capacity: int | None = None, *, clock: Clock | None = None
    ) -> None:
        if capacity is None:
            capacity = max(LEAST_CAPACITY, int(rate * DEFAULT_CAPACITY_S))
        if rate <= 0 or capacity < 1:
            raise ValueError(f"a rate of {rate} bytes a second, {capacity} at once")
        self.rate = rate
        self.capacity = capacity
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()  # guards what follows
        self._tokens = 0.0
        self._filled_at = self._clock.monotonic()

    def __repr__(self) -> str:
        return f"RateLimiter({self.rate:g} bytes/s, {self.capacity} at once)"

    def reserve(self, count: int) -> float:
        """
        Take the tokens of `count` bytes; return the seconds after which these may pass.

        More than `capacity` bytes at once would be a burst: ValueError.
        """
        if count > self.capacity:
            raise ValueError(f"{count} bytes at once, the capacity is {self.capacity}")
        with self._lock:
            now = self._clock.monotonic()
            filled = self._tokens + (now - self._filled_at) * self.rate
            self._tokens = min(float(self.capacity), filled) - count
            self._filled_at = now
            return max(0.0, -self._tokens / self.rate)

    def take(self, count: int, pause: Callable[[float], None] | None = None) -> None:
        """
        Wait until `count` bytes, however many, may pass.

        `pause` waits in place of the clock's `sleep`; what it raises ends the waiting, and
        the tokens stay taken.
        """
        pause = pause or self._clock.sleep
        while count > 0:
            part = min(count, self.capacity)
            wait_s = self.reserve(part)
            if wait_s > 0:
                pause(wait_s)
            count -= part
