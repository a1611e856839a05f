"""What the journal does about names, together with what it says about files."""

import pytest

from ossfs.clock import FakeClock
from ossfs.journal.journal import Journal
from ossfs.journal.records import Version
from ossfs.store.api import Headers

NOTHING = Headers(None, {})


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "journal.db", clock=FakeClock())
    yield journal
    journal.close()


def draft(journal, key, base=None):
    return journal.open_draft(key, base=base, staging=key.replace("/", "-"), headers=NOTHING)


def keys(records):
    return [record.key for record in records]


def test_an_object_that_is_made_calls_off_deletions_of_its_key(journal):
    """In the same step as the file is done; those of other keys stay."""
    file = draft(journal, "f")
    for key in ("f", "g", "f"):
        journal.begin_deletion(key, "1")
    journal.forget(file, made="f")

    assert ([], ["g"]) == (keys(journal.load().files), keys(journal.load().deletions))


def test_a_file_that_is_never_made_calls_off_nothing(journal):
    """It was unlinked, too: what it was to replace is still to go."""
    file = draft(journal, "f")
    journal.begin_deletion("f", "1")
    journal.forget(file)

    assert ["f"] == keys(journal.load().deletions)


def test_a_copy_that_is_made_calls_off_deletions_of_its_target(journal):
    """A rename to a name whose file was unlinked while open."""
    journal.begin_deletion("g", "1")
    move = journal.begin_move("f", "g", etag="2")
    assert ["g"] == keys(journal.load().deletions)
    journal.move_copied(move, is_prefix=False)

    assert [] == journal.load().deletions


def test_a_source_that_is_left_is_a_deletion(journal):
    """The rename is done, and what is left of it is one version of one object."""
    move = journal.begin_move("f", "g", etag="2")
    journal.move_copied(move, is_prefix=False)
    deletion = journal.move_left(move)

    assert [] == journal.load().moves
    assert [(deletion, "f", "2")] == [(d.id, d.key, d.etag) for d in journal.load().deletions]


def test_files_follow_their_directory(journal):
    """With the version that they are based on; neighbours do not, nor what a failed one moved."""
    draft(journal, "d/new")
    draft(journal, "d/e/old", base=Version("d/e/old", "1", 10))
    draft(journal, "dd/f", base=Version("dd/f", "1", 10))
    failed = journal.begin_move("d/", "never/")
    journal.end_move(failed, is_prefix=True)
    move = journal.begin_move("d/", "täglich/x/")
    assert ["d/new", "d/e/old", "dd/f"] == keys(journal.load().files)
    journal.move_copied(move, is_prefix=True)

    files = journal.load().files
    assert ["täglich/x/new", "täglich/x/e/old", "dd/f"] == keys(files)
    assert [None, Version("täglich/x/e/old", "1", 10), Version("dd/f", "1", 10)] == [
        file.base for file in files
    ]
    assert ["d-new", "d-e-old", "dd-f"] == [file.staging for file in files]
