"""A secret is shown nowhere: in no repr, message, log or trace, not even with locals."""

import copy
import dataclasses
import io
import logging
import traceback

import pytest
from rich.console import Console
from rich.traceback import Traceback

from ossfs.clock import FakeClock
from ossfs.emulator.process import EmulatorProcess
from ossfs.emulator.settings import Secret as ServerSecret
from ossfs.errors import InvalidCredentials, OssfsError
from ossfs.store.addressing import parse_endpoint
from ossfs.store.answers import error_of
from ossfs.store.api import BytesBody, Headers
from ossfs.store.bucket import Bucket
from ossfs.store.credentials import (
    CredentialChoice,
    Credentials,
    FixedCredentials,
    Secret,
    found_credentials,
)
from ossfs.store.credentials.process import ProcessCredentials
from ossfs.store.dialects.base import Call
from ossfs.store.dialects.oss import oss_dialect
from ossfs.store.dialects.s3 import s3_dialect
from ossfs.store.dialects.tos import tos_dialect
from ossfs.store.transport import HttpTransport

HIDDEN = "xyzzy-secret"
TOKEN = "xyzzy-token"
GIVEN = Credentials("id", HIDDEN, TOKEN)


def shown(error):
    """Return everything that can be made of an exception, from the frame below the test's on."""
    error = error.with_traceback(error.__traceback__.tb_next)
    console = Console(file=io.StringIO(), width=300)
    trace = Traceback.from_exception(type(error), error, error.__traceback__, show_locals=True)
    console.print(trace)
    full = traceback.TracebackException.from_exception(error, capture_locals=True)
    words = [*full.format(), repr(error), str(error), repr(vars(error))]
    return "\n".join([console.file.getvalue(), *words])


def test_reprs():
    """Of the values, of copies, and of what holds them."""
    holders = [
        GIVEN,
        copy.deepcopy(GIVEN),
        dataclasses.replace(GIVEN, key_id="other"),
        dataclasses.asdict(GIVEN),
        FixedCredentials(GIVEN),
        [GIVEN.secret, GIVEN.token],
        str(GIVEN.secret).__repr__(),
        Secret(HIDDEN),
    ]

    assert "xyzzy" not in repr(holders)
    assert HIDDEN == GIVEN.secret  # and yet it can be used
    assert f"{HIDDEN}!" == f"{GIVEN.secret}!"


def test_logs(caplog):
    """`%r` of anything, and what the store's own modules write at the finest level."""
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").debug("%r %s", GIVEN, FixedCredentials(GIVEN))

    assert "xyzzy" not in caplog.text


DIALECTS = {
    "oss v1": oss_dialect(version=1),
    "oss v4": oss_dialect(region="cn-hangzhou", version=4),
    "tos": tos_dialect(region="cn-beijing"),
    "s3": s3_dialect(region="us-east-1"),
}


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_traces_of_requests_that_fail(dialect, caplog):
    """With all locals of all frames, for each way of signing."""
    transport = HttpTransport()
    bucket = Bucket(
        transport=transport,
        dialect=dialect,
        credentials=FixedCredentials(GIVEN),
        endpoint=parse_endpoint("http://127.0.0.1:9"),  # the discard port: nobody listens
        name="bucket",
    )
    try:
        with caplog.at_level(logging.DEBUG), pytest.raises(OssfsError) as caught:
            bucket.put("key", BytesBody(b"bytes"), Headers())
    finally:
        transport.close()

    text = shown(caught.value)
    assert "BytesBody" in text or "put" in text  # locals are shown at all
    assert "xyzzy" not in text
    assert "xyzzy" not in caplog.text


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_what_a_server_says_of_a_wrong_signature(dialect, tmp_path_factory):
    """It sends back what it was sent, the token too; that is not passed on."""
    folder = tmp_path_factory.mktemp("server")
    keys = {GIVEN.key_id: ServerSecret("another secret", TOKEN)}
    transport = HttpTransport()
    with EmulatorProcess(folder, credentials=keys, buckets=["bucket"]) as server:
        bucket = Bucket(
            transport=transport,
            dialect=dialect,
            credentials=FixedCredentials(GIVEN),
            endpoint=parse_endpoint(server.endpoint),
            name="bucket",
        )
        with pytest.raises(InvalidCredentials) as caught:
            bucket.list()
    transport.close()

    assert "SignatureDoesNotMatch" == caught.value.code
    assert "security-token:***" in caught.value.detail
    assert "xyzzy" not in shown(caught.value)


def test_what_s3_repeats_in_hex():
    """Amazon's answer has the bytes of what was signed as well."""
    said = (
        "<Error><Code>SignatureDoesNotMatch</Code><CanonicalRequestBytes>0a "
        f"{TOKEN.encode().hex(' ')} 0a</CanonicalRequestBytes></Error>"
    )
    call = Call("list", "GET", "bucket", headers={"x-amz-security-token": TOKEN})

    error = error_of(DIALECTS["s3"], call, 403, {}, said.encode())

    assert "0a *** 0a" in error.detail
    assert TOKEN.encode().hex(" ") not in error.detail


@pytest.mark.parametrize(
    "text",
    [
        f"other:id:{HIDDEN}\nmine:{HIDDEN}\n:{HIDDEN}\n",
        f"a:b:c:{HIDDEN}\n",
        f"mine:id:{HIDDEN}\n",
    ],
)
def test_traces_of_files_that_cannot_be_read(tmp_path, text):
    """Whatever a file holds, none of it is shown when it cannot be used."""
    file = tmp_path / "passwd"
    file.write_text(text)
    file.chmod(0o600)

    with pytest.raises(OssfsError) as caught:
        found_credentials(
            "else",
            environment={},
            home=tmp_path,
            choice=CredentialChoice(file=file),
            clock=FakeClock(),
        )

    assert "xyzzy" not in shown(caught.value)


@pytest.mark.parametrize(
    ("printed", "status"),
    [
        (HIDDEN, 0),
        (f'{{"AccessKeyId": "i", "AccessKeySecret": "{HIDDEN}"', 0),
        (f'{{"AccessKeySecret": "{HIDDEN}"}}', 0),
        (f'{{"AccessKeyId": "i", "AccessKeySecret": "{HIDDEN}", "Expiration": "{TOKEN}"}}', 0),
        (f'{{"AccessKeyId": "i", "AccessKeySecret": "{HIDDEN}"}}', 3),
    ],
)
def test_traces_of_commands_that_print_something_else(tmp_path, printed, status):
    """Whatever a command prints, none of it is shown, when it fails neither."""
    file = tmp_path / "printed"
    file.write_text(printed)

    with pytest.raises(OssfsError) as caught:
        ProcessCredentials(f"sh -c 'cat {file}; exit {status}'").get()

    assert "xyzzy" not in shown(caught.value)


def test_traces_of_half_an_environment(tmp_path):
    """The environment itself is a local of those who look at it, but not of ours."""
    with pytest.raises(OssfsError) as caught:
        found_credentials("b", environment=Hushed({"OSS_ACCESS_KEY_SECRET": HIDDEN}), home=tmp_path)

    assert "xyzzy" not in shown(caught.value)


class Hushed(dict):
    """An environment that shows itself as os.environ should."""

    def __repr__(self):
        return "environment"
