"""
The embedded server as a process: `python -m ossfs.emulator DIR --port 0`.

For people there is `ossfs serve`; this is what `ossfs.emulator.process` starts. One line
of JSON on standard output says where the server listens, once it does.
"""

import argparse
import asyncio
import ctypes
import dataclasses
import json
import os
import signal
import sys
from pathlib import Path

from ossfs.emulator.app import running
from ossfs.emulator.settings import (
    Limits,
    Settings,
    credentials_from_environment,
    credentials_from_json,
    demo_credentials,
)

CREDENTIALS_VARIABLE = "OSSFS_SERVE_CREDENTIALS"
_PR_SET_PDEATHSIG = 1


async def serve(directory: Path, settings: Settings, buckets: list[str]) -> None:
    """Serve until SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with running(directory, settings) as (port, service):
        for bucket in buckets:
            service.buckets.create(bucket)
        print(json.dumps({"port": port, "pid": os.getpid()}), flush=True)  # noqa: T201  # the protocol with the parent
        await stopped.wait()


def die_with(parent: int) -> None:
    """Be killed when the parent's starting thread ends, and now if it has already."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


def settings_of(options: argparse.Namespace) -> Settings:
    """Return the settings of a command line; ValueError when credentials are malformed."""
    text = os.environ.get(CREDENTIALS_VARIABLE, "")
    if options.credentials:
        text = options.credentials.read_text()
    credentials = credentials_from_json(text) if text else credentials_from_environment()
    return Settings(
        credentials=credentials or demo_credentials(),
        host=options.host,
        port=options.port,
        domains=("localhost", *options.domain),
        cnames=dict(one.partition("=")[::2] for one in options.cname),
        path_style=not options.no_path_style,
        region=options.region,
        check_region=options.check_region,
        max_skew_s=options.max_skew if options.max_skew >= 0 else None,
        restore_s=options.restore_seconds,
        admin=options.admin,
        limits=dataclasses.replace(Limits(), **dict(options.limit)),
    )


def _limit(text: str) -> tuple[str, int]:
    name, _, value = text.partition("=")
    if name not in {field.name for field in dataclasses.fields(Limits)}:
        raise argparse.ArgumentTypeError(f"no such limit: {name}")
    return name, int(value)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    options = argparse.ArgumentParser("python -m ossfs.emulator", description=__doc__)
    options.add_argument("directory", type=Path)
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, default=9000, help="0: any free one")
    options.add_argument("--bucket", action="append", default=[], help="made at start")
    options.add_argument("--domain", action="append", default=[], help="endpoint name")
    options.add_argument("--cname", action="append", default=[], help="HOST=BUCKET")
    options.add_argument("--no-path-style", action="store_true", help="as the service")
    options.add_argument("--region", default="cn-hangzhou")
    options.add_argument("--check-region", action="store_true")
    options.add_argument("--credentials", type=Path, help="JSON file: key id to secret")
    options.add_argument("--max-skew", type=float, default=900.0, help="seconds; -1: unchecked")
    options.add_argument("--restore-seconds", type=float, default=0.0)
    options.add_argument("--limit", type=_limit, action="append", default=[], help="NAME=BYTES")
    options.add_argument("--admin", action="store_true", help="faults and counters")
    options.add_argument("--die-with", type=int, metavar="PID", help="end with this parent")
    return options


def main() -> None:
    """Run the server."""
    options = parser().parse_args()
    if options.die_with:
        die_with(options.die_with)
    try:
        asyncio.run(serve(options.directory, settings_of(options), options.bucket))
    except (OSError, ValueError) as error:
        sys.exit(f"cannot serve {options.directory}: {error}")


if __name__ == "__main__":
    main()
