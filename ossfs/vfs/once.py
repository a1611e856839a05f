"""
Asking the same thing once at a time: who wants it meanwhile, waits for that answer.

Threads: any; the lock is never held while something is asked.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class Once:
    """What is being asked, by what it is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the table
        self._flights: dict[tuple[str, str], Future[object]] = {}

    def ask(self, flight: tuple[str, str], ask: Callable[[], T]) -> T:
        """Run `ask`, or wait for the thread that is running it for the same flight."""
        mine: Future[T] = Future()
        with self._lock:
            other = self._flights.get(flight)
            if other is None:
                self._flights[flight] = mine  # type: ignore[assignment]  # one type per kind of flight
        if other is not None:
            return other.result()  # type: ignore[return-value]  # as above
        try:
            answer = ask()
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            mine.set_result(answer)
            return answer
        finally:
            with self._lock:
                del self._flights[flight]
