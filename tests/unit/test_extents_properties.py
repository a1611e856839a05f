"""`ExtentSet` against a plain set of numbers."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossfs.extents import Extent, ExtentSet

TOP = 40


@st.composite
def extents(draw, top=TOP):
    start = draw(st.integers(0, top))
    return Extent(start, draw(st.integers(start, top)))


CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("add"), extents()),
        st.tuples(st.just("remove"), extents()),
        st.tuples(st.just("truncate"), st.integers(0, TOP)),
    ),
    max_size=25,
)


def apply(changes):
    """Do the changes to an ExtentSet and to a set of positions."""
    found, model = ExtentSet(), set()
    for what, value in changes:
        if what == "add":
            found.add(value)
            model |= positions(value)
        elif what == "remove":
            found.remove(value)
            model -= positions(value)
        else:
            found.truncate(value)
            model = {position for position in model if position < value}
    return found, model


def positions(extent):
    return set(range(extent.start, extent.stop))


def all_positions(several):
    return [position for extent in several for position in range(extent.start, extent.stop)]


@given(CHANGES)
def test_holds_the_same_positions(changes):
    """After any changes the positions are those of a plain set, each once and in order."""
    found, model = apply(changes)

    assert sorted(model) == all_positions(found)
    assert len(model) == found.size


@given(CHANGES)
def test_is_sorted_disjoint_and_merged(changes):
    """Extents are not empty, and between two of them something is missing."""
    found = list(apply(changes)[0])

    assert all(extent.size for extent in found)
    assert all(a.stop < b.start for a, b in pairwise(found))


@given(CHANGES, extents())
def test_within_and_gaps_divide_a_range(changes, asked):
    """Inside of a range, what is there and what is missing are the whole range."""
    found, model = apply(changes)

    assert sorted(model & positions(asked)) == all_positions(found.within(asked))
    assert sorted(positions(asked) - model) == all_positions(found.gaps(asked))
    assert (positions(asked) <= model) == found.covers(asked)
    assert all(piece.size for piece in [*found.within(asked), *found.gaps(asked)])


@given(CHANGES)
def test_equality_and_copies(changes):
    """A set equals one made from its extents, and a copy goes its own way."""
    found, model = apply(changes)
    copied = found.copy()

    assert found == copied == ExtentSet(found)
    copied.add(Extent(TOP, TOP + 5))
    assert sorted(model) == all_positions(found)
    assert found != copied


@given(extents(), extents())
def test_clip(one, other):
    """Clipping keeps the positions that both have; the result is an extent of the first."""
    clipped = one.clip(other)

    assert positions(one) & positions(other) == positions(clipped)


@given(st.lists(extents(), max_size=12))
def test_the_order_of_adding_does_not_matter(several):
    """Sets made from the same extents in another order are equal."""
    assert ExtentSet(several) == ExtentSet(reversed(several))


def test_a_sequential_writer_keeps_one_extent():
    """However many pieces are added one behind the other."""
    found = ExtentSet()
    for start in range(0, 10_000, 10):
        found.add(Extent(start, start + 10))

    assert [Extent(0, 10_000)] == list(found)


@pytest.mark.parametrize(("start", "stop"), [(-1, 3), (5, 4)])
def test_what_is_no_extent(start, stop):
    """Negative positions and backward ranges are refused."""
    with pytest.raises(ValueError, match="not an extent"):
        Extent(start, stop)
