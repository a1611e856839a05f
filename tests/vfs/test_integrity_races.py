"""Wrong bytes, and readers who take, show and compare bytes at the same time."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ossfs.cache.blocks import BlockCache
from ossfs.cache.readahead import ReadaheadConfig
from ossfs.crc64 import crc64
from ossfs.errors import ChecksumMismatch
from ossfs.store.api import BytesBody, Fetched, Headers
from ossfs.store.memory import MemoryStore
from ossfs.transfer.workers import InlineWorkers, ThreadWorkers
from ossfs.vfs.reader import ObjectReader

KIB = 1024
PIECE = 4 * KIB  # what a reader asks for
FINE = ReadaheadConfig(
    grain=KIB, first=8 * KIB, part=32 * KIB, small=KIB, cap=256 * KIB, nearby=8 * KIB
)
CONTENT = random.Random(11).randbytes(200 * KIB)


class Flipping(MemoryStore):
    """A store of which some answers have a wrong bit; `is_wrong` says which, by their extent."""

    def __init__(self):
        super().__init__()
        self.is_wrong = lambda _: False
        self.before = lambda _: None
        self.gets = 0
        self.flips = 0

    def get(self, key, extent=None, *, if_match=None, into=None, version_id=None):
        self.gets += 1
        if extent is None:  # compared by whoever receives it
            return super().get(key, None, if_match=if_match, into=into, version_id=version_id)
        self.before(extent)
        info, data, _ = super().get(key, extent, if_match=if_match, version_id=version_id)
        data = bytearray(data)
        if self.is_wrong(extent):
            self.flips += 1
            data[len(data) // 3] ^= 1
        if into is None:
            return Fetched(info, data, crc64(data))
        into.begins(info, extent)
        at = 0
        while at < len(data):
            count = min(len(into.room()), len(data) - at, 3_000)
            into.room()[:count] = data[at : at + count]
            into.came(count)
            at += count
        return Fetched(info, b"", crc64(data))


@pytest.fixture
def store():
    return Flipping()


def reading(store, workers=None, *, broke=lambda _: None, memory=64 << 20):
    """Return what opens the file for reading."""
    etag = store.put("f", BytesBody(CONTENT), Headers()).etag
    objects = ObjectReader(
        store=store,
        blocks=BlockCache(memory),
        workers=workers or InlineWorkers(),
        readahead=FINE,
        broke=broke,
    )
    return lambda: objects.open("f", etag, len(CONTENT))


def read_all(reader, step=PIECE):
    return b"".join(bytes(reader.read(at, step)) for at in range(0, reader.size, step))


def once(is_wrong):
    """Let the first answer that is to be wrong be, and no other."""
    left = [True]

    def decide(extent):
        if left and is_wrong(extent):
            left.clear()
            return True
        return False

    return decide


def test_wrong_bytes_that_an_earlier_reader_has_left_in_memory(store, expect_log):
    """He read only some; who reads all of it later hears that these were wrong."""
    expect_log("reading it again")
    expect_log("whoever has it open gets an error")
    opened = reading(store)
    store.is_wrong = once(lambda extent: extent.start == 0)
    earlier = opened()
    for at in range(0, 60 * KIB, PIECE):
        earlier.read(at, PIECE)
    earlier.close()
    del earlier
    assert 1 == store.flips

    with pytest.raises(ChecksumMismatch):
        read_all(opened())
    assert read_all(opened()) == CONTENT


def test_bytes_taken_before_a_mending_and_shown_after_it(store, expect_log):
    """A read of two pieces has the wrong one in hand when its second one is the last to come."""
    expect_log("reading it again")
    reader = reading(store)()
    store.is_wrong = once(lambda extent: extent.start == 160 * KIB)
    for at in range(0, 160 * KIB, PIECE):  # the next piece is there by now
        reader.read(at, PIECE)
    assert 1 == store.flips

    assert bytes(reader.read(160 * KIB, 40 * KIB)) == CONTENT[160 * KIB :]


@pytest.mark.parametrize("seed", range(6))
def test_whoever_has_read_everything_without_an_error_has_the_right_bytes(store, seed, expect_log):
    """Many readers, each with reads that overtake each other, of many openings."""
    expect_log("reading it again")
    expect_log("whoever has it open gets an error")
    draw = random.Random(seed)
    lock = threading.Lock()

    def is_wrong(_):
        with lock:
            return draw.random() < 0.03

    store.is_wrong = is_wrong
    workers = ThreadWorkers(6, "reads")
    outcomes = {"right": 0, "refused": 0}
    try:
        with ThreadPoolExecutor(4) as pool:
            for _ in range(60):
                opened = reading(store, workers)
                for outcome in pool.map(crossed, [opened] * 2, [draw.random()] * 2):
                    outcomes[outcome] += 1
    finally:
        workers.close(cancel=True)

    assert all(outcomes.values()), outcomes


def crossed(opened, seed):
    """Read all of a file as the kernel does, from several threads at once."""
    reader, draw = opened(), random.Random(seed)
    starts = list(range(0, reader.size, PIECE))
    for at in range(0, len(starts), 4):
        window = starts[at : at + 4]
        draw.shuffle(window)
        starts[at : at + 4] = window
    found = {}
    try:
        with ThreadPoolExecutor(3) as pool:
            pieces = pool.map(lambda at: bytes(reader.read(at, PIECE)), starts)
            found.update(zip(starts, pieces, strict=True))
    except ChecksumMismatch:
        return "refused"
    finally:
        reader.close()
    assert b"".join(data for _, data in sorted(found.items())) == CONTENT
    return "right"
