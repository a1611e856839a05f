"""`ossfs status`: what is mounted, and what is on its way to the buckets."""

import json

import click

from ossfs.cli.uploads.found import Found, find
from ossfs.cli.wording import age_text, left_text, waited_for


@click.command(short_help="Show what is mounted and what is on its way.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def status(*, as_json: bool) -> None:
    """Show what is mounted and how much of it is not in its bucket yet."""
    found = list(find())
    if as_json:
        click.echo(json.dumps([_as_json(one) for one in found if one.is_mounted], indent=1))
        return
    for one in found:
        if one.is_mounted and one.record is not None:
            click.echo(
                f"{one.record.url} at {one.record.mountpoint}: process {one.record.pid},"
                f" since {age_text(one.record.started_ns)}; {_pending(one)}"
            )
    if not any(one.is_mounted for one in found):
        click.echo("Nothing is mounted.")
    for one in found:
        if not one.is_mounted and waited_for(one.uploads):
            where = one.record.url if one.record else str(one.state_dir)
            click.echo(f"{where} is not mounted; {_pending(one)}, goes on when it is mounted")


def _pending(one: Found) -> str:
    if one.error:
        return one.error
    pending = waited_for(one.uploads)
    return f"to upload: {left_text(pending)}" if pending else "everything is in the bucket"


def _as_json(one: Found) -> dict[str, object]:
    record = one.record
    return {
        "url": record.url if record else None,
        "endpoint": record.endpoint if record else None,
        "mountpoint": record.mountpoint if record else None,
        "pid": record.pid if record else None,
        "started_ns": record.started_ns if record else None,
        "state_dir": str(one.state_dir),
        "uploads": one.uploads,
        "error": one.error or None,
    }
