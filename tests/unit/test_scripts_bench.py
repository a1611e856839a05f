"""scripts/bench measures what it says; how much is another matter."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parent.parent.parent / "scripts" / "bench.py"


def run(*words):
    """Run it; return what it printed."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *words], capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


def test_numbers_for_programs(tmp_path):
    """Each chapter has its rows; those with a target say whether it is met."""
    found = json.loads(
        run(str(tmp_path), "--json", "--only=requests", "--only=transfers", "--size=8M")
    )

    assert {"requests": 5, "transfers": 5} == {name: len(rows) for name, rows in found.items()}
    for row in [*found["requests"], *found["transfers"]]:
        assert row["value"] > 0
        assert (row["value"] <= row["most"] if row["most"] else None) == row["is_met"]


def test_programs_are_compared(tmp_path):
    """A file goes up and down with each program that is installed."""
    found = json.loads(run(str(tmp_path), "--json", "--only=sdks", "--sdk-size=24M"))["sdks"]

    for who in ("ossfs", "oss2", "v2"):
        assert 6 == sum(row["who"] == who and row["value"] >= 0 for row in found)


def test_it_explains_itself(tmp_path):
    """`--help` says what is measured and how."""
    text = run(str(tmp_path), "--help")

    assert all(word in text for word in ("requests", "transfers", "mounts", "urllib3", "--json"))
