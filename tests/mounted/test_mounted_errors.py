"""What goes wrong is said clearly, in time, and loses nothing."""

# The system calls themselves are what is tested.
# ruff: noqa: PTH208

import contextlib
import ctypes
import errno
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from ossfs.cli.state import is_live
from ossfs.crc64 import crc64
from ossfs.emulator.process import EmulatorProcess

pytestmark = pytest.mark.mounted

MIB = 1 << 20
PATTERN = bytes(range(256)) * 4096
IMPATIENT = ("--deadline", "2s", "--connect-timeout", "1s", "--read-timeout", "1s")
PATIENCE_S = 20.0  # more than any deadline here, less than forever: hangs are found


def raises(*codes):
    """Expect an OSError with one of these errnos."""
    return pytest.raises(OSError, check=lambda error: error.errno in codes)


@contextlib.contextmanager
def in_time():
    """Fail when the block takes longer than anything here may."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < PATIENCE_S


@pytest.fixture
def small_disk(mounting):
    """Mount with a state folder on a disk of 64 MiB, 3 MiB of them the reserve."""
    if os.geteuid():
        pytest.skip("only root can mount a tmpfs")
    mount = mounting()
    mount.state.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    where = os.fsencode(mount.state)
    if libc.mount(b"tmpfs", where, b"tmpfs", 0, b"size=64m,mode=700") != 0:
        pytest.skip(f"tmpfs cannot be mounted: {os.strerror(ctypes.get_errno())}")
    yield mount.mount("--part-size", "1M")
    mount.kill()
    assert libc.umount2(where, 0) == 0, os.strerror(ctypes.get_errno())


def fill(path):
    """Write until there is no room; return how many bytes were accepted."""
    fd = os.open(path, os.O_CREAT | os.O_WRONLY, 0o644)
    written = 0
    try:
        with raises(errno.ENOSPC):
            while True:
                written += os.write(fd, PATTERN)
    finally:
        os.close(fd)
    return written


@pytest.mark.both_libfuses
def test_a_full_staging_disk(small_disk, seen, poll):
    """ENOSPC from write; what was accepted is in the bucket after close; all goes on."""
    (small_disk.path / "before").write_bytes(PATTERN)

    written = fill(small_disk.path / "large")

    assert 50 * MIB < written < 64 * MIB
    assert written == seen.size("large")
    content = (small_disk.path / "large").read_bytes()
    assert PATTERN * (written // MIB) + PATTERN[: written % MIB] == content
    assert seen.crc64("large") == crc64(content)
    assert PATTERN == (small_disk.path / "before").read_bytes()
    poll(small_disk.is_clean)
    (small_disk.path / "after").write_bytes(PATTERN)
    assert PATTERN == seen.get("after")


@pytest.mark.both_libfuses
def test_room_that_the_staging_disk_does_not_have(small_disk, seen):
    """ENOSPC from fallocate, before anything is written, and the file is as it was."""
    path = small_disk.path / "f"
    path.write_bytes(b"text")
    with path.open("r+b") as file:
        with raises(errno.ENOSPC):
            os.posix_fallocate(file.fileno(), 0, 100 * MIB)
        assert 4 == os.fstat(file.fileno()).st_size
        os.posix_fallocate(file.fileno(), 0, 2 * MIB)

    assert b"text" + bytes(2 * MIB - 4) == seen.get("f")


def test_a_disk_that_others_fill(small_disk, seen, poll):
    """Not a byte is left, not for the journal either: errors, no loss, and it recovers."""
    (small_disk.path / "before").write_bytes(PATTERN)
    hog = small_disk.state / "hog"
    with contextlib.suppress(OSError), hog.open("wb", buffering=0) as file:
        while True:
            file.write(PATTERN)
    with contextlib.suppress(OSError), hog.open("ab", buffering=0) as file:
        while True:
            file.write(b"x")

    for name in ("new", "before"):
        with raises(errno.ENOSPC):
            (small_disk.path / name).write_bytes(b"no room")
    assert PATTERN == seen.get("before")
    hog.unlink()

    (small_disk.path / "new").write_bytes(b"room")
    assert b"room" == seen.get("new")
    (small_disk.path / "before").write_bytes(b"changed")
    assert b"changed" == seen.get("before") == (small_disk.path / "before").read_bytes()
    poll(small_disk.is_clean)


@pytest.fixture
def mortal(mounting, tmp_path, monkeypatch):
    """Mount a bucket of a server that the test may kill; impatiently."""
    with EmulatorProcess(tmp_path / "server", buckets=["mortal"]) as server:
        monkeypatch.setenv("OSS_ACCESS_KEY_ID", server.key_id)
        monkeypatch.setenv("OSS_ACCESS_KEY_SECRET", server.secret)
        mount = mounting(server, "mortal")
        mount.mount("--part-size", "1M", *IMPATIENT)
        os.listdir(mount.path)  # so that new names need no request
        yield mount
        mount.kill()


def seen_by(mount, seen):
    """Look at the bucket of another server."""
    return type(seen)(mount.server, mount.bucket)


@pytest.mark.parametrize("size", [1000, 20 * MIB], ids=["small", "large"])
def test_the_server_dies_during_a_write(mortal, seen, poll, size):
    """Close fails in time; the bytes are kept, and go to the bucket when the server is back."""
    bucket = seen_by(mortal, seen)
    content = (PATTERN * 20)[:size]
    fd = os.open(mortal.path / "f", os.O_CREAT | os.O_WRONLY, 0o644)
    os.write(fd, content)
    mortal.server.kill()
    with in_time(), raises(errno.EIO, errno.ETIMEDOUT):
        os.close(fd)

    assert content == (mortal.path / "f").read_bytes()
    (upload,) = mortal.uploads()
    assert ("f", "failed", size) == (upload["key"], upload["state"], upload["size"])
    assert upload["error"]

    mortal.server.start()
    poll(mortal.is_clean, 60)
    assert crc64(content) == bucket.crc64("f")
    assert [] == bucket.uploads()


def test_the_server_dies_in_the_middle_of_an_upload(mortal, seen, poll):
    """The upload goes on in the background at the first missing part."""
    bucket = seen_by(mortal, seen)
    content = PATTERN * 20
    mortal.server.set_latency(0.05)
    result = []

    def write():
        try:
            (mortal.path / "f").write_bytes(content)
        except OSError as error:
            result.append(error.errno)

    writing = threading.Thread(target=write)
    writing.start()
    poll(lambda: len(bucket.parts()) >= 8)
    mortal.server.kill()
    with in_time():
        writing.join(60)
    assert result
    assert result[0] in (errno.EIO, errno.ETIMEDOUT)

    mortal.server.start()
    poll(mortal.is_clean, 60)

    assert crc64(content) == bucket.crc64("f")
    assert [] == bucket.uploads()
    assert mortal.server.requests("UploadPart") <= 12


def test_failed_bytes_survive_a_kill(mortal, seen, poll):
    """They are listed without a mount, and reach the bucket with the next one."""
    bucket = seen_by(mortal, seen)
    mortal.server.kill()
    fd = os.open(mortal.path / "f", os.O_CREAT | os.O_WRONLY, 0o644)
    os.write(fd, b"kept")
    with raises(errno.EIO, errno.ETIMEDOUT):
        os.close(fd)
    mortal.kill()
    (upload,) = mortal.uploads()
    assert ("f", "failed", 4) == (upload["key"], upload["state"], upload["size"])
    mortal.server.start()

    mortal.mount(*IMPATIENT)
    poll(mortal.is_clean)

    assert b"kept" == bucket.get("f")


@pytest.mark.both_libfuses
def test_a_failed_file_is_renamed_and_another_unlinked(mortal, seen, poll):
    """Names change while the server is away and the bytes wait; then all is as named."""
    bucket = seen_by(mortal, seen)
    mortal.server.kill()
    for name in ("a", "b"):
        with contextlib.suppress(OSError):
            (mortal.path / name).write_text(name)
    results = []
    for change in (
        lambda: os.rename(mortal.path / "a", mortal.path / "c"),  # noqa: PTH104  # as above
        lambda: os.unlink(mortal.path / "b"),  # noqa: PTH108  # as above
    ):
        with in_time():
            try:
                change()
            except OSError:
                results.append(False)
            else:
                results.append(True)
    mortal.server.start()
    poll(mortal.is_clean, 60)

    wanted = {"c" if results[0] else "a": b"a"}
    if not results[1]:
        wanted["b"] = b"b"
    assert wanted == {key: bucket.get(key) for key in bucket.keys()}  # noqa: SIM118  # a list
    poll(lambda: sorted(wanted) == sorted(os.listdir(mortal.path)), 15)


def test_a_failed_rename_spares_its_target(mortal, seen, poll):
    """Bytes that wait for the bucket are not thrown away for a file that cannot come."""
    bucket = seen_by(mortal, seen)
    (mortal.path / "a").write_bytes(b"source")
    (mortal.path / "dir").mkdir()
    (mortal.path / "dir/in").write_bytes(b"inside")
    mortal.server.kill()
    for name in ("b", "dir/new"):
        fd = os.open(mortal.path / name, os.O_CREAT | os.O_WRONLY, 0o644)
        os.write(fd, name.encode())
        with in_time(), raises(errno.EIO, errno.ETIMEDOUT):
            os.close(fd)
    for source, target in (("a", "b"), ("dir", "moved")):
        with in_time(), raises(errno.EIO, errno.ETIMEDOUT):
            os.rename(mortal.path / source, mortal.path / target)  # noqa: PTH104  # as above
    assert b"b" == (mortal.path / "b").read_bytes()
    assert b"dir/new" == (mortal.path / "dir/new").read_bytes()

    mortal.server.start()
    poll(mortal.is_clean, 60)

    objects = {key: bucket.get(key) for key in bucket.keys()}  # noqa: SIM118  # a list
    wanted = {"a": b"source", "b": b"b", "dir/": b"", "dir/in": b"inside", "dir/new": b"dir/new"}
    assert wanted == objects


@pytest.mark.both_libfuses
def test_reads_while_the_server_is_away(mortal, seen):
    """Errors in time, not hangs; and the bytes when it is back."""
    bucket = seen_by(mortal, seen)
    bucket.put("f", PATTERN)
    bucket.put("g", PATTERN)
    bucket.put("d/in", PATTERN)
    mortal.remount("--part-size", "1M", *IMPATIENT)
    (mortal.path / "g").stat()
    mortal.server.kill()

    with in_time(), raises(errno.EIO, errno.ETIMEDOUT):
        (mortal.path / "g").read_bytes()
    with in_time(), raises(errno.EIO, errno.ETIMEDOUT):
        os.listdir(mortal.path / "d")

    mortal.server.start()
    assert PATTERN == (mortal.path / "g").read_bytes()
    assert PATTERN == (mortal.path / "f").read_bytes()


def test_a_secret_that_is_revoked(mounting, tmp_path, monkeypatch, seen, poll):
    """Writes say EACCES, keep their bytes, and a mount with the new secret brings them home."""
    folder = tmp_path / "server"
    with EmulatorProcess(folder, buckets=["secret"], credentials={"one": "1"}) as server:
        monkeypatch.setenv("OSS_ACCESS_KEY_ID", "one")
        monkeypatch.setenv("OSS_ACCESS_KEY_SECRET", "1")
        mount = mounting(server, "secret").mount(*IMPATIENT)
        os.listdir(mount.path)
        port = server.port
    with EmulatorProcess(folder, credentials={"two": "2"}, port=port) as server:
        with raises(errno.EACCES):
            (mount.path / "f").write_bytes(b"kept")
        mount.kill()
        monkeypatch.setenv("OSS_ACCESS_KEY_ID", "two")
        monkeypatch.setenv("OSS_ACCESS_KEY_SECRET", "2")
        mount.mount(*IMPATIENT)
        poll(mount.is_clean)
        assert b"kept" == type(seen)(server, "secret").get("f")
        mount.kill()


def test_umount_waits_for_uploads(mortal, seen):
    """What a failed close left is in the bucket when `ossfs umount` returns 0."""
    bucket = seen_by(mortal, seen)
    mortal.server.add_fault("error", operation="PutObject", status=500)
    with raises(errno.EIO):
        (mortal.path / "f").write_bytes(b"late")
    assert [] == bucket.keys()
    mortal.server.clear_faults()

    done = mortal.umount()

    assert (0, "") == (done.returncode, done.stderr)
    assert b"late" == bucket.get("f")


def test_umount_says_what_is_left(mortal, seen, poll):
    """With a time limit and no server: exit 1, the file is named, the next mount goes on."""
    bucket = seen_by(mortal, seen)
    mortal.server.kill()
    with contextlib.suppress(OSError):
        (mortal.path / "late-file").write_bytes(b"late")

    with in_time():
        done = mortal.umount("--timeout", "1s")

    assert 1 == done.returncode
    assert "late-file" in done.stderr
    mortal.server.start()
    mortal.mount(*IMPATIENT)
    poll(mortal.is_clean)
    assert b"late" == bucket.get("late-file")


def test_sigterm_during_an_upload(mounted, seen, emulator, poll):
    """The mount process finishes the upload that somebody waits for, and ends in order."""
    emulator.set_latency(0.2)
    script = "import sys; open(sys.argv[1], 'wb').write(b'y' * 30_000_000)"
    with subprocess.Popen([sys.executable, "-c", script, mounted.path / "f"]) as writer:
        poll(seen.uploads)
        os.kill(mounted.pid, signal.SIGTERM)
    emulator.set_latency(0)
    poll(lambda: not os.path.ismount(mounted.path))

    assert 0 == writer.returncode
    assert 30_000_000 == seen.size("f")
    poll(mounted.is_clean)


WRITER = """
import os, sys
fd = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY, 0o644)
os.write(fd, b"draft")
print("written", flush=True)
sys.stdin.read()
"""


def test_uploads_lists_a_draft_while_mounted(mounted, poll):
    """An open file that was written and not closed is shown."""
    command = [sys.executable, "-c", WRITER, mounted.path / "f"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert b"written\n" == writer.stdout.readline()
        (shown,) = mounted.uploads()
        writer.stdin.close()
    assert ("f", 5) == (shown["key"], shown["size"])
    poll(mounted.is_clean)
    assert [] == mounted.uploads()


@contextlib.contextmanager
def writer(path):
    """Another process that has a file open, 1 MiB written; closing its input ends it."""
    program = (
        "import sys, os\n"
        f"fd = os.open({str(path)!r}, os.O_CREAT | os.O_WRONLY)\n"
        f"os.write(fd, bytes({MIB}))\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()\n"
        "try:\n    os.close(fd)\nexcept OSError as error:\n    print(error.errno)\n"
    )
    words = [sys.executable, "-c", program]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert "open\n" == process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.both_libfuses
def test_a_forced_unmount_does_not_wait_for_who_has_a_file_open(mounted, seen):
    """The process ends, the other one's close fails, and what it wrote is kept as a draft."""
    with writer(mounted.path / "open") as process, in_time():
        done = mounted.umount("--force")
        said, _ = process.communicate()

    assert (0, "") == (done.returncode, done.stderr)
    assert "kept, as it never was: 1 file, 1.05 MB" in done.stdout
    assert str(errno.ENOTCONN) == said.strip()
    assert not is_live(mounted.state)
    assert [("open", "draft")] == [(one["key"], one["state"]) for one in mounted.uploads()]
    assert [] == seen.keys()


@pytest.mark.both_libfuses
def test_a_forced_unmount_ends_a_process_that_hangs(mounted):
    """Whoever does not answer is ended by a signal; its folder can be used again."""
    os.kill(mounted.pid, signal.SIGSTOP)
    with in_time():
        done = mounted.umount("--force")

    assert 0 == done.returncode, done.stderr
    assert "does not answer" in done.stderr
    assert 0 == mounted.mount().umount().returncode


def test_an_unmount_while_a_file_is_open_for_writing(mounted, seen):
    """It stays mounted; nothing is said to be uploaded that is not."""
    with writer(mounted.path / "open") as process:
        done = mounted.umount()
        assert 1 == done.returncode
        assert "files that are still open for writing are when they are closed" in done.stderr
        assert [] == seen.keys()
        process.communicate()

    assert MIB == seen.size("open")
    assert 0 == mounted.umount().returncode


@pytest.mark.both_libfuses
def test_fsync_of_a_directory(mortal, seen):
    """It says that a file is not there, and brings it there when it can be."""
    bucket = seen_by(mortal, seen)
    (mortal.path / "d").mkdir()
    mortal.server.add_fault("error", operation="PutObject", key="d/f", status=500)
    with raises(errno.EIO):
        (mortal.path / "d/f").write_bytes(b"content")
    folder = os.open(mortal.path / "d", os.O_RDONLY | os.O_DIRECTORY)
    try:
        with in_time(), raises(errno.EIO):
            os.fsync(folder)
        mortal.server.clear_faults()
        os.fsync(folder)
        assert b"content" == bucket.get("d/f")
        os.unlink(mortal.path / "d/f")  # noqa: PTH108  # as above
        os.rmdir(mortal.path / "d")  # noqa: PTH106  # as above
        os.fsync(folder)  # as on a local disk
    finally:
        os.close(folder)


REFUSALS = [
    (403, "AccessDenied", errno.EACCES),
    (403, "QuotaExceeded", errno.EDQUOT),
    (507, "InsufficientStorage", errno.EDQUOT),
    (409, "FileImmutable", errno.EROFS),
    (400, "EntityTooLarge", errno.EFBIG),
    (500, "InternalError", errno.EIO),
]
by_refusal = pytest.mark.parametrize(
    ("status", "code", "number"), REFUSALS, ids=[f"{status}-{code}" for status, code, _ in REFUSALS]
)


@by_refusal
@pytest.mark.parametrize("size", [1000, 3 * MIB], ids=["small", "large"])
def test_what_the_store_refuses(mortal, seen, poll, size, status, code, number):
    """Its errno at fsync and at close; the bytes are kept, listed, and sent when it takes them."""
    bucket, content = seen_by(mortal, seen), (PATTERN * 3)[:size]
    for operation in ("PutObject", "UploadPart"):
        mortal.server.add_fault("error", operation=operation, status=status, code=code)
    fd = os.open(mortal.path / "f", os.O_CREAT | os.O_WRONLY, 0o644)
    os.write(fd, content)
    with in_time(), raises(number):
        os.fsync(fd)
    with in_time(), raises(number):
        os.close(fd)

    assert content == (mortal.path / "f").read_bytes()
    (upload,) = mortal.uploads()
    assert ("f", size) == (upload["key"], upload["size"])
    assert upload["state"] in {"failed", "uploading"}  # it is being tried again
    assert code in upload["error"]
    assert [] == bucket.keys()

    mortal.server.clear_faults()
    poll(mortal.is_clean)
    assert content == bucket.get("f")
    assert [] == bucket.uploads()


@by_refusal
def test_an_edit_that_the_store_refuses(mortal, seen, poll, status, code, number):
    """The object stays what it was, here the edit is seen, and later it is the object."""
    bucket = seen_by(mortal, seen)
    (mortal.path / "f").write_bytes(PATTERN * 3)
    edited = PATTERN + b"edit" + PATTERN[4:] + PATTERN
    mortal.server.add_fault("error", operation="UploadPart", status=status, code=code)
    with in_time(), raises(number), (mortal.path / "f").open("r+b") as file:
        file.seek(MIB)
        file.write(b"edit")

    assert edited == (mortal.path / "f").read_bytes()
    assert PATTERN * 3 == bucket.get("f")
    mortal.server.clear_faults()
    poll(mortal.is_clean)
    assert edited == bucket.get("f")


@pytest.mark.both_libfuses
def test_a_file_beyond_the_largest(mounted, seen):
    """EFBIG at the write or truncate that would pass the limit; what is below it goes on."""
    path = mounted.path / "f"
    with path.open("wb", buffering=0) as file:
        file.write(b"start")
        with raises(errno.EFBIG):
            os.pwrite(file.fileno(), b"x", 1 << 50)
        with raises(errno.EFBIG):
            os.ftruncate(file.fileno(), 1 << 50)
        file.write(b", end")
    with raises(errno.EFBIG):
        os.truncate(path, 1 << 50)

    assert b"start, end" == seen.get("f") == path.read_bytes()


def test_an_edit_of_what_arrives_damaged(mounting, seen, emulator):
    """The bytes that an edit keeps are proved before they are sent back as the object's own."""
    seen.put("f", PATTERN)
    mount = mounting().mount()
    emulator.add_fault("corrupt", operation="GetObject", bytes=70_000, count=2)
    fd = os.open(mount.path / "f", os.O_WRONLY)
    os.pwrite(fd, b"#", 5)
    os.close(fd)

    assert PATTERN[:5] + b"#" + PATTERN[6:] == seen.get("f")
    assert 2 == sum(rule["hits"] for rule in emulator.faults())
