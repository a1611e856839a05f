"""Modes, owners, times and foreign metadata, in the headers of ossfs 1.x and s3fs."""

import os
import stat

import pytest

from ossfs.store.api import BytesBody, Headers

NEW = os.O_CREAT | os.O_RDWR
NS = 10**9
LARGE = bytes(range(250)) * 19
NOW = 1_767_225_600  # where the fake clock begins


def metadata(core, key):
    return dict(core.bucket.head(key).metadata)


def settle(life, path):
    """Bring what is pending of a file into the bucket."""
    fd = life.os.open(path, os.O_RDONLY)
    life.os.fsync(fd)
    life.os.close(fd)


def test_the_headers_of_a_new_file(sh, core):
    """Exactly these names and values."""
    sh.write("/f.txt", b"x")

    assert {
        "mode": "33188", "uid": "1000", "gid": "1000", "mtime": f"{NOW}", "ctime": f"{NOW}"
    } == metadata(core, "f.txt")  # fmt: skip
    assert "text/plain" == core.bucket.head("f.txt").content_type


def test_the_headers_of_a_directory(sh, core):
    """The type bits, and the content type that others know directories by."""
    sh.mkdir("/d", 0o750)

    assert {
        "mode": "16872", "uid": "1000", "gid": "1000", "mtime": f"{NOW}", "ctime": f"{NOW}"
    } == metadata(core, "d/")  # fmt: skip
    assert "application/x-directory" == core.bucket.head("d/").content_type


def test_attributes_set_before_close_ride_along(life, core):
    """One PUT carries the bytes and all of it."""
    sh = life.os
    sh.listdir("/")
    life.requests()
    fd = sh.open("/f", NEW)
    sh.pwrite(fd, b"x", 0)
    sh.chmod("/f", 0o4751)
    sh.chown("/f", 7, -1)
    sh.chown("/f", -1, 8)
    sh.utime("/f", ns=(5 * NS, 7 * NS + 123))
    sh.close(fd)

    assert ["put"] == life.requests()
    assert {
        "mode": str(0o104751), "uid": "7", "gid": "8",
        "mtime": "7.000000123", "ctime": f"{NOW}", "atime": "5",
    } == metadata(core, "f")  # fmt: skip


@pytest.mark.parametrize("data", [b"small", LARGE], ids=["small", "large"])
def test_attributes_set_later(life, core, data):
    """One self-copy for all of them, the bytes and the content type stay."""
    core.bucket.put("f", BytesBody(data), Headers("image/x-odd", {"color": "red", "mode": "33188"}))
    sh = life.os
    sh.stat("/f")
    life.requests()
    fd = sh.open("/f", os.O_RDONLY)
    sh.chmod("/f", 0o600)
    sh.chown("/f", 1, 2)
    sh.utime("/f", ns=(7 * NS, 7 * NS))
    assert [] == life.requests()
    sh.fsync(fd)
    sh.close(fd)

    assert ["copy"] == life.requests()
    assert "image/x-odd" == core.bucket.head("f").content_type
    assert {
        "mode": str(0o100600), "uid": "1", "gid": "2", "mtime": "7", "ctime": f"{NOW}",
        "color": "red",
    } == metadata(core, "f")  # fmt: skip
    assert {"f": data} == core.objects()


def test_attributes_are_committed_by_themselves(core):
    """Nobody calls fsync; drain (and the time) brings them."""
    core.put("f", b"x")
    with core.mounted(is_running=True) as life:
        life.os.chmod("/f", 0o600)
        assert 0o100600 == life.os.stat("/f").st_mode
        assert life.mount.drain(20)

    assert str(0o100600) == metadata(core, "f")["mode"]


def test_attributes_survive_a_remount(core):
    """What stat says is the same before and after."""
    with core.mounted() as life:
        sh = life.os
        sh.write("/f", b"x")
        sh.chmod("/f", 0o640)
        sh.utime("/f", ns=(1 * NS + 1, 2 * NS + 2))
        settle(life, "/f")
        before = sh.stat("/f")
    with core.mounted() as life:
        assert before == life.os.stat("/f")
        assert (2 * NS + 2, 1 * NS + 1) == (before.st_mtime_ns, before.st_atime_ns)


@pytest.mark.parametrize("change", ["edit", "append", "truncate", "replace", "rename", "chmod"])
@pytest.mark.parametrize("data", [b"small", LARGE], ids=["small", "large"])
def test_what_others_stored_beside_an_object_stays(life, core, change, data):
    """Foreign metadata and the content type survive every change."""
    sh = life.os
    core.bucket.put("f", BytesBody(data), Headers("image/x-odd", {"color": "red"}))
    key = "f"
    if change == "edit":
        sh.edit("/f", 2, b"#")
    elif change == "append":
        sh.append("/f", b"#")
    elif change == "truncate":
        sh.truncate("/f", 3)
    elif change == "replace":
        sh.write("/f", b"new")
    elif change == "rename":
        sh.rename("/f", "/g")
        key = "g"
    else:
        sh.chmod("/f", 0o600)
        settle(life, "/f")

    info = core.bucket.head(key)
    assert ("image/x-odd", "red") == (info.content_type, info.metadata["color"])


def test_writing_moves_the_times(sh, core):
    """Mtime and ctime are now, the mode stays."""
    sh.write("/f", b"x")
    sh.chmod("/f", 0o600)
    sh.utime("/f", ns=(NS, NS))
    core.clock.advance(50)
    sh.append("/f", b"y")

    found = sh.stat("/f")
    assert ((NOW + 50) * NS,) * 2 == (found.st_mtime_ns, found.st_ctime_ns)
    assert 0o100600 == found.st_mode


def test_times_set_after_the_last_write_hold(sh, core):
    """Cp -p: write, utimens, close; the close does not touch them."""
    fd = sh.open("/f", NEW)
    sh.pwrite(fd, b"x", 0)
    sh.utime("/f", ns=(NS, 2 * NS))
    core.clock.advance(9)
    sh.close(fd)

    assert 2 * NS == sh.stat("/f").st_mtime_ns
    assert "2" == metadata(core, "f")["mtime"]


def test_the_attributes_of_a_directory(life, core):
    """Stored in the marker, which is made when there is none."""
    sh = life.os
    core.put("p/f", b"")
    sh.mkdir("/d")
    for path in ("/d", "/p"):
        sh.chmod(path, 0o700)
        sh.utime(path, ns=(3 * NS, 3 * NS))
        found = sh.stat(path)
        assert (stat.S_IFDIR | 0o700, 3 * NS) == (found.st_mode, found.st_mtime_ns)

    sh.chmod("/", 0o700)
    assert life.mount.drain(None)
    assert "3" == metadata(core, "d/")["mtime"] == metadata(core, "p/")["mtime"]
    assert {"d/", "p/", "p/f"} == set(core.objects())


def test_a_directory_keeps_its_attributes_when_renamed(sh):
    """They travel with the marker."""
    sh.mkdir("/d", 0o711)
    sh.mkdir("/t", 0o777)
    sh.rename("/d", "/t")

    assert stat.S_IFDIR | 0o711 == sh.stat("/t").st_mode


@pytest.mark.parametrize(
    ("values", "mode", "uid", "mtime_ns"),
    [
        ({}, 0o100644, 1000, NOW * NS),
        ({"mode": "33188", "uid": "5", "mtime": "12"}, 0o100644, 5, 12 * NS),
        ({"mode": "420"}, 0o100644, 1000, NOW * NS),
        ({"mode": "0100600"}, 0o100600, 1000, NOW * NS),
        ({"mode": "0x8180", "uid": "0x10"}, 0o100600, 16, NOW * NS),
        ({"mode": "16877"}, 0o100755, 1000, NOW * NS),
        ({"mode": "rw", "uid": "-1", "mtime": "soon"}, 0o100644, 1000, NOW * NS),
        ({"mtime": "0"}, 0o100644, 1000, NOW * NS),
        ({"mtime": "1700000000.123456789"}, 0o100644, 1000, 1_700_000_000_123_456_789),
        ({"mtime": "1700000000.5"}, 0o100644, 1000, 1_700_000_000_500_000_000),
    ],
)
def test_what_others_wrote(sh, core, values, mode, uid, mtime_ns):
    """Numbers are read as C does with base 0; what cannot be read counts as absent."""
    core.put("f", b"x", **values)
    found = sh.stat("/f")

    assert (mode, uid, mtime_ns) == (found.st_mode, found.st_uid, found.st_mtime_ns)


def test_a_symlink_of_others(sh, core):
    """The object's mode makes it one."""
    core.put("l", b"target", mode="41471")

    assert stat.S_IFLNK | 0o777 == sh.stat("/l").st_mode
    assert "target" == sh.readlink("/l")


def test_attributes_changed_while_the_file_is_uploaded(core, expect_log):
    """A chmod that meets a running commit is not forgotten."""
    with core.mounted(is_running=True) as life:
        sh = life.os
        once = iter([True])

        def change(call):
            if call.name == "put" and next(once, False):
                sh.chmod("/f", 0o600)

        life.points.on_call = change
        sh.write("/f", b"x")
        assert 0o100600 == sh.stat("/f").st_mode
        assert life.mount.drain(20)

    assert (b"x", str(0o100600)) == (core.objects()["f"], metadata(core, "f")["mode"])


def test_attributes_changed_while_uploaded_need_nobody_to_ask(core):
    """The scheduler has the file on its list."""
    with core.mounted() as life:
        sh = life.os
        once = iter([True])

        def change(call):
            if call.name == "put" and next(once, False):
                sh.chmod("/f", 0o600)

        life.points.on_call = change
        sh.write("/f", b"x")

        assert ["f"] == [node.key for node in life.fs._files.scheduler.waiting()]


def test_an_answer_from_before_our_own_change(core, life, sh):
    """A mode that was just stored is not forgotten for what a request had been told before."""
    sh.write("/f", b"data")
    before = core.bucket.head("f")
    sh.chmod("/f", 0o600)
    sh.utime("/f", ns=(7, 7 * 10**9))
    assert life.mount.drain(None)

    life.fs._tree.descriptions.confirmed(before)

    assert (0o100600, 7 * 10**9) == (sh.stat("/f").st_mode, sh.stat("/f").st_mtime_ns)
    core.clock.advance(60)
    core.put("f", b"data", mode=str(0o100640))
    sh.close(sh.open("/f", os.O_RDONLY))
    assert 0o100640 == sh.stat("/f").st_mode


@pytest.mark.parametrize(("uid", "mode"), [(0, 0o6755), (1000, 0o755)])
def test_emptying_a_file_takes_special_bits_away(sh, uid, mode):
    """Unless root does it; the group's bit means something else where the group may not run it."""
    sh.write("/f", b"x")
    sh.chmod("/f", 0o6755)
    sh.write("/g", b"x")
    sh.chmod("/g", 0o2745)

    for path in ("/f", "/g"):
        sh.close(sh.fs.open(path, os.O_WRONLY | os.O_TRUNC, uid=uid))

    assert mode == stat.S_IMODE(sh.stat("/f").st_mode)
    assert 0o2745 == stat.S_IMODE(sh.stat("/g").st_mode)


@pytest.mark.parametrize("act", ["open", "never closed", "closed"])
def test_a_rename_keeps_the_content_type(sh, core, act):
    """It follows from the first name, also when the file is written again."""
    fd = sh.open("/f.txt", os.O_CREAT | os.O_RDWR)
    sh.pwrite(fd, b"x", 0)
    if act == "never closed":
        sh.rename("/f.txt", "/f.png")
    sh.close(fd)
    if act == "closed":
        sh.rename("/f.txt", "/f.png")
    if act == "open":
        fd = sh.open("/f.txt", os.O_RDWR)
        sh.rename("/f.txt", "/f.png")
        sh.pwrite(fd, b"y", 0)
        sh.close(fd)
    sh.append("/f.png", b"more")

    assert "text/plain" == core.bucket.head("f.png").content_type
