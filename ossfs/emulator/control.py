"""
The admin endpoint's knobs: faults, counters, latency, the server's idea of time.

    POST   /_ossfs/faults    a rule or a list of rules (see `faults.Rule`)
    GET    /_ossfs/faults    the rules with their hits
    DELETE /_ossfs/faults
    GET    /_ossfs/stats     requests, bytes, errors by operation
    DELETE /_ossfs/stats
    PUT    /_ossfs/latency   {"seconds": 0.02}: added to every request
    PUT    /_ossfs/restore   {"seconds": 60}: how long restoring an archived object takes
    PUT    /_ossfs/credentials {"id": {"secret": s, "token": t, "expires": unix seconds}}:
                             these are valid from now on, and all others have ended
    PUT    /_ossfs/clock     {"offset": -3600}: the server's clock is off by that many seconds

It exists only when it was enabled, has no authentication, and is for tests. No bucket can
be called `_ossfs`.
"""

import json
from dataclasses import replace
from typing import Any

from ossfs.clock import Clock
from ossfs.emulator.exchange import Answer, Call
from ossfs.emulator.faults import Faults
from ossfs.emulator.objects import Objects
from ossfs.emulator.settings import Credentials, credentials_from_json
from ossfs.emulator.stats import Stats

PREFIX = "/_ossfs/"
_MAX_BODY = 1 << 20
_BAD_REQUEST, _NOT_FOUND = 400, 404


class OffsetClock:
    """A clock that can be told to be wrong."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.offset_s = 0.0

    def now_ns(self) -> int:
        """Nanoseconds since 1970, and the offset."""
        return self._clock.now_ns() + int(self.offset_s * 1e9)

    def monotonic(self) -> float:
        """Seconds since some start."""
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._clock.sleep(seconds)


class Control:
    """What tests may change while the server runs."""

    def __init__(self, clock: OffsetClock, credentials: Credentials, objects: Objects) -> None:
        self.faults = Faults()
        self.stats = Stats()
        self.latency_s = 0.0
        self._clock = clock
        self._credentials = credentials
        self._objects = objects

    async def answer(self, call: Call) -> Answer:
        """Answer a request to the admin endpoint."""
        try:
            text = await call.body.read(_MAX_BODY)
            given = json.loads(text) if text.strip() else None
            told = self._told(call.method, call.path.removeprefix(PREFIX), given)
        except (ValueError, KeyError, TypeError) as error:
            return _json(_BAD_REQUEST, {"error": f"{type(error).__name__}: {error}"})
        if told is None:
            return _json(_NOT_FOUND, {"error": f"no {call.method} {call.path}"})
        return _json(200, told)

    def _told(self, method: str, what: str, given: Any) -> Any:
        match method, what:
            case "POST", "faults":
                for rule in given if isinstance(given, list) else [given]:
                    self.faults.add(rule)
            case "GET", "faults":
                return self.faults.described()
            case "DELETE", "faults":
                self.faults.clear()
            case "GET", "stats":
                return self.stats.described()
            case "DELETE", "stats":
                self.stats.reset()
            case "PUT", _:
                return {} if self._set(what, given) else None
            case _:
                return None
        return {}

    def _set(self, what: str, given: Any) -> bool:
        """Turn a knob; False: there is none of that name."""
        match what:
            case "latency":
                self.latency_s = float(given["seconds"])
            case "restore":
                self._objects.restore_s = float(given["seconds"])
            case "credentials":
                self._rotate(credentials_from_json(json.dumps(given)))
            case "clock":
                self._clock.offset_s = float(given["offset"])
            case _:
                return False
        return True

    def _rotate(self, new: Credentials) -> None:
        """Let the new keys be valid; those there were end now."""
        now_s = self._clock.now_ns() / 1e9
        for key_id, old in self._credentials.items():
            ends = now_s if old.expires_s is None else min(old.expires_s, now_s)
            self._credentials[key_id] = replace(old, expires_s=ends)
        self._credentials.update(new)


def _json(status: int, value: Any) -> Answer:
    return Answer(status, {"Content-Type": "application/json"}, json.dumps(value).encode())
