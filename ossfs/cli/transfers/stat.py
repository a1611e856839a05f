"""`ossfs stat`: what a store says of an object."""

import json
import sys
from typing import Any

import click

from ossfs.cli.explain import explain
from ossfs.cli.transfers import flags as shared
from ossfs.cli.transfers.ends import Buckets, Remote, object_of
from ossfs.cli.transfers.ls import time_text
from ossfs.cli.wording import size_text
from ossfs.errors import StoreError
from ossfs.store.api import ObjectInfo


@click.command("stat", short_help="Describe objects.")
@click.argument("urls", metavar="URL…", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@shared.options_of(shared.VERSION)
def stat_command(
    *, urls: tuple[str, ...], as_json: bool, version_id: str | None, **flags: Any
) -> None:
    """Describe objects, oss://BUCKET/KEY (tos://, s3://): size, checksum, type and so on."""
    found: list[dict[str, object]] = []
    has_failed = False
    with Buckets(flags, connections=1) as buckets:
        for place in map(object_of, urls):
            try:
                info = buckets.of(place).head(place.key, version_id=version_id)
            except StoreError as error:
                has_failed = True
                click.echo(f"ossfs: {explain(error, buckets.config())}", err=True)
                continue
            found.append(described(place, info))
    if as_json:
        click.echo(json.dumps(found, indent=1))
    elif found:
        click.echo("\n\n".join(_text(one) for one in found))
    sys.exit(1 if has_failed else 0)


def described(place: Remote, info: ObjectInfo) -> dict[str, object]:
    """Return what is known of an object, for programs."""
    return {
        "url": str(place),
        "size": info.size,
        "etag": info.etag,
        "crc64": info.crc64,
        "modified_ns": info.modified_ns,
        "content_type": info.content_type,
        "storage_class": info.storage_class,
        "object_type": info.object_type,
        "version_id": info.version_id,
        "restore": info.restore,
        "headers": dict(info.standard),
        "metadata": dict(info.metadata),
    }


def _text(one: dict[str, object]) -> str:
    lines = []
    for name, value in one.items():
        if value in (None, "", {}):
            continue
        if name == "size" and isinstance(value, int):
            text = f"{value} ({size_text(value)})"
        elif name == "modified_ns" and isinstance(value, int):
            name, text = "modified", time_text(value)  # noqa: PLW2901  # people read no nanoseconds
        elif isinstance(value, dict):
            text = ", ".join(f"{key}: {value[key]}" for key in sorted(value))
        else:
            text = str(value)
        lines.append(f"{name.replace('_', ' '):>14}  {text}")
    return "\n".join(lines)
