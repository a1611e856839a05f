"""The stores that the conformance suite runs over; each gives an empty bucket per test."""

import random
from contextlib import contextmanager

import pytest

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
def bucket(request, dialect):
    server = request.getfixturevalue("emulator")
    transport = HttpTransport()
    try:
        yield Bucket(
            transport=transport,
            dialect=dialect,
            credentials=FixedCredentials(Credentials(server.key_id, server.secret)),
            endpoint=parse_endpoint(server.endpoint),
            name=request.getfixturevalue("bucket_name"),
        )
    finally:
        transport.close()


def decorated(store):
    """Wrap a store as a mount does."""
    return Retrying(Metered(store, metrics=Metrics()), clock=FakeClock(), random=random.Random(7))


@pytest.fixture(params=["memory", *DIALECTS, "decorated memory", "decorated oss v4"])
def store(request):
    """Make an empty bucket."""
    kind = request.param.removeprefix("decorated ")
    opened = memory(request) if kind == "memory" else bucket(request, DIALECTS[kind]())
    with opened as plain:
        yield decorated(plain) if "decorated" in request.param else plain
