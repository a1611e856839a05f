"""
Each request is carried out, and its answer is lost.

With retries, nobody notices; without, an error may reach the caller, but never a wrong
success, and the next attempt sets everything right.
"""

import contextlib
import os
from dataclasses import replace

import pytest

from ossfs.errors import Unreachable
from ossfs.store.limits import OSS_LIMITS

SMALL, OTHER = b"small " * 20, b"other " * 30
LARGE = bytes(range(250)) * 19  # five parts
CHANGES = {}


def change(after, *, before=None):
    def register(act):
        CHANGES[act.__name__] = act, before or {}, after
        return act

    return register


@change({"f": SMALL})
def create_small(sh):
    sh.write("/f", SMALL)


@change({"f": LARGE})
def create_large(sh):
    sh.write("/f", LARGE)


@change({"f": OTHER}, before={"f": SMALL})
def replace_small(sh):
    sh.write("/f", OTHER)


@change({"f": b"#" + SMALL[1:]}, before={"f": SMALL})
def edit_small(sh):
    sh.edit("/f", 0, b"#")


@change({"f": LARGE[:1500] + b"#" + LARGE[1501:]}, before={"f": LARGE})
def edit_large(sh):
    sh.edit("/f", 1500, b"#")


@change({"f": LARGE + SMALL}, before={"f": LARGE})
def append_to_large(sh):
    sh.append("/f", SMALL)


@change({"f": LARGE[:1200]}, before={"f": LARGE})
def truncate(sh):
    sh.truncate("/f", 1200)


@change({"f": LARGE}, before={"f": LARGE})
def chmod(sh):
    fd = sh.open("/f", os.O_RDONLY)
    sh.chmod("/f", 0o600)
    sh.fsync(fd)
    sh.close(fd)


@change({"g": SMALL}, before={"f": SMALL})
def rename(sh):
    sh.rename("/f", "/g")


@change({"g": SMALL}, before={"f": SMALL, "g": OTHER})
def rename_over(sh):
    sh.rename("/f", "/g")


@change({"t/": b"", "t/f": SMALL, "t/g": OTHER}, before={"d/": b"", "d/f": SMALL, "d/g": OTHER})
def rename_directory(sh):
    sh.rename("/d", "/t")


@change({}, before={"f": SMALL})
def unlink(sh):
    sh.unlink("/f")


@change({}, before={"f": SMALL})
def unlink_open(sh):
    fd = sh.open("/f", os.O_RDONLY)
    sh.unlink("/f")
    sh.close(fd)


@change({"d/": b""})
def mkdir(sh):
    sh.mkdir("/d")


@change({}, before={"d/": b""})
def rmdir(sh):
    sh.rmdir("/d")


@change({"l": b"there"})
def symlink(sh):
    sh.symlink("there", "/l")


def prepared(make_core, before):
    core = make_core(limits=replace(OSS_LIMITS, min_part=100))
    with core.mounted() as life:
        for key, data in before.items():
            if key.endswith("/"):
                life.os.mkdir(f"/{key[:-1]}")
            else:
                life.os.write(f"/{key}", data)
    return core


def lose(life, number):
    """Let the answer to the request of this number (from 0) be lost."""
    count = iter(range(10_000))
    life.points.lose = lambda call: next(count) == number


def requests_of(make_core, name):
    act, before, after = CHANGES[name]
    core = prepared(make_core, before)
    with core.mounted() as life:
        act(life.os)
        names = life.requests()
    assert after == core.objects()
    return names


@pytest.mark.parametrize("name", CHANGES)
def test_with_retries_nobody_notices(make_core, name):
    """No error, the same result, nothing left over."""
    act, before, after = CHANGES[name]
    for number, request in enumerate(requests_of(make_core, name)):
        core = prepared(make_core, before)
        with core.mounted(retrying=True) as life:
            lose(life, number)
            act(life.os)
            assert after == core.objects(), f"after the lost answer to {request}"
        core.assert_nothing_left()


def log_is_allowed(expect_log):
    """Expect anything: what is said of these failures is not the subject here."""
    expect_log.expected.append(".*")
    expect_log.seen.append("")


@pytest.mark.parametrize("name", CHANGES)
def test_without_retries_there_is_no_wrong_success(make_core, name, expect_log):
    """An error or the result; and after a remount the result, or what was before."""
    log_is_allowed(expect_log)
    act, before, after = CHANGES[name]
    for number, request in enumerate(requests_of(make_core, name)):
        what = f"after the lost answer to {request}"
        core = prepared(make_core, before)
        life = core.mount()
        lose(life, number)
        try:
            act(life.os)
        except Unreachable:
            pass  # said; what became of it is seen after the remount
        else:  # what is to be deleted later is in the journal
            assert after == core.objects() or life.journal.load().deletions, what
        life.points.is_dead = True
        life.die()
        with core.mounted(is_running=True) as life:
            assert life.mount.drain(20), what
        states = [before, after]
        if name.startswith("rename"):  # an error, and the copies could not be taken back
            states.append(before | after)
        assert core.objects() in states, what
        with contextlib.suppress(AssertionError):
            core.assert_nothing_left()
