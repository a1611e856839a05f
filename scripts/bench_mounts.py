"""
The same work through mounts of several programs, side by side, on the embedded server.

Server, mount and worker share this machine: the numbers tell programs apart, not what a
network would allow. Each program writes and reads its own bucket, mounts anew before what
is to be read cold, and is timed until the server has what was written. What is done is in
`bench_work`.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench_tables import Row
from bench_work import PATIENCE_S, Amount, Work
from demo_bucket import Server

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
            words += ["--endpoint", self.server.endpoint, "--state-dir", str(state)]
            return [*words, "--cache-dir", str(self._work / "ossfs-cache")]
        if self.name == "s3fs":
            passwd = self._work / "passwd-s3fs"
            passwd.write_text(f"{key_id}:{secret}\n")
            passwd.chmod(0o600)
            options = f"url={self.server.endpoint},use_path_request_style,passwd_file={passwd}"
            options += f",use_cache={self._work / 's3fs-cache'}"
            return ["s3fs", self.bucket, str(self.path), "-o", options]
        remote = f":s3,provider=Other,env_auth=true,endpoint='{self.server.endpoint}':{self.bucket}"
        words = ["rclone", "mount", remote, str(self.path), "--daemon", "--config", "/dev/null"]
        cache = str(self._work / "rclone-cache")
        return [
            *words,
            "--vfs-cache-mode",
            "full",
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

    def forget(self) -> None:
        """Empty its cache on disk."""
        shutil.rmtree(self._work / f"{self.name}-cache", ignore_errors=True)

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


def compare(work: Path, programs: list[str], amount: Amount, latency_ms: int) -> list[Row]:
    """
    Let each program that is there do everything; those that are not are left out.

    Each has its cache on disk, which is empty at first. `latency_ms` is added to each request.
    """
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
                    server.admin("PUT", "latency", {"seconds": latency_ms / 1000})
                    rows += Work(program, amount).rows()
            except (RuntimeError, OSError) as error:
                rows.append(Row("mount", None, "", who=name, note=str(error)))
            finally:
                server.admin("PUT", "latency", {"seconds": 0})
    finally:
        server.close()
    return rows
