"""A mount with another part size goes on where the one before it died."""

import os

import pytest

LARGE = bytes(range(250)) * 19  # five parts of 1000 bytes
EDITED = LARGE[:2500] + b"!" + LARGE[2501:] + b"more"


def edit(sh):
    fd = sh.open("/f", os.O_RDWR)
    sh.pwrite(fd, b"!", 2500)
    sh.pwrite(fd, b"more", len(LARGE))
    sh.close(fd)


def replace(sh):
    sh.write("/f", EDITED)


SIZES = [(1000, 700), (1000, 1900), (1000, 9000), (9000, 1000)]


@pytest.mark.parametrize(("first", "then"), SIZES)
@pytest.mark.parametrize("act", [edit, replace])
def test_killed_at_every_moment(make_core, act, first, then):
    """The old or the new content, never a conflict with oneself, and no part is sent twice."""
    kill_at = 0
    while True:
        core = make_core()
        with core.mounted() as life:
            life.os.write("/f", LARGE)
        life = core.mount(kill_at=kill_at, part_size=first)
        try:
            act(life.os)
            life.close()
        except core.Killed:
            life.die()
        sent = life.points.names()
        if not life.points.is_dead:
            break
        with core.mounted(part_size=then, is_running=True) as again:
            assert again.mount.drain(20.0)
        sent += again.points.names()

        (key,), content = core.objects(), core.objects()["f"]
        assert "f" == key
        assert content in (LARGE, EDITED), kill_at
        core.assert_nothing_left()
        if "create_upload" in life.points.names():
            assert 1 == sent.count("create_upload")
            assert (2 if act is edit else 5) >= sent.count("upload_part")
        kill_at += 1
    assert kill_at > 5
