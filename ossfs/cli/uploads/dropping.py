"""`ossfs uploads abort` and `discard`: give up what the store holds, or what is here."""

import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from ossfs.cli.control import ControlError
from ossfs.cli.uploads.asking import confirm
from ossfs.cli.uploads.choosing import NAME_METAVAR, Chosen, choose, mount_option
from ossfs.cli.uploads.reaching import Reach, reach
from ossfs.errors import OssfsError


@click.command("abort", short_help="Abort uploads at the store; keep the local bytes.")
@click.argument("names", metavar=f"{NAME_METAVAR}...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@mount_option
def abort_command(*, names: tuple[str, ...], as_json: bool, where: str | None) -> None:
    """
    Abort the multipart uploads of files at the store, which frees what it charges for.

    The local bytes stay. A file that was promised begins again, from its first part, with
    the next attempt; to give it up for good, `discard` it.

    Refused for a file that is open or being uploaded right now.
    """

    def abort(files: Reach, one: Chosen) -> str:
        if not files.abort(one.id):
            return "has no upload at the store"
        again = "" if one.upload["state"] == "draft" else "; the next attempt begins again"
        return f"its upload is aborted, the local bytes are kept{again}"

    _each(choose(names, where), abort, as_json=as_json)


@click.command("discard", short_help="Delete local bytes for good.")
@click.argument("names", metavar=f"{NAME_METAVAR}...", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@mount_option
def discard_command(*, names: tuple[str, ...], yes: bool, as_json: bool, where: str | None) -> None:
    """
    Delete the local bytes of files and forget them; their uploads at the store are aborted.

    What the bucket has under their names stays. This cannot be undone: `export` saves a copy
    first.

    Refused for a file that is open or being uploaded right now.
    """
    chosen = choose(names, where)
    for one in chosen:
        confirm(f"Delete the local bytes of {one.line}? They are nowhere else.", yes=yes)

    def discard(files: Reach, one: Chosen) -> str:
        files.discard(one.id)
        return "discarded"

    _each(chosen, discard, as_json=as_json)


def _each(chosen: Sequence[Chosen], act: Callable[[Reach, Chosen], str], *, as_json: bool) -> None:
    """Do it to each, tell what came of it, and end with 1 if something failed."""
    outcomes: list[dict[str, Any]] = []
    for one in chosen:
        outcome = {
            "state_dir": str(one.found.state_dir),
            "id": one.id,
            "key": one.upload["key"],
            "done": "",
            "error": "",
        }
        try:
            with reach(one.found) as files:
                outcome["done"] = act(files, one)
        except (OssfsError, ControlError) as error:
            outcome["error"] = str(error)
        outcomes.append(outcome)
    if as_json:
        click.echo(json.dumps(outcomes, indent=1))
    else:
        for outcome in outcomes:
            failed = bool(outcome["error"])
            click.echo(f"{outcome['key']}: {outcome['error'] or outcome['done']}", err=failed)
    sys.exit(1 if any(outcome["error"] for outcome in outcomes) else 0)
