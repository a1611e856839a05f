"""libfuse hides an open file for a rename over it; only the local disk has what it promised."""

import contextlib
import os
from types import SimpleNamespace

import pytest

from ossfs.errors import Unreachable

OLD, SYNCED, NEW = b"old" * 100, b"synced" * 90, b"new" * 120
LARGE = bytes(range(250)) * 19  # five parts
HIDDEN = "/.fuse_hidden0001"

TARGETS = ["edited", "replaced", "new"]
SOURCES = ["in the bucket", "promised", "written"]


def begun(make_core, target, source, synced=SYNCED):
    """Sync `g`, which stays open, and have `f` at hand; nothing runs by itself."""
    core = make_core()
    if target != "new":
        core.put("g", OLD)
    life = core.mount(durability="journal")
    life.fs._files.scheduler.close()
    fd = life.os.open("/g", os.O_RDWR | os.O_CREAT)
    if target == "replaced":
        life.os.ftruncate(fd, 0)
    life.os.pwrite(fd, synced, 0)
    life.os.fsync(fd)
    other = life.os.open("/f", os.O_RDWR | os.O_CREAT)
    life.os.pwrite(other, NEW, 0)
    if source != "written":
        life.os.close(other)
    if source == "in the bucket":
        life.fs._files.commit(life.fs._tree.nodes.get("f"))
    return SimpleNamespace(core=core, life=life, os=life.os, fd=fd)


def rename_over(begun):
    """Do as libfuse does."""
    begun.os.rename("/g", HIDDEN)
    begun.os.rename("/f", "/g")


def found_after(begun):
    """Return what the next mount makes of it."""
    begun.life.die()
    with begun.core.mounted(is_running=True) as again:
        assert again.mount.drain(20)
    begun.core.assert_nothing_left()
    return begun.core.objects()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("synced", [SYNCED, LARGE], ids=["small", "large"])
def test_killed_at_every_moment(make_core, target, source, synced):
    """What was synced, or the file that has its name now; never what was there before both."""
    kill_at, is_over = 0, False
    while not is_over:
        story = begun(make_core, target, source, synced)
        points, before = story.life.points, len(story.life.points.passed)
        points.kill_at = before + kill_at
        with contextlib.suppress(story.core.Killed):
            rename_over(story)
            is_over = True
        passed = points.passed[before:]
        found = found_after(story)

        is_hidden = {"after fact unlinked", "after fact begin_deletion"} & set(passed)
        is_between = is_hidden and "after fact relinked" not in passed
        wanted = [NEW] if is_over else [NEW, synced, *[None] * bool(is_between)]
        assert found.get("g") in wanted, passed
        if found.get("g") != NEW and source != "written":  # a draft is promised to nobody
            assert found.get("f") == NEW, passed
        kill_at += 1
    assert found == {"g": NEW}
    assert kill_at > 8


@pytest.mark.parametrize("target", TARGETS)
def test_only_unlinked(make_core, target):
    """Nobody renames anything to its name: a crash does not bring it back."""
    story = begun(make_core, target, "in the bucket")
    story.os.rename("/g", HIDDEN)

    assert {"f": NEW} == found_after(story)


@pytest.mark.parametrize("target", TARGETS)
def test_a_rename_that_fails(make_core, target):
    """Then it is unlinked again: read until it is closed, and gone after a crash."""
    story = begun(make_core, target, "in the bucket")
    story.life.points.refuse = lambda call: Unreachable("no") if call.name == "copy" else None
    with pytest.raises(Unreachable):
        rename_over(story)

    assert SYNCED == story.os.pread(story.fd, 1000, 0)
    assert {"f": NEW} == found_after(story)


@pytest.mark.parametrize("target", TARGETS)
def test_written_meanwhile(make_core, target):
    """A crash finds what was promised, not what its last writer wrote without a name."""
    story = begun(make_core, target, "in the bucket")
    story.os.rename("/g", HIDDEN)
    story.os.pwrite(story.fd, b"later", 0)
    assert b"later" == story.os.pread(story.fd, 5, 0)
    story.life.points.kill_on = "before fact begin_move"
    with contextlib.suppress(story.core.Killed):
        story.os.rename("/f", "/g")

    assert {"f": NEW, "g": SYNCED} == found_after(story)


@pytest.mark.parametrize("target", TARGETS)
def test_closed_meanwhile(make_core, target):
    """It stays until the other one has its name, whatever comes of that."""
    story = begun(make_core, target, "in the bucket")
    story.os.rename("/g", HIDDEN)
    points = story.life.points
    points.on_call = lambda call: call.name == "copy" and story.os.close(story.fd)
    points.kill_on = "after request copy"
    with contextlib.suppress(story.core.Killed):
        story.os.rename("/f", "/g")

    assert found_after(story) in ({"f": NEW, "g": SYNCED}, {"g": NEW})


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", SOURCES)
def test_nothing_is_left_of_it(make_core, target, source):
    """When the last handle closes, its local bytes and its row in the journal are gone."""
    story = begun(make_core, target, source)
    rename_over(story)
    story.os.close(story.fd)
    ledger = story.core.ledger()
    waiting = [] if source == "in the bucket" else ["g"]
    assert [] == list(ledger.unlinked)
    assert waiting == [one.key for one in ledger.files]
    assert sorted(one.staging for one in ledger.files) == story.core.staged()

    assert {"g": NEW} == found_after(story)


@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "open"])
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", SOURCES)
def test_unlinked_before_it_is_sent(make_core, target, source, is_closed):
    """With the file that took the name, the object goes that it was to replace."""
    story = begun(make_core, target, source)
    rename_over(story)
    if is_closed:
        story.os.close(story.fd)
    story.os.unlink("/g")

    assert not story.os.exists("/g")
    assert {} == found_after(story)


@pytest.mark.parametrize("target", TARGETS)
def test_unlinked_some_time_before(make_core, target):
    """What is renamed to its name later is no reason to bring it back, whenever that is killed."""
    kill_at, is_over = 0, False
    while not is_over:
        story = begun(make_core, target, "in the bucket")
        story.os.rename("/g", HIDDEN)
        story.core.clock.advance(2)
        points = story.life.points
        points.kill_at = len(points.passed) + kill_at
        with contextlib.suppress(story.core.Killed):
            story.os.rename("/f", "/g")
            is_over = True

        assert found_after(story) in ({"f": NEW}, {"g": NEW}), points.passed
        kill_at += 1


@pytest.mark.parametrize("is_renamed", [True, False], ids=["renamed over", "unlinked"])
@pytest.mark.parametrize("durability", ["close", "journal"])
def test_one_that_was_emptied(make_core, durability, is_renamed):
    """Its object stays until another one replaces it; without a rename, until the last close."""
    core = make_core()
    core.put("g", OLD)
    life = core.mount(durability=durability)
    fd = life.os.open("/g", os.O_WRONLY | os.O_TRUNC)
    life.os.pwrite(fd, SYNCED, 0)
    other = life.os.open("/f", os.O_RDWR | os.O_CREAT)
    life.os.pwrite(other, NEW, 0)
    life.os.rename("/g", HIDDEN)
    if is_renamed:
        life.os.rename("/f", "/g")
        life.die()
        with core.mounted() as again:
            assert OLD == again.os.read("/g")
        assert {"g": OLD} == core.objects()
        return
    assert ["f"] == life.os.listdir("/")
    life.os.close(fd)
    assert {} == core.objects()
    life.die()
    core.assert_nothing_left()
