"""What random calls have found, each as small as it became."""

import os
import stat

NEW = os.O_CREAT | os.O_RDWR


def test_a_directory_that_was_listed_before_its_marker_came(core):
    """It stays when its marker comes; a listing from before does not know it."""
    with core.mounted(durability="journal") as life:
        life.fs._files.scheduler.close()  # as if the store had been slow
        life.os.mkdir("/d")
        core.clock.advance(12)
        assert ["d"] == life.os.listdir("/")

        life.os.fsyncdir("/d")

        assert life.os.is_dir("/d")
        assert ["d"] == life.os.listdir("/")


def test_links_of_a_directory_whose_subdirectory_has_no_marker_yet(core):
    """They count what is listed, wherever that is known from."""
    with core.mounted(durability="journal") as life:
        life.os.mkdir("/d")
        life.fs._files.scheduler.close()
        life.os.mkdir("/d/sub")
        assert 3 == life.os.stat("/d").st_nlink
        core.clock.advance(12)

        assert ["sub"] == life.os.listdir("/d")
        assert 3 == life.os.stat("/d").st_nlink


def test_inode_numbers_in_a_renamed_directory(core):
    """All that is in it keeps its number: open, closed, or in a directory without a marker."""
    core.put("d/sub/implicit", b"")
    with core.mounted() as life:
        life.os.write("/d/closed", b"x")
        life.os.open("/d/new", NEW)
        names = ("", "/closed", "/new", "/sub", "/sub/implicit")
        before = [life.os.stat(f"/d{name}").st_ino for name in names]

        life.os.rename("/d", "/e")

        assert before == [life.os.stat(f"/e{name}").st_ino for name in names]
        life.os.mkdir("/d")
        life.os.write("/d/closed", b"y")
        others = {life.os.stat(f"/d{name}").st_ino for name in ("", "/closed")}
        assert not others.intersection(before)


def test_the_time_of_a_file_that_was_large_for_a_while(core):
    """Its upload was begun with an older one, but is not what it is sent with."""
    with core.mounted(durability="journal") as life:
        fd = life.os.open("/f", NEW)
        life.os.pwrite(fd, b"x" * 2500, 0)
        core.clock.advance(3)
        life.os.write("/f", b"y")
        written = core.clock.now_ns()

        assert written == life.os.stat("/f").st_mtime_ns
        assert life.mount.drain(None)
        assert written == life.os.stat("/f").st_mtime_ns


def test_a_directory_without_a_marker_renamed_over_one_that_has_one(core):
    """Mode and owner of the one that is gone are not those of the one that came."""
    core.put("implicit/f", b"x")
    with core.mounted() as life:
        life.os.mkdir("/d", 0o700)

        life.os.rename("/implicit", "/d")

        assert 0o755 == stat.S_IMODE(life.os.stat("/d").st_mode)
        assert ["f"] == life.os.listdir("/d")
    with core.mounted(attrs="head") as again:
        assert 0o755 == stat.S_IMODE(again.os.stat("/d").st_mode)


def test_the_time_of_a_file_that_is_written_again_before_it_is_sent(core):
    """It does not go back to that of the first one, whose upload is taken over."""
    with core.mounted(durability="journal") as life:
        for size in (2500, 1, 2500):
            core.clock.advance(3)
            life.fs._files.scheduler.close()
            life.os.write("/f", b"x" * size)
            written = core.clock.now_ns()

            assert written == life.os.stat("/f").st_mtime_ns


def test_a_new_file_renamed_over_one_that_only_the_local_disk_has(core):
    """A crash finds the new one: nobody has promised that, but one of them has to be there."""
    life = core.mount(durability="journal")
    life.fs._files.scheduler.close()
    life.os.write("/f", b"promised")
    fd = life.os.open("/new", NEW)
    life.os.pwrite(fd, b"still open", 0)
    life.os.rename("/new", "/f")
    life.die()

    with core.mounted() as again:
        assert again.mount.drain(None)
    assert {"f": b"still open"} == core.objects()


def test_a_directory_in_which_only_a_draft_is_left(core):
    """It has a marker before its last object goes: a crash does not find the draft there."""
    core.put("d/f", b"x")
    life = core.mount()
    fd = life.os.open("/d/draft", NEW)
    life.os.pwrite(fd, b"y", 0)
    life.os.unlink("/d/f")
    life.die()

    with core.mounted() as again:
        assert again.os.is_dir("/d")
