"""
What `scripts/bench` does through each mount, and how long it took.

Everything that is read is compared with what was written; what is read cold is read from a
new mount, several times, and the median counts.
"""

import os
import random
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench_tables import Row

MIB = 1 << 20
SMALL = 4 << 10
READERS = 8
RANDOM_READS = 400
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Amount:
    """Bytes of the large file, number of small ones, and how often to read what is cold."""

    size: int
    files: int
    runs: int


class Mounted(Protocol):
    """A program with a bucket and a mount point."""

    name: str
    path: Path

    def mount(self) -> None:
        """Mount, and wait until it answers."""
        ...

    def unmount(self) -> None:
        """Unmount and wait until it is gone."""
        ...

    def forget(self) -> None:
        """Empty its cache on disk."""
        ...

    def has(self, key: str, size: int) -> bool:
        """Say whether the bucket holds the object in full."""
        ...


class Work:
    """What is done through a mount, one method each."""

    def __init__(self, program: Mounted, amount: Amount) -> None:
        self._program = program
        self._amount = amount
        self._block = os.urandom(MIB)
        self._small = self._block[:SMALL]
        self._folder = program.path / "small"
        self._names = [f"{number:05}" for number in range(amount.files)]
        self._quarters = {f"part{number}": amount.size // 4 // MIB * MIB for number in range(4)}

    def rows(self) -> list[Row]:
        """Do everything, in order."""
        mib, files = self._amount.size / MIB, self._amount.files

        def row(what: str, value: float, unit: str) -> Row:
            return Row(what, value, unit, who=self._program.name)

        return [
            row(
                "sequential write",
                mib / _timed(lambda: self.write({"big": int(mib) * MIB})),
                "MiB/s",
            ),
            row("sequential read, cold", mib / self._cold(self.read), "MiB/s"),
            row("… once more", mib / self._warm(self.read), "MiB/s"),
            row("… after a remount", mib / self._remounted(self.read), "MiB/s"),
            row("four files side by side, cold", self._side_by_side(), "MiB/s"),
            row(
                "random 4 KiB, 8 readers, cold",
                RANDOM_READS / self._cold(self.read_random),
                "reads/s",
            ),
            row(f"create {files} files of 4 KiB", files / _timed(self.create), "files/s"),
            row(f"ls -l of {files} files, cold", self._cold(self.list_long) * 1e3, "ms"),
            row(f"stat of {files} files, listed", files / self._listed(self.stat), "files/s"),
            row(f"read {files} files, cold", files / self._cold(self.read_small), "files/s"),
        ]

    # How it is timed

    def _cold(self, do: Callable[[], float | None]) -> float:
        return statistics.median(self._once(do, forget=True) for _ in range(self._amount.runs))

    def _remounted(self, do: Callable[[], float | None]) -> float:
        self._once(do, forget=True)
        return statistics.median(self._once(do, forget=False) for _ in range(self._amount.runs))

    def _warm(self, do: Callable[[], float | None]) -> float:
        return statistics.median(_timed(do) for _ in range(self._amount.runs))

    def _listed(self, do: Callable[[], float | None]) -> float:
        self._once(self.list_long, forget=True)
        return _timed(do)

    def _once(self, do: Callable[[], float | None], *, forget: bool) -> float:
        self._program.unmount()
        if forget:
            self._program.forget()
        self._program.mount()
        return _timed(do)

    def _side_by_side(self) -> float:
        self.write(self._quarters)
        return sum(self._quarters.values()) / MIB / self._cold(self.read_quarters)

    # What is done

    def write(self, sizes: Mapping[str, int]) -> float:
        """Write large files; return when the bucket had them."""
        for name, size in sizes.items():
            with (self._program.path / name).open("wb", buffering=0) as file:
                for _ in range(size // MIB):
                    file.write(self._block)
        return self._settled(sizes)

    def read(self) -> None:
        """Read the large file from start to end."""
        self._read_through("big")

    def read_quarters(self) -> None:
        """Read four files at once, from start to end."""
        with ThreadPoolExecutor(len(self._quarters)) as readers:
            list(readers.map(self._read_through, self._quarters))

    def _read_through(self, name: str) -> None:
        room = bytearray(MIB)
        with (self._program.path / name).open("rb", buffering=0) as file:
            while count := file.readinto(room):
                self._compare(room[:count], 0 if count == MIB else file.tell() - count)

    def read_random(self) -> None:
        """Read at random places of the large file, by eight readers."""
        with ThreadPoolExecutor(READERS) as readers:
            list(readers.map(self._read_some, range(READERS)))

    def _read_some(self, seed: int) -> None:
        places = random.Random(seed)
        with _opened(self._program.path / "big") as descriptor:
            for _ in range(RANDOM_READS // READERS):
                at = places.randrange(self._amount.size // SMALL) * SMALL
                self._compare(os.pread(descriptor, SMALL, at), at)

    def _compare(self, data: bytes | bytearray, at: int) -> None:
        start = at % MIB
        if data != self._block[start : start + len(data)]:
            raise OSError(f"{self._program.name} gave wrong bytes at {at}")

    def create(self) -> float:
        """Write many small files, one after the other; return when the bucket had them."""
        self._folder.mkdir()  # not before: rclone keeps no empty directory over a remount
        for name in self._names:
            (self._folder / name).write_bytes(self._small)
        return self._settled({f"small/{name}": SMALL for name in self._names})

    def _settled(self, sizes: Mapping[str, int]) -> float:
        """Wait for objects; return the time, but not that of finding that all were there."""
        moment = time.monotonic()
        give_up = moment + PATIENCE_S
        for key, size in sizes.items():
            while not self._program.has(key, size):
                time.sleep(0.005)
                moment = time.monotonic()
                if moment > give_up:
                    raise OSError(f"{key} did not reach the bucket in time")
        return moment

    def list_long(self) -> None:
        """Let ls look at each of them."""
        done = subprocess.run(["ls", "-l", self._folder], capture_output=True, check=True)
        found = done.stdout.count(b"\n") - 1
        if found != len(self._names):
            raise OSError(f"ls -l shows {found} of {len(self._names)} files")

    def stat(self) -> None:
        """Look at each of them, in another order than the listing's."""
        names = random.Random(1).sample(self._names, len(self._names))
        for name in names:
            (self._folder / name).stat()

    def read_small(self) -> None:
        """Read each of them."""
        for name in self._names:
            self._compare((self._folder / name).read_bytes(), 0)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _timed(do: Callable[[], float | None]) -> float:
    """Return how many seconds it took: to the moment that it returns, or to its return."""
    began = time.monotonic()
    return (do() or time.monotonic()) - began
