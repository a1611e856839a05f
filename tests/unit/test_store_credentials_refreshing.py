"""Credentials that end are renewed ahead, once, and without stopping anybody."""

import random
import threading

import pytest

from ossfs.clock import FakeClock
from ossfs.errors import InvalidCredentials, InvalidOption, Unreachable
from ossfs.store.credentials import Credentials, Refreshing

HOUR_S = 3600


class Source:
    """Issues credentials number 1, 2, 3 …, each for `life_s` (None: nobody knows)."""

    def __init__(self, clock, life_s=HOUR_S):
        self.clock = clock
        self.life_s = life_s
        self.asked = 0
        self.error = None
        self.issues_same = False
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def get(self):
        self.asked += 1
        self.entered.set()
        assert self.gate.wait(30)
        if self.error is not None:
            raise self.error
        expires = None if self.life_s is None else self.clock.now_ns() + int(self.life_s * 1e9)
        number = 1 if self.issues_same else self.asked
        return Credentials(f"id-{number}", "secret", "token", expires)


class Highest(random.Random):
    """Draws the highest number, so that a lead is as long as it can be."""

    def uniform(self, a, b):
        return b


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def source(clock):
    return Source(clock)


@pytest.fixture
def provider(source, clock):
    return Refreshing(source, clock=clock, random=Highest())


def in_threads(count, function):
    """Start threads that collect what `function` returns or raises; return (threads, list)."""
    results = []

    def run():
        try:
            results.append(function())
        except Exception as error:  # noqa: BLE001  # it is the result
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads, results


def test_nothing_is_asked_before_it_is_needed(provider, source, clock):
    """Nothing at first, once when asked, and not again while they are good."""
    assert 0 == source.asked
    for _ in range(100):
        assert "id-1" == provider.get().key_id
    clock.advance(HOUR_S - 300 * 1.2 - 1)
    assert "id-1" == provider.get().key_id
    assert 1 == source.asked


def test_they_are_renewed_ahead_of_their_end(provider, source, clock):
    """Five minutes and some jitter before."""
    provider.get()
    clock.advance(HOUR_S - 300 * 1.2 + 1)

    assert "id-2" == provider.get().key_id


def test_short_lived_ones_are_renewed_in_the_last_quarter(clock):
    """Twenty seconds of life are used for fourteen."""
    source = Source(clock, life_s=20)
    provider = Refreshing(source, clock=clock, random=Highest())
    provider.get()
    clock.advance(13.9)
    assert "id-1" == provider.get().key_id
    clock.advance(0.2)
    assert "id-2" == provider.get().key_id


def test_others_go_on_while_one_renews(provider, source, clock):
    """As long as the old ones are valid, nobody else waits, and nobody else asks."""
    provider.get()
    clock.advance(HOUR_S - 60)
    source.gate.clear()
    source.entered.clear()
    threads, results = in_threads(1, provider.get)
    assert source.entered.wait(30)

    assert "id-1" == provider.get().key_id
    assert [] == results

    source.gate.set()
    threads[0].join()
    assert ["id-2"] == [one.key_id for one in results]
    assert "id-2" == provider.get().key_id
    assert 2 == source.asked


def test_when_they_have_ended_all_wait_for_one(provider, source, clock):
    """Eight threads, one question, and none of them is given what has ended."""
    provider.get()
    clock.advance(HOUR_S + 1)
    source.gate.clear()
    source.entered.clear()
    threads, results = in_threads(8, provider.get)
    assert source.entered.wait(30)
    assert [] == results

    source.gate.set()
    for thread in threads:
        thread.join()

    assert ["id-2"] * 8 == [one.key_id for one in results]
    assert 2 == source.asked


def test_an_early_renewal_may_fail(provider, source, clock, expect_log):
    """The old ones are used, and a quarter of a minute later it is tried again."""
    expect_log(r"cannot renew credentials, 60 seconds are left: .*no answer")
    provider.get()
    clock.advance(HOUR_S - 60)
    source.error = Unreachable("no answer")

    for _ in range(3):
        assert "id-1" == provider.get().key_id
    assert 2 == source.asked

    source.error = None
    clock.advance(16)
    assert "id-3" == provider.get().key_id


def test_a_failure_with_nothing_valid_left_reaches_everybody(provider, source, clock):
    """Each gets an exception of his own; the source is asked once a second."""
    source.error = Unreachable("no answer")
    threads, results = in_threads(5, provider.get)
    for thread in threads:
        thread.join()

    assert [Unreachable] * 5 == [type(one) for one in results]
    assert 5 == len({id(one) for one in results})
    assert 1 == source.asked

    clock.advance(1.1)
    source.error = None
    assert "id-2" == provider.get().key_id


def test_a_file_that_went_away_is_a_refusal_and_no_option(provider, source, clock):
    """Once mounted, nobody can look at an option any more: applications see EACCES."""
    source.error = InvalidOption("the file is gone")
    with pytest.raises(InvalidOption):
        provider.get()
    clock.advance(2)
    source.error = None
    provider.get()

    clock.advance(HOUR_S + 1)
    source.error = InvalidOption("the file is gone")
    with pytest.raises(InvalidCredentials, match="the file is gone"):
        provider.get()


def test_refused_ones_are_renewed_once_however_many_were_refused(provider, source):
    """The first renews; the others hear that there are new ones."""
    refused = provider.get()
    threads, results = in_threads(8, lambda: provider.invalidate(refused))
    for thread in threads:
        thread.join()

    assert [True] * 8 == results
    assert 2 == source.asked
    assert "id-2" == provider.get().key_id


def test_refused_ones_that_come_again_are_no_help(provider, source, clock):
    """The answer is no, and for a second nobody is asked again."""
    source.issues_same = True
    source.life_s = None
    refused = provider.get()

    assert not provider.invalidate(refused)
    assert not provider.invalidate(refused)
    assert 2 == source.asked

    clock.advance(1.1)
    source.issues_same = False
    assert provider.invalidate(refused)


def test_a_refusal_without_a_reason_is_laid_to_old_ones_only(provider, source, clock):
    """What was issued a moment ago is good; something else is forbidden."""
    refused = provider.get()

    assert not provider.invalidate(refused, is_certain=False)
    assert 1 == source.asked
    clock.advance(61)
    assert provider.invalidate(refused, is_certain=False)


def test_refused_while_the_issuer_is_out_of_reach(provider, source, expect_log):
    """What may pass is raised, to be tried again; what will not pass is a no."""
    refused = provider.get()
    source.error = Unreachable("no answer")
    with pytest.raises(Unreachable):
        provider.invalidate(refused)


def test_refused_and_the_issuer_refuses_too(provider, source, expect_log):
    """There are no others."""
    expect_log("there are no others: .*no such role")
    refused = provider.get()
    source.error = InvalidCredentials("no such role")

    assert not provider.invalidate(refused)


def test_an_end_that_is_past_by_our_clock_only(clock):
    """Fresh ones are used for a moment instead of being renewed for every request."""
    source = Source(clock, life_s=-7200)
    provider = Refreshing(source, clock=clock, random=Highest())

    for _ in range(10):
        provider.get()

    assert 1 == source.asked


def test_an_end_that_nobody_knows(clock):
    """They are good until they are refused."""
    source = Source(clock, life_s=None)
    provider = Refreshing(source, clock=clock)
    first = provider.get()
    clock.advance(10 * 365 * 86400)
    assert first is provider.get()
