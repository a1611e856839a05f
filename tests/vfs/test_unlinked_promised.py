"""An edit that is promised, but not in the bucket yet, is unlinked."""

import contextlib
import os

import pytest

from ossfs.errors import AccessDenied

OLD = b"old" * 100
LARGE = bytes(range(250)) * 19  # five parts


def edited(core, content):
    """Promise an edit of an object; nothing runs by itself."""
    core.put("f", content)
    life = core.mount(durability="journal")
    life.fs._files.scheduler.close()
    life.os.edit("/f", 10, b"edit")
    return life


@pytest.mark.parametrize("is_open", [False, True], ids=["closed", "open"])
@pytest.mark.parametrize("content", [OLD, LARGE], ids=["small", "large"])
def test_killed_at_every_moment(make_core, content, is_open):
    """It is there, edited, or it is not; it is no conflict with its own deletion."""
    new = content[:10] + b"edit" + content[14:]
    kill_at, is_over = 0, False
    while not is_over:
        core = make_core()
        life = edited(core, content)
        if is_open:
            life.os.open("/f", os.O_RDONLY)
        life.points.kill_at = len(life.points.passed) + kill_at
        with contextlib.suppress(core.Killed):
            life.os.unlink("/f")
            is_over = True
        life.die()
        with core.mounted(is_running=True) as again:
            assert again.mount.drain(20)

        assert core.objects() in ([{}] if is_over else [{}, {"f": new}]), kill_at
        core.assert_nothing_left()
        kill_at += 1
    assert kill_at > 2


def test_the_store_refuses(core):
    """Then it keeps its name and its bytes, and is brought home later."""
    life = edited(core, OLD)
    life.points.refuse = lambda call: AccessDenied("no") if call.name == "delete" else None
    with pytest.raises(AccessDenied):
        life.os.unlink("/f")
    life.die()

    with core.mounted(is_running=True) as again:
        assert again.mount.drain(20)
    assert {"f": OLD[:10] + b"edit" + OLD[14:]} == core.objects()
    core.assert_nothing_left()
