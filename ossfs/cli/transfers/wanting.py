"""
Which files have to be moved to make a folder what another one is.

By size, and by time: stores tell whole seconds only, and their clocks are not ours. So where
the target is older than its source, the file is moved; where it was written clearly later,
it is taken for the same; in between, the bytes are compared by whoever would move them.
That is seldom needed and costs no request where the listing tells an MD5: only what was
written and moved within the same few seconds is in between.

Threads: `Wanted` belongs to the thread that reads the tasks; `is_same` may be called from any.
"""

from collections.abc import Iterator
from enum import Enum

from ossfs.cli.transfers.comparing import has_same_bytes
from ossfs.cli.transfers.ends import End, Local, Remote
from ossfs.cli.transfers.finding import Found
from ossfs.cli.transfers.planning import Planning
from ossfs.cli.transfers.tasks import Download, Task, Upload

SECOND_NS = 1_000_000_000
DOUBT_S = 2
"""Seconds: one that both times were cut to, and one by which clocks that are kept differ."""


class Need(Enum):
    """What a file needs."""

    NOTHING = 0
    MOVING = 1
    COMPARING = 2


class Wanted:
    """Which tasks of a plan are needed, when `there` is at the target already."""

    def __init__(
        self,
        planning: Planning,
        target: End,
        there: dict[str, Found],
        *,
        is_compared: bool,
        is_size_enough: bool,
    ) -> None:
        self._planning = planning
        self._target = target
        self._there = there
        self._is_compared = is_compared
        self._is_size_enough = is_size_enough
        self._doubtful: dict[str, Found] = {}  # by name; each is there before its task is given out
        self.names: set[str] = set()
        """Of all that the source has, as far as they were looked at."""

    def tasks(self) -> Iterator[Task]:
        """Yield those that are needed, or may be."""
        for task in self._planning.tasks():
            name = self._name(task)
            self.names.add(name)
            found = self._there.get(name)
            need = Need.MOVING if found is None else self._need(task, found)
            if need is Need.NOTHING:
                continue
            if need is Need.COMPARING and found is not None:
                self._doubtful[name] = found
            yield task

    def is_same(self, task: Task) -> bool:
        """Say whether a task turns out not to be needed. OSError, StoreError."""
        found = self._doubtful.get(self._name(task))
        return found is not None and has_same_bytes(task, found.known)

    def _need(self, task: Task, found: Found) -> Need:
        if found.size != task.size:
            return Need.MOVING
        if self._is_compared:
            return Need.COMPARING
        if self._is_size_enough:
            return Need.NOTHING
        source_s = _modified_ns(task) // SECOND_NS
        if source_s > found.modified_ns // SECOND_NS:
            return Need.MOVING
        is_clearly_later = found.written_ns // SECOND_NS > source_s + DOUBT_S
        return Need.NOTHING if is_clearly_later else Need.COMPARING

    def _name(self, task: Task) -> str:
        if isinstance(task, Download):
            assert isinstance(self._target, Local)  # noqa: S101  # so are targets of downloads
            return task.target.relative_to(self._target.path).as_posix()
        assert isinstance(self._target, Remote)  # noqa: S101  # so are the others
        return task.target.key[len(self._target.folder) :]


def _modified_ns(task: Task) -> int:
    return task.modified_ns if isinstance(task, Upload) else task.known.modified_ns
