"""
The mount process is killed while a file is on its way; the next mount brings it there.

OSSFS_ROUNDS and OSSFS_ROUND_MB ask for more and larger rounds than the suite has time for.
"""

import os
import random
import subprocess

import pytest

from ossfs.crc64 import crc64

pytestmark = pytest.mark.mounted

MIB = 1 << 20
ROUNDS = int(os.environ.get("OSSFS_ROUNDS", "3"))
SIZE = int(os.environ.get("OSSFS_ROUND_MB", "40")) * MIB
OPTIONS = ("--part-size", "1M", "--upload-threads", "4")
PARTS = SIZE // MIB


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Make a file whose parts all differ."""
    path = tmp_path_factory.mktemp("source") / "big"
    generated = random.Random(7)
    with path.open("wb") as file:
        for _ in range(PARTS):
            file.write(generated.randbytes(MIB))
    return path


@pytest.fixture
def copying(source):
    """Start a `cp` into a mount; it ends, with whatever result, before the test does."""
    started = []

    def start(mount, name="big", what=source):
        command = ["cp", str(what), str(mount.path / name)]
        started.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        return started[-1]

    yield start
    for process in started:
        process.wait(60)


@pytest.fixture
def finish(copying, poll):
    """Let recovery end, and copy again what was not closed when the mount was killed."""

    def wait(mount):
        poll(lambda: all(one["state"] == "draft" for one in mount.uploads()))
        if mount.uploads():
            assert 0 == copying(mount).wait(60)
        poll(mount.is_clean)

    return wait


def hits(emulator):
    """Return how many requests the rules in force have hit."""
    return sum(rule["hits"] for rule in emulator.faults())


def assert_complete(mount, seen, source, name="big"):
    """All of it is there, and nothing else: no upload, no local bytes, no promise."""
    assert crc64(source.read_bytes()) == seen.crc64(name)
    assert [name] == seen.keys()
    assert [] == seen.uploads()
    assert mount.is_clean()
    assert 0 == subprocess.run(["cmp", source, mount.path / name], check=False).returncode


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_killed_at_a_random_moment(mounting, seen, emulator, copying, source, poll, finish, seed):
    """Whatever the moment, the object appears complete and no finished part is sent twice."""
    moment = random.Random(seed).randrange(1, PARTS + 3)
    mount = mounting().mount(*OPTIONS)
    emulator.set_latency(0.02)
    emulator.reset_stats()
    process = copying(mount)
    poll(lambda: upload_requests(emulator) >= moment or process.poll() is not None)
    mount.kill()
    held = len(seen.parts())
    emulator.set_latency(0)
    emulator.reset_stats()

    mount.mount(*OPTIONS)
    finish(mount)

    assert_complete(mount, seen, source)
    sent = emulator.requests("UploadPart")
    assert sent <= PARTS - held, f"killed after {moment} requests, {held} of {PARTS} were there"


def upload_requests(emulator):
    counters = emulator.stats()["operations"]
    names = ("InitiateMultipartUpload", "UploadPart", "CompleteMultipartUpload")
    return sum(counters[name]["requests"] for name in names if name in counters)


@pytest.mark.parametrize("times", [2, 4])
def test_killed_again_and_again(mounting, seen, emulator, copying, source, poll, finish, times):
    """Each mount goes on where the one before was killed."""
    mount = mounting()
    for number in range(times):
        emulator.clear_faults()
        few = PARTS // (times + 1)
        emulator.add_fault("delay", operation="UploadPart", skip=few, seconds=60)
        mount.mount(*OPTIONS)
        if all(one["state"] == "draft" for one in mount.uploads()):
            copying(mount)
        poll(lambda: hits(emulator))
        mount.kill()
        # Up to four of those before the one that waits may be under way still.
        assert (number + 1) * (few - 4) <= len(seen.parts()) < PARTS
    emulator.clear_faults()
    mount.mount(*OPTIONS)
    finish(mount)

    assert_complete(mount, seen, source)
    # Those that were under way may have gone with their mount.
    assert emulator.requests("UploadPart") <= PARTS + 4 * times


@pytest.mark.parametrize("operation", ["InitiateMultipartUpload", "CompleteMultipartUpload"])
@pytest.mark.parametrize("action", ["stall", "delay"])
def test_killed_during(mounting, seen, emulator, copying, source, poll, finish, operation, action):
    """The server has (stall) or has not (delay) done it when the mount dies waiting for it."""
    mount = mounting().mount(*OPTIONS)
    emulator.add_fault(action, operation=operation, count=1, seconds=60, bytes=0)
    copying(mount)
    poll(lambda: hits(emulator))
    if action == "stall":
        poll(lambda: seen.keys() if operation.startswith("Complete") else seen.uploads())
    mount.kill()
    emulator.clear_faults()
    emulator.reset_stats()

    mount.mount(*OPTIONS)
    finish(mount)

    assert_complete(mount, seen, source)
    is_sent_before = operation.startswith("Complete")
    assert (0 if is_sent_before else PARTS) == emulator.requests("UploadPart")


@pytest.mark.parametrize("action", ["drop_after", "delay"])
def test_killed_during_a_put(mounting, seen, emulator, copying, tmp_path, poll, action):
    """A small file is one request; it is whole after the remount."""
    small = tmp_path / "small"
    small.write_bytes(b"small" * 10_000)
    mount = mounting().mount()
    emulator.add_fault(action, operation="PutObject", seconds=60)
    copying(mount, "small", small)
    poll(lambda: hits(emulator))
    mount.kill()
    emulator.clear_faults()

    mount.mount()
    poll(mount.is_clean)

    assert_complete(mount, seen, small, "small")


@pytest.mark.parametrize(
    "operation", ["InitiateMultipartUpload", "UploadPart", "CompleteMultipartUpload"]
)
def test_an_answer_is_lost(mounting, seen, emulator, copying, source, operation):
    """A connection that drops after the request was carried out leaves no upload behind."""
    mount = mounting().mount(*OPTIONS)
    emulator.add_fault("drop_after", operation=operation, count=2)

    assert 0 == copying(mount).wait(60)

    assert hits(emulator)
    assert_complete(mount, seen, source)


def test_killed_before_close(mounting, seen, poll):
    """What nobody closed is a draft: not uploaded, but kept and listed."""
    mount = mounting().mount()
    file = os.open(mount.path / "f", os.O_CREAT | os.O_WRONLY, 0o644)
    os.write(file, b"draft" * 1000)
    mount.kill()
    with pytest.raises(OSError, match="not connected"):
        os.close(file)

    mount.mount()

    assert [] == seen.keys()
    (draft,) = mount.uploads()
    assert ("f", "draft", 5000) == (draft["key"], draft["state"], draft["size"])
    with open(draft["staging"], "rb") as file:  # noqa: PTH123  # a path as text
        assert b"draft" * 1000 == file.read()
    mount.kill()
    assert [draft] == mount.uploads()


def test_an_edit_is_killed(mounting, seen, emulator, copying, source, poll):
    """An edit in place is finished by the next mount: one copy, one part, complete."""
    mount = mounting().mount(*OPTIONS)
    assert 0 == copying(mount).wait(60)
    emulator.add_fault("delay", operation="UploadPartCopy", seconds=60)
    edit = f"import os; f=os.open({str(mount.path / 'big')!r}, os.O_RDWR); os.pwrite(f, b'edit', 5)"
    process = subprocess.Popen(["python3", "-c", edit], stderr=subprocess.DEVNULL)
    poll(lambda: hits(emulator))
    mount.kill()
    process.wait()
    emulator.clear_faults()
    emulator.reset_stats()

    mount.mount(*OPTIONS)
    poll(mount.is_clean)

    content = bytearray(source.read_bytes())
    content[5:9] = b"edit"
    assert crc64(content) == seen.crc64("big")
    assert [] == seen.uploads()
    assert 1 == emulator.requests("UploadPartCopy")
    assert emulator.requests("UploadPart") <= 1
