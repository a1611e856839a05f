"""scripts/bench does its work through a real mount; how fast is another matter."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.mounted

SCRIPT = Path(__file__).parent.parent.parent / "scripts" / "bench.py"


def test_everything_is_done_through_a_mount(tmp_path):
    """Each kind of work has its number, and every byte that was read was right."""
    words = ["--json", "--only=mounts", "--programs=ossfs", "--size=8M", "--files=20", "--runs=1"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path), *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["mounts"]
    assert len(rows) == 10
    assert [row for row in rows if row["note"] or not row["value"] > 0] == []
    assert not os.path.ismount(tmp_path / "mounts" / "mnt-ossfs")
