"""
`ossfs serve`: the embedded server, for trying things out and for tests.

It needs aiohttp (extra `emulator`), which is imported only when the command runs.
"""

import asyncio
import errno
import importlib.util
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ossfs.emulator.service import Service
    from ossfs.emulator.settings import Settings

_WILDCARDS = ("0.0.0.0", "::", "")  # noqa: S104  # compared with, never bound to


@click.command(short_help="Serve a directory as buckets over the OSS, TOS and S3 protocols.")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=9000,
    show_default=True,
    help="Port to listen on; 0 picks a free one.",
)
@click.option(
    "--bucket", "buckets", multiple=True, help="Bucket to make at start; may be repeated."
)
@click.option(
    "--domain",
    "domains",
    multiple=True,
    help="Name under which BUCKET.NAME is a virtual host, besides localhost; may be repeated.",
)
@click.option(
    "--cname",
    "cnames",
    multiple=True,
    metavar="HOST=BUCKET",
    help="Bind a whole host name to a bucket, for clients that name none; may be repeated.",
)
@click.option("--region", default="cn-hangzhou", show_default=True, help="Region told to clients.")
@click.option(
    "--admin",
    is_flag=True,
    help="Enable /_ossfs/: injected faults and request counters, without authentication.",
)
def serve(
    directory: Path,
    host: str,
    port: int,
    buckets: tuple[str, ...],
    domains: tuple[str, ...],
    cnames: tuple[str, ...],
    region: str,
    *,
    admin: bool,
) -> None:
    """
    Serve DIRECTORY as buckets over the OSS, TOS and S3 protocols, until Ctrl-C.

    All three are spoken on the one port, to the same objects; each request shows which
    one it is in.

    DIRECTORY is made when it is not there. It holds the objects' bytes and a database in
    a layout of its own; it survives being killed, but it is not a place for the only copy
    of anything: nothing is flushed to disk before it is answered.

    Clients sign with the key of OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET when both are
    set, else with a demo key that is printed at start. Everybody else is refused.

    \b
    Example:
      ossfs serve /tmp/objects --bucket demo
      ossfs mount oss://demo /mnt/demo --endpoint http://127.0.0.1:9000
    """  # noqa: D301  # click reads the backspace: the example keeps its lines
    if importlib.util.find_spec("aiohttp") is None:
        raise click.ClickException(
            "the embedded server needs aiohttp: pip install 'ossfs-mount[emulator]'"
        )
    from ossfs.emulator.settings import (  # noqa: PLC0415  # only when the command runs
        Settings,
        credentials_from_environment,
        demo_credentials,
    )

    settings = Settings(
        credentials=credentials_from_environment() or demo_credentials(),
        host=host,
        port=port,
        domains=("localhost", *domains),
        cnames=_bound(cnames),
        region=region,
        admin=admin,
    )
    try:
        asyncio.run(_serve(directory, settings, buckets))
    except OSError as error:
        raise click.ClickException(_reason(directory, settings, error)) from error


async def _serve(directory: Path, settings: "Settings", buckets: tuple[str, ...]) -> None:
    from ossfs.emulator.app import running  # noqa: PLC0415  # only when the command runs

    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with running(directory, settings) as (port, service):
        _make(service, buckets)
        click.echo(_greeting(directory, settings, port, buckets))
        await stopped.wait()
        click.echo("stopped")


def _make(service: "Service", buckets: tuple[str, ...]) -> None:
    from ossfs.emulator.refusals import Refused  # noqa: PLC0415  # only when the command runs

    for bucket in buckets:
        try:
            service.buckets.create(bucket)
        except Refused as error:
            raise click.BadParameter(
                f"{bucket!r}: {error.message} Use 3 to 63 of a-z, 0-9 and hyphens.",
                param_hint="--bucket",
            ) from error


def _bound(cnames: tuple[str, ...]) -> dict[str, str]:
    bound = dict(one.lower().partition("=")[::2] for one in cnames)
    for name, bucket in bound.items():
        if not (name and bucket):
            raise click.BadParameter("use HOST=BUCKET", param_hint="--cname")
    return bound


def _greeting(directory: Path, settings: "Settings", port: int, buckets: tuple[str, ...]) -> str:
    host = "127.0.0.1" if settings.host in _WILDCARDS else settings.host
    endpoint = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    key_id, secret = next(iter(settings.credentials.items()))
    bucket = buckets[0] if buckets else "BUCKET"
    lines = [f"serving {directory} at {endpoint}"]
    if os.environ.get("OSS_ACCESS_KEY_ID") == key_id:
        lines.append("with the key of OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET")
    else:
        lines += [
            "with a demo key:",
            f"  export OSS_ACCESS_KEY_ID={key_id}",
            f"  export OSS_ACCESS_KEY_SECRET={secret.secret}",
        ]
    if settings.admin:
        lines.append(f"faults and counters, open to everybody who can connect: {endpoint}/_ossfs/")
    lines += [
        "mount a bucket with:",
        f"  ossfs mount oss://{bucket} DIR --endpoint {endpoint}",
        "Ctrl-C stops the server",
    ]
    return "\n".join(lines)


def _reason(directory: Path, settings: "Settings", error: OSError) -> str:

    if error.errno == errno.EADDRINUSE:
        return (
            f"port {settings.port} of {settings.host} is taken; "
            "choose another with --port (0: any free one)"
        )
    if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM) and error.filename:
        return f"{directory} is not writable: {error.strerror}"
    return f"cannot serve {directory} at {settings.host}:{settings.port}: {error}"
