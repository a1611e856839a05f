"""
Many tasks over a few threads, told to the one who waits as they end.

Threads: `spread` belongs to its caller's thread, in which `done` runs; the tasks run in
`workers`.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import TypeVar

from ossfs.transfer.cancel import LOOK_EVERY_S
from ossfs.transfer.workers import Workers

T = TypeVar("T")
R = TypeVar("R")


def spread(
    tasks: Iterable[T],
    do: Callable[[T], R],
    *,
    workers: Workers,
    window: int,
    done: Callable[[R], object],
    check: Callable[[], object],
    stop: Callable[[], object] = lambda: None,
) -> None:
    """
    Do every task, `window` of them handed out at a time; give what comes of each to `done`.

    The first error, of a task or of `check` (which is asked all the while), is raised when
    the tasks that have begun have ended; the others never begin. When this thread is
    interrupted, `stop` is called before that.
    """
    running: set[Future[R]] = set()
    waiting = iter(tasks)
    try:
        for task in waiting:
            check()
            running.add(workers.submit(do, task))
            while len(running) >= window:
                running = _collected(running, done, check)
        while running:
            running = _collected(running, done, check)
    except Exception:
        raise
    except BaseException:  # Ctrl-C: nobody wants to wait for whole parts
        stop()
        raise
    finally:
        for future in running:
            future.cancel()
        wait(running)


def _collected(
    running: set[Future[R]], done: Callable[[R], object], check: Callable[[], object]
) -> set[Future[R]]:
    """Wait a moment for tasks to end; return those that have not."""
    ended, still = wait(running, timeout=LOOK_EVERY_S, return_when=FIRST_COMPLETED)
    for future in ended:
        done(future.result())
    check()
    return still
