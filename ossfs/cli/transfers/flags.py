"""
Options that the commands share, and what they mean.

Threads: functions.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from ossfs.cli.mount import option_flags
from ossfs.cli.transfers.selecting import Selection
from ossfs.config.kinds import parse_size
from ossfs.errors import InvalidOption
from ossfs.transfer.limiter import RateLimiter
from ossfs.transfer.options import THREADS
from ossfs.transfer.sizes import DEFAULT_PART_SIZE

F = TypeVar("F", bound=Callable[..., Any])

JOBS = 8
"""Files at a time: enough for latencies of some 10 ms; each may use several threads."""
MOST = 256


def size(text: str | int) -> int:
    """Return bytes from a size like 8M; a default is one already."""
    if isinstance(text, int):
        return text
    try:
        return parse_size(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} {error}") from None


SELECTING = (
    click.option(
        "--include",
        multiple=True,
        metavar="PATTERN",
        help="With -r: only files whose name matches; may be repeated. A pattern with a slash"
        " is about the whole path below the folder.",
    ),
    click.option(
        "--exclude", multiple=True, metavar="PATTERN", help="With -r: not those that match."
    ),
    click.option("-n", "--dry-run", is_flag=True, help="Only say what would be done."),
    click.option("-q", "--quiet", is_flag=True, help="Say only what went wrong."),
)
VERSION = click.option(
    "--version-id", metavar="ID", help="Another version of the object than the newest one."
)
MOVING = (
    click.option(
        "-j",
        "--jobs",
        type=click.IntRange(1, MOST),
        default=JOBS,
        show_default=True,
        help="Files at a time.",
    ),
    click.option(
        "--threads",
        type=click.IntRange(1, MOST),
        default=THREADS,
        show_default=True,
        help="Parts of one file at a time.",
    ),
    click.option(
        "--part-size",
        type=size,
        metavar="SIZE",
        default=DEFAULT_PART_SIZE,
        show_default="10M",
        help="Size of the parts of large files.",
    ),
    click.option(
        "--limit-rate", type=size, metavar="SIZE", help="Bytes a second, all files together."
    ),
    click.option(
        "--resume/--no-resume",
        default=True,
        show_default=True,
        help="Remember what was done, so that an interrupted command goes on when repeated.",
    ),
    click.option(
        "--checksum",
        is_flag=True,
        help="Leave out what has the same bytes already, by size and checksum.",
    ),
    click.option(
        "--header",
        "headers",
        multiple=True,
        metavar="NAME:VALUE",
        help="HTTP header of new objects, such as 'Cache-Control: no-cache'; may be repeated.",
    ),
)


SOURCE_OPTION = click.option(
    "--source-option",
    "source_options",
    multiple=True,
    metavar="NAME=VALUE",
    help="Where SOURCE is in another store, or another's: its options, as endpoint=URL, region,"
    " profile or credentials_file, in place of those for TARGET; may be repeated.",
)


def source_flags_of(given: Sequence[str]) -> Mapping[str, str]:
    """Return the options of the source's store by their names. InvalidOption."""
    found = {}
    for one in given:
        name, mark, value = one.partition("=")
        if not mark or not name:
            raise InvalidOption(f"--source-option {one!r}: write NAME=VALUE")
        found[name.strip().replace("-", "_")] = value
    return found


def options_of(*options: Callable[[Any], Any]) -> Callable[[F], F]:
    """Return what gives a command these options, and those of the store behind them."""

    def decorate(function: F) -> F:
        function = option_flags("store", "credentials", "objects")(function)
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def selection_of(
    include: Sequence[str], exclude: Sequence[str], *, is_recursive: bool
) -> Selection:
    """Return which files are meant. InvalidOption: patterns for a single one."""
    if (include or exclude) and not is_recursive:
        raise InvalidOption("--include and --exclude choose among files below a folder: add -r")
    return Selection(include, exclude)


def limiter_of(rate: int | None) -> RateLimiter | None:
    """Return what limits the rate. InvalidOption."""
    if rate is None:
        return None
    if rate < 1:
        raise InvalidOption("--limit-rate: nothing would ever be moved")
    return RateLimiter(rate)


def headers_of(given: Sequence[str]) -> Mapping[str, str]:
    """Return headers by their names. InvalidOption."""
    found = {}
    for one in given:
        name, mark, value = one.partition(":")
        if not mark or not name.strip():
            raise InvalidOption(f"--header {one!r}: write NAME: VALUE")
        found[name.strip()] = value.strip()
    return found
