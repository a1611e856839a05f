"""SIGKILL at any moment: what was answered is there, what was not is there whole or not at all."""

import itertools
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ossfs.emulator.process import EmulatorProcess
from ossfs.emulator.settings import Secret


@pytest.fixture
def own_server(tmp_path):
    with EmulatorProcess(tmp_path, buckets=["bucket"]) as server:
        yield server


def blobs(directory):
    return sum(path.is_file() for path in (directory / "blobs").rglob("*"))


def test_a_half_received_object_is_never_seen(tmp_path, own_server, wire_to):
    """Killed in the middle of a PUT, the old object stays and no file is left over."""
    wire = wire_to(own_server, "bucket")
    wire("PUT", "k", body=b"old")
    connection = wire_to(own_server, "bucket").connection
    headers = wire.signed("PUT", "k", headers={"Content-Length": str(10 << 20)})
    connection.request("PUT", wire.target("k"), b"x" * (5 << 20), headers)
    while own_server.stats()["bytes_in"] < 5 << 20:
        pass
    assert blobs(tmp_path) == 2

    own_server.kill()
    own_server.restart()

    wire.connection.close()
    assert b"old" == wire("GET", "k").body
    assert blobs(tmp_path) == 1


def test_complete_happens_whole_or_not_at_all(tmp_path, wire_to):
    """Killed during a Complete: either the object is there, or the upload with all parts."""
    bodies = [b"%03d" % number for number in range(1, 301)]  # many: the change takes a while
    with EmulatorProcess(tmp_path, buckets=["bucket"], limits={"min_part": 1}) as server:
        for number in range(8):
            key, wire = f"k{number}", wire_to(server, "bucket")
            begun = wire("POST", key, query={"uploads": ""})
            upload = re.search(b"<UploadId>(.*?)</UploadId>", begun.body)[1].decode()
            for part, body in enumerate(bodies, 1):
                query = {"uploadId": upload, "partNumber": str(part)}
                assert 200 == wire("PUT", key, query=query, body=body).status
            headers = {"x-oss-complete-all": "yes", "Content-Length": "0"}
            signed = wire.signed("POST", key, {"uploadId": upload}, headers)
            wire.connection.request("POST", wire.target(key, {"uploadId": upload}), headers=signed)
            for _ in range(number * 4):  # a later moment each time
                os.sched_yield()

            server.kill()
            server.restart()

            after = wire_to(server, "bucket")
            got = after("GET", key)
            parts = after("GET", key, query={"uploadId": upload})
            if got.status == 200:
                assert (b"".join(bodies), 404) == (got.body, parts.status)
            else:
                assert (404, 300) == (got.status, parts.body.count(b"<Part>"))


def test_answered_puts_survive(own_server, wire_to):
    """Every PUT that was answered before the kill is there after it."""
    answered = []

    def put_many(name):
        wire = wire_to(own_server, "bucket")
        try:
            for number in itertools.count():
                key = f"{name}-{number}"
                if wire("PUT", key, body=key.encode() * 1000).status == 200:
                    answered.append(key)
        except OSError:
            pass  # the server is gone

    threads = [threading.Thread(target=put_many, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    while len(answered) < 50:
        pass
    own_server.kill()
    for thread in threads:
        thread.join()
    own_server.start()

    wire = wire_to(own_server, "bucket")
    assert all(key.encode() * 1000 == wire("GET", key).body for key in answered)


def test_the_server_ends_with_its_parent(tmp_path):
    """A killed test run leaves no server behind."""
    program = (
        "import os, signal, sys\n"
        "from ossfs.emulator.process import EmulatorProcess\n"
        "print(EmulatorProcess(sys.argv[1]).pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE, check=False
    )
    pid = int(done.stdout)

    # Its directory can be served again only when it is gone; wait for that, not for time.
    try:
        while "ossfs.emulator" in Path(f"/proc/{pid}/cmdline").read_text():
            os.sched_yield()
    except OSError:
        pass  # gone
    with EmulatorProcess(tmp_path):
        pass


def test_two_servers_do_not_share_a_directory(tmp_path, own_server, capfd):
    """The second one says why it does not start."""
    with pytest.raises(RuntimeError):
        EmulatorProcess(tmp_path)

    assert "another server uses the directory" in capfd.readouterr().err
    assert own_server.stats()["requests"] == 0


def test_temporary_credentials(tmp_path, wire_to):
    """A key with a token needs it; an ended one says so; each key works beside the others."""
    credentials = {
        "plain": "s1",
        "sts": Secret("s2", "token"),
        "ended": Secret("s3", "token", 1.0),
    }
    with EmulatorProcess(tmp_path, credentials=credentials, buckets=["bucket"]) as server:
        assert ("plain", "s1") == (server.key_id, server.secret)
        wire = wire_to(server, "bucket")
        answers = []
        for key_id, token in (("plain", ""), ("sts", "token"), ("sts", ""), ("ended", "token")):
            server.key_id, server.secret = key_id, server.credentials[key_id].secret
            headers = {"x-oss-security-token": token} if token else {}
            answer = wire("GET", headers=headers)
            answers.append((answer.status, re.findall(b"<Code>(.*?)</Code>", answer.body)))

    assert [
        (200, []), (200, []), (403, [b"InvalidSecurityToken"]), (403, [b"SecurityTokenExpired"]),
    ] == answers  # fmt: skip


def test_limits_can_be_lowered(tmp_path, wire_to):
    """A test of what happens at a limit needs few bytes."""
    limits = {"max_put": 1000, "min_part": 10}
    with EmulatorProcess(tmp_path, limits=limits, buckets=["bucket"]) as server:
        wire = wire_to(server, "bucket")
        assert 200 == wire("PUT", "k", body=b"x" * 1000).status
        assert b"EntityTooLarge" in wire("PUT", "k", body=b"x" * 1001).body
        chunked = wire("PUT", "k", body=(b"x" * 501 for _ in range(2)))
        assert b"EntityTooLarge" in chunked.body


def test_host_names_as_the_service_has_them(tmp_path, wire_to):
    """Bound names and endpoints of one's own; no path style on a named endpoint."""
    options = ["--domain=oss.test", "--cname=files.example.com=bucket", "--no-path-style"]
    with EmulatorProcess(tmp_path, buckets=["bucket"], options=options) as server:
        wire = wire_to(server, "bucket")
        wire("PUT", "k", body=b"x")
        headers = wire.signed("GET", "k")

        bound = wire.raw("GET", "/k", {**headers, "Host": "files.example.com"})
        virtual = wire.raw("GET", "/k", {**headers, "Host": "bucket.oss.test:80"})
        path = wire.raw("GET", "/bucket/k", {**headers, "Host": "oss.test"})

    assert (b"x", b"x") == (bound.body, virtual.body)
    assert 403 == path.status
    assert b"SecondLevelDomainForbidden" in path.body
