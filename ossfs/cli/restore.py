"""`ossfs restore`: ask for the bytes of archived objects, and see how far that is."""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import click

from ossfs.cli.buckets import Place, opened, place_of
from ossfs.cli.explain import explain
from ossfs.cli.mount import option_flags
from ossfs.errors import InvalidOption, StoreError
from ossfs.store.api import ObjectStore
from ossfs.store.archives import ARCHIVES, Archival, State, archival_of
from ossfs.transfer.workers import ThreadWorkers, Workers
from ossfs.writeback.moves import list_all

AT_ONCE = 8
NOT_YET = 3  # exit code
LONGEST_DAYS = 365  # of OSS and TOS; the store says what it thinks of fewer


@dataclass(frozen=True, slots=True)
class Told:
    """What came of one object."""

    place: str
    archival: Archival | None
    is_asked: bool
    error: str = ""

    def as_json(self) -> dict[str, object]:
        """Return it for programs."""
        found = self.archival
        return {
            "url": self.place,
            "storage_class": None if found is None else found.storage_class,
            "state": None if found is None else found.state.value,
            "until_ns": None if found is None else found.until_ns,
            "asked": self.is_asked,
            "error": self.error or None,
        }

    def __str__(self) -> str:
        if self.archival is None:
            return f"{'failed':<14}  {'':<15}  {self.place}\n  {self.error}"
        found = self.archival
        until = ""
        if found.until_ns is not None:
            moment = time.gmtime(found.until_ns // 1_000_000_000)
            until = time.strftime("  until %Y-%m-%d %H:%M:%S UTC", moment)
        failed = f"\n  {self.error}" if self.error else ""
        return f"{found.state.value:<14}  {found.storage_class:<15}  {self.place}{until}{failed}"


@click.command(short_help="Ask for archived objects to be readable for some days.")
@click.argument("targets", metavar="PATH|URL…", nargs=-1, required=True)
@click.option(
    "--days",
    type=click.IntRange(1, LONGEST_DAYS),
    default=1,
    show_default=True,
    help="How long the restored copy is to last.",
)
@click.option(
    "--tier",
    default="",
    metavar="TIER",
    help="How fast, in the store's words: Expedited, Standard or Bulk.",
)
@click.option("--status", "only_look", is_flag=True, help="Only show how far it is.")
@click.option("-r", "--recursive", is_flag=True, help="All archived objects below a folder.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@option_flags("store", "credentials")
def restore(
    *,
    targets: tuple[str, ...],
    days: int,
    tier: str,
    only_look: bool,
    recursive: bool,
    as_json: bool,
    **flags: Any,
) -> None:
    """
    Ask for the bytes of archived objects, and say in which state they are.

    A file is named by its path in a mount, or as oss://BUCKET/KEY (tos://, s3://). Restoring
    takes minutes to days, depending on class and TIER, and the store charges for it; the
    copy can be read for so many DAYS. Ask again to make that longer; --status only looks.

    What is written after the state: the storage class, and how long the copy lasts.

    Exit codes: 0 done, with --status: all can be read now; 1 something failed; 2 the command
    line was wrong; 3 with --status: some cannot be read yet.
    """
    places = [place_of(word, flags) for word in targets]
    for place in places:
        if place.is_prefix and not recursive:
            raise InvalidOption(f"{place} is a folder; -r asks for all that is archived below it")
    told: list[Told] = []
    with ExitStack() as stack:
        workers = ThreadWorkers(AT_ONCE, "ossfs-restore")
        stack.callback(workers.close, cancel=True)
        for place in places:
            store = stack.enter_context(opened(place.config, connections=AT_ONCE))
            restoring = Restoring(place, store, days=None if only_look else days, tier=tier)
            for one in restoring.run(workers):
                told.append(one)
                if not as_json:
                    click.echo(str(one))
    if as_json:
        click.echo(json.dumps([one.as_json() for one in told], indent=1))
    elif not told:
        click.echo("Nothing is archived there.")
    sys.exit(1 if any(one.error for one in told) else _waits(told) if only_look else 0)


def _waits(told: Iterable[Told]) -> int:
    unreadable = (State.ARCHIVED, State.RESTORING)
    waits = any(one.archival is not None and one.archival.state in unreadable for one in told)
    return NOT_YET if waits else 0


class Restoring:
    """One of the places; `days` None: only look."""

    def __init__(self, place: Place, store: ObjectStore, *, days: int | None, tier: str) -> None:
        self._place = place
        self._store = store
        self._days = days
        self._tier = tier

    def run(self, workers: Workers) -> Iterator[Told]:
        """Do it, yielding what came of each object in the order of their names."""
        if not self._place.is_prefix:
            yield self._settle(self._place.key)
            return
        try:
            keys = [
                one.key
                for one in list_all(self._store, self._place.key)
                if one.storage_class in ARCHIVES
            ]
        except StoreError as error:
            yield Told(str(self._place), None, is_asked=False, error=self._explain(error))
            return
        for future in [workers.submit(self._settle, key) for key in keys]:
            yield future.result()

    def _settle(self, key: str) -> Told:
        place, found, is_asked = str(Place(self._place.config, key)), None, False
        try:
            found = archival_of(self._store.head(key))
            if self._days is not None and found.state in (State.ARCHIVED, State.RESTORED):
                self._store.restore(key, self._days, tier=self._tier)
                is_asked = True
                found = archival_of(self._store.head(key))
        except StoreError as error:
            return Told(place, found, is_asked, self._explain(error))
        return Told(place, found, is_asked)

    def _explain(self, error: StoreError) -> str:
        return explain(error, self._place.config)
