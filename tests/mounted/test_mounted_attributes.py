"""What looking at files costs, and what is seen of files that other clients made."""

import os
import shutil
import sqlite3
import stat
import subprocess
import time
from contextlib import closing

import pytest

from ossfs.cache.attributes import LAST_NS

pytestmark = pytest.mark.mounted

FOLDERS, FILES = 12, 15


def operations(emulator):
    """Return how many requests of each kind there were since the last call."""
    found = emulator.stats()["operations"]
    emulator.reset_stats()
    return {name: one["requests"] for name, one in found.items()}


def run(*command):
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


@pytest.fixture
def tree(tmp_path):
    """Make a tree on the local disk, with modes, times and links worth keeping."""
    top = tmp_path / "tree"
    for d in range(FOLDERS):
        folder = top / f"d{d:02}"
        folder.mkdir(parents=True)
        for n in range(FILES):
            path = folder / f"f{n}"
            path.write_text(f"{d} {n}")
            path.chmod(0o750 if n % 2 else 0o604)
            os.utime(path, ns=(n, 10**18 + n))
        (folder / "link").symlink_to("f0")
        folder.chmod(0o711)
    return top


@pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is missing")
@pytest.mark.parametrize("is_remounted", [False, True], ids=["at once", "after a remount"])
def test_a_second_rsync(mounted, tree, emulator, is_remounted):
    """It transfers nothing, and asks for no attributes: they are known, and listings say so."""
    run("rsync", "-a", f"{tree}/", mounted.path / "copy")
    mounted.settled()
    if is_remounted:
        assert 0 == mounted.umount().returncode
        mounted.mount()
    emulator.reset_stats()

    assert "" == run("rsync", "-ai", f"{tree}/", mounted.path / "copy")
    found = operations(emulator)
    links = found.pop("GetObject", 0)  # where they lead is in their objects
    assert links <= FOLDERS
    assert found.keys() <= {"ListObjectsV2"}, found


def test_attributes_survive_a_kill(mounted, tree, emulator, poll):
    """All but those of the last seconds."""
    run("cp", "-a", tree, mounted.path / "copy")
    mounted.settled()
    # What is to be kept has to be older than that, by the clock of a process of its own.
    time.sleep(LAST_NS / 10**9 + 1)
    (mounted.path / "last").write_bytes(b"x")

    def is_kept():
        with closing(sqlite3.connect(mounted.state / "attributes.db")) as kept:
            return kept.execute("SELECT 1 FROM objects WHERE name = 'last'").fetchone()

    poll(is_kept)
    mounted.remount()
    emulator.reset_stats()
    run("ls", "-lR", mounted.path / "copy")
    heads = operations(emulator).get("HeadObject", 0)

    assert heads < FOLDERS * FILES // 4


def test_a_mode_that_was_changed_right_before_a_kill(mounted, poll):
    """The object was changed in the second in which it was made: nothing but the mode tells."""
    modes = {f"f{n}": 0o600 + n for n in range(20)}
    for name in modes:
        (mounted.path / name).write_bytes(b"x")

    def are_kept():
        with closing(sqlite3.connect(mounted.state / "attributes.db")) as kept:
            return kept.execute("SELECT count(*) FROM objects").fetchone() == (len(modes),)

    poll(are_kept)
    for name, mode in modes.items():
        (mounted.path / name).chmod(mode)
    mounted.remount()

    found = {name: stat.S_IMODE((mounted.path / name).stat().st_mode) for name in modes}
    assert modes == found


def test_a_state_folder_without_them(mounted, tree):
    """Deleting the file costs requests, and nothing else."""
    run("cp", "-a", tree, mounted.path / "copy")
    listed = ("find", mounted.path / "copy", "-printf", "%M %U %G %s %T@ %P %l\n")
    before = sorted(run(*listed).splitlines())
    mounted.settled()
    assert 0 == mounted.umount().returncode
    for path in mounted.state.glob("attributes.db*"):
        path.unlink()
    mounted.mount()

    assert before == sorted(run(*listed).splitlines())


@pytest.mark.parametrize("is_first", [True, False], ids=["right after the mount", "later"])
def test_ls_of_thousands(mounting, seen, emulator, is_first):
    """A request for a thousand names, and one for the directory above if that is new."""
    mount = mounting()
    if not is_first:
        mount.mount()
    for n in range(2500):
        seen.put(f"d/{n:04}", b"x")
    if is_first:
        mount.mount()
    emulator.reset_stats()
    assert 2500 + 1 == len(run("ls", "-l", mount.path / "d").splitlines())

    assert {"ListObjectsV2": 3 if is_first else 3 + 1} == operations(emulator)


def test_a_file_that_was_chmodded_elsewhere(mounted, mounting, tree):
    """The etag is the same, the time of the object is not."""
    run("cp", "-a", tree, mounted.path / "copy")
    mounted.settled()
    assert 0 == mounted.umount().returncode
    time.sleep(2)  # a change right behind ours could be ours, if the clocks differ
    other = mounting().mount()
    path = other.path / "copy/d03/f1"
    path.chmod(0o400)
    other.settled()
    assert 0 == other.umount().returncode
    mounted.mount()

    assert 0o400 == stat.S_IMODE((mounted.path / "copy/d03/f1").stat().st_mode)


def test_a_link_in_a_directory_without_a_marker(mounted, seen):
    """It looks like a file until it is opened, which finds where it leads."""
    for n in range(100):
        seen.put(f"d/f{n}", b"content")
    seen.put("d/link", b"f7", mode="41471", uid="0", gid="0")
    folder = mounted.path / "d"
    assert 101 == len(list(folder.iterdir()))
    assert stat.S_ISREG((folder / "link").lstat().st_mode)

    assert b"content" == (folder / "link").read_bytes()
    assert stat.S_ISLNK((folder / "link").lstat().st_mode)


def test_reading_all_files_of_a_directory(mounted, seen, emulator):
    """One request each, and the listings."""
    for n in range(300):
        seen.put(f"d/f{n}", f"content {n}".encode())
    emulator.reset_stats()
    for n in range(300):
        assert f"content {n}" == (mounted.path / f"d/f{n}").read_text()

    found = operations(emulator)
    assert (300, 0) == (found["GetObject"], found.get("HeadObject", 0)), found
