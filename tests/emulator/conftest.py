"""A server in another process, and a client so small that it hides nothing."""

import base64
import filecmp
import hmac
import http.client
import itertools
import random
from email.utils import formatdate
from urllib.parse import quote

import pytest

from ossfs.crc64 import crc64
from ossfs.emulator.process import EmulatorProcess

SIGNED = ("acl", "append", "continuation-token", "delete", "objectMeta", "partNumber", "position",
          "symlink", "tagging", "uploadId", "uploads", "versionId", "restore",
          "x-oss-traffic-limit", "versioning", "bucketInfo", "location", "stat",
          "response-content-type", "response-content-disposition", "lifecycle")  # fmt: skip


class Wire:
    """One keep-alive connection that signs with V1 and returns what came back."""

    def __init__(self, server, bucket):
        self.server = server
        self.bucket = bucket
        self.connection = http.client.HTTPConnection(server.host, server.port, timeout=30)

    def signed(self, method, key="", query=None, headers=None, *, bucket=None, date=None):
        """Return the headers with a V1 signature."""
        bucket = self.bucket if bucket is None else bucket
        headers = {"Date": date or formatdate(usegmt=True), **(headers or {})}
        own = sorted((k.lower(), v) for k, v in headers.items() if k.lower().startswith("x-oss-"))
        signed = sorted((k, v) for k, v in (query or {}).items() if k in SIGNED)
        text = "\n".join([
            method, headers.get("Content-MD5", ""), headers.get("Content-Type", ""),
            headers["Date"], *(f"{k}:{v}" for k, v in own), f"/{bucket}/{key}" if bucket else "/",
        ])  # fmt: skip
        if signed:
            text += "?" + "&".join(f"{k}={v}" if v else k for k, v in signed)
        digest = hmac.digest(self.server.secret.encode(), text.encode(), "sha1")
        signature = base64.b64encode(digest).decode()
        return {**headers, "Authorization": f"OSS {self.server.key_id}:{signature}"}

    def target(self, key="", query=None, bucket=None):
        bucket = self.bucket if bucket is None else bucket
        path = f"/{bucket}/{quote(key, safe='')}" if bucket else "/"
        pairs = "&".join(
            f"{quote(k)}={quote(v, safe='')}" if v else quote(k) for k, v in (query or {}).items()
        )
        return f"{path}?{pairs}" if pairs else path

    def __call__(self, method, key="", *, query=None, headers=None, body=None, bucket=None):
        """Send a signed request; return the response, its body in `.body`."""
        signed = self.signed(method, key, query, headers, bucket=bucket)
        return self.raw(method, self.target(key, query, bucket), signed, body)

    def raw(self, method, target, headers=None, body=None):
        self.connection.request(method, target, body, headers or {})
        response = self.connection.getresponse()
        response.body = response.read()
        return response


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory):
    with EmulatorProcess(tmp_path_factory.mktemp("emulator")) as server:
        yield server


@pytest.fixture
def server(shared_server):
    """Return a running server without faults, its counters at zero."""
    shared_server.reset_stats()
    yield shared_server
    shared_server.clear_faults()
    shared_server.set_latency(0)
    shared_server.set_clock_offset(0)
    shared_server.set_restore_time(0)


_numbers = itertools.count()


@pytest.fixture
def bucket(server):
    """Return the name of a bucket of this test's own."""
    name = f"bucket-{next(_numbers)}"
    wire = Wire(server, name)
    assert wire("PUT").status == 200
    wire.connection.close()
    server.reset_stats()
    return name


@pytest.fixture
def wire(server, bucket):
    """Return a signing client of that bucket."""
    wire = Wire(server, bucket)
    yield wire
    wire.connection.close()


@pytest.fixture
def wire_to():
    """Make signing clients of other servers."""
    made = []

    def make(server, bucket):
        made.append(Wire(server, bucket))
        return made[-1]

    yield make
    for wire in made:
        wire.connection.close()


# Keys that break clients and servers: empty and dotted segments, blanks, plus, percent, line
# ends, control characters, characters beyond 16 bits, markup, and the longest one.
ODD_KEYS = [
    "a//b",
    "a/../b",
    "./a",
    "a b+c%20d%",
    "é中😀",
    "tab\tline\nend\r",
    "\x01\x1f\x7f",
    "<&>\"'",
    "?a=b&c#d",
    "x/" * 511 + "x",
]


@pytest.fixture
def odd_keys():
    """Return keys that are hard to sign, to list and to write down."""
    return list(ODD_KEYS)


class LargeFile:
    """A file of 200 MiB, each of them another one, so that a part in the wrong place shows."""

    MIB = 1 << 20
    SIZE = 200 * MIB

    def __init__(self, path):
        self.path = path
        self.crc64 = 0
        block = random.Random(200).randbytes(self.MIB)
        with path.open("wb") as file:
            for number in range(200):
                content = number.to_bytes(8, "big") + block[8:]
                self.crc64 = crc64(content, self.crc64)
                file.write(content)

    def equals(self, other):
        """Compare byte by byte."""
        return filecmp.cmp(self.path, other, shallow=False)


@pytest.fixture(scope="session")
def large_file(tmp_path_factory):
    """
    Make a file that is worth interrupting.

    The checksums of the SDKs are off where it is sent: they are pure Python, and take
    minutes, wherever crcmod was installed without a compiler. Bytes and the server's
    CRC-64 are compared instead; the tests with small objects have the SDKs' own on.
    """
    file = LargeFile(tmp_path_factory.mktemp("large") / "source")
    yield file
    file.path.unlink()


@pytest.fixture
def large_copy(tmp_path):
    """Return where to download to; it does not stay."""
    path = tmp_path / "copy"
    yield path
    path.unlink(missing_ok=True)
