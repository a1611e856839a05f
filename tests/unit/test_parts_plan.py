"""Where parts begin follows from the offset alone, and the largest object fits."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossfs.store.limits import OSS_LIMITS
from ossfs.transfer.parts import MIB, STEP_PARTS, PartPlan

PLAN = PartPlan(8 * MIB, OSS_LIMITS)
TINY = PartPlan(100, replace(OSS_LIMITS, min_part=100, max_part=1000, max_parts=3000))


def test_the_steps():
    """A thousand parts of each size, the rest of the largest."""
    sizes = [PLAN.slot_at(at).extent.size // MIB for at in (0, 8000 * MIB, 40_000 * MIB)]
    last = PLAN.slot_at(PLAN.max_size - 1)

    assert [8, 32, 128] == sizes
    assert (10_000, 512 * MIB, PLAN.max_size) == (
        last.number, last.extent.size, last.extent.stop
    )  # fmt: skip


def test_the_largest_part_is_the_last_step():
    """A plan whose parts cannot grow any more goes on with that size."""
    assert 1000 * 100 + 1000 * 400 + 1000 * 1000 == TINY.max_size
    assert 1000 == TINY.slot_at(TINY.max_size - 1).extent.size


def test_fewer_parts_than_a_step():
    """The number of parts is the limit."""
    plan = PartPlan(100, replace(OSS_LIMITS, min_part=100, max_parts=7))
    assert 700 == plan.max_size
    with pytest.raises(ValueError, match="offset 700"):
        plan.slot_at(700)


def test_exactly_one_step():
    """The second step would have no parts."""
    plan = PartPlan(100, replace(OSS_LIMITS, min_part=100, max_parts=STEP_PARTS))
    assert 100 * STEP_PARTS == plan.max_size


@pytest.mark.parametrize("size", [99, OSS_LIMITS.max_part + 1])
def test_sizes_that_the_store_refuses(size):
    """Said when the plan is made."""
    with pytest.raises(ValueError, match=f"part size {size}"):
        PartPlan(size, replace(OSS_LIMITS, min_part=100))


@given(st.integers(0, TINY.max_size))
def test_slots_cover_an_object_without_gaps(size):
    """Numbered from 1, one behind the other, the last one clipped."""
    slots = list(TINY.slots(size))

    assert list(range(1, len(slots) + 1)) == [slot.number for slot in slots]
    at = 0
    for slot in slots:
        assert at == slot.extent.start < slot.extent.stop
        at = slot.extent.stop
    assert size == at


@given(st.integers(1, TINY.max_size), st.data())
def test_growing_never_renumbers(size, data):
    """The slot of a byte is the same whatever the object's size."""
    at = data.draw(st.integers(0, size - 1))
    slot = TINY.slot_at(at)

    assert slot.extent.start <= at < slot.extent.stop
    (found,) = [one for one in TINY.slots(size) if one.extent.start <= at < one.extent.stop]
    assert (slot.number, slot.extent.start) == (found.number, found.extent.start)
