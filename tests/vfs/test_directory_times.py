"""The times and links of directories, as names come and go in them."""

import os
import stat

import pytest

from ossfs.store.api import BytesBody, Headers

NEW = os.O_CREAT | os.O_RDWR


@pytest.fixture
def tick(core):
    """Let a second pass; return what the time is then."""

    def tick():
        core.clock.advance(1.0)
        return core.clock.now_ns()

    return tick


def times(sh, path):
    found = sh.stat(path)
    return found.st_mtime_ns, found.st_ctime_ns


CHANGES = {
    "a file is made": lambda sh: sh.close(sh.open("/d/new", NEW)),
    "a directory is made": lambda sh: sh.mkdir("/d/new"),
    "a link is made": lambda sh: sh.symlink("x", "/d/new"),
    "a fifo is made": lambda sh: sh.fs.mknod("/d/new", stat.S_IFIFO | 0o600, uid=0, gid=0),
    "a file goes": lambda sh: sh.unlink("/d/f"),
    "a directory goes": lambda sh: sh.rmdir("/d/e"),
    "a file is renamed": lambda sh: sh.rename("/d/f", "/d/g"),
    "a file leaves": lambda sh: sh.rename("/d/f", "/g"),
    "a file comes": lambda sh: sh.rename("/f", "/d/g"),
    "a directory leaves": lambda sh: sh.rename("/d/e", "/e"),
    "a directory comes": lambda sh: sh.rename("/o", "/d/o"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_name_moves_the_times_of_its_directory(sh, life, tick, change):
    """Of that one, and with no request more than the change itself takes."""
    for path in ("/d", "/d/e", "/o"):
        sh.mkdir(path)
    for path in ("/d/f", "/f"):
        sh.write(path, b"x")
    before, now_ns = times(sh, "/d/e"), tick()
    life.requests()

    change(sh)

    assert "put" not in [
        call.name for call in life.points.calls if call.kind == "request" and call.key == "d/"
    ]
    assert (now_ns, now_ns) == times(sh, "/d")
    if sh.exists("/d/e"):
        assert before == times(sh, "/d/e")


def test_times_that_were_set_count(sh, tick):
    """Until the next name comes; a change of mode alone takes what the times are along."""
    sh.mkdir("/d")
    sh.write("/d/f", b"x")
    tick()
    sh.utime("/d", ns=(5, 7 * 10**9))
    changed_ns = tick()
    sh.chmod("/d", 0o700)

    assert (7 * 10**9, changed_ns) == times(sh, "/d")
    later_ns = tick()
    sh.write("/d/g", b"x")
    assert (later_ns, later_ns) == times(sh, "/d")


def test_a_change_of_nothing_moves_the_time_of_change(sh, core, life, tick):
    """Of files and directories, without a request and without a trace in the bucket."""
    sh.mkdir("/d")
    sh.write("/d/f", b"x")
    mtime_ns, now_ns = sh.stat("/d").st_mtime_ns, tick()
    life.requests()
    for path in ("/d", "/d/f"):
        found = sh.stat(path)
        sh.chmod(path, found.st_mode)
        sh.chown(path, -1, found.st_gid)

    assert [] == life.requests()
    assert (mtime_ns, now_ns) == times(sh, "/d")
    assert now_ns == sh.stat("/d/f").st_ctime_ns
    assert life.mount.drain(None)
    assert [] == life.requests()


def test_a_renamed_file_has_a_new_time_of_change(sh, core, life, tick):
    """It goes along with the copy: one copy, one deletion."""
    sh.write("/f", b"x")
    mtime_ns, now_ns = sh.stat("/f").st_mtime_ns, tick()
    life.requests()

    sh.rename("/f", "/g")

    assert ["copy", "delete"] == life.requests()
    assert (mtime_ns, now_ns) == times(sh, "/g")
    life.close()
    with core.mounted() as later:
        assert (mtime_ns, now_ns) == times(later.os, "/g")


def test_links_of_directories(sh, core):
    """Two and one for each directory in it, where that is known; one where it is not."""
    core.put("theirs/sub/f", b"x")
    sh.mkdir("/d")
    sh.mkdir("/d/e")
    sh.mkdir("/d/f")
    sh.write("/d/g", b"x")

    assert 4 == sh.stat("/d").st_nlink
    sh.rename("/d/e", "/d/h")
    assert (4, 2) == (sh.stat("/d").st_nlink, sh.stat("/d/h").st_nlink)
    sh.rmdir("/d/f")
    assert 3 == sh.stat("/d").st_nlink
    for name in ("a", "b", "c"):
        core.put(f"more/{name}/sub/f", b"x")
    for name in ("a", "b"):  # two are listed when they are looked at
        assert 3 == sh.stat(f"/more/{name}").st_nlink
    assert 1 == sh.stat("/more/c").st_nlink
    sh.listdir("/more/c")
    assert 3 == sh.stat("/more/c").st_nlink
    assert 3 == sh.stat("/theirs").st_nlink


def test_a_directory_hands_on_its_group(sh, life):
    """With the setgid bit, to all that is made in it; a directory gets the bit, too."""
    sh.mkdir("/d", 0o2775)
    sh.chown("/d", -1, 77)
    sh.chmod("/d", 0o2775)
    sh.close(sh.open("/d/f", NEW))
    sh.symlink("x", "/d/link")
    sh.mkdir("/d/e", 0o755)
    sh.mkdir("/plain", 0o755)
    sh.mkdir("/plain/e", 0o755)

    assert [77] * 3 == [sh.stat(path).st_gid for path in ("/d/f", "/d/link", "/d/e")]
    assert 0o2755 == stat.S_IMODE(sh.stat("/d/e").st_mode)
    assert (1000, 0o755) == (
        sh.stat("/plain/e").st_gid,
        stat.S_IMODE(sh.stat("/plain/e").st_mode),
    )


def test_a_directory_that_was_renamed_need_not_be_listed(sh, core, life):
    """What is in it was seen when the copies were verified; others' files are among it."""
    sh.mkdir("/d")
    sh.mkdir("/d/e")
    sh.write("/d/e/f", b"ours")
    core.put("d/theirs", b"x")
    core.bucket.put("d/e//hidden", BytesBody(b""), Headers())
    sh.rename("/d", "/t")
    life.requests()

    assert ["e", "theirs"] == sh.listdir("/t")
    assert ["f"] == sh.listdir("/t/e")
    assert not sh.exists("/t/gone")
    assert [] == life.requests()
    assert b"ours" == sh.read("/t/e/f")
