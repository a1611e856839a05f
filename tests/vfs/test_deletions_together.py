"""Trees that are removed: many files, few requests, and nothing comes back."""

import contextlib
import os
from dataclasses import replace

import pytest

from ossfs.errors import AccessDenied, Unreachable
from ossfs.store.api import DeleteFailure
from ossfs.store.limits import OSS_LIMITS
from ossfs.vfs.deletions import DELAY_S, LAST_DELAY_S, PATIENCE

PID = 4711
COUNT = 50


@pytest.fixture
def tree(core):
    """Put a directory of files there."""
    core.put("d/", b"")
    for number in range(COUNT):
        core.put(f"d/{number:02}", b"x")
    return [f"/d/{number:02}" for number in range(COUNT)]


@contextlib.contextmanager
def held(life, path="/d", pid=PID):
    """Hold a directory open, as rm does."""
    fh = life.fs.opendir(path, pid=pid)
    yield
    life.fs.releasedir(fh)


def unlink_all(life, paths, pid=PID):
    for path in paths:
        life.fs.unlink(path, pid=pid)


def test_a_tree_is_removed(core, life, sh, tree):
    """A few deletions tell whether it is allowed; one request has all the rest, before rmdir's."""
    with held(life):
        names = sh.listdir("/d")
        life.requests()
        unlink_all(life, tree)
        assert ["delete"] * PATIENCE == life.requests()
        assert [] == sh.listdir("/d")
        assert not sh.exists(tree[-1])
    sh.rmdir("/d")

    assert COUNT == len(names)
    assert ["delete_many", "list", "delete_many"] == life.requests()
    assert {} == core.objects()
    assert [] == list(life.journal.load().deletions)


@pytest.mark.parametrize(
    ("holder", "who"), [(None, PID), (PID, 1), (PID, 0)], ids=["nobody", "another", "unknown"]
)
def test_others_wait_for_each_deletion(core, life, tree, holder, who):
    """Who does not hold the directory open is told when the object is gone, and not before."""
    with held(life, pid=holder) if holder else contextlib.nullcontext():
        unlink_all(life, tree, pid=who)

        assert COUNT == life.points.names().count("delete")
        assert ["d/"] == list(core.objects())


def test_nobody_needs_to_wait_for_the_rest(core, life, tree):
    """They are deleted a moment later; an unmount waits for that."""
    with held(life):
        unlink_all(life, tree)
        assert COUNT - PATIENCE + 1 == len(core.objects())
        assert life.mount.drain(None)

        assert ["d/"] == list(core.objects())


def test_a_long_run_takes_few_requests(core, life):
    """Each waits longer than the one before, up to a point; another run begins anew."""
    keys = [f"{number:03}" for number in range(PATIENCE + 12)]
    for key in keys:
        core.put(f"d/{key}", b"x")
    deletions, delays = life.fs._files.deletions, []
    deletions._later = lambda _, delay_s: delays.append(delay_s)
    with held(life):
        for key in keys[:-2]:
            life.fs.unlink(f"/d/{key}", pid=PID)
            deletions.finish()
        assert delays == sorted(delays)
        assert [LAST_DELAY_S] == sorted(set(delays))[-1:]
        for key in keys[-2:]:
            core.clock.advance(3)
            life.fs.unlink(f"/d/{key}", pid=PID)

    assert ["d/"] == list(core.objects())


def test_what_fills_a_request_does_not_wait(make_core):
    """Where a request takes ten, the tenth sends it."""
    core = make_core(limits=replace(OSS_LIMITS, min_part=100, max_delete=10))
    for number in range(PATIENCE + 10):
        core.put(f"d/{number:02}", b"x")
    with core.mounted() as life:
        deletions, delays = life.fs._files.deletions, []
        deletions._later = lambda _, delay_s: delays.append(delay_s)
        with held(life):
            unlink_all(life, [f"/d/{number:02}" for number in range(PATIENCE + 10)])
        deletions.finish()

    assert [DELAY_S] * 9 + [0.0] == delays


@pytest.mark.parametrize("act", ["fsync", "rename"])
def test_what_waits_is_sent_first(core, life, sh, tree, act):
    """By who syncs the directory, and before it gets another name."""
    with held(life):
        unlink_all(life, tree)
        if act == "fsync":
            life.fs.fsyncdir("/d")
        else:
            sh.rename("/d", "/t")

    assert [] == [key for key in core.objects() if not key.endswith("/")]


def test_a_crash_brings_nothing_back(core, tree):
    """What was acknowledged is deleted by the next mount; another version of the name is not."""
    life = core.mount()
    with held(life):
        unlink_all(life, tree)
        life.die()
    core.put("d/49", b"another")

    with core.mounted() as later:
        assert ["49"] == later.os.listdir("/d")
    assert {"d/": b"", "d/49": b"another"} == core.objects()


def test_a_new_file_of_the_same_content_stays(core, life, sh, tree):
    """Its name was on the list of those to be deleted; that is off."""
    with held(life):
        unlink_all(life, tree)
        sh.write("/d/49", b"x")
        assert b"x" == sh.read("/d/49")
        assert life.mount.drain(None)

    assert {"d/": b"", "d/49": b"x"} == core.objects()
    assert b"x" == sh.read("/d/49")
    assert [] == list(life.journal.load().deletions)


def test_what_may_not_be_deleted_is_there_again(core, life, sh, tree, expect_log):
    """It is said; the next unlink waits again, and fails."""
    expect_log("1 files were removed and are there again.*d/49: no")
    real = core.bucket.delete_many

    def delete_many(keys):
        real([key for key in keys if key != "d/49"])
        return [DeleteFailure("d/49", "AccessDenied", "no")]

    core.bucket.delete_many = delete_many
    with held(life):
        unlink_all(life, tree)
        life.fs.fsyncdir("/d")
        assert ["49"] == sh.listdir("/d")
        life.points.refuse = lambda call: AccessDenied("no") if call.name == "delete" else None
        with pytest.raises(AccessDenied):
            life.fs.unlink("/d/49", pid=PID)
        assert b"x" == sh.read("/d/49")


def test_a_store_that_fails_is_asked_again(core, life, sh, tree):
    """What waits stays out of sight; who waits for it hears of the failure."""
    with held(life):
        unlink_all(life, tree)
        life.points.refuse = lambda call: (
            Unreachable("down") if call.name == "delete_many" else None
        )
        with pytest.raises(Unreachable):
            life.fs.fsyncdir("/d")
        with pytest.raises(Unreachable):
            sh.rmdir("/d")
        assert [] == sh.listdir("/d")
        life.points.refuse = lambda call: None
        sh.rmdir("/d")

    assert {} == core.objects()


def test_more_than_a_request_holds(core, life, sh):
    """Thousands of files go in thousands; the directory is empty only when all have."""
    core.put("d/", b"")
    for number in range(2100):
        core.put(f"d/{number:04}", b"")
    with held(life):
        unlink_all(life, [f"/d/{name}" for name in sh.listdir("/d")])
    sh.rmdir("/d")

    batches = [len(call.args[0]) for call in life.points.calls if call.name == "delete_many"]
    assert 2100 - PATIENCE + 1 == sum(batches)  # and the marker
    assert max(batches) <= 1000
    assert 4 <= len(batches) <= 7
    assert {} == core.objects()


def test_a_file_that_is_open_is_not_among_them(core, life, sh, tree):
    """It lives until its last close."""
    fd = sh.open(tree[-1], os.O_RDONLY)
    with held(life):
        unlink_all(life, tree)
        life.fs.fsyncdir("/d")
    assert b"x" == sh.pread(fd, 10, 0)
    assert {"d/": b"", "d/49": b"x"} == core.objects()
    sh.close(fd)
    assert {"d/": b""} == core.objects()
