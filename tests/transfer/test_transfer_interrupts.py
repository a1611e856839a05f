"""A transfer that is cancelled does not wait for a store that is silent."""

import contextlib
import io
import os
import signal
import socket
import threading
from functools import partial
from types import SimpleNamespace

import pytest
from watched_bucket import Bucket

import ossfs
from ossfs.cli.transfers.comparing import has_same_bytes
from ossfs.cli.transfers.ends import Remote
from ossfs.cli.transfers.tasks import Upload
from ossfs.errors import NoSuchKey, TransferCancelled
from ossfs.store.api import ObjectInfo, Part
from ossfs.store.interrupts import serving

MIB = 1 << 20
CONTENT = os.urandom(1 * MIB) * 11
HOUR_S = 3600

pytestmark = pytest.mark.timeout(30)  # what does not end at once takes longer


@pytest.fixture(params=["oss", "tos", "s3"])
def bucket(request, emulator, bucket_name):
    """Open a bucket that waits for an hour, and tries again as long."""
    with ossfs.connect(
        f"{request.param}://{bucket_name}", endpoint=emulator.endpoint, region="cn-hangzhou",
        access_key_id=emulator.key_id, access_key_secret=emulator.secret,
        read_timeout=HOUR_S, deadline=HOUR_S,
    ) as opened:  # fmt: skip
        yield opened


@pytest.fixture
def moves(bucket, tmp_path, seen):
    """Return transfers by name, and the operation that the store does for each."""
    (tmp_path / "up").write_bytes(CONTENT)
    seen.put("there", CONTENT)
    kept = {"checkpoint_dir": tmp_path / "kept", "part_size": 5 * MIB}
    return {
        "up": ("UploadPart", partial(ossfs.resumable_upload, bucket, "k", tmp_path / "up", **kept)),
        "small up": ("PutObject", partial(ossfs.put_object, bucket, "k", b"x")),
        "stream up": (
            "UploadPart",
            partial(ossfs.upload_object, bucket, "k", iter([CONTENT]), part_size=5 * MIB),
        ),
        "down": (
            "GetObject",
            partial(
                ossfs.resumable_download, bucket, "there", tmp_path / "down",
                multiget_threshold=1, **kept,
            ),
        ),
        "stream down": (
            "GetObject",
            partial(ossfs.download_to_stream, bucket, "there", io.BytesIO(), part_size=5 * MIB),
        ),
    }  # fmt: skip


NAMES = ["up", "small up", "stream up", "down", "stream down"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("abort", [False, True])
def test_a_silent_store(emulator, bucket, moves, poll, name, abort):
    """The request ends at once, and is not tried again."""
    operation, move = moves[name]
    emulator.add_fault("delay", operation=operation, seconds=HOUR_S)
    emulator.reset_stats()
    cancel = ossfs.Cancel()

    def stop():
        poll(lambda: emulator.faults()[0]["hits"] > 0)
        cancel.cancel(abort=abort)

    stopper = threading.Thread(target=stop)
    stopper.start()
    with pytest.raises(TransferCancelled):
        move(cancel=cancel)
    stopper.join()

    assert emulator.faults()[0]["hits"] <= 4  # threads
    emulator.clear_faults()
    with pytest.raises(NoSuchKey):  # other requests of the same thread and bucket go on
        bucket.head("k")


@pytest.mark.parametrize("name", NAMES)
def test_a_pause_between_attempts(emulator, bucket, moves, poll, name):
    """It ends at once: no attempt follows."""
    operation, move = moves[name]
    emulator.add_fault(
        "error", operation=operation, status=503, code="SlowDown",
        headers={"Retry-After": "50"},  # ranges are given a minute
    )  # fmt: skip
    cancel = ossfs.Cancel()

    def stop():
        poll(lambda: emulator.faults()[0]["hits"] > 0)
        cancel.cancel()

    stopper = threading.Thread(target=stop)
    stopper.start()
    with pytest.raises(TransferCancelled):
        move(cancel=cancel)
    stopper.join()


@contextlib.contextmanager
def listening(backlog):
    """Listen without accepting anybody: give the port."""
    with socket.create_server(("127.0.0.1", 0), backlog=backlog) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("abort", [False, True])
def test_a_host_that_drops_packets(tmp_path, abort):
    """The connection is given up while it is made."""
    with listening(0) as port, contextlib.ExitStack() as full:
        for _ in range(4):  # from then on the kernel drops who comes
            one = full.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        (tmp_path / "f").write_bytes(CONTENT)
        cancel = ossfs.Cancel()
        timer = threading.Timer(0.2, partial(cancel.cancel, abort=abort))
        with ossfs.connect(
            "oss://bucket", endpoint=f"http://127.0.0.1:{port}", access_key_id="k",
            access_key_secret="s", connect_timeout=600, deadline=HOUR_S,
        ) as bucket:  # fmt: skip
            timer.start()
            with pytest.raises(TransferCancelled):
                ossfs.resumable_upload(
                    bucket, "k", tmp_path / "f", checkpoint_dir=tmp_path / "c", cancel=cancel
                )
        timer.join()


def test_a_host_that_is_silent_about_tls(tmp_path):
    """The same between the connection and its encryption."""
    with listening(10) as port:
        cancel = ossfs.Cancel()
        timer = threading.Timer(0.2, cancel.cancel)
        with ossfs.connect(
            "oss://bucket", endpoint=f"https://127.0.0.1:{port}", access_key_id="k",
            access_key_secret="s", connect_timeout=600, read_timeout=HOUR_S, deadline=HOUR_S,
        ) as bucket:  # fmt: skip
            timer.start()
            with pytest.raises(TransferCancelled):
                ossfs.put_object(bucket, "k", b"x", cancel=cancel)
        timer.join()


def test_a_signal_handler_may_cancel(emulator, bucket, moves):
    """Python runs it in the main thread, which waits for the transfer at the time."""
    operation, move = moves["up"]
    emulator.add_fault("delay", operation=operation, seconds=HOUR_S)
    cancel = ossfs.Cancel()
    before = signal.signal(signal.SIGUSR1, lambda *_: cancel.cancel())
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.start()
    try:
        with pytest.raises(TransferCancelled):
            move(cancel=cancel)
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("name", ["up", "stream up", "down", "stream down"])
def test_control_c(emulator, bucket, moves, name):
    """The exception comes at once, though parts were on their way in other threads."""
    operation, move = moves[name]
    emulator.add_fault("delay", operation=operation, seconds=HOUR_S)
    # Whoever starts the tests in the background has it ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            move(num_threads=4)
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)


def test_a_slow_limit(bucket, tmp_path):
    """Bytes that wait for an hour until they may pass."""
    (tmp_path / "f").write_bytes(CONTENT)
    cancel = ossfs.Cancel()
    timer = threading.Timer(0.1, cancel.cancel)
    timer.start()

    with pytest.raises(TransferCancelled):
        ossfs.resumable_upload(
            bucket, "k", tmp_path / "f", part_size=5 * MIB, checkpoint_dir=tmp_path / "kept",
            limiter=ossfs.RateLimiter(1), cancel=cancel,
        )  # fmt: skip
    timer.join()


# While bytes are read here


@pytest.fixture
def sparse(tmp_path):
    """Make a file that takes long to read."""
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(64 << 30)
    return tmp_path / "sparse"


def test_parts_that_are_compared(points, sparse, kept, monkeypatch):
    """A part of an earlier run, as large as a store takes, is not read to its end."""
    store = Bucket("oss", points)
    how = {"part_size": 5 << 30, "num_threads": 1, "store": kept}
    cancel = ossfs.Cancel()

    def told(event):
        if event.type is ossfs.TransferEventType.PART_DONE:
            cancel.cancel()

    store.upload_part = lambda key, upload_id, number, body: _held(store, upload_id, number, body)
    with pytest.raises(TransferCancelled):
        ossfs.resumable_upload(store, "k", sparse, cancel=cancel, on_event=told, **how)
    assert [1] == list(store.pending().values())
    cancel = ossfs.Cancel()
    real, reads = os.preadv, []

    def preadv(*arguments):
        reads.append(arguments)
        if len(reads) == 10:
            cancel.cancel()
        return real(*arguments)

    monkeypatch.setattr(os, "preadv", preadv)
    with pytest.raises(TransferCancelled):
        ossfs.resumable_upload(store, "k", sparse, cancel=cancel, **how)
    assert 10 == len(reads)


def _held(store, upload_id, number, body):
    """Take a part's word for what is in it."""
    part = Part(number, body.size, "etag", 1)
    store._uploads[upload_id].parts[number] = SimpleNamespace(part=part, data=b"")
    return part


@pytest.mark.parametrize("etag", ["0" * 32, "0" * 32 + "-512"])
@pytest.mark.parametrize("crc64", [1, None])
def test_files_that_are_compared(sparse, etag, crc64):
    """A command that reads a large file to compare it ends at once, too."""
    size = sparse.stat().st_size
    seen = ObjectInfo("k", size, etag, 0, crc64=crc64)
    task = Upload(sparse, Remote("oss", "b", "k"), SimpleNamespace(head=lambda _: seen), size, 0)
    left = [10]

    class Stopping(ossfs.Cancel):
        def check(self):
            left[0] -= 1
            if left[0] == 0:
                raise TransferCancelled("stopped")

    with pytest.raises(TransferCancelled), serving(Stopping()):
        has_same_bytes(task)
