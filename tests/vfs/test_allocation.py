"""fallocate: room that is looked for, holes and zeros, in what is sent and after a crash."""

import errno
import os

import pytest

from ossfs.errors import ObjectTooLarge, StagingFull
from ossfs.writeback import staging

NS = 10**9
PART = 1000  # as in conftest.py
LARGE = bytes(range(1, 251)) * 40  # ten parts without a zero
NEW = os.O_CREAT | os.O_RDWR
KEEP_SIZE, PUNCH, ZERO, COLLAPSE = 0x01, 0x02 | 0x01, 0x10, 0x08


def zeroed(data, start, stop):
    return data[:start] + bytes(stop - start) + data[stop:]


def test_a_file_that_is_made_as_long_as_it_will_be(core, life, sh):
    """Zeros, without a request before the close."""
    sh.listdir("/")
    fd = sh.open("/f", NEW)
    life.requests()
    life.fs.fallocate(fd, 0, 0, 500)
    life.fs.fallocate(fd, 0, 100, 50)
    sh.pwrite(fd, b"abc", 10)
    assert (500, []) == (sh.fstat(fd).st_size, life.requests())
    sh.close(fd)

    assert ["put"] == life.requests()
    assert {"f": zeroed(b"\0" * 10 + b"abc" + bytes(487), 20, 500)} == core.objects()


def test_room_behind_the_end_is_only_looked_for(core, life, sh):
    """KEEP_SIZE: nothing becomes of it, and closing brings nothing to the bucket."""
    core.put("f", LARGE)
    fd = sh.open("/f", os.O_RDWR)
    sh.pread(fd, 1, 0)
    life.requests()
    life.fs.fallocate(fd, KEEP_SIZE, 5000, 1 << 20)
    sh.close(fd)

    assert [] == life.requests()
    assert len(LARGE) == sh.stat("/f").st_size


@pytest.mark.parametrize("is_cut", [True, False], ids=["cut", "allocated"])
def test_times_that_move_without_a_change(core, is_cut):
    """They cost no request: a crash finds the older ones, unless something else was stored."""
    core.put("f", LARGE, mtime="1", ctime="1")
    for is_described in (False, True):
        life = core.mount(attrs="head")
        fd = life.os.open("/f", os.O_RDWR)
        core.clock.advance(3)
        life.requests()
        if is_cut:
            life.os.ftruncate(fd, len(LARGE))
        else:
            life.fs.fallocate(fd, 0, 100, 50)
        life.os.close(fd)
        moved, requests = life.os.stat("/f").st_mtime_ns, life.requests()
        if is_described:
            life.os.chmod("/f", 0o600)
            assert life.mount.drain(None)
        life.die()

        assert core.clock.now_ns() == moved
        assert [] == requests
        with core.mounted(attrs="head") as again:
            assert (moved if is_described else NS) == again.os.stat("/f").st_mtime_ns


@pytest.mark.parametrize("mode", [0, KEEP_SIZE])
def test_no_room(life, sh, monkeypatch, mode):
    """ENOSPC, and the file is as it was; bytes that are on the local disk need no more."""
    fd = sh.open("/f", NEW)
    sh.pwrite(fd, b"x" * 300, 0)
    monkeypatch.setattr(staging.StagingArea, "_free", lambda _: 250)
    with pytest.raises(StagingFull) as raised:
        life.fs.fallocate(fd, mode, 100, 451)
    assert errno.ENOSPC == raised.value.errno
    assert 300 == sh.fstat(fd).st_size
    life.fs.fallocate(fd, mode, 100, 450)
    assert (300 if mode else 550) == sh.fstat(fd).st_size
    monkeypatch.undo()
    sh.close(fd)


def test_a_file_that_no_store_takes(life, sh):
    """EFBIG, as a write there."""
    fd = sh.open("/f", NEW)
    for mode in (0, KEEP_SIZE, PUNCH, ZERO):
        with pytest.raises(ObjectTooLarge):
            life.fs.fallocate(fd, mode, 1 << 62, 1)
    sh.close(fd)


def test_bytes_are_not_moved(life, sh):
    """EOPNOTSUPP for modes that would."""
    fd = sh.open("/f", NEW)
    with pytest.raises(OSError, match="not supported") as raised:
        life.fs.fallocate(fd, COLLAPSE, 0, 4096)
    assert errno.EOPNOTSUPP == raised.value.errno
    sh.close(fd)


@pytest.fixture(params=[True, False], ids=["holes", "no holes"])
def disk(request, monkeypatch):
    """Let the disk punch holes, or not."""
    if not request.param:
        monkeypatch.setattr(staging, "punch", lambda *_: False)


@pytest.mark.parametrize(
    ("mode", "start", "stop", "size"),
    [
        (PUNCH, 0, 10_000, 10_000),
        (PUNCH, 1500, 1600, 10_000),
        (PUNCH, 9000, 20_000, 10_000),
        (PUNCH, 15_000, 20_000, 10_000),
        (ZERO, 2999, 5001, 10_000),
        (ZERO, 9999, 12_000, 12_000),
        (ZERO, 11_000, 12_000, 12_000),
        (ZERO | KEEP_SIZE, 9999, 12_000, 10_000),
    ],
)
@pytest.mark.usefixtures("disk")
def test_zeros_in_an_object(core, life, sh, mode, start, stop, size):
    """For who has it open and in the bucket; parts without any are copied inside the store."""
    core.put("f", LARGE)
    wanted = zeroed(LARGE.ljust(size, b"\0"), min(start, size), min(stop, size))
    fd = sh.open("/f", os.O_RDWR)
    life.fs.fallocate(fd, mode, start, stop - start)
    assert wanted == sh.pread(fd, 30_000, 0)
    life.requests()
    sh.close(fd)

    assert {"f": wanted} == core.objects()
    touched = -(-min(stop, size) // PART) - min(start, size) // PART
    assert life.requests().count("upload_part") <= max(touched, 0) + 1


@pytest.mark.usefixtures("disk")
def test_zeros_in_parts_that_are_sent_already(core, life, sh):
    """A part that was sent while the file was written is sent again."""
    fd = sh.open("/f", NEW)
    for at in range(0, len(LARGE), 500):
        sh.pwrite(fd, LARGE[at : at + 500], at)
    assert 10 == life.requests().count("upload_part")
    life.fs.fallocate(fd, PUNCH, 3500, 10)
    sh.close(fd)

    assert {"f": zeroed(LARGE, 3500, 3510)} == core.objects()
    assert ["upload_part", "complete_upload"] == life.requests()


@pytest.mark.usefixtures("disk")
def test_zeros_over_what_was_promised(core):
    """A crash brings the promised bytes; zeros that nobody synced are not in them."""
    with core.mounted(durability="journal") as life:
        fd = life.os.open("/f", NEW)
        life.os.pwrite(fd, LARGE[:800], 0)
        life.os.fsync(fd)
        life.fs.fallocate(fd, PUNCH, 0, 400)
        assert bytes(400) + LARGE[400:800] == life.os.pread(fd, 1000, 0)
        life.die()
    with core.mounted() as life:
        assert life.mount.drain(None)
    assert {"f": LARGE[:800]} == core.objects()


@pytest.mark.usefixtures("disk")
def test_zeros_that_were_promised(core):
    """A crash after fsync brings them."""
    core.put("f", LARGE)
    with core.mounted(durability="journal") as life:
        fd = life.os.open("/f", os.O_RDWR)
        life.fs.fallocate(fd, PUNCH, 1234, 4321)
        life.os.fsync(fd)
        life.die()
    with core.mounted() as life:
        assert life.mount.drain(None)
    assert {"f": zeroed(LARGE, 1234, 5555)} == core.objects()
