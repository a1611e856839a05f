"""`ossfs names`: the objects that a mount does not show, because no path can name them."""

import json
import sys

import click

from ossfs.cli.buckets import opened, place_of
from ossfs.cli.mount import option_flags
from ossfs.vfs.keys import unseen
from ossfs.writeback.moves import list_all

FOUND = 3  # exit code


@click.command(short_help="List objects that a mount does not show.")
@click.argument("target", metavar="PATH|URL")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@option_flags("store", "credentials")
def names(*, target: str, as_json: bool, **flags: object) -> None:
    """
    List the objects below a directory that a mount does not show, and why.

    The directory is a path in a mount, or oss://BUCKET/PREFIX (tos://, s3://). All keys below
    it are listed: one request for 1000 of them.

    Exit codes: 0 all are shown; 1 the bucket could not be read; 2 the command line was wrong;
    3 some are not shown.
    """
    place = place_of(target, flags)
    prefix = place.key if place.is_prefix else f"{place.key}/"
    with opened(place.config, connections=1) as store:
        listed = [item.key for item in list_all(store, prefix)]
    hidden = list(unseen(listed, prefix))
    if as_json:
        click.echo(json.dumps([{"key": key, "reason": why} for key, why in hidden], indent=1))
    else:
        for key, why in hidden:
            click.echo(f"{key!r}: {why}")
        click.echo(f"{len(hidden)} of {len(listed)} objects are not shown", err=True)
    sys.exit(FOUND if hidden else 0)
