"""One request in five fails, in all the ways there are; nobody who writes notices."""

# The system calls themselves are what is tested.
# ruff: noqa: PTH104, PTH105, PTH108

import os
import random
import threading

import pytest

from ossfs.crc64 import crc64

pytestmark = [pytest.mark.mounted, pytest.mark.slow]

MIB = 1 << 20
WRITERS = 4
OPTIONS = ("--part-size", "1M", "--upload-threads", "4", "--read-timeout", "1s", "--deadline", "2m")
RATE = 0.2
STORM = [
    {"action": "error", "status": 500},
    {"action": "error", "status": 503, "code": "QpsLimitExceeded"},
    {"action": "error_after", "status": 500},
    {"action": "drop_before"},
    {"action": "drop_after"},
    {"action": "corrupt", "bytes": 0, "operation": "PutObject"},
    {"action": "corrupt", "bytes": 70_000, "operation": "UploadPart"},
    {"action": "truncate"},
    {"action": "delay", "seconds": 0.1},
    {"action": "stall", "seconds": 2, "bytes": 0},
]
WEIGHTS = [5, 5, 4, 5, 5, 2, 2, 2, 3, 1]


@pytest.fixture
def storm(emulator):
    """Let requests fail from now on; afterwards say how many did."""

    def begin():
        left = 1.0
        for rule, weight in zip(STORM, WEIGHTS, strict=True):
            share = RATE * weight / sum(WEIGHTS)
            emulator.add_fault(**rule, probability=share / left)
            left -= share

    yield begin
    emulator.clear_faults()


class Writer:
    """Changes files in a directory of its own, and knows what they hold."""

    def __init__(self, folder, seed):
        self.folder = folder
        self.random = random.Random(seed)
        self.files = {}
        self.written = 0

    def bytes(self, size):
        self.written += size
        return self.random.randbytes(size)

    def large(self):
        """Write a file of many parts, in pieces."""
        content = self.bytes(self.random.randint(8, 20) * MIB + 17)
        with (self.folder / "large").open("wb", buffering=0) as file:
            for start in range(0, len(content), MIB):
                file.write(content[start : start + MIB])
        self.files["large"] = bytearray(content)

    def small(self):
        """Write a few small ones."""
        for number in range(6):
            content = self.bytes(self.random.choice((0, 1, 4096, 200_000)))
            (self.folder / f"small{number}").write_bytes(content)
            self.files[f"small{number}"] = bytearray(content)

    def edit(self):
        """Change what is in the bucket here and there, syncing in between."""
        content = self.files["large"]
        with (self.folder / "large").open("r+b", buffering=0) as file:
            for _ in range(4):
                piece = self.bytes(self.random.choice((1, 1000, 300_000)))
                at = self.random.randrange(len(content))
                os.pwrite(file.fileno(), piece, at)
                content[at : at + len(piece)] = piece
                if self.random.random() < 0.3:
                    os.fsync(file.fileno())

    def append(self):
        """Append to a large and to a small one."""
        for name in ("large", "small3"):
            piece = self.bytes(self.random.choice((10, 500_000)))
            with (self.folder / name).open("ab", buffering=0) as file:
                file.write(piece)
            self.files[name] += piece

    def cut(self):
        """Make one shorter or longer than it was."""
        size = self.random.randrange(2 * MIB)
        os.truncate(self.folder / "small3", size)
        content = self.files["small3"]
        del content[size:]
        content.extend(bytes(size - len(content)))

    def rename(self):
        """Rename over another one, and to a new name."""
        os.replace(self.folder / "small0", self.folder / "small1")
        self.files["small1"] = self.files.pop("small0")
        os.rename(self.folder / "small4", self.folder / "renamed")
        self.files["renamed"] = self.files.pop("small4")

    def unlink(self):
        """Remove one that is closed, one that is open."""
        os.unlink(self.folder / "small5")
        with (self.folder / "small2").open("r+b", buffering=0) as file:
            os.unlink(self.folder / "small2")
            file.write(b"nobody sees this")
        del self.files["small5"], self.files["small2"]

    def chmod(self):
        """Change attributes of what is in the bucket."""
        (self.folder / "renamed").chmod(0o600)

    def read(self):
        """Read it all: it is what was written."""
        for name, content in self.files.items():
            assert content == (self.folder / name).read_bytes(), name

    def run(self, goal):
        """Write `goal` bytes."""
        self.folder.mkdir()
        while self.written < goal:
            for act in (
                *(self.large, self.small, self.edit, self.append, self.cut, self.rename),
                *(self.unlink, self.chmod, self.edit, self.append, self.read),
            ):
                act()


def run_all(writers, goal):
    """Let all of them work at once; return what failed."""
    failures = []

    def work(writer):
        try:
            writer.run(goal)
        except (OSError, AssertionError) as error:
            failures.append(f"{writer.folder.name}: {error!r}")

    threads = [threading.Thread(target=work, args=(writer,)) for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


@pytest.mark.parametrize(("durability", "megabytes"), [("close", 200), ("journal", 60)])
def test_a_storm(mounting, seen, emulator, storm, durability, megabytes):
    """All kinds of writes: no error, right contents, nothing left over."""
    mount = mounting().mount(*OPTIONS, "--durability", durability)
    writers = [Writer(mount.path / f"w{number}", number) for number in range(WRITERS)]
    storm()

    failures = run_all(writers, megabytes * MIB // WRITERS)

    assert [] == failures
    mount.settled(120)
    hits = [rule["hits"] for rule in emulator.faults()]
    assert sum(hits) > megabytes / 2
    assert hits.count(0) <= 2, hits
    emulator.clear_faults()
    wanted = {
        f"{writer.folder.name}/{name}": (len(content), crc64(content))
        for writer in writers
        for name, content in writer.files.items()
    }
    keys = {key for key in seen.keys() if not key.endswith("/")}  # noqa: SIM118  # a list
    assert wanted == {key: (seen.size(key), seen.crc64(key)) for key in keys}
    assert {0o600} == {(one.folder / "renamed").stat().st_mode & 0o777 for one in writers}
    assert [] == seen.uploads()
    mount.remount()
    for writer in writers:
        writer.read()
    assert mount.is_clean()
