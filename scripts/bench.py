"""
Measures ossfs; `scripts/bench` runs it.

requests    processor time of a small GET: through the client, and through urllib3 alone,
            in turns, against the same plain server; the ratio of the medians is the result
transfers   processor time for each GB that is read or written, checksums included
sdks        1 GiB up and down with resumable transfers, beside the SDKs oss2 and
            alibabacloud-oss-v2, with the same number of threads: speed, processor time, memory
mounts      the same work through mounts of ossfs and, where they are installed, s3fs and
            rclone, on the embedded server: sequential, warm, after a remount, side by side,
            random, small files, ls -l, stat; medians, and every byte compared

Everything goes over loopback to servers on this machine. Run it on an idle one: times of
mounts suffer from whatever else runs, processor times less so. A target that is not met
is shown, and is no error.
"""

import argparse
import sys
from pathlib import Path

import bench_client
import bench_mounts
import bench_sdks
from bench_tables import Row, show_chapter, show_comparison, show_json
from bench_work import Amount

from ossfs import crc64
from ossfs.config.kinds import parse_size

TITLES = {
    "requests": "Small requests",
    "transfers": "Transfers",
    "sdks": "Resumable transfers",
    "mounts": "Mounts",
}
CHAPTERS = tuple(TITLES)


def _size(text: str) -> int:
    size = parse_size(text)
    if size < 1 << 20 or size % (1 << 20):
        raise argparse.ArgumentTypeError("must be whole MiB, as in 64M")
    return size


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument(
        "--only", choices=CHAPTERS, action="append", help="leave out the others; may be repeated"
    )
    parser.add_argument(
        "--size", type=_size, default="256M", help="size of the large file (default: 256M)"
    )
    parser.add_argument(
        "--files", type=int, default=200, help="number of small files, up to 1000 (default: 200)"
    )
    parser.add_argument(
        "--sdk-size",
        type=_size,
        default="1G",
        help="size of the file beside the SDKs (default: 1G)",
    )
    parser.add_argument(
        "--threads", type=int, default=4, help="threads of a resumable transfer (default: 4)"
    )
    parser.add_argument(
        "--programs",
        default=",".join(bench_mounts.PROGRAMS),
        help="which to mount with (default: ossfs,s3fs,rclone; what is missing is left out)",
    )
    parser.add_argument(
        "--runs", type=int, default=3, help="how often to read what is cold (default: 3)"
    )
    parser.add_argument(
        "--latency",
        type=int,
        default=0,
        metavar="MS",
        help="milliseconds added to each request of mounts; 15 is a near cloud (default: 0)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    return parser.parse_args()


def main() -> int:
    """Measure what was asked for, and show it."""
    arguments = _arguments()
    chosen = arguments.only or CHAPTERS
    chapters: dict[str, list[Row]] = {}
    if "requests" in chosen:
        _say("requests: a small GET")
        chapters["requests"] = bench_client.small_requests(arguments.work)
    if "transfers" in chosen:
        _say("transfers: some GB each way")
        size = min(arguments.size, 256 << 20)
        chapters["transfers"] = bench_client.large_transfers(arguments.work, size)
    if "sdks" in chosen:
        _say("sdks: one program after the other")
        chapters["sdks"] = bench_sdks.compare(arguments.work, arguments.sdk_size, arguments.threads)
    if "mounts" in chosen:
        _say("mounts: one program after the other")
        programs = arguments.programs.split(",")
        amount = Amount(arguments.size, arguments.files, arguments.runs)
        chapters["mounts"] = bench_mounts.compare(
            arguments.work, programs, amount, arguments.latency
        )
    if arguments.json:
        show_json(chapters)
        return 0
    for name, rows in chapters.items():
        show = show_comparison if name in {"mounts", "sdks"} else show_chapter
        show(TITLES[name], rows)
    print(f"CRC-64 by {crc64.IMPLEMENTATION}")
    return 0


def _say(text: str) -> None:
    print(f"[bench] {text}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
