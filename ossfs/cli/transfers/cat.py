"""`ossfs cat`: objects to standard output."""

import re
import sys
from typing import Any

import click

from ossfs.cli.transfers import flags as shared
from ossfs.cli.transfers.cp import to_output, unread
from ossfs.cli.transfers.ends import Buckets, object_of
from ossfs.cli.transfers.running import INTERRUPTED, Run
from ossfs.cli.transfers.showing import View
from ossfs.cli.transfers.tasks import How
from ossfs.errors import InvalidOption, TransferCancelled
from ossfs.transfer.options import THREADS
from ossfs.transfer.sizes import DEFAULT_PART_SIZE


@click.command("cat", short_help="Write objects to standard output.")
@click.argument("urls", metavar="URL…", nargs=-1, required=True)
@click.option(
    "--range",
    "wanted",
    metavar="FIRST-LAST",
    help="Only these bytes, both included; FIRST- is from there to the end.",
)
@shared.options_of(shared.VERSION)
def cat_command(
    *, urls: tuple[str, ...], wanted: str | None, version_id: str | None, **flags: Any
) -> None:
    """Write objects, oss://BUCKET/KEY (tos://, s3://), to standard output, checked."""
    byte_range = _range(wanted)
    places = [object_of(url) for url in urls]
    if sys.stdout is None:
        raise InvalidOption("standard output is closed")
    how = How(threads=THREADS, part_size=DEFAULT_PART_SIZE, is_resumed=False, version_id=version_id)
    with Buckets(flags, connections=THREADS) as buckets, View(is_quiet=True) as view:
        run = Run(how, 1, view, config=buckets.config)
        with run.interruptible():
            try:
                for place in places:
                    to_output(place, buckets, run, byte_range)
            except TransferCancelled:
                sys.exit(INTERRUPTED + run.outcome.signal)
            except BrokenPipeError:  # whoever read has enough
                sys.exit(unread())


def _range(text: str | None) -> tuple[int, int | None] | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)-(\d*)", text)
    if match is None:
        raise InvalidOption(f"--range {text!r}: write FIRST-LAST, or FIRST-")
    return int(match[1]), int(match[2]) if match[2] else None
