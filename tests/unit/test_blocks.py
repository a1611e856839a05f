import itertools

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ossfs.cache.blocks import BESIDE, BlockCache, Version
from ossfs.extents import Extent

FILE = Version("file", "v1")
KIB = 1024


def content(start, stop):
    return bytes(position % 251 for position in range(start, stop))


def put(cache, start, stop, version=FILE, *, is_ahead=False):
    assert cache.reserve(stop - start, is_ahead=is_ahead)
    return cache.put(version, Extent(start, stop), content(start, stop), is_ahead=is_ahead)


def found(cache, start, stop, version=FILE):
    pieces = cache.find(version, Extent(start, stop))
    return None if pieces is None else b"".join(pieces)


@pytest.fixture
def cache():
    """Make room for four blocks of 1000 bytes."""
    return BlockCache(4 * (1000 + BESIDE))


def test_bytes_inside_a_block(cache):
    """Any range of a block is a view of its buffer, without a copy."""
    block = put(cache, 100, 1100)
    (piece,) = cache.find(FILE, Extent(150, 160))
    assert piece == content(150, 160)
    assert piece.obj is block.data.obj
    assert piece.readonly


def test_bytes_over_two_blocks(cache):
    """A range that neighbouring blocks hold together is found in pieces."""
    put(cache, 100, 200)
    put(cache, 0, 100)
    assert found(cache, 90, 110) == content(90, 110)


@pytest.mark.parametrize(("start", "stop"), [(90, 101), (199, 201), (0, 1), (300, 301), (0, 400)])
def test_any_missing_byte_is_a_miss(cache, start, stop):
    """A range is found whole or not at all."""
    put(cache, 100, 200)
    put(cache, 250, 300)
    assert found(cache, start, stop) is None


def test_versions_do_not_mix(cache):
    """Bytes of one etag are never given for another."""
    put(cache, 0, 100)
    assert found(cache, 0, 100, Version("file", "v2")) is None
    assert found(cache, 0, 100, Version("file2", "v1")) is None


def test_hits_and_misses_are_counted(cache):
    """One call of find is one hit or one miss."""
    put(cache, 0, 100)
    found(cache, 0, 10)
    found(cache, 10, 20)
    found(cache, 99, 101)
    assert (cache.hits, cache.misses) == (2, 1)


def test_least_recently_used_goes_first(cache):
    """Reading a block saves it from the next eviction."""
    for n in range(4):
        put(cache, n * 1000, (n + 1) * 1000)
    assert found(cache, 0, 10)

    put(cache, 4000, 5000)

    assert found(cache, 0, 10)
    assert found(cache, 1000, 1010) is None
    assert cache.evictions == 1


def test_what_waits_to_be_read_stays(cache):
    """Bytes fetched ahead outlive newer ones; once read to their end they do not."""
    for n in range(3):
        put(cache, n * 1000, (n + 1) * 1000, is_ahead=True)
    for n in range(3, 9):
        put(cache, n * 1000, (n + 1) * 1000)
    assert found(cache, 0, 1000)
    assert found(cache, 1000, 1999)
    put(cache, 10_000, 11_000)
    put(cache, 11_000, 12_000)

    assert found(cache, 0, 1000) is None
    assert found(cache, 1000, 3000)


def test_reading_ahead_takes_no_room_from_reading_ahead(cache):
    """When what waits to be read fills its share, no more is fetched ahead until it is."""
    for n in range(3):
        put(cache, n * 1000, (n + 1) * 1000, is_ahead=True)
    assert not cache.reserve(1000, is_ahead=True)

    assert found(cache, 0, 1000)
    assert cache.reserve(1000, is_ahead=True)


def test_settled_blocks_make_room(cache):
    """What nobody is going to read any more is no longer kept for its reader."""
    for n in range(3):
        put(cache, n * 1000, (n + 1) * 1000, is_ahead=True)
    cache.settle(FILE, Extent(0, 1000))
    assert cache.reserve(1000, is_ahead=True)


def test_needed_bytes_evict_even_what_waits(cache):
    """Bytes that a reader waits for come before bytes that some reader may want."""
    for n in range(3):
        put(cache, n * 1000, (n + 1) * 1000, is_ahead=True)
    put(cache, 5000, 9000)
    assert found(cache, 0, 1) is None
    assert cache.held <= cache.budget


def test_what_is_under_way_needs_room(cache):
    """A reservation evicts at once, so that the sum never exceeds the budget."""
    for n in range(4):
        put(cache, n * 1000, (n + 1) * 1000)

    cache.reserve(1500, is_ahead=True)

    assert cache.held + cache.reserved <= cache.budget
    cache.release(1500)
    assert cache.reserved == 0


def test_reading_ahead_leaves_a_quarter(cache):
    """Bytes ahead of readers are refused when they would take all; needed ones are not."""
    most = cache.budget * 3 // 4
    assert not cache.reserve(most + 1, is_ahead=True)
    assert cache.reserve(most, is_ahead=True)
    assert not cache.reserve(1, is_ahead=True)
    assert cache.reserve(2 * cache.budget, is_ahead=False)


def test_small_blocks_cost_more_than_their_bytes():
    """A thousand tiny files do not fill memory behind the budget's back."""
    cache = BlockCache(100 * KIB)
    for n in range(1000):
        put(cache, 0, 1, Version(f"file{n}", "v"))
    kept = sum(cache.at(Version(f"file{n}", "v"), 0) is not None for n in range(1000))
    assert kept == 100 * KIB // (1 + BESIDE)


def test_drop_forgets_all_versions_of_one_object(cache):
    """An object that was replaced leaves nothing behind; others stay."""
    other = Version("other", "v1")
    put(cache, 0, 10)
    put(cache, 0, 10, Version("file", "v2"))
    put(cache, 0, 10, other)
    cache.drop("file")
    cache.drop("never seen")
    assert cache.held == 10 + BESIDE
    assert found(cache, 0, 10, other)


def test_wrong_length_is_refused(cache):
    """A block is all of its bytes: the wrong number of them is a defect of the caller."""
    cache.reserve(10, is_ahead=False)
    with pytest.raises(ValueError, match="9 bytes"):
        cache.put(FILE, Extent(0, 10), bytes(9), is_ahead=False)


def test_block_outlives_its_eviction(cache):
    """Bytes handed out stay valid when their block is evicted."""
    block = put(cache, 0, 1000)
    (piece,) = cache.find(FILE, Extent(0, 10))
    cache.drop("file")
    assert piece == content(0, 10)
    assert block.view(5, 7) == content(5, 7)


class Model(RuleBasedStateMachine):
    """Any sequence of calls: right bytes, no overlap, the budget kept, the sums exact."""

    def __init__(self):
        super().__init__()
        self.cache = BlockCache(3 * (100 + BESIDE))
        self.under_way = []

    versions = st.builds(Version, st.sampled_from("ab"), st.sampled_from("12"))
    extents = st.builds(
        lambda start, size: Extent(start, start + size), st.integers(0, 200), st.integers(1, 150)
    )

    @rule(version=versions, extent=extents, is_ahead=st.booleans())
    def reserve(self, version, extent, is_ahead):
        if self.cache.reserve(extent.size, is_ahead=is_ahead):
            self.under_way.append((version, extent, is_ahead))

    @rule(fails=st.booleans())
    def answer(self, fails):
        if not self.under_way:
            return
        version, extent, is_ahead = self.under_way.pop()
        if fails:
            self.cache.release(extent.size)
        else:
            data = content(extent.start, extent.stop)
            self.cache.put(version, extent, data, is_ahead=is_ahead)

    @rule(version=versions, extent=extents)
    def find(self, version, extent):
        data = found(self.cache, extent.start, extent.stop, version)
        present = self.cache.present(version, extent)
        if data is None:
            assert sum(piece.clip(extent).size for piece in present) < extent.size
        else:
            assert data == content(extent.start, extent.stop)

    @rule(version=versions, extent=extents)
    def settle(self, version, extent):
        self.cache.settle(version, extent)

    @rule(key=st.sampled_from("ab"))
    def drop(self, key):
        self.cache.drop(key)
        assert not self.cache.present(Version(key, "1"), Extent(0, 400))

    @invariant()
    def sums_are_exact(self):
        extents = [
            extent
            for key in "ab"
            for etag in "12"
            for extent in self.cache.present(Version(key, etag), Extent(0, 400))
        ]
        assert self.cache.held == sum(extent.size + BESIDE for extent in extents)
        assert self.cache.reserved == sum(extent.size + BESIDE for _, extent, _ in self.under_way)
        assert self.cache._ahead == sum(block.cost for block in self.cache._waiting)
        assert self.cache.held <= max(0, self.cache.budget - self.cache.reserved)

    @invariant()
    def blocks_do_not_overlap(self):
        for key in "ab":
            for etag in "12":
                extents = self.cache.present(Version(key, etag), Extent(0, 400))
                pairs = itertools.pairwise(extents)
                assert all(one.stop <= other.start for one, other in pairs)


TestModel = Model.TestCase
