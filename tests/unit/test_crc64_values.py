"""`ossfs.crc64` against published values, against itself in pieces, in both implementations."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossfs import crc64 as module
from ossfs.crc64 import SLICE, combine, crc64, crcmod_crc64, fastcrc_crc64

CHECK = b"123456789"


@pytest.fixture(params=[fastcrc_crc64, crcmod_crc64], ids=["fastcrc", "crcmod"])
def implementation(request):
    return request.param()


def test_check_value(implementation):
    """The catalogue's check value of CRC-64/XZ, and that of no bytes."""
    assert implementation(CHECK, 0) == 11051210869376104954
    assert implementation(b"", 0) == 0


def test_goes_on_from_a_finished_value(implementation):
    """The CRC of a prefix is the seed for the rest, at every split point."""
    for split in range(len(CHECK) + 1):
        assert implementation(CHECK[split:], implementation(CHECK[:split], 0)) == 0x995DC9BBDF1939FA


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_takes_every_kind_of_bytes(implementation, kind):
    """Bytes, bytearrays and memoryviews need no copy before they are counted."""
    assert implementation(kind(CHECK), 0) == 0x995DC9BBDF1939FA


def test_implementations_agree_over_slice_borders():
    """Feeding crcmod in slices changes nothing, also just around the slice size."""
    fast, slow = fastcrc_crc64(), crcmod_crc64()
    for size in (SLICE - 1, SLICE, SLICE + 1, 2 * SLICE + 5):
        data = bytes(range(256)) * (size // 256 + 1)
        assert fast(data[:size], 7) == slow(data[:size], 7)


def test_the_fast_implementation_is_chosen():
    """Where fastcrc is installed it is used."""
    assert module.IMPLEMENTATION == "fastcrc"


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_combine_is_the_crc_of_both(first, second):
    """Combining two CRCs gives the CRC of the concatenation."""
    assert combine(crc64(first), crc64(second), len(second)) == crc64(first + second)


@given(st.lists(st.binary(max_size=50), max_size=8))
def test_combine_from_left_to_right(pieces):
    """Parts combine in order, empty ones among them, starting from nothing."""
    total = 0
    for piece in pieces:
        total = combine(total, crc64(piece), len(piece))

    assert total == crc64(b"".join(pieces))


def test_combine_takes_sizes_no_memory_holds():
    """A piece of 5 TB of zeros is combined from its halves like any other."""
    half = 5_000_000_000_000 // 2
    zeros = zero_crc(half)

    assert combine(zeros, zeros, half) == zero_crc(2 * half)


def test_combine_of_a_repeated_size_is_cheap():
    """A known size costs well under 50 µs: measured in processor time, least of many."""
    combine(1, 2, 8 << 20)
    spent = []
    for _ in range(200):
        begin = time.thread_time_ns()
        combine(0x123456789ABCDEF0, 2, 8 << 20)
        spent.append(time.thread_time_ns() - begin)

    assert min(spent) < 50_000


def zero_crc(size):
    """Count that many zero bytes, by doubling."""
    total, block, bit = 0, crc64(b"\0"), 1
    while size:
        if size & 1:
            total = combine(total, block, bit)
        block, bit, size = combine(block, block, bit), bit * 2, size >> 1
    return total
