"""
The bars of bytes on their way, the same in every command.

Threads: as rich's `Progress`, which may be used by any thread.
"""

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


def bars_on(console: Console, *, is_drawn: bool) -> Progress:
    """Return bars with bytes, rate and the time that is left, which go when it is stopped."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not is_drawn,
        transient=True,
    )
