"""
The live view: one bar per file that is on its way, and one for all of them.

On a terminal the bars are drawn anew several times a second; elsewhere there is a line
whenever something has changed, at most one every few seconds.

Threads: a view belongs to the thread that draws it.
"""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from ossfs.cli.bars import bars_on
from ossfs.cli.wording import left_text, size_text, state_text, waited_for

if TYPE_CHECKING:
    from rich.progress import TaskID

REFRESH_S = 0.25
PLAIN_EVERY_S = 2.0
LONGEST_ERROR = 60
MOST_BARS = 20  # more would not fit a screen

Upload = Mapping[str, Any]


class View:
    """Shows uploads until closed; what is drawn goes to standard error."""

    def __init__(self, *, is_quiet: bool = False) -> None:
        console = Console(stderr=True)
        self.is_drawn = console.is_terminal and not is_quiet
        self._is_quiet = is_quiet
        self._bars = bars_on(console, is_drawn=self.is_drawn)
        self._total: TaskID | None = None
        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._sizes: dict[tuple[str, str], int] = {}
        self._told = ""
        self._said = ""
        self._said_at = 0.0

        self._bars.start()

    def close(self) -> None:
        """Take the bars away."""
        self._bars.stop()

    def say(self, text: str) -> None:
        """Write a line above the bars, once as long as it stays the same."""
        if text and text != self._told and not self._is_quiet:
            self._bars.console.print(text, markup=False, highlight=False, soft_wrap=True)
        self._told = text

    def show(self, found: Mapping[str, Sequence[Upload]]) -> None:
        """Show what waits now; the keys of `found` name the state folders."""
        waiting = {
            (place, str(one["id"])): one
            for place, uploads in found.items()
            for one in waited_for(uploads)
            if one["state"] != "conflict"
        }
        if self.is_drawn:
            self._draw(waiting)
        elif not self._is_quiet:
            self._say(waiting)

    def _draw(self, waiting: Mapping[tuple[str, str], Upload]) -> None:
        if self._total is None:
            self._total = self._bars.add_task("all", total=None)
        for gone in set(self._tasks) - set(waiting):
            self._bars.remove_task(self._tasks.pop(gone))
        for name, one in waiting.items():
            self._sizes[name] = one["size"]
            if name not in self._tasks and len(self._tasks) < MOST_BARS:
                self._tasks[name] = self._bars.add_task("", total=None)
            if name in self._tasks:
                self._bars.update(
                    self._tasks[name],
                    description=describe(one),
                    total=max(1, one["size"]),
                    completed=min(one["sent"], one["size"]),
                )
        if not waiting:  # what comes next begins a new total
            self._sizes.clear()
        # What is not waited for any more is done: its bytes count as sent.
        left = sum(max(0, one["size"] - one["sent"]) for one in waiting.values())
        total = sum(self._sizes.values())
        self._bars.update(
            self._total,
            description=_left(waiting),
            total=max(1, total),
            completed=total - left,
        )

    def _say(self, waiting: Mapping[tuple[str, str], Upload]) -> None:
        lines = [_left(waiting)]
        lines += [f"  {describe(one)} {_progress(one)}" for one in waiting.values()]
        text = "\n".join(lines)
        now = time.monotonic()
        if text != self._said and (not self._said or now - self._said_at >= PLAIN_EVERY_S):
            self._said, self._said_at = text, now
            click.echo(text, err=True)


def _left(waiting: Mapping[tuple[str, str], Upload]) -> str:
    return f"left: {left_text(list(waiting.values()))}" if waiting else "nothing is on its way"


def describe(one: Upload) -> str:
    """Name an upload: its state and key, and why it failed."""
    error = one["error"]
    if len(error) > LONGEST_ERROR:  # `list` has all of it
        error = f"{error[:LONGEST_ERROR]}…"
    return f"{state_text(one)} {one['key']}" + (f" ({error})" if error else "")


def _progress(one: Upload) -> str:
    parts = f", {one['parts_done']}/{one['parts_total']} parts" if one["parts_total"] > 1 else ""
    return f"{size_text(one['sent'])} of {size_text(one['size'])}{parts}"
