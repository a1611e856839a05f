"""How fast bytes may pass."""

import itertools

import pytest

from ossfs.clock import FakeClock
from ossfs.errors import TransferCancelled
from ossfs.transfer.cancel import Cancel
from ossfs.transfer.limiter import RateLimiter


def passed(limiter, clock, pieces):
    """Let pieces pass one after the other; return when each did, and how many bytes it had."""
    start = clock.monotonic()
    times = []
    for piece in pieces:
        limiter.take(piece)
        times.append((clock.monotonic() - start, piece))
    return times


@pytest.mark.parametrize("rate", [1 << 20, 10 << 20, 777_777])
@pytest.mark.parametrize("piece", [1000, 16 << 10, 1 << 20])
def test_the_mean_over_ten_seconds_is_the_rate(rate, piece):
    """Within a hundredth, whatever the pieces."""
    clock = FakeClock()
    limiter = RateLimiter(rate, clock=clock)

    times = passed(limiter, clock, itertools.repeat(piece, 10 * rate // piece))

    seconds, size = times[-1][0], sum(count for _, count in times)
    assert rate * 0.99 <= size / seconds <= rate * 1.01


def test_no_burst_beyond_the_capacity():
    """In every window of time no more passes than the capacity and what comes in meanwhile."""
    clock = FakeClock()
    limiter = RateLimiter(1_000_000, 50_000, clock=clock)
    clock.advance(3600)  # nobody wanted anything for an hour

    times = passed(limiter, clock, [20_000, 30_000, 50_000, 1, 7_000] * 40)

    for i, (begin, _) in enumerate(times):
        size = 0
        for when, count in times[i:]:
            size += count
            assert size <= 50_000 + 1_000_000 * (when - begin) + 1


def test_it_is_smooth_below_a_second():
    """A hundred pieces in a second come a hundredth of a second apart, not all at its end."""
    clock = FakeClock()
    limiter = RateLimiter(1_000_000, 10_000, clock=clock)

    times = [when for when, _ in passed(limiter, clock, [10_000] * 100)]

    gaps = [later - sooner for sooner, later in itertools.pairwise(times)]
    assert [0.01] * 99 == pytest.approx(gaps, abs=1e-6)


def test_it_begins_empty():
    """The first piece waits for its tokens, too: the mean is never above the rate."""
    clock = FakeClock()

    RateLimiter(1000, 500, clock=clock).take(500)

    assert 0.5 == pytest.approx(clock.monotonic())


def test_those_who_wait_share_the_rate():
    """Two that reserve at the same moment are let through one after the other."""
    limiter = RateLimiter(1000, 100, clock=FakeClock())

    assert [0.1, 0.2, 0.3] == pytest.approx([limiter.reserve(100) for _ in range(3)])


def test_more_than_fits_is_not_reserved_at_once():
    """It would be a burst; `take` does it in turns."""
    clock = FakeClock()
    limiter = RateLimiter(1000, 100, clock=clock)

    with pytest.raises(ValueError, match="101 bytes at once"):
        limiter.reserve(101)
    limiter.take(1050)
    assert 1.05 == pytest.approx(clock.monotonic())


@pytest.mark.parametrize(("rate", "capacity"), [(0, 1), (-1, 1), (1, 0)])
def test_nonsense_is_refused(rate, capacity):
    """A rate or capacity that lets nothing pass."""
    with pytest.raises(ValueError, match="a rate of"):
        RateLimiter(rate, capacity)


def test_who_waits_can_be_cancelled():
    """The wait ends, however long it would have been."""
    cancel = Cancel()
    cancel.cancel()

    with pytest.raises(TransferCancelled):
        RateLimiter(1, 1).take(1_000_000, cancel.pause)
