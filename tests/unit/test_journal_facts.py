"""What is written is read back, by the next process too; damage is named."""

import contextlib
import errno
import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ossfs.clock import FakeClock
from ossfs.errors import JournalDamaged, StagingFull
from ossfs.extents import Extent
from ossfs.journal import database as database_module
from ossfs.journal import journal as journal_module
from ossfs.journal.journal import Journal
from ossfs.journal.records import Content, FileState, UploadState, Version
from ossfs.journal.schema import MIGRATIONS
from ossfs.store.api import Headers, Part

BASE = Version("f", "ETAG", 300)
HEADERS = Headers("text/plain", {"mode": "33188", "color": "red"})
CONTENT = Content(500, [Extent(0, 10), Extent(20, 30)], [Extent(5, 10)], 250)
HUGE_CRC = (1 << 64) - 1


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path):
    journal = Journal(path, clock=FakeClock())
    yield journal
    journal.close()


@pytest.fixture
def reopened(path, journal):
    """Return a function that reads the journal as the next process does."""

    def load(**options):
        other = Journal(path, clock=FakeClock(), **options)
        try:
            return other.load()
        finally:
            other.close()

    return load


def draft(journal, key="f", staging="s1", base=BASE):
    return journal.open_draft(key, base=base, staging=staging, headers=HEADERS)


def promise(journal, file, **options):
    values = {"generation": 3, "base": BASE, "staging": "s1", "content": CONTENT}
    journal.promise(file, headers=HEADERS, **{**values, **options})


def test_a_new_journal_is_empty(reopened):
    """Nothing to finish."""
    ledger = reopened()
    assert ([], [], []) == (ledger.files, ledger.moves, ledger.deletions)


def test_a_draft(journal, reopened):
    """Where its bytes are and what they are based on; no content is promised."""
    file = draft(journal)
    (record,) = reopened().files

    assert (file, "f", BASE, "s1", FileState.DRAFT) == (
        record.id, record.key, record.base, record.staging, record.state
    )  # fmt: skip
    assert (None, None, HEADERS, "") == (
        record.content, record.upload, record.headers, record.error
    )  # fmt: skip


def test_a_promise(journal, reopened):
    """Generation, content and headers are those of the moment of the promise."""
    file = draft(journal, base=None)
    promise(journal, file)
    (record,) = reopened().files

    assert (FileState.PROMISED, 3, CONTENT, BASE) == (
        record.state, record.generation, record.content, record.base
    )  # fmt: skip


def test_a_promise_of_attributes(journal, reopened):
    """No staging file, no content."""
    file = draft(journal, staging=None)
    promise(journal, file, staging=None, content=None)
    (record,) = reopened().files

    assert (FileState.PROMISED, None, None) == (record.state, record.staging, record.content)


def test_a_promise_that_ends_with_the_machine(journal, reopened, monkeypatch):
    """Bytes that were not synced may be gone after a power cut: a draft then."""
    file = draft(journal)
    promise(journal, file, is_synced=False)
    assert not journal.is_lasting(file)
    assert FileState.PROMISED is reopened().files[0].state

    monkeypatch.setattr(journal_module, "boot_id", lambda: "another boot")
    (record,) = reopened().files
    assert (FileState.DRAFT, 0, None, "s1") == (
        record.state, record.generation, record.content, record.staging
    )  # fmt: skip


def test_a_promise_that_outlives_the_machine(journal, reopened, monkeypatch):
    """Bytes that were synced are there after a power cut."""
    file = draft(journal)
    promise(journal, file)
    assert journal.is_lasting(file)

    monkeypatch.setattr(journal_module, "boot_id", lambda: "another boot")
    assert FileState.PROMISED is reopened().files[0].state


def test_a_file_that_gets_bytes_after_attributes(journal, reopened):
    """The attributes stay promised until the bytes are, which bring them along."""
    attributes = draft(journal, staging=None)
    promise(journal, attributes, staging=None, content=None)
    content = draft(journal, staging="s2")
    assert [FileState.PROMISED, FileState.DRAFT] == [one.state for one in reopened().files]
    promise(journal, content, staging="s2", replaces=attributes)

    assert [(content, FileState.PROMISED)] == [(one.id, one.state) for one in reopened().files]


def test_a_promise_of_a_file_that_lost_its_name(journal, reopened):
    """It is nothing to finish, until it holds again; what was not promised is forgotten."""
    one, two = draft(journal), draft(journal, "g", "s2")
    promise(journal, one)
    row = journal.plan_upload(one, key="f", part_size=5, headers=HEADERS)
    assert row == journal.unlinked([one, two]).id
    ledger = reopened()
    assert ([], [one], 1) == (ledger.files, ledger.unlinked, len(ledger.aborts))

    journal.relinked([one, two])
    (record,) = reopened().files
    assert (one, FileState.PROMISED, CONTENT) == (record.id, record.state, record.content)
    assert record.upload is None


def test_names_errors_and_conflicts(journal, reopened):
    """Each fact changes its own columns."""
    one, two = draft(journal), draft(journal, "g", "s2")
    journal.rename_file(one, "h", base=Version("h", "E2", 7))
    journal.rename_file(two, "i")
    journal.failed(one, "no luck")
    journal.conflicted(two, "theirs")
    first, second = reopened().files

    assert ("h", Version("h", "E2", 7), "no luck") == (first.key, first.base, first.error)
    assert ("i", None, FileState.CONFLICT, "theirs") == (
        second.key, second.base, second.state, second.error
    )  # fmt: skip


def test_what_is_done_is_forgotten(journal, reopened):
    """With its upload and its parts; numbers are not used twice."""
    file = draft(journal)
    promise(journal, file)
    row = journal.plan_upload(file, key="f", part_size=10, headers=HEADERS)
    journal.part_done(row, Part(1, 10, "E", 5))
    journal.forget(file)

    assert [] == reopened().files
    assert not journal.is_lasting(file)
    assert draft(journal) > file
    assert None is reopened().files[0].upload


def test_an_upload_step_by_step(journal, reopened):
    """Each step is there for the next process."""
    file = draft(journal)

    def upload():
        return reopened().files[0].upload

    row = journal.plan_upload(file, key="f", part_size=1000, headers=HEADERS)
    assert (UploadState.PLANNED, None, FakeClock().now_ns(), 0, 1000, HEADERS) == (
        upload().state, upload().upload_id, upload().planned_ns, upload().generation,
        upload().part_size, upload().headers,
    )  # fmt: skip
    journal.upload_started(row, "ID")
    assert (UploadState.STARTED, "ID", []) == (
        upload().state, upload().upload_id, list(upload().parts)
    )  # fmt: skip
    parts = [Part(2, 1000, "E2", HUGE_CRC), Part(1, 1000, "E1", None), Part(2, 1000, "E2b", 7)]
    for part in parts:
        journal.part_done(row, part)
    assert [parts[1], parts[2]] == list(upload().parts)
    journal.completing(row, 3, HUGE_CRC)
    assert (UploadState.COMPLETING, 3, HUGE_CRC) == (
        upload().state, upload().generation, upload().crc64
    )  # fmt: skip
    journal.upload_gone(file)
    assert None is upload()


def test_a_new_upload_takes_the_place_of_the_old(journal, reopened):
    """Its parts are gone with it."""
    file = draft(journal)
    row = journal.plan_upload(file, key="f", part_size=10, headers=HEADERS)
    journal.part_done(row, Part(1, 10, "E", 5))
    journal.plan_upload(file, key="g", part_size=20, headers=HEADERS)
    upload = reopened().files[0].upload

    assert ("g", 20, []) == (upload.key, upload.part_size, list(upload.parts))


def test_an_upload_that_goes_on_with_another_file(journal, reopened):
    """With its parts; the file that had it has none any more."""
    one, two = draft(journal), draft(journal, staging="s2")
    row = journal.plan_upload(one, key="f", part_size=10, headers=HEADERS)
    journal.upload_started(row, "ID")
    journal.part_done(row, Part(1, 10, "E", 5))
    journal.adopt_upload(row, two)
    first, second = reopened().files

    assert None is first.upload
    assert ("ID", [Part(1, 10, "E", 5)]) == (second.upload.upload_id, list(second.upload.parts))


def test_uploads_that_are_to_be_aborted(journal, reopened):
    """Known until that is done, whether the file goes on or not, and whatever is known of them."""
    one, two = draft(journal), draft(journal, "g", "s2")
    journal.plan_upload(one, key="f", part_size=10, headers=HEADERS)
    row = journal.plan_upload(two, key="g", part_size=10, headers=HEADERS)
    journal.upload_started(row, "ID")
    first, second = journal.discard(one), journal.drop_upload(two)
    ledger = reopened()

    assert ([first, second], [(two, None)]) == (
        list(ledger.aborts), [(file.id, file.upload) for file in ledger.files]
    )  # fmt: skip
    assert [("f", None), ("g", "ID")] == [(one.key, one.upload_id) for one in ledger.aborts]
    assert (None, None) == (journal.drop_upload(two), journal.discard(two))
    for record in (first, second):
        journal.end_abort(record.id)
    assert [] == list(reopened().aborts)


@pytest.fixture
def flushes(path, monkeypatch):
    """Return a list that grows with the size of the log at each flush."""
    sizes = []
    real = os.fdatasync

    def flush(fd):
        assert f"{path}-wal" == str(Path(f"/proc/self/fd/{fd}").readlink())
        sizes.append(os.fstat(fd).st_size)
        real(fd)

    monkeypatch.setattr(database_module.os, "fdatasync", flush)
    return sizes


def test_a_promise_is_flushed_with_all_before_it(path, journal, flushes):
    """When the method returns, the log is on disk as far as it goes; a draft does not wait."""
    file = draft(journal)
    assert [] == flushes
    promise(journal, file)
    assert [Path(f"{path}-wal").stat().st_size] == flushes
    journal.failed(file, "no luck")
    assert 1 == len(flushes)


def test_threads_share_a_flush(journal, flushes, monkeypatch):
    """Those whose facts are in the log when it begins need none of their own."""
    files = [draft(journal) for _ in range(8)]
    counted = database_module.os.fdatasync
    first = threading.Event()

    def slow(fd):
        first.set()
        while journal._written < 16:  # the drafts and all promises
            os.sched_yield()
        counted(fd)

    monkeypatch.setattr(database_module.os, "fdatasync", slow)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda file: promise(journal, file), files))

    assert first.is_set()
    assert 2 == len(flushes)


def test_a_log_that_cannot_be_flushed(journal, monkeypatch):
    """The fact is not taken for one."""
    file = draft(journal)

    def fail(fd):
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(database_module.os, "fdatasync", fail)
    with pytest.raises(StagingFull):
        promise(journal, file)


def test_moves(journal, reopened):
    """Of a file with its attributes, and of a prefix."""
    one = journal.begin_move("f", "g", etag="E", headers=HEADERS)
    two = journal.begin_move("d/", "e/")
    journal.move_copied(two, is_prefix=True)
    file, prefix = reopened().moves

    assert ("f", "g", "E", False, False, HEADERS) == (
        file.source, file.target, file.etag, file.is_prefix, file.is_copied, file.headers
    )  # fmt: skip
    assert ("d/", "e/", True, True, None) == (
        prefix.source, prefix.target, prefix.is_prefix, prefix.is_copied, prefix.headers
    )  # fmt: skip
    journal.end_move(one, is_prefix=False)
    journal.end_move(two, is_prefix=True)
    assert [] == reopened().moves


def test_only_attributes_travel_with_a_move(journal, reopened):
    """A file with bytes of its own, and a move without attributes, forget nothing."""
    draft(journal)
    draft(journal, staging=None)
    journal.move_copied(journal.begin_move("f", "g", etag="E"), is_prefix=False)
    assert 2 == len(reopened().files)
    journal.move_copied(journal.begin_move("f", "g", etag="E", headers=HEADERS), is_prefix=False)
    assert ["s1"] == [one.staging for one in reopened().files]


def test_deletions(journal, reopened):
    """Ended one by one, or called off for a name."""
    one = journal.begin_deletion("f", "E1")
    journal.begin_deletion("f", "E2")
    journal.begin_deletion("g", "E3")
    assert [("f", "E1"), ("f", "E2"), ("g", "E3")] == [
        (one.key, one.etag) for one in reopened().deletions
    ]
    journal.end_deletion(one)
    journal.cancel_deletions("f")
    assert ["g"] == [one.key for one in reopened().deletions]


def test_a_reader_beside_the_writer(journal, reopened):
    """`ossfs uploads list` reads while a mount writes."""
    draft(journal)
    assert ["f"] == [one.key for one in reopened(read_only=True).files]


def test_what_is_no_journal(path):
    """Said, not overwritten."""
    path.write_bytes(b"this is not a database, but something else" * 100)
    with pytest.raises(JournalDamaged, match=r"journal\.db"):
        Journal(path, clock=FakeClock())
    assert path.read_bytes().startswith(b"this is not")


def test_a_damaged_journal(path, journal):
    """Pages that make no sense are found at the start, not in the middle of recovery."""
    for n in range(300):
        draft(journal, f"{n}" * 20)
    journal.close()
    data = bytearray(path.read_bytes())
    data[8192:-4096] = bytes(len(data) - 8192 - 4096)
    path.write_bytes(data)

    with pytest.raises(JournalDamaged):
        Journal(path, clock=FakeClock())


def test_a_journal_of_the_future(path, journal):
    """A newer ossfs has written it: this one keeps its hands off."""
    journal.close()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()

    with pytest.raises(JournalDamaged, match="newer version"):
        Journal(path, clock=FakeClock())


def test_a_full_disk(journal, reopened):
    """StagingFull, the fact is not recorded, and the next one can be."""
    draft(journal)
    (pages,) = journal._db.execute("PRAGMA page_count").fetchone()
    journal._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StagingFull):
        draft(journal, "x" * 200_000)
    journal._db.execute("PRAGMA max_page_count = 100000")
    draft(journal, "g")

    assert ["f", "g"] == [one.key for one in reopened().files]


def test_a_folder_that_is_not_there(tmp_path):
    """Said with the path."""
    with pytest.raises(JournalDamaged, match="no/journal"):
        Journal(tmp_path / "no" / "journal.db", clock=FakeClock())


def test_a_closed_journal_says_so(journal):
    """Nothing is recorded in silence."""
    journal.close()
    with pytest.raises(JournalDamaged):
        draft(journal)


def test_an_older_journal_is_read_without_changing_it(path):
    """The list of a state folder works after an update, before the next mount."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(f"{MIGRATIONS[0]}; PRAGMA user_version = 1")
        db.execute(
            "INSERT INTO files (key, created_ns, state, generation, metadata, error)"
            " VALUES ('f', 1, 'draft', 0, '{}', '')"
        )
        db.commit()
    before = path.read_bytes()
    with contextlib.closing(Journal(path, clock=FakeClock(), read_only=True)) as journal:
        assert ["f"] == [one.key for one in journal.load().files]

    assert before == path.read_bytes()


def test_an_interrupted_migration_is_done_again(path, monkeypatch):
    """Each version is one transaction with its number."""
    broken = [*MIGRATIONS, "CREATE TABLE more (x); CREATE TABLE files (y)"]
    Journal(path, clock=FakeClock()).close()
    monkeypatch.setattr(database_module, "MIGRATIONS", broken)
    with pytest.raises(JournalDamaged):
        Journal(path, clock=FakeClock())
    monkeypatch.setattr(database_module, "MIGRATIONS", [*MIGRATIONS, "CREATE TABLE more (x)"])
    Journal(path, clock=FakeClock()).close()

    db = sqlite3.connect(path)
    assert (len(MIGRATIONS) + 1,) == db.execute("PRAGMA user_version").fetchone()
    db.close()
