"""A file is renamed over one that is promised, but not in the bucket yet."""

import contextlib

import pytest

OLD, NEW = b"old" * 100, b"new" * 120
LARGE = bytes(range(250)) * 19  # five parts


def begun(make_core, old, is_sent, **options):
    """Promise `g`, and have `f` in the bucket or promised as well; nothing runs by itself."""
    core = make_core()
    life = core.mount(durability="journal", **options)
    life.fs._files.scheduler.close()
    life.os.write("/g", old)
    life.os.write("/f", NEW)
    if is_sent:
        life.fs._files.commit(life.fs._tree.nodes.get("f"))
    return core, life


@pytest.mark.parametrize("is_sent", [True, False], ids=["in the bucket", "promised"])
@pytest.mark.parametrize("old", [OLD, LARGE], ids=["small", "large"])
def test_killed_at_every_moment(make_core, is_sent, old):
    """Before or after the rename, never the older file under the name of the newer one."""
    kill_at, is_over = 0, False
    while not is_over:
        core, life = begun(make_core, old, is_sent)
        life.points.kill_at = len(life.points.passed) + kill_at
        with contextlib.suppress(core.Killed):
            life.os.rename("/f", "/g")
            is_over = True
        life.die()
        with core.mounted(is_running=True) as again:
            assert again.mount.drain(20)

        wanted = [{"g": NEW}] if is_over else [{"g": NEW}, {"f": NEW, "g": old}]
        assert core.objects() in wanted, kill_at
        core.assert_nothing_left()
        kill_at += 1
    assert kill_at > 2


@pytest.mark.parametrize("old", [OLD, LARGE], ids=["small", "large"])
def test_the_upload_that_was_begun_is_aborted(make_core, old):
    """Of what was to have the name, nothing is left, in this mount or the next."""
    core, life = begun(make_core, old, is_sent=True)
    life.os.rename("/f", "/g")

    assert {"g": NEW} == core.objects()
    assert [] == core.uploads()
    assert [] == core.staged()
    life.close()
    life.points.is_dead = True
    core.assert_nothing_left()
    assert [] == list(core.ledger().aborts)
