"""Readers see the first bytes of a request while the others are still to come."""

import threading
from concurrent.futures import Future

import pytest

from ossfs.cache.blocks import BlockCache
from ossfs.cache.readahead import ReadaheadConfig
from ossfs.errors import ServerFault
from ossfs.extents import Extent
from ossfs.store.api import BytesBody, Fetched, Headers
from ossfs.store.memory import MemoryStore
from ossfs.transfer.workers import ThreadWorkers
from ossfs.vfs.reader import ObjectReader

KIB = 1 << 10
MIB = 1 << 20
PIECE = 128 * KIB
CONTENT = bytes(range(256)) * 4096 * 24


class Tap:
    """A store whose answers come when the test lets them, to the byte."""

    def __init__(self):
        self.store = MemoryStore()
        self.name = self.store.name
        self.begun = set()
        self.ended = []
        self._changed = threading.Condition()
        self._open_until = 0
        self._error = None

    def let(self, until, error=None):
        """Let bytes in front of `until` come; with `error`, that is what comes behind them."""
        with self._changed:
            self._open_until, self._error = until, error
            self._changed.notify_all()

    def get(self, key, extent=None, *, if_match=None, into=None):
        info, data, _ = self.store.get(key, extent, if_match=if_match)
        start = 0 if extent is None else extent.start
        into.begins(info, Extent(start, start + len(data)))
        with self._changed:
            self.begun.add(start)
            self._changed.notify_all()
        at = 0
        try:
            while at < len(data):
                room = into.room()
                count = min(self._wait(start + at) - start - at, len(data) - at, len(room))
                room[:count] = data[at : at + count]
                at += count
                into.came(count)
        finally:
            with self._changed:
                self.ended.append((start, at, len(data)))
                self._changed.notify_all()
        return Fetched(info, b"")

    def _wait(self, at):
        with self._changed:
            assert self._changed.wait_for(lambda: self._open_until > at or self._error, 20)
            if self._open_until <= at:
                raise self._error
            return self._open_until

    def wait_for_begin(self, start):
        """Wait for the request that begins at `start`."""
        with self._changed:
            assert self._changed.wait_for(lambda: start in self.begun, 20)

    def wait_for_end(self, start):
        """Return how many bytes came, of how many, of the request that began at `start`."""

        def found():
            return next((end[1:] for end in self.ended if end[0] == start), None)

        with self._changed:
            assert self._changed.wait_for(found, 20)
            return found()


@pytest.fixture
def tap():
    return Tap()


@pytest.fixture
def blocks():
    return BlockCache(192 * MIB)


@pytest.fixture
def opened(tap, blocks):
    etag = tap.store.put("file", BytesBody(CONTENT), Headers()).etag
    pools = [ThreadWorkers(8, "ahead"), ThreadWorkers(8, "demanded")]
    objects = ObjectReader(
        store=tap,
        blocks=blocks,
        workers=pools[0],
        demanded=pools[1],
        readahead=ReadaheadConfig(),
    )
    yield lambda: objects.open("file", etag, len(CONTENT))
    tap.let(len(CONTENT))
    for pool in pools:
        pool.close(cancel=True)


def test_the_first_bytes_are_enough(tap, opened):
    """A read returns when its own bytes are there, not when all that was asked for is."""
    tap.let(PIECE)
    reader = opened()
    assert reader.read(0, PIECE) == CONTENT[:PIECE]
    assert not tap.ended


def test_the_end_is_shown_last(tap, opened):
    """The last bytes of a request are held back until all of it has been checked."""
    reader = opened()
    first = ReadaheadConfig().first
    tap.let(first - 1)
    done = threading.Event()
    last = threading.Thread(target=lambda: (reader.read(first - 8, 4), done.set()))
    last.start()
    assert reader.read(0, first - 64 * KIB) == CONTENT[: first - 64 * KIB]
    assert not done.is_set()
    tap.let(first)
    last.join(20)
    assert done.is_set()


def test_a_request_that_breaks_off_serves_those_it_can(tap, opened):
    """Bytes that came are right; for the others the reader makes another attempt."""
    tap.let(4 * PIECE, ServerFault("broken"))
    reader = opened()
    assert reader.read(0, PIECE) == CONTENT[:PIECE]
    tap.wait_for_end(0)
    tap.let(len(CONTENT))
    assert reader.read(6 * PIECE, PIECE) == CONTENT[6 * PIECE : 7 * PIECE]


def test_a_request_of_its_own_is_believed(tap, opened):
    """What a reader has asked for and is refused, it is told without asking again."""
    tap.let(0, ServerFault("broken"))
    with pytest.raises(ServerFault):
        opened().read(0, PIECE)
    assert len(tap.ended) == 1


def test_nobody_waits_for_a_file_that_was_closed(tap, opened, blocks):
    """What is under way only for readers that are gone ends early, and its memory is free."""
    tap.let(2 * MIB)
    reader = opened()
    for at in range(0, MIB + MIB // 2, PIECE):
        assert reader.read(at, PIECE) == CONTENT[at : at + PIECE]
    assert blocks.reserved > 4 * MIB
    tap.wait_for_begin(4 * MIB)
    reader.close()
    tap.let(5 * MIB)
    came, size = tap.wait_for_end(4 * MIB)
    assert came < size
    tap.let(len(CONTENT))


def test_another_reader_keeps_a_request_alive(tap, opened):
    """A request ends early only if none of those who want its bytes is left."""
    tap.let(2 * MIB)
    first, second = opened(), opened()
    for at in range(0, MIB + MIB // 2, PIECE):
        first.read(at, PIECE)
        second.read(at, PIECE)
    first.close()
    tap.let(len(CONTENT))
    assert tap.wait_for_end(4 * MIB) == (4 * MIB, 4 * MIB)


def test_a_reader_that_took_over_a_request_gets_its_bytes(tap, blocks):
    """What a reader fetches itself goes on when whoever had planned it closes the file."""
    etag = tap.store.put("file", BytesBody(CONTENT), Headers()).etag
    idle = Idle()
    objects = ObjectReader(
        store=tap, blocks=blocks, workers=idle, demanded=None, readahead=ReadaheadConfig()
    )
    tap.let(2 * MIB)
    first, second = (objects.open("file", etag, len(CONTENT)) for _ in range(2))
    for at in range(0, MIB + PIECE, PIECE):
        first.read(at, PIECE)
    got = []
    start, stop = MIB + PIECE, 4 * MIB
    reading = threading.Thread(target=lambda: got.append(second.read(start, stop - start)))
    reading.start()
    tap.wait_for_begin(start)
    first.close()
    tap.let(len(CONTENT))
    reading.join(20)
    assert got == [CONTENT[start:stop]]


class Idle:
    """Workers that never come to anything."""

    def submit(self, function, *args):
        return Future()
