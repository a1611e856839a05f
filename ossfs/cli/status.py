"""`ossfs status`: what is mounted, and what is on its way to the buckets."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from typing import Any

import click

from ossfs.cli.control import Client, ControlError
from ossfs.cli.uploads.found import Found, find
from ossfs.cli.wording import age_text, left_text, size_text, waited_for

MOST_SHOWN = 4  # operations, the most frequent ones


@click.command(short_help="Show what is mounted and what is on its way.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--metrics", "as_metrics", is_flag=True, help="For Prometheus.")
def status(*, as_json: bool, as_metrics: bool) -> None:
    """
    Show what is mounted, how much of it is not in its bucket yet, and what was read.

    Reads are counted as the kernel sends them: what it has in its own pages it does not ask
    for. "Found" are those that memory could answer without waiting for the store or the disk.
    """
    if as_json and as_metrics:
        raise click.UsageError("--json and --metrics are two forms: choose one")
    found = list(find())
    if as_metrics:
        click.echo(_metrics(found), nl=False)
        return
    if as_json:
        click.echo(json.dumps([_as_json(one) for one in found if one.is_mounted], indent=1))
        return
    for one in found:
        if one.is_mounted and one.record is not None:
            counters = _counters(one)
            library = f", {counters['fuse']}" if counters.get("fuse") else ""
            click.echo(
                f"{one.record.url} at {one.record.mountpoint}: process {one.record.pid}{library},"
                f" since {age_text(one.record.started_ns)}; {_pending(one)}"
            )
            for line in _counter_lines(counters):
                click.echo(f"  {line}")
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


def _metrics(found: Iterable[Found]) -> str:
    """Return what all mounts count, each with its URL and mountpoint."""
    from ossfs.observe.metrics import joined  # noqa: PLC0415  # slow; the other forms need it not

    return joined(
        ({"url": one.record.url, "mountpoint": one.record.mountpoint}, text)
        for one in found
        if one.is_mounted and one.record is not None and (text := _ask(one, "metrics"))
    )


def _counters(one: Found) -> Mapping[str, Any]:
    """Return what a live mount counts; empty: it does not say."""
    counters: Mapping[str, Any] = _ask(one, "counters") or {}
    return counters


def _ask(one: Found, what: str) -> Any:
    """Ask a live mount; None: it does not answer, or is of an older version."""
    if one.record is None or one.error:
        return None
    try:
        with closing(Client(one.record.socket)) as client:
            return client.ask(what)
    except ControlError:
        return None


def _counter_lines(counters: Mapping[str, Any]) -> Iterator[str]:
    if not counters:
        return
    memory, disk = counters["memory"], counters["disk"]
    yield (
        f"reads: {memory['hits']} found in memory, {memory['misses']} not;"
        f" {size_text(memory['held_bytes'])} held and {size_text(memory['in_flight_bytes'])}"
        f" under way of {size_text(memory['budget_bytes'])}, {memory['evictions']} blocks evicted"
    )
    if disk:
        damaged = f", {disk['corrupted']} damaged" if disk["corrupted"] else ""
        failed = f", {disk['failures']} failures" if disk["failures"] else ""
        yield (
            f"disk: {disk['hits']} fetches spared ({size_text(disk['hit_bytes'])}),"
            f" {disk['misses']} not; {size_text(disk['written_bytes'])} written,"
            f" {disk['dropped']} blocks left out, {disk['evictions']} files evicted"
            f"{damaged}{failed}; {size_text(disk['used_bytes'])} of {size_text(disk['size'])}"
        )
    requests = sorted(counters["requests"].items(), key=lambda item: -item[1])
    listed = ", ".join(f"{count} {operation}" for operation, count in requests[:MOST_SHOWN])
    again = f", {counters['retries']} tried again" if counters["retries"] else ""
    given_up = f", {counters['given_up']} given up" if counters["given_up"] else ""
    yield (
        f"requests: {sum(count for _, count in requests)} ({listed});"
        f" {size_text(counters['received_bytes'])} received,"
        f" {size_text(counters['sent_bytes'])} sent{again}{given_up}"
    )


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
        "counters": _counters(one) or None,
        "error": one.error or None,
    }
