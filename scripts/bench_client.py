"""
What the client costs in processor time, apart from any file system.

Processor time is that of this process, user and system, from getrusage; the server is in
another one. Kinds of requests that are compared take turns in short rounds, so that
whatever else the machine does meets all of them, and their medians are compared.
"""

import os
import resource
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import urllib3
from bench_server import PlainServer
from bench_tables import Row

from ossfs.cache.malloc import reuse_freed_memory
from ossfs.clock import SystemClock
from ossfs.extents import Extent
from ossfs.observe.metrics import Metrics
from ossfs.store.addressing import parse_endpoint
from ossfs.store.api import BytesBody, FileBody, Headers, ObjectStore
from ossfs.store.bucket import Bucket
from ossfs.store.credentials import Credentials, FixedCredentials
from ossfs.store.dialects.base import Call
from ossfs.store.dialects.oss import oss_dialect
from ossfs.store.metered import Metered
from ossfs.store.retrying import Retrying
from ossfs.store.transport import HttpTransport

BUCKET = "bench-bucket"
SMALL = 4 << 10
PART = 8 << 20
ROUNDS = 21
REQUESTS = 100
"""In one round of one kind."""
GB = 1e9
SMALL_TARGET = 1.3
LARGE_TARGET = 0.35

KEYS = Credentials("LTAIbench", "bench-secret")


def cpu_s() -> float:
    """Return the processor time of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@contextmanager
def opened(endpoint: str) -> Iterator[Bucket]:
    """Open a bucket over HTTP, nothing around it."""
    transport = HttpTransport()
    try:
        yield Bucket(
            transport=transport,
            dialect=oss_dialect(region="cn-hangzhou", version=4),
            credentials=FixedCredentials(KEYS),
            endpoint=parse_endpoint(endpoint),
            name=BUCKET,
        )
    finally:
        transport.close()


def as_mounted(bucket: Bucket) -> ObjectStore:
    """Put around a bucket what a mount puts around it."""
    return Retrying(Metered(bucket, metrics=Metrics(), clock=SystemClock()))


def medians(
    kinds: dict[str, Callable[[], object]], requests: int, rounds: int = ROUNDS
) -> dict[str, float]:
    """Return the processor seconds that one call of each kind costs, in the median round."""
    spent: dict[str, list[float]] = {name: [] for name in kinds}
    for number in range(rounds + 1):
        for name, do in kinds.items():
            before = cpu_s()
            for _ in range(requests):
                do()
            if number:  # the first round is for warming up
                spent[name].append((cpu_s() - before) / requests)
    return {name: statistics.median(one) for name, one in spent.items()}


def small_requests(work: Path) -> list[Row]:
    """Compare a GET of 4 KiB through the client with one through urllib3 alone."""
    folder = work / "small"
    folder.mkdir()
    (folder / "small").write_bytes(os.urandom(SMALL))
    with PlainServer(folder) as server, opened(server.endpoint) as bucket:
        store = as_mounted(bucket)
        port = int(server.endpoint.rpartition(":")[2])
        pool = urllib3.HTTPConnectionPool("127.0.0.1", port, maxsize=1)
        target = f"/{BUCKET}/small"
        # The headers that the client sends, signed beforehand.
        call = Call("get", "GET", BUCKET, "small", {}, {"host": f"127.0.0.1:{port}"})
        oss_dialect(region="cn-hangzhou", version=4).signer.sign(
            call, KEYS, SystemClock().now_ns() // 1_000_000_000
        )
        costs = medians(
            {
                "bare": lambda: pool.request("GET", target, headers=call.headers).data,
                "bucket": lambda: bucket.get("small"),
                "store": lambda: store.get("small"),
            },
            REQUESTS,
        )
        pool.close()
    bare = costs["bare"]
    return [
        Row("GET of 4 KiB, urllib3 alone", bare * 1e6, "µs of CPU"),
        Row("GET of 4 KiB, checked", costs["bucket"] * 1e6, "µs of CPU"),
        Row("GET of 4 KiB, as a mount does it", costs["store"] * 1e6, "µs of CPU"),
        Row("checked, compared with urllib3", costs["bucket"] / bare, "times", SMALL_TARGET),
        Row("as a mount, compared with urllib3", costs["store"] / bare, "times", SMALL_TARGET),
    ]


def large_transfers(work: Path, size: int) -> list[Row]:
    """Measure whole objects and parts, with their checksums; `size` bytes each."""
    reuse_freed_memory()  # as a mount does
    folder = work / "large"
    folder.mkdir()
    large = folder / "large"
    with large.open("wb") as file:
        block = os.urandom(1 << 20)
        for _ in range(size >> 20):
            file.write(block)
    (folder / "part").write_bytes(os.urandom(PART))
    rows = []
    with PlainServer(folder) as server, opened(server.endpoint) as bucket, large.open("rb") as file:
        store = as_mounted(bucket)
        data = memoryview(large.read_bytes())
        offsets = range(0, size, PART)

        def parts_read() -> None:
            for start in offsets:
                store.get("large", Extent(start, start + PART))

        def parts_sent() -> None:
            for start in offsets:
                extent = Extent(start, min(start + PART, size))
                store.put("part", FileBody(file.fileno(), extent), Headers())

        def objects_read() -> None:
            for _ in offsets:
                store.get("part")

        kinds: dict[str, Callable[[], object]] = {
            "GET, objects of 8 MiB": objects_read,
            f"GET, one object of {size >> 20} MiB at once": lambda: store.get("large"),
            "GET, in ranges of 8 MiB": parts_read,
            f"PUT, one object of {size >> 20} MiB from memory": lambda: store.put(
                "big", BytesBody(data), Headers()
            ),
            "PUT, in parts of 8 MiB from a file": parts_sent,
        }
        for name, do in kinds.items():
            costs = medians({name: do}, 1, rounds=max(5, (1 << 30) // size))
            rows.append(Row(name, costs[name] / (size / GB), "CPU s/GB", LARGE_TARGET))
    return rows
