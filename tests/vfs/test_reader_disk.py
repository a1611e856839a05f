"""Readers with a disk cache: no request for what is on disk, and right bytes whatever it holds."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ossfs.cache.blocks import Block, BlockCache, Version
from ossfs.cache.disk import DiskCache
from ossfs.cache.disk_stretch import HEAD
from ossfs.cache.readahead import ReadaheadConfig
from ossfs.clock import FakeClock
from ossfs.errors import PreconditionFailed
from ossfs.extents import Extent
from ossfs.store.api import BytesBody, Headers
from ossfs.store.memory import MemoryStore
from ossfs.transfer.workers import InlineWorkers, ThreadWorkers
from ossfs.vfs.reader import ObjectReader

KIB = 1024
MIB = 1024 * KIB
PIECE = 128 * KIB
CONTENT = random.Random(9).randbytes(20 * MIB + 4321)


class Counting:
    """A store that notes every GET."""

    def __init__(self):
        self.store = MemoryStore()
        self.name = self.store.name
        self.gets = []

    def get(self, key, extent=None, **more):
        self.gets.append(extent)
        return self.store.get(key, extent, **more)

    def put(self, key, data):
        return self.store.put(key, BytesBody(data), Headers()).etag


@pytest.fixture
def store():
    return Counting()


@pytest.fixture
def mount(tmp_path, store):
    """Make what a mount reads with: memory of its own, and the folder that all share."""
    return lambda **more: reading(store, tmp_path / "cache", **more)


def reading(store, folder, workers=None, memory=192 * MIB, size=1 << 30, blocks=None):
    return ObjectReader(
        store=store,
        blocks=blocks or BlockCache(memory),
        workers=workers or InlineWorkers(),
        readahead=ReadaheadConfig(),
        clock=FakeClock(),
        disk=caching(folder, size),
    )


def caching(folder, size=1 << 30):
    disk = DiskCache(
        folder, store="store", size=size, reserve=0, workers=InlineWorkers(), clock=FakeClock()
    )
    disk.prepare()
    return disk


def read_all(reader, piece=PIECE):
    return b"".join(reader.read(at, piece) for at in range(0, reader.size, piece))


@pytest.mark.parametrize("size", [1, 4096, MIB + 7, len(CONTENT)])
@pytest.mark.parametrize("piece", [PIECE, 5 * MIB])
def test_a_second_mount_asks_for_nothing(mount, store, size, piece):
    """What one mount has read, another one reads without a request, in whatever pieces."""
    etag = store.put("file", CONTENT[:size])
    assert read_all(mount().open("file", etag, size)) == CONTENT[:size]
    store.gets.clear()

    assert read_all(mount().open("file", etag, size), piece) == CONTENT[:size]
    assert [] == store.gets


def test_only_what_is_missing_is_asked_for(mount, store):
    """After a look at the middle, a sequential reader asks for the rest."""
    etag = store.put("file", CONTENT)
    first = mount().open("file", etag, len(CONTENT))
    for at in range(9 * MIB, 14 * MIB, PIECE):
        first.read(at, PIECE)
    had = sum(extent.size for extent in store.gets)
    store.gets.clear()

    assert read_all(mount().open("file", etag, len(CONTENT))) == CONTENT
    asked = sum(extent.size for extent in store.gets)
    assert asked <= len(CONTENT) - had + 128 * KIB
    assert len(store.gets) <= -(-len(CONTENT) // (8 * MIB)) + 4 + 2


def test_scattered_pieces_do_not_multiply_requests(mount, store):
    """A stream over what a random reader left asks as often as if nothing were there."""
    etag = store.put("file", CONTENT)
    first = mount().open("file", etag, len(CONTENT))
    for at in random.Random(1).sample(range(0, 20 * MIB, 256 * KIB), 60):
        first.read(at, 4 * KIB)
    store.gets.clear()

    assert read_all(mount().open("file", etag, len(CONTENT))) == CONTENT
    assert len(store.gets) <= -(-len(CONTENT) // (8 * MIB)) + 4


def test_a_random_read_loads_little(mount, store):
    """A read of 4 KiB from disk brings as much into memory as one from the store."""
    etag = store.put("file", CONTENT)
    read_all(mount().open("file", etag, len(CONTENT)))
    store.gets.clear()
    blocks = BlockCache(192 * MIB)
    reader = mount(blocks=blocks).open("file", etag, len(CONTENT))

    for at in range(MIB + 17, 16 * MIB, 2 * MIB):
        assert reader.read(at, 4 * KIB) == CONTENT[at : at + 4 * KIB]

    assert [] == store.gets
    assert blocks.held <= 8 * (64 * KIB + 2 * KIB)


def test_a_replaced_object_is_read_anew(mount, store):
    """What is on disk of the old version is never taken for the new one."""
    etag = store.put("file", CONTENT[: 3 * MIB])
    read_all(mount().open("file", etag, 3 * MIB))
    new = store.put("file", bytes(3 * MIB))

    second = mount()
    assert read_all(second.open("file", new, 3 * MIB)) == bytes(3 * MIB)
    assert read_all(second.open("file", etag, 3 * MIB)) == CONTENT[: 3 * MIB]


def test_the_old_version_is_whole_or_stale(mount, store):
    """Bytes of the pinned version come from disk; those that are not there are ESTALE."""
    etag = store.put("file", CONTENT)
    first = mount().open("file", etag, len(CONTENT))
    first.read(0, PIECE)
    store.put("file", bytes(len(CONTENT)))

    second = mount().open("file", etag, len(CONTENT))
    assert second.read(0, PIECE) == CONTENT[:PIECE]
    with pytest.raises(PreconditionFailed):
        second.read(12 * MIB, PIECE)


def test_what_was_replaced_by_us_leaves_the_disk(mount, store, tmp_path):
    """A file that this mount wrote anew or deleted takes no room on disk."""
    etag = store.put("file", CONTENT)
    objects = mount()
    read_all(objects.open("file", etag, len(CONTENT)))

    objects.forget("file")

    assert [] == list((tmp_path / "cache").rglob("*-*-*"))


def test_damage_on_disk_is_fetched(mount, store, tmp_path, expect_log):
    """A reader gets the right bytes from a disk whose bytes are wrong, at the cost of requests."""
    expect_log("damaged file of the disk cache")
    etag = store.put("file", CONTENT)
    read_all(mount().open("file", etag, len(CONTENT)))
    for path in (tmp_path / "cache").rglob("*-*-*"):
        with path.open("r+b") as file:
            file.seek(HEAD + 100_000)
            file.write(b"damage")
    store.gets.clear()

    assert read_all(mount().open("file", etag, len(CONTENT))) == CONTENT
    assert store.gets
    store.gets.clear()
    assert read_all(mount().open("file", etag, len(CONTENT))) == CONTENT
    assert [] == store.gets


def test_wrong_bytes_that_came_to_disk(mount, store, expect_log, tmp_path):
    """What was fetched wrongly once, and kept, is found by who reads all of the object."""
    etag = store.put("file", CONTENT)
    wrong = bytearray(CONTENT[9 * MIB : 10 * MIB])
    wrong[5] ^= 1
    version = Version("file", etag)
    block = Block(version, Extent(9 * MIB, 10 * MIB), memoryview(wrong))
    caching(tmp_path / "cache").of(version, len(CONTENT)).offer(block)
    expect_log("CRC-64 of what was read.*reading it again")

    assert read_all(mount().open("file", etag, len(CONTENT))) == CONTENT
    assert read_all(mount().open("file", etag, len(CONTENT))) == CONTENT
    assert [1] == [len(expect_log.seen)]


def test_a_small_file_on_disk_is_not_fetched_ahead(mount, store):
    """What would be fetched ahead of a reader and is on disk is left there."""
    etag = store.put("file", CONTENT[:4096])
    read_all(mount().open("file", etag, 4096))
    store.gets.clear()

    assert mount().fetch_whole("file", etag, 4096, is_ahead=True) is None
    assert [] == store.gets


@settings(max_examples=40, deadline=None)
@given(
    rounds=st.lists(
        st.lists(
            st.tuples(st.integers(0, len(CONTENT)), st.integers(1, 3 * MIB)),
            min_size=1,
            max_size=8,
        ),
        min_size=2,
        max_size=4,
    ),
    memory=st.sampled_from([2 * MIB, 20 * MIB, 192 * MIB]),
    size=st.sampled_from([17 * MIB, 1 << 30]),
)
def test_any_reads_of_any_mounts(tmp_path_factory, rounds, memory, size):
    """Whatever mounts read one after another, with whatever room: exactly the bytes."""
    folder = tmp_path_factory.mktemp("any")
    store = Counting()
    etag = store.put("file", CONTENT)
    for reads in rounds:
        reader = reading(store, folder, memory=memory, size=size).open("file", etag, len(CONTENT))
        for at, length in reads:
            assert reader.read(at, length) == CONTENT[at : at + length]
        reader.close()


def test_threads_of_two_mounts(tmp_path, store, mount):
    """Readers ahead in threads, in two mounts at once, get exactly the bytes."""
    etag = store.put("file", CONTENT)
    pools = [ThreadWorkers(4, f"reads{n}") for n in range(2)]
    readers = [mount(workers=pool).open("file", etag, len(CONTENT)) for pool in pools]

    for at in range(0, len(CONTENT), PIECE):
        for reader in readers:
            assert reader.read(at, PIECE) == CONTENT[at : at + PIECE]

    for reader, pool in zip(readers, pools, strict=True):
        reader.close()
        pool.close(cancel=True)


def test_extents_are_loaded_as_they_are(mount, store):
    """A read at the very end comes from disk, too."""
    etag = store.put("file", CONTENT)
    read_all(mount().open("file", etag, len(CONTENT)))
    store.gets.clear()
    last = Extent(len(CONTENT) - 5, len(CONTENT))

    reader = mount().open("file", etag, len(CONTENT))
    assert reader.read(last.start, 100) == CONTENT[last.start :]
    assert [] == store.gets
