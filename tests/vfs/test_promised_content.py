"""What was promised stays whole until it is in the bucket, whatever is written meanwhile."""

import os

import pytest

from ossfs.errors import AccessDenied

OLD, PROMISED, NEW = b"old" * 100, b"promised" * 100, b"new" * 50
LARGE = bytes(range(250)) * 19  # five parts


@pytest.fixture
def away(core):
    """Mount with `durability = "journal"`; nothing goes into the bucket in the background."""
    core.put("f", OLD)
    return mounted_alone(core)


def mounted_alone(core):
    life = core.mount(durability="journal")
    life.fs._files.scheduler.close()
    return life


def recovered(core, life):
    """Return what the next mount brings into the bucket."""
    life.die()
    with core.mounted(is_running=True, durability="journal") as again:
        assert again.mount.drain(20.0)
    core.assert_nothing_left()
    return core.objects()


def over(sh, fd):
    sh.pwrite(fd, NEW, 10)


def behind(sh, fd):
    sh.pwrite(fd, NEW, 10_000)
    sh.pwrite(fd, NEW, 5)


def shorter(sh, fd):
    sh.ftruncate(fd, 7)
    sh.pwrite(fd, NEW, 5000)


def anew(sh, fd):
    sh.ftruncate(fd, 0)
    sh.pwrite(fd, NEW, 0)


CHANGES = [over, behind, shorter, anew]


@pytest.mark.parametrize("content", [PROMISED, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_later_change_does_not_spoil_a_promise(core, away, change, content):
    """A crash after sync, change: the synced bytes, all of them and only them."""
    fd = away.os.open("/f", os.O_RDWR | os.O_TRUNC)
    away.os.pwrite(fd, content, 0)
    away.os.fsync(fd)
    change(away.os, fd)

    assert {"f": content} == recovered(core, away)


@pytest.mark.parametrize("change", CHANGES)
def test_an_edit_that_was_promised(core, away, change):
    """The base's bytes are part of it."""
    core.put("f", LARGE)
    core.clock.advance(60)
    fd = away.os.open("/f", os.O_RDWR)
    away.os.pwrite(fd, b"edit", 1500)
    away.os.fsync(fd)
    change(away.os, fd)

    assert {"f": LARGE[:1500] + b"edit" + LARGE[1504:]} == recovered(core, away)


def test_a_promise_that_replaces_another(core, away):
    """The second one holds, and nothing of the first one is left."""
    away.os.write("/f", PROMISED)
    away.os.write("/f", NEW)
    away.os.edit("/f", 0, b"!")

    assert 1 == len(core.staged())
    assert {"f": b"!" + NEW[1:]} == recovered(core, away)


def test_a_promised_file_that_is_unlinked(core, away):
    """Neither of its versions is left."""
    away.os.write("/g", PROMISED)
    fd = away.os.open("/g", os.O_RDWR)
    away.os.pwrite(fd, NEW, 0)
    away.os.unlink("/g")
    away.os.close(fd)

    assert [] == core.staged()
    assert {"f": OLD} == recovered(core, away)


def test_attributes_of_what_was_promised(core, away):
    """A chmod that had returned is not lost with the mount."""
    away.os.write("/f", PROMISED)
    away.os.chmod("/f", 0o751)

    assert {"f": PROMISED} == recovered(core, away)
    assert str(0o100751) == core.bucket.head("f").metadata["mode"]


@pytest.mark.parametrize("change", CHANGES)
def test_a_promise_that_goes_on_after_a_crash(core, away, change):
    """It is as whole when the file is changed by the next mount."""
    away.os.write("/f", PROMISED)
    away.die()
    again = mounted_alone(core)
    fd = again.os.open("/f", os.O_RDWR)
    change(again.os, fd)

    assert {"f": PROMISED} == recovered(core, again)


def test_a_close_that_failed_and_a_change(core, life, sh):
    """What an upload had failed with is whole, too: it is all or nothing."""
    core.put("f", OLD)
    life.points.refuse = lambda call: AccessDenied("no") if call.name == "put" else None
    life.fs._files.scheduler.close()
    with pytest.raises(AccessDenied):
        sh.write("/f", PROMISED)
    fd = sh.open("/f", os.O_RDWR | os.O_TRUNC)
    sh.pwrite(fd, NEW, 0)
    life.die()
    with core.mounted(is_running=True) as again:
        assert again.mount.drain(20.0)

    assert {"f": PROMISED} == core.objects()


def test_attributes_that_meet_the_commit_of_what_was_promised(core):
    """A chmod between the promise of a close and the request that keeps it is not forgotten."""
    life = mounted_alone(core)
    life.os.write("/f", PROMISED)
    life.points.kill_on = "before request put"
    node = life.fs._tree.nodes.get("f")
    with pytest.raises(core.Killed):
        life.fs._files.committer.commit(node.pending, before=lambda _: life.os.chmod("/f", 0o751))

    assert {"f": PROMISED} == recovered(core, life)
    assert str(0o100751) == core.bucket.head("f").metadata["mode"]


@pytest.mark.parametrize("last", ["upload_part", "complete_upload", "put"])
def test_attributes_that_meet_a_request(core, last):
    """A chmod while the content is being sent, and a crash: the object is given the mode."""
    core.put("f", OLD)
    content = NEW if last == "put" else LARGE
    life = mounted_alone(core)
    fd = life.os.open("/f", os.O_RDWR)
    life.os.pwrite(fd, content, 0)
    life.os.ftruncate(fd, len(content))
    life.os.close(fd)
    moments = iter(["this one"])

    def change(call):
        if call.kind == "request" and call.name != "head" and next(moments, None):
            life.os.chmod("/f", 0o751)

    life.points.on_call = change
    life.points.kill_on = f"after request {last}"
    with pytest.raises(core.Killed):
        life.fs._files.commit(life.fs._tree.nodes.get("f"))

    assert {"f": content} == recovered(core, life)
    assert str(0o100751) == core.bucket.head("f").metadata["mode"]


@pytest.mark.parametrize("content", [NEW, LARGE], ids=["small", "large"])
def test_attributes_of_a_name_that_was_free(core, content):
    """A file made with O_EXCL whose mode changes while it is sent is ours after a crash."""
    life = mounted_alone(core)
    fd = life.os.open("/g", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    life.os.pwrite(fd, content, 0)
    life.os.close(fd)
    last = "put" if content is NEW else "complete_upload"
    moments = iter(["this one"])

    def change(call):
        if call.name == last and next(moments, None):
            life.os.chmod("/g", 0o751)

    life.points.on_call = change
    life.points.kill_on = f"after request {last}"
    with pytest.raises(core.Killed):
        life.fs._files.commit(life.fs._tree.nodes.get("g"))

    assert {"g": content} == recovered(core, life)
    assert str(0o100751) == core.bucket.head("g").metadata["mode"]


@pytest.mark.parametrize("content", [NEW, LARGE], ids=["small", "large"])
def test_killed_at_every_moment_behind_a_chmod(make_core, content):
    """From the chmod on, nothing can make it unhappen: not the end of the commit that it met."""
    kill_at = 0
    while True:
        core = make_core()
        life = mounted_alone(core)
        life.os.write("/f", content)
        begin = len(life.points.passed)
        life.points.kill_at = begin + kill_at
        met = []

        def meet(call, life=life, met=met):
            if call.kind == "request" and not met:
                met.append(call)
                life.os.chmod("/f", 0o751)
                met.append("done")

        life.points.on_call = meet
        try:
            life.fs._files.commit(life.fs._tree.nodes.get("f"))
        except core.Killed:
            pass
        else:
            break
        is_changed = "done" in met
        found = recovered(core, life)
        assert {"f": content} == found
        if is_changed:
            assert str(0o100751) == core.bucket.head("f").metadata["mode"], kill_at
        kill_at += 1
    assert kill_at > 5
    life.close()
