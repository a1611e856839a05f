"""
Who runs a task: threads of their own, or the caller.

`ThreadWorkers` is for requests in the background, one pool for reads and one for
uploads, so that a long upload never stands in the way of a reader. `InlineWorkers` runs
each task inside `submit`, which makes tests deterministic.

Threads: every method may be called from any thread. Tasks start in the order of their
submission. A task that hangs cannot keep the process from exiting.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Workers(Protocol):
    """Something that runs tasks."""

    def submit(self, function: Callable[..., T], *args: Any) -> Future[T]:
        """
        Run `function(*args)`, now or later; what it raises is in the future.

        After `close` nothing runs any more and the future comes back cancelled.
        """
        ...

    def warm(self, count: int) -> None:
        """Have so many threads ready before there is anything to do."""
        ...

    def close(self, *, cancel: bool) -> None:
        """Finish (or, with `cancel`, forget) what waits, and wait for what is running."""
        ...


class InlineWorkers:
    """Runs each task at once, in the thread that submits it."""

    def __init__(self) -> None:
        self._closed = False

    def submit(self, function: Callable[..., T], *args: Any) -> Future[T]:
        """Run the task; the future that comes back is done."""
        future: Future[T] = Future()
        if self._closed:
            future.cancel()
        else:
            _run(future, function, args)
        return future

    def warm(self, count: int) -> None:
        """Nothing to do: there are no threads."""

    def close(self, *, cancel: bool) -> None:  # noqa: ARG002 - nothing ever waits here
        """Accept no more tasks."""
        self._closed = True


class ThreadWorkers:
    """
    Up to `count` daemon threads called `name`-0, `name`-1 and so on.

    A thread starts when a task finds no idle one, not before: a mount daemonises after it
    was put together, and threads do not survive a fork.
    """

    def __init__(self, count: int, name: str) -> None:
        if count < 1:
            raise ValueError(f"{name}: {count} workers do no work")
        self._count = count
        self._name = name
        # Guards all that follows; notified when a task arrives and at the end.
        self._changed = threading.Condition()
        self._tasks: deque[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]] = deque()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._closed = False

    def __repr__(self) -> str:
        return (
            f"<ThreadWorkers {self._name}: {len(self._threads)} of {self._count} threads, "
            f"{self._idle} idle, {len(self._tasks)} tasks waiting>"
        )

    def submit(self, function: Callable[..., T], *args: Any) -> Future[T]:
        """Put the task behind those that wait."""
        future: Future[T] = Future()
        with self._changed:
            if self._closed:
                future.cancel()
                return future
            if self._idle <= len(self._tasks) and len(self._threads) < self._count:
                self._start_thread_locked()
            self._tasks.append((future, function, args))
            self._changed.notify()
        return future

    def warm(self, count: int) -> None:
        """
        Have so many threads ready before there is anything to do.

        While others are busy a new thread takes 5 ms to come to life, and whoever submits a
        task waits for that.
        """
        with self._changed:
            while not self._closed and len(self._threads) < min(count, self._count):
                self._start_thread_locked()

    def close(self, *, cancel: bool) -> None:
        """End the threads and wait for them; a second call does nothing more."""
        with self._changed:
            self._closed = True
            forgotten = list(self._tasks) if cancel else []
            if cancel:
                self._tasks.clear()
            self._changed.notify_all()
        for future, _, _ in forgotten:
            future.cancel()
        for thread in self._threads:
            thread.join()

    def _start_thread_locked(self) -> None:
        name = f"{self._name}-{len(self._threads)}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._idle += 1
                self._changed.wait_for(lambda: self._tasks or self._closed)
                self._idle -= 1
                if not self._tasks:
                    return
                future, function, args = self._tasks.popleft()
            _run(future, function, args)
            del future, function, args  # an idle thread holds on to nobody's bytes


def _run(future: Future[Any], function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = function(*args)
    except BaseException as error:  # noqa: BLE001 - whoever waits for the future gets it
        future.set_exception(error)
    else:
        future.set_result(result)
