"""Gaps are filled from disk and by requests, without many of either."""

from hypothesis import given
from hypothesis import strategies as st

from ossfs.cache.disk_gaps import WORTH, Piece, cut
from ossfs.extents import Extent, ExtentSet

KIB = 1024


def disk(*bounds):
    return [Extent(a, b) for a, b in bounds]


def pieces(gap, on_disk):
    return [(one.extent.start, one.extent.stop, one.is_on_disk) for one in cut([gap], on_disk)]


def test_nothing_on_disk():
    """Without the disk, gaps are asked for as they are."""
    gaps = [Extent(5, 10), Extent(20, 30)]

    assert [Piece(gap, is_on_disk=False) for gap in gaps] == list(cut(gaps, []))


def test_everything_on_disk():
    """Each file's run is loaded by itself, and only as far as it is missing."""
    assert [(10, 20, True), (20, 25, True)] == pieces(Extent(10, 25), disk((0, 20), (20, 40)))


def test_short_runs_in_the_middle_are_fetched_again():
    """Scattered runs of a random reader do not cut a large request into many."""
    scattered = disk(*((at, at + 32 * KIB) for at in range(64 * KIB, 8 << 20, 128 * KIB)))

    assert [(0, 8 << 20, False)] == pieces(Extent(0, 8 << 20), scattered)


def test_short_runs_at_the_ends_are_loaded():
    """At the ends they only make the request smaller."""
    assert [(0, 5, True), (5, 90, False), (90, 100, True)] == pieces(
        Extent(0, 100), disk((0, 5), (40, 50), (90, 100))
    )


def test_a_long_run_in_the_middle_is_loaded():
    """A run that takes longer to fetch than a request to begin is worth another request."""
    stop = WORTH + 200
    assert [(0, 100, False), (100, WORTH + 100, True), (WORTH + 100, stop, False)] == pieces(
        Extent(0, stop), disk((100, WORTH + 100))
    )


positions = st.lists(st.integers(0, 8 * WORTH), unique=True, max_size=16).map(sorted)


@given(gaps=positions, runs=positions)
def test_pieces_make_up_the_gaps(gaps, runs):
    """Every byte of every gap is in one piece, and what is loaded is on the disk."""
    pair = lambda ends: disk(*zip(ends[::2], ends[1::2], strict=False))  # noqa: E731  # two uses
    found = list(cut(pair(gaps), pair(runs)))

    assert ExtentSet(pair(gaps)) == ExtentSet(one.extent for one in found)
    assert sum(one.extent.size for one in found) == sum(gap.size for gap in pair(gaps))
    there = ExtentSet(pair(runs))
    assert all(there.covers(one.extent) for one in found if one.is_on_disk)
    assert all(ExtentSet(pair(gaps)).covers(one.extent) and one.extent.size for one in found)
