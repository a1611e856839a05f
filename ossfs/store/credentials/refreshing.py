"""
Credentials that are renewed before they end, or when the store refuses them.

One thread renews, ahead of the end by a lead that is drawn at random, so that a thousand
mounts do not ask at once. The others go on with the old ones as long as these are valid;
when they have ended, the others wait. A renewal that fails ahead of time is logged and
tried again later; one that fails when nothing valid is left reaches those who ask, and is
not repeated for a second, however many ask.

Credentials whose end is not known (a file, a command that does not tell) are renewed when
the store refuses them.

Threads: any. `_turn` is held by the one thread that renews, while it waits for the source:
those who have nothing valid wait for it. It guards `_failure`, `_refused` and the writing
of `_state`, which is one reference, read without it.
"""

import logging
import random as chance
import threading
from typing import NamedTuple

from ossfs.clock import Clock
from ossfs.errors import InvalidCredentials, InvalidOption, OssfsError, StoreError, Transient
from ossfs.store.credentials.values import Credentials, CredentialsSource

LEAD_S = 300.0
"""How long before their end credentials are renewed; a quarter of their life if that is less."""
JITTER = 0.2
"""Up to which part of the lead is added to it at random."""
PAUSE_S = 15.0
"""Between renewals ahead of time that failed, or gave what was there already."""
QUIET_S = 1.0
"""How long the answer of a source stands when nothing valid is left, or all was refused."""
SUSPICIOUS_AGE_S = 60.0
"""How old credentials are before a refusal without a reason is laid to them."""

_NS = 1_000_000_000
_log = logging.getLogger(__name__)


class _State(NamedTuple):
    credentials: Credentials
    fetched_ns: int
    due_ns: float
    """When to renew."""
    end_ns: float
    """Until when they can be used."""


class _Failure(NamedTuple):
    error: OssfsError
    until: float
    """Monotonic."""


class Refreshing:
    """A provider over a `source` that is asked only when it has to be."""

    def __init__(
        self,
        source: CredentialsSource,
        *,
        clock: Clock,
        random: chance.Random | None = None,
    ) -> None:
        self._source = source
        self._clock = clock
        self._random = random or chance.Random()
        self._turn = threading.Lock()
        self._state: _State | None = None
        self._failure: _Failure | None = None
        self._refused: tuple[Credentials, float] | None = None

    def __repr__(self) -> str:
        return f"Refreshing({type(self._source).__name__})"

    def get(self) -> Credentials:
        """Return credentials that are valid now. InvalidOption, InvalidCredentials, Transient."""
        state, now_ns = self._state, self._clock.now_ns()
        if state is not None and now_ns < state.due_ns:
            return state.credentials
        if state is not None and now_ns < state.end_ns:
            return self._renewed_early(state)
        with self._turn:
            state = self._state
            if state is None or self._clock.now_ns() >= state.end_ns:
                state = self._fetched()
            return state.credentials

    def invalidate(self, credentials: Credentials, *, is_certain: bool = True) -> bool:
        """Renew unless that was done since; say whether `get` has others than `credentials`."""
        with self._turn:
            state = self._state
            if state is None or state.credentials != credentials:
                return True
            if not is_certain and self._clock.now_ns() - state.fetched_ns < SUSPICIOUS_AGE_S * _NS:
                return False
            if self._refused is not None:
                refused, until = self._refused
                if refused == credentials and self._clock.monotonic() < until:
                    return False
            try:
                fetched = self._fetched()
            except Transient:
                raise  # it may pass; whoever repeats the request asks again
            except OssfsError as error:
                _log.warning(
                    "the store refuses the credentials, and there are no others: %s", error
                )
                return False
            if fetched.credentials != credentials:
                _log.info("the store refused the credentials; they were renewed")
                return True
            self._refused = credentials, self._clock.monotonic() + QUIET_S
            return False

    def _renewed_early(self, state: _State) -> Credentials:
        if not self._turn.acquire(blocking=False):
            return state.credentials
        try:
            if self._state is not state:  # somebody just did
                return self._state.credentials if self._state else state.credentials
            try:
                return self._fetched().credentials
            except OssfsError as error:
                left = (state.end_ns - self._clock.now_ns()) / _NS
                _log.warning("cannot renew credentials, %.0f seconds are left: %s", left, error)
                self._failure = None
                self._state = state._replace(due_ns=self._clock.now_ns() + PAUSE_S * _NS)
                return state.credentials
        finally:
            self._turn.release()

    def _fetched(self) -> _State:
        """Ask the source, `_turn` being held; the answer stands for a moment if it is an error."""
        if self._failure is not None and self._clock.monotonic() < self._failure.until:
            raise _again(self._failure.error)
        try:
            credentials = self._source.get()
        except OssfsError as error:
            if self._state is not None and isinstance(error, InvalidOption):
                error = InvalidCredentials(str(error), operation="credentials")
            self._failure = _Failure(error, self._clock.monotonic() + QUIET_S)
            raise _again(error) from None
        self._failure = None
        self._state = self._planned(credentials)
        return self._state

    def _planned(self, credentials: Credentials) -> _State:
        now_ns = self._clock.now_ns()
        if credentials.expires_ns is None:
            return _State(credentials, now_ns, float("inf"), float("inf"))
        end_ns: float = credentials.expires_ns
        if end_ns <= now_ns:  # perhaps by our clock only: the store decides
            end_ns = now_ns + PAUSE_S * _NS
        lead_ns = min(LEAD_S * _NS, (end_ns - now_ns) / 4)
        lead_ns *= 1 + self._random.uniform(0, JITTER)
        return _State(credentials, now_ns, max(end_ns - lead_ns, now_ns + QUIET_S * _NS), end_ns)


def _again(error: OssfsError) -> OssfsError:
    """Return a copy: one exception raised in many threads would mix their traces."""
    copy = type(error)(str(error) if not isinstance(error, StoreError) else error.message)
    if isinstance(copy, StoreError) and isinstance(error, StoreError):
        copy.operation = error.operation
    return copy
