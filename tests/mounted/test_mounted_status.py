"""`ossfs status`: what was read, asked and kept since the mount began."""

import json

import pytest

pytestmark = pytest.mark.mounted

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


def test_metrics_without_a_mount(command):
    """There are none: the text is empty, not a sentence that Prometheus cannot read."""
    done = command("status", "--metrics")

    assert (0, "") == (done.returncode, done.stdout)
