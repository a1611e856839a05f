"""What a transfer tells, and how it is stopped."""

import threading

import pytest

from ossfs.errors import TransferCancelled
from ossfs.transfer.cancel import Cancel
from ossfs.transfer.events import DataEventType
from ossfs.transfer.limiter import RateLimiter
from ossfs.transfer.progress import Meter, Progress, at_once


def test_progress_never_goes_back():
    """A part that begins anew is counted once, and what is told only grows."""
    told = []
    progress = Progress(100, progress=lambda *both: told.append(both))
    progress.started(10)
    meter = Meter(progress, Cancel(), None)

    meter.passing(30)
    meter.began()
    meter.passing(20)
    meter.passing(70)
    progress.succeeded()

    assert [(10, 100), (40, 100), (100, 100)] == told


def test_data_events_say_what_happened():
    """Started, each piece, and the end, with the bytes of each."""
    events = []
    progress = Progress(None, on_data=events.append)

    progress.started()
    progress.moved(5)
    progress.succeeded()
    error = OSError("no")
    progress.failed(error)

    seen = [(event.type, event.consumed, event.moved) for event in events]
    assert [
        (DataEventType.STARTED, 0, 0),
        (DataEventType.MOVED, 5, 5),
        (DataEventType.SUCCEEDED, 5, 0),
        (DataEventType.FAILED, 5, 0),
    ] == seen
    assert (None, error) == (events[-1].total, events[-1].error)


def test_what_a_callback_raises_changes_nothing(expect_log):
    """It is logged once, and the counting goes on."""
    expect_log("a callback failed, and the transfer goes on")

    def broken(*_):
        raise RuntimeError("of the user's")

    progress = Progress(3, progress=broken)
    progress.started()
    for _ in range(3):
        progress.moved(1)

    assert 3 == progress.consumed


def test_the_log_names_the_callback_once(expect_log):
    """A line for each piece would fill the log."""
    expect_log("a callback failed")

    def broken(*_):
        raise RuntimeError("of the user's")

    progress = Progress(None, progress=broken)
    for _ in range(9):
        progress.moved(1)

    assert 1 == len(expect_log.seen)


def test_many_threads_count_exactly():
    """Nothing is lost between threads, and callbacks come one at a time."""
    told = []
    progress = Progress(8000, progress=lambda consumed, _: told.append(consumed))

    def move():
        for _ in range(1000):
            progress.moved(1)

    threads = [threading.Thread(target=move) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert 8000 == progress.consumed
    assert list(range(1, 8001)) == told


def test_cancel_stops_what_moves():
    """The next piece does not pass, and the error says what is kept."""
    cancel = Cancel()
    meter = Meter(Progress(None), cancel, None)
    meter.passing(1)

    cancel.cancel()

    with pytest.raises(TransferCancelled, match="kept"):
        meter.passing(1)


def test_aborting_is_not_taken_back():
    """Keeping may become aborting, not the other way round."""
    cancel = Cancel()
    cancel.cancel()
    assert (True, False) == (cancel.is_cancelled, cancel.is_abort)

    cancel.cancel(abort=True)
    cancel.cancel()

    assert cancel.is_abort


def test_a_limited_piece_fits_the_limiter():
    """Pieces are not larger than what may pass at once."""
    assert 1 << 20 == at_once(1 << 20, None)
    assert 5000 == at_once(1 << 20, RateLimiter(1, 5000))
