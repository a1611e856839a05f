"""
The group of commands.

Exit codes: 0 done; 1 it could not be done, the message says why; 2 the command line or
an option was wrong; 130 interrupted.
"""

import sys
from typing import Any

import click

from ossfs import __version__
from ossfs.cli.lazy import LazyCommands
from ossfs.cli.output import forget_output
from ossfs.errors import InvalidOption, OssfsError

COMMANDS = {
    "cat": ("ossfs.cli.transfers.cat:cat_command", "Write objects to standard output."),
    "cp": ("ossfs.cli.transfers.cp:copy_command", "Copy files to buckets, objects to files …"),
    "ls": ("ossfs.cli.transfers.ls:ls_command", "List objects."),
    "mount": ("ossfs.cli.mount:mount", "Mount a bucket as a directory."),
    "names": ("ossfs.cli.names:names", "List objects that a mount does not show."),
    "restore": ("ossfs.cli.restore:restore", "Ask for archived objects to be readable."),
    "rm": ("ossfs.cli.transfers.rm:rm_command", "Delete objects."),
    "serve": ("ossfs.cli.serve:serve", "Run an object server for trying things out."),
    "stat": ("ossfs.cli.transfers.stat:stat_command", "Describe objects."),
    "status": ("ossfs.cli.status:status", "Show what is mounted and what is on its way."),
    "sync": ("ossfs.cli.transfers.sync:sync_command", "Make a folder what another one is."),
    "umount": ("ossfs.cli.umount:umount", "Finish the uploads of a mount, then unmount it."),
    "uploads": ("ossfs.cli.uploads.group:uploads", "Show and settle what is not in a bucket yet."),
}


@click.group(
    cls=LazyCommands,
    lazy=COMMANDS,
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
    except OSError as error:
        click.echo(f"ossfs: {error}", err=True)
        forget_output()
        sys.exit(1)
