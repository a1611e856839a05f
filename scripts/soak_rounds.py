"""
Rounds of load, kill, recovery and comparison: mode `kill` of scripts/soak.

A round starts some workers on a mount, kills the mount process while they work, mounts
again (which may be killed, too), waits until only drafts are left, and compares what is
there, through the mount and in the bucket, with what `soak_model` allows.
"""

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from soak_bucket import Bucket
from soak_model import Replay, Seen, history
from soak_mount import Mount, Wrong

PAD = 64 << 20
MIB = 1 << 20
PART_SIZES = {"oss": ("1M", "3M", "8M"), "tos": ("5M", "8M"), "s3": ("5M", "8M")}
PATIENCE_S = 120.0
HISTORY_LINES = 40
AGAIN = 0.35  # how often the mount that recovers is killed, too
AT_ONCE = 0.3  # how often the next load does not wait until all is in the bucket
IN_ORDER = 0.5  # how often a round ends without a kill


@dataclass(frozen=True)
class Plan:
    """What to run."""

    rounds: int
    seed: int
    workers: int
    durability: str
    scheme: str
    fault_rate: float
    large: int
    """Bytes of the largest file."""
    longest_s: float
    """Of the load of one round."""


@dataclass
class Totals:
    """What was seen so far."""

    rounds: int = 0
    kills: int = 0
    operations: int = 0
    files: int = 0
    bytes: int = 0
    drafts: int = 0
    exported: int = 0
    began: float = field(default_factory=time.monotonic)

    def __str__(self) -> str:
        return (
            f"{self.rounds} rounds, {self.kills} kills, {self.operations} operations,"
            f" {self.files} files ({self.bytes / 1e6:.0f} MB) verified, {self.drafts} drafts"
            f" ({self.exported} verified),"
            f" {time.monotonic() - self.began:.0f} s"
        )


class Soak:
    """The rounds of one run, over one bucket and one state folder."""

    def __init__(self, plan: Plan, work: Path) -> None:
        self.plan = plan
        self.work = work
        self.totals = Totals()
        self.bucket = Bucket(work / "server")
        self.mount = Mount(
            self.bucket, work / "mount", scheme=plan.scheme, durability=plan.durability
        )
        self._pad = work / "pad"
        self._pad.write_bytes(random.Random(plan.seed).randbytes(PAD))
        self._seen: dict[str, dict[str, Seen]] = {f"w{n}": {} for n in range(plan.workers)}
        self._logs: dict[str, Path] = {}
        self._random = random.Random()
        self._replays: dict[str, Replay] = {}
        self._began_ns = 0
        self._goes_on = False  # the load begins while the mount still recovers

    def run(self) -> None:
        """Do all rounds. Wrong: something is not as it must be; the message says what."""
        try:
            for number in range(1, self.plan.rounds + 1):
                self._round(number)
        finally:
            self.mount.end()
            self.bucket.close()

    def _round(self, number: int) -> None:
        self._random.seed(f"{self.plan.seed}/{number}")
        began, kills = time.monotonic(), self.mount.kills
        self._began_ns = time.time_ns()
        if not self._goes_on:
            self._start()
            self.mount.wait()
        self.bucket.storm(self.plan.fault_rate)
        self.bucket.server.set_latency(self._random.choice((0, 0, 0.005, 0.03)))
        killed_at = self._load(number)
        self._recover()
        self._goes_on = number < self.plan.rounds and self._random.random() < AT_ONCE
        drafts = [] if self._goes_on else self._settle()
        done = self._verify(killed_at)
        if not self._goes_on:
            self._verify_bucket(drafts)
            self._verify_a_draft(drafts)
            self._end_of_round(drafts)
        files = [seen for found in self._seen.values() for seen in found.values()]
        size = sum(seen.print[0] for seen in files)
        self._count(done, len(files), size, len(drafts))
        print(
            f"round {number}/{self.plan.rounds}: {self.mount.kills - kills} kills,"
            f" {done} operations, {len(files)} files, {size / 1e6:.1f} MB,"
            f" {'still recovering' if self._goes_on else f'{len(drafts)} drafts'},"
            f" {time.monotonic() - began:.1f} s",
            flush=True,
        )

    def _count(self, operations: int, files: int, size: int, drafts: int) -> None:
        self.totals.rounds += 1
        self.totals.kills = self.mount.kills
        self.totals.operations += operations
        self.totals.files += files
        self.totals.bytes += size
        self.totals.drafts += drafts

    def _start(self) -> None:
        sizes = PART_SIZES[self.plan.scheme]
        self.mount.start("--part-size", self._random.choice(sizes))

    # The load and its end

    def _load(self, number: int) -> float:
        """Let the workers work until the mount is killed under them; return when it was."""
        folder = self.work / "rounds" / str(number)
        folder.mkdir(parents=True)
        self._logs = {name: folder / f"{name}.log" for name in self._seen}
        with contextlib.ExitStack() as stack:
            workers = [
                stack.enter_context(self._worker(folder, name, number)) for name in self._seen
            ]
            try:
                time.sleep(self._random.uniform(0.3, self.plan.longest_s))
                killed_at = self.mount.kill()
                for worker in workers:
                    worker.wait(PATIENCE_S)
                    if worker.returncode:
                        raise Wrong(f"a worker ended with {worker.returncode}")
            except subprocess.TimeoutExpired:
                raise Wrong("a worker hangs on a mount that was killed") from None
            finally:
                for worker in workers:
                    worker.kill()
                self.mount.detach()
        self._keep_journal("load")
        return killed_at

    def _keep_journal(self, moment: str) -> None:
        """Copy the journal as a kill has left it, for who has to find out what happened."""
        folder = self.work / "journals" / moment
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for path in self.mount.state.glob("journal.db*"):
            shutil.copy(path, folder)

    def _worker(self, folder: Path, name: str, number: int) -> "subprocess.Popen[bytes]":
        scratch = self.work / "scratch" / name
        scratch.mkdir(parents=True, exist_ok=True)
        spec = {
            "root": str(self.mount.path / name),
            "log": str(self._logs[name]),
            "pad": str(self._pad),
            "scratch": str(scratch),
            "seed": f"{self.plan.seed}/{number}/{name}",
            "large": self.plan.large,
            "files": {path: seen.print for path, seen in self._seen[name].items()},
        }
        path = folder / f"{name}.json"
        path.write_text(json.dumps(spec))
        program = Path(__file__).with_name("soak_worker.py")
        return subprocess.Popen([sys.executable, str(program), str(path)])

    def _recover(self) -> None:
        """Mount again, perhaps killing that one too."""
        while self._random.random() < AGAIN:
            self._start()
            time.sleep(self._random.uniform(0.0, 1.2))
            self.mount.kill()
            self.mount.detach()
            self._keep_journal("recovery")
        self._start()
        self.mount.wait()

    def _settle(self) -> list[dict[str, Any]]:
        """Wait until only drafts are left."""
        drafts = self.mount.settled()
        self.bucket.server.clear_faults()
        self.bucket.server.set_latency(0)
        return drafts

    # Looking

    def _verify(self, killed_at: float) -> int:
        """
        Compare what the mount shows with what may be there; return the operations. Wrong.

        What is shown has to stay, whether it is in the bucket yet or not.
        """
        problems, done = [], 0
        for name, before in self._seen.items():
            replay = Replay(before, is_loose=self.plan.durability == "journal", killed_at=killed_at)
            replay.run(_events(self._logs[name]))
            self._replays[name] = replay
            done += replay.done
            problems += [f"{name}: {fault}" for fault in replay.faults]
            self._seen[name] = self._look(name)
            for problem in replay.problems(self._seen[name]):
                problems.append(f"{name}/{problem}")
                problems += self.told(f"{name}/{problem.split(':')[0]}")
        if problems:
            raise Wrong("\n".join(problems))
        return done

    def _verify_bucket(self, drafts: list[dict[str, Any]]) -> None:
        """Compare the bucket with what the mount shows, and find what is left over. Wrong."""
        problems = [f"left over: {one}" for one in self.mount.leftovers(drafts)]
        shown = {
            f"{name}/{path}": seen.print
            for name, found in self._seen.items()
            for path, seen in found.items()
        }
        stored = self.bucket.objects()
        for key in sorted({*shown, *stored}):
            if shown.get(key) != stored.get(key):
                problems.append(
                    f"{key}: {stored.get(key)} in the bucket, the mount shows {shown.get(key)}"
                )
                problems += self.told(key)
        if problems:
            raise Wrong("\n".join(problems))

    def _verify_a_draft(self, drafts: list[dict[str, Any]]) -> None:
        """Export one draft of this round, and compare it with what was written. Wrong."""
        fresh = [one for one in drafts if one["since_ns"] > self._began_ns]
        self._random.shuffle(fresh)
        for draft in fresh:
            name, _, path = draft["key"].partition("/")
            states = self._replays[name].drafts_of(path)
            if states:
                target = self.work / "exported"
                found = self.mount.exported(draft, target)
                self.totals.exported += 1
                if found not in states:
                    story = "\n".join(self.told(draft["key"]))
                    raise Wrong(f"the draft {draft} holds {found}, not {states}\n{story}")
                return

    def told(self, key: str) -> list[str]:
        """Return the end of the story of a file, by the log of the worker that has it."""
        name, _, path = key.partition("/")
        if name not in self._logs:
            return []
        lines = history(_events(self._logs[name]), path.partition(".conflict-")[0])
        return [f"    {line}" for line in lines[-HISTORY_LINES:]]

    def _look(self, name: str) -> dict[str, Seen]:
        """Read everything below a worker's directory through the mount."""
        top = self.mount.path / name
        seen = {}
        for folder, _, files in os.walk(top):
            for file in files:
                path = Path(folder, file)
                about = path.stat()
                found = self.mount.print(path)
                if about.st_size != found[0]:
                    raise Wrong(f"{path}: stat says {about.st_size}, {found[0]} bytes are read")
                seen[str(path.relative_to(top))] = Seen(
                    found, about.st_mode & 0o777, int(about.st_mtime)
                )
        return seen

    def _end_of_round(self, drafts: list[dict[str, Any]]) -> None:
        """Unmount, killing or in order; discard the drafts at times, before or after it."""
        discards = self._random.choice(("never", "mounted", "unmounted")) if drafts else "never"
        if discards == "mounted":
            self.mount.discard(drafts)
        if self._random.random() < IN_ORDER:
            self.mount.stop()
        else:
            self.mount.kill()
            self.mount.detach()
        if discards == "unmounted":
            self.mount.discard(drafts)
        shutil.rmtree(self.work / "rounds")


def _events(log: Path) -> list[dict[str, Any]]:
    lines = log.read_text().split("\n")
    return [json.loads(line) for line in lines[:-1]]
