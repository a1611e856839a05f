"""How much the disk cache takes: its bound, what goes first, and who counts."""

import os

import pytest

from ossfs.cache.disk_space import Space

KIB = 1024
MIB = 1024 * KIB
FILE = 60 * KIB  # takes 64 KiB with its inode


@pytest.fixture
def folder(tmp_path):
    return tmp_path


@pytest.fixture
def write(folder):
    """Write a file as the cache does; the larger `age`, the longer ago it was used."""

    def written(space, number, age=None):
        if not space.claim(FILE):
            return False
        shard = folder / f"{number % 256:02x}"
        shard.mkdir(exist_ok=True)
        path = shard / f"{number:030x}-{0:016x}-0"
        path.write_bytes(os.urandom(FILE))
        if age is not None:
            at = 1_700_000_000 - age
            os.utime(path, (at, at))
        space.note(FILE + 4096)
        return True

    return written


def numbers(folder):
    return sorted(int(one.name[:30], 16) for one in folder.glob("??/*-*-*"))


def taken(folder):
    return sum(one.stat().st_blocks * 512 for one in folder.glob("??/*-*-*"))


def test_it_never_holds_more_than_its_bound(folder, write):
    """However much is written, what is there stays below the bound."""
    space = Space(folder, size=2 * MIB, reserve=0)
    for number in range(200):
        assert write(space, number)
        assert taken(folder) <= 2 * MIB

    assert taken(folder) >= 2 * MIB * 8 // 10
    assert space.evictions == 200 - len(numbers(folder))


def test_what_was_used_longest_ago_goes_first(folder, write):
    """What goes is the least recently used, down to nine tenths."""
    space = Space(folder, size=2 * MIB, reserve=0)
    for number in range(32):
        assert write(space, number, age=number)
    assert list(range(32)) == numbers(folder)

    assert write(space, 100)

    left = numbers(folder)
    assert 100 in left
    assert left[:-1] == list(range(len(left) - 1))
    assert 27 <= len(left) <= 30


def test_what_others_wrote_is_counted(folder, write):
    """Two caches of one folder keep one bound together, without looking at the folder."""
    one, two = (Space(folder, size=2 * MIB, reserve=0) for _ in range(2))
    for number in range(100):
        assert write(one if number % 2 else two, number)
        assert taken(folder) <= 2 * MIB
        assert one.used() == two.used()


def test_what_an_earlier_mount_left_is_counted(folder, write):
    """A folder whose number was lost is counted anew before anything is written."""
    before = Space(folder, size=10 * MIB, reserve=0)
    for number in range(64):
        write(before, number, age=number)
    (folder / "usage").unlink()

    space = Space(folder, size=2 * MIB, reserve=0)
    write(space, 1000)
    write(space, 1001)

    assert taken(folder) <= 2 * MIB


def test_nothing_is_counted_without_need(folder, write, monkeypatch):
    """The folder is looked through once, not for every write."""
    looks = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: looks.append(path) or scandir(path))
    space = Space(folder, size=100 * MIB, reserve=0)
    for number in range(50):
        write(space, number)

    assert [folder] == looks


def test_one_process_at_a_time_makes_room(folder, write):
    """While another one makes room, nothing is written beyond the bound, and nobody waits."""
    space = Space(folder, size=2 * MIB, reserve=0)
    for number in range(32):
        assert write(space, number)
    other = Space(folder, size=2 * MIB, reserve=0)

    with other._locked("lock"):
        assert not write(space, 100)
    assert write(space, 100)


def test_a_lock_that_is_held_on_the_number(folder, write):
    """Nobody waits for the number either; what could not be added is added later."""
    space = Space(folder, size=100 * MIB, reserve=0)
    write(space, 1)
    other = Space(folder, size=100 * MIB, reserve=0)

    with other._locked("usage"):
        write(space, 2)
        assert 2 * 64 * KIB == space.used()
    write(space, 3)
    assert 3 * 64 * KIB == other.used()


def test_the_reserve_makes_room(folder, write, monkeypatch):
    """When others fill the disk, the cache gives way until the reserve is free again."""
    free = {"now": 10 * MIB}
    statvfs = os.statvfs

    class Disk:
        f_files = f_favail = 0
        f_frsize = 1

        def __init__(self):
            self.f_bavail = free["now"] - taken(folder)

    space = Space(folder, size=100 * MIB, reserve=2 * MIB)
    monkeypatch.setattr(os, "statvfs", lambda path: Disk() if path == folder else statvfs(path))
    for number in range(64):
        assert write(space, number, age=number)
    free["now"] = 5 * MIB

    assert write(space, 100)
    assert taken(folder) <= 3 * MIB
    free["now"] = MIB
    with pytest.raises(OSError, match="would stay free"):
        write(space, 101)
    assert 0 == taken(folder)


def test_only_files_of_the_cache_are_deleted(folder, write):
    """What somebody else put into the folder is neither counted nor touched."""
    (folder / "00").mkdir()
    strangers = [folder / "00" / "notes.txt", folder / "big", folder / "attributes" / "x"]
    strangers[2].parent.mkdir()
    for path in strangers:
        path.write_bytes(bytes(MIB))
        os.utime(path, (0, 0))
    space = Space(folder, size=2 * MIB, reserve=0)
    for number in range(100):
        assert write(space, number)

    assert all(path.exists() for path in strangers)
    assert taken(folder) >= MIB
