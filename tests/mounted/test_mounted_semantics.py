"""Paragraphs of docs/semantics.md that only a mount and other clients can show."""

import errno
import mmap
import os
import stat
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.mounted, pytest.mark.both_libfuses]


def test_a_file_and_a_directory_of_the_same_name(mounted, seen):
    """The directory wins; the file is hidden and left alone, and seen when that is gone."""
    seen.put("a", b"file")
    seen.put("a/x", b"x")

    assert ["a"] == [path.name for path in mounted.path.iterdir()]
    assert b"x" == (mounted.path / "a" / "x").read_bytes()
    with pytest.raises(IsADirectoryError):
        (mounted.path / "a").unlink()
    (mounted.path / "a").rename(mounted.path / "b")
    assert ["a", "b/x"] == sorted({"a", "b/x"}.intersection(seen.keys()))
    assert 0 == mounted.umount().returncode
    mounted.mount()
    assert b"file" == (mounted.path / "a").read_bytes()


def test_a_hidden_key_is_in_its_directory(mounted, seen):
    """It keeps rmdir from removing the directory, and moves with it."""
    seen.put("d//nameless", b"x")

    assert [] == list((mounted.path / "d").iterdir())
    with pytest.raises(OSError, match="not empty"):
        (mounted.path / "d").rmdir()
    (mounted.path / "d").rename(mounted.path / "e")
    assert ["e//nameless"] == seen.keys()


def test_a_process_that_forks_while_it_writes(mounted, seen):
    """The child's end closes its descriptor, and what is there becomes the object."""
    program = (
        "import os, sys\n"
        "fd = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)\n"
        "os.write(fd, b'one ')\n"
        "if not (child := os.fork()):\n    os._exit(0)\n"
        "os.waitpid(child, 0)\n"
        "print('child', flush=True)\n"
        "sys.stdin.read()\n"
        "os.write(fd, b'two')\n"
    )
    words = [sys.executable, "-c", program, str(mounted.path / "f")]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert "child\n" == process.stdout.readline()
        assert b"one " == seen.get("f")
        process.communicate()

    assert b"one two" == seen.get("f")


def test_the_top_keeps_its_mode(mounted, seen):
    """A change of it is accepted and forgotten: there is no object for it."""
    before = stat.S_IMODE(mounted.path.stat().st_mode)
    mounted.path.chmod(0o700)

    assert 0 == mounted.umount().returncode
    mounted.mount()
    assert before == stat.S_IMODE(mounted.path.stat().st_mode)
    assert [] == seen.keys()


def test_reading_leaves_the_time_of_access(mounted, seen):
    """Nothing is sent for having read."""
    (mounted.path / "f").write_bytes(b"x")
    os.utime(mounted.path / "f", ns=(1_234_567_890_000_000_000, 1_234_567_891_000_000_000))

    assert b"x" == (mounted.path / "f").read_bytes()

    mounted.umount()
    head, _ = seen.request("HEAD", "f")
    assert "1234567890" == head["x-oss-meta-atime"]


def test_symlinks_of_the_store(mounted, seen):
    """They lead where the store says, from the directory they are in."""
    seen.put("d/f", b"inside")
    seen.put("top", b"above")
    for link, target in (("d/one", "d/f"), ("d/two", "top"), ("three", "d%2Ff")):
        seen.request("PUT", link, "symlink", {"x-oss-symlink-target": target})

    assert {"d/one": "f", "d/two": "../top", "three": "d/f"} == {
        path: str((mounted.path / path).readlink()) for path in ("d/one", "d/two", "three")
    }
    assert [b"inside", b"above", b"inside"] == [
        (mounted.path / path).read_bytes() for path in ("d/one", "d/two", "three")
    ]
    (mounted.path / "d/two").rename(mounted.path / "four")
    assert b"above" == (mounted.path / "four").read_bytes()
    (mounted.path / "four").unlink()
    assert ["d/f", "d/one", "three", "top"] == seen.keys()


def test_sync_brings_nothing_to_the_bucket(mounted, seen):
    """The kernel does not pass it on; fsync of the same file does."""
    with (mounted.path / "f").open("wb", buffering=0) as file:
        file.write(b"x")
        os.sync()
        assert [] == seen.keys()
        os.fsync(file.fileno())
        assert ["f"] == seen.keys()


def test_a_file_is_all_data(mounted):
    """Holes are not reported, as it is allowed."""
    with (mounted.path / "f").open("w+b", buffering=0) as file:
        os.pwrite(file.fileno(), b"end", 1 << 20)

        assert 5000 == os.lseek(file.fileno(), 5000, os.SEEK_DATA)
        assert (1 << 20) + 3 == os.lseek(file.fileno(), 5000, os.SEEK_HOLE)


def test_a_map_beside_a_reader_of_the_old_version(mounted, seen, poll):
    """It would share pages with the old one, and is refused until that is closed."""
    path = mounted.path / "f"
    seen.put("f", b"old " * 5000)

    def is_new():
        with path.open("rb") as file:
            return b"new " == file.read(4)

    with path.open("rb", buffering=0) as reader:
        assert b"old " == reader.read(4)
        seen.put("f", b"new " * 5000)
        poll(is_new)
        with path.open("rb") as newer, pytest.raises(OSError, check=is_no_device):
            mmap.mmap(newer.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ)
    poll(is_new)
    with path.open("rb") as newer:
        poll(lambda: can_be_mapped(newer))


def is_no_device(error):
    return error.errno == errno.ENODEV


def can_be_mapped(file):
    try:
        with mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ) as memory:
            return b"new " == memory[:4]
    except OSError:
        return False


@pytest.mark.skipif(os.geteuid() != 0, reason="acts as another user")
def test_writing_takes_special_bits_away(mounting, seen):
    """The kernel asks for it, with a change of mode, when anybody but root writes."""
    mount = mounting().mount("--allow-other")
    folder = os.open(mount.path, os.O_RDONLY | os.O_DIRECTORY)
    for name, user in (("f", 65534), ("g", 0)):
        (mount.path / name).write_bytes(b"x")
        os.chown(mount.path / name, 65534, 65534)
        (mount.path / name).chmod(0o6755)
        os.seteuid(user)
        try:
            fd = os.open(name, os.O_WRONLY, dir_fd=folder)
            os.write(fd, b"y")
            os.close(fd)
        finally:
            os.seteuid(0)
    os.close(folder)

    modes = [stat.S_IMODE((mount.path / name).stat().st_mode) for name in ("f", "g")]
    assert [0o755, 0o6755] == modes
    assert b"y" == seen.get("f") == seen.get("g")
