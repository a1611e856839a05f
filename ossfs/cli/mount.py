"""
`ossfs mount`: reads the options, then runs the mount here or starts it in the background.

The flags are made from `ossfs.config.OPTIONS`. In the background, `launch` starts this
same command again with `--foreground --ready-fd N`, as a process of its own rather than
by fork: a fork after threads have started, or libraries have, is not safe.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from ossfs.config import GROUPS, OPTIONS, MountConfig, Named, resolve, split_o
from ossfs.config.kinds import BOOLEAN
from ossfs.errors import InvalidOption

F = TypeVar("F", bound=Callable[..., Any])


def config_flags(function: F) -> F:
    """Give a click command a flag for every option."""
    return option_flags(*GROUPS)(function)


def option_flags(*groups: str) -> Callable[[F], F]:
    """Return what gives a click command a flag for every option of these groups."""

    def decorate(function: F) -> F:
        for named in reversed([one for one in OPTIONS.values() if one.group in groups]):
            function = _flag(named)(function)
        return function

    return decorate


def _flag(named: Named) -> Callable[[F], F]:
    words = named.option.doc.replace("`", "")
    default = named.shown_default.replace("`", "")
    if named.option.kind is BOOLEAN:
        flags = f"{named.flag}/--no-{named.flag[2:]}"
        return click.option(flags, named.name, default=None, help=words)
    return click.option(
        named.flag,
        named.name,
        metavar=named.option.kind.metavar,
        help=f"{words}  [default: {default}]",
    )


def read_config(
    url: str, o: tuple[str, ...], config_file: Path | None, flags: Mapping[str, Any]
) -> MountConfig:
    """Merge what the command line and the file say. InvalidOption."""
    words: dict[str, str] = {}
    for text in o:
        words.update(split_o(text))
    config = resolve(url, flags=given_flags(flags), o=words, file=config_file)
    if config.store.endpoint is None and config.store.region is None:
        raise InvalidOption("where is the bucket? Give --endpoint URL or --region NAME")
    return config


def given_flags(flags: Mapping[str, Any]) -> dict[str, str]:
    """Return the flags that were given, as `resolve` reads them."""
    return {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in flags.items()
        if value is not None
    }


@click.command(short_help="Mount a bucket as a directory.")
@click.argument("url", metavar="oss|tos|s3://BUCKET[/PREFIX]")
@click.argument("directory", metavar="DIR")
@click.option(
    "-o",
    "o",
    metavar="NAME[=VALUE],…",
    multiple=True,
    help="Options as mount(8) and fstab write them: -o ro,part_size=8M.",
)
@click.option(
    "--config",
    "config_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="TOML file with options; flags and -o win over it.",
)
@click.option("-f", "--foreground", is_flag=True, help="Stay here until unmounted.")
@click.option("--ready-fd", type=int, hidden=True)
@config_flags
@click.pass_obj
def mount(
    arguments: Sequence[str],
    /,
    *,
    url: str,
    directory: str,
    o: tuple[str, ...],
    config_file: Path | None,
    foreground: bool,
    ready_fd: int | None,
    **flags: Any,
) -> None:
    """
    Mount a bucket, or a folder of it, as the directory DIR.

    Returns when the mount answers; the mount goes on in the background until `ossfs umount
    DIR`. The URL says which store it is and where the environment holds the credentials;
    the third name is for temporary ones:

    \b
    oss://BUCKET  Alibaba Cloud OSS
                  OSS_ACCESS_KEY_ID, OSS_ACCESS_KEY_SECRET, OSS_SESSION_TOKEN
    tos://BUCKET  Volcengine TOS
                  TOS_ACCESS_KEY, TOS_SECRET_KEY, TOS_SECURITY_TOKEN
    s3://BUCKET   Amazon S3, and what speaks its language
                  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN

    --credentials-file, --credential-process, --profile and --ram-role name other places; an
    argument never holds a secret.
    """  # noqa: D301  # click wants the character \b before lines that stay as they are
    config = read_config(url, o, config_file, flags)
    if foreground or ready_fd is not None:
        from ossfs.cli.daemon import run  # noqa: PLC0415  # loads the whole client

        sys.exit(run(config, directory, ready_fd=ready_fd))
    from ossfs.cli.launch import launch  # noqa: PLC0415  # the foreground does without it

    sys.exit(launch(arguments, url=str(config.url), directory=directory))
