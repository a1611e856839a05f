"""Tokens that end, or are taken back, while objects are on their way: nobody notices."""

import json
import shlex
import sys
import threading
import time

import pytest

from ossfs.clock import SystemClock
from ossfs.config import resolve
from ossfs.connecting import credentials_for, open_store, transport_options
from ossfs.emulator.process import EmulatorProcess
from ossfs.emulator.settings import Secret
from ossfs.errors import CredentialsExpired, InvalidCredentials
from ossfs.store.api import BytesBody, Headers
from ossfs.store.credentials import Credentials, FixedCredentials
from ossfs.store.transport import HttpTransport

LIFE_S = 600
AFTER_ITS_END_S = 700  # less than the 15 minutes by which clocks may differ
PART = bytes(100 << 10)
FIRST = Credentials("STS.first", "first-secret", "first-token")
SECOND = Credentials("STS.second", "second-secret", "second-token")


@pytest.fixture
def server(tmp_path):
    """Start a server that knows two temporary keys; the first one ends."""
    keys = {
        FIRST.key_id: Secret(FIRST.secret, FIRST.token, time.time() + LIFE_S),
        SECOND.key_id: Secret(SECOND.secret, SECOND.token),
    }
    with EmulatorProcess(tmp_path / "server", credentials=keys, buckets=["bucket"]) as running:
        yield running


class Issuer:
    """A command that prints what is in a file, and notes each time that it is run."""

    def __init__(self, folder):
        self._file = folder / "issued.json"
        self._runs = folder / "runs"
        self._runs.touch()
        program = (
            "import pathlib, sys; file, runs = map(pathlib.Path, sys.argv[1:]);"
            "runs.open('a').write('x'); print(file.read_text())"
        )
        words = [sys.executable, "-c", program, str(self._file), str(self._runs)]
        self.command = shlex.join(words)

    @property
    def runs(self):
        return len(self._runs.read_text())

    def issue(self, credentials, **more):
        self._file.write_text(
            json.dumps(
                {
                    "AccessKeyId": credentials.key_id,
                    "AccessKeySecret": credentials.secret,
                    "SecurityToken": credentials.token,
                    **more,
                }
            )
        )


@pytest.fixture
def issuer(tmp_path):
    made = Issuer(tmp_path)
    made.issue(FIRST)
    return made


class MovableClock(SystemClock):
    """The machine's clock, some seconds ahead."""

    ahead_s = 0

    def now_ns(self):
        return super().now_ns() + self.ahead_s * 10**9

    def monotonic(self):
        return super().monotonic() + self.ahead_s


@pytest.fixture
def clock():
    return MovableClock()


@pytest.fixture
def opened(server, issuer, clock):
    """Open the bucket; return the store."""
    transports = []

    def open_with(credentials=None):
        flags = {"endpoint": server.endpoint, "credential_process": issuer.command}
        config = resolve("oss://bucket", flags=flags | {"signature_version": "v4"})
        network = transport_options(config.store, {}, connections=8)
        transports.append(HttpTransport(network))
        credentials = credentials or credentials_for(config, network, clock, {})
        return open_store(config, transports[-1], credentials, clock)

    yield open_with
    for transport in transports:
        transport.close()


def end_first(server, issuer):
    """Let the first token end, as nobody foresaw; from now on the second is issued."""
    issuer.issue(SECOND)
    server.set_clock_offset(AFTER_ITS_END_S)


def test_a_token_ends_during_an_upload(server, issuer, opened):
    """The parts that follow are sent with the next one, and so is Complete."""
    store = opened()
    upload_id = store.create_upload("big", Headers())
    parts = [store.upload_part("big", upload_id, 1, BytesBody(PART))]

    end_first(server, issuer)
    parts += [store.upload_part("big", upload_id, n, BytesBody(PART)) for n in (2, 3)]
    store.complete_upload("big", upload_id, parts)

    assert 3 * len(PART) == store.head("big").size
    assert 2 == issuer.runs


@pytest.mark.parametrize("method", ["get", "head", "list", "put", "delete"])
def test_any_request_may_be_the_first_to_be_refused(server, issuer, opened, method):
    """Whatever is asked first, HEAD with its hidden code too."""
    store = opened()
    store.put("k", BytesBody(b"bytes"), Headers())
    end_first(server, issuer)

    if method == "put":
        store.put("k", BytesBody(b"other"), Headers())
    elif method == "list":
        assert ["k"] == [one.key for one in store.list().objects]
    else:
        getattr(store, method)("k")

    assert 2 == issuer.runs


def test_many_are_refused_at_once_and_one_renews(server, issuer, opened):
    """Eight threads find out together; the command is run once more."""
    store = opened()
    store.put("k", BytesBody(b"bytes"), Headers())
    end_first(server, issuer)
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(bytes(store.get("k").data)))
        for _ in range(8)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [b"bytes"] * 8 == results
    assert 2 == issuer.runs


def test_a_key_that_is_taken_back(server, issuer, opened, clock):
    """A key that the store does not know any more is renewed, too."""
    issuer.issue(Credentials("STS.gone", "x", "y"))
    store = opened()
    with pytest.raises(InvalidCredentials):
        store.list()
    assert 2 == issuer.runs  # once to begin with, once because it was refused

    issuer.issue(SECOND)
    clock.ahead_s = 2  # the issuer's answer stands for a second
    assert [] == list(store.list().objects)


def test_without_another_the_refusal_is_final(server, issuer, opened):
    """The request is not sent again."""
    store = opened()
    store.list()
    server.set_clock_offset(AFTER_ITS_END_S)
    server.reset_stats()

    with pytest.raises(CredentialsExpired):
        store.list()

    assert 1 == server.requests()


def test_fixed_ones_are_not_tried_again(server, opened):
    """They stay what they are."""
    store = opened(FixedCredentials(FIRST))
    server.set_clock_offset(AFTER_ITS_END_S)

    with pytest.raises(CredentialsExpired):
        store.list()

    assert 1 == server.requests()


def test_an_end_that_was_told_costs_no_refused_request(server, issuer, opened, clock):
    """They are renewed ahead of it: the server never sees what has ended."""
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + LIFE_S))
    issuer.issue(FIRST, Expiration=end)
    store = opened()
    store.list()

    issuer.issue(SECOND)
    for ahead_s in (LIFE_S - 30, AFTER_ITS_END_S):
        clock.ahead_s = ahead_s
        server.set_clock_offset(ahead_s)
        store.list()

    assert {} == server.stats()["errors"]
    assert 2 == issuer.runs
