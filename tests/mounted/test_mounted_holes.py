"""Holes, mapped writes, many handles: the bytes of a local disk, and no room for holes."""

import contextlib
import ctypes
import mmap
import os
import random
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.mounted, pytest.mark.both_libfuses]

MIB = 1 << 20
PATTERN = bytes(range(256)) * 4096  # 1 MiB
KEEP_SIZE, PUNCH_HOLE = 0x01, 0x02

libc = ctypes.CDLL(None, use_errno=True)


@pytest.fixture
def mounted(mounting):
    """Mount the test's bucket; files of more than 1 MiB are uploaded in parts."""
    return mounting().mount("--part-size", "1M")


@pytest.fixture
def pair(mounted, tmp_path):
    """Return a path in the mount, and one on the local disk to compare it with."""
    return mounted.path / "f", tmp_path / "local"


def room(mount):
    """Return the bytes that the staging files take on the local disk."""
    folder = mount.state / "staging"
    return sum((folder / name).stat().st_blocks * 512 for name in mount.staged())


def allocate(fd, mode, at, length):
    """Call fallocate(2)."""
    if libc.fallocate(fd, mode, ctypes.c_long(at), ctypes.c_long(length)) != 0:
        raise OSError(ctypes.get_errno(), "fallocate")


def on_both(pair, act):
    """Do the same to both files through one descriptor each; return what each call gave."""
    results = []
    for path in pair:
        fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
        try:
            results.append(act(fd))
        finally:
            os.close(fd)
    assert results[0] == results[1]
    assert pair[1].read_bytes() == pair[0].read_bytes()


def test_a_write_far_behind_the_end(pair, mounted, seen):
    """The gap is zeros, and takes no room here while the file is open."""
    fd = os.open(pair[0], os.O_CREAT | os.O_RDWR, 0o644)
    try:
        os.pwrite(fd, b"end", 64 * MIB)
        os.pwrite(fd, b"middle", 20 * MIB)
        assert 64 * MIB + 3 == os.fstat(fd).st_size
        assert bytes(1000) + b"middle" + bytes(1000) == os.pread(fd, 2006, 20 * MIB - 1000)
        assert b"\0\0end" == os.pread(fd, 100, 64 * MIB - 2)
        assert room(mounted) < MIB
        os.ftruncate(fd, 30 * MIB)
    finally:
        os.close(fd)

    assert bytes(20 * MIB) + b"middle" + bytes(10 * MIB - 6) == seen.get("f")


def test_extended_by_truncate(pair, mounted, seen):
    """Zeros that take no room, behind what was there, and none of what had been cut off."""
    pair[0].write_bytes(PATTERN)
    fd = os.open(pair[0], os.O_RDWR)
    try:
        os.ftruncate(fd, 1000)
        os.ftruncate(fd, 40 * MIB)
        assert PATTERN[:1000] + bytes(MIB) == os.pread(fd, MIB + 1000, 0)
        assert room(mounted) < 2 * MIB
    finally:
        os.close(fd)

    assert PATTERN[:1000] + bytes(40 * MIB - 1000) == seen.get("f")


def test_sparse_copies(pair, mounted, seen):
    """`cp --sparse=always`, to the mount and back; a copy of the copy has the same bytes."""
    mount, local = pair
    with local.open("wb") as file:
        for at in (0, 3 * MIB + 5, 9 * MIB):
            file.seek(at)
            file.write(PATTERN[: MIB // 2])
        file.truncate(12 * MIB)
    for source, target in (
        (local, mount),
        (mount, mounted.path / "again"),
        (mounted.path / "again", local.with_name("back")),
    ):
        subprocess.run(["cp", "--sparse=always", source, target], check=True)

    wanted = local.read_bytes()
    assert wanted == seen.get("f") == seen.get("again") == local.with_name("back").read_bytes()


def test_room_for_a_file(pair, mounted):
    """posix_fallocate extends with zeros and leaves what is there; nothing is written for it."""

    def allocate(fd):
        os.pwrite(fd, b"start", 0)
        os.posix_fallocate(fd, 0, 20 * MIB)
        os.posix_fallocate(fd, 3, 1000)
        assert room(mounted) < MIB
        return os.fstat(fd).st_size

    on_both(pair, allocate)


def test_dd_into_the_middle(pair):
    """`conv=notrunc` changes a piece and nothing else."""
    for path in pair:
        path.write_bytes(PATTERN * 3)
        subprocess.run(
            ["dd", "if=/dev/zero", f"of={path}", "bs=1000", "count=10", "seek=77", "conv=notrunc"],
            check=True,
            stderr=subprocess.DEVNULL,
        )
    assert pair[1].read_bytes() == pair[0].read_bytes()


def again(fd):
    """Close the file and open it, as the same number."""
    other = os.open(f"/proc/self/fd/{fd}", os.O_RDWR)
    os.dup2(other, fd)
    os.close(other)


def write_mapped(fd, at, data):
    """Write inside the file through memory; return how it begins then."""
    end = os.fstat(fd).st_size
    if not end:
        return b""
    with mmap.mmap(fd, end) as memory:
        piece = data[: end - at % end]
        memory[at % end : at % end + len(piece)] = piece
        return memory[: min(end, 100)]


WAYS = {
    "write": lambda fd, at, data: os.pwrite(fd, data, at),
    "write again": lambda fd, at, data: os.pwrite(fd, data, at),
    "read": lambda fd, at, data: os.pread(fd, len(data), at),
    "cut": lambda fd, at, _: os.ftruncate(fd, at),
    "map": write_mapped,
    "sync": lambda fd, *_: os.fsync(fd),
    "close": lambda fd, *_: again(fd),
    "room": lambda fd, at, data: allocate(fd, 0, at, len(data)),
    "hole": lambda fd, at, data: allocate(fd, PUNCH_HOLE | KEEP_SIZE, at, len(data)),
    "copy": lambda fd, at, data: os.copy_file_range(fd, fd, min(len(data), at), at // 2, at + MIB),
}


@pytest.mark.parametrize("seed", range(6))
def test_anything_in_any_order(pair, seen, seed):
    """Each as on the local disk."""

    def act(fd):
        chance = random.Random(seed)
        answers = []
        for _ in range(100):
            way = chance.choice(list(WAYS))
            at, length = chance.randrange(3 * MIB), chance.choice([1, 4096, 5000, 150_000])
            answers.append((way, WAYS[way](fd, at, chance.randbytes(length))))
            answers.append(os.fstat(fd).st_size)
        return answers

    on_both(pair, act)
    assert pair[1].read_bytes() == seen.get("f")


def test_a_mapping_is_in_the_bucket_after_msync_and_fsync(pair, seen):
    """Before anybody closes."""
    pair[0].write_bytes(PATTERN * 2)
    fd = os.open(pair[0], os.O_RDWR)
    try:
        with mmap.mmap(fd, 0) as memory:
            memory[MIB : MIB + 3] = b"map"
            memory.flush()
            os.fsync(fd)
            assert PATTERN + b"map" + PATTERN[3:] == seen.get("f")
            assert b"map" == os.pread(fd, 3, MIB)
    finally:
        os.close(fd)


def test_a_mapping_that_outlives_its_descriptor(pair, mounted, seen, poll):
    """What is written through it after close is in the bucket soon after the unmap."""
    pair[0].write_bytes(PATTERN)
    fd = os.open(pair[0], os.O_RDWR)
    memory = mmap.mmap(fd, 0)
    os.close(fd)
    memory[100:104] = b"late"
    memory.close()

    wanted = PATTERN[:100] + b"late" + PATTERN[104:]
    poll(lambda: seen.get("f") == wanted)
    assert wanted == pair[0].read_bytes()
    poll(mounted.is_clean)


OTHER = """
import os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
for line in sys.stdin:
    what, at, text = line.split()
    if what == "write":
        os.pwrite(fd, text.encode(), int(at))
        print("ok", flush=True)
    elif what == "read":
        print(os.pread(fd, int(text), int(at)).decode(), flush=True)
    elif what == "size":
        print(os.fstat(fd).st_size, flush=True)
"""


@contextlib.contextmanager
def other(path):
    """Another process that has the file open, and does what it is told."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", OTHER, path], stdin=pipe, stdout=pipe, text=True
    ) as process:

        def tell(what, at=0, text="-"):
            process.stdin.write(f"{what} {at} {text}\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        yield tell
        process.stdin.close()


def test_two_processes_see_each_other_at_once(pair, seen):
    """Each reads what the other one wrote, before anybody flushes; both are in the object."""
    pair[0].write_bytes(b"." * 20)
    fd = os.open(pair[0], os.O_RDWR)
    try:
        with other(pair[0]) as tell:
            os.pwrite(fd, b"here", 0)
            assert "here......" == tell("read", 0, 10)
            assert "ok" == tell("write", 10, "there")
            assert b"here......there....." == os.pread(fd, 100, 0)
            assert "ok" == tell("write", 30, "end")
            assert 33 == os.fstat(fd).st_size
            assert b"\0" * 10 + b"end" == os.pread(fd, 100, 20)
            os.ftruncate(fd, 15)
            assert "15" == tell("size")
    finally:
        os.close(fd)

    assert b"here......there" == seen.get("f") == pair[0].read_bytes()


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("-l 2000000", PATTERN + bytes(2_000_000 - MIB)),
        ("-n -o 900000 -l 2000000", PATTERN),
        ("-p -o 10 -l 8192", PATTERN[:10] + bytes(8192) + PATTERN[8202:]),
        ("-p -o 1000000 -l 1000000", PATTERN[:1_000_000] + bytes(MIB - 1_000_000)),
        ("-z -o 1000000 -l 1000000", PATTERN[:1_000_000] + bytes(1_000_000)),
    ],
)
def test_fallocate(pair, seen, words, wanted):
    """The command makes files longer, punches holes, and makes zeros of ranges."""
    pair[0].write_bytes(PATTERN)
    subprocess.run(["fallocate", *words.split(), pair[0]], check=True)

    assert wanted == pair[0].read_bytes() == seen.get("f")


def test_bytes_are_not_moved(pair, seen):
    """EOPNOTSUPP for what would collapse a range, and the file is as it was."""
    pair[0].write_bytes(PATTERN)
    words = ["fallocate", "--collapse-range", "-o", "0", "-l", "4096", pair[0]]
    done = subprocess.run(words, check=False, capture_output=True, text=True)

    assert 1 == done.returncode
    assert "not supported" in done.stderr
    assert PATTERN == pair[0].read_bytes() == seen.get("f")


def test_a_hole_gives_room_back(pair, mounted):
    """What was written there takes none on the local disk any more."""
    with pair[0].open("wb", buffering=0) as file:
        file.write(PATTERN)
        assert room(mounted) >= MIB
        subprocess.run(["fallocate", "-p", "-o", "0", "-l", str(MIB), pair[0]], check=True)
        assert room(mounted) < MIB // 2
