"""
Which of the files below a folder are meant.

Threads: values and pure functions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Selection:
    """Names that match one of `include` (if there are any) and none of `exclude`."""

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()

    def takes(self, name: str) -> bool:
        """
        Say whether the file `name`, a path below the folder, is meant.

        A pattern without a slash is about the last part of the name or any folder in it
        (`*.tmp`, `.git`); one with a slash, about all of the name (`docs/*.md`).
        """
        if self.include and not any(_matches(name, pattern) for pattern in self.include):
            return False
        return not any(_matches(name, pattern) for pattern in self.exclude)


def _matches(name: str, pattern: str) -> bool:
    if "/" in pattern:
        return fnmatchcase(name, pattern.removeprefix("/"))
    return any(fnmatchcase(part, pattern) for part in name.split("/"))
