"""
Whether a file is asked for before it is shown.

A listing tells sizes and times, but not the mode, owner and times that a FUSE client has
stored beside an object, nor that it is a symlink. Asking costs a HEAD for each file, and in
a bucket that was filled by other programs all of them are in vain. So files are asked for
where FUSE clients have been at work: in directories whose marker says so, or in which a
file has said so. Elsewhere the first look at a few files in a small directory is a HEAD, in
case there is one; a directory that was read, and a large one, is shown as it is listed.

Threads: every method from any thread; one lock guards the table, which is bounded.
"""

import threading
from dataclasses import dataclass

from ossfs.cache.metadata import KnownDirectories
from ossfs.clock import Clock
from ossfs.store.api import Headers
from ossfs.vfs.other_forms import OTHERS
from ossfs.vfs.posix import OURS

AUTO, LIST, HEAD = "auto", "list", "head"

MAX_DIRECTORIES = 10_000
SAMPLES = 3  # files of a directory that are asked for to see whether that is worth it
MOMENT_S = 1.0  # for so long the answer is not thought about again
SMALL = 64  # entries of a directory in which that is done

_STORED = frozenset((*OURS, *OTHERS))


@dataclass(slots=True)
class _Traces:
    """What has been seen of one directory."""

    is_posix: bool = False
    samples: int = 0
    was_read: bool = False
    plain_until: float = 0.0


class Asking:
    """The rule of one mount: `attrs` is auto, list or head."""

    def __init__(self, attrs: str, clock: Clock) -> None:
        self.attrs = attrs
        self._clock = clock
        self._lock = threading.Lock()  # guards the values in the table
        self._traces: KnownDirectories[_Traces] = KnownDirectories(MAX_DIRECTORIES)

    def is_posix(self, directory: str) -> bool:
        """Say whether a file of the directory has told that a FUSE client made it."""
        traces = self._traces.get(directory)
        return traces is not None and traces.is_posix

    def is_plain(self, directory: str) -> bool:
        """Say whether it was found a moment ago that files are shown as they are listed."""
        traces = self._traces.get(directory)
        return traces is not None and self._clock.monotonic() < traces.plain_until

    def found_plain(self, directory: str) -> None:
        """Take note of that."""
        self._of(directory).plain_until = self._clock.monotonic() + MOMENT_S

    def doubt(self, directory: str) -> None:
        """Take note that a directory's marker is another one."""
        self._of(directory).plain_until = 0.0

    def samples(self, directory: str, entries: int) -> bool:
        """Say whether a file is to be asked for only to see what the others may have."""
        traces = self._traces.get(directory)
        if traces is None:
            return entries <= SMALL
        return entries <= SMALL and traces.samples < SAMPLES and not traces.was_read

    def told(self, directory: str, headers: Headers) -> None:
        """Take note of what is stored beside a file that we did not make."""
        traces = self._of(directory)
        with self._lock:
            traces.samples += 1
            if is_posix(headers):
                traces.is_posix, traces.plain_until = True, 0.0

    def read(self, directory: str) -> None:
        """Take note that all names of a directory were read."""
        self._of(directory).was_read = True

    def _of(self, directory: str) -> _Traces:
        traces = self._traces.get(directory)
        return self._traces.setdefault(directory, _Traces()) if traces is None else traces


def is_posix(headers: Headers) -> bool:
    """Say whether a FUSE client has stored attributes there."""
    return not _STORED.isdisjoint(headers.metadata)
