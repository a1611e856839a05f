"""Files that wait are committed at their time, again after a failure, and none is lost."""

import threading

import pytest

from ossfs.clock import FakeClock, SystemClock
from ossfs.errors import EditConflict, Unreachable, UploadCancelled
from ossfs.writeback.scheduler import Scheduler


class File:
    def __init__(self, key):
        self.key = key


@pytest.fixture
def made():
    """Return a function that makes a scheduler; its commits are in `seen`."""
    schedulers = []

    def make(commit, clock=None, **options):
        scheduler = Scheduler(commit=commit, clock=clock or SystemClock(), **options)
        schedulers.append(scheduler)
        return scheduler

    yield make
    for scheduler in schedulers:
        scheduler.close()


def test_what_is_handed_in_is_committed(made):
    """Each file once, also when it was handed in twice."""
    seen, files = [], [File("a"), File("b")]
    scheduler = made(lambda file: seen.append(file.key))
    for file in [*files, *files]:
        scheduler.later(file, 60)
    assert {"a", "b"} == {file.key for file in scheduler.waiting()}

    assert scheduler.drain(20)
    assert ["a", "b"] == sorted(seen)
    assert [] == scheduler.waiting()


def test_nothing_is_committed_before_its_time(made):
    """A delay is a delay; drain ends it."""
    seen = []
    clock = FakeClock()
    scheduler = made(lambda file: seen.append(file.key), clock)
    scheduler.later(File("a"), 0.5)
    assert not scheduler.drain(0)  # the deadline has passed, but now it may begin

    assert scheduler.drain(None)
    assert ["a"] == seen


def test_what_is_due_at_once_is_done_at_once(made):
    """A thread that takes one file wakes or starts another for the next, up to the limit."""
    together = threading.Barrier(4)
    scheduler = made(lambda file: together.wait(20), threads=4)
    for number in range(4):
        scheduler.later(File(str(number)), 0.01)  # one thread sleeps until then

    assert scheduler.drain(20)
    assert not together.broken


def test_an_earlier_time_counts(made):
    """The second wish is sooner; the first is forgotten."""
    done = threading.Event()
    scheduler = made(lambda file: done.set())
    file = File("a")
    scheduler.later(file, 3600)
    scheduler.later(file, 0)

    assert done.wait(20)
    assert scheduler.drain(20)


def test_a_failure_is_tried_again(made, expect_log):
    """Later each time; nothing of it is lost."""
    expect_log("a is not in the bucket yet, next try in 1 s")
    expect_log("next try in 2 s")
    tries = []

    def commit(file):
        tries.append(file)
        if len(tries) < 3:
            raise Unreachable("no")

    scheduler = made(commit)
    scheduler.later(File("a"))
    for _ in range(3):
        scheduler.drain(0.2)
    assert scheduler.drain(20)
    assert 3 == len(tries)


@pytest.mark.parametrize("error", [EditConflict, UploadCancelled])
def test_what_cannot_succeed_is_not_tried_again(made, error):
    """It was said by whoever raised it."""

    def commit(file):
        raise error("no")

    scheduler = made(commit)
    scheduler.later(File("a"))
    assert scheduler.drain(20)


def test_an_error_of_any_kind_keeps_the_thread(made, expect_log):
    """The bytes are still here, and other files need the thread."""
    expect_log("not in the bucket yet")
    seen = []

    def commit(file):
        if file.key == "bad":
            raise KeyError("a bug")
        seen.append(file.key)

    scheduler = made(commit, threads=1)
    scheduler.later(File("bad"))
    scheduler.later(File("good"))
    scheduler.drain(0.2)
    assert ["good"] == seen


def test_handed_in_again_while_it_is_committed(made):
    """The change that came meanwhile is committed after it, never beside it."""
    begun, go_on, running, most, count = threading.Event(), threading.Event(), [], [], []

    def commit(file):
        running.append(file)
        most.append(len(running))
        count.append(file)
        begun.set()
        go_on.wait(20)
        running.remove(file)

    scheduler = made(commit)
    file = File("a")
    scheduler.later(file)
    assert begun.wait(20)
    scheduler.later(file)
    scheduler.later(File("b"))
    assert not scheduler.drain(0.05)
    go_on.set()
    assert scheduler.drain(20)
    assert 2 == count.count(file)


def test_closed(made):
    """What runs is waited for, what waits is forgotten, nothing more is taken."""
    seen = []
    scheduler = made(lambda file: seen.append(file.key))
    scheduler.later(File("a"), 3600)
    scheduler.close()
    scheduler.later(File("b"))

    assert [] == seen
    assert [] == scheduler.waiting()


def test_closed_while_failing(made, expect_log):
    """A failing file does not keep a mount from ending."""
    expect_log("not in the bucket yet")
    begun, go_on = threading.Event(), threading.Event()

    def commit(file):
        begun.set()
        go_on.wait(20)
        raise Unreachable("no")

    scheduler = made(commit)
    scheduler.later(File("a"))
    assert begun.wait(20)
    closing = threading.Thread(target=scheduler.close)
    closing.start()
    go_on.set()
    closing.join(20)
    assert not closing.is_alive()
    assert [] == scheduler.waiting()


def test_nothing_to_do(made):
    """Without files there are no threads, and drain is done."""
    assert made(lambda file: None).drain(None)
