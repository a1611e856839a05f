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
from ossfs.store.memory import MemoryStore
from ossfs.store.metered import Metered
from ossfs.store.retrying import Retrying
from ossfs.store.transport import HttpTransport


@contextmanager
def memory(request):
    yield MemoryStore()


@contextmanager
def bucket(request, version):
    server = request.getfixturevalue("emulator")
    transport = HttpTransport()
    try:
        yield Bucket(
            transport=transport,
            dialect=oss_dialect(region="cn-hangzhou", version=version),
            credentials=FixedCredentials(Credentials(server.key_id, server.secret)),
            endpoint=parse_endpoint(server.endpoint),
            name=request.getfixturevalue("bucket_name"),
        )
    finally:
        transport.close()


def decorated(store):
    """Wrap a store as a mount does."""
    return Retrying(Metered(store, metrics=Metrics()), clock=FakeClock(), random=random.Random(7))


@pytest.fixture(params=["memory", "oss v1", "oss v4", "decorated memory", "decorated oss v4"])
def store(request):
    """Make an empty bucket."""
    kind = request.param
    with memory(request) if "memory" in kind else bucket(request, int(kind[-1])) as plain:
        yield decorated(plain) if "decorated" in kind else plain
