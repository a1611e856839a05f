"""`ossfs serve`: what it prints, how it ends, what it says when it cannot start."""

import os
import re
import signal
import socket
import subprocess
import sys

import pytest
from click.testing import CliRunner

from ossfs.cli.serve import serve

RUN = "from ossfs.cli.serve import serve; serve()"


def started(*arguments, **environment):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("OSS_")}
    return subprocess.Popen(
        [sys.executable, "-u", "-c", RUN, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env=clean | environment,
    )


def greeting(process):
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C" in line:
            break
    return "".join(lines)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_greets_serves_and_stops(tmp_path, number):
    """Endpoint, demo key and a mount command are printed; Ctrl-C ends it in order."""
    with started(tmp_path / "new", "--port", 0, "--bucket", "demo") as process:
        told = greeting(process)
        port = int(re.search(r"http://127\.0\.0\.1:(\d+)", told)[1])
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET /demo HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"403" in client.recv(100)
        process.send_signal(number)
        assert (0, "stopped\n") == (process.wait(), process.stdout.read())

    assert "OSS_ACCESS_KEY_ID=LTAIdemoAccessKeyId" in told
    assert f"ossfs mount oss://demo DIR --endpoint http://127.0.0.1:{port}" in told


def test_a_host_name_can_be_bound_to_a_bucket(tmp_path):
    """Then nothing else in the request names the bucket."""
    with started(tmp_path, "--port", 0, "--bucket", "demo", "--cname", "Data.example=demo") as one:
        port = int(re.search(r"http://127\.0\.0\.1:(\d+)", greeting(one))[1])
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET /k HTTP/1.1\r\nHost: data.example\r\n\r\n")
            answer = client.recv(4096)
        one.terminate()
        assert "stopped\n" == one.stdout.read()

    assert b"<BucketName>demo</BucketName>" in answer


@pytest.mark.parametrize("bound", ["data.example", "=demo", "data.example="])
def test_a_binding_needs_both_ends(tmp_path, bound):
    """HOST=BUCKET."""
    result = CliRunner().invoke(serve, [str(tmp_path), "--cname", bound])

    assert 2 == result.exit_code
    assert "HOST=BUCKET" in result.output


def test_keys_of_the_environment_are_used_and_not_printed(tmp_path):
    """A real secret does not reach the terminal."""
    key = {"OSS_ACCESS_KEY_ID": "mine", "OSS_ACCESS_KEY_SECRET": "hidden"}
    with started(tmp_path, "--port", 0, **key) as process:
        told = greeting(process)
        process.terminate()
        assert "stopped\n" == process.stdout.read()

    assert "OSS_ACCESS_KEY_ID" in told
    assert "hidden" not in told


def test_a_taken_port_is_named(tmp_path):
    """With what to do about it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = CliRunner().invoke(serve, [str(tmp_path), "--port", str(port)])

    assert 1 == done.exit_code
    assert f"port {port} of 127.0.0.1 is taken" in done.output
    assert "--port" in done.output


def test_an_unusable_directory_is_named(tmp_path):
    """A directory below a file cannot be made."""
    (tmp_path / "file").touch()

    done = CliRunner().invoke(serve, [str(tmp_path / "file" / "below"), "--port", "0"])

    assert 1 == done.exit_code
    assert str(tmp_path / "file" / "below") in done.output


def test_an_illegal_bucket_name_is_explained(tmp_path):
    """Before anything is served."""
    done = CliRunner().invoke(serve, [str(tmp_path), "--port", "0", "--bucket", "No_Bucket"])

    assert 2 == done.exit_code
    assert "3 to 63" in done.output


def test_a_missing_aiohttp_is_explained(tmp_path, monkeypatch):
    """The extra is named."""
    monkeypatch.setitem(sys.modules, "aiohttp", None)

    done = CliRunner().invoke(serve, [str(tmp_path)])

    assert 1 == done.exit_code
    assert "ossfs-mount[emulator]" in done.output


def test_help_explains(tmp_path):
    """--help says what it is for, and shows how."""
    done = CliRunner().invoke(serve, ["--help"])

    assert "until Ctrl-C" in done.output
    assert "\n    ossfs serve /tmp/objects --bucket demo\n" in done.output
