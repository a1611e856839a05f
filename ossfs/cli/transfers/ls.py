"""`ossfs ls`: what is in a bucket."""

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import click

from ossfs.cli.transfers import flags as shared
from ossfs.cli.transfers.ends import Buckets, Remote, remote_of
from ossfs.cli.wording import shown, size_text
from ossfs.store.api import ListedObject, ObjectStore


@click.command("ls", short_help="List objects.")
@click.argument("url", metavar="URL")
@click.option("-l", "--long", "is_long", is_flag=True, help="With size, time and storage class.")
@click.option("-r", "--recursive", is_flag=True, help="All that is below, not only this folder.")
@click.option("-H", "--human", is_flag=True, help="With -l: sizes as people say them.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each, for programs.")
@shared.options_of()
def ls_command(
    *, url: str, is_long: bool, recursive: bool, human: bool, as_json: bool, **flags: Any
) -> None:
    """
    List what is in oss://BUCKET/FOLDER/ (tos://, s3://), in the order of the names.

    Without a slash at its end, URL is an object, or a folder, or the beginning of names.
    Folders end in a slash; an object that has a folder's name comes before what is in it. On a
    terminal, control characters in names are written as escapes. Exit code 1: nothing is there.
    """
    place = remote_of(url)
    with Buckets(flags, connections=1) as buckets:
        store = buckets.of(place)
        is_empty = True
        for one in _listed(store, place, is_recursive=recursive):
            is_empty = False
            line = _line(one, place, is_long=is_long, is_human=human, as_json=as_json)
            is_read_by_people = sys.stdout is not None and sys.stdout.isatty()
            # With colour: click would take escapes out of names for who reads a pipe.
            click.echo(shown(line) if is_read_by_people else line, color=True)
    if is_empty and place.key:
        click.echo(f"ossfs: {place}: nothing is there", err=True)
        sys.exit(1)


def _listed(
    store: ObjectStore, place: Remote, *, is_recursive: bool
) -> Iterator[ListedObject | str]:
    """Yield objects, and folders by their prefixes, page by page, in their order."""
    prefix = place.key
    if not place.is_folder and not is_recursive:
        page = store.list(place.folder, max_keys=1)
        if page.objects:
            prefix = place.folder
            yield from _of_the_same_name(store, place)
    token: str | None = None
    while True:
        page = store.list(prefix, delimiter="" if is_recursive else "/", token=token)
        found: list[tuple[str, ListedObject | str]] = [(one.key, one) for one in page.objects]
        found += [(folder, folder) for folder in page.prefixes]
        yield from (one for _, one in sorted(found, key=lambda pair: pair[0].encode()))
        token = page.next_token
        if token is None:
            return


def _of_the_same_name(store: ObjectStore, place: Remote) -> Iterator[ListedObject]:
    """Yield the object that has a folder's name, if there is one."""
    page = store.list(place.key, max_keys=1)
    yield from (one for one in page.objects if one.key == place.key)


def _line(
    one: ListedObject | str, place: Remote, *, is_long: bool, is_human: bool, as_json: bool
) -> str:
    if isinstance(one, str):
        url = str(place.at(one))
        if as_json:
            return json.dumps({"url": url, "key": one, "type": "folder"})
        return f"{'':>14}  {'':<20}  {'folder':<12}  {url}" if is_long else url
    url = str(place.at(one.key))
    if as_json:
        return json.dumps(
            {
                "url": url,
                "key": one.key,
                "type": "object",
                "size": one.size,
                "etag": one.etag,
                "modified_ns": one.modified_ns,
                "storage_class": one.storage_class,
            }
        )
    if not is_long:
        return url
    size = size_text(one.size) if is_human else str(one.size)
    return f"{size:>14}  {time_text(one.modified_ns):<20}  {one.storage_class:<12}  {url}"


def time_text(time_ns: int) -> str:
    """Write a time in UTC: `2026-01-01T00:00:00Z`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time_ns // 1_000_000_000))
