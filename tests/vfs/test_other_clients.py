"""What becomes of it when somebody else changes the bucket: seen in time, never overwritten."""

import os

import pytest

from ossfs.errors import EditConflict, PreconditionFailed

NEW = os.O_CREAT | os.O_RDWR
LARGE = bytes(range(250)) * 19  # five parts
THEIRS = b"theirs"


@pytest.fixture
def conflict(expect_log):
    """Return a context in which EditConflict is raised and said in the log."""
    expect_log("changed by somebody else")
    return lambda: pytest.raises(EditConflict)


def copies(core):
    return {key: data for key, data in core.objects().items() if ".conflict-" in key}


# Seen in time


def test_a_new_file_is_seen_after_the_negative_ttl(core, sh):
    """A name that was missing is asked for again."""
    assert not sh.exists("/f")
    core.put("f", THEIRS)
    core.clock.advance(5.1)

    assert THEIRS == sh.read("/f")


def test_a_new_file_is_listed_after_the_ttl(core, sh):
    """A listing is used for its time, not longer."""
    assert [] == sh.listdir("/")
    core.put("f", THEIRS)
    assert [] == sh.listdir("/")
    core.clock.advance(60.1)

    assert ["f"] == sh.listdir("/")


def test_open_sees_the_newest_content(core, sh):
    """Close-to-open: what was replaced more than the attributes' TTL ago is seen by open."""
    core.put("f", b"old")
    assert b"old" == sh.read("/f")
    core.put("f", THEIRS)
    core.clock.advance(1.1)

    assert THEIRS == sh.read("/f")
    assert len(THEIRS) == sh.stat("/f").st_size


def test_open_sees_the_newest_content_beside_an_old_handle(core, sh):
    """Those who open later see it; the old handle shares their pages and may not go on."""
    core.put("f", b"old")
    old = sh.open("/f", os.O_RDONLY)
    assert b"old" == sh.pread(old, 9, 0)
    core.put("f", THEIRS)
    core.clock.advance(1.1)

    assert THEIRS == sh.read("/f")
    with pytest.raises(OSError, match="Stale"):
        sh.pread(old, 9, 0)
    sh.close(old)
    assert THEIRS == sh.read("/f")


def test_a_version_that_is_gone_is_no_mixture(core, sh):
    """A reader of a replaced object gets ESTALE, not bytes of two versions."""
    data = bytes(4 << 20)
    core.put("f", data)
    fd = sh.open("/f", os.O_RDONLY)
    sh.pread(fd, 10, 0)
    core.put("f", b"x" * len(data))

    with pytest.raises(PreconditionFailed):
        sh.pread(fd, 10, 3 << 20)
    sh.close(fd)


@pytest.mark.parametrize("stays_open", [False, True])
def test_after_a_stale_read_the_newer_version_is_opened(core, sh, stays_open):
    """Whoever opens the file again has it, although it was looked at a moment ago."""
    core.put("f", bytes(4 << 20))
    stale = sh.open("/f", os.O_RDONLY)
    core.put("f", THEIRS)
    with pytest.raises(PreconditionFailed):
        sh.pread(stale, 10, 0)
    if not stays_open:
        sh.close(stale)

    assert THEIRS == sh.read("/f")
    if stays_open:
        sh.close(stale)


def test_a_deleted_file_is_gone_when_it_is_opened(core, sh):
    """ENOENT, and the name is not listed any more."""
    core.put("f", b"x")
    assert ["f"] == sh.listdir("/")
    core.bucket.delete("f")
    core.clock.advance(1.1)

    with pytest.raises(FileNotFoundError):
        sh.open("/f", os.O_RDONLY)
    assert [] == sh.listdir("/")


def test_new_metadata_of_the_same_bytes_is_seen(core, sh):
    """A chmod elsewhere keeps the etag; the time of the version tells."""
    core.put("f", b"x", mode="33188")
    assert 0o100644 == sh.stat("/f").st_mode
    core.clock.advance(100)
    core.put("f", b"x", mode="33152")

    assert 0o100600 == sh.stat("/f").st_mode


def test_their_deletion_of_our_open_file(core, sh):
    """A new file that we write under the name is ours."""
    sh.write("/f", b"1")
    core.bucket.delete("f")
    core.clock.advance(61)
    sh.write("/f", b"2")

    assert {"f": b"2"} == core.objects()


# Never overwritten


@pytest.mark.parametrize("size", [300, 4750], ids=["small", "large"])
@pytest.mark.parametrize("how", ["replaced", "deleted"])
def test_an_edit_of_what_was_changed_meanwhile(core, sh, conflict, size, how):
    """Their object stays as it is; close says ESTALE; the path shows theirs."""
    core.put("f", LARGE[:size])
    fd = sh.open("/f", os.O_RDWR)
    sh.pwrite(fd, b"#", 0)
    if how == "replaced":
        core.put("f", THEIRS)
    else:
        core.bucket.delete("f")

    with conflict():
        sh.fsync(fd)
    sh.close(fd)
    if how == "replaced":
        assert THEIRS == core.objects()["f"]
        assert THEIRS == sh.read("/f")
    else:
        assert "f" not in core.objects()
        assert not sh.exists("/f")


def test_an_edit_that_is_all_here_is_saved_beside(core, life, conflict):
    """The whole content was local: it becomes an object with a name that says why."""
    sh = life.os
    core.put("f", LARGE)
    fd = sh.open("/f", os.O_RDWR)
    sh.pwrite(fd, LARGE[::-1], 0)
    core.put("f", THEIRS)
    with conflict():
        sh.close(fd)

    assert THEIRS == core.objects()["f"]
    assert [LARGE[::-1]] == list(copies(core).values())
    (name,) = copies(core)
    assert sorted(["f", name]) == sh.listdir("/")
    assert LARGE[::-1] == sh.read(f"/{name}")
    life.close()
    core.assert_nothing_left()


def test_an_edit_that_is_not_all_here_is_kept_here(core, life, conflict):
    """Bytes of the old version are missing: the local ones stay, and status names them."""
    sh = life.os
    core.put("f", LARGE)
    fd = sh.open("/f", os.O_RDWR)
    sh.pwrite(fd, b"precious", 100)
    core.put("f", THEIRS)
    with conflict():
        sh.close(fd)

    assert {"f": THEIRS} == core.objects()
    (status,) = life.mount.status()
    assert ("f", "conflict") == (status.key, status.state)
    with open(status.staging, "rb") as file:  # noqa: PTH123  # as a user would
        assert b"precious" == file.read()[100:108]
    life.close()
    (record,) = core.ledger().files
    assert ("conflict", [record.staging]) == (record.state.value, core.staged())
    with core.mounted() as next_life:
        assert ["conflict"] == [one.state for one in next_life.mount.status()]
        assert THEIRS == next_life.os.read("/f")


def test_writing_on_after_a_conflict(core, sh, conflict):
    """What is written through the old handle goes on into the copy, not over theirs."""
    core.put("f", b"old")
    fd = sh.open("/f", os.O_RDWR)
    sh.pwrite(fd, b"mine", 0)
    core.put("f", THEIRS)
    with conflict():
        sh.fsync(fd)
    sh.pwrite(fd, b"!", 4)
    sh.close(fd)

    assert THEIRS == core.objects()["f"] == sh.read("/f")
    assert [b"mine!"] == list(copies(core).values())


def test_writing_on_after_a_conflict_that_is_kept_here(core, sh, conflict):
    """The handle says ESTALE again."""
    core.put("f", LARGE)
    fd = sh.open("/f", os.O_RDWR)
    sh.pwrite(fd, b"mine", 0)
    core.put("f", THEIRS)
    with conflict():
        sh.fsync(fd)

    with pytest.raises(EditConflict):
        sh.pwrite(fd, b"!", 4)
    sh.close(fd)
    assert {"f": THEIRS} == core.objects()


def test_replacing_is_last_writer_wins(core, sh):
    """O_TRUNC and new files are not based on anything."""
    core.put("f", LARGE)
    fd = sh.open("/f", os.O_WRONLY | os.O_TRUNC)
    sh.pwrite(fd, b"mine", 0)
    new = sh.open("/g", NEW)
    core.put("f", THEIRS)
    core.put("g", THEIRS)
    sh.close(fd)
    sh.close(new)

    assert {"f": b"mine", "g": b""} == core.objects()


def test_attributes_of_what_was_replaced(core, sh, expect_log):
    """Their object keeps its own."""
    expect_log("attributes of f are not changed")
    core.put("f", b"old", mode="33188")
    fd = sh.open("/f", os.O_RDONLY)
    sh.chmod("/f", 0o600)
    core.put("f", THEIRS, mode="33252")

    with pytest.raises(EditConflict):
        sh.fsync(fd)
    sh.close(fd)
    assert (THEIRS, 0o100744) == (sh.read("/f"), sh.stat("/f").st_mode)


@pytest.mark.parametrize("moment", ["after request upload_part", "before request complete_upload"])
def test_an_edit_that_a_crash_interrupted_does_not_overwrite(core, conflict, moment):
    """Somebody replaced the object while we were away: copies made before do not excuse us."""
    core.put("f", LARGE)
    life = core.mount()
    life.points.kill_on = moment
    with pytest.raises(core.Killed):
        life.os.edit("/f", 2500, b"#")
    life.die()
    core.put("f", THEIRS)
    with core.mounted(is_running=True) as life:
        assert life.mount.drain(20)

    assert THEIRS == core.objects()["f"]
    assert [] == core.uploads()


def test_two_mounts_edit_one_file(make_core, core, conflict):
    """Each with a state folder of its own: the second to close is told."""
    other = make_core()
    other.bucket = core.bucket
    core.put("f", LARGE)
    one, two = core.mount(), other.mount()
    handles = [(life.os, life.os.open("/f", os.O_RDWR)) for life in (one, two)]
    for number, (sh, fd) in enumerate(handles):
        sh.pwrite(fd, b"%d" % number, 0)
    handles[0][0].close(handles[0][1])

    with conflict():
        handles[1][0].close(handles[1][1])
    assert b"0" + LARGE[1:] == core.objects()["f"]
