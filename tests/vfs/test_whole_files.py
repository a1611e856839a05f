"""Small files come with one request, which also tells what is stored beside their bytes."""

import pytest

from ossfs.cache.blocks import BlockCache
from ossfs.cache.readahead import ReadaheadConfig
from ossfs.errors import PreconditionFailed
from ossfs.store.api import BytesBody, Headers
from ossfs.store.memory import MemoryStore
from ossfs.transfer.workers import InlineWorkers
from ossfs.vfs.reader import ObjectReader

MIB = 1 << 20
BUDGET = 16 * MIB


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def blocks():
    return BlockCache(BUDGET)


@pytest.fixture
def told():
    return []


@pytest.fixture
def objects(store, blocks, told):
    return ObjectReader(
        store=store,
        blocks=blocks,
        workers=InlineWorkers(),
        readahead=ReadaheadConfig(),
        learned=told.append,
    )


@pytest.fixture
def put(store):
    """Make an object of that many bytes; return (key, etag, size)."""

    def put(key, size):
        body = BytesBody(b"x" * size)
        return key, store.put(key, body, Headers("text/odd", {"mode": "33152"})).etag, size

    return put


def test_a_whole_file(objects, put, blocks, told):
    """The bytes are in memory then, and the answer has told the rest."""
    version = put("f", 5000)
    info = objects.fetch_whole(*version)

    assert ("text/odd", "33152") == (info.content_type, info.metadata["mode"])
    assert [info] == told
    hits = blocks.hits
    assert b"x" * 5000 == bytes(objects.open(*version).read(0, 9000))
    assert hits + 1 == blocks.hits


def test_what_is_there_is_not_fetched_again(objects, put, told):
    """Nothing is asked, so nothing is learned."""
    version = put("f", 5000)
    objects.fetch_whole(*version)

    assert objects.fetch_whole(*version) is None
    assert 1 == len(told)


def test_another_version(objects, put, blocks, told):
    """It is refused, nothing of it is kept, and no room either."""
    version = put("f", 5000)
    put("f", 5001)

    with pytest.raises(PreconditionFailed):
        objects.fetch_whole(*version)
    assert ([], 0, 0) == (told, blocks.held, blocks.reserved)


def test_ahead_of_a_reader_only_where_there_is_room(objects, put, blocks):
    """Three quarters of the memory, as for all that is ahead; what came gives way to others."""
    for n in range(2 * BUDGET // MIB):
        assert objects.fetch_whole(*put(f"f{n}", MIB), is_ahead=True) is not None
    assert blocks.held <= BUDGET

    blocks.reserve(blocks.room_ahead, is_ahead=False)
    assert objects.fetch_whole(*put("g", MIB), is_ahead=True) is None
    assert objects.fetch_whole(*put("g", MIB)) is not None
