"""The request budget: what each operation may cost, cold, by the server's own counters."""

# The system calls themselves are what is counted.
# ruff: noqa: PTH104, PTH208

import contextlib
import os
import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.mounted

MIB = 1 << 20
NAMES = [f"f{number:04}" for number in range(1500)]


def listed(path):
    """Know a directory of 1500 files."""
    os.listdir(path / "d")


def known(path):
    """Know the top."""
    os.listdir(path)


def nothing(path):
    """Know nothing."""


def files(seen):
    for name in NAMES:
        seen.put(f"d/{name}", b"x")


def large(seen):
    seen.put("large", bytes(range(256)) * (40 * MIB // 256))


def one(seen):
    seen.put("f", b"x")


def none(seen):
    """Leave the bucket as it is."""


def stat_all(path):
    for name in NAMES:
        (path / "d" / name).stat()


def look_for(path):
    for _ in range(3):
        assert not (path / "missing").exists()


def list_long(path):
    with os.scandir(path / "d") as entries:
        assert len(NAMES) == len([entry.stat() for entry in entries])


def create(path):
    (path / "new").write_bytes(b"x" * 5000)


def write_parts(path):
    with (path / "new").open("wb", buffering=0) as file:
        for _ in range(20):
            file.write(b"x" * MIB)


def read_all(path):
    assert 40 * MIB == len((path / "large").read_bytes())


def append(path):
    with (path / "large").open("ab", buffering=0) as file:
        file.write(b"y" * MIB)


def change_a_byte(path):
    with (path / "large").open("r+b", buffering=0) as file:
        os.pwrite(file.fileno(), b"!", 20 * MIB)


def rename(path):
    os.rename(path / "f", path / "g")


def describe_before_close(path):
    with (path / "new").open("wb", buffering=0) as file:
        file.write(b"x")
        os.fchmod(file.fileno(), 0o600)
        os.fchown(file.fileno(), 1, 2)
        os.utime(file.fileno(), (5, 7))


def describe_later(path):
    fd = os.open(path / "f", os.O_RDONLY)
    with contextlib.closing(os.fdopen(fd, "rb")):
        os.fchmod(fd, 0o600)
        os.fchown(fd, 1, 2)
        os.utime(fd, (5, 7))
        os.fsync(fd)


def remove_all(path):
    shutil.rmtree(path / "d")


READ, LISTS = {"GetObject", "HeadObject"}, {"ListObjectsV2"}
PARTS = {"InitiateMultipartUpload", "UploadPart", "UploadPartCopy", "CompleteMultipartUpload"}
BUDGET = [
    # operation, what is in the bucket, what is known, act, most requests, of which kinds
    ("stat after its directory was listed", files, listed, stat_all, 0, set()),
    ("stat, nothing known, three times", none, nothing, look_for, 1, LISTS),
    ("ls -l of 1500", files, nothing, list_long, 2, LISTS),
    ("create, write, close", none, known, create, 1, {"PutObject"}),
    ("write 20 parts of 1 MiB", none, known, write_parts, 22, PARTS),
    ("read 40 MiB", large, nothing, read_all, 5 + 4, READ | LISTS),
    ("append 1 MiB to 40", large, known, append, 1 + 1 + 2 + 1, PARTS | READ),
    ("change 1 byte of 40 MiB", large, known, change_a_byte, 2 + 2 + 2 + 2 + 1, PARTS | READ),
    ("rename a file", one, known, rename, 2, {"CopyObject", "DeleteObject"}),
    ("attributes before the close", none, known, describe_before_close, 1, {"PutObject"}),
    ("attributes later", one, known, describe_later, 2, {"CopyObject"} | READ),
    ("rm -r of 1500", files, listed, remove_all, 40,
     {"DeleteMultipleObjects", "DeleteObject", "PutObject"} | LISTS),
]  # fmt: skip


@pytest.mark.parametrize(
    ("stored", "learn", "act", "most", "kinds"),
    [row[1:] for row in BUDGET],
    ids=[row[0] for row in BUDGET],
)
def test_request_budget(mounting, seen, emulator, stored, learn, act, most, kinds):
    """Not one request more, nor of another kind."""
    stored(seen)
    mount = mounting().mount("--part-size", "1M" if act is write_parts else "8M")
    learn(Path(mount.path))
    emulator.reset_stats()

    act(Path(mount.path))
    mount.settled()

    counted = emulator.stats()["operations"]
    requests = {name: one["requests"] for name, one in counted.items()}
    assert sum(requests.values()) <= most, requests
    assert requests.keys() <= kinds, requests
