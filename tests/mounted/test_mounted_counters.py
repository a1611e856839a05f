"""What changes cost in requests and bytes, by the server's own counters."""

# The system calls themselves are what is tested.
# ruff: noqa: PTH208

import os
import random
import subprocess
from xml.etree import ElementTree as ET

import pytest

pytestmark = pytest.mark.mounted

MIB = 1 << 20
GIB = 1 << 30
PIECE = 64 * MIB


@pytest.fixture
def great(seen, emulator):
    """Put an object of 1 GiB into the bucket, without sending it; return its first 64 MiB."""
    piece = random.Random(1).randbytes(MIB) * (PIECE // MIB)
    shelf = type(seen)(emulator, "shelf")
    try:
        shelf.size("great")
    except AssertionError:  # nobody has made it yet
        make(shelf, piece)
    seen.request("PUT", "great", headers={"x-oss-copy-source": "/shelf/great"})
    return piece


def make(shelf, piece):
    """Send 64 MiB, and let the server make 1 GiB of them."""
    shelf.request("PUT")
    shelf.put("piece", piece)
    upload_id = ET.fromstring(shelf.request("POST", "great", "uploads")[1]).findtext("UploadId")
    parts = []
    for number in range(1, GIB // PIECE + 1):
        query = f"partNumber={number}&uploadId={upload_id}"
        source = {"x-oss-copy-source": "/shelf/piece"}
        _, answer = shelf.request("PUT", "great", query, source)
        etag = ET.fromstring(answer).findtext("ETag")
        parts.append(f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
    body = f"<CompleteMultipartUpload>{''.join(parts)}</CompleteMultipartUpload>"
    shelf.request("POST", "great", f"uploadId={upload_id}", body=body.encode())


class Cost:
    """What the server did since this was made."""

    def __init__(self, emulator):
        self._emulator = emulator
        emulator.reset_stats()

    def of(self, *names):
        """Return how many requests of these operations there were."""
        counters = self._emulator.stats()["operations"]
        return sum(counters[name]["requests"] for name in names if name in counters)

    @property
    def all(self):
        """Return how many requests of each operation there were."""
        counters = self._emulator.stats()["operations"]
        return {name: one["requests"] for name, one in counters.items()}

    @property
    def sent(self):
        """Return the bytes that were sent to the server."""
        return self._emulator.stats()["bytes_in"]

    @property
    def fetched(self):
        """Return the bytes that the server sent."""
        return self._emulator.stats()["bytes_out"]


@pytest.fixture
def cost(emulator):
    """Begin to count."""
    return lambda: Cost(emulator)


def test_one_byte_of_a_gibibyte(mounted, seen, great, cost):
    """At most 16 MiB are sent, and at most 16 MiB fetched; the rest is the store's work."""
    path = mounted.path / "great"
    path.stat()
    edit = cost()

    with path.open("r+b", buffering=0) as file:
        os.pwrite(file.fileno(), b"!", 700 * MIB + 5)

    assert edit.sent <= 16 * MIB
    assert edit.fetched <= 16 * MIB
    assert GIB == seen.size("great")
    with path.open("rb") as file:
        file.seek(700 * MIB)
        assert great[:5] + b"!" + great[6:100] == file.read(100)
        file.seek(GIB - 100)
        assert great[-100:] == file.read(100)
    assert mounted.is_clean()


def test_a_mebibyte_behind_a_gibibyte(mounted, seen, great, cost):
    """One part, as few copies as the store allows, and at most three other requests."""
    path = mounted.path / "great"
    path.stat()
    append = cost()

    with path.open("ab", buffering=0) as file:
        file.write(great[:MIB])

    assert append.sent <= 16 * MIB
    assert append.fetched <= 16 * MIB
    assert append.of("UploadPart") <= 1
    assert append.of("UploadPartCopy") <= 2  # of at most 1 GiB each, and not of the last bytes
    others = sum(append.all.values()) - append.of("UploadPart", "UploadPartCopy")
    assert others <= 3, append.all
    assert GIB + MIB == seen.size("great")
    assert mounted.is_clean()


@pytest.fixture
def source(tmp_path):
    """Make a file of 48 parts of 1 MiB, and know its content."""
    path = tmp_path / "source"
    path.write_bytes(random.Random(2).randbytes(48 * MIB))
    return path


def test_a_copy_is_repeated_after_a_kill(mounting, seen, source, cost, poll):
    """Killed when 60 % were written, it sends at most 45 % the second time."""
    content = source.read_bytes()
    mount = mounting().mount("--part-size", "1M", "--upload-threads", "4")
    written = len(content) * 6 // 10
    fd = os.open(mount.path / "copy", os.O_CREAT | os.O_WRONLY, 0o644)
    for start in range(0, written, 128 << 10):
        os.write(fd, content[start : min(start + (128 << 10), written)])
    poll(lambda: len(seen.parts()) >= written // MIB - 1, 30)
    mount.kill()
    with pytest.raises(OSError, match="not connected"):
        os.close(fd)
    mount.mount("--part-size", "1M", "--upload-threads", "4")
    again = cost()

    subprocess.run(["cp", source, mount.path / "copy"], check=True)

    assert again.sent <= len(content) * 45 // 100
    assert content == seen.get("copy")
    assert [] == seen.uploads()
    assert [] == mount.uploads()
    assert mount.is_clean()


@pytest.fixture
def known(mounted):
    """Return a mount whose directory has been listed."""
    assert [] == os.listdir(mounted.path)
    return mounted


def test_a_small_file(known, seen, cost):
    """One PUT, whatever is done to it before it is closed."""
    create = cost()

    fd = os.open(known.path / "f", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    os.write(fd, b"small")
    os.fchmod(fd, 0o640)
    os.utime(fd, (5, 7))
    os.close(fd)

    assert {"PutObject": 1} == create.all
    assert b"small" == seen.get("f")


@pytest.mark.parametrize(
    "command", ["echo x > f", ": > f", "touch f", "echo x | tee f", "cp /etc/hostname f"]
)
def test_small_files_of_programs(known, cost, poll, command):
    """A shell closes duplicates, touch sets times: it is one request nevertheless."""
    create = cost()

    subprocess.run(["sh", "-c", command], cwd=known.path, check=True, stdout=subprocess.DEVNULL)
    poll(known.is_clean)
    os.listdir(known.path)

    assert {"PutObject": 1} == create.all


def test_many_small_files(known, cost):
    """One each: the directory is known."""
    create = cost()

    for number in range(20):
        (known.path / f"f{number}").write_bytes(b"small")

    assert {"PutObject": 20} == create.all


@pytest.mark.parametrize("parts", [2, 12])
def test_parts(mounting, cost, parts):
    """Two requests more than there are parts, also when the first ones leave before the close."""
    mount = mounting().mount("--part-size", "1M")
    os.listdir(mount.path)
    write = cost()

    with (mount.path / "f").open("wb", buffering=0) as file:
        for number in range(parts * 8):
            file.write(bytes([number]) * (MIB // 8))

    wanted = {"InitiateMultipartUpload": 1, "UploadPart": parts, "CompleteMultipartUpload": 1}
    assert wanted == write.all
    assert parts * MIB <= write.sent <= parts * MIB + 10_000
