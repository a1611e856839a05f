"""
One mount of a soak run: a process that is started, killed, and started again on its state.

Threads: one.
"""

import contextlib
import ctypes
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from soak_bucket import BUCKET, Bucket

from ossfs.crc64 import crc64

PATIENCE_S = 90.0
POLL_S = 0.02
DETACH = 2
KEPT = ("draft",)


class Wrong(Exception):
    """Something that must not be; the message says what, `keys` which files are meant."""

    def __init__(self, message: str, *, keys: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.keys = keys


class Mount:
    """The bucket at `path`; `folder` holds its state and its log."""

    def __init__(self, bucket: Bucket, folder: Path, *, scheme: str, durability: str) -> None:
        self.path = folder / "mnt"
        self.state = folder / "home/ossfs/state"
        self.log = folder / "mount.log"
        self.kills = 0
        self._bucket = bucket
        self._scheme = scheme
        self._durability = durability
        self._environment = bucket.environment(scheme) | {"XDG_STATE_HOME": str(folder / "home")}
        self._process: subprocess.Popen[bytes] | None = None
        self.path.mkdir(parents=True)

    def start(self, *options: str) -> None:
        """Start the process, and do not wait until it answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "ossfs", "mount", f"{self._scheme}://{BUCKET}"),
                    *(str(self.path), "--foreground", "--state-dir", str(self.state)),
                    *("--endpoint", self._bucket.server.endpoint),
                    *("--durability", self._durability, *options),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
            )

    def wait(self) -> None:
        """Return when it answers. Wrong: it does not."""
        assert self._process is not None  # noqa: S101  # it was started
        give_up = time.monotonic() + PATIENCE_S
        while not os.path.ismount(self.path):
            if self._process.poll() is not None or time.monotonic() > give_up:
                raise Wrong(f"the mount did not come up: {self.end_of_log()}")
            time.sleep(POLL_S)

    def kill(self) -> float:
        """End it as a crash does, and take the dead mount away; return when."""
        assert self._process is not None  # noqa: S101  # it was started
        moment = time.monotonic()
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self.kills += 1
        return moment

    def detach(self) -> None:
        """Take the mount away, if there is one."""
        libc = ctypes.CDLL(None)
        while libc.umount2(os.fsencode(self.path), DETACH) == 0:
            pass
        if os.path.ismount(self.path):  # not root
            with contextlib.suppress(FileNotFoundError):
                subprocess.run(["fusermount", "-uz", self.path], check=False)

    def stop(self) -> None:
        """Unmount in order. Wrong: `ossfs umount` says that something is left."""
        done = self.command("umount", str(self.path))
        if done.returncode:
            raise Wrong(f"umount: {done.returncode}: {done.stderr}")
        if self._process is not None:
            self._process.wait(PATIENCE_S)

    def end(self) -> None:
        """Leave nothing running, whatever state it is in."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self.detach()

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of ossfs."""
        return subprocess.run(
            [sys.executable, "-m", "ossfs", *words],
            capture_output=True,
            text=True,
            check=False,
            env=self._environment,
            timeout=PATIENCE_S,
        )

    def uploads(self) -> list[dict[str, Any]]:
        """Return what `ossfs uploads list --json` says. Wrong: it fails."""
        done = self.command("uploads", "list", "--json")
        if done.returncode:
            raise Wrong(f"uploads list: {done.returncode}: {done.stderr}")
        for one in json.loads(done.stdout):
            if one["state_dir"] == str(self.state.resolve()):
                uploads: list[dict[str, Any]] = one["uploads"]
                if one["error"]:
                    raise Wrong(f"uploads list: {one['error']}")
                return uploads
        raise Wrong(f"uploads list does not know {self.state}")

    def discard(self, drafts: list[dict[str, Any]]) -> None:
        """Let go of drafts. Wrong: it fails, or something is left of them."""
        ids = [str(one["id"]) for one in drafts]
        done = self.command("uploads", "discard", "--yes", "--mount", str(self.state), *ids)
        if done.returncode:
            raise Wrong(f"uploads discard: {done.returncode}: {done.stdout} {done.stderr}")
        left = [*self.uploads(), *self.leftovers([])]
        if left:
            raise Wrong(f"left of what was discarded: {left}")

    def exported(self, draft: dict[str, Any], target: Path) -> tuple[int, int]:
        """Let a draft be exported; return size and CRC-64. Wrong: it fails."""
        done = self.command("uploads", "export", "--force", str(draft["id"]), str(target))
        if done.returncode:
            raise Wrong(f"uploads export: {done.returncode}: {draft} {done.stdout} {done.stderr}")
        return self.print(target)

    def settled(self) -> list[dict[str, Any]]:
        """Wait until nothing is on its way; return the drafts. Wrong: it takes too long."""
        give_up = time.monotonic() + PATIENCE_S
        while left := self._unexplained(ledger := self.journal()):
            conflicts = [row["key"] for row in ledger["files"] if row["state"] == "conflict"]
            if conflicts or time.monotonic() > give_up:
                raise Wrong(f"left in the journal: {left}\n{self.end_of_log()}", keys=conflicts)
            time.sleep(POLL_S)
        drafts = self.uploads()
        others = [one for one in drafts if one["state"] not in KEPT]
        if others:
            raise Wrong(f"not only drafts are left: {others}")
        return drafts

    def journal(self) -> dict[str, list[dict[str, Any]]]:
        """Return the tables of the journal."""
        uri = f"{(self.state / 'journal.db').as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=30)) as database:
            database.row_factory = sqlite3.Row
            tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            names = [name for (name,) in tables if not name.startswith("sqlite_")]
            return {
                name: [dict(row) for row in database.execute(f"SELECT * FROM {name}")]  # noqa: S608  # its own names
                for name in names
            }

    def _unexplained(self, ledger: dict[str, list[dict[str, Any]]]) -> list[str]:
        """Return what is in the journal beside drafts."""
        drafts = {row["id"] for row in ledger["files"] if row["state"] in KEPT}
        uploads = {row["row"] for row in ledger["uploads"] if row["file"] in drafts}
        found = [f"file {row}" for row in ledger["files"] if row["id"] not in drafts]
        found += [f"upload {row}" for row in ledger["uploads"] if row["row"] not in uploads]
        found += [f"part {row}" for row in ledger["parts"] if row["upload"] not in uploads]
        for name in ledger.keys() - {"files", "uploads", "parts"}:
            found += [f"{name}: {row}" for row in ledger[name]]
        return found

    def leftovers(self, drafts: list[dict[str, Any]]) -> list[str]:
        """Return what is in journal, staging folder and bucket that no draft explains."""
        ledger = self.journal()
        found = self._unexplained(ledger)
        known = {row["staging"] for row in ledger["files"]}
        staged = {path.name for path in (self.state / "staging").iterdir()}
        found += [f"staging file {name}" for name in sorted(staged - known)]
        keys = [one["key"] for one in drafts]
        for key in self._bucket.uploads():
            if key in keys:
                keys.remove(key)
            else:
                found.append(f"multipart upload of {key}")
        return found

    def end_of_log(self) -> str:
        """Return the last lines that the process logged."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def print(self, path: Path) -> tuple[int, int]:
        """Read a file; return size and CRC-64."""
        size = crc = 0
        with path.open("rb", buffering=0) as file:
            while data := file.read(1 << 20):
                size, crc = size + len(data), crc64(data, crc)
        return size, crc
