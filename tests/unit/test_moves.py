"""Renames: both names while copying, one name at the end, and nothing lost in between."""

from dataclasses import replace

import pytest

from ossfs.clock import FakeClock
from ossfs.errors import AccessDenied, PreconditionFailed, ServerFault, Unreachable
from ossfs.journal.journal import Journal
from ossfs.journal.records import Version
from ossfs.store.api import BytesBody, DeleteFailure, Headers
from ossfs.store.limits import OSS_LIMITS
from ossfs.store.memory import MemoryStore
from ossfs.transfer.workers import InlineWorkers
from ossfs.writeback.moves import Mover, delete_all, list_all

CONTENT = bytes(range(250)) * 4


class Flaky(MemoryStore):
    """A store whose methods can be made to fail."""

    def __init__(self, **options):
        super().__init__(**options)
        self.failing = {}
        self.requests = []

    def _maybe_fail(self, name):
        self.requests.append(name)
        if name in self.failing:
            raise self.failing[name]

    def copy(self, *args, **kwargs):
        self._maybe_fail("copy")
        return super().copy(*args, **kwargs)

    def list(self, *args, **kwargs):
        self._maybe_fail("list")
        return super().list(*args, **kwargs)

    def delete(self, key):
        self._maybe_fail("delete")
        super().delete(key)

    def delete_many(self, keys):
        self._maybe_fail("delete_many")
        return super().delete_many(keys)


@pytest.fixture
def store():
    return Flaky(limits=replace(OSS_LIMITS, min_part=100, max_copy=2000))


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "journal.db", clock=FakeClock())
    yield journal
    journal.close()


@pytest.fixture
def mover(store, journal):
    return Mover(store=store, journal=journal, workers=InlineWorkers())


def put(store, key, data=CONTENT, **metadata):
    stored = store.put(key, BytesBody(data), Headers("text/plain", metadata))
    return Version(key, stored.etag, len(data))


def keys(store, prefix=""):
    store.failing.clear()
    return [item.key for item in list_all(store, prefix)]


def test_a_file_moves_with_what_is_stored_beside_it(store, mover, journal):
    """Bytes, content type and metadata arrive; two requests."""
    source = put(store, "a", color="red")
    moved, _ = mover.move_object(source, "b", headers=None)

    assert ["copy", "delete"] == store.requests
    info = store.head("b")
    assert (moved, {"color": "red"}, "text/plain") == (
        Version("b", info.etag, len(CONTENT)), info.metadata, info.content_type
    )  # fmt: skip
    assert ["b"] == keys(store)
    assert not journal.load().moves


def test_a_file_moves_with_new_attributes(store, mover):
    """Headers that are given replace the source's, in the same copy."""
    mover.move_object(put(store, "a", color="red"), "b", headers=Headers(None, {"mode": "33188"}))

    assert {"mode": "33188"} == store.head("b").metadata


def test_another_version_is_not_moved(store, mover, journal):
    """A source that somebody replaced stays where it is, with their bytes."""
    old = put(store, "a")
    put(store, "a", b"theirs")

    with pytest.raises(PreconditionFailed):
        mover.move_object(old, "b", headers=None)
    assert ["a"] == keys(store)
    assert not journal.load().moves


def test_a_copy_that_fails_leaves_nothing_to_finish(store, mover, journal):
    """A rename that was refused is not done by the next mount."""
    source = put(store, "a")
    store.failing["copy"] = Unreachable("no")

    with pytest.raises(Unreachable):
        mover.move_object(source, "b", headers=None)
    assert not journal.load().moves


class Died(BaseException):
    """The process ended here."""


def interrupted(store, mover, source, target="b"):
    """Rename, but die before the deletion of the source."""
    store.failing["delete"] = Died()
    with pytest.raises(Died):
        mover.move_object(source, target, headers=None)
    store.failing.clear()


def test_a_deletion_that_fails_is_left_to_do(store, mover, journal):
    """The file is renamed; the journal knows the version whose name is to go."""
    source = put(store, "a")
    store.failing["delete"] = Unreachable("no")

    moved, left = mover.move_object(source, "b", headers=None)
    assert "b" == moved.key
    assert [left] == journal.load().deletions
    assert ("a", source.etag) == (left.key, left.etag)
    assert not journal.load().moves


def test_a_deletion_that_is_refused_is_no_rename(store, mover, journal):
    """Nothing is deleted behind the back of who was told that it failed."""
    store.failing["delete"] = AccessDenied("no")

    with pytest.raises(AccessDenied):
        mover.move_object(put(store, "a"), "b", headers=None)
    assert ["a", "b"] == keys(store)
    assert not journal.load().moves
    assert not journal.load().deletions


def test_a_deletion_that_failed_is_finished_later(store, mover, journal):
    """What is copied is not copied again, only the old name goes."""
    interrupted(store, mover, put(store, "a"))
    store.requests.clear()

    mover.resume(*journal.load().moves)
    assert "copy" not in store.requests
    assert ["b"] == keys(store)
    assert not journal.load().moves


def test_the_only_copy_is_not_deleted(store, mover, journal, expect_log):
    """When the target was removed after a rename that failed at its end, the source stays."""
    expect_log("both stay")
    interrupted(store, mover, put(store, "a"))
    store.delete("b")

    mover.resume(*journal.load().moves)
    assert ["a"] == keys(store)


def test_a_source_written_again_stays(store, mover, journal, expect_log):
    """A new file under the old name is not the one that was renamed."""
    expect_log("stays")
    interrupted(store, mover, put(store, "a"))
    put(store, "a", b"new")

    mover.resume(*journal.load().moves)
    assert ["a", "b"] == keys(store)


def test_a_target_written_again_does_not_cost_the_source(store, mover, journal, expect_log):
    """Nothing says that the two still are one file: both stay."""
    expect_log("both stay")
    interrupted(store, mover, put(store, "a"))
    put(store, "b", b"new")

    mover.resume(*journal.load().moves)
    assert ["a", "b"] == keys(store)


def test_a_source_that_is_gone_ends_the_rename(store, mover, journal):
    """The last request was carried out, the process died before it was written down."""
    interrupted(store, mover, put(store, "a"))
    store.delete("a")

    mover.resume(*journal.load().moves)
    assert ["b"] == keys(store)
    assert not journal.load().moves


def test_attributes_that_went_with_a_rename_are_done(store, mover, journal):
    """A file whose attributes alone were pending has nothing left to do under its old name."""
    source, headers = put(store, "a"), Headers(None, {"mode": "33188"})
    file = journal.open_draft("a", base=source, staging=None, headers=headers)
    journal.promise(file, generation=1, base=source, staging=None, content=None, headers=headers)
    mover.move_object(source, "b", headers=headers)

    assert not journal.load().files


def test_a_large_file_is_copied_in_parts(store, mover):
    """An object beyond the store's limit for one copy moves too, with its headers."""
    store._limits = replace(store.limits, max_copy=len(CONTENT) - 1)
    moved, _ = mover.move_object(put(store, "a", color="red"), "b", headers=None)

    assert CONTENT == store.get("b").data
    assert ({"color": "red"}, moved.etag) == (store.head("b").metadata, store.head("b").etag)
    assert not store.list_uploads().uploads


def test_a_large_copy_that_fails_leaves_no_upload(store, mover, monkeypatch):
    """Parts that will not be completed are not paid for."""
    store._limits = replace(store.limits, max_copy=len(CONTENT) - 1)

    def refuse(*args, **kwargs):
        raise Unreachable("no")

    monkeypatch.setattr(store, "copy_part", refuse)
    with pytest.raises(Unreachable):
        mover.move_object(put(store, "a"), "b", headers=None)
    assert not store.list_uploads().uploads
    assert ["a"] == keys(store)


@pytest.fixture
def tree(store):
    """Make a directory with a large file, a nested directory and 3 files in all."""
    for key in ("d/", "d/e/"):
        put(store, key, b"")
    for key in ("d/f", "d/e/g"):
        put(store, key)
    put(store, "d/large", CONTENT * 3)
    put(store, "dd", b"a neighbour")
    return store


MOVED = ["dd", "t/", "t/e/", "t/e/g", "t/f", "t/large"]
STAYED = ["d/", "d/e/", "d/e/g", "d/f", "d/large", "dd"]


def test_a_directory_moves_whole(tree, mover, journal):
    """Every object below it, whatever its size, and nothing else."""
    left, copies = mover.move_prefix("d/", "t/")

    assert left is None
    assert MOVED[1:] == sorted(copies)
    assert MOVED == keys(tree)
    assert CONTENT * 3 == tree.get("t/large").data
    assert not journal.load().moves


def test_a_directory_that_cannot_be_copied_stays(tree, mover, journal):
    """One failing copy: what was copied is taken back, the sources are untouched."""
    put(tree, "d/locked")
    real = tree.copy

    def copy(source, *args, **kwargs):
        if source == "d/locked":
            raise Unreachable("no")
        return real(source, *args, **kwargs)

    tree.copy = copy
    with pytest.raises(Unreachable):
        mover.move_prefix("d/", "t/")
    assert sorted([*STAYED, "d/locked"]) == keys(tree)
    assert not journal.load().moves


def test_copies_that_cannot_be_taken_back_are_said(tree, mover, journal, expect_log):
    """The sources are complete; what is too much is named."""
    expect_log("stay behind")
    tree.failing |= {"copy": Unreachable("no"), "delete_many": Unreachable("no")}

    with pytest.raises(Unreachable):
        mover.move_prefix("d/", "t/")
    assert STAYED == keys(tree)


def test_a_directory_that_cannot_be_listed_is_not_renamed_later(tree, mover, journal):
    """The caller was told that it failed; the next mount must not do it."""
    tree.failing["list"] = Unreachable("no")

    with pytest.raises(Unreachable):
        mover.move_prefix("d/", "t/")
    assert not journal.load().moves


def test_copies_that_vanish_are_noticed(tree, mover, monkeypatch):
    """Nothing is deleted before every copy was seen."""
    real = tree.copy

    def copy(source, target, **kwargs):
        stored = real(source, target, **kwargs)
        if target == "t/f":
            MemoryStore.delete(tree, "t/f")
        return stored

    monkeypatch.setattr(tree, "copy", copy)
    with pytest.raises(ServerFault, match="1 of 5"):
        mover.move_prefix("d/", "t/")
    assert STAYED == keys(tree)


def interrupted_prefix(tree, mover):
    tree.failing["delete_many"] = Died()
    with pytest.raises(Died):
        mover.move_prefix("d/", "t/")
    tree.failing.clear()


def test_a_directory_is_deleted_later(tree, mover, journal):
    """Everything is at the target: only the deletions are left."""
    interrupted_prefix(tree, mover)
    tree.requests.clear()

    mover.resume(*journal.load().moves)
    assert "copy" not in tree.requests
    assert MOVED == keys(tree)


def test_a_file_changed_since_is_not_deleted(tree, mover, journal, expect_log):
    """An edit that kept the size, under the old name, after the rename had failed."""
    expect_log("both stay")
    interrupted_prefix(tree, mover)
    put(tree, "d/f", bytes(len(CONTENT)))

    mover.resume(*journal.load().moves)
    assert sorted([*MOVED, "d/f"]) == keys(tree)
    assert bytes(len(CONTENT)) == tree.get("d/f").data


def test_a_file_made_since_is_not_deleted(tree, mover, journal, expect_log):
    """A new file under the old name has no copy."""
    expect_log("both stay")
    interrupted_prefix(tree, mover)
    put(tree, "d/new")

    mover.resume(*journal.load().moves)
    assert sorted([*MOVED, "d/new"]) == keys(tree)


def test_a_directory_is_copied_again_after_a_crash(tree, mover, journal):
    """Before everything was copied, the rename starts from the beginning."""
    journal.begin_move("d/", "t/")
    put(tree, "t/f", b"half of it was there")

    mover.resume(*journal.load().moves)
    assert MOVED == keys(tree)
    assert CONTENT == tree.get("t/f").data


def test_deletions_go_in_batches(store):
    """As many keys in a request as the store takes."""
    store._limits = replace(store.limits, max_delete=2)
    for key in "abcde":
        put(store, key)
    delete_all(store, list("abcde"))

    assert ["delete_many"] * 3 == store.requests
    assert [] == keys(store)


def test_deletions_go_one_by_one_where_there_are_no_batches(store):
    """A store without batch delete works too."""
    store._limits = replace(store.limits, max_delete=0)
    put(store, "a")
    delete_all(store, ["a", "never there"])

    assert ["delete", "delete"] == store.requests
    assert [] == keys(store)


@pytest.mark.parametrize(
    ("code", "error"), [("AccessDenied", AccessDenied), ("InternalError", ServerFault)]
)
def test_a_deletion_that_is_refused_is_an_error(store, monkeypatch, code, error):
    """A batch answers with success although some keys are still there."""
    refused = DeleteFailure("a", code, "no")
    monkeypatch.setattr(store, "delete_many", lambda keys: [refused])

    with pytest.raises(error, match="1 objects are not deleted: no"):
        delete_all(store, ["a"])
