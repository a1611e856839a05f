"""
The same operations in a mount and in a local directory: mode `compare` of scripts/soak.

Each worker has a directory of its own in both. After a round the bucket is mounted anew,
and the trees are compared once more, by the next round before it goes on.
"""

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

from soak_bucket import Bucket
from soak_mount import Mount, Wrong
from soak_rounds import PATIENCE_S, Plan, Totals

OPERATIONS = 250  # of each worker in a round
AMONG_FAULTS = 60  # the same: each failure costs a pause


class Comparison:
    """The rounds of one run."""

    def __init__(self, plan: Plan, work: Path) -> None:
        self.plan = plan
        self.work = work
        self.totals = Totals()
        self.bucket = Bucket(work / "server")
        self.mount = Mount(
            self.bucket, work / "mount", scheme=plan.scheme, durability=plan.durability
        )
        self._folder = work / "rounds"
        self._operations = AMONG_FAULTS if plan.fault_rate else OPERATIONS

    def run(self) -> None:
        """Do all rounds. Wrong: the two are different; the message says in what."""
        try:
            self._make()
            for number in range(1, self.plan.rounds + 1):
                self._round(number)
            self._run(0, operations=0)  # what the last one has left, through a mount that is new
        finally:
            self.mount.end()
            self.bucket.close()

    def _make(self) -> None:
        self._folder.mkdir()
        self.mount.start()
        self.mount.wait()
        for number in range(self.plan.workers):
            (self.mount.path / f"w{number}").mkdir()
            (self.work / f"local/w{number}").mkdir(parents=True)

    def _round(self, number: int) -> None:
        began = time.monotonic()
        self._run(number, operations=self._operations)
        self.bucket.storm(0)
        drafts = self.mount.settled()
        left = self.mount.leftovers(drafts)
        if drafts or left:
            raise Wrong(f"left after everything was closed: {drafts} {left}")
        self.mount.stop()
        self.mount.start("--part-size", "5M" if number % 2 else "8M")
        self.mount.wait()
        self.totals.rounds += 1
        self.totals.operations += self.plan.workers * self._operations
        print(f"round {number}/{self.plan.rounds}: {time.monotonic() - began:.1f} s", flush=True)

    def _run(self, number: int, *, operations: int) -> None:
        self.bucket.storm(self.plan.fault_rate)
        with contextlib.ExitStack() as stack:
            workers = [
                stack.enter_context(self._worker(name, number, operations))
                for name in range(self.plan.workers)
            ]
            try:
                said = [worker.communicate(timeout=PATIENCE_S)[0] for worker in workers]
            except subprocess.TimeoutExpired:
                raise Wrong("a worker hangs") from None
            finally:
                for worker in workers:
                    worker.kill()
        problems = [
            f"w{name}:\n{text}"
            for name, (worker, text) in enumerate(zip(workers, said, strict=True))
            if worker.returncode
        ]
        if problems:
            raise Wrong("\n".join(problems))

    def _worker(self, name: int, number: int, operations: int) -> "subprocess.Popen[str]":
        spec = {
            "mount": str(self.mount.path / f"w{name}"),
            "local": str(self.work / f"local/w{name}"),
            "seed": f"{self.plan.seed}/{number}/{name}",
            "operations": operations,
        }
        path = self._folder / f"w{name}.json"
        path.write_text(json.dumps(spec))
        program = Path(__file__).with_name("soak_twin.py")
        return subprocess.Popen(
            [sys.executable, str(program), str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def told(self, key: str) -> list[str]:
        """Return nothing: each difference comes with what led to it."""
        del key
        return []
