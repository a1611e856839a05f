"""Exact bytes, one version, few requests, whatever the pattern of the reads."""

import random
import threading
from collections import Counter
from concurrent.futures import Future

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ossfs.cache.blocks import BlockCache
from ossfs.cache.readahead import ReadaheadConfig
from ossfs.clock import FakeClock
from ossfs.errors import PreconditionFailed, ServerFault, ShortBody
from ossfs.extents import Extent
from ossfs.store.api import BytesBody, Fetched, Headers
from ossfs.store.memory import MemoryStore
from ossfs.transfer.workers import InlineWorkers, ThreadWorkers
from ossfs.vfs.reader import ObjectReader

KIB = 1024
MIB = 1024 * KIB
PIECE = 128 * KIB  # what the kernel asks for
CONTENT = random.Random(7).randbytes(40 * MIB + 12_345)


class Watched:
    """A store that notes every GET, and lets a test fail or hold some of them."""

    def __init__(self, store):
        self.store = store
        self.name = store.name
        self.gets = []
        self.now = 0
        self.most = 0
        self.before = lambda extent: None
        self.after = lambda fetched: fetched
        self._lock = threading.Lock()

    def get(self, key, extent=None, *, if_match=None, into=None):
        whole = Extent(0, self.store.head(key).size) if extent is None else extent
        with self._lock:
            self.gets.append(whole)
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            self.before(whole)
            return self.after(self.store.get(key, extent, if_match=if_match, into=into))
        finally:
            with self._lock:
                self.now -= 1

    def put(self, key, data):
        return self.store.put(key, BytesBody(data), Headers()).etag

    @property
    def fetched(self):
        return sum(extent.size for extent in self.gets)


@pytest.fixture
def store():
    return Watched(MemoryStore())


@pytest.fixture
def blocks():
    return BlockCache(192 * MIB)


@pytest.fixture
def objects(store, blocks):
    """Read with requests ahead that are done at once, in the thread that reads."""
    return ObjectReader(
        store=store, blocks=blocks, workers=InlineWorkers(), readahead=ReadaheadConfig()
    )


@pytest.fixture
def threaded(store, blocks):
    workers = ThreadWorkers(8, "reads")
    yield ObjectReader(store=store, blocks=blocks, workers=workers, readahead=ReadaheadConfig())
    workers.close(cancel=True)


def opened(objects, store, data, key="file"):
    return objects.open(key, store.put(key, data), len(data))


def read_all(reader, piece=PIECE):
    return b"".join(reader.read(at, piece) for at in range(0, reader.size, piece))


def test_small_file_is_one_request(objects, store):
    """A small file is fetched whole by its first read; its later reads ask for nothing."""
    reader = opened(objects, store, CONTENT[:MIB])

    assert read_all(reader) == CONTENT[:MIB]
    assert [Extent(0, MIB)] == store.gets


def test_whole_small_object_is_fetched_without_a_range(objects, store):
    """Only a GET without a range is checked against the object's CRC-64 by the store."""
    ranges = []
    get, store.get = (
        store.get,
        lambda key, extent, **more: ranges.append(extent) or get(key, extent, **more),
    )
    assert opened(objects, store, b"small").read(0, 99) == b"small"
    assert ranges == [None]


@pytest.mark.parametrize("size", [0, 1, PIECE, PIECE + 1, 2 * MIB, 2 * MIB + 1, 9 * MIB - 1])
def test_sequential_read_of_any_size(objects, store, size):
    """Sizes around every threshold come back exactly, within the budget of requests."""
    reader = opened(objects, store, CONTENT[:size])

    assert read_all(reader) == CONTENT[:size]
    assert len(store.gets) <= -(-size // (8 * MIB)) + 4
    assert store.fetched == size


def test_sequential_read_asks_for_each_byte_once(objects, store):
    """40 MiB in pieces of 128 KiB cost ceil(40 / 8) + 4 requests and no byte twice."""
    reader = opened(objects, store, CONTENT)

    assert read_all(reader) == CONTENT
    assert len(store.gets) <= -(-len(CONTENT) // (8 * MIB)) + 4
    assert store.fetched == len(CONTENT)


@pytest.mark.parametrize("piece", [4 * KIB, 100_000, MIB, 64 * MIB])
def test_sequential_read_in_any_piece(objects, store, piece):
    """The size of the reads changes neither the bytes nor how many are fetched."""
    reader = opened(objects, store, CONTENT)

    assert read_all(reader, piece) == CONTENT
    assert store.fetched == len(CONTENT)


def test_a_look_at_the_head_of_a_large_file_fetches_little(objects, store):
    """Reading 256 KiB of a large file costs one request of 1 MiB + 128 KiB."""
    reader = opened(objects, store, CONTENT)
    reader.read(0, PIECE)
    reader.read(PIECE, PIECE)

    assert [Extent(0, MIB + PIECE)] == store.gets


@pytest.mark.parametrize(("piece", "most"), [(4 * KIB, 64 * KIB), (PIECE, 256 * KIB)])
def test_random_reads_are_small_and_single(objects, store, piece, most):
    """A random read is one request of little more than its own bytes."""
    reader = opened(objects, store, CONTENT)
    places = random.Random(3).sample(range(MIB, len(CONTENT) - piece, MIB), 30)

    for n, place in enumerate(places, 1):
        at = place + 1_001  # on no boundary of anything
        assert reader.read(at, piece) == CONTENT[at : at + piece]
        assert len(store.gets) == n
    assert max(extent.size for extent in store.gets) <= most


def test_random_reads_in_two_pieces_fetch_at_most_double(objects, store):
    """A random read that arrives as neighbouring requests is not taken for a stream."""
    reader = opened(objects, store, CONTENT)

    for place in (30 * MIB, 10 * MIB, 20 * MIB):
        for at in range(place, place + 2 * PIECE, PIECE):
            assert reader.read(at, PIECE) == CONTENT[at : at + PIECE]

    assert store.fetched <= 3 * 2 * (2 * PIECE)


def test_stream_from_the_middle(objects, store):
    """Reading on from the middle soon goes by large parts."""
    reader = opened(objects, store, CONTENT)
    start = 9 * MIB + 17

    read = b"".join(reader.read(at, PIECE) for at in range(start, len(CONTENT), PIECE))

    assert read == CONTENT[start:]
    assert len(store.gets) <= 12
    assert store.fetched <= len(CONTENT) - start + 32 * KIB


def test_backward_reader_gets_exact_bytes(objects, store):
    """Reading towards the start neither repeats bytes nor fetches ahead."""
    reader = opened(objects, store, CONTENT[: 8 * MIB])

    for at in range(8 * MIB - PIECE, 4 * MIB, -PIECE):
        assert reader.read(at, PIECE) == CONTENT[at : at + PIECE]
    assert store.fetched <= 4 * MIB


def test_reads_behind_the_end(objects, store):
    """A read is clipped to the size the file was opened with."""
    reader = opened(objects, store, b"0123456789")

    assert reader.read(8, 100) == b"89"
    assert reader.read(10, 1) == b""
    assert reader.read(1_000_000, 1) == b""
    assert reader.read(3, 0) == b""


def test_read_within_one_block_is_not_copied(objects, store):
    """The bytes of a read that lies in one block are a view of it."""
    assert isinstance(opened(objects, store, CONTENT[:MIB]).read(0, PIECE), memoryview)


def test_second_open_file_reads_from_memory(objects, store):
    """Another open file of the same version needs no request for bytes in memory."""
    first = opened(objects, store, CONTENT[: 3 * MIB])
    read_all(first)
    first.close()
    asked = len(store.gets)

    again = objects.open("file", store.store.head("file").etag, 3 * MIB)

    assert read_all(again) == CONTENT[: 3 * MIB]
    assert len(store.gets) == asked


def test_forget_drops_the_bytes(objects, store, blocks):
    """After forget, the object's bytes are not in memory any more."""
    read_all(opened(objects, store, CONTENT[:MIB]))
    objects.forget("file")
    assert blocks.held == 0


# One version


def test_replaced_object_is_stale_never_mixed(objects, store):
    """After a replacement, bytes in memory are still the old version, others ESTALE."""
    reader = opened(objects, store, CONTENT)
    assert reader.read(0, PIECE) == CONTENT[:PIECE]
    store.put("file", bytes(len(CONTENT)))

    assert reader.read(PIECE, PIECE) == CONTENT[PIECE : 2 * PIECE]
    with pytest.raises(PreconditionFailed):
        reader.read(20 * MIB, PIECE)

    again = objects.open("file", store.store.head("file").etag, len(CONTENT))
    assert again.read(20 * MIB, PIECE) == bytes(PIECE)


def test_deleted_object_is_stale(objects, store):
    """An object that is gone is another version than the one that was opened."""
    reader = opened(objects, store, CONTENT)
    store.store.delete("file")
    store.get = store.store.get

    with pytest.raises(PreconditionFailed, match="gone"):
        reader.read(0, PIECE)


@pytest.mark.parametrize("size", [5, 10 * MIB])
def test_size_that_differs_is_stale(objects, store, size):
    """A size that does not fit the etag it was opened with is never papered over."""
    etag = store.put("file", CONTENT[: 3 * MIB])
    with pytest.raises(PreconditionFailed, match="opened"):
        objects.open("file", etag, size).read(size - 5, 5)


def test_store_that_ignores_if_match_is_caught(objects, store):
    """The etag of the answer is compared too: some stores do not know If-Match on GET."""
    reader = opened(objects, store, b"old bytes")
    store.put("file", b"new bytes")
    store.get = lambda key, extent=None, *, if_match=None, into=None: store.store.get(
        key, extent, into=into
    )

    with pytest.raises(PreconditionFailed, match="answered"):
        reader.read(0, 9)


def test_short_answer_is_an_error(objects, store):
    """Fewer bytes than asked for are never padded or passed on."""
    reader = opened(objects, store, CONTENT[:PIECE])

    def cut(key, _extent, *, if_match, into):
        into.begins(store.store.head(key), Extent(0, PIECE))
        into.came(PIECE - 1)
        return Fetched(store.store.head(key), b"")

    store.get = cut

    with pytest.raises(ShortBody):
        reader.read(0, PIECE)


def test_mixture_is_impossible_while_a_writer_replaces(threaded, store):
    """Every read during many replacements is wholly one version, or ESTALE."""
    size = 3 * MIB
    etags = [store.put("file", bytes([n]) * size) for n in range(2)]
    stop = threading.Event()

    def replace():
        n = 0
        while not stop.is_set():
            n += 1
            store.put("file", bytes([n % 2]) * size)

    writer = threading.Thread(target=replace)
    writer.start()
    outcomes = Counter()
    try:
        for n in range(60):
            version = n % 2
            reader = threaded.open("file", etags[version], size)
            for at in range(0, size, 512 * KIB):
                try:
                    data = bytes(reader.read(at, PIECE))
                except PreconditionFailed:
                    outcomes["stale"] += 1
                else:
                    assert data == bytes([version]) * PIECE
                    outcomes["read"] += 1
            reader.close()
            threaded.forget("file")
    finally:
        stop.set()
        writer.join()
    assert outcomes["read"]


# Failures


def test_failed_read_is_tried_again_by_the_next(objects, store):
    """A failing GET fails the read that needs it and nothing after it."""
    reader = opened(objects, store, CONTENT)

    def fail(extent):
        raise ServerFault("broken")

    store.before = fail
    with pytest.raises(ServerFault):
        reader.read(0, PIECE)
    store.before = lambda extent: None

    assert read_all(reader) == CONTENT


def test_failed_prefetch_is_not_seen_by_the_reader(lazy, store, waiting, blocks):
    """Bytes that could not be fetched ahead are fetched when the reader gets there."""
    reader = opened(lazy, store, CONTENT)

    def fail(extent):
        raise ServerFault("broken")

    for at in range(0, len(CONTENT), PIECE):
        assert reader.read(at, PIECE) == CONTENT[at : at + PIECE]
        store.before = fail
        waiting.run()
        store.before = lambda extent: None

    assert store.fetched > 1.5 * len(CONTENT)  # most of it was tried ahead, in vain
    assert blocks.reserved == 0


def test_failures_leave_nothing_reserved(objects, store, blocks):
    """Memory reserved for requests that failed is given back."""
    reader = opened(objects, store, CONTENT)
    read_all(reader, MIB)

    def fail(extent):
        raise ServerFault("broken")

    objects.forget("file")
    store.before = fail
    for at in range(0, len(CONTENT), MIB):
        with pytest.raises(ServerFault):
            reader.read(at, MIB)

    assert blocks.reserved == 0


# Several threads


def test_single_flight(threaded, store):
    """Many open files that want the same bytes at once make one request."""
    data = CONTENT[:MIB]
    etag = store.put("file", data)
    started, gate = threading.Event(), threading.Event()
    store.before = lambda extent: (started.set(), gate.wait(5))
    results = []

    def read():
        reader = threaded.open("file", etag, MIB)
        results.append(bytes(reader.read(0, MIB)) == data)
        reader.close()

    readers = [threading.Thread(target=read) for _ in range(8)]
    for thread in readers:
        thread.start()
    assert started.wait(5)
    gate.set()
    for thread in readers:
        thread.join()

    assert results == [True] * 8
    assert len(store.gets) == 1


def test_waiters_of_a_failed_request_make_one_attempt_of_their_own(threaded, store):
    """The failure of another's request does not fail a reader that could still succeed."""
    etag = store.put("file", CONTENT[:MIB])
    started, gate = threading.Event(), threading.Event()

    def fail_first(extent):
        if len(store.gets) == 1:
            started.set()
            gate.wait(5)
            raise ServerFault("broken")

    store.before = fail_first
    outcomes = []

    def read():
        reader = threaded.open("file", etag, MIB)
        try:
            outcomes.append(len(reader.read(0, MIB)))
        except ServerFault:
            outcomes.append("failed")
        finally:
            reader.close()

    first = threading.Thread(target=read)
    first.start()
    assert started.wait(5)
    others = [threading.Thread(target=read) for _ in range(4)]
    for thread in others:
        thread.start()
    gate.set()
    for thread in (first, *others):
        thread.join()

    assert Counter(outcomes) == {"failed": 1, MIB: 4}


@pytest.mark.parametrize("error", [PreconditionFailed, ServerFault])
def test_waiters_hear_of_a_failure_that_lasts(threaded, store, error):
    """Readers that wait for a request end with its error, after one attempt each at most."""
    etag = store.put("file", CONTENT[:MIB])
    started, gate = threading.Event(), threading.Event()

    def fail(extent):
        started.set()
        gate.wait(5)
        raise error("for good")

    store.before = fail
    outcomes = []

    def read():
        reader = threaded.open("file", etag, MIB)
        try:
            reader.read(0, MIB)
        except error:
            outcomes.append("failed")
        finally:
            reader.close()

    readers = [threading.Thread(target=read) for _ in range(5)]
    readers[0].start()
    assert started.wait(5)
    for thread in readers[1:]:
        thread.start()
    gate.set()
    for thread in readers:
        thread.join()

    assert outcomes == ["failed"] * 5
    assert len(store.gets) <= 5


def test_threads_on_one_open_file(threaded, store):
    """The kernel reads one file from several threads, out of order: still one stream."""
    reader = opened(threaded, store, CONTENT)
    pieces = iter(range(0, len(CONTENT), PIECE))
    read = {}
    lock = threading.Lock()

    def work():
        while True:
            with lock:
                at = next(pieces, None)
            if at is None:
                return
            read[at] = bytes(reader.read(at, PIECE))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert b"".join(read[at] for at in sorted(read)) == CONTENT
    assert store.fetched == len(CONTENT)
    assert len(store.gets) <= -(-len(CONTENT) // (8 * MIB)) + 4


def test_readers_of_different_places_in_one_open_file(threaded, store):
    """Threads that read different regions through one open file each get their bytes."""
    reader = opened(threaded, store, CONTENT)
    wrong = []

    def work(seed):
        places = random.Random(seed)
        for _ in range(40):
            at = places.randrange(len(CONTENT))
            length = places.choice([1, 4 * KIB, PIECE, MIB])
            if reader.read(at, length) != CONTENT[at : at + length]:
                wrong.append(at)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# Closing


class Waiting:
    """Workers that run nothing until they are told to."""

    def __init__(self):
        self.tasks = []

    def submit(self, function, *args):
        self.tasks.append((function, args))
        return Future()

    def run(self):
        tasks, self.tasks = self.tasks, []
        for function, args in tasks:
            function(*args)


@pytest.fixture
def waiting():
    return Waiting()


@pytest.fixture
def lazy(store, blocks, waiting):
    return ObjectReader(store=store, blocks=blocks, workers=waiting, readahead=ReadaheadConfig())


def test_close_cancels_what_nobody_waits_for(lazy, store, blocks, waiting):
    """Parts that were to be fetched ahead are not fetched for a file that was closed."""
    reader = opened(lazy, store, CONTENT)
    reader.read(0, MIB)
    assert waiting.tasks
    assert blocks.reserved

    reader.close()
    waiting.run()

    assert [Extent(0, MIB + PIECE)] == store.gets
    assert blocks.reserved == 0


def test_close_leaves_what_another_open_file_wants(lazy, store, blocks, waiting):
    """A part that two open files were going to need survives the closing of one."""
    first = opened(lazy, store, CONTENT)
    second = lazy.open("file", store.store.head("file").etag, len(CONTENT))
    for reader in (first, second):
        reader.read(0, MIB)
    planned = blocks.reserved

    first.close()

    assert blocks.reserved == planned
    waiting.run()
    assert blocks.reserved == 0
    assert store.fetched == 16 * MIB


def test_reader_takes_a_part_that_waits_for_a_worker(lazy, store, waiting):
    """When all workers are busy, a reader fetches its next part itself."""
    reader = opened(lazy, store, CONTENT)

    assert read_all(reader) == CONTENT
    waiting.run()
    assert store.fetched == len(CONTENT)


def test_a_reader_of_what_is_there_is_a_stream(lazy, store, waiting):
    """A file that begins in memory is read ahead of as any other, once its end comes near."""
    first = opened(lazy, store, CONTENT)
    first.read(0, PIECE)
    etag = store.store.head("file").etag
    second = lazy.open("file", etag, len(CONTENT))
    for at in range(0, MIB + PIECE, PIECE):
        second.read(at, PIECE)
    assert waiting.tasks


def test_seek_away_cancels_what_was_planned(lazy, store, blocks, waiting):
    """Streams that were left for good stop fetching ahead."""
    reader = opened(lazy, store, CONTENT)
    reader.read(0, MIB)
    planned = blocks.reserved
    assert planned

    for n in range(10):
        reader.read((14 + 2 * n) * MIB, 4 * KIB)

    assert blocks.reserved < planned


# Little memory


def test_a_second_stream_halves_the_room(store):
    """What one reader may have ahead depends on how many have something ahead of them."""
    blocks = BlockCache(64 * MIB)
    waiting = Waiting()
    objects = ObjectReader(store=store, blocks=blocks, workers=waiting, readahead=ReadaheadConfig())
    size = 40 * MIB
    one, other = (opened(objects, store, CONTENT[:size], name) for name in "ab")
    for at in range(0, 4 * MIB, PIECE):
        one.read(at, PIECE)
    assert one._readahead.ahead > 24 * MIB

    for at in range(0, 4 * MIB, PIECE):
        other.read(at, PIECE)
        assert blocks.reserved + blocks.held <= blocks.budget

    assert other._readahead.ahead <= 24 * MIB


def test_a_reader_that_is_still_leaves_its_room_to_others(store):
    """Bytes ahead of a file that was left open make room after ten seconds."""
    clock = FakeClock()
    blocks = BlockCache(32 * MIB)
    objects = ObjectReader(
        store=store,
        blocks=blocks,
        workers=InlineWorkers(),
        readahead=ReadaheadConfig(),
        clock=clock,
    )
    still, busy = (opened(objects, store, CONTENT, name) for name in "ab")
    still.read(0, MIB)
    kept = blocks._ahead
    assert kept

    busy.read(0, PIECE)
    assert blocks._ahead >= kept
    clock.advance(11)
    busy.read(MIB, PIECE)
    assert blocks._ahead < kept

    assert still.read(MIB, PIECE) == CONTENT[MIB : MIB + PIECE]


def test_small_budget_still_reads_everything(store):
    """With room for hardly anything the bytes are still right, and the room is kept."""
    blocks = BlockCache(256 * KIB)
    objects = ObjectReader(
        store=store, blocks=blocks, workers=InlineWorkers(), readahead=ReadaheadConfig()
    )
    reader = opened(objects, store, CONTENT[: 5 * MIB])

    assert read_all(reader) == CONTENT[: 5 * MIB]
    assert blocks.held <= 256 * KIB


def test_many_readers_share_the_budget_without_fetching_twice(store):
    """Forty files read in turns with room for 32 MiB: few bytes are fetched again."""
    blocks = BlockCache(32 * MIB)
    objects = ObjectReader(
        store=store, blocks=blocks, workers=InlineWorkers(), readahead=ReadaheadConfig()
    )
    size = 4 * MIB
    readers = [
        opened(objects, store, CONTENT[n * 1000 : n * 1000 + size], f"file{n}") for n in range(40)
    ]

    for at in range(0, size, PIECE):
        for n, reader in enumerate(readers):
            assert reader.read(at, PIECE) == CONTENT[n * 1000 + at : n * 1000 + at + PIECE]

    assert store.fetched <= 1.25 * 40 * size
    assert blocks.held + blocks.reserved <= 32 * MIB


SMALL = bytes(random.Random(1).randbytes(5_000))


@settings(max_examples=150, deadline=None)
@given(
    grain=st.integers(1, 64),
    first=st.integers(1, 8),
    part=st.integers(1, 40),
    budget=st.integers(1, 10_000),
    small=st.integers(0, 3_000),
    size=st.integers(0, 5_000),
    reads=st.lists(st.tuples(st.integers(0, 5_100), st.integers(0, 1_000)), max_size=40),
    fails=st.lists(st.booleans(), max_size=30),
)
def test_any_reads_return_exactly_the_bytes(grain, first, part, budget, small, size, reads, fails):
    """Whatever the sizes, the reads and the failures: the bytes, or the failure."""
    store = Watched(MemoryStore())
    store.before = Failing(fails)
    blocks = BlockCache(budget)
    config = ReadaheadConfig(
        grain=grain, first=first * grain, part=part * grain, small=small, cap=budget
    )
    objects = ObjectReader(store=store, blocks=blocks, workers=InlineWorkers(), readahead=config)
    reader = opened(objects, store, SMALL[:size])

    for offset, length in reads:
        try:
            data = reader.read(offset, length)
        except ServerFault:
            continue
        assert data == SMALL[:size][offset : offset + length]
        assert blocks.held <= budget
        assert blocks.reserved == 0


class Failing:
    """Fails the requests whose turn is marked so."""

    def __init__(self, fails):
        self._fails = iter(fails)

    def __call__(self, extent):
        if next(self._fails, False):
            raise ServerFault("broken")
