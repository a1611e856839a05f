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
from ossfs.cli.uploads.reaching import Reach, reach
from ossfs.cli.wording import size_text
from ossfs.errors import InvalidOption, OssfsError

RESUMED = ("waiting", "failed", "uploading")
"""What `--all` means: all that was promised, and no draft."""

INTERRUPTED = 130  # as shells have it: 128 and the number of the signal

Outcome = dict[str, Any]


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
    chosen = choose(names, where) if names else _promised(where)
    for one in chosen:
        if one.upload["state"] == "draft":
            confirm(
                f"{one.line} was never closed: its writer may have wanted to write more."
                " Upload it as it is?",
                yes=yes,
            )
    outcomes = _run(chosen, overwrite=overwrite, is_quiet=as_json)
    if as_json:
        click.echo(json.dumps(outcomes, indent=1))
    else:
        _tell(chosen, outcomes)
    sys.exit(1 if any(one["error"] for one in outcomes) else 0)


def _promised(where: str | None) -> list[Chosen]:
    found = places(where)
    for one in found:
        if one.error:
            click.echo(f"ossfs: {one.title}: {one.error}", err=True)
    return [
        Chosen(one, upload)
        for one in found
        for upload in one.uploads
        if upload["state"] in RESUMED and not (upload["is_open"] and not upload["error"])
    ]


def _run(chosen: Sequence[Chosen], *, overwrite: bool, is_quiet: bool) -> list[Outcome]:
    """Bring them to their buckets, one state folder after the other."""
    outcomes: list[Outcome] = []
    for found in {one.found.state_dir: one.found for one in chosen}.values():
        mine = [one for one in chosen if one.found is found]
        try:
            with reach(found) as files:
                done = _follow(files, [one.id for one in mine], overwrite, is_quiet=is_quiet)
        except (OssfsError, ControlError) as error:
            done = [{"id": one.id, "key": one.upload["key"], "error": str(error)} for one in mine]
        outcomes += [{"state_dir": str(found.state_dir), **one} for one in done]
    return outcomes


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


def _tell(chosen: Sequence[Chosen], outcomes: Sequence[Outcome]) -> None:
    sizes = {(str(one.found.state_dir), one.id): one.upload["size"] for one in chosen}
    for one in outcomes:
        size = size_text(sizes.get((one["state_dir"], one["id"]), 0))
        if one["error"]:
            click.echo(f"{one['key']}: not in the bucket: {one['error']}", err=True)
        else:
            click.echo(f"{one['key']}: in the bucket ({size})")
    if not outcomes:
        click.echo("Nothing waits.")
