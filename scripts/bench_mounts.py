"""
The same work through mounts of several programs, side by side, on the embedded server.

Server, mount and worker share this machine: the numbers tell programs apart, not what a
network would allow. Each program writes and reads its own bucket, mounts anew before what
is to be read cold, and is timed until the server has what was written.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench_tables import Row
from demo_bucket import Server

MIB = 1 << 20
SMALL = 4 << 10
PATIENCE_S = 60.0
PROGRAMS = ("ossfs", "s3fs", "rclone")


class Program:
    """One program, with one bucket at one mount point."""

    def __init__(self, name: str, server: Server, work: Path) -> None:
        self.name = name
        self.bucket = f"bench-{name}"
        self.server = server
        self.path = work / f"mnt-{name}"
        self.path.mkdir()
        self._work = work
        self._log = work / f"{name}.log"
        server.make_bucket(self.bucket)

    def _command(self) -> list[str]:
        key_id, secret = self.server.credentials.values()
        if self.name == "ossfs":
            words = [sys.executable, "-m", "ossfs", "mount", f"oss://{self.bucket}", str(self.path)]
            state = self._work / "state"
            return [*words, "--endpoint", self.server.endpoint, "--state-dir", str(state)]
        if self.name == "s3fs":
            passwd = self._work / "passwd-s3fs"
            passwd.write_text(f"{key_id}:{secret}\n")
            passwd.chmod(0o600)
            options = f"url={self.server.endpoint},use_path_request_style,passwd_file={passwd}"
            return ["s3fs", self.bucket, str(self.path), "-o", options]
        remote = f":s3,provider=Other,env_auth=true,endpoint='{self.server.endpoint}':{self.bucket}"
        words = ["rclone", "mount", remote, str(self.path), "--daemon", "--config", "/dev/null"]
        cache = str(self._work / "rclone-cache")
        return [
            *words,
            "--vfs-cache-mode",
            "writes",
            "--vfs-write-back",
            "0s",
            "--cache-dir",
            cache,
        ]

    def mount(self) -> None:
        """Mount, and wait until it answers. RuntimeError."""
        key_id, secret = self.server.credentials.values()
        environment = os.environ | self.server.credentials
        environment |= {"AWS_ACCESS_KEY_ID": key_id, "AWS_SECRET_ACCESS_KEY": secret}
        with self._log.open("ab") as log:
            code = subprocess.run(
                self._command(), env=environment, stdout=log, stderr=log, check=False
            ).returncode
        give_up = time.monotonic() + PATIENCE_S
        while code == 0 and not os.path.ismount(self.path) and time.monotonic() < give_up:
            time.sleep(0.02)
        if not os.path.ismount(self.path):
            raise RuntimeError(f"{self.name} did not mount: {self._log.read_text()[-500:]}")

    def unmount(self) -> None:
        """Unmount and wait until it is gone; another way when the usual one fails."""
        ways = [["fusermount3", "-u"], ["fusermount", "-u"], ["umount", "-l"]]
        if self.name == "ossfs":
            ways.insert(0, [sys.executable, "-m", "ossfs", "umount"])
        for way in ways:
            if not os.path.ismount(self.path):
                return
            with contextlib.suppress(OSError):
                subprocess.run([*way, str(self.path)], capture_output=True, check=False)

    def has(self, key: str, size: int) -> bool:
        """Say whether the bucket holds the object in full."""
        headers = self.server.head(self.bucket, key)
        return headers is not None and int(headers["content-length"]) == size


@contextlib.contextmanager
def mounted(name: str, server: Server, work: Path) -> Iterator[Program]:
    """Mount a new bucket with a program."""
    program = Program(name, server, work)
    try:
        program.mount()
        yield program
    finally:
        program.unmount()


def compare(work: Path, programs: list[str], size: int, files: int) -> list[Row]:
    """Let each program that is there do everything; those that are not are left out."""
    folder = work / "mounts"
    folder.mkdir()
    server = Server(folder / "server", folder / "server.log")
    rows: list[Row] = []
    try:
        for name in programs:
            if name != "ossfs" and shutil.which(name) is None:
                continue
            try:
                with mounted(name, server, folder) as program:
                    rows += Work(program, size, files).rows()
            except (RuntimeError, OSError) as error:
                rows.append(Row("mount", None, "", who=name, note=str(error)))
    finally:
        server.close()
    return rows


class Work:
    """What is done through a mount, one method each."""

    def __init__(self, program: Program, size: int, files: int) -> None:
        self._program = program
        self._size = size
        self._block = os.urandom(MIB)
        self._big = program.path / "big"
        self._folder = program.path / "small"
        self._names = [f"{number:05}" for number in range(files)]

    def rows(self) -> list[Row]:
        """Do everything, in order."""
        mib, files = self._size / MIB, len(self._names)

        def row(what: str, value: float, unit: str) -> Row:
            return Row(what, value, unit, who=self._program.name)

        return [
            row("sequential write", mib / _timed(self.write), "MiB/s"),
            row("sequential read, cold", mib / self._cold(self.read), "MiB/s"),
            row(f"create {files} files of 4 KiB", files / _timed(self.create), "files/s"),
            row(f"ls -l of {files} files, cold", self._cold(self.list_long) * 1e3, "ms"),
            row(f"read {files} files, cold", files / self._cold(self.read_small), "files/s"),
        ]

    def _cold(self, do: Callable[[], float | None]) -> float:
        self._program.unmount()
        self._program.mount()
        return _timed(do)

    def write(self) -> float:
        """Write one large file; return when the bucket had it."""
        with self._big.open("wb", buffering=0) as file:
            for _ in range(self._size // MIB):
                file.write(self._block)
        return self._settled({"big": self._size})

    def read(self) -> None:
        """Read it from start to end."""
        with self._big.open("rb", buffering=0) as file:
            while file.read(MIB):
                pass

    def create(self) -> float:
        """Write many small files, one after the other; return when the bucket had them."""
        self._folder.mkdir()  # not before: rclone keeps no empty directory over a remount
        for name in self._names:
            (self._folder / name).write_bytes(self._block[:SMALL])
        return self._settled({f"small/{name}": SMALL for name in self._names})

    def _settled(self, sizes: dict[str, int]) -> float:
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

    def read_small(self) -> None:
        """Read each of them."""
        for name in self._names:
            (self._folder / name).read_bytes()


def _timed(do: Callable[[], float | None]) -> float:
    """Return how many seconds it took: to the moment that it returns, or to its return."""
    began = time.monotonic()
    return (do() or time.monotonic()) - began
