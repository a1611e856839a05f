"""The group `ossfs uploads`; each command's module is loaded when it is called."""

from collections.abc import Mapping

import click

from ossfs.cli.lazy import LazyCommands

COMMANDS: Mapping[str, tuple[str, str]] = {
    "list": ("ossfs.cli.uploads.listing:list_command", "List them, with how to go on."),
    "show": ("ossfs.cli.uploads.listing:show_command", "Show all that is known of one."),
    "watch": ("ossfs.cli.uploads.listing:watch_command", "Show progress until Ctrl-C."),
    "resume": ("ossfs.cli.uploads.resuming:resume_command", "Bring files to the bucket now."),
    "abort": (
        "ossfs.cli.uploads.dropping:abort_command",
        "Abort uploads at the store; keep the local bytes.",
    ),
    "discard": ("ossfs.cli.uploads.dropping:discard_command", "Delete local bytes for good."),
    "export": (
        "ossfs.cli.uploads.exporting:export_command",
        "Write the local bytes of one to a file.",
    ),
    "gc": ("ossfs.cli.uploads.collecting:gc_command", "Abort multipart uploads that nobody needs."),
}


@click.group(
    "uploads",
    cls=LazyCommands,
    lazy=COMMANDS,
    short_help="Show and settle what is not in a bucket yet.",
)
def uploads() -> None:
    """
    Show and settle what is not in a bucket yet, of mounts that live and that died.

    Files are named by the ID that `list` shows, or by their key. Where several state folders
    have such a file, --mount says which is meant.

    Exit codes: 0 done, 1 something failed, 2 the command line was wrong.
    """
