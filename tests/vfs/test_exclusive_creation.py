"""O_EXCL between mounts: where the store can refuse to overwrite, one of them has the name."""

import os
from dataclasses import replace

import pytest

from ossfs.errors import NameTaken, Unreachable
from ossfs.store.api import BytesBody, Headers
from ossfs.store.limits import OSS_CAPABILITIES

EXCLUSIVE = os.O_CREAT | os.O_EXCL | os.O_RDWR
SMALL, LARGE = b"0123456789", bytes(range(250)) * 19  # one part, five parts
SAID = "the edit is saved as f.conflict-"

contents = pytest.mark.parametrize("data", [b"", SMALL, LARGE], ids=["empty", "small", "large"])


@contents
@pytest.mark.parametrize("theirs", ["the same", "another"])
def test_somebody_else_was_faster(core, life, sh, expect_log, data, theirs):
    """Close fails with EEXIST; the object is theirs, our bytes are beside it."""
    expect_log(SAID)
    sh.listdir("/")
    fd = sh.open("/f", EXCLUSIVE)
    if data:
        sh.pwrite(fd, data, 0)
    other = data if theirs == "the same" else b"theirs"
    core.put("f", other)
    with pytest.raises(NameTaken):
        sh.close(fd)

    (name,) = set(core.objects()) - {"f"}
    assert name.startswith("f.conflict-")
    assert {"f": other, name: data} == core.objects()
    assert other == sh.read("/f")
    life.close()
    life.points.is_dead = True
    core.assert_nothing_left()


@contents
def test_the_name_is_free(core, life, sh, data):
    """As many requests as any new file; what follows are ordinary edits."""
    sh.listdir("/")
    life.requests()
    fd = sh.open("/f", EXCLUSIVE)
    sh.pwrite(fd, data, 0) if data else None
    sh.fsync(fd)
    wanted = (
        ["create_upload", *["upload_part"] * 5, "complete_upload"] if data == LARGE else ["put"]
    )
    assert wanted == life.requests()

    sh.pwrite(fd, b"more", len(data))
    sh.close(fd)
    assert {"f": data + b"more"} == core.objects()


def test_an_empty_one_is_there_after_close(core, sh):
    """A lock file: its maker knows whether it has the name."""
    sh.close(sh.open("/f", EXCLUSIVE))
    fd = sh.open("/g", os.O_CREAT | os.O_EXCL | os.O_RDONLY)
    sh.fs.flush(fd)

    assert {"f": b"", "g": b""} == core.objects()
    sh.fs.release(fd)


def test_a_temporary_file_is_renamed_over_another(core, sh):
    """How mkstemp and rename save a file: the rename may replace."""
    core.put("f", b"old")
    fd = sh.open("/f.tmp", EXCLUSIVE)
    sh.pwrite(fd, b"new", 0)
    sh.rename("/f.tmp", "/f")
    sh.close(fd)

    assert {"f": b"new"} == core.objects()


@pytest.mark.parametrize("way", ["unlinked", "renamed"])
def test_a_name_that_is_free_here_only(core, sh, way):
    """Its object goes at the last close of who has it open: it is no obstacle."""
    core.put("f", b"old")
    reader = sh.open("/f", os.O_RDONLY)
    sh.unlink("/f") if way == "unlinked" else sh.rename("/f", "/g")
    fd = sh.open("/f", EXCLUSIVE)
    sh.pwrite(fd, b"new", 0)
    sh.close(fd)

    assert b"old" == sh.pread(reader, 10, 0)
    sh.close(reader)
    assert b"new" == core.objects()["f"]


@contents
def test_an_answer_that_is_lost(core, life, sh, expect_log, data):
    """The object is there, and is ours: trying again finds that out."""
    sh.listdir("/")
    fd = sh.open("/f", EXCLUSIVE)
    sh.pwrite(fd, data, 0) if data else None
    life.points.lose = lambda call: call.name in ("put", "complete_upload")
    with pytest.raises(Unreachable):
        sh.fsync(fd)
    life.points.lose = lambda call: False
    sh.close(fd)

    assert {"f": data} == core.objects()
    life.close()
    life.points.is_dead = True
    core.assert_nothing_left()


def test_the_same_bytes_of_somebody_else_after_a_failure(core, life, sh, expect_log):
    """They are not ours: time and mode of a file are part of it."""
    expect_log(SAID)
    fd = sh.open("/f", EXCLUSIVE)
    sh.pwrite(fd, SMALL, 0)
    life.points.refuse = lambda call: Unreachable("no") if call.name == "put" else None
    with pytest.raises(Unreachable):
        sh.fsync(fd)
    life.points.refuse = lambda call: None
    core.bucket.put("f", BytesBody(SMALL), Headers())

    with pytest.raises(NameTaken):
        sh.close(fd)
    assert 2 == len(core.objects())


def test_a_store_that_cannot_refuse(make_core):
    """The last one to close wins there, as with any new file."""
    core = make_core(capabilities=replace(OSS_CAPABILITIES, forbid_overwrite=False))
    with core.mounted() as life:
        sh = life.os
        sh.listdir("/")
        fd = sh.open("/f", EXCLUSIVE)
        sh.pwrite(fd, b"ours", 0)
        core.put("f", b"theirs")
        sh.close(fd)
        assert {"f": b"ours"} == core.objects()


def test_what_is_known_of_a_name_is_asked_again_in_time(core, life, sh):
    """A name that was not there is believed for as long as its time says, and not longer."""
    sh.listdir("/")
    core.put("f", b"theirs")
    life.parts.clock.advance(5.1)
    life.requests()

    with pytest.raises(FileExistsError):
        sh.open("/f", EXCLUSIVE)
    assert ["list"] == life.requests()
