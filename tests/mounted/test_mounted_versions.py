"""A writer elsewhere replaces an object all the time; every reader sees one version of it."""

import errno
import os
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.versions import content_of, version_of

pytestmark = pytest.mark.mounted

KIB = 1024
SIZE = 2 * 1024 * KIB + 300 * KIB + 77  # a first fetch and parts, not one GET
EVERY_S = 0.05
READERS = 4
STATS = 0.02  # looks at the file by name, between reads: the kernel believes their sizes
READS = 10_000
VERSIONS = 4  # that are seen at least, with attributes up to a second old


class Writer:
    """Puts a new version every 50 ms until the block ends."""

    def __init__(self, seen, shorter_by):
        self._seen = seen
        self._shorter_by = shorter_by
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.version = 1

    def __enter__(self):
        self._put()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        began = time.monotonic()
        while not self._stop.wait(max(0.0, began + self.version * EVERY_S - time.monotonic())):
            self.version += 1
            self._put()

    def _put(self):
        size = SIZE - self.version % 5 * self._shorter_by
        self._seen.put("f", bytes(content_of(self.version, size)))


def sequential(draw, piece):
    del draw
    return [(at, piece) for at in range(0, SIZE, piece)]


def backward(draw, piece):
    return sequential(draw, piece)[::-1]


def strided(draw, piece):
    return [(at, piece) for at in range(draw.randrange(piece), SIZE, 3 * piece)]


def scattered(draw, piece):
    return [(draw.randrange(SIZE - 64), piece) for _ in range(40)]


PATTERNS = [
    (sequential, 4 * KIB),
    (sequential, 128 * KIB),
    (sequential, 1024 * KIB),
    (backward, 64 * KIB),
    (strided, 5_000),
    (scattered, 100),
    (scattered, 4 * KIB),
    (scattered, 200 * KIB),
]


class Seen:
    """What all readers have seen."""

    def __init__(self):
        self._lock = threading.Lock()
        self._outcomes = Counter()
        self._versions = set()

    def add(self, outcomes, versions):
        with self._lock:
            self._outcomes.update(outcomes)
            self._versions.update(versions)

    @property
    def is_enough(self):
        with self._lock:
            return self._outcomes["read"] >= READS // 2 and len(self._versions) >= VERSIONS


def reading(path, seen, seed):
    """Open the file again and again, with one handle or two, and read in some pattern."""
    draw = random.Random(seed)
    while not seen.is_enough:
        handles = [Handle(path) for _ in range(draw.choice((1, 1, 2)))]
        pattern, piece = draw.choice(PATTERNS)
        outcomes = Counter()
        try:
            for offset, length in pattern(draw, piece)[: draw.choice((3, 60, 600))]:
                if draw.random() < STATS:
                    path.stat()
                outcome = draw.choice(handles).read(offset, length)
                outcomes[outcome] += 1
                if outcome == "stale":
                    break
        finally:
            for handle in handles:
                handle.close()
        seen.add(outcomes, {handle.version for handle in handles if handle.version})


class Handle:
    """A descriptor, and the version that it has shown."""

    def __init__(self, path):
        self._fd = os.open(path, os.O_RDONLY)
        self.version = None

    def read(self, offset, length):
        try:
            data = os.pread(self._fd, length, offset)
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
            return "stale"
        if len(data) < 32:  # the last bytes
            return "read"
        version = version_of(data, offset)
        assert self.version in (None, version), f"one handle showed {self.version} and {version}"
        self.version = version
        return "read"

    def close(self):
        os.close(self._fd)


@pytest.mark.parametrize("cache", ["memory", "disk"])
@pytest.mark.parametrize(
    ("attr_ttl", "shorter_by"), [("0s", 0), ("1s", 0), ("0s", 123_457)], ids=["0s", "1s", "sizes"]
)
def test_no_reader_ever_sees_two_versions(mounting, seen, tmp_path, attr_ttl, shorter_by, cache):
    """Thousands of reads of all kinds while the object changes twenty times a second."""
    options = ["--cache-dir", str(tmp_path / "cache")] if cache == "disk" else []
    path = mounting().mount("--attr-ttl", attr_ttl, *options).path / "f"
    so_far = Seen()
    with Writer(seen, shorter_by), ThreadPoolExecutor(READERS) as pool:
        for done in [pool.submit(reading, path, so_far, seed) for seed in range(READERS)]:
            done.result()
