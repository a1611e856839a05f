"""A rename whose last request fails: there is one name, and the old one goes later."""

import os

import pytest

from ossfs.errors import AccessDenied, Unreachable

NEW = os.O_CREAT | os.O_RDWR
TREE = {"d/f": b"f", "d/e/g": b"g"}
MOVED = {"t/f": b"f", "t/e/g": b"g"}
LATER = "its old name is deleted later|is gone here, but not deleted yet"


class Gate:
    """Refuses deletions until it is opened."""

    def __init__(self, error):
        self.error = error

    def __call__(self, call):
        return self.error if call.name in ("delete", "delete_many") else None

    def open(self):
        self.error = None


@pytest.fixture
def gate():
    return Gate(Unreachable("no"))


@pytest.fixture
def life(core, gate):
    """Mount a bucket with a file and a directory; nothing can be deleted for now."""
    core.put("f", b"content")
    for key, data in TREE.items():
        core.put(key, data)
    return core.mount(refuse=gate, is_running=True)


def settle(core, life):
    """Wait for what goes on in the background, and unmount."""
    assert life.mount.drain(20)
    life.close()
    life.points.is_dead = True
    core.assert_nothing_left()


def test_a_file_has_one_name(core, life, sh, gate, expect_log):
    """The old name is gone for whoever looks, and later in the bucket."""
    expect_log(LATER)
    expect_log("f is gone here, but not deleted yet, next try")
    sh.rename("/f", "/g")

    assert ["d", "g"] == sh.listdir("/")
    assert not sh.exists("/f")
    life.parts.clock.advance(100)
    assert ["d", "g"] == sh.listdir("/")
    assert b"content" == sh.read("/g")
    assert not life.mount.drain(0.01)
    gate.open()
    settle(core, life)
    assert {"g": b"content"} == {k: v for k, v in core.objects().items() if "/" not in k}


def test_the_next_mount_finishes_it(core, life, sh, gate, expect_log):
    """Also when the process died before it could."""
    expect_log(LATER)
    sh.rename("/f", "/g")
    sh.rename("/d", "/t")
    life.die()

    with core.mounted() as after:
        assert ["g", "t"] == after.os.listdir("/")
    assert {"g": b"content", **MOVED} == core.objects()
    core.assert_nothing_left()


@pytest.mark.parametrize("data", [b"content", b"another"])
@pytest.mark.parametrize("closes_first", [True, False])
def test_a_new_file_under_the_old_name(core, life, sh, gate, expect_log, data, closes_first):
    """It is not what was to be deleted, even if it has the same bytes."""
    expect_log(LATER)
    sh.rename("/f", "/g")
    fd = sh.open("/f", NEW | os.O_EXCL)
    sh.pwrite(fd, data, 0)
    if closes_first:
        sh.close(fd)
        gate.open()
    else:
        gate.open()
        assert life.mount.drain(20)
        sh.close(fd)

    assert data == sh.read("/f")
    settle(core, life)
    assert (data, b"content") == (core.objects()["f"], core.objects()["g"])


def test_renamed_back(core, life, sh, gate, expect_log):
    """The old name is the file's again, the new one goes."""
    expect_log(LATER)
    sh.rename("/f", "/g")
    sh.rename("/g", "/f")

    assert ["d", "f"] == sh.listdir("/")
    gate.open()
    settle(core, life)
    assert {"f": b"content", **TREE} == core.objects()


def test_a_file_that_may_not_be_deleted_keeps_its_name(core, life, sh, gate):
    """EACCES: both are there, and nothing happens later."""
    gate.error = AccessDenied("no")
    with pytest.raises(AccessDenied):
        sh.rename("/f", "/g")

    assert ["d", "f", "g"] == sh.listdir("/")
    settle(core, life)
    assert ["d", "f", "g"] == core.mount(refuse=gate).os.listdir("/")


def test_a_directory_has_one_name(core, life, sh, gate, expect_log):
    """Nothing of the old one is seen, by any way to ask."""
    expect_log(LATER)
    sh.rename("/d", "/t")
    life.parts.clock.advance(100)

    assert ["f", "t"] == sh.listdir("/")
    for path in ("/d", "/d/f", "/d/e", "/d/e/g"):
        assert not sh.exists(path)
    with pytest.raises(FileNotFoundError):
        sh.listdir("/d")
    assert (b"f", b"g") == (sh.read("/t/f"), sh.read("/t/e/g"))
    gate.open()
    settle(core, life)
    assert {"f": b"content", **MOVED} == core.objects()


def test_a_new_directory_under_the_old_name(core, life, sh, gate, expect_log):
    """It begins empty: what is left of the old one goes first, or there is none."""
    expect_log(LATER)
    sh.rename("/d", "/t")
    with pytest.raises(Unreachable):
        sh.mkdir("/d")
    gate.open()
    sh.mkdir("/d")

    assert [] == sh.listdir("/d")
    sh.write("/d/f", b"f")  # as the old one had it
    settle(core, life)
    assert {"f": b"content", "d/": b"", "d/f": b"f", **MOVED} == core.objects()


def test_a_directory_moved_to_the_old_name(core, life, sh, gate, expect_log):
    """The same for one that is renamed there, back for instance."""
    expect_log(LATER)
    sh.rename("/d", "/t")
    gate.open()
    sh.rename("/t", "/d")

    assert ["d", "f"] == sh.listdir("/")
    assert ["e", "f"] == sh.listdir("/d")
    settle(core, life)
    assert {"f": b"content", **TREE} == core.objects()


def test_a_file_under_the_old_name_of_a_directory(core, life, sh, gate, expect_log):
    """It is seen, although keys begin with its name."""
    expect_log(LATER)
    sh.rename("/d", "/t")
    sh.write("/d", b"a file")
    life.parts.clock.advance(100)

    assert ["d", "f", "t"] == sh.listdir("/")
    assert b"a file" == sh.read("/d")
    gate.open()
    settle(core, life)
    assert {"f": b"content", "d": b"a file", **MOVED} == core.objects()


def test_the_parent_of_the_old_directory(core, life, sh, gate, expect_log):
    """It is empty when nothing else is in it, and moves without what is left."""
    expect_log(LATER)
    sh.rename("/d/e", "/e")
    with pytest.raises(Unreachable):
        sh.rename("/d", "/t")
    gate.open()
    sh.rename("/d", "/t")

    assert ["f"] == sh.listdir("/t")
    sh.unlink("/t/f")
    sh.rmdir("/t")
    settle(core, life)
    assert {"f": b"content", "e/g": b"g"} == core.objects()


def test_the_next_mount_cannot_delete_it_either(core, life, sh, gate, expect_log):
    """The old directory is hidden there, too, until it can."""
    expect_log(LATER)
    expect_log("the rename of d/ to t/ is not finished")
    sh.rename("/d", "/t")
    life.die()

    with core.mounted(refuse=gate, is_running=True) as after:
        assert ["f", "t"] == after.os.listdir("/")
        assert not after.os.exists("/d/f")
        gate.open()
        assert after.mount.drain(20)
    assert {"f": b"content", **MOVED} == core.objects()
    core.assert_nothing_left()
