"""
A large file up and down again: ossfs beside the SDKs that people use today.

Each transfer runs in a process of its own, so that its processor time and memory are its
own; programs take turns, and medians are compared. All use the same number of threads and
the same size of parts, with checksums on. The server is `bench_server`: what the client
costs is what is seen.

    python scripts/bench_sdks.py WHO up|down ENDPOINT FILE SIZE THREADS

is one such process; it prints what it took.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from bench_server import PlainServer
from bench_tables import Row

BUCKET = "bench-bucket"
PART = 10 << 20
ROUNDS = 3
GB = 1e9
NAMES = {"ossfs": "ossfs", "oss2": "oss2", "v2": "alibabacloud_oss_v2"}


def compare(work: Path, size: int, threads: int) -> list[Row]:
    """Measure a file of `size` bytes each way, with each program that is installed."""
    folder = work / "sdks"
    folder.mkdir()
    large = folder / "large"
    with large.open("wb") as file:
        block = os.urandom(1 << 20)
        for _ in range(size >> 20):
            file.write(block)
    programs = [name for name, module in NAMES.items() if find_spec(module)]
    rows = []
    with PlainServer(folder) as server:
        for direction in ("up", "down"):
            path = large if direction == "up" else work / "received"
            found = {name: [] for name in programs}
            for _ in range(ROUNDS):
                for name in programs:
                    _warm(size)
                    found[name].append(_measured(name, direction, server, path, size, threads))
            rows += _rows(found, direction, size)
    return rows


def _warm(size: int) -> None:
    """
    Leave free memory behind that this machine really has.

    The first touch of memory that a hypervisor has taken back costs seconds a gigabyte, which
    whoever comes next would be charged for: here, for the pages of the file it writes.
    """
    subprocess.run([sys.executable, "-c", f"bytearray(b'x') * {size + size // 2}"], check=True)


def _measured(
    name: str, direction: str, server: PlainServer, path: Path, size: int, threads: int
) -> dict[str, float]:
    command = [sys.executable, __file__, name, direction, server.endpoint, path, size, threads]
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        check=True,
        env={**os.environ, "XDG_STATE_HOME": str(path.parent / "state")},
    )
    if direction == "down":
        assert path.stat().st_size == size  # noqa: S101  # else the numbers mean nothing
        path.unlink()
    return json.loads(done.stdout)


def _rows(found: dict[str, list[dict[str, float]]], direction: str, size: int) -> list[Row]:
    what = f"{size >> 20} MiB {direction}"
    rows = []
    for name, runs in found.items():
        wall, cpu, peak = (
            statistics.median(run[one] for run in runs) for one in ("wall_s", "cpu_s", "peak_mb")
        )
        rows += [
            Row(f"{what}, MB/s", size / 1e6 / wall, "MB/s", who=name),
            Row(f"{what}, CPU", cpu / (size / GB), "CPU s/GB", who=name),
            Row(f"{what}, memory", peak, "MB", who=name),
        ]
    return rows


# One transfer, in a process of its own


def _of_ossfs(direction: str, endpoint: str, path: str, threads: int) -> Callable[[], object]:
    import ossfs  # noqa: PLC0415  # measured processes import what they use only

    keys = {"access_key_id": "a", "access_key_secret": "b"}  # nobody looks at them
    bucket = ossfs.connect(f"oss://{BUCKET}", endpoint=endpoint, **keys)
    options = {"part_size": PART, "num_threads": threads}
    if direction == "up":
        return lambda: ossfs.resumable_upload(bucket, "up", path, **options)
    return lambda: ossfs.resumable_download(bucket, "large", path, **options)


def _of_oss2(direction: str, endpoint: str, path: str, threads: int) -> Callable[[], object]:
    import oss2  # noqa: PLC0415  # the same

    bucket = oss2.Bucket(oss2.Auth("a", "b"), endpoint, BUCKET)
    root = os.environ["XDG_STATE_HOME"]
    options = {"part_size": PART, "num_threads": threads}
    if direction == "up":
        store = oss2.ResumableStore(root=root)
        return lambda: oss2.resumable_upload(bucket, "up", path, store=store, **options)
    download = oss2.ResumableDownloadStore(root=root)
    return lambda: oss2.resumable_download(bucket, "large", path, store=download, **options)


def _of_v2(direction: str, endpoint: str, path: str, threads: int) -> Callable[[], object]:
    import alibabacloud_oss_v2 as sdk  # noqa: PLC0415  # the same

    config = sdk.config.Config(region="cn-hangzhou", endpoint=endpoint)
    config.credentials_provider = sdk.credentials.StaticCredentialsProvider("a", "b")
    client = sdk.Client(config)
    options = {"part_size": PART, "parallel_num": threads}
    if direction == "up":
        wanted = sdk.PutObjectRequest(BUCKET, "up")
        return lambda: client.uploader(**options).upload_file(wanted, path)
    asked = sdk.GetObjectRequest(BUCKET, "large")
    return lambda: client.downloader(**options).download_file(asked, path)


def main() -> None:
    """Transfer once, and print what it took."""
    name, direction, endpoint, path, _, threads = sys.argv[1:]
    programs = {"ossfs": _of_ossfs, "oss2": _of_oss2, "v2": _of_v2}
    transfer = programs[name](direction, endpoint, path, int(threads))
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    transfer()
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak = (after.ru_maxrss - before.ru_maxrss) * 1024 / 1e6
    print(json.dumps({"wall_s": wall, "cpu_s": cpu, "peak_mb": peak}))


if __name__ == "__main__":
    main()
