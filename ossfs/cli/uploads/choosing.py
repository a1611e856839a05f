"""
Which file is meant: by its id or its key, and, where several state folders fit, by mount.

A word that fits several files is refused with all of them named; nothing is guessed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from ossfs.cli.uploads.found import Found, find
from ossfs.cli.wording import size_text
from ossfs.errors import InvalidOption

F = TypeVar("F", bound=Callable[..., Any])

NAME_METAVAR = "ID|KEY"


@dataclass(frozen=True, slots=True)
class Chosen:
    """One file, and where it waits."""

    found: Found
    upload: dict[str, Any]

    @property
    def id(self) -> str:
        """Its id in its state folder."""
        return str(self.upload["id"])

    @property
    def line(self) -> str:
        """Name it for a person."""
        one = self.upload
        return f"{one['id']}: {one['key']} ({one['state']}, {size_text(one['size'])})"


def mount_option(function: F) -> F:
    """Give a command `--mount`."""
    return click.option(
        "--mount",
        "where",
        metavar="DIR|URL|STATE_DIR",
        help="Look only at this mount: its directory, its URL, or the folder of its state.",
    )(function)


def places(where: str | None) -> list[Found]:
    """Return the state folders, or the one that `where` names. InvalidOption: none, several."""
    found = list(find())
    if where is None:
        return found
    fitting = [one for one in found if one.is_called(where)]
    if not fitting:
        known = "".join(f"\n  {one.title}" for one in found) or " there are none"
        raise InvalidOption(f"--mount {where}: no state folder of yours is of this; known:{known}")
    live = [one for one in fitting if one.is_mounted]
    # A directory means what is mounted there now, not what was there before.
    return live if live and "://" not in where else fitting


def choose(names: Sequence[str], where: str | None) -> list[Chosen]:
    """
    Return the file that each of `names` means.

    InvalidOption: it means none, or several; the message lists them.
    """
    found = places(where)
    return [_choose(name, found) for name in names]


def _choose(name: str, found: Sequence[Found]) -> Chosen:
    fitting = [
        Chosen(one, upload)
        for one in found
        for upload in one.uploads
        if name in (upload["id"], upload["key"])
    ]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        lines = "".join(f"\n  {one.line}, of {one.found.title}" for one in fitting)
        raise InvalidOption(
            f"{name} means several files:{lines}\n  Name one by its id, and with --mount"
        )
    unknown = "".join(f"\n  {one.title}: {one.error}" for one in found if one.error)
    raise InvalidOption(
        f"no file of the id or key {name!r} waits; `ossfs uploads list` shows what does{unknown}"
    )
