"""Where bytes go as they come, when answers are cut short or wrong."""

import random

import pytest

from ossfs.clock import FakeClock
from ossfs.crc64 import crc64
from ossfs.errors import ChecksumMismatch, PreconditionFailed
from ossfs.extents import Extent
from ossfs.observe.metrics import Metrics
from ossfs.store.api import BytesBody, CutShort, Handing, Headers
from ossfs.store.bodies import Whole
from ossfs.store.memory import MemoryStore
from ossfs.store.memory_objects import pour
from ossfs.store.metered import Metered
from ossfs.store.retrying import Retrying

CONTENT = bytes(range(256)) * 4


class Cutting(MemoryStore):
    """A store that cuts its first answers short, each behind what `make` makes of its bytes."""

    def __init__(self, *cuts, make=bytes):
        super().__init__()
        self.cuts = list(cuts)
        self.make = make
        self.asked = []
        self.after = lambda: None
        self.put("k", BytesBody(CONTENT), Headers())

    def get(self, key, extent=None, *, into=None, **kwargs):
        self.asked.append(extent)
        if not self.cuts:
            return super().get(key, extent, into=into, **kwargs)
        info, data, _ = super().get(key, extent, **kwargs)
        start = extent.start if extent else 0
        came = self.make(data[: self.cuts.pop(0)])
        into.begins(info, Extent(start, start + len(data)))
        pour(came, into)
        self.after()
        raise CutShort("cut", info=info, size=len(came), crc64=crc64(came))


def retrying(store):
    return Retrying(store, clock=FakeClock(), random=random.Random(7))


def counted(store):
    return Metered(store, metrics=Metrics())


@pytest.mark.parametrize("extent", [None, Extent(10, 1000)])
def test_what_is_cut_is_joined_in_one_piece_of_memory(extent):
    """Each byte is asked for once; one whose answer ended at once is nothing new."""
    store = Cutting(0, 100, 0, 300)
    wanted = CONTENT if extent is None else CONTENT[10:1000]

    _, data, crc = retrying(store).get("k", extent)

    assert wanted == data
    assert crc64(wanted) == crc
    start = extent.start if extent else 0
    assert [extent, extent, start + 100, start + 100, start + 400] == [
        *store.asked[:2], *(one.start for one in store.asked[2:]),
    ]  # fmt: skip


def test_an_empty_range_of_a_sink_is_nothing():
    """Of which the sum is known, too."""
    sink = Whole()
    assert (b"", 0) == retrying(Cutting()).get("k", Extent(5, 5), into=sink)[1:]
    assert b"" == sink.data


def test_another_version_begins_anew_if_nobody_has_used_the_old_one():
    """Of any size; who has handed bytes on gets the error."""
    for new in (CONTENT[::-1], b"short", CONTENT * 2):
        store = Cutting(100)
        store.after = lambda store=store, new=new: store.put("k", BytesBody(new), Headers())
        assert new == retrying(store).get("k").data

        store.cuts, received = [100], bytearray()
        store.after = lambda store=store: store.put("k", BytesBody(CONTENT), Headers())
        with pytest.raises(PreconditionFailed):
            retrying(store).get("k", into=Handing(received.extend))
        assert new[:100] == received


@pytest.mark.parametrize("around", [lambda store: store, counted])
def test_pieces_that_do_not_make_the_object(around):
    """They come again, all of them, or if they were handed on, the error says so."""
    store = Cutting(100, make=lambda data: bytes(len(data)))
    assert CONTENT == around(retrying(store)).get("k").data
    assert [None, 100, None] == [one and one.start for one in store.asked]

    store.cuts, store.asked = [100], []
    with pytest.raises(ChecksumMismatch):
        around(retrying(store)).get("k", into=Handing(bytes))
    assert 2 == len(store.asked)
