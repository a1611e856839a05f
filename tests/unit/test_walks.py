"""Asking for the metadata of files ahead of somebody who walks through a directory."""

import threading

import pytest

from ossfs.clock import FakeClock
from ossfs.errors import NoSuchKey
from ossfs.transfer.workers import InlineWorkers, ThreadWorkers
from ossfs.vfs.walk import Asked, Walks

KEYS = [f"d/{number:03}" for number in range(200)]


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def asked():
    return []


@pytest.fixture
def under_way():
    return Asked()


@pytest.fixture
def walks(clock, asked, under_way):
    return Walks(
        ask=asked.append,
        following=following,
        asked=under_way,
        workers=InlineWorkers(),
        clock=clock,
    )


def following(key, count):
    behind = KEYS.index(key) + 1 if key in KEYS else len(KEYS)
    return KEYS[behind : behind + count]


def test_one_or_two_files_are_no_walk(walks, asked):
    walks.missed(KEYS[0])
    walks.missed(KEYS[1])

    assert [] == asked


def test_the_third_file_brings_the_next_ones(walks, asked):
    for key in KEYS[:3]:
        walks.missed(key)

    assert KEYS[3:35] == asked


def test_more_are_asked_for_as_the_walk_goes_on(walks, asked):
    for key in (*KEYS[:3], KEYS[35]):
        walks.missed(key)

    assert KEYS[3:35] + KEYS[36:100] == asked


def test_a_pause_ends_the_walk(walks, asked, clock):
    walks.missed(KEYS[0])
    walks.missed(KEYS[1])
    clock.advance(10)
    walks.missed(KEYS[2])

    assert [] == asked


def test_files_of_other_directories_do_not_count(walks, asked):
    for key in (KEYS[0], "e/1", "f/1", KEYS[1]):
        walks.missed(key)

    assert [] == asked


def test_opening_the_files_is_no_walk(walks, asked):
    for key in KEYS[:9]:
        walks.missed(key)
        walks.opened(key)

    assert [] == asked


def test_nobody_waits_for_what_was_not_asked(under_way):
    assert not under_way.wait(KEYS[0])


def test_a_file_that_is_being_asked_for_is_waited_for(clock, under_way):
    """The answer comes, or it does not: in both cases the waiting ends."""
    answer, workers = threading.Event(), ThreadWorkers(4, "walk")

    def ask(_):
        assert answer.wait(10)
        raise NoSuchKey

    walks = Walks(ask=ask, following=following, asked=under_way, workers=workers, clock=clock)
    for key in KEYS[:3]:
        walks.missed(key)
    waited = []
    waiting = threading.Thread(target=lambda: waited.append(under_way.wait(KEYS[3])))
    waiting.start()
    waiting.join(0.05)
    assert [] == waited
    answer.set()
    waiting.join()
    workers.close(cancel=False)

    assert [True] == waited
    assert not under_way.wait(KEYS[34])


def test_workers_that_have_ended_leave_nobody_waiting(clock, asked, under_way):
    workers = InlineWorkers()
    workers.close(cancel=True)
    walks = Walks(
        ask=asked.append, following=following, asked=under_way, workers=workers, clock=clock
    )
    for key in KEYS[:3]:
        walks.missed(key)

    assert not under_way.wait(KEYS[3])
