"""
Puts a mount under load for long, and verifies every byte; `scripts/soak` runs it.

kill      workers copy, edit, append, truncate, rename, unlink, rsync … through a mount of
          the embedded server; the mount process is killed at a random moment, also while
          it recovers from the kill before; then everything that had been closed or synced
          must be there, through the mount and in the bucket, and nothing be left over

compare   workers do the same, some twenty kinds of operations, in a mount and in a local
          directory; results and errnos are compared after each, everything after a remount

The first thing that is wrong ends the run: what happened to the file is printed, and
folders and logs are kept. Exit code 0: nothing was wrong.
"""

import argparse
import random
import shutil
import sys
import tempfile
from pathlib import Path

from soak_compare import Comparison
from soak_mount import Wrong
from soak_rounds import Plan, Soak

from ossfs.config.kinds import parse_size

MOST_RATE = 0.5  # above, the deadline of a request is met by chance only


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--mode", choices=("kill", "compare"), default="kill")
    parser.add_argument("--rounds", type=int, default=100, help="default: 100")
    parser.add_argument("--seed", type=int, help="repeat a run's choices (not its moments)")
    parser.add_argument("--workers", type=int, default=5, help="default: 5")
    parser.add_argument("--durability", choices=("close", "journal"), default="close")
    parser.add_argument("--scheme", choices=("oss", "s3", "tos"), default="oss")
    parser.add_argument(
        "--fault-rate", type=float, default=0.0, help="share of requests that fail, up to 0.5"
    )
    parser.add_argument(
        "--large", type=parse_size, default="40M", help="largest file (default: 40M)"
    )
    parser.add_argument(
        "--longest", type=float, default=2.5, help="seconds of load in a round (default: 2.5)"
    )
    return parser.parse_args()


def main() -> int:
    """Run what was asked for."""
    arguments = _arguments()
    seed = random.randrange(1 << 32) if arguments.seed is None else arguments.seed
    plan = Plan(
        rounds=arguments.rounds,
        seed=seed,
        workers=arguments.workers,
        durability=arguments.durability,
        scheme=arguments.scheme,
        fault_rate=min(arguments.fault_rate, MOST_RATE),
        large=arguments.large,
        longest_s=arguments.longest,
    )
    print(f"seed {seed}: {plan}", flush=True)
    kind = Soak if arguments.mode == "kill" else Comparison
    soak = kind(plan, arguments.work)
    try:
        soak.run()
    except Wrong as error:
        kept = Path(tempfile.gettempdir(), f"ossfs-soak-failed-{seed}")
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(arguments.work, kept, symlinks=True, ignore=_not_needed)
        print(f"seed {seed}, round {soak.totals.rounds + 1}: {error}")
        print("\n".join(line for key in error.keys for line in soak.told(key)))
        print(f"kept: {kept}")
        return 1
    print(soak.totals)
    return 0


def _not_needed(_: str, names: list[str]) -> set[str]:
    return {"pad", "mnt", "control.sock"} & set(names)


if __name__ == "__main__":
    sys.exit(main())
