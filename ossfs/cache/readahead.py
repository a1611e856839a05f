"""
Which bytes to ask for, given what a reader has asked for so far.

One `Readahead` watches one open file. For each read it answers with a `Plan`: what to
fetch for the read itself when it is not in memory, and what to fetch ahead of it.

* The first read of a file, at its start: 1 MiB + 128 KiB, or the whole of a small file.
* A read that does not go on where an earlier one stopped: these bytes, on a grid of 32 KiB.
* A read that goes on where an earlier one stopped: as much again as was read so far. So a
  random reader never pays for more than twice what it reads, whatever its piece is.
* Once 1 MiB + 128 KiB were fetched like that, it is a stream: parts of up to 8 MiB are
  fetched ahead of it, up to its window. The window grows when the reader comes to bytes
  that were asked for but are not there yet, because only then would more have helped: from
  the second request of the kernel on, so that it is wide open after 1 MiB if it has to be.

The kernel reads ahead from several threads, so "goes on" is taken with a tolerance, and a
seek forward into what is already on its way stays in its stream. A few streams are followed
per file, for readers that take turns in it.

No I/O and no locks here: whoever owns a `Readahead` guards it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ossfs.extents import Extent

KIB = 1024
MIB = 1024 * KIB

PROOF = 128 * KIB
"""A reader that waits for what lies behind so many bytes of a stream means to go on."""


@dataclass(frozen=True, slots=True)
class ReadaheadConfig:
    """How eagerly to read; sizes in bytes, `first` and `part` are multiples of `grain`."""

    grain: int = 32 * KIB
    """Requests start and stop at multiples of it. A random read of 4 KiB takes at most two."""
    first: int = MIB + 128 * KIB
    """First fetch of a stream: the reader waits for it, so it is short (as mountpoint-s3)."""
    part: int = 8 * MIB
    """Largest fetch: at 15 ms to the first byte and 100 MB/s, 85 % of the time is transfer."""
    small: int = 2 * MIB
    """Files up to this size come in one request when they are read from their start."""
    cap: int = 128 * MIB
    """Bytes ahead of all streams of a file, under way or waiting to be read."""
    growth: int = 4
    """The window grows by this factor."""
    nearby: int = 256 * KIB
    """How far from its stop a stream goes on: two kernel requests that crossed each other."""
    behind: int = 2 * MIB
    """How far back in a stream a read may lie; its bytes are probably still in memory."""
    streams: int = 4
    """Streams followed per file."""
    patience: int = 64
    """A stream ends when this many reads of the file went elsewhere."""

    def __post_init__(self) -> None:
        if min(self.grain, self.first, self.part, self.growth, self.streams) < 1:
            raise ValueError(f"nothing would ever be read: {self}")
        if self.first % self.grain or self.part % self.grain:
            raise ValueError(f"not multiples of {self.grain}: {self}")


class Plan(NamedTuple):
    """What to do about one read."""

    demand: Extent
    """Contains the read; to be fetched as far as it is not in memory or under way."""
    ahead: tuple[Extent, ...] = ()
    """Parts to fetch in the background, in this order."""
    dropped: tuple[Extent, ...] = ()
    """Were to be fetched ahead, and are not expected to be read any more."""


@dataclass(slots=True)
class _Stream:
    start: int
    low: int
    """Where the read that went farthest back started."""
    position: int
    """Where the read that went farthest stopped."""
    planned: int
    """What lies between `start` and here was asked for, or was there."""
    window: int = 0
    """Bytes to keep ahead of the position; 0: a beginning, not yet a stream."""
    grown_at: int = 0
    """Waiting for bytes below this is no reason to grow."""
    read_at: int = 0
    """The number of its latest read among those of the file."""

    @property
    def ahead(self) -> int:
        return max(0, self.planned - self.position)

    @property
    def rest(self) -> Extent:
        return Extent(self.planned - self.ahead, self.planned)


class Readahead:
    """The reads of one open file of `size` bytes."""

    def __init__(self, size: int, config: ReadaheadConfig) -> None:
        self._size = size
        self._config = config
        self._streams: list[_Stream] = []  # the most recently read first
        self._reads = 0

    def __repr__(self) -> str:
        return f"<Readahead of {self._size} bytes after {self._reads} reads: {self._streams}>"

    @property
    def ahead(self) -> int:
        """Bytes that were planned and not read yet."""
        return sum(stream.ahead for stream in self._streams)

    def on_read(self, extent: Extent, *, is_ready: bool, room: int) -> Plan:
        """
        Note a read of the non-empty `extent` inside the file and say what to fetch.

        `is_ready`: all its bytes are in memory. `room`: bytes that may be ahead, where
        memory allows less than the configured cap.
        """
        config = self._config
        room = min(room, config.cap)
        part = max(config.grain, min(config.part, _down(room // 2, config.grain)))
        stream = self._stream_of(extent)
        if stream is None:
            stream, demand = self._begin(extent, part)
        else:
            demand = self._go_on(stream, extent, part, is_ready=is_ready)
        there = self._on_grid(extent)[1] if is_ready else demand.stop
        stream.planned = max(stream.planned, there)
        stream.position = max(stream.position, extent.stop)
        if not stream.window and stream.planned - stream.start >= min(config.first, part):
            stream.window = min(config.first, part)
            stream.grown_at = stream.planned
        dropped = self._to_front(stream)
        return Plan(demand, tuple(self._ahead_of(stream, part, room)), dropped)

    def passed(self, stop: int) -> None:
        """
        Take note that the latest reader went on up to `stop` through bytes that were there.

        Of such reads this need not be told one by one.
        """
        if self._streams:
            stream = self._streams[0]
            stream.position = max(stream.position, stop)
            stream.planned = max(stream.planned, min(_up(stop, self._config.grain), self._size))

    def give_back(self, extent: Extent) -> None:
        """Take note that a part of a plan, and all behind it, was not fetched after all."""
        for stream in self._streams:
            if stream.position <= extent.start < stream.planned:
                stream.planned = extent.start

    def pause(self) -> None:
        """Take note that nothing is being fetched ahead any more: all of it was given up."""
        for stream in self._streams:
            stream.planned = min(stream.planned, _up(stream.position, self._config.grain))

    def _stream_of(self, extent: Extent) -> _Stream | None:
        nearby = self._config.nearby
        for stream in self._streams:
            low = stream.low - nearby
            high = stream.position + nearby
            if stream.window:
                low = max(low, stream.position - self._config.behind)
                high = max(high, stream.planned)
            if low <= extent.start <= high:
                return stream
        return None

    def _begin(self, extent: Extent, part: int) -> tuple[_Stream, Extent]:
        start, stop = self._on_grid(extent)
        first = min(self._config.first, part)
        stream = _Stream(start, start, start, start)
        # Two requests of the kernel may have crossed each other, so not exactly from 0.
        near_start = start <= min(self._config.nearby, first)
        if not self._streams and (near_start or self._size <= first):
            stream = _Stream(0, 0, 0, 0, window=first, grown_at=min(PROOF, first // 2))
            stop = self._size if self._size <= min(self._config.small, part) else max(stop, first)
        self._streams.append(stream)
        return stream, Extent(stream.start, min(stop, self._size))

    def _go_on(self, stream: _Stream, extent: Extent, part: int, *, is_ready: bool) -> Extent:
        start, stop = self._on_grid(extent)
        if start < stream.low:
            stream.low = start
        elif extent.stop > stream.planned:
            stop = max(stop, self._next_stop(stream, max(start, stream.planned), part))
        elif stream.window:
            # Asked for once, but the request failed or the bytes were evicted since.
            stop = max(stop, min(stream.planned, _up(start + 1, part)))
        if stream.window and not is_ready and extent.start >= stream.grown_at:
            self._grow(stream, extent, part)
        return Extent(start, stop)

    def _grow(self, stream: _Stream, extent: Extent, part: int) -> None:
        if stream.window < part:
            stream.window = part
        else:
            stream.window = min(stream.window * self._config.growth, self._config.cap)
        # Once while what was read doubles, later once for half a part: however many threads
        # of the kernel wait for it.
        more = min(extent.start - stream.start, self._half(part))
        stream.grown_at = max(stream.start + self._config.first // 2, extent.start + more)

    def _ahead_of(self, stream: _Stream, part: int, room: int) -> Iterator[Extent]:
        if not stream.window:
            return
        first = min(self._config.first, part)
        if stream.window <= first and stream.position - stream.start < first // 2:
            return  # a look at the head of the file, maybe
        stream.window = max(stream.window, part)
        others = sum(other.ahead for other in self._streams) - stream.ahead
        limit = min(room - others, room // sum(1 for other in self._streams if other.window))
        while stream.planned < min(self._size, stream.position + stream.window):
            stop = self._next_stop(stream, stream.planned, part)
            if stop - stream.position > limit:
                return
            yield Extent(stream.planned, stop)
            stream.planned = stop

    def _next_stop(self, stream: _Stream, at: int, part: int) -> int:
        """Return where the fetch that begins at `at` stops: it doubles, then goes by parts."""
        done = at - stream.start
        half = self._half(part)
        if done < min(self._config.first, part):
            stop = at + max(done, self._config.grain)
        elif done < half:
            stop = _up(at + 1, half)
            if stop - at < self._config.first:
                stop += half
        else:
            stop = _up(at + 1, part)
        return min(_up(stop, self._config.grain), at + part, self._size)

    def _to_front(self, stream: _Stream) -> tuple[Extent, ...]:
        """Make the stream the most recent one; return what those that end had planned."""
        self._reads += 1
        stream.read_at = self._reads
        self._streams.remove(stream)
        self._streams.insert(0, stream)
        dropped = []
        while (
            len(self._streams) > self._config.streams
            or self._reads - self._streams[-1].read_at > self._config.patience
        ):
            dropped.append(self._streams.pop().rest)
        return tuple(dropped)

    def _on_grid(self, extent: Extent) -> tuple[int, int]:
        grain = self._config.grain
        return _down(extent.start, grain), min(_up(extent.stop, grain), self._size)

    def _half(self, part: int) -> int:
        return max(self._config.grain, _down(part // 2, self._config.grain))


def _down(position: int, step: int) -> int:
    return position - position % step


def _up(position: int, step: int) -> int:
    return -(-position // step) * step
