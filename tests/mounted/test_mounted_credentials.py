"""What a mount shows and keeps holds no secret, even while tokens end under its feet."""

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ossfs.emulator.process import EmulatorProcess
from ossfs.emulator.settings import Secret

pytestmark = pytest.mark.mounted

LIFE_S = 600
AFTER_ITS_END_S = 700
KEYS = {
    "STS.first": Secret("xyzzy-secret-1", "xyzzy-token-1", time.time() + LIFE_S),
    "STS.second": Secret("xyzzy-secret-2", "xyzzy-token-2"),
}
MIB = 1 << 20


@pytest.fixture
def server(tmp_path):
    with EmulatorProcess(tmp_path / "server", credentials=KEYS, buckets=["bucket"]) as running:
        yield running


def issue(file, key_id):
    """Let the credential process print another key from now on."""
    key = KEYS[key_id]
    told = {"AccessKeyId": key_id, "AccessKeySecret": key.secret, "SecurityToken": key.token}
    file.write_text(json.dumps(told))


def everything_of(mount):
    """Yield a name and the bytes of all that a mount leaves where others could find it."""
    for path in mount.state.rglob("*"):
        if path.is_file() and not path.is_socket():
            yield path.name, path.read_bytes()
    process = Path(f"/proc/{mount.pid}")
    yield "arguments", (process / "cmdline").read_bytes()
    yield "environment", (process / "environ").read_bytes()
    for words in (["status", "--json"], ["uploads", "list", "--json"]):
        done = subprocess.run(
            [sys.executable, "-m", "ossfs", *words], capture_output=True, check=False
        )
        yield " ".join(words), done.stdout + done.stderr


def test_a_token_ends_while_files_are_written(server, mounting, tmp_path, monkeypatch):
    """Nothing fails, nothing is lost, and no secret is in anything that the mount leaves."""
    monkeypatch.delenv("OSS_ACCESS_KEY_ID")
    monkeypatch.delenv("OSS_ACCESS_KEY_SECRET")
    issued = tmp_path / "issued.json"
    issue(issued, "STS.first")
    content = os.urandom(12 * MIB)
    command = f"cat {shlex.quote(str(issued))}"
    mount = mounting(server, "bucket").mount(
        "--credential-process", command, "--log-level", "debug"
    )
    (mount.path / "small").write_bytes(b"before")

    with (mount.path / "big").open("wb") as file:
        file.write(content[: 9 * MIB])
        file.flush()
        issue(issued, "STS.second")
        server.set_clock_offset(AFTER_ITS_END_S)
        file.write(content[9 * MIB :])

    assert content == (mount.path / "big").read_bytes()
    assert b"before" == (mount.path / "small").read_bytes()
    seen = dict(everything_of(mount))
    assert {"mount.log", "journal.db", "arguments", "status --json"} <= seen.keys()
    assert [] == [name for name, data in seen.items() if b"xyzzy" in data]
    done = mount.umount()
    assert 0 == done.returncode
    assert "xyzzy" not in done.stdout + done.stderr


def test_a_refused_mount_says_nothing_of_the_secret(server, mounting, tmp_path):
    """Neither at the terminal nor in what is left behind."""
    file = tmp_path / "passwd"
    file.write_text("STS.second:xyzzy-wrong\n")
    file.chmod(0o600)
    mount = mounting(server, "bucket")

    done = mount.try_mount("--credentials-file", file, "--log-level", "debug")

    assert 1 == done.returncode
    assert "InvalidSecurityToken" in done.stderr or "SignatureDoesNotMatch" in done.stderr
    left = [path.read_bytes() for path in mount.state.rglob("*") if path.is_file()]
    assert not any(b"xyzzy" in data for data in [done.stderr.encode(), *left])
