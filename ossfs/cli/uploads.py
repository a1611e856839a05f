"""
`ossfs uploads`: bytes that are not in a bucket yet, of mounts that live and that died.

A live mount is asked through its control socket; for the others the journal is read,
without changing it.
"""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from ossfs.cli.control import Client, ControlError
from ossfs.cli.state import Record, folders, is_live, read_record
from ossfs.cli.wording import upload_lines
from ossfs.errors import JournalDamaged


@dataclass(frozen=True, slots=True)
class Found:
    """What one state folder holds."""

    state_dir: Path
    record: Record | None
    is_mounted: bool
    uploads: list[dict[str, Any]]
    error: str = ""
    """Why the uploads are not known."""


def find() -> Iterator[Found]:
    """Look into every state folder of this user."""
    for folder in folders():
        record, live = read_record(folder), is_live(folder)
        try:
            uploads = ask(record) if live and record is not None else offline(folder)
        except (ControlError, JournalDamaged) as error:
            yield Found(folder, record, live, [], str(error))
        else:
            yield Found(folder, record, live, uploads)


def ask(record: Record) -> list[dict[str, Any]]:
    """Return the uploads of a live mount. ControlError."""
    with closing(Client(record.socket)) as client:
        uploads: list[dict[str, Any]] = client.ask("status")
        return uploads


def offline(folder: Path) -> list[dict[str, Any]]:
    """Return the uploads in the journal of a folder nobody uses. JournalDamaged."""
    if not (folder / "journal.db").exists():
        return []
    from ossfs.writeback.recovery import pending  # noqa: PLC0415  # rarely needed

    return [asdict(one) for one in pending(folder)]


@click.group(short_help="Show bytes that are not in a bucket yet.")
def uploads() -> None:
    """Show bytes that are not in a bucket yet."""


@uploads.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def list_command(*, as_json: bool) -> None:
    """
    List what is being uploaded, waits, failed, or was left by a mount that died.

    A `draft` was never closed: nobody promised it to the bucket, and nothing uploads it by
    itself.
    """
    found = list(find())
    if as_json:
        click.echo(json.dumps([_as_json(one) for one in found], indent=1))
        return
    blocks = [one for one in found if one.uploads or one.error]
    for one in blocks:
        click.echo(_title(one))
        click.echo(f"  {one.error}" if one.error else _indented(upload_lines(one.uploads)))
    if not blocks:
        click.echo("Everything is in the buckets.")


def _as_json(one: Found) -> dict[str, Any]:
    return {
        "url": one.record.url if one.record else None,
        "mountpoint": one.record.mountpoint if one.record and one.is_mounted else None,
        "mounted": one.is_mounted,
        "state_dir": str(one.state_dir),
        "error": one.error or None,
        "uploads": one.uploads,
    }


def _title(one: Found) -> str:
    if one.record is None:
        return f"{one.state_dir}:"
    if one.is_mounted:
        return f"{one.record.url}, mounted at {one.record.mountpoint}:"
    return f"{one.record.url}, not mounted (goes on when it is mounted; in {one.state_dir}):"


def _indented(lines: list[str]) -> str:
    return "\n".join(f"  {line}" for line in lines)
