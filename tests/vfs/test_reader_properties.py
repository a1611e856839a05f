"""
Any readers at once, whatever arrives when: the bytes exactly, within the budget.

Nothing here runs in threads: what is fetched ahead waits in a list until the example says
that one of it, any one, is done.
"""

import random
from concurrent.futures import Future

from hypothesis import given, settings
from hypothesis import strategies as st

from ossfs.cache.blocks import BESIDE, BlockCache
from ossfs.cache.readahead import ReadaheadConfig
from ossfs.errors import ServerFault
from ossfs.extents import Extent
from ossfs.store.api import BytesBody, Headers
from ossfs.store.memory import MemoryStore
from ossfs.vfs.reader import ObjectReader

GRAIN = 512
FILES = 3
SIZE = 60_000
CONTENT = random.Random(5).randbytes(FILES * SIZE)


class Later:
    """Workers whose tasks are done when somebody says so, in any order."""

    def __init__(self):
        self._tasks = []

    def submit(self, function, *args):
        future = Future()
        self._tasks.append((future, function, args))
        return future

    def close(self, *, cancel):
        assert not (self._tasks and cancel)

    def do(self, which):
        """Do one of the tasks, if there are any."""
        if self._tasks:
            future, function, args = self._tasks.pop(which % len(self._tasks))
            future.set_result(function(*args))

    def do_all(self):
        while self._tasks:
            self.do(0)


class Counting(MemoryStore):
    """Looks at the memory whenever bytes are asked for; fails when told to."""

    def __init__(self, blocks, fails):
        super().__init__()
        self._blocks = blocks
        self._fails = iter(fails)
        self.asked = []
        self.most_reserved = 0

    def get(self, key, extent=None, **more):
        size = self.head(key).size
        self.asked.append((key, extent or Extent(0, size)))
        assert self.asked[-1][1].stop <= size
        self.most_reserved = max(self.most_reserved, self._blocks.reserved)
        if next(self._fails, False):
            raise ServerFault("broken")
        return super().get(key, extent, **more)


class Handle:
    """An open file, and what it must show."""

    def __init__(self, objects, number, etag, size):
        self.content = CONTENT[number * SIZE : number * SIZE + size]
        self.reader = objects.open(f"f{number}", etag, size)

    def read(self, offset, length):
        try:
            data = self.reader.read(offset, length)
        except ServerFault:
            return
        assert self.content[offset : offset + length] == bytes(data)


OFFSETS = st.integers(0, SIZE)
STEPS = st.one_of(
    st.tuples(st.just("read"), st.integers(0, 5), OFFSETS, st.integers(0, 9_000)),
    # Some reads that go on where the last one stopped, forwards or backwards, or in strides.
    st.tuples(
        st.just("run"),
        st.integers(0, 5),
        st.just(0) | OFFSETS,
        st.integers(100, 4_000),
        st.integers(1, 30),
        st.sampled_from((1, -1, 3)),
    ),
    st.tuples(st.just("land"), st.integers(0, 20)),
    st.tuples(st.just("reopen"), st.integers(0, 5)),
    st.tuples(st.just("forget"), st.integers(0, FILES - 1)),
)


class Scene:
    """Two handles on each of some files, over one cache."""

    def __init__(self, config, budget, sizes, fails):
        self.blocks = BlockCache(budget)
        self.store = Counting(self.blocks, fails)
        self.workers = Later()
        self.objects = ObjectReader(
            store=self.store, blocks=self.blocks, workers=self.workers, readahead=config
        )
        self._files = []
        for number, size in enumerate(sizes):
            body = BytesBody(CONTENT[number * SIZE : number * SIZE + size])
            self._files.append((number, self.store.put(f"f{number}", body, Headers()).etag, size))
        self.handles = [Handle(self.objects, *file) for file in self._files * 2]

    def read(self, which, offset, length):
        self.handles[which].read(offset, length)

    def run(self, which, offset, length, count, stride):
        for _ in range(count):
            if offset < 0:
                return
            self.read(which, offset, length)
            offset += stride * length

    def land(self, which):
        self.workers.do(which)

    def reopen(self, which):
        self.handles[which].reader.close()
        self.handles[which] = Handle(self.objects, *self._files[which % FILES])

    def forget(self, number):
        self.objects.forget(f"f{number}")

    def check(self):
        """Between reads, only what is ahead of them is under way."""
        room, slack = self.blocks.room_ahead, 2 * BESIDE
        assert self.blocks.reserved <= room + slack
        assert self.blocks.held + self.blocks.reserved <= max(self.blocks.budget, room + slack)

    def end(self):
        for handle in self.handles:
            handle.reader.close()
        self.workers.do_all()
        assert 0 == self.blocks.reserved
        assert self.blocks.held <= self.blocks.budget


@settings(max_examples=300, deadline=None)
@given(
    first=st.integers(1, 8),
    part=st.integers(1, 24),
    small=st.integers(0, 8_000),
    growth=st.integers(1, 4),
    cap=st.sampled_from((1, 10_000, 1_000_000)),
    budget=st.integers(6_000, 60_000) | st.just(300_000),
    sizes=st.tuples(*[st.sampled_from((0, 1, 5_000, SIZE - 1, SIZE))] * FILES),
    steps=st.lists(STEPS, max_size=40),
    fails=st.lists(st.booleans(), max_size=12),
)
def test_any_readers_get_the_bytes_within_the_budget(
    first, part, small, growth, cap, budget, sizes, steps, fails
):
    """Several handles, seeks, requests that land late or fail, closes: exact bytes, bounded."""
    config = ReadaheadConfig(
        grain=GRAIN, first=first * GRAIN, part=part * GRAIN, small=small, cap=cap, growth=growth
    )
    scene = Scene(config, budget, sizes, fails)
    for name, *arguments in steps:
        getattr(scene, name)(*arguments)
        scene.check()
    longest = max(small, 9_000 + 2 * GRAIN + max(first, part) * GRAIN)  # one demand
    assert scene.store.most_reserved <= scene.blocks.room_ahead + longest + 3 * BESIDE
    scene.end()


@settings(max_examples=100, deadline=None)
@given(size=st.integers(1, SIZE), piece=st.integers(1, 9_000), lands=st.lists(st.integers(0, 5)))
def test_a_reader_in_order_asks_for_each_byte_once(size, piece, lands):
    """Whatever lands when, as long as memory has room."""
    config = ReadaheadConfig(grain=GRAIN, first=4 * GRAIN, part=16 * GRAIN, small=4 * GRAIN)
    scene = Scene(config, 10 * SIZE, [size, 0, 0], [])
    landing = iter(lands * (1 + size // piece))
    for at in range(0, size, piece):
        scene.read(0, at, piece)
        scene.land(next(landing, 0))
    scene.end()

    assert size == sum(extent.size for _, extent in scene.store.asked)
