"""How `Retrying` pauses, gives up, and what it does not repeat."""

import logging
import random

import pytest

from ossfs.clock import FakeClock
from ossfs.errors import (
    AlreadyExists,
    ChecksumMismatch,
    NoSuchKey,
    ServerFault,
    Throttled,
    TimedOut,
    Unreachable,
)
from ossfs.observe.metrics import Metrics
from ossfs.store.api import BytesBody, Headers
from ossfs.store.memory import MemoryStore
from ossfs.store.retrying import Retrying, RetryOptions


class Failing(MemoryStore):
    """A store whose requests fail as told; those that write, when so told, after they are done."""

    def __init__(self, *errors, after=False):
        super().__init__()
        self.errors = list(errors)
        self.after = after
        self.calls = 0

    def _fail(self):
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)

    def head(self, key, **kwargs):
        self._fail()
        return super().head(key, **kwargs)

    def put(self, *args, **kwargs):
        return self._failing(super().put, *args, **kwargs)

    def complete_upload(self, *args, **kwargs):
        return self._failing(super().complete_upload, *args, **kwargs)

    def _failing(self, function, *args, **kwargs):
        if not self.after:
            self._fail()
        done = function(*args, **kwargs)
        if self.after:
            self._fail()
        return done


class Watch(FakeClock):
    """A clock that remembers its pauses."""

    def __init__(self):
        super().__init__()
        self.pauses = []

    def sleep(self, seconds):
        self.pauses.append(seconds)
        super().sleep(seconds)


class Largest(random.Random):
    """Draws the upper bound, to make the bounds visible."""

    def uniform(self, low, high):
        return high


def retrying(store, clock=None, **options):
    return Retrying(
        store, options=RetryOptions(**options), clock=clock or Watch(), random=Largest()
    )


def test_pauses_double_up_to_a_bound():
    """0.1, 0.2, 0.4 … and never more than the longest."""
    clock = Watch()
    store = Failing(*(Unreachable() for _ in range(7)))

    with pytest.raises(NoSuchKey):
        retrying(store, clock, longest_pause_s=2.0).head("k")

    assert [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0] == clock.pauses


def test_pauses_are_drawn_at_random():
    """Full jitter: anything between nothing and the bound."""
    clock = Watch()
    store = Failing(*(Unreachable() for _ in range(20)))

    with pytest.raises(NoSuchKey):
        Retrying(
            store, options=RetryOptions(longest_pause_s=1), clock=clock, random=random.Random(1)
        ).head("k")

    assert all(0 <= pause <= 1 for pause in clock.pauses)
    assert min(clock.pauses[5:]) < 0.3
    assert max(clock.pauses[5:]) > 0.7


def test_the_stores_wish_is_respected():
    """Retry-After is waited for, even when it is longer than our own pauses."""
    clock = Watch()
    wish = Throttled()
    wish.retry_after_s = 33.0

    with pytest.raises(NoSuchKey):
        retrying(Failing(wish, Throttled()), clock).head("k")

    assert [33.0, 2.0] == clock.pauses


def test_the_deadline(expect_log):
    """It gives up before a pause that would end behind the deadline, with the last error."""
    expect_log("giving up op=head key='k'")
    clock = Watch()
    errors = [ServerFault(str(n)) for n in range(100)]

    with pytest.raises(ServerFault) as caught:
        retrying(Failing(*errors), clock, deadline_s=10, longest_pause_s=2).head("k")

    assert str(len(clock.pauses)) == caught.value.message
    assert 8 < sum(clock.pauses) < 10


def test_who_reports_the_error_is_not_warned_of_it(caplog):
    """Giving up is told as each attempt is."""
    caplog.set_level(logging.INFO, "ossfs")

    with pytest.raises(ServerFault):
        retrying(Failing(ServerFault("oops")), most_retries=0, caller_reports=True).head("k")

    (record,) = caplog.records
    assert ("INFO", True) == (record.levelname, record.getMessage().startswith("giving up op=head"))


def test_every_attempt_is_logged(caplog):
    """At INFO, with key, attempt, error and request id."""
    caplog.set_level(logging.INFO, "ossfs")

    oops = ServerFault("oops", status=500, code="InternalError", request_id="5C")
    with pytest.raises(NoSuchKey):
        retrying(Failing(oops)).head("the key")

    assert [
        (
            "trying again op=head key='the key' attempt=1 pause_s=0.10 error=ServerFault "
            "status=500 code=InternalError request_id=5C message='oops'"
        )
    ] == [record.getMessage() for record in caplog.records]


def test_repetitions_are_counted(expect_log):
    """By operation and reason; giving up separately."""
    expect_log("giving up")
    metrics = Metrics()
    store = Failing(*(TimedOut() for _ in range(1000)))

    with pytest.raises(TimedOut):
        Retrying(store, metrics=metrics, clock=Watch(), random=Largest()).head("k")

    labels = {"operation": "head", "reason": "TimedOut"}
    assert store.calls - 1 == metrics.value("ossfs_retries_total", **labels)
    assert 1 == metrics.value("ossfs_given_up_total", **labels)


def test_wrong_checksums_are_not_asked_for_without_end(expect_log):
    """Three in a row, and the bytes are wrong where they come from."""
    expect_log("giving up op=put")
    store = Failing(*(ChecksumMismatch() for _ in range(10)))

    with pytest.raises(ChecksumMismatch):
        retrying(store).put("k", BytesBody(b"x"), Headers())

    assert 3 == store.calls


def test_our_own_object_is_no_obstacle():
    """AlreadyExists after a lost answer: the object is ours, by size, CRC and headers."""
    store = Failing(TimedOut(), after=True)
    headers = Headers("text/plain", {"Mode": "1"})

    stored = retrying(store).put("k", BytesBody(b"x"), headers, forbid_overwrite=True)

    assert store.get("k").info.etag == stored.etag


@pytest.mark.parametrize(
    ("content", "headers"),
    [(b"y", Headers()), (b"x", Headers(metadata={"mode": "2"})), (b"x", Headers("text/css"))],
)
def test_somebody_elses_object_is(content, headers):
    """Other bytes or other headers are not what we sent."""
    store = Failing(TimedOut())
    store.errors.clear()
    store.put("k", BytesBody(content), headers)
    store.errors.append(TimedOut())

    with pytest.raises(AlreadyExists):
        retrying(store).put(
            "k", BytesBody(b"x"), Headers("text/plain", {"mode": "1"}), forbid_overwrite=True
        )


def test_an_object_that_was_there_before():
    """Without a lost answer AlreadyExists is just that, equal bytes or not."""
    store = Failing()
    store.put("k", BytesBody(b"x"), Headers())

    with pytest.raises(AlreadyExists):
        retrying(store).put("k", BytesBody(b"x"), Headers(), forbid_overwrite=True)


MARKED = Headers("text/plain", {"mtime": "1767225600.000000007"})


def test_a_gateway_that_throttles_too_late():
    """What has our time of change is ours, though we were told to come again."""
    store = Failing(Throttled(), after=True)

    stored = retrying(store).put("k", BytesBody(b"x"), MARKED, forbid_overwrite=True)

    assert store.get("k").info.etag == stored.etag


def test_a_gateway_that_throttles_behind_complete():
    """An upload is ours, and so is what it has become."""
    store = Failing(Throttled(), after=True)
    upload = store.create_upload("k", Headers())
    part = store.upload_part("k", upload, 1, BytesBody(b"x"))

    stored = retrying(store).complete_upload("k", upload, [part], forbid_overwrite=True)

    assert store.get("k").info.etag == stored.etag


def test_being_throttled_while_somebody_else_is_faster():
    """Other bytes are not ours, whatever time they have."""
    store = Failing()
    store.put("k", BytesBody(b"y"), MARKED)
    store.errors.append(Throttled())

    with pytest.raises(AlreadyExists):
        retrying(store).put("k", BytesBody(b"x"), MARKED, forbid_overwrite=True)


def test_being_throttled_leaves_no_doubt():
    """A throttled request was not carried out, so an equal object is not ours."""
    store = Failing()
    store.put("k", BytesBody(b"x"), Headers())
    store.errors.append(Throttled())

    with pytest.raises(AlreadyExists):
        retrying(store).put("k", BytesBody(b"x"), Headers(), forbid_overwrite=True)
