"""`ossfs uploads gc`: abort multipart uploads at the store that nobody needs."""

import contextlib
import json
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import click

from ossfs.cli.buckets import config_of, is_same_bucket, opened
from ossfs.cli.explain import explain
from ossfs.cli.mount import option_flags
from ossfs.cli.state import folders, read_record
from ossfs.cli.wording import age_text, size_text
from ossfs.clock import SystemClock
from ossfs.config import MountConfig
from ossfs.config.kinds import parse_duration
from ossfs.errors import InvalidOption, JournalDamaged, NoSuchUpload, StoreError
from ossfs.journal.journal import Journal
from ossfs.store.api import ObjectStore
from ossfs.writeback.recovery import JOURNAL_NAME
from ossfs.writeback.strays import Claims, Owner, Stray, held_by, older_than, uploads_of

CONNECTIONS = 4


@click.command("gc", short_help="Abort multipart uploads that nobody needs.")
@click.argument("url", metavar="oss|tos|s3://BUCKET[/PREFIX]")
@click.option(
    "--older-than",
    "age",
    metavar="AGE",
    required=True,
    help="Only uploads that were begun longer ago than this: 7d, 12h, 0s.",
)
@click.option(
    "--foreign",
    is_flag=True,
    help="Also uploads that no journal of yours knows. Other machines, users and programs have"
    " their own: make sure that none of them is at work on one of that age.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@option_flags("store", "credentials")
def gc_command(
    *, url: str, age: str, foreign: bool, dry_run: bool, as_json: bool, **flags: Any
) -> None:
    """
    Abort the multipart uploads of a bucket, or of a folder of it, that nobody needs.

    A store keeps the parts of an upload that was never completed, and charges for them.

    An upload that a state folder of yours still needs, mounted or not, is never aborted:
    `ossfs uploads list` shows these. Without --foreign, only those are aborted that are known
    to have been ours and to be needed no more (their abort could not be sent when it was
    due). A bucket that other programs fill, or whose state folder was deleted, may hold
    uploads that nobody here knows: they are listed, and aborted with --foreign.

    Where no --endpoint and no --region is given, those of the last mount of URL are used.
    """
    before_ns = time.time_ns() - int(_seconds(age) * 1e9)
    config = config_of(url, flags)
    with opened(config, connections=CONNECTIONS) as store:
        try:
            listed = list(uploads_of(store, config.url.prefix))
        except StoreError as error:
            click.echo(f"ossfs: {explain(error, config)}", err=True)
            sys.exit(1)
        # The journals are read after the listing: what is in it was journaled before.
        strays = older_than(listed, _claims(config), before_ns=before_ns)
        told = [_settle(store, one, foreign=foreign, dry_run=dry_run) for one in strays]
    if as_json:
        click.echo(json.dumps(told, indent=1))
    else:
        _tell(told, foreign=foreign)
    sys.exit(1 if any(one["error"] for one in told) else 0)


def _seconds(age: str) -> float:
    try:
        return parse_duration(age)
    except ValueError as error:
        raise InvalidOption(f"--older-than: {age!r} {error}") from None


def _claims(config: MountConfig) -> Claims:
    """Read every journal of this user that may be of the bucket. JournalDamaged."""
    claims = Claims()
    for folder in folders():
        record = read_record(folder)
        path = folder / JOURNAL_NAME
        if not path.exists() or (record is not None and not is_same_bucket(record.url, config)):
            continue
        try:
            with closing(Journal(path, clock=SystemClock(), read_only=True)) as journal:
                claims.add(journal.load())
        except JournalDamaged as error:
            raise JournalDamaged(f"{error}; so it is not known which uploads it needs") from error
    return claims


def _settle(store: ObjectStore, one: Stray, *, foreign: bool, dry_run: bool) -> dict[str, Any]:
    """Abort an upload, or say why not; return what to tell of it."""
    told: dict[str, Any] = {
        "key": one.key,
        "upload_id": one.upload_id,
        "initiated_ns": one.initiated_ns,
        "owner": one.owner.value,
        "size": None,
        "action": "kept",
        "error": "",
    }
    try:
        told["size"] = held_by(store, one)
        if one.owner is Owner.OURS or (foreign and one.owner is Owner.FOREIGN):
            if not dry_run:
                with contextlib.suppress(NoSuchUpload):  # completed or aborted by now
                    store.abort_upload(one.key, one.upload_id)
            told["action"] = "would be aborted" if dry_run else "aborted"
    except StoreError as error:
        told["error"] = str(error)
    return told


def _tell(told: Sequence[Mapping[str, Any]], *, foreign: bool) -> None:
    for one in told:
        size = "?" if one["size"] is None else size_text(one["size"])
        click.echo(
            f"{one['action']:<16}  {one['owner']:<7}  {age_text(one['initiated_ns']):>7}"
            f"  {size:>9}  {one['key']}  {one['upload_id']}"
        )
        if one["error"]:
            click.echo(f"  {one['error']}", err=True)
    left = [one for one in told if one["owner"] == Owner.FOREIGN.value and not foreign]
    if left:
        size = size_text(sum(one["size"] or 0 for one in left))
        click.echo(
            f"{len(left)} of them ({size}) are not known here; if nobody works on them,"
            " --foreign aborts them"
        )
    if not told:
        click.echo("No upload of that age is there.")
