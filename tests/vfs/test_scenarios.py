"""
What a file system on a bucket does, seen through `os`-like calls.

`sh` is the mount; the same calls can be made of a real one. `core.bucket` is the bucket as
other clients see it.
"""

import errno
import os
import stat
from contextlib import contextmanager

import pytest

from ossfs.errors import Unreachable

RDONLY, WRONLY, RDWR = os.O_RDONLY, os.O_WRONLY, os.O_RDWR
NEW = os.O_CREAT | os.O_RDWR
LARGE = bytes(range(250)) * 19  # 4750 bytes: five parts of 1000


@contextmanager
def refused(code):
    """Expect an OSError with this errno."""
    with pytest.raises(OSError, match=r".*") as caught:
        yield
    assert code == caught.value.errno


# Files


def test_a_file_is_an_object(sh, core):
    """One file, one key, the same bytes."""
    sh.write("/f", b"hello")

    assert {"f": b"hello"} == core.objects()
    assert b"hello" == sh.read("/f")


def test_an_empty_file_is_an_object(sh, core):
    """Nothing was written, and close makes it."""
    sh.close(sh.open("/f", NEW))

    assert {"f": b""} == core.objects()
    assert 0 == sh.stat("/f").st_size


def test_a_new_file_is_seen_before_it_is_closed(sh, core):
    """By name and in its directory, with its size; the bucket has nothing yet."""
    fd = sh.open("/f", NEW)
    sh.pwrite(fd, b"12345", 0)

    assert 5 == sh.stat("/f").st_size == sh.fstat(fd).st_size
    assert ["f"] == sh.listdir("/")
    assert b"12345" == sh.read("/f")
    assert {} == core.objects()
    sh.close(fd)


def test_an_object_is_a_file(sh, core):
    """What others put is there, in directories that nobody made."""
    core.put("a/b/c.txt", b"theirs")

    assert ["a"] == sh.listdir("/")
    assert ["b"] == sh.listdir("/a")
    assert sh.is_dir("/a/b")
    assert b"theirs" == sh.read("/a/b/c.txt")


@pytest.mark.parametrize("size", [1, 999, 1000, 1001, 1999, 2000, 2001, 4750])
def test_sizes_around_parts(sh, core, size):
    """One PUT or several parts: the object is what was written."""
    data = LARGE[:size]
    sh.write("/f", data)

    assert {"f": data} == core.objects()
    assert data == sh.read("/f")
    assert [] == core.uploads()


def test_pieces_in_any_order(sh, core):
    """Bytes land where they were written, the last write wins, gaps are zeros."""
    fd = sh.open("/f", NEW)
    sh.pwrite(fd, b"world", 3000)
    sh.pwrite(fd, b"hello", 0)
    sh.pwrite(fd, b"W", 3000)
    sh.close(fd)

    assert {"f": b"hello" + bytes(2995) + b"World"} == core.objects()


def test_a_sparse_file_is_zeros(sh, core):
    """A hole is not on the local disk, but in the object."""
    fd = sh.open("/f", NEW)
    sh.ftruncate(fd, 100_000)
    blocks = [(core.state_dir / "staging" / name).stat().st_blocks for name in core.staged()]
    assert [0] == blocks
    sh.close(fd)

    assert {"f": bytes(100_000)} == core.objects()


def test_reading_stops_at_the_end(sh):
    """Short at the end, empty behind it."""
    sh.write("/f", b"12345")
    fd = sh.open("/f", RDONLY)

    assert b"45" == sh.pread(fd, 100, 3)
    assert b"" == sh.pread(fd, 100, 5)
    assert b"" == sh.pread(fd, 100, 500)
    sh.close(fd)


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1500, 4749, 4750, 4751, 8000])
def test_truncate(sh, core, size):
    """Cut or extended with zeros, in the bucket when truncate returns."""
    core.put("f", LARGE)
    sh.truncate("/f", size)

    assert {"f": LARGE[:size].ljust(size, b"\0")} == core.objects()
    assert LARGE[:size].ljust(size, b"\0") == sh.read("/f")
    assert size == sh.stat("/f").st_size


def test_cut_then_extended_is_zeros(sh, core):
    """What was cut off does not come back."""
    core.put("f", LARGE)
    fd = sh.open("/f", RDWR)
    sh.ftruncate(fd, 1500)
    sh.ftruncate(fd, 3000)
    assert LARGE[:1500] + bytes(1500) == sh.pread(fd, 5000, 0)
    sh.close(fd)

    assert {"f": LARGE[:1500] + bytes(1500)} == core.objects()


def test_opened_to_be_replaced(sh, core):
    """O_TRUNC empties the file at once; the object changes at close."""
    core.put("f", LARGE)
    fd = sh.open("/f", WRONLY | os.O_TRUNC)
    assert 0 == sh.stat("/f").st_size
    assert {"f": LARGE} == core.objects()
    sh.pwrite(fd, b"short", 0)
    sh.close(fd)

    assert {"f": b"short"} == core.objects()


def test_append(sh, core):
    """O_APPEND writes at the end, whatever offset the caller names."""
    core.put("f", b"one")
    sh.append("/f", b"two")
    sh.append("/f", b"three")

    assert {"f": b"onetwothree"} == core.objects()


def test_two_who_append(sh, core):
    """Each write of each handle goes behind what is there."""
    one, two = sh.open("/f", NEW | os.O_APPEND), sh.open("/f", WRONLY | os.O_APPEND)
    for fd, data in [(one, b"a"), (two, b"b"), (one, b"c"), (two, b"d")]:
        sh.pwrite(fd, data, 0)
    sh.close(one)
    sh.close(two)

    assert {"f": b"abcd"} == core.objects()


@pytest.mark.parametrize("size", [300, 4750], ids=["small", "large"])
@pytest.mark.parametrize("offset", [0, 1, 150, 299])
def test_an_edit_is_read_before_it_is_written_back(sh, core, size, offset):
    """The new bytes in their place, the old ones around them, before and after close."""
    before = LARGE[:size]
    after = before[:offset] + b"#" + before[offset + 1 :]
    core.put("f", before)
    fd = sh.open("/f", RDWR)
    sh.pwrite(fd, b"#", offset)
    other = sh.open("/f", RDONLY)

    assert after == sh.pread(fd, 9999, 0) == sh.pread(other, 9999, 0)
    assert {"f": before} == core.objects()
    sh.close(fd)
    assert {"f": after} == core.objects()
    assert after == sh.pread(other, 9999, 0)
    sh.close(other)


def test_edits_across_flushes(sh, core):
    """A handle goes on writing after fsync, each time from the newest content."""
    core.put("f", LARGE)
    fd = sh.open("/f", RDWR)
    data = bytearray(LARGE)
    for n, offset in enumerate([0, 4749, 2500, 1, 999, 1000]):
        sh.pwrite(fd, b"%d" % n, offset)
        data[offset : offset + 1] = b"%d" % n
        sh.fsync(fd)
        assert {"f": bytes(data)} == core.objects()
        assert bytes(data) == sh.pread(fd, 9999, 0)
    sh.close(fd)


def test_an_edit_over_the_end(sh, core):
    """Part of the write replaces, the rest extends."""
    core.put("f", LARGE)
    sh.edit("/f", 4740, b"#" * 20)

    assert {"f": LARGE[:4740] + b"#" * 20} == core.objects()


def test_a_write_behind_the_end(sh, core):
    """The gap between the old end and the write is zeros."""
    core.put("f", b"abc")
    sh.edit("/f", 2005, b"x")

    assert {"f": b"abc" + bytes(2002) + b"x"} == core.objects()


def test_a_reader_cannot_write(sh):
    """EBADF, as POSIX says."""
    sh.write("/f", b"x")
    fd = sh.open("/f", RDONLY)

    with refused(errno.EBADF):
        sh.pwrite(fd, b"y", 0)
    sh.close(fd)
    with refused(errno.EBADF):
        sh.pread(fd, 1, 0)


def test_exclusive_creation(sh):
    """O_EXCL refuses what is there."""
    sh.write("/f", b"x")

    with refused(errno.EEXIST):
        sh.open("/f", NEW | os.O_EXCL)


def test_creating_what_is_there_opens_it(sh):
    """Without O_TRUNC its bytes stay."""
    sh.write("/f", b"x")
    fd = sh.open("/f", NEW)

    assert b"x" == sh.pread(fd, 9, 0)
    sh.close(fd)


def test_what_is_not_there(sh):
    """ENOENT for each way to ask."""
    for ask in (
        lambda: sh.stat("/no"),
        lambda: sh.open("/no", RDONLY),
        lambda: sh.unlink("/no"),
        lambda: sh.rmdir("/no"),
        lambda: sh.rename("/no", "/f"),
        lambda: sh.truncate("/no", 0),
        lambda: sh.chmod("/no", 0o600),
        lambda: sh.listdir("/no"),
        lambda: sh.readlink("/no"),
    ):
        with refused(errno.ENOENT):
            ask()


def test_directories_are_not_files(sh):
    """EISDIR, and ENOTDIR the other way round."""
    sh.mkdir("/d")
    sh.write("/f", b"")

    for ask in (
        lambda: sh.open("/d", RDONLY),
        lambda: sh.unlink("/d"),
        lambda: sh.truncate("/d", 0),
        lambda: sh.rename("/f", "/d"),
    ):
        with refused(errno.EISDIR):
            ask()
    for ask in (lambda: sh.rmdir("/f"), lambda: sh.listdir("/f"), lambda: sh.rename("/d", "/f")):
        with refused(errno.ENOTDIR):
            ask()


@pytest.mark.parametrize("name", ["x" * 256, "é" * 128, "/".join(["x" * 200] * 6)])
def test_names_that_are_too_long(sh, name):
    """255 bytes a name, 1023 a key."""
    with refused(errno.ENAMETOOLONG):
        sh.open(f"/{name}", NEW)


def test_a_name_that_is_not_text(sh):
    """Keys are UTF-8."""
    with refused(errno.EILSEQ):
        sh.open("/caf\udce9", NEW)


@pytest.mark.parametrize(
    "name", ["a b", "ünïcödé ☃", "a%2Fb", "x?y=z&q", "+", "~", "-rf", "x" * 255]
)
def test_names_of_all_kinds(sh, core, name):
    """A name is kept as it is."""
    sh.write(f"/{name}", b"x")

    assert {name: b"x"} == core.objects()
    assert [name] == sh.listdir("/")
    sh.unlink(f"/{name}")
    assert [] == sh.listdir("/")


# Directories


def test_a_directory_is_a_marker(sh, core):
    """An empty object whose key ends in a slash."""
    sh.mkdir("/d")

    assert {"d/": b""} == core.objects()
    assert (["d"], []) == (sh.listdir("/"), sh.listdir("/d"))
    assert sh.is_dir("/d")


def test_a_directory_is_made_once(sh, core):
    """EEXIST, also for one that is only a prefix."""
    core.put("p/f", b"")
    sh.mkdir("/d")

    for path in ("/d", "/p"):
        with refused(errno.EEXIST):
            sh.mkdir(path)


def test_a_directory_with_files_stays(sh, core):
    """ENOTEMPTY, for files in the bucket and for those on their way."""
    sh.mkdir("/d")
    fd = sh.open("/d/f", NEW)
    with refused(errno.ENOTEMPTY):
        sh.rmdir("/d")
    sh.close(fd)
    with refused(errno.ENOTEMPTY):
        sh.rmdir("/d")
    sh.unlink("/d/f")
    sh.rmdir("/d")

    assert {} == core.objects()
    assert not sh.exists("/d")


def test_a_file_made_by_others_keeps_a_directory(sh, core):
    """Rmdir looks at the bucket, not at what it remembers."""
    sh.mkdir("/d")
    assert [] == sh.listdir("/d")
    core.put("d/f", b"theirs")

    with refused(errno.ENOTEMPTY):
        sh.rmdir("/d")


def test_an_implicit_directory_stays_when_it_becomes_empty(sh, core):
    """Its last file goes: POSIX directories stay, so it gets a marker."""
    core.put("d/f", b"")
    sh.unlink("/d/f")

    assert {"d/": b""} == core.objects()
    assert sh.is_dir("/d")
    assert [] == sh.listdir("/d")


def test_an_implicit_directory_stays_when_its_last_file_is_moved_out(sh, core):
    """The same for rename, of files and of directories."""
    core.put("d/f", b"1")
    core.put("e/g/h", b"2")
    sh.rename("/d/f", "/f")
    sh.rename("/e/g", "/g")

    assert {"d/": b"", "e/": b"", "f": b"1", "g/h": b"2"} == core.objects()


@pytest.mark.parametrize("way", ["unlink", "rename", "rmdir", "rename a directory"])
def test_a_marker_that_is_refused(life, sh, core, way):
    """The last name stays: nothing is lost of what would vanish with it."""
    core.put("d/e/f", b"1")
    core.put("d/x/", b"")
    if way in ("unlink", "rename"):
        name = "/d/e/f"
    else:
        name = "/d/x"
        core.bucket.delete("d/e/f")
    life.points.refuse = lambda call: Unreachable("no") if call.name == "put" else None
    before = core.objects()

    act = {"unlink": sh.unlink, "rmdir": sh.rmdir}.get(way, lambda path: sh.rename(path, "/t"))
    with pytest.raises(Unreachable):
        act(name)
    assert before == core.objects()
    assert sh.exists(name)
    life.points.refuse = lambda call: None


def test_names_change_in_an_implicit_directory(sh, core):
    """Renames inside of it leave a name there: it needs no marker."""
    core.put("d/f", b"1")
    sh.rename("/d/f", "/d/g")

    assert {"d/g": b"1"} == core.objects()


def test_an_implicit_directory_with_others_gets_no_marker(sh, core):
    """No object that nobody asked for."""
    core.put("d/f", b"")
    core.put("d/g", b"")
    sh.unlink("/d/f")

    assert {"d/g": b""} == core.objects()


def test_a_removed_directory_in_an_implicit_one(sh, core):
    """Rmdir of the last name in a prefix leaves the prefix as a directory."""
    core.put("d/e/", b"")
    sh.rmdir("/d/e")

    assert {"d/": b""} == core.objects()
    assert [] == sh.listdir("/d")


def test_a_name_that_is_a_file_and_a_prefix(sh, core):
    """It is a directory; the file is not lost."""
    core.put("x", b"the file")
    core.put("x/y", b"below")

    assert ["x"] == sh.listdir("/")
    assert sh.is_dir("/x")
    assert b"below" == sh.read("/x/y")
    sh.unlink("/x/y")
    assert {"x": b"the file", "x/": b""} == core.objects()


@pytest.mark.parametrize("goes", ["removed", "renamed"])
@pytest.mark.parametrize("others", [0, 1500], ids=["small directory", "large directory"])
def test_a_file_comes_to_light_when_the_directory_of_its_name_goes(sh, core, goes, others):
    """It is seen at once, so that nobody makes a new file over it without knowing."""
    for number in range(others):
        core.put(f"x{number:04}", b"")
    core.put("x", b"theirs")
    core.put("x/f", b"inside")
    assert stat.S_ISDIR(sh.stat("/x").st_mode)
    if others:
        sh.listdir("/")
    if goes == "renamed":
        sh.rename("/x", "/y")
    else:
        sh.unlink("/x/f")
        sh.rmdir("/x")

    assert "x" in sh.listdir("/")
    with refused(errno.EEXIST):
        sh.open("/x", NEW | os.O_EXCL)
    assert b"theirs" == sh.read("/x")


def test_keys_that_no_path_can_name_are_hidden(sh, core):
    """They do no harm and stay."""
    for key in ("d//f", "./f", "../f", "d/ok"):
        core.put(key, b"")

    assert ["d"] == sh.listdir("/")
    assert ["ok"] == sh.listdir("/d")


def test_large_directories(sh, core):
    """Every name of several pages is there, and one of them is found without reading all."""
    for n in range(2500):
        core.put(f"d/{n:04}", b"")

    assert b"" == sh.read("/d/2400")
    assert not sh.exists("/d/2400x")
    assert [f"{n:04}" for n in range(2500)] == sh.listdir("/d")


def test_a_mount_of_a_prefix(core):
    """Nothing outside of it is seen or touched."""
    core.put("p/q/f", b"in")
    core.put("p/qq", b"out")
    with core.mounted(prefix="p/q/") as life:
        sh = life.os
        assert ["f"] == sh.listdir("/")
        sh.mkdir("/d")
        sh.rename("/f", "/d/f")
        sh.write("/g", b"new")
        assert ["d", "g"] == sh.listdir("/")
        sh.unlink("/d/f")
        sh.rmdir("/d")
        sh.unlink("/g")

    assert {"p/qq": b"out"} == core.objects()


# Renames


def test_rename_a_file(sh, core):
    """One name before, one after."""
    sh.write("/f", b"x")
    sh.rename("/f", "/g")

    assert ({"g": b"x"}, ["g"]) == (core.objects(), sh.listdir("/"))
    assert b"x" == sh.read("/g")
    assert not sh.exists("/f")


def test_rename_over_a_file(sh, core):
    """The target is replaced."""
    sh.write("/f", b"x")
    sh.write("/g", b"yy")
    sh.rename("/f", "/g")

    assert {"g": b"x"} == core.objects()
    assert (b"x", 1) == (sh.read("/g"), sh.stat("/g").st_size)


def test_rename_to_itself(sh, core):
    """Nothing happens."""
    sh.write("/f", b"x")
    sh.rename("/f", "/f")

    assert {"f": b"x"} == core.objects()


def test_rename_a_file_that_was_never_closed(sh, core):
    """The bucket never sees the old name, and the handle goes on."""
    fd = sh.open("/f", NEW)
    sh.pwrite(fd, b"1", 0)
    sh.rename("/f", "/g")
    sh.pwrite(fd, b"2", 1)

    assert (["g"], b"12") == (sh.listdir("/"), sh.read("/g"))
    assert not sh.exists("/f")
    sh.close(fd)
    assert {"g": b"12"} == core.objects()


def test_rename_an_open_edited_file(sh, core):
    """Bytes written before and after the rename are all under the new name."""
    core.put("f", LARGE)
    fd = sh.open("/f", RDWR)
    sh.pwrite(fd, b"1", 0)
    sh.rename("/f", "/g")
    sh.pwrite(fd, b"2", 4749)
    sh.close(fd)

    assert {"g": b"1" + LARGE[1:-1] + b"2"} == core.objects()


def test_a_new_file_under_the_old_name(sh, core):
    """The handle follows its file, the name is free for another one."""
    fd = sh.open("/f", NEW)
    sh.pwrite(fd, b"old", 0)
    sh.rename("/f", "/f.1")
    sh.write("/f", b"new")
    sh.pwrite(fd, b"er", 3)
    sh.close(fd)

    assert {"f.1": b"older", "f": b"new"} == core.objects()


def test_written_beside_and_renamed_over(sh, core):
    """How editors save: the new content has the name, whoever had it open."""
    core.put("f", b"old")
    reader = sh.open("/f", RDONLY)
    assert b"old" == sh.pread(reader, 9, 0)
    sh.write("/f.tmp", b"new")
    sh.rename("/f.tmp", "/f")

    assert b"new" == sh.read("/f")
    sh.close(reader)
    assert {"f": b"new"} == core.objects()


def test_rename_a_directory(sh, core):
    """With everything below it, open files included."""
    sh.mkdir("/d")
    sh.mkdir("/d/e")
    sh.write("/d/f", b"1")
    sh.write("/d/e/g", LARGE)
    core.put("d/theirs", b"2")
    new, old = sh.open("/d/e/new", NEW), sh.open("/d/f", RDWR)
    sh.pwrite(new, b"n", 0)
    sh.pwrite(old, b"+", 1)
    sh.rename("/d", "/t")

    assert ["t"] == sh.listdir("/")
    assert (["e", "f", "theirs"], ["g", "new"]) == (sh.listdir("/t"), sh.listdir("/t/e"))
    assert (b"1+", b"n") == (sh.read("/t/f"), sh.read("/t/e/new"))
    sh.pwrite(old, b"+", 2)
    sh.close(new)
    sh.close(old)
    assert {
        "t/": b"", "t/e/": b"", "t/f": b"1++", "t/e/g": LARGE, "t/theirs": b"2", "t/e/new": b"n"
    } == core.objects()  # fmt: skip
    assert LARGE == sh.read("/t/e/g")


def test_rename_a_directory_over_an_empty_one(sh, core):
    """POSIX lets it; a full one is refused."""
    sh.mkdir("/d")
    sh.write("/d/f", b"1")
    sh.mkdir("/t")
    sh.rename("/d", "/t")
    assert {"t/": b"", "t/f": b"1"} == core.objects()
    sh.mkdir("/d")

    with refused(errno.ENOTEMPTY):
        sh.rename("/d", "/t")


def test_rename_an_implicit_directory(sh, core):
    """A prefix without a marker moves as well, and gets none."""
    core.put("d/f", b"1")
    sh.rename("/d", "/t")

    assert {"t/f": b"1"} == core.objects()
    assert not sh.exists("/d")


def test_a_directory_does_not_go_into_itself(sh, core):
    """EINVAL; a neighbour with a longer name is no part of it."""
    sh.mkdir("/d")
    with refused(errno.EINVAL):
        sh.rename("/d", "/d/e")
    sh.rename("/d", "/dd")

    assert {"dd/": b""} == core.objects()


def test_a_file_unlinked_while_open_does_not_move_with_its_directory(sh, core):
    """It has no name any more, old or new."""
    sh.mkdir("/d")
    sh.write("/d/f", b"gone")
    fd = sh.open("/d/f", RDONLY)
    sh.unlink("/d/f")
    sh.rename("/d", "/t")

    assert [] == sh.listdir("/t")
    sh.close(fd)
    assert {"t/": b""} == core.objects()


# Unlinked and open


def test_an_unlinked_file_lives_until_it_is_closed(sh, core):
    """Read and written through its handle, invisible by name, gone at last."""
    sh.write("/f", LARGE)
    one, two = sh.open("/f", RDWR), sh.open("/f", RDONLY)
    sh.unlink("/f")

    assert not sh.exists("/f")
    assert [] == sh.listdir("/")
    assert LARGE == sh.pread(two, 9999, 0)
    sh.pwrite(one, b"#", 0)
    assert b"#" + LARGE[1:] == sh.pread(two, 9999, 0)
    assert 0 == sh.fstat(one).st_nlink
    sh.close(one)
    assert b"#" + LARGE[1:] == sh.pread(two, 9999, 0)
    sh.close(two)
    assert {} == core.objects()
    assert [] == core.staged()


def test_a_new_file_unlinked_before_it_was_closed(sh, core):
    """Temporary files of this kind never reach the bucket."""
    fd = sh.open("/f", NEW)
    sh.pwrite(fd, LARGE, 0)
    sh.fsync(fd)
    sh.unlink("/f")
    sh.pwrite(fd, b"x", 0)
    sh.fsync(fd)
    sh.close(fd)

    assert {} == core.objects()
    assert [] == core.staged()


@pytest.mark.parametrize("data", [b"old", b"new", b""], ids=["same", "other", "empty"])
def test_a_new_file_in_the_place_of_an_unlinked_one(sh, core, data):
    """The last close of the old one does not touch the new one, even if they are equal."""
    core.put("f", b"" if not data else b"old")
    fd = sh.open("/f", RDONLY)
    sh.unlink("/f")
    sh.write("/f", data)
    assert data == sh.read("/f")
    sh.close(fd)

    assert {"f": data} == core.objects()
    assert data == sh.read("/f")
    assert not core.lives[0].journal.load().deletions


@pytest.mark.parametrize("kind", ["rename", "symlink"])
def test_another_object_in_the_place_of_an_unlinked_file(sh, core, kind):
    """The same when a rename or a symlink takes the name, with the same bytes."""
    sh.write("/f", b"same")
    fd = sh.open("/f", RDONLY)
    sh.unlink("/f")
    if kind == "rename":
        sh.write("/g", b"same")
        sh.rename("/g", "/f")
    else:
        sh.symlink("same", "/f")
    assert ["f"] == sh.listdir("/")
    sh.close(fd)

    assert {"f": b"same"} == core.objects()
    assert ["f"] == sh.listdir("/")


def test_an_unlinked_file_that_was_listed_again(sh, core):
    """A listing made meanwhile shows the object; when it is deleted, the name does not return."""
    sh.write("/f", b"x")
    fd = sh.open("/f", RDONLY)
    sh.unlink("/f")
    core.clock.advance(61)
    assert [] == sh.listdir("/")
    sh.close(fd)

    assert [] == sh.listdir("/")
    assert not sh.exists("/f")


def test_an_unlinked_file_that_is_emptied(sh, core):
    """Its object goes at the last close, although the handle has no more to do with it."""
    sh.write("/f", b"x")
    fd = sh.open("/f", RDWR)
    sh.unlink("/f")
    sh.ftruncate(fd, 0)
    sh.close(fd)

    assert {} == core.objects()


def test_a_directory_in_the_place_of_an_unlinked_file(sh, core):
    """The last close takes the file's object, not the directory's name."""
    sh.write("/f", b"x")
    fd = sh.open("/f", RDONLY)
    sh.unlink("/f")
    sh.mkdir("/f")
    sh.close(fd)

    assert {"f/": b""} == core.objects()
    assert ["f"] == sh.listdir("/")


def test_a_directory_is_empty_without_the_unlinked_file(sh, core):
    """A file that is only open does not keep its directory."""
    sh.mkdir("/d")
    sh.write("/d/f", b"x")
    fd = sh.open("/d/f", RDONLY)
    sh.unlink("/d/f")
    sh.rmdir("/d")

    assert {} == core.objects()
    sh.close(fd)


# Symlinks and specials


def test_symlinks(sh, core):
    """In the form of ossfs 1.x: the bytes are the target, the mode says what it is."""
    sh.symlink("/far/away ☃", "/l")

    assert "/far/away ☃" == sh.readlink("/l")
    assert stat.S_ISLNK(sh.stat("/l").st_mode)
    assert len("/far/away ☃".encode()) == sh.stat("/l").st_size
    assert "41471" == core.bucket.head("l").metadata["mode"]
    sh.rename("/l", "/m")
    assert "/far/away ☃" == sh.readlink("/m")
    sh.utime("/m", ns=(10**18, 10**18))
    assert "/far/away ☃" == sh.readlink("/m")


def test_not_a_symlink(sh):
    """EINVAL."""
    sh.write("/f", b"x")
    sh.mkdir("/d")

    for path in ("/f", "/d"):
        with refused(errno.EINVAL):
            sh.readlink(path)


def test_a_name_is_taken_once(sh):
    """A symlink or fifo does not replace what is there."""
    sh.write("/f", b"x")

    with refused(errno.EEXIST):
        sh.symlink("y", "/f")
    with refused(errno.EEXIST):
        sh.fs.mknod("/f", stat.S_IFIFO | 0o600, uid=0, gid=0)


def test_fifos_sockets_and_devices(sh, core, life):
    """Each is an empty object whose mode says what it is, and `rdev` which device."""
    sh.fs.mknod("/p", stat.S_IFIFO | 0o640, uid=7, gid=8)
    sh.fs.mknod("/f", 0o600, uid=7, gid=8)

    assert stat.S_IFIFO | 0o640 == sh.stat("/p").st_mode
    assert stat.S_IFREG | 0o600 == sh.stat("/f").st_mode
    sh.fs.mknod("/dev", stat.S_IFCHR | 0o600, os.makedev(1, 3), uid=0, gid=0)
    sh.fs.mknod("/socket", stat.S_IFSOCK | 0o600, uid=0, gid=0)
    life.close()
    with core.mounted() as later:
        device, socket = later.fs.getattr("/dev"), later.fs.getattr("/socket")
    assert (stat.S_IFCHR | 0o600, os.makedev(1, 3)) == (
        device.attributes.mode,
        device.attributes.rdev,
    )
    assert stat.S_IFSOCK | 0o600 == socket.attributes.mode
    assert {"p", "f", "dev", "socket"} == set(core.objects())


# The end


def test_unmounted_with_files_open(core, life, sh):
    """Whatever their state, nothing stays open; what was never flushed stays a draft."""
    sh.write("/gone", LARGE)
    for path, flags in [("/gone", RDWR), ("/new", NEW), ("/gone", RDONLY)]:
        fd = sh.open(path, flags)
        if flags != RDONLY:
            sh.pwrite(fd, b"x", 0)
    sh.unlink("/gone")
    sh.write("/gone", b"another")
    life.close()
    life.points.is_dead = True

    assert {"gone": b"another"} == core.objects()
    with core.mounted() as next_life:
        assert ["draft"] == [one.state for one in next_life.mount.status()]
    assert {"gone": b"another"} == core.objects()
