"""The group `ossfs uploads`; each command's module is loaded when it is called."""

import importlib
from collections.abc import Mapping

import click

COMMANDS: Mapping[str, tuple[str, str]] = {
    "list": ("listing:list_command", "List them, with how to go on."),
    "show": ("listing:show_command", "Show all that is known of one."),
    "watch": ("listing:watch_command", "Show progress until Ctrl-C."),
    "resume": ("resuming:resume_command", "Bring files to the bucket now."),
    "abort": ("dropping:abort_command", "Abort uploads at the store; keep the local bytes."),
    "discard": ("dropping:discard_command", "Delete local bytes for good."),
    "export": ("exporting:export_command", "Write the local bytes of one to a file."),
    "gc": ("collecting:gc_command", "Abort multipart uploads that nobody needs."),
}


class LazyCommands(click.Group):
    """A group whose commands are imported one by one, when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(
            importlib.import_module(f"ossfs.cli.uploads.{module}"), attribute
        )
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in COMMANDS])


@click.group("uploads", cls=LazyCommands, short_help="Show and settle what is not in a bucket yet.")
def uploads() -> None:
    """
    Show and settle what is not in a bucket yet, of mounts that live and that died.

    Files are named by the ID that `list` shows, or by their key. Where several state folders
    have such a file, --mount says which is meant.

    Exit codes: 0 done, 1 something failed, 2 the command line was wrong.
    """
