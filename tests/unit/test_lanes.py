"""As many requests at once as the store answers quickly."""

from concurrent.futures import Future

from ossfs.transfer.lanes import Lanes
from ossfs.transfer.workers import InlineWorkers


class Held:
    """Workers whose tasks end when they are told to."""

    def __init__(self):
        self.running = []

    def submit(self, task):
        task()
        self.running.append(Future())
        return self.running[-1]

    def end(self):
        self.running.pop(0).set_result(None)


def filled(most, count):
    """Return lanes to which `count` tasks were given, their workers, and what has begun."""
    held, begun = Held(), []
    lanes = Lanes(held, most)
    for n in range(count):
        lanes.submit(lambda n=n: begun.append(n))
    return lanes, held, begun


def test_no_more_than_most_at_once():
    """What exceeds the limit begins when something has ended, in order."""
    _, held, begun = filled(3, 5)
    assert begun == [0, 1, 2]
    held.end()
    assert begun == [0, 1, 2, 3]
    held.end()
    held.end()
    assert begun == [0, 1, 2, 3, 4]


def test_many_tasks_that_end_at_once():
    """Tasks that are done when they are given do not pile up calls."""
    done = []
    lanes = Lanes(InlineWorkers(), 1)
    for n in range(5000):
        lanes.submit(lambda n=n: done.append(n))
    assert done == list(range(5000))


def test_tasks_are_forgotten_after_the_end():
    """Workers that were closed cancel everything, however much waits."""
    _, held, begun = filled(1, 3000)
    held.submit = lambda _: _cancelled()
    held.end()
    assert begun == [0]


def _cancelled():
    future = Future()
    future.cancel()
    future.set_running_or_notify_cancel()
    return future


def test_a_late_answer_halves_the_limit_once():
    """Of all requests that were under way when it got late, one counts."""
    lanes = Lanes(InlineWorkers(), 32)
    before = lanes.generation
    lanes.answered(0.02, before)
    for _ in range(5):
        lanes.answered(1.0, before)
    assert lanes.limit == 16
    lanes.answered(1.0, lanes.generation)
    assert lanes.limit == 8


def test_the_limit_never_ends():
    """One request at a time is always allowed."""
    lanes = Lanes(InlineWorkers(), 32)
    lanes.answered(0.02, lanes.generation)
    for _ in range(20):
        lanes.answered(5.0, lanes.generation)
    assert lanes.limit == 1


def test_quick_answers_bring_it_back():
    """One more for each full set of answers that came quickly, up to the most."""
    lanes = Lanes(InlineWorkers(), 8)
    lanes.answered(0.02, lanes.generation)
    lanes.answered(1.0, lanes.generation)
    assert lanes.limit == 4
    for _ in range(5):
        lanes.answered(0.02, lanes.generation)
    assert lanes.limit == 5
    for _ in range(100):
        lanes.answered(0.02, lanes.generation)
    assert lanes.limit == 8


def test_a_busy_processor_is_no_busy_store():
    """Delays below a quarter of a second say nothing, however quick the best answer was."""
    lanes = Lanes(InlineWorkers(), 8)
    lanes.answered(0.001, lanes.generation)
    for _ in range(50):
        lanes.answered(0.2, lanes.generation)
    assert lanes.limit == 8


def test_a_slower_network_becomes_the_measure():
    """What was the quickest answer long ago is forgotten."""
    lanes = Lanes(InlineWorkers(), 8)
    lanes.answered(0.001, lanes.generation)
    for _ in range(2000):
        lanes.answered(0.5, lanes.generation)
    assert lanes.limit == 8
