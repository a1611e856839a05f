"""
How far a command is: bars on a terminal, lines elsewhere.

One bar is for everything, with files, bytes, rate and the time that is left; one for each
large file that is on its way. Elsewhere there is a line for each file that is done. All of
it goes to standard error, so that standard output is for data.

Threads: every method may be called from any thread.
"""

import threading
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console

from ossfs.cli.bars import bars_on
from ossfs.cli.transfers.tasks import Task
from ossfs.cli.wording import shown, size_text

if TYPE_CHECKING:
    from rich.progress import TaskID

LARGE = 4 << 20
"""Files from which on there is a bar of their own: smaller ones are gone before it is seen."""
MOST_BARS = 12
LONGEST_NAME = 40


class View:
    """Shows a run until it is closed; a context manager."""

    def __init__(self, *, is_quiet: bool = False) -> None:
        self._console = Console(stderr=True)
        self._is_quiet = is_quiet
        self.is_drawn = self._console.is_terminal and not is_quiet
        self._bars = bars_on(self._console, is_drawn=self.is_drawn)
        self._lock = threading.Lock()  # guards what follows
        self._all: TaskID | None = None
        self._own: dict[int, TaskID] = {}
        self._moved: dict[int, int] = {}
        self._files = self._done = self._bytes = self._moved_in_all = 0

    def __enter__(self) -> "View":  # noqa: PYI034  # Self needs Python 3.11
        self._bars.start()
        if self.is_drawn:
            self._all = self._bars.add_task("", total=None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def say(self, text: str) -> None:
        """Write a line above the bars."""
        text = text.encode(errors="replace").decode()  # names of files may be no text
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def expects(self, task: Task) -> None:
        """Count a file that will be moved."""
        with self._lock:
            self._files += 1
            self._bytes += task.size
            self._draw_all_locked()

    def begun(self, number: int, task: Task) -> None:
        """Show that a file is on its way."""
        with self._lock:
            self._moved[number] = 0
            if self.is_drawn and task.size >= LARGE and len(self._own) < MOST_BARS:
                name = shown(task.words[1])
                short = name if len(name) <= LONGEST_NAME else f"…{name[1 - LONGEST_NAME :]}"
                self._own[number] = self._bars.add_task(short, total=max(1, task.size))

    def moved(self, number: int, consumed: int) -> None:
        """Show how many bytes of a file are where they belong."""
        with self._lock:
            self._moved_in_all += consumed - self._moved.get(number, 0)
            self._moved[number] = consumed
            if number in self._own:
                self._bars.update(self._own[number], completed=consumed)
            self._draw_all_locked()

    def ended(self, number: int, task: Task, *, is_done: bool) -> None:
        """Show that a file is done, or will not be."""
        with self._lock:
            own = self._own.pop(number, None)
            if own is not None:
                self._bars.remove_task(own)
            moved = self._moved.pop(number, 0)
            if is_done:
                self._moved_in_all += task.size - moved
            self._done += is_done
            self._draw_all_locked()
        if is_done and not self.is_drawn and not self._is_quiet:
            what, source, target = task.words
            self.say(f"{what}: {shown(source)} to {shown(target)} ({size_text(task.size)})")

    def _draw_all_locked(self) -> None:
        if self._all is not None:
            self._bars.update(
                self._all,
                description=f"{self._done} of {self._files} files",
                total=max(1, self._bytes),
                completed=self._moved_in_all,
            )
