"""Objects that a mount does not show are listed by a command."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.mounted


def names(*words):
    """Run the command."""
    command = [sys.executable, "-m", "ossfs", "names", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_what_a_mount_does_not_show(mounted, seen):
    """By the path of a directory in a mount, and by URL."""
    for key in ("d//nameless", "d/./dot", "d/both", "d/both/x", "d/plain", "other"):
        seen.put(key, b"x")
    url = ("--endpoint", mounted.server.endpoint, f"oss://{mounted.bucket}/d/")

    for words in ((mounted.path / "d",), url):
        done = names("--json", *words)
        assert 3 == done.returncode, done.stderr
        assert ["d/./dot", "d//nameless", "d/both"] == [
            one["key"] for one in json.loads(done.stdout)
        ]
    assert ["both", "plain"] == sorted(path.name for path in (mounted.path / "d").iterdir())
    for key in ("d//nameless", "d/./dot", "d/both"):
        seen.delete(key)
    done = names(*url)
    assert (0, "", "0 of 2 objects are not shown\n") == (done.returncode, done.stdout, done.stderr)
