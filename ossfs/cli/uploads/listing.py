"""`ossfs uploads list`, `show` and `watch`: looking, without changing anything."""

import contextlib
import json
import time
from contextlib import closing
from dataclasses import asdict
from typing import Any

import click

from ossfs.cli.uploads.choosing import NAME_METAVAR, choose, mount_option, places
from ossfs.cli.uploads.found import Found
from ossfs.cli.uploads.reaching import reach
from ossfs.cli.wording import age_text, size_text, state_text, upload_lines, way_on
from ossfs.writeback.details import Details, KnownUpload


@click.command("list", short_help="List them, with how to go on.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--watch", is_flag=True, help="The same as `ossfs uploads watch`.")
@click.option("--until-done", is_flag=True, help="With --watch: end when nothing is on its way.")
@mount_option
@click.pass_context
def list_command(
    ctx: click.Context, *, as_json: bool, watch: bool, until_done: bool, where: str | None
) -> None:
    """
    List what is being uploaded, waits, failed, or was left by a mount that died.

    \b
    open       somebody writes it; it goes to the bucket when it is closed
    waiting    goes to the bucket by itself (once its bucket is mounted)
    uploading  is on its way
    failed     is tried again by itself, a little later each time; `resume` tries now
    draft      was never closed: nobody promised it to the bucket, nothing uploads it by itself
    conflict   an edit of a version that is gone; the bucket has somebody else's
    lost       local bytes are damaged, or nobody knows whose they are

    The first word of a line is the ID that the other commands take.
    """  # noqa: D301  # click wants the character \b before lines that stay as they are
    if watch:
        ctx.invoke(watch_command, as_json=as_json, where=where, until_done=until_done)
        return
    found = places(where)
    if as_json:
        click.echo(json.dumps([as_plain(one) for one in found], indent=1))
        return
    blocks = [one for one in found if one.uploads or one.error]
    for one in blocks:
        click.echo(f"{one.title}:")
        lines = [one.error] if one.error else [*upload_lines(one.uploads), *_ways(one)]
        click.echo("\n".join(f"  {line}".rstrip() for line in lines))
    if not blocks:
        click.echo("Everything is in the buckets.")


def as_plain(one: Found) -> dict[str, Any]:
    """Describe a state folder for a program."""
    return {
        "url": one.record.url if one.record else None,
        "mountpoint": one.record.mountpoint if one.record and one.is_mounted else None,
        "mounted": one.is_mounted,
        "state_dir": str(one.state_dir),
        "error": one.error or None,
        "uploads": one.uploads,
    }


def _ways(one: Found) -> list[str]:
    """Say how to go on with each state that is there, once."""
    states = sorted({state_text(upload) for upload in one.uploads})
    url = one.record.url if one.record else "its bucket"
    ways = [f"{state}: {way_on(state, url, is_mounted=one.is_mounted)}" for state in states]
    return ["", *ways]


@click.command("show", short_help="Show all that is known of one.")
@click.argument("name", metavar=NAME_METAVAR)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@mount_option
def show_command(*, name: str, as_json: bool, where: str | None) -> None:
    """Show all that is known of a file that is not in its bucket yet."""
    (chosen,) = choose([name], where)
    with reach(chosen.found) as files:
        details = files.details(chosen.id)
    if as_json:
        plain = {"state_dir": str(chosen.found.state_dir), **details.to_json()}
        click.echo(json.dumps(plain, indent=1))
        return
    lines = [("in", chosen.found.title), *_facts(details)]
    url = chosen.found.record.url if chosen.found.record else "its bucket"
    way = way_on(state_text(asdict(details.status)), url, is_mounted=chosen.found.is_mounted)
    for label, text in [*lines, ("next", way)]:
        click.echo(f"{f'{label}:' if label else '':<13}{text}")


def _facts(details: Details) -> list[tuple[str, str]]:
    one, base, upload = details.status, details.base, details.upload
    facts = [
        ("id", one.id),
        ("key", one.key),
        ("state", f"{one.state}, open" if one.is_open else one.state),
        ("size", f"{size_text(one.size)} ({one.size} bytes)"),
        ("since", f"{_time(one.since_ns)}, {age_text(one.since_ns)} ago"),
        ("generation", str(one.generation)),
        ("local bytes", one.staging or "none: only attributes changed"),
    ]
    if one.error:
        facts.append(("error", one.error))
    if base is not None:
        facts.append(("based on", f"{base.key}, version {base.etag}, {base.size} bytes"))
    if details.gaps:
        ranges = (f"{gap.start} to {gap.stop} ({gap.why})" for gap in details.gaps)
        facts.append(("not here", ", ".join(ranges)))
    if upload is not None:
        done = f"{len(upload.parts)} of {one.parts_total}" if one.parts_total else len(upload.parts)
        sent = sum(part.size for part in upload.parts)
        facts += [
            ("upload", f"{upload.upload_id or 'its id is not known yet'}, {upload.state}"),
            ("parts", f"{done} done, {size_text(sent)}"),
            *(("", text) for text in _parts(upload)),
        ]
    return facts


def _parts(upload: KnownUpload) -> list[str]:
    """Name the parts by number and size; neighbours of one size on one line."""
    runs: list[tuple[int, int, int]] = []
    for part in upload.parts:
        if runs and runs[-1][1] == part.number - 1 and runs[-1][2] == part.size:
            runs[-1] = (runs[-1][0], part.number, part.size)
        else:
            runs.append((part.number, part.number, part.size))
    return [
        f"{first}: {size} bytes" if first == last else f"{first} to {last}: {size} bytes each"
        for first, last, size in runs
    ]


def _time(ns: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(ns / 1e9))


@click.command("watch", short_help="Show progress until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="For programs: a line for each change.")
@click.option("--until-done", is_flag=True, help="End when nothing is on its way any more.")
@mount_option
def watch_command(*, as_json: bool, until_done: bool, where: str | None) -> None:
    """
    Show a bar for each file that is on its way, and one for all, until Ctrl-C.

    Without a terminal: a line whenever something has changed. With --until-done, files that
    failed are waited for, too, because the mount tries them again.
    """
    from ossfs.cli.uploads.bars import REFRESH_S, View  # noqa: PLC0415  # rich is slow to load

    said = ""
    with closing(View(is_quiet=as_json)) as view, contextlib.suppress(KeyboardInterrupt):
        while True:
            found = places(where)
            if as_json and (text := json.dumps([as_plain(one) for one in found])) != said:
                click.echo(text)
                said = text
            view.say("\n".join(f"{one.title}: {one.error}" for one in found if one.error))
            view.show({str(one.state_dir): one.uploads for one in found})
            if until_done and not any(_is_moving(one) for one in found):
                break
            time.sleep(REFRESH_S)


def _is_moving(one: Found) -> bool:
    """Say whether a mount is at work on something."""
    moving = ("waiting", "uploading", "failed")
    return one.is_mounted and any(upload["state"] in moving for upload in one.uploads)
