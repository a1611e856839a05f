"""
What every test may use, and what every test is held to.

Held to, without asking: a log record of WARNING or above that the test did not expect
fails it (`expect_log`), and threads, file descriptors and FUSE mounts are back to where
they were.

To use: `state_home`, `emulator`, `bucket_name`, `cloud_environment`.
"""

import base64
import ctypes
import email.utils
import gc
import hashlib
import hmac
import http.client
import itertools
import logging
import os
import re
import threading
import time
from pathlib import Path

import pytest

GRACE_S = 3.0  # for threads that are ending and connections that are closing
_numbers = itertools.count(1)


@pytest.fixture
def state_home(tmp_path, monkeypatch):
    """Make a home for state folders that is nobody else's; return its `ossfs`."""
    home = tmp_path / "state-home"
    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    return home / "ossfs"


class ExpectedLogs(logging.Handler):
    """Collects warnings and errors of ossfs, and knows which the test asked for."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.seen = []
        self.expected = []

    def emit(self, record):
        self.seen.append(f"{record.levelname} {record.name}: {record.getMessage()}")

    def __call__(self, pattern):
        """Allow records in which `pattern` (a regular expression) is found, and demand one."""
        self.expected.append(pattern)

    def check(self):
        for pattern in self.expected:
            assert any(re.search(pattern, line) for line in self.seen), f"not logged: {pattern}"
        surprises = [
            line for line in self.seen if not any(re.search(one, line) for one in self.expected)
        ]
        assert [] == surprises, "logged, but not expected (see the fixture expect_log)"


@pytest.fixture(autouse=True)
def expect_log():
    """Call it with a regular expression for each warning or error the test provokes."""
    expected = ExpectedLogs()
    logger = logging.getLogger("ossfs")
    before = logger.level, logger.propagate
    logger.addHandler(expected)
    yield expected
    logger.removeHandler(expected)
    logger.setLevel(before[0])
    logger.propagate = before[1]
    expected.check()


def _threads():
    return {thread for thread in threading.enumerate() if thread.is_alive()}


def _descriptors():
    found = set()
    for fd in Path("/proc/self/fd").iterdir():
        try:
            found.add((fd.name, str(fd.readlink())))
        except FileNotFoundError:
            continue  # the one of iterdir itself
    return found


def _mounts_below(folder):
    """Return the mounts of this run: others on this machine are nobody's business here."""
    lines = Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
    return {path for path in (line.split(" ")[4] for line in lines) if path.startswith(folder)}


# Written by the tools that watch the tests, not by the tests.
TOOLS = re.compile(r"/\.coverage|/\.hypothesis/|/\.pytest_cache/")


def _left_behind(looks, before):
    left = {}
    for name, look in looks.items():
        new = {one for one in look() - before[name] if not TOOLS.search(str(one))}
        if new:
            left[name] = new
    return left


@pytest.fixture(autouse=True)
def nothing_left_behind(tmp_path_factory):
    """After the test, what it started has ended; a short grace lets endings finish."""
    folder = f"{tmp_path_factory.getbasetemp().resolve()}/"
    looks = {
        "threads": _threads,
        "descriptors": _descriptors,
        "mounts": lambda: _mounts_below(folder),
    }
    before = {name: look() for name, look in looks.items()}
    yield
    left = _left_behind(looks, before)
    give_up = time.monotonic() + GRACE_S
    while left and time.monotonic() < give_up:
        gc.collect()
        time.sleep(0.02)
        left = _left_behind(looks, before)
    for mountpoint in left.get("mounts", ()):
        ctypes.CDLL(None).umount2(os.fsencode(mountpoint), 2)  # MNT_DETACH: not for the next test
    assert {} == left, "left behind by the test"


@pytest.fixture(scope="session")
def emulator(tmp_path_factory):
    """Start the embedded server, in a process of its own, admin endpoint on, for all tests."""
    from ossfs.emulator.process import EmulatorProcess  # noqa: PLC0415  # few tests need it

    with EmulatorProcess(tmp_path_factory.mktemp("emulator")) as server:
        yield server


@pytest.fixture
def bucket_name(emulator):
    """Make a bucket that no other test uses; faults and counters begin anew with it."""
    emulator.clear_faults()
    emulator.reset_stats()
    emulator.set_latency(0)
    emulator.set_clock_offset(0)
    name = f"bucket-{next(_numbers)}"
    make_bucket(emulator, name)
    return name


def make_bucket(emulator, name):
    """Create a bucket with a request signed by hand (V1), without any client of ours."""
    date = email.utils.formatdate(usegmt=True)
    to_sign = f"PUT\n\n\n{date}\n/{name}/"
    mac = hmac.new(emulator.secret.encode(), to_sign.encode(), hashlib.sha1).digest()
    signature = f"OSS {emulator.key_id}:{base64.b64encode(mac).decode()}"
    connection = http.client.HTTPConnection(emulator.host, emulator.port, timeout=30)
    try:
        connection.request("PUT", f"/{name}/", headers={"Date": date, "Authorization": signature})
        answer = connection.getresponse()
        assert 200 == answer.status, answer.read()
        answer.read()
    finally:
        connection.close()


@pytest.fixture
def cloud_environment(emulator, monkeypatch):
    """Put the server's credentials into the environment, where ossfs looks for them."""
    monkeypatch.setenv("OSS_ACCESS_KEY_ID", emulator.key_id)
    monkeypatch.setenv("OSS_ACCESS_KEY_SECRET", emulator.secret)
    monkeypatch.delenv("OSS_SESSION_TOKEN", raising=False)


def pytest_collection_modifyitems(items):
    """Skip what needs FUSE where there is none; where CI is set, that fails instead."""
    if Path("/dev/fuse").exists() or os.environ.get("CI"):
        return
    for item in items:
        if item.get_closest_marker("mounted"):
            item.add_marker(pytest.mark.skip(reason="/dev/fuse is missing"))
