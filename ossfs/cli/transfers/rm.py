"""`ossfs rm`: delete objects."""

import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click

from ossfs.cli.transfers import flags as shared
from ossfs.cli.transfers.ends import Buckets, Remote, remote_of
from ossfs.cli.transfers.finding import objects_below
from ossfs.cli.transfers.running import Outcome, Run
from ossfs.cli.transfers.selecting import Selection
from ossfs.cli.transfers.showing import View
from ossfs.cli.transfers.tasks import How
from ossfs.cli.wording import shown
from ossfs.errors import InvalidOption, NoSuchKey, StoreError, TransferCancelled
from ossfs.store.api import DeleteFailure, ObjectStore
from ossfs.transfer.spreading import spread
from ossfs.transfer.workers import InlineWorkers, ThreadWorkers, Workers

JOBS = 8


@click.command("rm", short_help="Delete objects.")
@click.argument("urls", metavar="URL…", nargs=-1, required=True)
@click.option("-r", "--recursive", is_flag=True, help="All objects below folders.")
@click.option("-f", "--force", is_flag=True, help="What is not there is no error.")
@shared.options_of(*shared.SELECTING)
def rm_command(
    *,
    urls: tuple[str, ...],
    recursive: bool,
    force: bool,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    dry_run: bool,
    quiet: bool,
    **flags: Any,
) -> None:
    """
    Delete objects, oss://BUCKET/KEY (tos://, s3://); with -r all whose keys begin with KEY/.

    A bucket as a whole is emptied only with -r and a slash: oss://BUCKET/.

    Exit codes: 0 done; 1 some could not be deleted; 2 the command line was wrong.
    """
    selection = shared.selection_of(include, exclude, is_recursive=recursive)
    places = [remote_of(url) for url in urls]
    for place, url in zip(places, urls, strict=True):
        _refuse(place, url, is_recursive=recursive)
    how = How(threads=1, part_size=1, is_resumed=False)
    with Buckets(flags, connections=JOBS) as buckets, View(is_quiet=quiet) as view:
        run = Run(how, JOBS, view, config=buckets.config)
        for place in places:
            store = buckets.of(place)
            keys = _below(store, place, selection) if recursive else _one(store, place, force, run)
            count = deleting(store, place, keys, run, is_dry=dry_run)
            if recursive and not (count or force or include or exclude or run.outcome.failed):
                run.left_out(str(place), "there is nothing below it")
    if not quiet and not dry_run:
        click.echo(_told(run.outcome), err=True)
    sys.exit(run.outcome.exit_code)


def _refuse(place: Remote, url: str, *, is_recursive: bool) -> None:
    if place.is_folder and not is_recursive:
        raise InvalidOption(f"{place} is a folder: add -r for all that is below it")
    if not place.key and not url.endswith("/"):
        raise InvalidOption(f"{url}: write {place} to empty the whole bucket")


def _one(store: ObjectStore, place: Remote, force: bool, run: Run) -> Iterator[str]:
    if not force:
        try:
            store.head(place.key)
        except NoSuchKey as error:
            run.failed(str(place), error)
            return
    yield place.key


def _below(store: ObjectStore, place: Remote, selection: Selection) -> Iterator[str]:
    for found in objects_below(store, place.folder, selection):
        yield place.folder + found.name


def deleting(
    store: ObjectStore, place: Remote, keys: Iterable[str], run: Run, *, is_dry: bool
) -> int:
    """
    Delete keys, as many in one request as the store takes; return how many there were.

    Failures are said and counted.
    """
    count = 0
    if is_dry:
        for count, key in enumerate(keys, 1):  # noqa: B007  # it is what is returned
            click.echo(f"would delete {shown(str(place.at(key)))}")
        return count
    many = max(1, store.limits.max_delete)
    waiting = iter(keys)
    batches = iter(lambda: list(itertools.islice(waiting, many)), [])

    def delete(batch: Sequence[str]) -> tuple[Sequence[str], Sequence[DeleteFailure]]:
        if len(batch) == 1:
            store.delete(batch[0])
            return batch, ()
        return batch, store.delete_many(batch)

    def done(result: tuple[Sequence[str], Sequence[DeleteFailure]]) -> None:
        nonlocal count
        batch, failures = result
        count += len(batch)
        for one in failures:
            run.left_out(str(place.at(one.key)), f"{one.code}: {one.message}")
        run.outcome.moved += len(batch) - len(failures)

    workers: Workers = ThreadWorkers(JOBS, "ossfs-job") if many > 1 else InlineWorkers()
    with run.interruptible():
        try:
            spread(batches, delete, workers=workers, window=JOBS, done=done, check=run.cancel.check)
        except TransferCancelled:
            pass
        except StoreError as error:
            run.failed(f"deleting below {place}", error)
        finally:
            workers.close(cancel=True)
    return count


def _told(outcome: Outcome) -> str:
    text = f"{outcome.moved} object{'' if outcome.moved == 1 else 's'} deleted"
    return f"{text}; {outcome.failed} failed" if outcome.failed else text
