"""
The group of commands.

A command's module is imported when the command is called or its own help is asked for,
so that `ossfs --help` does not wait for libraries it does not need.

Exit codes: 0 done; 1 it could not be done, the message says why; 2 the command line or
an option was wrong; 130 interrupted.
"""

import importlib
import sys
from typing import Any

import click

from ossfs import __version__
from ossfs.errors import InvalidOption, OssfsError

COMMANDS = {
    "mount": ("ossfs.cli.mount:mount", "Mount a bucket as a directory."),
    "serve": ("ossfs.cli.serve:serve", "Run an object server for trying things out."),
    "status": ("ossfs.cli.status:status", "Show what is mounted and what is on its way."),
    "umount": ("ossfs.cli.umount:umount", "Finish the uploads of a mount, then unmount it."),
    "uploads": ("ossfs.cli.uploads.group:uploads", "Show and settle what is not in a bucket yet."),
}


class LazyCommands(click.Group):
    """A group whose commands are imported one by one, when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command. A click.ClickException says what is not installed."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        try:
            command: click.Command = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            raise click.ClickException(
                f"'ossfs {cmd_name}' needs the Python package {error.name!r}, which is not"
                " installed; `pip install 'ossfs-mount[emulator]'` installs what serve needs"
            ) from error
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in COMMANDS])


@click.group(
    cls=LazyCommands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", message="ossfs %(version)s")
def commands() -> None:
    """Mount a bucket of an object store as a directory."""


def main(arguments: list[str] | None = None) -> Any:
    """Run the command and exit; every error of ours ends as one message."""
    try:
        given = sys.argv[1:] if arguments is None else arguments
        commands.main(args=given, prog_name="ossfs", obj=given)
    except OssfsError as error:
        from ossfs.cli.explain import explain  # noqa: PLC0415  # only needed when it went wrong

        click.echo(f"ossfs: {explain(error)}", err=True)
        sys.exit(2 if isinstance(error, InvalidOption) else 1)
