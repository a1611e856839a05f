"""
Ending a request that another thread waits for.

A thread that moves bytes for somebody who may change their mind says so (`serving`): its
connection is then told to who interrupts, as long as a request is on it, and its pauses
between attempts end early. Whoever serves nobody is never interrupted.

Threads: each thread has its own; what `Interrupt` is told comes from the thread that serves
it. Shutting a socket down ends whatever call is blocked in it.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from socket import socket
from typing import Protocol

from ossfs.clock import SystemClock


class Interrupt(Protocol):
    """Somebody who may change their mind."""

    def check(self) -> None:
        """Raise what ends the operation, if it shall end."""
        ...

    def pause(self, seconds: float) -> None:
        """Wait, and raise the same as soon as it shall end."""
        ...

    def holds(self, connection: socket | None) -> None:
        """Hear which connection this thread's request is on; None: there is none any more."""
        ...


class _Serving(threading.local):
    interrupt: Interrupt | None = None


_serving = _Serving()


@contextmanager
def serving(interrupt: Interrupt | None) -> Iterator[None]:
    """Let requests of this thread be interrupted; None: not even if they could be before."""
    before = _serving.interrupt
    _serving.interrupt = interrupt
    try:
        yield
    finally:
        _serving.interrupt = before
        if interrupt is not None:
            interrupt.holds(None)


def is_serving() -> bool:
    """Say whether somebody may interrupt this thread."""
    return _serving.interrupt is not None


def check() -> None:
    """Raise what ends the operation, for whoever is busy without a connection."""
    if _serving.interrupt is not None:
        _serving.interrupt.check()


def on(connection: socket | None) -> None:
    """Say that this thread's request is on a connection. Raises what ends the operation."""
    interrupt = _serving.interrupt
    if interrupt is not None:
        interrupt.holds(connection)
        interrupt.check()  # behind `holds`: whoever interrupts now has seen the connection


def off() -> None:
    """Say that the connection may serve others."""
    interrupt = _serving.interrupt
    if interrupt is not None:
        interrupt.holds(None)


class InterruptibleClock(SystemClock):
    """The machine's clock, whose `sleep` ends early for who is interrupted."""

    def sleep(self, seconds: float) -> None:
        """Wait that many seconds, or until the operation shall end."""
        interrupt = _serving.interrupt
        if interrupt is None:
            time.sleep(seconds)
        else:
            interrupt.pause(seconds)
