"""The cache on disk under real mounts: what is not asked for, and what is read all the same."""

import os
import random
import re
import shutil

import pytest

pytestmark = pytest.mark.mounted

MIB = 1 << 20
CONTENT = random.Random(4).randbytes(20 * MIB + 77)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def mount(mounting, folder):
    """Mount the bucket with the folder, once or several times."""
    return lambda *more: mounting().mount("--cache-dir", str(folder), "--cache-reserve", "0", *more)


@pytest.fixture
def gets(emulator):
    """Return how many objects were asked for since the last call."""

    def count():
        found = emulator.stats()["operations"].get("GetObject", {"requests": 0})["requests"]
        emulator.reset_stats()
        return found

    return count


def files(folder):
    return [path for path in folder.glob("blocks-*/??/*") if path.is_file()]


def warnings(one):
    return re.findall(r"level=warning.*disk cache", one.log())


def test_a_remount_asks_for_nothing(mount, seen, gets):
    """What was read before an unmount is read after it without a GET."""
    seen.put("big", CONTENT)
    first = mount()
    assert CONTENT == (first.path / "big").read_bytes()
    assert 0 == first.umount().returncode
    assert gets() > 0

    assert CONTENT == (mount().path / "big").read_bytes()
    assert 0 == gets()


def test_many_files(mount, seen, gets):
    """Files that are one block each, too; those of up to 128 KiB are fetched to be opened."""
    contents = {f"d/{number}": b"%d" % number * 140_000 for number in range(20)}
    for key, content in contents.items():
        seen.put(key, content)
    first = mount()
    for key in contents:
        (first.path / key).read_bytes()
    first.umount()
    gets()

    second = mount()
    for key, content in contents.items():
        assert content == (second.path / key).read_bytes()
    assert 0 == gets()


def test_a_replaced_object_is_read_anew(mount, seen):
    """After a replacement, a mount with the old bytes on disk shows the new ones."""
    seen.put("big", CONTENT)
    first = mount()
    assert CONTENT == (first.path / "big").read_bytes()
    first.umount()
    changed = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    seen.put("big", changed)

    assert changed == (mount().path / "big").read_bytes()


def test_two_mounts_share_a_folder(mount, seen, gets, poll, folder):
    """What one mount has read, another one that runs at the same time does not ask for."""
    seen.put("big", CONTENT)
    one, two = mount(), mount()
    assert CONTENT == (one.path / "big").read_bytes()
    poll(lambda: sum(path.stat().st_blocks * 512 for path in files(folder)) >= len(CONTENT))
    gets()

    assert CONTENT == (two.path / "big").read_bytes()
    assert 0 == gets()


def test_a_file_that_was_written_here(mount, seen, gets):
    """An edit leaves nothing of the old version behind; the new one is kept when it is read."""
    seen.put("f", CONTENT[:MIB])
    first = mount()
    path = first.path / "f"
    assert CONTENT[:MIB] == path.read_bytes()
    path.write_bytes(CONTENT[MIB : 3 * MIB])
    first.umount()
    second = mount()
    assert CONTENT[MIB : 3 * MIB] == (second.path / "f").read_bytes()
    second.umount()
    gets()

    assert CONTENT[MIB : 3 * MIB] == (mount().path / "f").read_bytes()
    assert 0 == gets()


def test_the_folder_is_deleted_while_it_is_in_use(mount, seen, folder):
    """`rm -rf` of the cache does not disturb who reads, nor does what comes after it."""
    seen.put("a", CONTENT)
    seen.put("b", CONTENT[::-1])
    one = mount()
    with (one.path / "a").open("rb", buffering=0) as file:
        assert CONTENT[:MIB] == file.read(MIB)
        shutil.rmtree(folder, ignore_errors=True)
        assert CONTENT[MIB:] == b"".join(iter(lambda: file.read(MIB), b""))
    shutil.rmtree(folder, ignore_errors=True)

    assert CONTENT[::-1] == (one.path / "b").read_bytes()
    one.umount()
    assert [] == warnings(one)
    assert files(folder)


def test_everything_in_the_folder_is_damaged(mount, seen, folder):
    """Bytes that were changed on disk never reach a reader; the log says it once."""
    seen.put("big", CONTENT)
    first = mount()
    (first.path / "big").read_bytes()
    first.umount()
    chance = random.Random(1)
    for path in files(folder):
        content = bytearray(path.read_bytes())
        for _ in range(20):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)

    second = mount()
    assert CONTENT == (second.path / "big").read_bytes()
    assert 1 == len(warnings(second))


def test_a_mount_that_is_killed(mount, seen, folder):
    """What a killed mount left is right, or not believed."""
    seen.put("big", CONTENT)
    first = mount()
    with (first.path / "big").open("rb", buffering=0) as file:
        for _ in range(12):
            file.read(MIB)
    first.kill()

    second = mount()
    assert CONTENT == (second.path / "big").read_bytes()
    assert [] == warnings(second)


def test_a_folder_that_cannot_be(mounting, seen, tmp_path):
    """A path that is a file costs one warning, no reader an error."""
    (tmp_path / "file").write_text("no folder")
    seen.put("big", CONTENT)
    one = mounting().mount("--cache-dir", str(tmp_path / "file" / "cache"))

    assert CONTENT == (one.path / "big").read_bytes()
    assert CONTENT[:MIB] == (one.path / "big").read_bytes()[:MIB]
    assert 1 == len(warnings(one))


def test_the_bound_is_kept(mount, seen, folder):
    """A cache that is too small for what is read holds its bound, and readers get all."""
    for number in range(4):
        seen.put(f"f{number}", CONTENT[number:])
    one = mount("--cache-size", "16M")
    for number in range(4):
        assert CONTENT[number:] == (one.path / f"f{number}").read_bytes()
        assert sum(path.stat().st_blocks * 512 for path in files(folder)) <= 16 * MIB
    one.umount()

    assert [] == warnings(one)
    assert files(folder)


def test_without_the_option_nothing_is_written(mounting, seen, tmp_path):
    """What was read does not go to any disk without `--cache-dir`."""
    seen.put("big", CONTENT)
    one = mounting().mount()
    (one.path / "big").read_bytes()

    assert [] == list(tmp_path.rglob("blocks-*"))


def test_the_bytes_are_the_owners(mount, seen, folder):
    """Whatever the umask of who mounts, nobody else may read what was private."""
    before = os.umask(0)
    try:
        seen.put("f", CONTENT[:MIB])
        one = mount()
        (one.path / "f").read_bytes()
        one.umount()
    finally:
        os.umask(before)

    below = folder / "blocks-1"
    assert 0o700 == below.stat().st_mode & 0o777
    assert {0o600} == {path.stat().st_mode & 0o777 for path in files(folder)}
