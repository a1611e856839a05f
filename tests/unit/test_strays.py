"""Whose the multipart uploads at a store are."""

import pytest

from ossfs.clock import FakeClock
from ossfs.errors import AccessDenied
from ossfs.journal.journal import Journal
from ossfs.store.api import BytesBody, Headers
from ossfs.store.memory import MemoryStore
from ossfs.writeback.aborting import NotAborted, finish_abort
from ossfs.writeback.strays import Claims, Owner, Stray, held_by, older_than, uploads_of

DAY_S = 86400.0


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def store(clock):
    return MemoryStore(clock=clock)


@pytest.fixture
def journal(tmp_path, clock):
    journal = Journal(tmp_path / "journal.db", clock=clock)
    yield journal
    journal.close()


def owners(store, journal, clock, *, prefix="", age_s=0.0):
    claims = Claims()
    claims.add(journal.load())
    before_ns = clock.now_ns() - int(age_s * 1e9) + 1
    strays = older_than(uploads_of(store, prefix), claims, before_ns=before_ns)
    return {one.key: one.owner for one in strays}


def test_every_page_is_read(store, clock):
    """More than one answer holds, below the prefix only."""
    for number in range(1003):
        store.create_upload(f"a/{number}", Headers())
    store.create_upload("b", Headers())

    assert 1003 == sum(1 for _ in uploads_of(store, "a/"))


def test_only_old_ones_are_strays(store, journal, clock):
    """The age is counted from the upload's beginning."""
    store.create_upload("old", Headers())
    clock.advance(7 * DAY_S)
    store.create_upload("young", Headers())

    assert {"old": Owner.FOREIGN} == owners(store, journal, clock, age_s=6 * DAY_S)
    assert {} == owners(store, journal, clock, age_s=8 * DAY_S)


def test_what_a_rename_copies_is_needed(store, journal):
    """The journal has its upload's id, and before that its key and time."""
    clock = FakeClock()
    move = journal.begin_move("a", "b", etag="E")
    journal.plan_move_upload(move, "b")
    upload = store.create_upload("b", Headers())
    assert {"b": Owner.NEEDED} == owners(store, journal, clock)
    journal.move_upload_started(move, upload)
    store.create_upload("c", Headers())

    assert {"b": Owner.NEEDED, "c": Owner.FOREIGN} == owners(store, journal, clock)


def test_what_was_dropped_is_ours(store, journal, clock):
    """An abort that could not be sent is in the journal, until it is."""
    upload = store.create_upload("f", Headers())
    file_id = journal.open_draft("f", base=None, staging=None, headers=Headers())
    row = journal.plan_upload(file_id, key="f", part_size=1 << 20, headers=Headers())
    journal.upload_started(row, upload)
    assert {"f": Owner.NEEDED} == owners(store, journal, clock)
    dropped = journal.discard(file_id)
    assert {"f": Owner.OURS} == owners(store, journal, clock)
    finish_abort(dropped, journal, store)

    assert {} == owners(store, journal, clock)
    assert not journal.load().aborts


def test_an_abort_that_fails_stays_in_the_journal(store, journal, clock, monkeypatch):
    """Whoever asked for it is told; the next mount tries again."""
    upload = store.create_upload("f", Headers())
    file_id = journal.open_draft("f", base=None, staging=None, headers=Headers())
    row = journal.plan_upload(file_id, key="f", part_size=1 << 20, headers=Headers())
    journal.upload_started(row, upload)
    dropped = journal.drop_upload(file_id)

    def refuse(key, upload_id):
        raise AccessDenied("no")

    with monkeypatch.context() as patch:
        patch.setattr(store, "abort_upload", refuse)
        with pytest.raises(NotAborted, match="until the next mount"):
            finish_abort(dropped, journal, store)
    assert [dropped] == list(journal.load().aborts)
    store.abort_upload("f", upload)
    finish_abort(dropped, journal, store)  # one that is gone is no error
    assert not journal.load().aborts


def test_the_size_is_that_of_the_parts(store, clock):
    """All pages of them; nothing for one that is gone."""
    upload = store.create_upload("f", Headers())
    for number in (1, 2, 3):
        store.upload_part("f", upload, number, BytesBody(b"x" * 1000 * number))
    stray = Stray("f", upload, 0, Owner.FOREIGN)

    assert 6000 == held_by(store, stray)
    store.abort_upload("f", upload)
    assert 0 == held_by(store, stray)
