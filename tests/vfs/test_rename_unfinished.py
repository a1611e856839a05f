"""Renames of files that are not yet, or not as they are now, in the bucket."""

import contextlib
import os

import pytest

from ossfs.errors import Unreachable

NEW = os.O_CREAT | os.O_RDWR
LARGE = bytes(range(250)) * 19  # 4750 bytes: five parts


def settle(core, life):
    assert life.mount.drain(20)
    life.close()
    life.points.is_dead = True
    core.assert_nothing_left()


@pytest.fixture
def tree(core, life):
    """Make a directory with an object that is being edited and two files never committed."""
    core.put("d/old", LARGE)
    core.put("d/e/other", b"other")
    sh = life.os
    edited, new, empty = (sh.open(f"/d/{name}", NEW) for name in ("old", "e/new", "empty"))
    sh.pwrite(edited, b"#", 0)
    sh.pwrite(new, LARGE, 0)
    life.requests()
    return [edited, new, empty]


AFTER = {"t/old": b"#" + LARGE[1:], "t/e/other": b"other", "t/e/new": LARGE, "t/empty": b""}


def test_no_byte_of_a_new_file_moves_with_its_directory(core, life, sh, tree):
    """What the bucket does not have is not copied in it: each file is sent once, as it is named."""
    life.points.calls.clear()
    sh.rename("/d", "/t")

    targets = [call.args[1] for call in life.points.calls if call.name == "copy"]
    assert ["t/e/other", "t/old"] == sorted(targets)
    assert {"t/old", "t/e/other"} == set(core.objects())
    for fd in tree:
        sh.close(fd)
    assert AFTER == core.objects()
    settle(core, life)


def test_writers_go_on_while_and_after_the_directory_moves(core, life, sh, tree):
    """Bytes written before and after are all in the files of the new names."""
    edited, new, empty = tree
    sh.rename("/d", "/t")
    sh.pwrite(edited, b"!", 1)
    sh.pwrite(new, b"!", len(LARGE))
    sh.pwrite(empty, b"!", 0)
    for path, start in (("/t/old", b"#!"), ("/t/e/new", LARGE[:2]), ("/t/empty", b"!")):
        assert start == sh.read(path)[:2]
    for fd in tree:
        sh.close(fd)

    assert {
        "t/old": b"#!" + LARGE[2:], "t/e/other": b"other", "t/e/new": LARGE + b"!", "t/empty": b"!"
    } == core.objects()  # fmt: skip
    settle(core, life)


def test_a_directory_that_cannot_move_keeps_its_files(core, life, sh, tree):
    """An errno; new and edited files are where they were, and close where they were."""
    life.points.refuse = lambda call: (
        Unreachable("no") if call.name == "copy" and call.args[1] == "t/e/other" else None
    )
    with pytest.raises(Unreachable):
        sh.rename("/d", "/t")
    life.points.refuse = lambda call: None

    assert (["e", "empty", "old"], ["d"]) == (sh.listdir("/d"), sh.listdir("/"))
    for fd in tree:
        sh.close(fd)
    assert {key.replace("t/", "d/", 1): data for key, data in AFTER.items()} == core.objects()
    settle(core, life)


def test_a_new_file_is_renamed_in_and_out_of_a_directory_that_moves(core, life, sh):
    """Names of files that the bucket never saw: no request but those of the directory."""
    core.put("d/f", b"f")
    sh.listdir("/d")
    fd = sh.open("/new", NEW)
    sh.pwrite(fd, b"1", 0)
    life.requests()
    sh.rename("/new", "/d/new")
    assert [] == life.requests()
    sh.rename("/d", "/t")
    sh.rename("/t/new", "/out")
    assert b"1" == sh.read("/out")
    sh.close(fd)

    assert {"t/f": b"f", "out": b"1"} == core.objects()
    settle(core, life)


def test_an_unfinished_file_over_an_unfinished_one(core, life, sh):
    """The one that loses its name is never sent, and goes on being read and written."""
    loser, winner = sh.open("/g", NEW), sh.open("/f", NEW)
    for offset in reversed(range(0, len(LARGE), 250)):  # so that nothing is sent ahead
        sh.pwrite(loser, LARGE[offset : offset + 250], offset)
    sh.pwrite(winner, b"winner", 0)
    sh.rename("/f", "/g")

    assert b"winner" == sh.read("/g")
    sh.pwrite(loser, b"!", 0)
    assert b"!" + LARGE[1:] == sh.pread(loser, 9000, 0)
    sh.close(loser)
    sh.close(winner)
    assert {"g": b"winner"} == core.objects()
    settle(core, life)
    assert ["put"] == [name for name in life.points.names() if name != "list"]


@pytest.mark.parametrize("how", ["file", "directory", "directory over"])
def test_promised_files_after_a_crash(make_core, how):
    """Killed at every moment of a rename: what was closed has one of its names, as all others."""
    source, target = ("/d/new", "/d/newer") if how == "file" else ("/d", "/t")
    number = 0
    while True:
        core = make_core()
        core.put("d/theirs", b"theirs")
        core.put("d/edited", b"edited")
        life = core.mount(durability="journal")
        sh = life.os
        life.points.refuse = lambda call: Unreachable("no") if call.name == "put" else None
        life.fs._files.scheduler.later = lambda file, delay_s=0.0: None  # nothing by itself
        sh.listdir("/d")
        sh.write("/d/new", b"promised")
        sh.edit("/d/edited", 0, b"E")
        assert {"d/theirs", "d/edited"} == set(core.objects())
        life.points.refuse = lambda call: None
        if how == "directory over":
            sh.mkdir("/t")
        first = len(life.points.passed)
        life.points.kill_at = first + number
        with contextlib.suppress(core.Killed):
            sh.rename(source, target)
            break
        life.die()
        moment = life.points.passed[-1]

        with core.mounted(is_running=True) as after:
            assert after.mount.drain(20)
        objects = {k: v for k, v in core.objects().items() if not k.endswith("/")}
        wanted = {"d/theirs": b"theirs", "d/edited": b"Edited", "d/new": b"promised"}
        if how == "file":
            renamed = {k.replace("new", "newer"): v for k, v in wanted.items()}
        else:
            renamed = {k.replace("d/", "t/", 1): v for k, v in wanted.items()}
        assert objects in (wanted, renamed), moment
        core.assert_nothing_left()
        number += 1
    assert number > 1


@pytest.mark.parametrize("change", ["write", "chmod"])
def test_a_target_that_is_changed_while_a_rename_over_it_fails(core, life, sh, change):
    """The change is not lost: it is in the bucket when the target is closed."""
    core.put("f", b"new")
    core.put("g", b"old")
    fd = sh.open("/g", os.O_RDWR)

    def on_call(call):
        if call.name == "copy":
            if change == "write":
                sh.pwrite(fd, b"O", 0)
            else:
                sh.chmod("/g", 0o600)

    life.points.on_call = on_call
    life.points.refuse = lambda call: Unreachable("no") if call.name == "copy" else None
    with pytest.raises(Unreachable):
        sh.rename("/f", "/g")
    life.points.on_call, life.points.refuse = (lambda call: None), (lambda call: None)
    sh.fsync(fd)

    assert {"f": b"new", "g": b"Old" if change == "write" else b"old"} == core.objects()
    assert change == "write" or 0o600 == sh.stat("/g").st_mode & 0o777
    sh.close(fd)
    settle(core, life)
