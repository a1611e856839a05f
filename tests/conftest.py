"""
What every test may use, and what every test is held to.

Held to, without asking: a log record of WARNING or above that the test did not expect
fails it (`expect_log`), and threads, file descriptors and FUSE mounts are back to where
they were.

To use: `state_home`, `emulator`, `bucket_name`, `cloud_environment`, `seen` (the bucket, by
requests signed by hand), `mounting` (mounts a bucket as a user does).
"""

import base64
import contextlib
import ctypes
import email.utils
import gc
import hmac
import http.client
import itertools
import json
import logging
import os
import re
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest

from ossfs.errors import MountFailed
from ossfs.fusefs.libraries import choose

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
    emulator.set_restore_time(0)
    name = f"bucket-{next(_numbers)}"
    make_bucket(emulator, name)
    return name


def make_bucket(emulator, name):
    """Create a bucket with a request signed by hand (V1), without any client of ours."""
    ServerView(emulator, name).request("PUT")


class ServerView:
    """What a bucket holds, asked with requests signed by hand: no client of ours is between."""

    def __init__(self, server, bucket):
        self._server = server
        self._bucket = bucket

    def request(self, method, key="", query="", headers=None, body=None):
        """Send one request; return (headers, body). AssertionError unless it is answered 2xx."""
        date = email.utils.formatdate(usegmt=True)
        own = {"Date": date, "Content-Type": "", **(headers or {})}
        lines = [method, "", own["Content-Type"], date]
        lines += sorted(f"{n.lower()}:{v}" for n, v in own.items() if n.lower().startswith("x-oss"))
        is_signed = query.partition("=")[0] in {"uploads", "uploadId", "partNumber", "symlink"}
        subresource = f"?{query}" if is_signed else ""
        to_sign = "\n".join([*lines, f"/{self._bucket}/{key}{subresource}"])
        mac = hmac.digest(self._server.secret.encode(), to_sign.encode(), "sha1")
        own["Authorization"] = f"OSS {self._server.key_id}:{base64.b64encode(mac).decode()}"
        target = f"/{self._bucket}/{quote(key, safe='')}" + (f"?{query}" if query else "")
        connection = http.client.HTTPConnection(self._server.host, self._server.port, timeout=60)
        try:
            connection.request(method, target, body, own)
            answer = connection.getresponse()
            content = answer.read()
            assert answer.status // 100 == 2, (method, target, answer.status, content)
            return answer.headers, content
        finally:
            connection.close()

    def put(self, key, content, **metadata):
        """Store an object as another client would."""
        headers = {f"x-oss-meta-{name}": value for name, value in metadata.items()}
        self.request("PUT", key, headers=headers, body=content)

    def get(self, key):
        """Return an object's bytes."""
        return self.request("GET", key)[1]

    def crc64(self, key):
        """Return the CRC-64 the server has for an object."""
        return int(self.request("HEAD", key)[0]["x-oss-hash-crc64ecma"])

    def size(self, key):
        """Return an object's size in bytes."""
        return int(self.request("HEAD", key)[0]["Content-Length"])

    def delete(self, key):
        """Delete an object as another client would."""
        self.request("DELETE", key)

    def keys(self, prefix=""):
        """Return the keys of all objects that begin with something (up to 1000)."""
        query = f"max-keys=1000&prefix={quote(prefix)}"
        tree = ET.fromstring(self.request("GET", query=query)[1])
        return [one.findtext("Key") for one in tree.iter("Contents")]

    def uploads(self):
        """Return the keys of the multipart uploads that are neither completed nor aborted."""
        return [key for key, _ in self._uploads()]

    def _uploads(self):
        tree = ET.fromstring(self.request("GET", query="uploads")[1])
        return [(one.findtext("Key"), one.findtext("UploadId")) for one in tree.iter("Upload")]

    def parts(self):
        """Return the numbers of the parts of the only upload (up to 1000); empty: no upload."""
        for key, upload_id in self._uploads():
            tree = ET.fromstring(self.request("GET", key, f"uploadId={upload_id}")[1])
            return [int(one.findtext("PartNumber")) for one in tree.iter("Part")]
        return []


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


@pytest.fixture
def seen(emulator, bucket_name):
    """Return the bucket as the server has it."""
    return ServerView(emulator, bucket_name)


def run_ossfs(*words, timeout=120, **environment):
    """Run the command as a user does; return the finished process."""
    return subprocess.run(
        [sys.executable, "-m", "ossfs", *(str(word) for word in words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        env={**os.environ, **environment},
    )


class Mounting:
    """One bucket at one mount point, mounted by the command, as often as the test likes."""

    def __init__(self, server, bucket, folder, libfuse):
        self.server = server
        self.bucket = bucket
        self.libfuse = libfuse
        self.scheme = "oss"
        self.path = folder / "mnt"
        self.state = folder / "state"
        self.path.mkdir()

    def mount(self, *options):
        """Mount it; AssertionError with what the command said."""
        done = self.try_mount(*options)
        assert 0 == done.returncode, done.stderr
        return self

    def try_mount(self, *options):
        """Run `ossfs mount`; return the finished command."""
        url = f"{self.scheme}://{self.bucket}"
        where = ("--endpoint", self.server.endpoint, "--state-dir", self.state)
        return run_ossfs("mount", url, self.path, *where, "--fuse", self.libfuse, *options)

    @property
    def pid(self):
        """The process of the present or last mount."""
        return json.loads((self.state / "mount.json").read_text())["pid"]

    def kill(self):
        """End the mount process as a crash would, and take the dead mount away."""
        with contextlib.suppress(ProcessLookupError):
            process = os.pidfd_open(self.pid)
            try:
                os.kill(self.pid, signal.SIGKILL)
                select.select([process], [], [], 30)
            finally:
                os.close(process)
        self.detach()

    def detach(self):
        """Take the mount away, whoever uses it, if there is one."""
        while ctypes.CDLL(None).umount2(os.fsencode(self.path), 2) == 0:  # MNT_DETACH
            pass

    def remount(self, *options):
        """Kill the mount and mount the bucket again."""
        self.kill()
        return self.mount(*options)

    def umount(self, *options):
        """Run `ossfs umount`; return the finished command."""
        return run_ossfs("umount", self.path, *options)

    def uploads(self):
        """Return what `ossfs uploads list --json` says of this state folder."""
        found = json.loads(run_ossfs("uploads", "list", "--json").stdout)
        (mine,) = (one for one in found if one["state_dir"] == str(self.state.resolve()))
        return mine["uploads"]

    def settled(self, timeout_s=60.0):
        """Wait until nothing is on its way; AssertionError when it takes too long."""
        wait_until(lambda: not self.uploads(), timeout_s, "uploads are left")

    def journal(self, table="files"):
        """Return the rows of a table of the journal, as dictionaries."""
        database = sqlite3.connect(f"{(self.state / 'journal.db').as_uri()}?mode=ro", uri=True)
        database.row_factory = sqlite3.Row
        with contextlib.closing(database):
            return [dict(row) for row in database.execute(f"SELECT * FROM {table}")]

    def staged(self):
        """Return the names of the staging files."""
        return sorted(os.listdir(self.state / "staging"))  # noqa: PTH208  # names are enough

    def log(self):
        """Return what the mount process logged."""
        return (self.state / "mount.log").read_text(errors="replace")

    def is_clean(self):
        """Say whether journal and staging folder are empty."""
        tables = ("files", "uploads", "parts", "moves", "deletions", "aborts", "markers")
        return not self.staged() and not any(self.journal(table) for table in tables)


def wait_until(is_so, timeout_s=30.0, message="it did not happen"):
    """Poll until `is_so()`; AssertionError when it takes longer than `timeout_s`."""
    give_up = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < give_up, message
        time.sleep(0.01)


def pytest_generate_tests(metafunc):
    """Run tests that are marked so with both versions of libfuse."""
    if metafunc.definition.get_closest_marker("both_libfuses"):
        metafunc.parametrize("libfuse", ["2", "3"], indirect=True)


@pytest.fixture
def libfuse(request):
    """Return the version of libfuse that mounts of this test use."""
    version = getattr(request, "param", "2")
    require_libfuse(version)
    return version


def require_libfuse(version):
    """Skip the test where this libfuse is missing; where CI is set, it fails."""
    try:
        choose(version)
    except MountFailed as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture
def libfuses():
    """Return the versions of libfuse that are there; where CI is set, those are both."""
    try:
        choose("3")
    except MountFailed:
        if os.environ.get("CI"):
            raise
        return ["2"]
    return ["2", "3"]


@pytest.fixture
def mounting(tmp_path, emulator, bucket_name, state_home, cloud_environment, libfuse):
    """Make mounts: call it for a `Mounting` of the test's bucket (or another one)."""
    made = []

    def make(server=emulator, bucket=bucket_name, libfuse=libfuse):
        folder = tmp_path / f"mounting-{len(made)}"
        folder.mkdir()
        made.append(Mounting(server, bucket, folder, libfuse))
        return made[-1]

    yield make
    emulator.clear_faults()
    for one in made:
        if (one.state / "mount.json").exists():
            one.kill()
        one.detach()
        shutil.rmtree(one.state, ignore_errors=True)


@pytest.fixture(scope="module", params=["2", "3"])
def shared_mount(request, emulator, tmp_path_factory):
    """Mount a bucket once for all tests of a module, on one libfuse and then on the other."""
    require_libfuse(request.param)
    folder, bucket = tmp_path_factory.mktemp("shared"), f"bucket-{next(_numbers)}"
    make_bucket(emulator, bucket)
    one = Mounting(emulator, bucket, folder, request.param)
    one.seen = ServerView(emulator, bucket)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder / "home"))
        patch.setenv("OSS_ACCESS_KEY_ID", emulator.key_id)
        patch.setenv("OSS_ACCESS_KEY_SECRET", emulator.secret)
        yield one.mount()
        one.kill()


@pytest.fixture
def mounted(mounting):
    """Mount the test's bucket."""
    return mounting().mount()


@pytest.fixture
def poll():
    """Return `wait_until`."""
    return wait_until


@pytest.fixture
def command():
    """Return `run_ossfs`."""
    return run_ossfs
