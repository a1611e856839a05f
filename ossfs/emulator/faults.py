"""
Failures on demand.

A rule says which requests it hits (operation, key, how many to let pass, how many to hit,
how likely) and what happens to them. Of the rules that match a request the first one is
taken; each keeps its own count.

Threads: the event loop's thread only.
"""

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from fnmatch import fnmatchcase
from typing import Any

ACTIONS = frozenset(
    {
        "error",  # answer `status` and `code`; nothing is applied
        "error_after",  # apply, then answer `status` and `code`
        "delay",  # wait `seconds`, then go on as usual
        "drop_before",  # close the connection; nothing is applied
        "drop_after",  # apply, then close the connection without an answer
        "truncate",  # send only `bytes` of the answer's body, then close the connection
        "stall",  # after `bytes` of the answer's body (none: at once) send nothing for `seconds`
        "corrupt",  # flip a bit of byte number `bytes` of the body: the sent one, else the answer's
    }
)


@dataclass(slots=True)
class Rule:
    """One rule; `hits` counts the requests it was applied to."""

    action: str
    operation: str = "*"
    """An operation's name, or a pattern of names (`Upload*`)."""
    key: str = "*"
    """A pattern of keys."""
    skip: int = 0
    """Matching requests that pass before the first one is hit."""
    count: int | None = None
    """Requests that are hit; None: all."""
    probability: float = 1.0
    status: int = 500
    code: str = "InternalError"
    message: str = "injected"
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 3600.0
    bytes: int | None = None
    anywhere: bool = False
    """Corrupt a byte that is drawn at random for each request, instead of number `bytes`."""
    hits: int = 0
    drawn: float = 0.0
    """Where in the body, of 1, the last one was."""

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ValueError(f"no such action: {self.action!r}; there are {sorted(ACTIONS)}")

    def corrupt_at(self, size: int) -> int:
        """Return the number of the byte to corrupt in a body of that size."""
        return int(self.drawn * size) if self.anywhere else self.bytes or 0

    def matches(self, operation: str, key: str) -> bool:
        """Say whether the rule is about such requests and not used up."""
        return (
            (self.count is None or self.hits < self.count)
            and fnmatchcase(operation, self.operation)
            and fnmatchcase(key, self.key)
        )


class Faults:
    """The rules in force."""

    def __init__(self, seed: int = 0) -> None:
        self._rules: list[Rule] = []
        self._random = random.Random(seed)

    def add(self, given: Mapping[str, Any]) -> None:
        """Add a rule; ValueError when it has unknown fields or an unknown action."""
        unknown = given.keys() - {one.name for one in fields(Rule)}
        if unknown or "action" not in given:
            raise ValueError(f"a rule needs an action and knows no {sorted(unknown)}")
        self._rules.append(Rule(**given))

    def clear(self) -> None:
        """Remove all rules."""
        self._rules.clear()

    def described(self) -> list[dict[str, Any]]:
        """Return the rules with their hits."""
        return [asdict(rule) for rule in self._rules]

    def take(self, operation: str, key: str) -> Rule | None:
        """Return the rule that hits this request, counted; None: it passes."""
        for rule in self._rules:
            if not rule.matches(operation, key):
                continue
            if rule.skip:
                rule.skip -= 1
                continue
            if rule.probability < 1 and self._random.random() >= rule.probability:
                continue
            rule.hits += 1
            rule.drawn = self._random.random() if rule.anywhere else 0.0
            return rule
        return None
