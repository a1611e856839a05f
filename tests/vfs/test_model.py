"""
Random calls, crashes, failing requests and other clients, against a reference.

`model_machine` makes the calls. `OSSFS_MODEL_EXAMPLES` sets how many sequences are tried, other
ones each time; without it they are always the same few. `OSSFS_MODEL_STEPS` sets their length.
"""

import logging
import os
import time
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test
from model_machine import Model
from model_values import numbers
from reference_state import NS

from ossfs.clock import FakeClock
from ossfs.emulator.process import EmulatorProcess
from ossfs.store.addressing import parse_endpoint
from ossfs.store.bucket import Bucket
from ossfs.store.credentials import Credentials, FixedCredentials
from ossfs.store.dialects.oss import oss_dialect
from ossfs.store.dialects.s3 import s3_dialect
from ossfs.store.dialects.tos import tos_dialect
from ossfs.store.limits import OSS_LIMITS
from ossfs.store.transport import HttpTransport

LIMITS = replace(OSS_LIMITS, min_part=100)
_numbers = count(1)


class OverHttp(Model):
    """The same at a server, which has the trouble itself."""

    server = None
    TROUBLE = (
        {"action": "error", "status": 500},
        {"action": "error_after", "status": 503, "code": "SlowDown"},
        {"action": "drop_before"},
        {"action": "drop_after"},
        {"action": "truncate", "bytes": 10},
        {"action": "corrupt", "bytes": 3, "operation": "*Object"},
        {"action": "delay", "seconds": 0.03},
    )

    @rule(trouble=st.sampled_from(TROUBLE), number=numbers)
    def have_trouble(self, trouble, number):
        self.server.add_fault(**trouble, skip=number // 2, count=1)

    def have_no_trouble(self):
        self.is_out = False
        self.server.clear_faults()


def run(make_core, machine=Model, examples=300):
    """Try sequences; log records are not looked at, since failures are injected."""
    logging.getLogger("ossfs").setLevel(logging.CRITICAL)
    machine.make_core = staticmethod(make_core)
    wanted = os.environ.get("OSSFS_MODEL_EXAMPLES")
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=int(wanted or examples),
            stateful_step_count=int(os.environ.get("OSSFS_MODEL_STEPS", "50")),
            deadline=None,
            derandomize=wanted is None,
            database=None,
            print_blob=True,
            report_multiple_bugs=False,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_file_system_is_its_reference(make_core):
    """Whatever happens in whatever order."""
    run(make_core)


class FollowedClock(FakeClock):
    """A clock that a server's clock follows."""

    def __init__(self, server):
        super().__init__(time.time_ns())
        self._server, self._ahead_s = server, 0.0
        server.set_clock_offset(0)  # not that of the sequence before

    def advance(self, seconds):
        super().advance(seconds)
        ahead_s = self.now_ns() / NS - time.time()
        if abs(ahead_s - self._ahead_s) > 0.25:
            self._ahead_s = ahead_s
            self._server.set_clock_offset(ahead_s)


DIALECTS = {
    "oss": lambda: oss_dialect(region="cn-hangzhou"),
    "s3": lambda: s3_dialect(region="us-east-1"),
    "tos": lambda: tos_dialect(region="cn-beijing"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Start a server that takes small parts."""
    limits = {"min_part": LIMITS.min_part, "min_large_part": LIMITS.min_part}
    with EmulatorProcess(tmp_path_factory.mktemp("emulator"), limits=limits) as one:
        yield one


@pytest.mark.parametrize("dialect", DIALECTS)
def test_over_http(make_core, server, dialect):
    """The same at a server, in each dialect."""
    made, transport = DIALECTS[dialect](), HttpTransport()
    made = replace(made, limits=replace(made.limits, min_part=LIMITS.min_part))
    OverHttp.server = server

    def make():
        clock, name = FollowedClock(server), f"model-{dialect}-{next(_numbers)}"
        store = Bucket(
            transport=transport,
            dialect=made,
            credentials=FixedCredentials(Credentials(server.key_id, server.secret)),
            endpoint=parse_endpoint(server.endpoint),
            name=name,
            clock=clock,
        )
        server.clear_faults()
        store._talk.whole(store._talk.call("create_bucket", "PUT"))
        return make_core(clock=clock, store=store)

    try:
        run(make, OverHttp, examples=20)
    finally:
        transport.close()
