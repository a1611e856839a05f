"""What is kept for somebody to decide about: one list, of which things can go."""

import pytest

from ossfs.clock import FakeClock
from ossfs.journal.journal import Journal
from ossfs.store.api import Headers
from ossfs.writeback.kept import Kept
from ossfs.writeback.staging import StagingArea


@pytest.fixture
def area(tmp_path):
    return StagingArea(tmp_path / "staging", reserve=0)


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "journal.db", clock=FakeClock())
    yield journal
    journal.close()


@pytest.fixture
def kept(journal, area):
    return Kept(journal=journal, area=area)


@pytest.fixture
def draft(journal, area, kept):
    """Make a draft of a key; return its id."""

    def make(key, data=b"bytes"):
        name = area.new_name()
        file_id = journal.open_draft(key, base=None, staging=name, headers=Headers())
        staged = area.create(name)
        staged.write(0, data)
        staged.close()
        kept.add(one for one in journal.load().files if one.id == file_id)
        return file_id

    return make


def test_the_latest_draft_of_a_key_is_found(kept, draft):
    """Of several, the last; of another key, none."""
    draft("f")
    latest = draft("f")
    draft("g")

    assert latest == kept.draft_of("f").id
    assert kept.draft_of("h") is None


def test_what_is_dropped_is_gone_everywhere(kept, draft, journal, area):
    """Row, local bytes and the line of the list; once more does nothing."""
    first, second = draft("f"), draft("g")
    kept.drop(first)
    kept.drop(first)

    assert [second] == [one.id for one in journal.load().files]
    assert ["g"] == [one.key for one in kept.status()]
    assert 1 == len(area.names())


def test_the_upload_of_what_is_dropped_is_to_be_aborted(kept, draft, journal):
    """Whoever drops it is told, and the journal knows until it is done."""
    file_id = draft("f")
    row = journal.plan_upload(file_id, key="f", part_size=1 << 20, headers=Headers())
    journal.upload_started(row, "id at the store")

    dropped = kept.drop(file_id)

    assert ("f", "id at the store") == (dropped.key, dropped.upload_id)
    assert [dropped] == list(journal.load().aborts)


def test_a_discard_leaves_alone_what_is_somebody_elses(kept, draft, area, monkeypatch):
    """A draft that was promised in the same moment keeps its bytes."""
    file_id = draft("f")
    details = kept.details(str(file_id))
    kept.take(file_id)
    monkeypatch.setattr(kept, "details", lambda name: details)
    kept.discard(str(file_id), lambda: None)

    assert 1 == len(area.names())


def test_what_is_taken_is_somebody_elses(kept, draft, journal, area):
    """Only one gets it; row and bytes stay for who did."""
    file_id = draft("f")

    assert file_id == kept.take(file_id).id
    assert kept.take(file_id) is None
    assert [] == kept.status()
    assert (1, 1) == (len(journal.load().files), len(area.names()))


def test_a_conflict_is_kept_from_then_on(kept, draft, journal):
    """The journal says which; a file that is being written is a draft of nobody's."""
    file_id = draft("f")
    kept.take(file_id)
    kept.add_conflicts()
    assert [] == kept.status()
    journal.conflicted(file_id, "theirs is there")
    kept.add_conflicts()

    (status,) = kept.status()
    assert (str(file_id), "conflict", "theirs is there", 5) == (
        status.id, status.state, status.error, status.size
    )  # fmt: skip
    assert kept.draft_of("f") is None
