"""What `stat` shows of files that others made, and what it costs."""

import os
import stat

import pytest

from ossfs.store.api import BytesBody, Headers
from ossfs.vfs.entries import Entry
from ossfs.vfs.tree import Found

NS = 10**9
NOW = 1_767_225_600  # where the fake clock begins
LARGE = bytes(range(256)) * 1024  # 256 KiB: not fetched whole when it is opened


def theirs(core, key, data=b"x", mode=0o100751):
    """Store an object as another FUSE client does, with a type and headers of its own."""
    headers = Headers(
        "image/x-odd",
        {"mode": str(mode), "uid": "7", "mtime": "12", "color": "red"},
        {"cache-control": "no-store"},
    )
    core.bucket.put(key, BytesBody(data), headers)


def beside(core, key):
    info = core.bucket.head(key)
    return info.content_type, info.metadata.get("color"), info.standard.get("cache-control")


def many(core, directory, count=100):
    for n in range(count):
        core.put(f"{directory}/{n:03}", b"x")


def shown(sh, path):
    found = sh.stat(path)
    return found.st_mode, found.st_mtime_ns


LISTED = (0o100644, NOW * NS)
STORED = (0o100751, 12 * NS)


def test_a_directory_that_was_read_costs_no_request_for_its_files(core, life):
    """Sizes, times and default modes come with the listing; nobody says that there is more."""
    many(core, "d", 40)
    for name in life.os.listdir("/d"):
        assert LISTED == shown(life.os, f"/d/{name}")

    assert ["list"] * 2 == life.requests()


def test_a_large_directory_is_shown_as_it_is_listed(core, life):
    """Although nobody has read all its names: not one file is asked for."""
    many(core, "d")
    for n in range(100):
        life.os.stat(f"/d/{n:03}")

    assert ["list"] == life.requests()


def test_a_few_files_of_a_small_directory_are_asked_for(core, life):
    """If none of them has anything to tell, the others have not, either."""
    many(core, "d", 40)
    for n in range(40):
        life.os.stat(f"/d/{n:03}")

    assert ["list", "head", "head", "head"] == life.requests()


def test_a_file_with_attributes_has_all_others_asked_for(core, life):
    """One that a FUSE client made is enough; what the directory was read for does not matter."""
    for n in range(5):
        theirs(core, f"d/{n}")
    sh = life.os
    assert STORED == shown(sh, "/d/0")
    sh.listdir("/d")

    assert STORED == shown(sh, "/d/4")


def test_a_directory_with_a_marker_of_a_fuse_client(core, life):
    """Its files are asked for, one HEAD each, and one for the marker."""
    core.bucket.put("d/", BytesBody(b""), Headers("application/x-directory", {"mode": "16877"}))
    for n in range(5):
        theirs(core, f"d/{n}")
    sh = life.os

    assert [STORED] * 5 == [shown(sh, f"/d/{name}") for name in sh.listdir("/d")]
    assert ["head"] * 6 + ["list"] * 2 == sorted(life.requests())


def test_a_directory_of_this_mount(core, life):
    """We made it, so others may work in it, too."""
    sh = life.os
    sh.mkdir("/d")
    core.clock.advance(11)
    theirs(core, "d/f")
    sh.listdir("/d")

    assert STORED == shown(sh, "/d/f")


def test_a_marker_without_attributes(core, life):
    """The console of a store makes such: they say nothing of FUSE clients."""
    core.put("d/", b"")
    many(core, "d", 5)
    sh = life.os
    for name in sh.listdir("/d"):
        sh.stat(f"/d/{name}")

    assert ["list", "list", "head"] == life.requests()


def test_list_asks_for_nothing(core):
    """Not even for markers; a directory's time is that of its marker."""
    core.bucket.put("d/", BytesBody(b""), Headers(None, {"mode": "16832"}))
    theirs(core, "d/f")
    with core.mounted(attrs="list") as life:
        sh = life.os
        sh.listdir("/d")
        life.requests()
        assert (0o40755, NOW * NS) == shown(sh, "/d")
        assert LISTED == shown(sh, "/d/f")
        assert [] == life.requests()


def test_head_asks_for_everything(core):
    """Wherever it is, and although the directory was read."""
    many(core, "d")
    with core.mounted(attrs="head") as life:
        sh = life.os
        for name in sh.listdir("/d"):
            sh.stat(f"/d/{name}")
        assert 100 == life.requests().count("head")


# What is only shown is never written back


CHANGES = {
    "chmod": lambda sh: sh.chmod("/d/f", 0o600),
    "utimens": lambda sh: sh.utime("/d/f", ns=(NS, NS)),
    "append": lambda sh: sh.append("/d/f", b"#"),
    "edit": lambda sh: sh.edit("/d/f", 0, b"#"),
    "truncate": lambda sh: sh.truncate("/d/f", 1),
    "overwrite": lambda sh: sh.write("/d/f", b"new"),
    "rename": lambda sh: sh.rename("/d/f", "/d/g"),
    "rename the directory": lambda sh: sh.rename("/d", "/e"),
}


@pytest.mark.parametrize("data", [b"small", LARGE], ids=["small", "large"])
@pytest.mark.parametrize("is_open", [False, True], ids=["closed", "open"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_keeps_what_others_stored(core, change, is_open, data):
    """Also of a file of which only the listing was seen, and that somebody reads."""
    theirs(core, "d/f", data)
    with core.mounted(attrs="list") as life:
        sh = life.os
        assert LISTED == shown(sh, "/d/f")
        fd = sh.open("/d/f", os.O_RDONLY) if is_open else None
        change(sh)
        if fd is not None:
            sh.close(fd)
        assert life.mount.drain(None)

    (key,) = [key for key in core.objects() if not key.endswith("/")]
    assert ("image/x-odd", "red", "no-store") == beside(core, key)
    info = core.bucket.head(key)
    assert ("7", str(0o100751)) == (info.metadata["uid"], info.metadata["mode"]) or (
        change is CHANGES["chmod"] and "33152" == info.metadata["mode"]
    )


def test_a_directory_keeps_what_others_stored(core):
    """Its marker is asked for before a change, even when nothing is asked to show it."""
    core.bucket.put("d/", BytesBody(b""), Headers("x/odd", {"mode": "16832", "color": "red"}))
    with core.mounted(attrs="list") as life:
        life.os.chmod("/d", 0o711)
        assert life.mount.drain(None)

    info = core.bucket.head("d/")
    assert ("x/odd", "red", "16841") == (
        info.content_type, info.metadata["color"], info.metadata["mode"]
    )  # fmt: skip


# What opening a file tells


@pytest.mark.parametrize("data", [b"small", LARGE], ids=["small", "large"])
def test_reading_a_file_tells_the_rest(core, data):
    """The answers to its GETs carry it; no HEAD."""
    theirs(core, "d/f", data)
    with core.mounted(attrs="list") as life:
        sh = life.os
        sh.listdir("/d")
        life.requests()
        assert data == sh.read("/d/f")
        assert STORED == shown(sh, "/d/f")
        assert {"get"} == set(life.requests())


def test_the_attributes_of_an_open_file_do_not_change_by_reading(core):
    """Programs that copy a file look whether it was changed meanwhile."""
    theirs(core, "d/f", LARGE)
    with core.mounted(attrs="list") as life:
        sh = life.os
        fd = sh.open("/d/f", os.O_RDONLY)
        before = sh.fstat(fd)
        sh.pread(fd, 10, 0)
        assert before == sh.fstat(fd)
        sh.close(fd)


def test_a_link_that_was_shown_as_a_file(core):
    """Opening it tells; the kernel is asked to look again, and follows it."""
    theirs(core, "d/l", b"target", mode=0o120777)
    with core.mounted(attrs="list") as life:
        sh = life.os
        assert stat.S_ISREG(sh.stat("/d/l").st_mode)
        with pytest.raises(OSError, match="Stale"):
            sh.open("/d/l", os.O_RDONLY)
        assert stat.S_ISLNK(sh.stat("/d/l").st_mode)
        assert "target" == sh.readlink("/d/l")


def test_a_small_file_costs_one_request(core, life):
    """To open it, to stat it, to read it; an empty one costs none."""
    many(core, "d")
    core.put("d/empty", b"")
    sh = life.os
    sh.listdir("/d")
    life.requests()

    assert b"x" == sh.read("/d/007")
    assert ["get"] == life.requests()
    assert b"" == sh.read("/d/empty")
    assert [] == life.requests()


def test_a_small_file_is_not_asked_about_and_fetched(core, life):
    """When what is known is too old to open it, the GET itself is the question."""
    many(core, "d")
    sh = life.os
    sh.listdir("/d")
    sh.stat("/d/007")
    core.clock.advance(5)
    life.requests()

    assert b"x" == sh.read("/d/007")
    assert ["get"] == life.requests()
    core.clock.advance(5)
    assert b"x" == sh.read("/d/007")
    assert ["head"] == life.requests()


def test_a_file_that_was_replaced_since_it_was_listed(core, life):
    """Opening it finds the new version, and so do its readers."""
    many(core, "d")
    sh = life.os
    sh.listdir("/d")
    core.put("d/007", b"newer")
    life.requests()

    assert b"newer" == sh.read("/d/007")
    assert ["head", "get"] == life.requests()  # what is refused is not counted


def test_a_file_that_was_deleted_since_it_was_listed(core, life):
    """ENOENT when it is opened."""
    many(core, "d")
    sh = life.os
    sh.listdir("/d")
    core.bucket.delete("d/007")

    with pytest.raises(FileNotFoundError):
        sh.read("/d/007")
    assert "007" not in sh.listdir("/d")


def test_an_open_that_meets_the_last_close(core, life):
    """What was found was the node that is gone; the file is as it was."""
    core.put("f", b"x" * 100)
    life.os.stat("/f")
    node = life.fs._files.opened(Found("f", Entry(is_directory=False)), is_described=False)
    try:
        assert 100 == node.pending.size
    finally:
        life.fs._files.closed(node)


def test_names_of_extended_attributes(core, life):
    """They are listed as the rest is shown, because `ls -l` asks for them; a value is asked for."""
    many(core, "d")
    sh = life.os
    sh.listdir("/d")
    sh.fs.setxattr("/d/007", "user.color", b"red")
    assert life.mount.drain(None)
    life.requests()

    assert ["user.color"] == sh.fs.listxattr("/d/007")
    for name in sh.listdir("/d"):
        sh.fs.listxattr(f"/d/{name}")
    assert [] == life.requests()
    with pytest.raises(OSError, match="No data"):
        sh.fs.getxattr("/d/008", "user.color")
    assert ["head"] == life.requests()
