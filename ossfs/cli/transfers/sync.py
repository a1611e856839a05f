"""`ossfs sync`: make a folder what another one is, moving what differs."""

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ossfs.cli.transfers import flags as shared
from ossfs.cli.transfers.cp import tell, would
from ossfs.cli.transfers.ends import Buckets, End, Local, Pipe, Remote, end_of
from ossfs.cli.transfers.finding import Found, files_below, objects_below
from ossfs.cli.transfers.moving import Moving
from ossfs.cli.transfers.planning import Planning
from ossfs.cli.transfers.rm import deleting
from ossfs.cli.transfers.running import Run
from ossfs.cli.transfers.selecting import Selection
from ossfs.cli.transfers.showing import View
from ossfs.cli.transfers.wanting import Wanted
from ossfs.errors import InvalidOption


@click.command("sync", short_help="Make a folder what another one is.")
@click.argument("source", metavar="SOURCE")
@click.argument("target", metavar="TARGET")
@click.option("--delete", "is_deleting", is_flag=True, help="Delete what SOURCE does not have.")
@click.option("--size-only", is_flag=True, help="Same size is same file, whatever the times.")
@shared.options_of(*shared.SELECTING, *shared.MOVING, shared.SOURCE_OPTION)
def sync_command(
    *,
    source: str,
    target: str,
    is_deleting: bool,
    size_only: bool,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    dry_run: bool,
    quiet: bool,
    source_options: tuple[str, ...],
    **flags: Any,
) -> None:
    """
    Make the folder TARGET what the folder SOURCE is; one of them is in a bucket, or both.

    A file is moved when the target does not have it, when the sizes differ, or when the
    source is newer; where both are of the same two seconds, and with --checksum always, when
    the bytes differ. Downloads get the times of their objects. What SOURCE does not have is
    left alone, or with --delete deleted, as far as --include and --exclude choose it.

    Exit codes: as of cp.
    """
    ends = _folder(end_of(source)), _folder(end_of(target))
    if isinstance(ends[0], Local) and not ends[0].path.is_dir():
        raise InvalidOption(f"{source} is not a directory")
    selection = Selection(include, exclude)
    moving = Moving.taken(flags)
    source_flags = shared.source_flags_of(source_options)
    opening = Buckets(flags, connections=moving.connections, source_flags=source_flags)
    with opening as buckets, View(is_quiet=quiet) as view:
        run = moving.run(buckets, view, keep_times=True)

        def leave_out(name: str, why: str) -> None:
            if why != "there is nothing below it":
                run.left_out(name, why)

        planning = Planning([ends[0]], ends[1], buckets, selection, True, leave_out)
        planning.check()
        there = {one.name: one for one in _found(ends[1], buckets, selection)}
        wanted = Wanted(
            planning, ends[1], there, is_compared=moving.checksum, is_size_enough=size_only
        )
        run.is_same = wanted.is_same
        began = time.monotonic()
        if dry_run:
            would(wanted.tasks(), run)
        else:
            run.run(wanted.tasks())
        is_whole = not (run.outcome.failed or run.outcome.signal)
        if is_deleting and is_whole and _is_there(ends[0], buckets, run):
            _delete(ends[1], sorted(there.keys() - wanted.names), buckets, run, is_dry=dry_run)
    if not quiet and not dry_run:
        tell(run.outcome, time.monotonic() - began)
    sys.exit(run.outcome.exit_code)


def _is_there(source: End, buckets: Buckets, run: Run) -> bool:
    """Say whether there is a source at all: a prefix that was mistyped would empty the target."""
    if isinstance(source, Remote) and source.key:
        page = buckets.source(source).list(source.folder, max_keys=1)
        if not page.objects:
            run.left_out(str(source), "nothing is there, so nothing is deleted either")
            return False
    return True


def _folder(end: End) -> End:
    if isinstance(end, Pipe):
        raise InvalidOption("- is no folder")
    if isinstance(end, Remote):
        return end.at(end.folder)
    return Local(end.path, is_folder=True)


def _found(end: End, buckets: Buckets, selection: Selection) -> Iterator[Found]:
    if isinstance(end, Remote):
        yield from objects_below(buckets.of(end), end.folder, selection)
    elif isinstance(end, Local) and end.path.is_dir():
        yield from files_below(end.path, selection, lambda *_: None)


def _delete(end: End, names: list[str], buckets: Buckets, run: Run, *, is_dry: bool) -> None:
    """Delete what the source does not have; whole folders are left, without files in them."""
    if isinstance(end, Remote):
        keys = [end.folder + name for name in names]
        moved = run.outcome.moved
        deleting(buckets.of(end), end, keys, run, is_dry=is_dry)
        run.outcome.moved = moved
        return
    assert isinstance(end, Local)  # noqa: S101  # a pipe is no folder
    for name in names:
        path = Path(end.path, name)
        if is_dry:
            click.echo(f"would delete {path}")
            continue
        try:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
        except OSError as error:
            run.failed(str(path), error)
