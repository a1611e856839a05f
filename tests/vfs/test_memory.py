"""What a mount holds of objects in memory: one budget, whoever reads or writes."""

import os
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest

from ossfs.extents import Extent
from ossfs.store.api import FileBody, pieces_of
from ossfs.transfer.workers import ThreadWorkers

MIB = 1 << 20
BUDGET = 64 * MIB  # of the mounts of these tests
PART = 8 * MIB
BESIDE = 4096  # more than a block takes beside its bytes


class Watch:
    """Looks at the memory at each request, and at the bodies that are sent."""

    def __init__(self, life):
        self._life = life
        self.most = 0
        self.in_flight = {}
        self.bodies = []
        life.points.on_call = self._look

    def _look(self, call):
        if call.kind != "request" or self._life.mount is None:
            return
        memory = self._life.mount.counters()["memory"]
        self.most = max(self.most, memory["held_bytes"] + memory["in_flight_bytes"])
        self.in_flight[call.name] = memory["in_flight_bytes"]
        if call.name in {"put", "upload_part"}:
            self.bodies.append(call.args[-2 if call.name == "put" else -1])


def held(life):
    memory = life.mount.counters()["memory"]
    return memory["held_bytes"], memory["in_flight_bytes"]


def test_what_an_edit_fetches_is_part_of_the_budget(core, life, sh):
    """The bytes of the base are under way like those that are read, and then let go."""
    core.put("f", bytes(500))
    watch = Watch(life)

    sh.append("/f", b"more")

    assert 500 <= watch.in_flight["get"] <= 500 + BESIDE
    assert 0 == held(life)[1]


def test_what_an_edit_fetches_makes_blocks_give_way(core):
    """With the memory full of what was read, an edit takes of it what it needs."""
    life = core.mount(part_size=PART)
    names = [f"/r{number}" for number in range(9)]
    for name in names:
        core.put(name[1:], bytes(PART))
    core.put("f", bytes(PART - MIB))
    for name in names:
        life.os.read(name)
    assert BUDGET - PART < sum(held(life)) <= BUDGET
    watch = Watch(life)

    life.os.append("/f", b"more")

    assert PART - MIB <= watch.in_flight["get"]
    assert watch.most <= BUDGET
    assert 0 == held(life)[1]


def test_a_version_that_is_kept_for_its_readers_is_part_of_the_budget(core, life, sh):
    """Its bytes pass through memory on their way to the local disk."""
    core.put("f", bytes(500))
    core.put("other", b"o")
    fd = sh.open("/f", os.O_RDONLY)
    watch = Watch(life)

    sh.rename("/other", "/f")

    assert 500 <= watch.in_flight["get"] <= 500 + BESIDE
    assert bytes(500) == sh.pread(fd, 500, 0)
    sh.close(fd)
    assert 0 == held(life)[1]


def test_readers_and_writers_together_stay_in_the_budget(core):
    """Beyond it is at most what the threads that wait for bytes need at this moment."""
    life = core.mount(is_running=True, workers=lambda: ThreadWorkers(8, "test"), part_size=PART)
    readers, writers = 6, 2
    for number in range(readers):
        core.put(f"r{number}", bytes(24 * MIB))
    for number in range(writers):
        core.put(f"w{number}", bytes(20 * MIB))
    watch = Watch(life)

    def read(number):
        fd = life.os.open(f"/r{number}", os.O_RDONLY)
        for at in range(0, 24 * MIB, MIB // 8):
            assert MIB // 8 == len(life.os.pread(fd, MIB // 8, at))
        life.os.close(fd)

    def edit(number):
        for at in range(0, 20 * MIB, 5 * MIB):
            life.os.edit(f"/w{number}", at, b"changed")

    with ThreadPoolExecutor(readers + writers) as pool:
        done = [pool.submit(read, n) for n in range(readers)]
        done += [pool.submit(edit, n) for n in range(writers)]
        for one in done:
            one.result()

    assert watch.most <= BUDGET + (readers + 8) * (PART + BESIDE)
    assert sum(held(life)) <= BUDGET
    assert 0 == held(life)[1]
    assert watch.bodies
    assert all(isinstance(body, FileBody) for body in watch.bodies)


@pytest.mark.parametrize("size", [PART, 64 * MIB])
def test_a_part_that_is_sent_takes_a_buffer_not_its_size(tmp_path, size):
    """A quarter of a MiB for each thread that uploads, however large the parts are."""
    path = tmp_path / "f"
    with path.open("wb") as file:
        file.truncate(size)
    with path.open("rb") as file:
        tracemalloc.start()
        try:
            total = sum(len(piece) for piece in pieces_of(FileBody(file.fileno(), Extent(0, size))))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert size == total
    assert peak < 300 << 10
