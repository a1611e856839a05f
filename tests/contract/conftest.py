"""The stores that the conformance suite runs over; each gives an empty bucket per test."""

import itertools
import random
import re
import shutil
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from foreign_servers import moto, running

from ossfs.clock import FakeClock
from ossfs.observe.metrics import Metrics
from ossfs.store.addressing import parse_endpoint
from ossfs.store.bucket import Bucket
from ossfs.store.credentials import Credentials, FixedCredentials
from ossfs.store.dialects.oss import oss_dialect
from ossfs.store.dialects.s3 import s3_dialect
from ossfs.store.dialects.tos import tos_dialect
from ossfs.store.memory import MemoryStore
from ossfs.store.metered import Metered
from ossfs.store.retrying import Retrying
from ossfs.store.transport import HttpTransport

DIALECTS = {
    "oss v1": lambda: oss_dialect(region="cn-hangzhou", version=1),
    "oss v4": lambda: oss_dialect(region="cn-hangzhou", version=4),
    "s3": lambda: s3_dialect(region="cn-hangzhou", conditional_copies=True),
    "tos": lambda: tos_dialect(region="cn-hangzhou"),
}


@contextmanager
def memory(request):
    yield MemoryStore()


@contextmanager
def bucket(request, dialect, **options):
    server = request.getfixturevalue("emulator")
    transport = HttpTransport()
    try:
        yield Bucket(
            transport=transport,
            dialect=dialect,
            credentials=FixedCredentials(Credentials(server.key_id, server.secret)),
            endpoint=parse_endpoint(server.endpoint),
            name=request.getfixturevalue("bucket_name"),
            **options,
        )
    finally:
        transport.close()


# Servers that others wrote

KEYS = Credentials("contract", "contract-secret")
RCLONE = shutil.which("rclone", path=str(Path(sys.executable).parent)) or "rclone"
_numbers = itertools.count(1)


def rclone(port):
    """Return the command of rclone's S3 server over a backend in memory."""
    keys = f"{KEYS.key_id},{KEYS.secret}"
    address = f"127.0.0.1:{port}"
    return [RCLONE, "serve", "s3", ":memory:", "--addr", address, "--auth-key", keys]


@contextmanager
def bucket_at(endpoint, dialect):
    """Make a new bucket there."""
    transport = HttpTransport()
    made = Bucket(
        transport=transport,
        dialect=dialect,
        credentials=FixedCredentials(KEYS),
        endpoint=parse_endpoint(endpoint),
        name=f"contract-{next(_numbers)}",
    )
    try:
        made._talk.whole(made._talk.call("create_bucket", "PUT"))
        yield made
    finally:
        transport.close()


@pytest.fixture(scope="session")
def moto_server():
    with running(moto) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def rclone_server():
    with running(rclone) as endpoint:
        yield endpoint


@pytest.fixture
def open_bucket(request):
    """Return what opens an empty bucket in a dialect."""
    return lambda kind, **options: bucket(request, DIALECTS[kind](), **options)


def decorated(store):
    """Wrap a store as a mount does."""
    return Retrying(Metered(store, metrics=Metrics()), clock=FakeClock(), random=random.Random(7))


def lacking(dialect, **capabilities):
    """Return the dialect of a server that is known to lack what S3 has."""
    return replace(dialect, capabilities=replace(dialect.capabilities, **capabilities))


FOREIGN = {
    "moto": lambda: lacking(s3_dialect(region="us-east-1"), conditional_complete=False),
    "rclone": lambda: s3_dialect(region="us-east-1", conditional_writes=False),
}

FILES = "its keys are paths of files: no empty segment, none the directory of another"
COPIES = "a copy keeps the source's headers, gets a time of its own, and heeds no condition"
STREAMED = "a part is written on when it comes: none can be small, left out, replaced or copied"
KNOWN = {
    "moto": {
        r"odd_keys_.*line": "its router takes a line break for the end of a path",
        r"keys_that_xml_cannot_hold": "its router takes a line break for the end of a path",
        r"copy_of_one_version|copied_parts_under_conditions": "copies heed no condition",
        r"finished_or_foreign_upload": "an upload that is not there is its own failure",
        r"list_parts": "the marker of a page counts parts",
        r"list_uploads": "uploads come in the order of their start, and not in pages",
        r"test_tags": "its own failure when there are no tags",
    },
    "rclone": {
        r"odd_keys_.*('a//b'|'a/\./b'|'a/\.\./b'|'\.\.'|'\./x'|'trailing/')": FILES,
        r"begin_with_a_slash.*'/|order_of_their_bytes": FILES,
        r"delimiter_of_more_than_one": "it knows / only",
        r"copy_keeps|copy_with_new|copy_of_one_version|standard_headers": COPIES,
        r"test_tags": "it has no tags",
        r"restore_of_what": "it has no archive",
        r"version_that_is_not_there": "it has no versions",
        r"parts_become|any_order_with_gaps|sent_again|not_named|small_part": STREAMED,
        r"complete_refuses_parts|ranges_of_objects|copied_onto_itself|copied_parts": STREAMED,
        r"list_uploads": "a page begins with its marker",
    },
}
"""Tests that a server fails for a reason of its own; they run, and may fail."""


def excuse(request, kind):
    """Let a test fail whose server is known not to do what S3 does."""
    if kind == "rclone" and "tree" in request.fixturenames:
        pytest.skip(f"rclone: {FILES}")
    for pattern, reason in KNOWN[kind].items():
        if re.search(pattern, request.node.name):
            request.applymarker(pytest.mark.xfail(reason=f"{kind}: {reason}", strict=False))


@pytest.fixture(
    params=["memory", *DIALECTS, "decorated memory", "decorated oss v4", *FOREIGN],
)
def store(request):
    """Make an empty bucket."""
    kind = request.param.removeprefix("decorated ")
    if kind in FOREIGN:
        excuse(request, kind)
        opened = bucket_at(request.getfixturevalue(f"{kind}_server"), FOREIGN[kind]())
    else:
        opened = memory(request) if kind == "memory" else bucket(request, DIALECTS[kind]())
    with opened as plain:
        yield decorated(plain) if "decorated" in request.param else plain
