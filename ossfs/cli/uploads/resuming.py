"""`ossfs uploads resume`: bring files to their buckets now, and show how far they are."""

import json
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import click

from ossfs.cli.control import ControlError
from ossfs.cli.uploads.asking import confirm
from ossfs.cli.uploads.choosing import NAME_METAVAR, Chosen, choose, mount_option, places
from ossfs.cli.uploads.found import Found, has_intents
from ossfs.cli.uploads.reaching import Reach, reach
from ossfs.cli.wording import size_text
from ossfs.errors import InvalidOption, OssfsError

RESUMED = ("waiting", "failed", "uploading")
"""What `--all` means: all that was promised, and no draft."""

INTERRUPTED = 130  # as shells have it: 128 and the number of the signal

Outcome = dict[str, Any]
Work = dict[Found, list[Chosen]]


@click.command("resume", short_help="Bring files to the bucket now.")
@click.argument("names", metavar=f"[{NAME_METAVAR}]...", nargs=-1)
@click.option("--all", "is_all", is_flag=True, help="All that was promised; no drafts.")
@click.option("--yes", is_flag=True, help="Do not ask whether a draft is complete.")
@click.option(
    "--overwrite",
    is_flag=True,
    help="Let a draft replace an object of its name that is younger than it.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@mount_option
def resume_command(
    *,
    names: tuple[str, ...],
    is_all: bool,
    yes: bool,
    overwrite: bool,
    as_json: bool,
    where: str | None,
) -> None:
    """
    Try files that wait or failed now, and show progress until they are in the bucket.

    Where nothing is mounted, this command does what the next mount would: it goes on at the
    first missing part. It needs the credentials in its environment, like `ossfs mount`.

    A draft of a new file is uploaded as it is, after a question: its writer never said that
    it was complete. A draft of an edit, and a conflict, are refused; `export` saves them.

    Ctrl-C: a mounted bucket goes on by itself; otherwise the rest stays for the next time.

    Exit code 1: something is not in the bucket; the message says why.
    """
    if is_all == bool(names):
        raise InvalidOption("say which by ID or KEY, or --all")
    work = _promised(where) if is_all else _named(choose(names, where))
    for one in (one for chosen in work.values() for one in chosen):
        if one.upload["state"] == "draft":
            confirm(
                f"{one.line} was never closed: its writer may have wanted to write more."
                " Upload it as it is?",
                yes=yes,
            )
    outcomes = [
        outcome
        for found, chosen in work.items()
        for outcome in _run(found, chosen, overwrite=overwrite, is_quiet=as_json)
    ]
    if as_json:
        click.echo(json.dumps(outcomes, indent=1))
    else:
        _tell(outcomes)
    sys.exit(1 if any(one["error"] for one in outcomes) else 0)


def _named(chosen: Sequence[Chosen]) -> Work:
    work: Work = {}
    for one in chosen:
        work.setdefault(one.found, []).append(one)
    return work


def _promised(where: str | None) -> Work:
    """Return all that was promised, and the folders where only a change of names is left."""
    work: Work = {}
    for found in places(where):
        chosen = [
            Chosen(found, upload)
            for upload in found.uploads
            if upload["id"]  # attributes of a directory have none: they are always tried
            and upload["state"] in RESUMED
            and not (upload["is_open"] and not upload["error"])
        ]
        if chosen or found.error or (not found.is_mounted and has_intents(found.state_dir)):
            work[found] = chosen
    return work


def _run(found: Found, chosen: list[Chosen], *, overwrite: bool, is_quiet: bool) -> list[Outcome]:
    """Bring files of one state folder to their bucket; return what came of each."""
    where = {"state_dir": str(found.state_dir)}
    sizes = {one.id: one.upload["size"] for one in chosen}
    try:
        if found.error:
            raise ControlError(found.error)  # noqa: TRY301  # the same end as for the others
        with reach(found) as files:
            done = _follow(files, list(sizes), overwrite, is_quiet=is_quiet)
    except (OssfsError, ControlError) as error:
        keys = {one.id: one.upload["key"] for one in chosen} or {"": ""}
        done = [{"id": name, "key": key, "error": str(error)} for name, key in keys.items()]
    return [{**where, **one, "size": sizes.get(one["id"], 0)} for one in done]


def _follow(files: Reach, ids: list[str], overwrite: bool, *, is_quiet: bool) -> list[Outcome]:
    """Bring the files of one state folder to the bucket, and show progress meanwhile."""
    from ossfs.cli.uploads.bars import REFRESH_S, View  # noqa: PLC0415  # rich is slow to load

    done: list[list[Outcome] | BaseException] = []

    def run() -> None:
        try:
            done.append(files.resume(ids, overwrite=overwrite))
        except BaseException as error:  # noqa: BLE001  # raised again below
            done.append(error)

    working = threading.Thread(target=run, name="resume", daemon=True)
    working.start()
    try:
        with closing(View(is_quiet=is_quiet)) as view:
            working.join(REFRESH_S)
            while working.is_alive():
                view.show({"": [one for one in files.status() if one["id"] in ids]})
                working.join(REFRESH_S)
    except KeyboardInterrupt:
        click.echo("\ninterrupted; what is not in the bucket is kept, and goes on later", err=True)
        # Requests may be tried again for minutes. This ends as a crash does, which costs
        # nothing: the journal has what is not in the bucket.
        os._exit(INTERRUPTED)
    if isinstance(done[0], BaseException):
        raise done[0]
    return done[0]


def _tell(outcomes: Sequence[Outcome]) -> None:
    for one in outcomes:
        name = one["key"] or one["state_dir"]
        if one["error"]:
            click.echo(f"{name}: not in the bucket: {one['error']}", err=True)
        else:
            click.echo(f"{name}: in the bucket ({size_text(one['size'])})")
    if not outcomes:
        click.echo("Everything that was promised is in the buckets.")
