"""
Counters of requests and bytes by operation, for request budgets.

Threads: the event loop's thread only.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Counters:
    """What one operation's requests came to; bytes are of bodies."""

    requests: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    """By code."""


class Stats:
    """Counters since start or the last reset."""

    def __init__(self) -> None:
        self._by_operation: dict[str, Counters] = {}

    def of(self, operation: str) -> Counters:
        """Return the operation's counters, to be counted up."""
        return self._by_operation.setdefault(operation, Counters())

    def reset(self) -> None:
        """Begin again at zero; requests under way count into the void."""
        self._by_operation = {}

    def described(self) -> dict[str, Any]:
        """Return all counters, and their sums."""
        each = self._by_operation.values()
        return {
            "requests": sum(one.requests for one in each),
            "bytes_in": sum(one.bytes_in for one in each),
            "bytes_out": sum(one.bytes_out for one in each),
            "errors": dict(sum((one.errors for one in each), Counter())),
            "operations": {
                name: {
                    "requests": one.requests,
                    "bytes_in": one.bytes_in,
                    "bytes_out": one.bytes_out,
                    "errors": dict(one.errors),
                }
                for name, one in sorted(self._by_operation.items())
            },
        }
