"""
Who reads a file goes on reading it when its name is given to another one.

Its bytes are brought here when they are few, and copied inside the store when they are
many. Each test is told both ways.
"""

import contextlib
import os
from dataclasses import replace

import pytest

from ossfs.errors import AccessDenied, ServerFault, StagingFull, Unreachable
from ossfs.journal.records import FileState
from ossfs.store.limits import OSS_LIMITS
from ossfs.writeback import aside

NEW = os.O_CREAT | os.O_RDWR
OLD = bytes(range(250)) * 19  # 4750 bytes: five parts
OTHER = bytes(reversed(range(250))) * 17
HIDDEN = ".ossfs_hidden-"


@pytest.fixture(params=["few", "many", "parts"])
def size(request, monkeypatch):
    """Say whether the old bytes are few, many, or too many for one copy."""
    if request.param != "few":
        monkeypatch.setattr(aside, "FETCHED", 1000)
    return request.param


@pytest.fixture
def core(make_core, size):
    """Make a bucket with an old file in it."""
    max_copy = 2000 if size == "parts" else OSS_LIMITS.max_copy
    core = make_core(limits=replace(OSS_LIMITS, min_part=100, max_copy=max_copy))
    core.put("d/f", OLD)
    return core


def rename_over(sh):
    sh.write("/d/new", OTHER)
    sh.rename("/d/new", "/d/f")


def rename_an_unfinished_one_over(sh):
    fd = sh.open("/d/new", NEW)
    sh.pwrite(fd, OTHER, 0)
    sh.rename("/d/new", "/d/f")
    sh.close(fd)


def unlink_and_write(sh):
    sh.unlink("/d/f")
    sh.write("/d/f", OTHER)


def unlink_and_rename(sh):
    sh.write("/d/new", OTHER)
    sh.unlink("/d/f")
    sh.rename("/d/new", "/d/f")


def unlink_and_link(sh):
    sh.unlink("/d/f")
    sh.symlink("target", "/d/f")


def as_libfuse_renames_over(sh):
    sh.write("/d/new", OTHER)
    sh.rename("/d/f", "/d/.fuse_hidden0001")
    sh.rename("/d/new", "/d/f")


def unlink_and_rmdir(sh):
    sh.unlink("/d/f")
    sh.rmdir("/d")


def unlink_and_rename_the_directory(sh):
    sh.write("/d/stays", b"x")
    sh.unlink("/d/f")
    sh.rename("/d", "/e")


WAYS = [
    (rename_over, {"d/f": OTHER}),
    (rename_an_unfinished_one_over, {"d/f": OTHER}),
    (unlink_and_write, {"d/f": OTHER}),
    (unlink_and_rename, {"d/f": OTHER}),
    (unlink_and_link, {"d/f": b"target"}),
    (as_libfuse_renames_over, {"d/f": OTHER}),
    (unlink_and_rmdir, {}),
    (unlink_and_rename_the_directory, {"e/stays": b"x"}),
]
every_way = pytest.mark.parametrize(("act", "after"), WAYS, ids=[act.__name__ for act, _ in WAYS])


def files(core):
    """Return the objects that are no markers."""
    return {key: data for key, data in core.objects().items() if not key.endswith("/")}


def visible(core):
    """Return those of them that other clients are to know."""
    return {key: data for key, data in files(core).items() if HIDDEN not in key}


@every_way
def test_readers_go_on(core, act, after):
    """Every byte of the old file, for each of them, until the last one closes."""
    with core.mounted() as life:
        sh = life.os
        readers = [sh.open("/d/f", os.O_RDONLY) for _ in range(3)]
        assert OLD[:10] == sh.pread(readers[0], 10, 0)

        act(sh)

        assert after == visible(core)
        for fd in readers:
            assert OLD == sh.pread(fd, len(OLD) + 1, 0)
            assert len(OLD) == sh.fstat(fd).st_size
            sh.close(fd)
        assert after == files(core)
    core.assert_nothing_left()


@every_way
def test_writers_go_on(core, act, after):
    """What was changed and what was not: a file without a name has both."""
    wanted = b"#" + OLD[1:2000] + b"#" + OLD[2001:] + b"more"
    with core.mounted() as life:
        sh = life.os
        fd = sh.open("/d/f", os.O_RDWR)
        sh.pwrite(fd, b"#", 0)

        act(sh)
        sh.pwrite(fd, b"#", 2000)
        sh.pwrite(fd, b"more", len(OLD))

        assert wanted == sh.pread(fd, 10_000, 0)
        sh.ftruncate(fd, 100)
        sh.ftruncate(fd, 200)
        assert wanted[:100] + bytes(100) == sh.pread(fd, 10_000, 0)
        sh.close(fd)
        assert after == files(core)
    core.assert_nothing_left()


@every_way
def test_nothing_is_left_of_a_crash(core, act, after):
    """The next mount deletes what was kept for who had the file open."""
    life = core.mount()
    fd = life.os.open("/d/f", os.O_RDWR)
    life.os.pwrite(fd, b"#", 0)
    act(life.os)
    life.die()

    with core.mounted(is_running=True) as life:
        assert life.mount.drain(20)
    assert after == files(core)
    core.assert_nothing_left()


@every_way
def test_killed_at_every_moment(core, make_core, act, after):
    """Old or new, and nothing left over; the hidden copy and its upload neither."""
    before = {"d/f": OLD}
    states = [before, {}, after, {"d/new": OTHER}, {"d/new": OTHER} | before]
    states += [{"d/stays": b"x"}, {"d/stays": b"x"} | before]
    number = 0
    while True:
        limits = core.bucket.limits
        one = make_core(limits=limits)
        one.put("d/f", OLD)
        life = one.mount(kill_at=number)
        with contextlib.suppress(one.Killed):
            fd = life.os.open("/d/f", os.O_RDONLY)
            act(life.os)
            life.os.close(fd)
            break
        life.die()
        with one.mounted(is_running=True) as life:
            assert life.mount.drain(20)
        moment = one.lives[0].points.passed[-1]
        assert files(one) in states, (number, moment)
        try:
            one.assert_nothing_left()
        except AssertionError as error:
            raise AssertionError(f"killed {moment} (moment {number})") from error
        number += 1
    assert after == files(one)
    assert number > 2


@every_way
@pytest.mark.parametrize("error", [AccessDenied("no"), Unreachable("no")], ids=["refused", "lost"])
def test_when_the_bytes_cannot_be_kept(core, size, act, after, error):
    """The name is not given away: an errno, the old file for everybody, and all goes on."""
    with core.mounted() as life:
        sh = life.os
        fd = sh.open("/d/f", os.O_RDONLY)
        is_failing = True

        def refuse(call):
            is_keeping = call.name in ("get", "copy", "create_upload", "copy_part")
            is_ours = call.name == "get" or any(HIDDEN in str(one) for one in call.args)
            return error if is_failing and is_keeping and is_ours else None

        life.points.refuse = refuse
        with pytest.raises(type(error)):
            act(sh)
        assert OLD == core.objects()["d/f"]
        is_failing = False
        assert OLD == sh.pread(fd, 10_000, 0)
        sh.close(fd)
        if act in (rename_over, rename_an_unfinished_one_over):
            assert OLD == sh.read("/d/f")
            sh.rename("/d/new", "/d/f")
        assert life.mount.drain(20)
    leftover = {key for key in core.objects() if HIDDEN in key}
    assert set() == leftover
    assert [] == core.stray_uploads(core.ledger())


def test_when_the_rename_fails_afterwards(core):
    """The bytes had been kept, the replacing request fails: the target is what it was."""

    def refuse(call):
        is_copy = call.name == "copy" and call.args[1] == "d/f"
        is_upload = call.name == "create_upload" and call.key == "d/f"
        return ServerFault("no") if is_copy or is_upload else None

    with core.mounted(refuse=refuse) as life:
        sh = life.os
        life.points.refuse = lambda call: None
        sh.write("/d/new", OTHER)
        readers = [sh.open("/d/f", os.O_RDWR) for _ in range(2)]

        life.points.refuse = refuse
        with pytest.raises(ServerFault):
            sh.rename("/d/new", "/d/f")
        life.points.refuse = lambda call: None

        assert life.mount.drain(20)
        assert {"d/f": OLD, "d/new": OTHER} == files(core)
        assert OLD == sh.pread(readers[0], 10_000, 0)
        sh.pwrite(readers[1], b"#", 0)
        for fd in readers:
            sh.close(fd)
        assert {"d/f": b"#" + OLD[1:], "d/new": OTHER} == files(core)
        assert ["f", "new"] == sh.listdir("/d")
    core.assert_nothing_left()


@every_way
def test_replaced_while_a_read_is_under_way(core, act, after):
    """The request meets an object that is gone: the bytes come from where they were kept."""
    with core.mounted() as life:
        sh = life.os
        sh.stat("/d/f")  # so that the bytes do not come with the open
        fd = sh.open("/d/f", os.O_RDONLY)
        met = []

        def on_call(call):
            if call.name == "get" and not met:
                met.append(call)
                act(sh)

        life.points.on_call = on_call
        assert OLD == sh.pread(fd, 10_000, 0)
        assert met
        sh.close(fd)
        assert after == files(core)
    core.assert_nothing_left()


def test_the_copy_is_not_listed(core):
    """Nobody on this mount sees it; the directory is empty without it."""
    with core.mounted() as life:
        sh = life.os
        fd = sh.open("/d/f", os.O_RDONLY)
        sh.unlink("/d/f")
        sh.write("/d/f", OTHER)
        life.parts.clock.advance(100)

        assert ["f"] == sh.listdir("/d")
        assert not any(sh.exists(f"/{key}") for key in core.objects() if HIDDEN in key)
        sh.unlink("/d/f")
        sh.rmdir("/d")
        assert OLD == sh.pread(fd, 10_000, 0)
        sh.close(fd)
    assert {} == core.objects()
    core.assert_nothing_left()


def test_replaced_again_and_again(core):
    """Each reader has the file that it opened."""
    contents = [bytes([n]) * 3000 for n in range(4)]
    with core.mounted() as life:
        sh = life.os
        readers = []
        for data in contents:
            readers.append(sh.open("/d/f", os.O_RDONLY))
            sh.unlink("/d/f")
            sh.write("/d/f", data)
        for fd, data in zip(readers, [OLD, *contents], strict=False):
            assert data == sh.pread(fd, 10_000, 0)
            sh.close(fd)
        assert {"d/f": contents[-1]} == files(core)
    core.assert_nothing_left()


def test_a_file_that_nobody_reads_costs_nothing(core):
    """A rename over it is as many requests as ever."""
    with core.mounted() as life:
        sh = life.os
        sh.write("/d/new", b"small")
        sh.close(sh.open("/d/f", os.O_RDONLY))
        life.requests()

        sh.rename("/d/new", "/d/f")

        assert ["copy", "delete"] == life.requests()


def test_an_unlinked_name_does_not_come_back(core):
    """The process died when the file that was to have its name was being uploaded."""
    life = core.mount()
    life.os.open("/d/f", os.O_RDONLY)
    life.os.unlink("/d/f")
    fd = life.os.open("/d/f", NEW)
    life.os.pwrite(fd, OTHER, 0)
    life.points.kill_on = "before request upload_part"
    with pytest.raises(core.Killed):
        life.os.fsync(fd)
    life.die()
    (record,) = [one for one in core.ledger().files if one.state is FileState.PROMISED]
    assert "d/f" == record.key

    with core.mounted(is_running=True) as life:
        assert life.mount.drain(20)
        assert OTHER == life.os.read("/d/f")
    assert {"d/f": OTHER} == visible(core)
    core.assert_nothing_left()


def test_a_journal_that_is_full(core, monkeypatch):
    """An unlink that cannot be written down is none: the file keeps its name."""
    with core.mounted() as life:
        sh = life.os
        fd = sh.open("/d/f", os.O_RDONLY)

        def refuse(key, etag):
            raise StagingFull("no room")

        monkeypatch.setattr(life.journal, "begin_deletion", refuse)
        with pytest.raises(StagingFull):
            sh.unlink("/d/f")
        assert ["f"] == sh.listdir("/d")
        assert OLD == sh.read("/d/f")
        monkeypatch.undo()
        sh.unlink("/d/f")
        assert OLD == sh.pread(fd, 10_000, 0)
        sh.close(fd)
    assert {} == files(core)


def test_the_one_that_was_to_replace_it_is_unlinked_too(core, size, expect_log):
    """It could not be sent while the old bytes could not be kept: those are still read."""
    if size != "few":
        expect_log(f"{HIDDEN}.* is deleted later, not now")
    with core.mounted() as life:
        sh = life.os
        fd = sh.open("/d/f", os.O_RDONLY)
        sh.unlink("/d/f")
        life.points.refuse = lambda call: Unreachable("no")
        with contextlib.suppress(Unreachable):
            sh.write("/d/f", b"small")
        life.points.refuse = lambda call: None
        sh.unlink("/d/f")

        assert OLD == sh.pread(fd, 10_000, 0)
        sh.close(fd)
        assert life.mount.drain(20)
    assert {} == files(core)
    core.assert_nothing_left()
