"""`ossfs status`: what was read, asked and kept since the mount began."""

import json
import re
import subprocess
import sys
from collections import defaultdict
from subprocess import PIPE

import pytest

pytestmark = pytest.mark.mounted

WRITER = """
import sys
with open(sys.argv[1], "wb", buffering=0) as file:
    file.write(b"123")
    print("written", flush=True)
    sys.stdin.read()
"""
CONTENT = bytes(range(256)) * 12_000  # 3 MB: several requests


@pytest.fixture
def counters(command):
    """Return what `ossfs status --json` counts for the only mount."""

    def ask():
        (one,) = json.loads(command("status", "--json").stdout)
        return one["counters"]

    return ask


def test_reads_and_requests_are_counted(mounted, seen, counters, command):
    """Bytes received are those of the file, and they are held; nothing is under way."""
    seen.put("f", CONTENT)

    assert CONTENT == (mounted.path / "f").read_bytes()

    told = counters()
    memory = told["memory"]
    assert len(CONTENT) == told["received_bytes"] <= memory["held_bytes"] < memory["budget_bytes"]
    assert (0, 0) == (memory["in_flight_bytes"], memory["evictions"])
    assert memory["hits"] > 0 < memory["misses"]
    assert told["requests"]["get"] >= 2
    assert (None, 0, 0) == (told["disk"], told["retries"], told["given_up"])
    text = command("status").stdout
    assert f"  reads: {memory['hits']} found in memory, {memory['misses']} not; 3.0" in text
    assert "; 3.07 MB received, 0 bytes sent\n" in text


def test_what_is_written_and_tried_again_is_counted(mounted, emulator, counters):
    """A request that failed and was repeated counts as two, and as one tried again."""
    emulator.add_fault("error", operation="PutObject", status=500, count=1)

    (mounted.path / "f").write_bytes(b"12345")

    told = counters()
    assert (2, 1, 5) == (told["requests"]["put"], told["retries"], told["sent_bytes"])


def test_the_disk_cache_is_counted(mounting, seen, tmp_path, counters, command):
    """What was kept is found by the next mount, without a request for bytes."""
    seen.put("f", CONTENT)
    mount = mounting().mount("--cache-dir", tmp_path / "cache")
    (mount.path / "f").read_bytes()
    assert counters()["disk"]["misses"] > 0
    assert 0 == mount.umount().returncode
    mount.mount("--cache-dir", tmp_path / "cache")

    assert CONTENT == (mount.path / "f").read_bytes()

    told = counters()
    assert (0, len(CONTENT)) == (told["received_bytes"], told["disk"]["hit_bytes"])
    assert "fetches spared (3.07 MB)" in command("status").stdout


def test_metrics_for_prometheus(mounted, emulator, command):
    """What each mount counts is printed with its URL and mountpoint, and nothing else."""
    emulator.add_fault("error", operation="PutObject", status=500, count=1)

    (mounted.path / "f").write_bytes(b"12345")

    lines = command("status", "--metrics").stdout.splitlines()
    (known,) = json.loads(command("status", "--json").stdout)
    place = f'mountpoint="{mounted.path}",'
    end = f'url="{known["url"]}"}}'
    again = f'ossfs_retries_total{{{place}operation="put",reason="ServerFault",{end} 1.0'
    assert again in lines
    assert f'ossfs_sent_bytes_total{{{place}operation="put",{end} 5.0' in lines
    assert all(line.startswith(("# HELP ossfs_", "# TYPE ossfs_", "ossfs_")) for line in lines)


def test_metrics_of_caches_and_of_what_is_pending(mounted, command):
    """A file that is being written is pending; what memory could answer is counted, once."""
    (mounted.path / "read").write_bytes(b"12345")
    assert (mounted.path / "read").read_bytes() == b"12345"
    # In a process of its own: one that is begun here closes our files, and closing uploads.
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, mounted.path / "open"], stdin=PIPE, stdout=PIPE
    ) as writer:
        writer.stdout.readline()
        values = [_values(command("status", "--metrics").stdout) for _ in range(2)]
        writer.stdin.close()

    assert values[0]["ossfs_memory_bytes"]["budget"] > 0
    assert values[1]["ossfs_memory_reads_total"] == values[0]["ossfs_memory_reads_total"]
    assert sum(values[1]["ossfs_memory_reads_total"].values()) > 0
    assert {"waiting": 1, "uploading": 0, "failed": 0, "conflict": 0, "draft": 0, "lost": 0} == (
        values[1]["ossfs_pending_files"]
    )
    assert values[1]["ossfs_pending_bytes"]["waiting"] == 3
    assert "ossfs_disk_cache_bytes" not in values[1]


def _values(text):
    """Return the values of metrics with one label of their own."""
    found = defaultdict(dict)
    for name, labels, value in re.findall(r"^(ossfs_\w+){(.*)} (\S+)$", text, re.MULTILINE):
        own = [pair for pair in labels.split(",") if not pair.startswith(("mountpoint=", "url="))]
        if len(own) == 1:
            found[name][own[0].split('"')[1]] = float(value)
    return found


def test_metrics_without_a_mount(command):
    """There are none: the text is empty, not a sentence that Prometheus cannot read."""
    done = command("status", "--metrics")

    assert (0, "") == (done.returncode, done.stdout)
