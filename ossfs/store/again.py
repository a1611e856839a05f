"""
What all operations of a store that tries again share.

Threads: as the wrapped store; nothing is shared but the random numbers.
"""

import logging
import random
from collections.abc import Callable, Mapping
from copy import copy
from typing import TypeVar

from ossfs.clock import Clock, SystemClock
from ossfs.errors import ObjectArchived, StoreError, Transient
from ossfs.observe.metrics import Metrics
from ossfs.store.api import Capabilities, Limits, ObjectInfo, ObjectStore, Said
from ossfs.store.archives import explained
from ossfs.store.attempts import Attempts, Policy, RetryOptions

_log = logging.getLogger(__name__)

T = TypeVar("T")
S = TypeVar("S", bound="Again")


class Again:
    """`store` is what is asked, `clock` and `random` time the attempts."""

    def __init__(
        self,
        store: ObjectStore,
        *,
        options: RetryOptions | None = None,
        metrics: Metrics | None = None,
        clock: Clock | None = None,
        random: random.Random = random.Random(),  # noqa: B008  # one generator for all is right
    ) -> None:
        self._store = store
        self._policy = Policy(options or RetryOptions(), clock or SystemClock(), random, metrics)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._store!r})"

    @property
    def name(self) -> str:
        """The bucket's name, for messages."""
        return self._store.name

    @property
    def place(self) -> str:
        """Which bucket of which store."""
        return self._store.place

    def saying(self: S, said: Mapping[str, Said]) -> S:  # noqa: PYI019  # Self needs Python 3.11
        """Return the same bucket, whose requests say more."""
        more = copy(self)
        more._store = self._store.saying(said)  # noqa: SLF001  # a copy of this one
        return more

    def copying_from(self: S, bucket: str, *, version_id: str | None = None) -> S:  # noqa: PYI019  # the same
        """Return the same bucket, whose copies come from another one."""
        other = copy(self)
        other._store = self._store.copying_from(bucket, version_id=version_id)  # noqa: SLF001  # a copy of this one
        return other

    @property
    def limits(self) -> Limits:
        """What the store accepts."""
        return self._store.limits

    @property
    def capabilities(self) -> Capabilities:
        """What the store can do."""
        return self._store.capabilities

    def _again(
        self,
        operation: str,
        key: str,
        attempt: Callable[[], T],
        *,
        settle: Callable[[StoreError], T | None] | None = None,
        final: tuple[type[Transient], ...] = (),
        is_marked: bool = False,
    ) -> T:
        """
        Do `attempt` until it succeeds, the deadline has passed, or we find a `final` error.

        When an attempt after an uncertain one is refused, `settle` may know that this is
        because of the earlier one: what it returns is the result, None means it is not.

        A throttled attempt is an uncertain one only where what it makes `is_marked` as ours:
        what stands before a store may ask for fewer requests after it has passed one on, but
        an object that anybody could have made is not taken for ours.
        """
        attempts = Attempts(operation, key, self._policy.options.deadline_s, self._policy)
        while True:
            try:
                return attempt()
            except Transient as error:
                if isinstance(error, final) and not error.status:  # with one, it was refused
                    raise
                attempts.failed(error)
            except StoreError as error:
                is_uncertain = attempts.is_uncertain or (is_marked and attempts.was_throttled)
                if settle is None or not is_uncertain:
                    raise
                settled = settle(error)
                if settled is None:
                    raise
                _log.info("op=%s key=%r had been carried out: %s", operation, key, error)
                return settled

    def _seen(self, key: str) -> ObjectInfo | None:
        """Return what is at `key`, if anything can be seen there."""
        try:
            return self._again("head", key, lambda: self._store.head(key))
        except StoreError as error:
            _log.info("key=%r nothing to be seen: %s", key, error)
            return None

    def _explained(
        self, error: ObjectArchived, key: str, version_id: str | None = None
    ) -> ObjectArchived:
        """Let the error say in which state the bytes of `key` are; one HEAD, not repeated."""
        try:
            return explained(error, self._store.head(key, version_id=version_id))
        except StoreError:
            return explained(error, None)
