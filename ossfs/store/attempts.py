"""
How often, how long and with which pauses something is tried again.

Threads: options are values; `Attempts` belongs to one operation in one thread.
"""

import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass

from ossfs.clock import Clock
from ossfs.errors import ChecksumMismatch, Throttled, Transient
from ossfs.observe.metrics import Metrics

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RetryOptions:
    """How long and how often to try again."""

    deadline_s: float = 300.0
    """Longest time that a request may go without success."""
    read_deadline_s: float = 60.0
    """The same for reading an object, counted from the last byte that came."""
    first_pause_s: float = 0.1
    """Upper bound of the first pause; it doubles with each further one."""
    longest_pause_s: float = 20.0
    """Upper bound of every pause, but for those that the store asks for."""
    throttled_pause_s: float = 1.0
    """The first upper bound when the store asks for fewer requests."""
    most_retries: int | None = None
    """How often at most, without progress; None: until the deadline."""
    most_mismatches: int = 3
    """Wrong checksums in a row before the bytes are taken to be wrong at their source."""
    caller_reports: bool = False
    """Whoever gets the error tells the user: giving up is no warning in the log then."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What all operations of a store share when they try again."""

    options: RetryOptions
    clock: Clock
    random: random.Random
    metrics: Metrics | None


class Attempts:
    """The tries of one operation: counts, pauses, gives up."""

    def __init__(self, operation: str, key: str, deadline_s: float, policy: Policy) -> None:
        self._operation = operation
        self._key = key
        self._deadline_s = deadline_s
        self._options = policy.options
        self._clock = policy.clock
        self._random = policy.random
        self._metrics = policy.metrics
        self._began = self._clock.monotonic()
        self._count = 0
        self._mismatches = 0
        self.is_uncertain = False
        """An earlier attempt may have been carried out although it seemed to fail."""
        self.was_throttled = False
        """An earlier attempt was refused for being one too many: a store has not carried it out."""

    def progressed(self) -> None:
        """Begin anew: something has come."""
        self._began = self._clock.monotonic()
        self._count = 0

    def failed(self, error: Transient) -> None:
        """Pause before the next attempt, or raise `error` when there shall be none."""
        self._count += 1
        self.is_uncertain |= not isinstance(error, Throttled)
        self.was_throttled |= isinstance(error, Throttled)
        self._mismatches += isinstance(error, ChecksumMismatch)
        pause = self._pause(error)
        spent = self._clock.monotonic() - self._began
        labels = {"operation": self._operation, "reason": type(error).__name__}
        what = f"op={self._operation} key={self._key!r} attempt={self._count}"
        why = (
            f"error={type(error).__name__} status={error.status} code={error.code or '-'}"
            f" request_id={error.request_id or '-'} message={error.message!r}"
        )
        if spent + pause >= self._deadline_s or self._has_tried_enough():
            level = logging.INFO if self._options.caller_reports else logging.WARNING
            _log.log(level, "giving up %s spent_s=%.1f %s", what, spent, why)
            self._count_as("ossfs_given_up_total", labels)
            raise error
        self._count_as("ossfs_retries_total", labels)
        _log.info("trying again %s pause_s=%.2f %s", what, pause, why)
        self._clock.sleep(pause)

    def _has_tried_enough(self) -> bool:
        most = self._options.most_retries
        is_over = most is not None and self._count > most
        return is_over or self._mismatches >= self._options.most_mismatches

    def _count_as(self, name: str, labels: Mapping[str, str]) -> None:
        if self._metrics is not None:
            self._metrics.count(name, 1, **labels)

    def _pause(self, error: Transient) -> float:
        options = self._options
        first = options.throttled_pause_s if isinstance(error, Throttled) else options.first_pause_s
        bound = min(options.longest_pause_s, first * 2.0 ** min(self._count - 1, 30))
        return max(self._random.uniform(0, bound), error.retry_after_s or 0.0)
