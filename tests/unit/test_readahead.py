"""The policy alone: a simulated reader whose fetches arrive when the test says so."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ossfs.cache.readahead import Readahead, ReadaheadConfig
from ossfs.extents import Extent, ExtentSet

KIB = 1024
MIB = 1024 * KIB
PIECE = 128 * KIB
ALL = 1 << 60


class Reader:
    """Fetches what the plans say; `arrive` says whether prefetched bytes are there in time."""

    def __init__(self, size, config=None, *, arrive=True, room=ALL):
        self.config = config or ReadaheadConfig()
        self.readahead = Readahead(size, self.config)
        self.size = size
        self.arrive = arrive
        self.room = room
        self.fetched = ExtentSet()
        self.there = ExtentSet()
        self.requests = []

    def read(self, start, length=PIECE):
        extent = Extent(start, min(start + length, self.size))
        is_ready = self.there.covers(extent)
        plan = self.readahead.on_read(extent, is_ready=is_ready, room=self.room)
        assert plan.demand.start <= extent.start
        assert plan.demand.stop >= extent.stop
        if not is_ready:
            self._fetch(plan.demand)
            self.there.add(extent)  # the reader waited for it
        for part in plan.ahead:
            self._fetch(part)
        return plan

    def _fetch(self, extent):
        assert extent.stop <= self.size
        for gap in list(self.fetched.gaps(extent)):
            self.requests.append(gap)
            self.fetched.add(gap)
            if self.arrive:
                self.there.add(gap)

    def stream(self, start=0, stop=None, piece=PIECE):
        for at in range(start, stop or self.size, piece):
            self.read(at, piece)


def test_first_read_is_short():
    """The reader waits for the first fetch of a stream, so it is 1 MiB + 128 KiB."""
    assert Reader(1 << 30).read(0).demand == Extent(0, MIB + PIECE)


def test_nothing_ahead_of_a_look_at_the_head():
    """Up to half of the first fetch may be read before more is fetched."""
    reader = Reader(1 << 30)
    for at in range(0, MIB // 2, PIECE):
        assert not reader.read(at).ahead
    assert reader.read(MIB // 2).ahead


@pytest.mark.parametrize("size", [1, PIECE, MIB, 2 * MIB])
def test_small_file_comes_at_once(size):
    """One fetch takes the whole of a small file."""
    assert Reader(size).read(0).demand == Extent(0, size)


def test_small_file_comes_at_once_whichever_byte_is_read():
    """A file of up to 1 MiB + 128 KiB is fetched whole by a read in its middle."""
    assert Reader(MIB).read(MIB // 2, 10).demand == Extent(0, MIB)


@pytest.mark.parametrize("arrive", [True, False])
@pytest.mark.parametrize("piece", [4 * KIB, PIECE, MIB])
def test_requests_of_a_sequential_read(arrive, piece):
    """Reading s bytes takes at most ceil(s / 8 MiB) + 4 requests, slow store or fast."""
    size = 300 * MIB + 12_345
    reader = Reader(size, arrive=arrive)
    reader.stream(piece=piece)
    assert len(reader.requests) <= -(-size // (8 * MIB)) + 4
    assert reader.fetched.size == size


def test_window_stays_while_the_reader_never_waits():
    """A store that is always in time is not asked for more than a part or two ahead."""
    reader = Reader(1 << 30)
    reader.stream(stop=256 * MIB)
    assert reader.readahead.ahead <= 16 * MIB


def test_window_grows_when_the_reader_waits():
    """A reader that waits three times has the whole cap under way."""
    reader = Reader(1 << 30, arrive=False)
    reader.stream(stop=16 * MIB)
    assert reader.readahead.ahead > 100 * MIB


def test_parallel_waits_for_one_part_grow_the_window_once():
    """Sixteen threads of the kernel that wait for the same part are one reason to grow."""
    reader = Reader(1 << 30, arrive=False)
    reader.stream(stop=5 * PIECE)
    for at in range(5 * PIECE, 9 * PIECE, PIECE):
        reader.read(at)
    assert 24 * MIB <= reader.readahead.ahead <= 40 * MIB


@pytest.mark.parametrize(("length", "most"), [(4 * KIB, 64 * KIB), (PIECE, 256 * KIB)])
def test_random_reads_are_exact(length, most):
    """A random read asks for its own bytes on a grid of 32 KiB, wherever it starts."""
    reader = Reader(1 << 30)
    for n in range(200):
        plan = reader.read((n * 7919 % 1000 + 1) * MIB + n * 997, length)
        assert plan.demand.size <= most
        assert not plan.ahead
    assert len(reader.requests) == 200


def test_beginning_of_a_stream_never_fetches_more_than_double():
    """While it is unclear whether this is a stream, as much again as was read is fetched."""
    reader = Reader(1 << 30)
    start = 500 * MIB
    for read in range(PIECE, MIB, PIECE):
        reader.read(start + read - PIECE)
        assert reader.fetched.size <= 2 * read


def test_stream_from_the_middle_reaches_full_parts():
    """After a few doublings a stream from the middle goes by parts of 8 MiB."""
    reader = Reader(1 << 30, arrive=False)
    reader.stream(start=500 * MIB + 1, stop=600 * MIB)
    assert Extent(552 * MIB, 560 * MIB) in reader.requests
    assert len(reader.requests) <= 100 // 8 + 16 + 10


def test_out_of_order_requests_are_one_stream():
    """Neighbouring requests that overtook each other change nothing."""
    ordered, crossed = Reader(64 * MIB), Reader(64 * MIB)
    ordered.stream()
    for at in range(0, 64 * MIB, 4 * PIECE):
        for n in (1, 0, 3, 2):
            crossed.read(at + n * PIECE)
    assert crossed.fetched == ordered.fetched
    assert len(crossed.requests) <= len(ordered.requests) + 2


def test_forward_seek_inside_the_window_waits():
    """A seek to bytes that are under way asks for nothing twice."""
    reader = Reader(1 << 30, arrive=False)
    reader.stream(stop=8 * MIB)
    planned = reader.fetched.copy()
    target = 8 * MIB + reader.readahead.ahead // 2

    plan = reader.read(target)

    assert planned.covers(plan.demand)


def test_forward_seek_far_away_is_exact():
    """A seek beyond the window starts anew with the bytes asked for."""
    reader = Reader(1 << 30)
    reader.stream(stop=8 * MIB)
    assert reader.read(900 * MIB).demand == Extent(900 * MIB, 900 * MIB + PIECE)


def test_backward_reader_is_exact():
    """Reading towards the start fetches each piece once and nothing ahead."""
    reader = Reader(1 << 30)
    for at in range(900 * MIB, 890 * MIB, -PIECE):
        assert not reader.read(at).ahead
    assert reader.fetched.size <= 10 * MIB + PIECE


def test_two_readers_in_one_file():
    """Two sequential readers that share an open file both get their parts ahead."""
    reader = Reader(1 << 30, arrive=False)
    for at in range(0, 64 * MIB, PIECE):
        reader.read(at)
        reader.read(512 * MIB + at)
    assert len(reader.requests) <= 2 * (64 + 128) // 8 + 8
    assert reader.readahead.ahead <= 128 * MIB


def test_stream_that_was_left_is_given_up():
    """After 64 reads elsewhere, what was planned for the old place is dropped."""
    reader = Reader(1 << 30, arrive=False)
    reader.stream(stop=16 * MIB)
    planned = Extent(16 * MIB, 16 * MIB + reader.readahead.ahead)

    dropped = [
        extent for at in range(500 * MIB, 510 * MIB, PIECE) for extent in reader.read(at).dropped
    ]

    assert dropped == [planned]


def test_given_back_parts_are_planned_again():
    """A part that memory had no room for is asked for by a later read."""
    readahead = Readahead(1 << 30, ReadaheadConfig())
    parts = readahead.on_read(Extent(0, MIB), is_ready=False, room=ALL).ahead
    assert not readahead.on_read(Extent(0, MIB), is_ready=True, room=ALL).ahead

    readahead.give_back(parts[1])

    assert readahead.on_read(Extent(0, MIB), is_ready=True, room=ALL).ahead == parts[1:]


def test_after_a_pause_it_goes_on_where_the_reader_is():
    """What was given up while nobody read is planned again when reading goes on."""
    reader = Reader(1 << 30)
    reader.stream(stop=32 * MIB)
    reader.readahead.pause()
    assert reader.readahead.ahead < 32 * KIB

    again = reader.read(32 * MIB).ahead

    assert again[0].start == 32 * MIB + PIECE


def test_little_room_means_small_parts():
    """With room for 1 MiB ahead, parts are half of that and the room is kept."""
    reader = Reader(1 << 30, arrive=False, room=MIB)
    for at in range(0, 32 * MIB, PIECE):
        reader.read(at)
        assert reader.readahead.ahead <= MIB
    assert max(extent.size for extent in reader.requests) <= MIB // 2


@pytest.mark.parametrize("change", [{"grain": 0}, {"first": 1000}, {"part": 0}, {"streams": 0}])
def test_sizes_that_do_not_fit_are_refused(change):
    """Sizes that could not work are refused when they are given, not at the first read."""
    with pytest.raises(ValueError, match="ReadaheadConfig"):
        ReadaheadConfig(**change)


@settings(max_examples=300, deadline=None)
@given(
    grain=st.integers(1, 16),
    first=st.integers(1, 8),
    part=st.integers(1, 30),
    cap=st.integers(1, 2_000),
    growth=st.integers(1, 4),
    nearby=st.integers(0, 100),
    streams=st.integers(1, 3),
    size=st.integers(1, 5_000),
    room=st.integers(0, 3_000),
    arrive=st.booleans(),
    seeks=st.lists(
        st.tuples(st.integers(0, 4_999), st.integers(1, 500), st.integers(1, 8)), max_size=12
    ),
)
def test_any_reader_gets_its_bytes_within_the_cap(
    grain, first, part, cap, growth, nearby, streams, size, room, arrive, seeks
):
    """Demands cover the reads, parts are within the file, and never more than room ahead."""
    config = ReadaheadConfig(
        grain=grain,
        first=first * grain,
        part=part * grain,
        small=3 * grain,
        cap=cap,
        growth=growth,
        nearby=nearby,
        behind=nearby,
        streams=streams,
        patience=5,
    )
    reader = Reader(size, config, arrive=arrive, room=room)
    for start, length, repeats in seeks:
        for n in range(repeats):
            at = start + n * length
            if at >= size:
                break
            before = reader.readahead.ahead
            plan = reader.read(at, length)
            assert all(one.size <= part * grain for one in plan.ahead)
            if plan.ahead:
                assert reader.readahead.ahead <= min(room, cap)
            else:
                assert reader.readahead.ahead <= before + plan.demand.size
            assert plan.demand.size <= length + 2 * grain + max(first, part) * grain
