"""
The bytes of objects kept on local disk, for the next mount and for others.

A `DiskCache` serves a mount, and `of` gives the `DiskVersion` of one version of an object:
what is there of it, its verified bytes, and a way to offer blocks that were fetched. What
was fetched belongs to (endpoint, bucket, key, etag, size), so nothing in the cache is ever
out of date, and any number of mounts may share a folder. `disk_stretch` says what a file
looks like, `disk_space` what goes when the bound is reached.

Nobody waits for the disk when a block is offered: one thread writes, small blocks when few
others come, and blocks that are evicted from memory before their turn are not written. The
queue holds no bytes: it knows blocks that `BlockCache` holds and counts. (Less claim to the
processors for that thread makes everything slower: it is put to sleep while it has the
interpreter's lock.)

A cache that fails is no error. What cannot be read is fetched; what is damaged is deleted
and fetched; when it cannot be written, nothing is for a minute. The log says so once.

Threads: every method may be called from any thread. One lock guards the queue and the
counters; it is never held during I/O. `offer` and `drop` do no I/O; `present` and `load` do.
"""

import errno
import hashlib
import json
import logging
import os
import stat
import threading
import time
import weakref
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from ossfs.cache.blocks import Block, Version
from ossfs.cache.disk_space import Space, cost_of
from ossfs.cache.disk_stretch import STRETCH, Damaged, Stretch, head_of
from ossfs.clock import Clock
from ossfs.extents import Extent
from ossfs.transfer.workers import Workers

T = TypeVar("T")
Way = Literal["read", "write"]

FOLDER = "blocks-1"
"""In the folder the user names; another format would have another name."""

MOST_QUEUED = 8192
"""Blocks that wait for the disk: more than memory holds, by default, of the smallest."""

REST_S = 60.0
"""After a failure, the disk is left alone for so long."""

SMALL = 1 << 20
"""Smaller blocks cost readers more than the disk: 25 times the interpreter's lock for each."""

BUSY = 200
"""While more blocks than this come in a second, small ones wait."""

LOOK_S = 0.1
"""How often it is looked how many come."""

BACKLOG = 2048
"""When so many wait, they are written nevertheless, with a tenth of a processor."""

LAST_WRITES_S = 2.0
"""How long the end of a mount may be put off to write what is in memory."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DiskCounters:
    """What a disk cache did since the mount began."""

    hits: int = 0
    """Fetches that the disk has spared."""
    hit_bytes: int = 0
    misses: int = 0
    """Blocks that were fetched, and offered to the disk."""
    written_bytes: int = 0
    dropped: int = 0
    """Blocks that were not written: the disk was behind, failing or full."""
    corrupted: int = 0
    """Files that were deleted because they were not what had been written."""
    failures: int = 0
    """Times that the disk refused to be read or written."""
    evictions: int = 0
    """Files that made room."""
    used_bytes: int = 0
    """What the folder takes, with what other mounts wrote."""
    size: int = 0
    """What it may take."""


class DiskCache:
    """
    The cache in `folder` for the bucket `store` (any text that names it and its endpoint).

    At most `size` bytes with all mounts that share it, `reserve` bytes of the disk stay free.
    `workers` are one thread.
    """

    def __init__(
        self, folder: Path, *, store: str, size: int, reserve: int, workers: Workers, clock: Clock
    ) -> None:
        self.folder = folder / FOLDER
        self.store = store
        self._workers = workers
        self._clock = clock
        self._space = Space(self.folder, size=size, reserve=reserve)
        self._ends = threading.Event()
        # Of the thread that writes: when and at how many blocks it looked whether many come,
        # and what it found; the processor time it had spent.
        self._looked = clock.monotonic(), 0, True
        self._spent_s = 0.0
        # Guards all that follows.
        self._lock = threading.Lock()
        self._queue: deque[Callable[[], None]] = deque()
        self._is_writing = False
        self._offered = 0
        self._ends_at: float | None = None
        self._rests_until: dict[Way, float] = {"read": 0.0, "write": 0.0}
        self._has_warned = False
        self._counts: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"<DiskCache in {self.folder}: {dict(self._counts)}>"

    @property
    def now_ns(self) -> int:
        """The time that files are marked as used with."""
        return self._clock.now_ns()

    def prepare(self) -> None:
        """Make the folder; when that fails, the log says so and nothing is kept for now."""
        try:
            self._make_folder()
        except OSError as error:
            self._failed("write", error)
            self._failed("read", error)

    def of(self, version: Version, size: int) -> "DiskVersion | None":
        """Return what is kept of a version of so many bytes; None: its name cannot be kept."""
        kept = DiskVersion(self, version, size)
        is_short = head_of(kept.name(size // STRETCH)) is not None
        return kept if is_short and version.etag else None

    def drop(self, key: str) -> None:
        """Delete what is kept of all versions of an object, a little later."""
        self._queue_up(lambda: self._delete(key))

    def counters(self) -> DiskCounters:
        """Return what was done so far."""
        used = 0
        with suppress(OSError):
            used = self._space.used()
        with self._lock:
            counts = dict(self._counts)
        return DiskCounters(
            **counts, evictions=self._space.evictions, used_bytes=used, size=self._space.size
        )

    def close(self) -> None:
        """Write what memory still holds of the queue, if that is soon done; then no more."""
        with self._lock:
            self._ends_at = self._clock.monotonic() + LAST_WRITES_S
        self._ends.set()
        self._workers.close(cancel=False)

    # For `DiskVersion`.

    def places(self, key: str) -> tuple[str, str]:
        """Return the folder of an object's files, and how their names begin."""
        name = _hash(f"{self.store}\0{key}")
        return f"{self.folder}/{name[:2]}", name[2:32]

    def read(self, stretch: Stretch, how: Callable[[Stretch], T]) -> T | None:
        """Return what `how` finds in the file; None: nothing, or nothing that can be used."""
        if self._rests("read"):
            return None
        try:
            return how(stretch)
        except FileNotFoundError:
            return None
        except Damaged as error:
            self._discard(stretch, error)
        except OSError as error:
            if error.errno == errno.EIO:  # of this file, maybe: others may be well
                self._discard(stretch, error)
            else:
                self._failed("read", error)
        return None

    def has_read(self, size: int) -> None:
        """Count bytes that need not be fetched."""
        self._count(hits=1, hit_bytes=size)

    def offer(self, block: Block, stretches: Callable[[Extent], Iterator[Stretch]]) -> None:
        """Have the block written if it is still in memory then."""
        self._count(misses=1)
        waiting = weakref.ref(block)

        is_small = block.extent.size < SMALL

        def write() -> None:
            if is_small:
                self._let_readers_go_first()
            is_written = False
            try:
                block = waiting()
                is_written = block is not None and self._write(block, stretches(block.extent))
            finally:
                self._count(dropped=not is_written)

        if not self._queue_up(write):
            self._count(dropped=1)

    # The queue and its thread

    def _queue_up(self, task: Callable[[], None]) -> bool:
        with self._lock:
            if len(self._queue) >= MOST_QUEUED or self._ends_at is not None:
                return False
            self._queue.append(task)
            self._offered += 1
            starts = not self._is_writing
            self._is_writing = True
        if starts:
            self._workers.submit(self._work)
        return True

    def _work(self) -> None:
        while True:
            with self._lock:
                is_late = self._ends_at is not None and self._clock.monotonic() > self._ends_at
                if not self._queue or is_late:
                    self._is_writing = False
                    return
                task = self._queue.popleft()
            try:
                task()
            except FileNotFoundError:
                _log.debug("somebody is deleting the folder of the disk cache")
            except OSError as error:
                self._failed("write", error)
            except Exception:  # noqa: BLE001  # logged, and no reader hears of it
                _log.exception("the disk cache goes on after an error that is a bug")
            del task

    def _let_readers_go_first(self) -> None:
        """Wait while many blocks come; at most until too many wait, or the mount ends."""
        while not self._is_calm() and not self._ends.is_set():
            if len(self._queue) >= BACKLOG:
                spent_s, self._spent_s = time.thread_time() - self._spent_s, time.thread_time()
                self._ends.wait(min(9 * spent_s, LOOK_S))
                return
            self._ends.wait(LOOK_S)

    def _is_calm(self) -> bool:
        now, offered = self._clock.monotonic(), self._offered
        since, before, was_calm = self._looked
        if now - since >= LOOK_S:
            self._looked = now, offered, (offered - before) / (now - since) < BUSY
            return self._looked[2]
        return was_calm

    def _write(self, block: Block, stretches: Iterator[Stretch]) -> bool:
        """Write a block into its files; False: it could not be. OSError."""
        if self._rests("write") or not self._claim(block.extent.size):
            return False
        for stretch in stretches:
            extent = block.extent.clip(stretch.extent)
            try:
                written = self._store_in(stretch, extent, block.view(extent.start, extent.stop))
            except Damaged as error:
                self._discard(stretch, error)
                return False
            if written:
                self._space.note(written)
                self._count(written_bytes=written)
        return True

    def _claim(self, size: int) -> bool:
        try:
            return self._space.claim(size)
        except FileNotFoundError:  # somebody deleted the folder
            self._make_folder()
            return self._space.claim(size)

    def _store_in(self, stretch: Stretch, extent: Extent, data: memoryview) -> int:
        try:
            return stretch.store(extent, data)
        except FileNotFoundError:  # the first file of its shard
            self._make_folder()
            stretch.path.parent.mkdir(mode=0o700, exist_ok=True)
            return stretch.store(extent, data)

    def _delete(self, key: str) -> None:
        shard, start = self.places(key)
        with suppress(FileNotFoundError), os.scandir(shard) as files:
            for file in files:
                if file.name.startswith(f"{start}-"):
                    cost = cost_of(file)
                    Path(file.path).unlink(missing_ok=True)
                    self._space.note(-cost)

    def _make_folder(self) -> None:
        """Make the folder, for us alone. OSError: it cannot be, or is another user's."""
        self.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        found = self.folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise PermissionError(errno.EPERM, "not a folder of this user", str(self.folder))
        if stat.S_IMODE(found.st_mode) != 0o700:  # noqa: PLR2004  # rwx------
            self.folder.chmod(0o700)

    # What goes wrong

    def _rests(self, way: Way) -> bool:
        return self._clock.monotonic() < self._rests_until[way]

    def _failed(self, way: Way, error: OSError) -> None:
        with self._lock:
            self._rests_until[way] = self._clock.monotonic() + REST_S
        self._count(failures=1)
        done = {"read": "read", "write": "written"}[way]
        self._warn("the disk cache is not used while it cannot be %s: %s", done, error)

    def _discard(self, stretch: Stretch, error: Exception) -> None:
        self._count(corrupted=1)
        self._warn("a damaged file of the disk cache is deleted, its bytes are fetched: %s", error)
        try:
            stretch.path.unlink(missing_ok=True)
        except OSError as refused:
            self._failed("read", refused)  # it would be found damaged each time

    def _warn(self, message: str, *details: object) -> None:
        with self._lock:
            level = logging.DEBUG if self._has_warned else logging.WARNING
            self._has_warned = True
        _log.log(level, message, *details)

    def _count(self, **more: int) -> None:
        with self._lock:
            self._counts.update(more)


class DiskVersion:
    """What is kept of one version of an object, of `size` bytes."""

    def __init__(self, cache: DiskCache, version: Version, size: int) -> None:
        self._cache = cache
        self._size = size
        shard, start = cache.places(version.key)
        self._path = f"{shard}/{start}-{_hash(f'{size} {version.etag}')[:16]}"
        names = json.dumps([cache.store, version.key, version.etag, size], ensure_ascii=False)
        self._names = names.encode(errors="surrogatepass")[:-1]

    def present(self, extent: Extent) -> list[Extent]:
        """Return what may be loaded inside `extent`: runs of pieces, in order."""
        found: list[Extent] = []
        for stretch in self._stretches(extent):
            runs = self._cache.read(stretch, lambda file: file.present(extent))
            found += [run.clip(extent) for run in runs or ()]
        return found

    def load(self, extent: Extent) -> memoryview | None:
        """
        Return the bytes of an extent of `present`, verified; None: they have to be fetched.

        An extent is loaded from one file: it may not go over a multiple of STRETCH.
        """
        now_ns = self._cache.now_ns
        (stretch,) = self._stretches(extent)
        data = self._cache.read(stretch, lambda file: file.load(extent, now_ns))
        if data is not None:
            self._cache.has_read(extent.size)
        return data

    def offer(self, block: Block) -> None:
        """Have a block of this version that was fetched written; returns at once."""
        self._cache.offer(block, self._stretches)

    def _stretches(self, extent: Extent) -> Iterator[Stretch]:
        """Return the files that hold bytes of `extent`."""
        for index in range(extent.start // STRETCH, -(-extent.stop // STRETCH)):
            head = head_of(self.name(index))
            assert head is not None  # noqa: S101  # `of` has tried the longest
            whole = Extent(index * STRETCH, min((index + 1) * STRETCH, self._size))
            yield Stretch(f"{self._path}-{index:x}", head, whole)

    def name(self, index: int) -> bytes:
        """Return what the file of the bytes from `index` * STRETCH on is said to hold."""
        return self._names + f", {index}]".encode()


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
