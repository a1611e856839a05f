"""What is changed of a directory is seen at once, and reaches its marker once, for good."""

import pytest

from ossfs.errors import AccessDenied, Unreachable


def puts(life):
    return [call.key for call in life.points.calls if call.name == "put"]


def mode(core, key):
    return core.bucket.head(key).metadata["mode"]


@pytest.fixture
def sh(life):
    return life.os


@pytest.fixture
def life(core):
    core.put("d/", b"")
    core.put("d/f", b"x")
    with core.mounted() as life:
        yield life


def change(sh, path="/d"):
    sh.chmod(path, 0o700)
    sh.chown(path, 7, 8)
    sh.utime(path, ns=(5 * 10**9, 6 * 10**9))


def test_one_request_for_all_changes(core, life, sh):
    """Mode, owner and times come one after the other."""
    change(sh)
    assert [] == puts(life)
    seen = sh.stat("/d")
    assert (0o700, 7, 8, 6 * 10**9) == (
        seen.st_mode & 0o777, seen.st_uid, seen.st_gid, seen.st_mtime_ns
    )  # fmt: skip
    assert life.mount.drain(None)
    assert ["d/"] == puts(life)

    with core.mounted() as other:
        found = other.os.stat("/d")
        assert (0o700, 7) == (found.st_mode & 0o777, found.st_uid)


def test_an_implicit_directory_gets_a_marker(core, life, sh):
    """It has attributes of its own from then on."""
    core.put("i/f", b"x")
    sh.chmod("/i", 0o711)
    assert 0o711 == sh.stat("/i").st_mode & 0o777
    assert life.mount.drain(None)

    assert "i/" in core.objects()
    assert 0o711 == sh.stat("/i").st_mode & 0o777


def test_unmounting_waits_for_it(core):
    """As for everything that nobody has open."""
    with core.mounted() as life:
        life.os.mkdir("/d")
        life.os.chmod("/d", 0o700)
        assert life.mount.drain(20)

    assert str(0o40700) == mode(core, "d/")
    core.assert_nothing_left()


def test_the_next_mount_goes_on(core):
    """A crash forgets nothing that was seen."""
    life = core.mount()
    life.os.mkdir("/d")
    change(life.os)
    life.die()
    with core.mounted(is_running=True) as again:
        assert 0o700 == again.os.stat("/d").st_mode & 0o777
        assert again.mount.drain(20)

    assert str(0o40700) == mode(core, "d/")
    core.assert_nothing_left()


def test_what_is_removed_stays_removed(core, life, sh):
    """A marker that waits is not put any more; one on its way is waited for."""
    sh.unlink("/d/f")
    change(sh)
    sh.rmdir("/d")
    assert life.mount.drain(None)

    assert {} == core.objects()
    core.assert_nothing_left()


def test_it_moves_with_the_directory(core, life, sh):
    """Those of directories inside, too; the old names do not come back."""
    sh.mkdir("/d/e")
    change(sh)
    change(sh, "/d/e")
    sh.rename("/d", "/t")
    assert life.mount.drain(None)

    assert {"t/", "t/e/", "t/f"} == set(core.objects())
    assert (str(0o40700), str(0o40700)) == (mode(core, "t/"), mode(core, "t/e/"))


def test_over_a_directory_that_waits(core, life, sh):
    """The one that is replaced loses its attributes."""
    sh.mkdir("/t")
    sh.chmod("/t", 0o711)
    sh.rename("/d", "/t")
    assert life.mount.drain(None)

    assert {"t/", "t/f"} == set(core.objects())
    assert 0o711 != sh.stat("/t").st_mode & 0o777


def test_a_new_directory_of_the_same_name(core, life, sh):
    """It has its own attributes."""
    sh.unlink("/d/f")
    sh.chmod("/d", 0o700)
    sh.rmdir("/d")
    sh.mkdir("/d", 0o755)
    assert life.mount.drain(None)

    assert str(0o40755) == mode(core, "d/")


def test_fsync_of_the_directory(core, life, sh):
    """Its attributes are in the bucket when that returns."""
    change(sh)
    life.fs.fsyncdir("/d")
    assert str(0o40700) == mode(core, "d/")


def test_what_the_store_refuses_is_tried_again(core, expect_log):
    """And is seen all the while."""
    expect_log("d/ does not have its attributes in the bucket yet")
    core.put("d/", b"")
    is_refused = True
    with core.mounted(is_running=True) as life:
        life.points.refuse = lambda call: (
            Unreachable("no") if is_refused and call.name == "put" else None
        )
        change(life.os)
        assert not life.mount.drain(0.5)
        with pytest.raises(Unreachable):
            life.fs.fsyncdir("/d")
        assert 0o700 == life.os.stat("/d").st_mode & 0o777
        is_refused = False
        assert life.mount.drain(20)

    assert str(0o40700) == mode(core, "d/")


def test_what_the_store_refuses_for_good_is_as_it_was(core, expect_log):
    """The log says so; nothing waits for ever."""
    expect_log("d/ does not have its attributes in the bucket yet")
    core.put("d/", b"")
    with core.mounted(is_running=True) as life:
        before = life.os.stat("/d").st_mode
        life.points.refuse = lambda call: AccessDenied("no") if call.name == "put" else None
        life.os.chmod("/d", 0o700)
        assert ["d/"] == [one.key for one in life.mount.status()]
        assert life.mount.drain(20)
        assert before == life.os.stat("/d").st_mode

    core.assert_nothing_left()


@pytest.fixture
def hasty(core):
    with core.mounted(durability="journal") as life:
        yield life


def test_a_directory_that_is_on_its_way(core, hasty):
    """With durability `journal` it is there at once, and in the bucket soon."""
    sh = hasty.os
    sh.listdir("/")
    hasty.requests()
    sh.mkdir("/d", 0o711)
    sh.mkdir("/d/e")
    assert [] == hasty.requests()
    core.clock.advance(3600)  # whatever was known of the bucket is outdated

    assert ["d"] == sh.listdir("/")
    assert ["e"] == sh.listdir("/d")
    assert 0o711 == sh.stat("/d").st_mode & 0o777
    with pytest.raises(FileExistsError):
        sh.mkdir("/d")
    with pytest.raises(OSError, match="not empty"):
        sh.rmdir("/d")
    sh.write("/d/e/f", b"x")
    assert hasty.mount.drain(None)
    assert {"d/", "d/e/", "d/e/f"} == set(core.objects())


def test_a_directory_that_never_arrived_is_removed(core, hasty):
    """Nothing of it reaches the bucket."""
    hasty.os.mkdir("/d")
    hasty.os.rmdir("/d")
    assert hasty.mount.drain(None)

    assert ({}, []) == (core.objects(), hasty.os.listdir("/"))


def test_a_directory_that_never_arrived_is_renamed(core, hasty):
    """It arrives under its new name."""
    hasty.os.mkdir("/d", 0o711)
    hasty.os.mkdir("/d/e")
    hasty.os.rename("/d", "/t")
    assert hasty.mount.drain(None)

    assert {"t/", "t/e/"} == set(core.objects())
    assert 0o711 == hasty.os.stat("/t").st_mode & 0o777


def test_a_directory_that_was_made_before_a_crash(core):
    """The next mount brings it to the bucket."""
    life = core.mount(durability="journal")
    life.os.mkdir("/d", 0o711)
    life.die()
    with core.mounted(is_running=True) as again:
        assert ["d"] == again.os.listdir("/")
        assert again.mount.drain(20)

    assert {"d/": b""} == core.objects()
    core.assert_nothing_left()
