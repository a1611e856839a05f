"""Bytes that are damaged on their way: the store says so, and they are sent again."""

import os
from dataclasses import replace

import pytest

from ossfs.errors import ChecksumMismatch
from ossfs.store.api import BytesBody, Headers
from ossfs.store.limits import OSS_CAPABILITIES

SENT, DAMAGED = b"0123456789", b"0123x56789"
CONDITIONAL = replace(OSS_CAPABILITIES, conditional_put=True)


def damage(core, life, times):
    """Let the next PUTs store something else, and be told so."""
    left = [None] * times

    def refuse(call):
        if call.name != "put" or not left:
            return None
        left.pop()
        core.bucket.put("f", BytesBody(DAMAGED), Headers())
        return ChecksumMismatch("checksum here 1, at the store 2")

    life.points.refuse = refuse


@pytest.mark.parametrize("capabilities", [OSS_CAPABILITIES, CONDITIONAL], ids=["plain", "if-match"])
@pytest.mark.parametrize("times", [1, 3])
def test_a_new_file_that_may_replace_nothing(make_core, capabilities, times):
    """What the damaged request has made is in the way of the next one: it is ours to replace."""
    core = make_core(capabilities=capabilities)
    with core.mounted(retrying=True) as life:
        damage(core, life, times)
        fd = life.os.open("/f", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        life.os.pwrite(fd, SENT, 0)
        life.os.close(fd)

    assert {"f": SENT} == core.objects()
    core.assert_nothing_left()


@pytest.mark.parametrize("times", [1, 3])
def test_an_edit_on_a_condition(make_core, times):
    """The version it was based on is gone by our own hand; that is no conflict."""
    core = make_core(capabilities=CONDITIONAL)
    core.put("f", b"012345678")
    with core.mounted(retrying=True) as life:
        fd = life.os.open("/f", os.O_RDWR)
        damage(core, life, times)
        life.os.pwrite(fd, SENT, 0)
        life.os.close(fd)

    assert {"f": SENT} == core.objects()
    core.assert_nothing_left()


def test_damaged_each_time(make_core):
    """Then it is an error, and the bytes are kept."""
    core = make_core(capabilities=CONDITIONAL)
    with core.mounted(retrying=True) as life:
        life.fs._files.scheduler.close()
        fd = life.os.open("/f", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        damage(core, life, 50)
        life.os.pwrite(fd, SENT, 0)
        with pytest.raises(ChecksumMismatch):
            life.os.close(fd)

        assert SENT == life.os.read("/f")
    assert 1 == len(core.staged())


@pytest.mark.parametrize("name", ["f", "g"], ids=["edited", "new"])
def test_killed_before_it_is_sent_again(make_core, expect_log, name):
    """What is there is ours, as its attributes say, and wrong."""
    expect_log("had arrived damaged before a crash")
    core = make_core(capabilities=CONDITIONAL)
    core.put("f", b"012345678")
    life = core.mount()
    fd = life.os.open(f"/{name}", os.O_RDWR | (os.O_CREAT | os.O_EXCL if name == "g" else 0))
    life.os.pwrite(fd, SENT, 0)

    def refuse(call):
        if call.name != "put":
            return None
        core.bucket.put(name, BytesBody(DAMAGED), call.args[2])
        life.points.is_dead = True
        return ChecksumMismatch("checksum here 1, at the store 2")

    life.points.refuse = refuse
    with pytest.raises(core.Killed):
        life.os.close(fd)
    life.die()

    with core.mounted(is_running=True) as again:
        assert again.mount.drain(20)
    assert SENT == core.objects()[name]
    core.assert_nothing_left()
