"""An edit arrives, but its answer does not; then the file is edited again."""

import os

import pytest

from ossfs.errors import EditConflict, Unreachable
from ossfs.store.api import BytesBody, Headers

OLD, NEW = b"old" * 100, b"new" * 50
LARGE = bytes(range(250)) * 19  # five parts
OTHER = bytes(reversed(LARGE))


@pytest.fixture
def sh(core, life):
    """Nothing is tried again in the background."""
    core.put("f", OLD)
    life.fs._files.scheduler.close()
    return life.os


def unanswered(life, fd, content, last):
    """Write all of the file and sync it; it arrives."""
    life.os.pwrite(fd, content, 0)
    life.points.lose = lambda call: call.name == last
    with pytest.raises(Unreachable):
        life.os.fsync(fd)
    life.points.lose = lambda call: False


@pytest.mark.parametrize(
    ("content", "last"), [(OLD[:250] + NEW, "put"), (OTHER, "complete_upload")]
)
def test_the_next_edit_goes_on_from_there(core, life, sh, content, last):
    """It is no conflict: the version that is there is our own."""
    fd = sh.open("/f", os.O_RDWR)
    unanswered(life, fd, content, last)
    sh.pwrite(fd, b"more", 10)
    sh.close(fd)

    assert {"f": content[:10] + b"more" + content[14:]} == core.objects()
    assert [] == core.uploads()


def test_somebody_else_came_in_between(core, life, sh, expect_log):
    """Then it is one."""
    expect_log("was changed by somebody else")
    fd = sh.open("/f", os.O_RDWR)
    unanswered(life, fd, OLD[:250] + NEW, "put")
    core.bucket.put("f", BytesBody(b"theirs"), Headers())
    sh.pwrite(fd, b"more", 10)
    with pytest.raises(EditConflict):
        sh.close(fd)

    assert b"theirs" == core.objects()["f"]


def test_the_next_mount_edits_before_it_has_recovered(core):
    """What the killed one had sent is the base of the edit, not a conflict."""
    core.put("f", OLD)
    life = core.mount()
    fd = life.os.open("/f", os.O_RDWR)
    life.os.pwrite(fd, NEW, 0)
    life.points.kill_on = "after request put"
    with pytest.raises(core.Killed):
        life.os.close(fd)
    life.die()

    with core.mounted() as again:
        again.fs._files.scheduler.close()
        again.os.edit("/f", 10, b"more")

    assert {"f": NEW[:10] + b"more" + NEW[14:] + OLD[150:]} == core.objects()
    core.assert_nothing_left()
