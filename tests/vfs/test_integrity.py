"""Bytes that came wrong are found when all of an object was read, before anybody relies on it."""

import itertools
import random

import pytest

from ossfs.cache.blocks import BlockCache
from ossfs.cache.readahead import ReadaheadConfig
from ossfs.crc64 import crc64
from ossfs.errors import ChecksumMismatch
from ossfs.extents import Extent
from ossfs.store.api import BytesBody, Fetched, Headers
from ossfs.store.memory import MemoryStore
from ossfs.transfer.workers import InlineWorkers
from ossfs.vfs.integrity import WholeSum
from ossfs.vfs.reader import ObjectReader

MIB = 1 << 20
PIECE = 128 << 10
CONTENT = random.Random(3).randbytes(20 * MIB + 17)


class Flipping:
    """A store that answers with a wrong byte at `at`, so many times."""

    def __init__(self):
        self.store = MemoryStore()
        self.name = self.store.name
        self.times = 0
        self.at = 0
        self.gets = []

    def get(self, key, extent=None, *, if_match=None, into=None):
        info, data, _ = self.store.get(key, extent, if_match=if_match)
        data = bytearray(data)
        whole = Extent(0, info.size) if extent is None else extent.clip(Extent(0, info.size))
        self.gets.append(whole)
        if self.times and whole.start <= self.at < whole.stop:
            self.times -= 1
            data[self.at - whole.start] ^= 1
        if into is None:
            return Fetched(info, data, crc64(data))
        into.begins(info, whole)
        for offset in range(0, len(data), PIECE):
            piece = data[offset : offset + PIECE]
            into.room()[: len(piece)] = piece
            into.came(len(piece))
        return Fetched(info, b"", crc64(data))


@pytest.fixture
def store():
    return Flipping()


@pytest.fixture
def broken():
    return []


@pytest.fixture
def opened(store, broken):
    etag = store.store.put("file", BytesBody(CONTENT), Headers()).etag
    objects = ObjectReader(
        store=store,
        blocks=BlockCache(192 * MIB),
        workers=InlineWorkers(),
        readahead=ReadaheadConfig(),
        broke=broken.append,
    )
    return lambda: objects.open("file", etag, len(CONTENT))


def read(reader, *, is_backward=False):
    offsets = range(0, len(CONTENT), PIECE)
    pieces = [reader.read(at, PIECE) for at in (reversed(offsets) if is_backward else offsets)]
    return b"".join(reversed(pieces) if is_backward else pieces)


def test_right_bytes_are_fetched_once(store, opened):
    """Nothing is asked for again when everything adds up."""
    assert read(opened()) == CONTENT
    assert sum(extent.size for extent in store.gets) == len(CONTENT)


def test_wrong_bytes_that_nobody_saw_are_replaced(store, opened, broken, expect_log):
    """A part that was fetched ahead and is wrong is fetched again, and the reader goes on."""
    expect_log("reading it again")
    store.times, store.at = 1, 9 * MIB

    assert read(opened()) == CONTENT
    assert not broken
    assert read(opened()) == CONTENT


def test_wrong_bytes_that_somebody_saw_end_the_reading(store, opened, broken, expect_log):
    """The last part is not shown: whoever read the first one learns that it was wrong."""
    expect_log("reading it again|whoever has it open")
    store.times, store.at = 1, 5
    reader = opened()

    with pytest.raises(ChecksumMismatch, match="wrong bytes were read"):
        read(reader)
    with pytest.raises(ChecksumMismatch):
        reader.read(0, PIECE)
    assert [version.key for version in broken] == ["file"]


def test_a_new_reader_begins_anew(store, opened, expect_log):
    """When nobody has the broken version open any more, it is fetched afresh."""
    expect_log("reading it again|whoever has it open")
    store.times, store.at = 1, 5
    reader = opened()
    with pytest.raises(ChecksumMismatch):
        read(reader)
    reader.close()
    del reader

    assert read(opened()) == CONTENT


def test_bytes_that_are_wrong_at_the_store_are_refused(store, opened, expect_log):
    """When the second reading does not add up either, nobody has seen its end."""
    expect_log("reading it again|whoever has it open")
    store.times, store.at = 1 << 30, 9 * MIB
    with pytest.raises(ChecksumMismatch):
        read(opened())


def test_reading_backwards_is_compared_too(store, opened, expect_log):
    """The order in which the pieces come does not matter."""
    expect_log("reading it again|whoever has it open")
    store.times, store.at = 1, len(CONTENT) - 1
    reader = opened()
    with pytest.raises(ChecksumMismatch):
        read(reader, is_backward=True)


SIZES = (5, 1, 7, 3)


@pytest.mark.parametrize("order", list(itertools.permutations(range(len(SIZES)))))
def test_sums_are_put_together_in_any_order(order):
    """Pieces may come in any order; the last one tells whether they are the object."""
    data = bytes(range(sum(SIZES)))
    ends = list(itertools.accumulate(SIZES))
    pieces = [Extent(end - size, end) for size, end in zip(SIZES, ends, strict=True)]
    for theirs, is_right in ((crc64(data), True), (crc64(data) ^ 1, False)):
        whole = WholeSum(len(data))
        found = [
            whole.add(pieces[n], crc64(data[pieces[n].start : pieces[n].stop]), theirs)
            for n in order
        ]
        assert found[:-1] == [None] * (len(SIZES) - 1)
        assert (found[-1] is None) == is_right
        assert whole.is_settled
