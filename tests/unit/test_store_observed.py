"""What is counted, timed and logged about requests."""

import logging

import pytest

from ossfs.clock import FakeClock
from ossfs.errors import NoSuchKey
from ossfs.extents import Extent
from ossfs.observe import logs
from ossfs.observe.metrics import DECLARED, Metrics, joined
from ossfs.store.api import BytesBody, FileBody, Handing, Headers
from ossfs.store.memory import MemoryStore
from ossfs.store.metered import Metered


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def configured(tmp_path):
    file = tmp_path / "log"
    yield lambda level: (logs.configure(level, file), file)[1]
    logger = logging.getLogger("ossfs")
    for handler in [h for h in logger.handlers if isinstance(h.formatter, logs.LineFormatter)]:
        logger.removeHandler(handler)
        handler.close()
    logger.propagate = True


def test_requests_are_counted_by_outcome(metrics):
    """Successes as ok, failures by their class; bytes of bodies by operation."""
    store = Metered(MemoryStore(), metrics=metrics)
    store.put("k", BytesBody(b"12345"), Headers())
    store.get("k", Extent(1, 4))
    with pytest.raises(NoSuchKey):
        store.get("nowhere")

    def count(operation, outcome):
        return metrics.value("ossfs_requests_total", operation=operation, outcome=outcome)

    assert (1, 1, 1) == (count("put", "ok"), count("get", "ok"), count("get", "NoSuchKey"))
    assert 5 == metrics.value("ossfs_sent_bytes_total", operation="put")
    assert 3 == metrics.value("ossfs_received_bytes_total", operation="get")


def test_bytes_are_counted_as_they_come(metrics):
    """Also those of an answer that is not taken to its end."""
    store = Metered(MemoryStore(), metrics=metrics)
    store.put("k", BytesBody(bytes(1000)), Headers())

    def full(data):
        assert 100 * len(left) == metrics.value("ossfs_received_bytes_total", operation="get")
        left.append(data)
        if len(left) == 5:
            raise OSError(28, "No space left on device")

    left = [b""]
    with pytest.raises(OSError, match="No space left"):
        store.get("k", into=Handing(full, 100))

    assert 400 == metrics.value("ossfs_received_bytes_total", operation="get")


def test_a_body_that_cannot_be_read_is_counted_too(metrics, tmp_path):
    """It is neither a success nor the store's error."""
    (tmp_path / "file").write_bytes(b"short")
    store = Metered(MemoryStore(), metrics=metrics)

    with (tmp_path / "file").open("rb") as file, pytest.raises(OSError, match="ends inside"):
        store.put("k", FileBody(file.fileno(), Extent(0, 100)), Headers())

    assert 1 == metrics.value("ossfs_requests_total", operation="put", outcome="not_sent")
    assert 0 == metrics.value("ossfs_sent_bytes_total")


def test_requests_are_timed(metrics):
    """By the clock that was handed in."""
    clock = FakeClock()

    class Slow(MemoryStore):
        def head(self, key, **kwargs):
            clock.advance(0.25)
            return super().head(key, **kwargs)

    with pytest.raises(NoSuchKey):
        Metered(Slow(), metrics=metrics, clock=clock).head("k")

    assert 0.25 == metrics.value("ossfs_request_seconds_sum", operation="head")
    assert 1 == metrics.value("ossfs_request_seconds_count", operation="head")


def test_every_metric_says_what_it_is(metrics):
    """Each declared metric has a unit and a sentence, and appears in the text."""
    text = metrics.text()

    for name, metric in DECLARED.items():
        assert name == metric.name
        assert metric.unit
        assert metric.meaning.endswith(".")
        assert metric.meaning in text


def test_texts_of_several_mounts_become_one(metrics):
    """Each metric is described once; a sample keeps its labels and gets those of its mount."""
    other = Metrics()
    metrics.count("ossfs_requests_total", 2, operation="put", outcome="ok")
    metrics.observe("ossfs_request_seconds", 0.02, operation="put")
    other.count("ossfs_requests_total", 3, operation="put", outcome="ok")
    place = 'a "b"\n'

    text = joined([({"at": "x"}, metrics.text()), ({"at": place}, other.text())])

    lines = text.splitlines()
    assert 1 == lines.count("# TYPE ossfs_requests_total counter")
    assert 1 == lines.count("# TYPE ossfs_request_seconds histogram")
    counted = {line for line in lines if line.startswith("ossfs_requests")}
    assert {
        'ossfs_requests_total{at="x",operation="put",outcome="ok"} 2.0',
        'ossfs_requests_total{at="a \\"b\\"\\n",operation="put",outcome="ok"} 3.0',
    } == counted
    assert 'ossfs_request_seconds_bucket{at="x",le="0.03",operation="put"} 1.0' in lines
    assert 'ossfs_request_seconds_count{at="x",operation="put"} 1.0' in lines


def test_what_is_not_declared_cannot_be_counted(metrics):
    """A misspelt name fails where it is used."""
    with pytest.raises(KeyError):
        metrics.count("ossfs_reqeusts_total")


def test_a_log_line(configured):
    """Pairs of key and value, one record on one line."""
    file = configured("info")

    logging.getLogger("ossfs.store").info("trying again key=%r\nsecond", "a\nb")

    line = file.read_text()
    assert " level=info logger=ossfs.store thread=MainThread trying again key='a\\nb'\\nsecond" in (
        line
    )
    assert line.startswith("time=20")
    assert 1 == line.count("\n")


def test_levels(configured):
    """What is below the level is not written; configuring again replaces."""
    file = configured("error")
    logging.getLogger("ossfs").info("first")
    configured("info")
    logging.getLogger("ossfs").info("second")

    assert ["second"] == [line.split()[-1] for line in file.read_text().splitlines()]
    with pytest.raises(ValueError, match="LOUD"):
        configured("loud")


@pytest.mark.parametrize(
    "message",
    [
        "GET /k?Signature=abc%2Fdef&x=1",
        "x-oss-signature=deadbeef",
        "x-oss-security-token: tok3n",
        "{'security-token': 'tok3n'}",
        "secret='s3cr3t'",
    ],
)
def test_secrets_are_blotted_out(configured, message):
    """Signatures and tokens do not get into the log, whoever puts them into a message."""
    file = configured("info")

    logging.getLogger("ossfs").info("%s", message)

    line = file.read_text()
    assert "***" in line
    assert not any(word in line for word in ("abc%2Fdef", "deadbeef", "tok3n", "s3cr3t"))


def test_an_exception_stays_on_its_line(configured):
    """The trace is part of the line."""
    file = configured("info")
    try:
        MemoryStore().head("gone")
    except NoSuchKey:
        logging.getLogger("ossfs").info("failed", exc_info=True)

    assert 1 == file.read_text().count("\n")
    assert "NoSuchKey" in file.read_text()
