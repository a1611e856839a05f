"""The stores that the conformance suite runs over; each gives an empty bucket per test."""

import pytest

from ossfs.store.memory import MemoryStore


@pytest.fixture(params=["memory"])
def store(request):
    """Make an empty bucket."""
    return MemoryStore()
