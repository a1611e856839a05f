"""
Attributes of directories, on their way to the markers that keep them.

Programs change mode, owner and times of a directory one after the other; a marker has them
all. So a change is recorded in the journal and seen at once, and the marker is put a moment
later, once for all of them. With `durability = "journal"`, directories are made so, too.

Threads: every method from any thread. One marker is put at a time for one directory;
`settle` and `forget` wait for that.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ossfs.clock import Clock
from ossfs.errors import StoreError, Transient
from ossfs.journal.journal import Journal
from ossfs.journal.records import MarkerRecord
from ossfs.store.api import BytesBody, Headers, ObjectStore
from ossfs.vfs.keys import split
from ossfs.vfs.posix import Attributes, read_attributes
from ossfs.vfs.tree import Tree
from ossfs.writeback.values import UploadStatus

DELAY_S = 0.1  # chmod, chown and utimens mostly come together


@dataclass(frozen=True, slots=True)
class Marker:
    """A directory whose marker is to be put."""

    key: str


class Markers:
    """See the module's docstring."""

    def __init__(
        self,
        *,
        tree: Tree,
        store: ObjectStore,
        journal: Journal,
        clock: Clock,
        later: Callable[[Marker, float], None],
    ) -> None:
        self._tree = tree
        self._store = store
        self._journal = journal
        self._clock = clock
        self._later = later
        self._changed = threading.Condition()  # guards the two sets
        self._waiting: dict[str, Headers] = {}
        self._busy: set[str] = set()

    def put(self, directory: str, attributes: Attributes) -> None:
        """Make a directory's marker have these attributes now; the errors of the store."""
        waiting = self._take(directory)
        try:
            self._put(directory, attributes.headers(), is_noted=waiting is not None)
        except BaseException:
            self._wait_on(directory, waiting)
            raise
        finally:
            self._give_back(directory)

    def change(self, directory: str, attributes: Attributes) -> None:
        """Let a directory have these attributes; its marker gets them soon. StagingFull."""
        headers = attributes.headers()
        with self._changed:
            self._journal.describe_directory(directory, headers)
            self._waiting[directory] = headers
            self._tree.described.put(directory, headers)
        self._later(Marker(directory), DELAY_S)

    def restore(self, records: Iterable[MarkerRecord]) -> None:
        """Go on with what an earlier mount has left."""
        for record in records:
            with self._changed:
                self._waiting[record.key] = record.headers
                self._tree.described.put(record.key, record.headers)
            self._later(Marker(record.key), 0.0)

    def finish(self, marker: Marker) -> None:
        """
        Put a marker that waits, if one still does.

        Transient: it waits on. Other errors of the store: the directory is as it was.
        """
        headers = self._take(marker.key)
        try:
            if headers is not None:
                self._put(marker.key, headers, is_noted=True)
        except StoreError as error:
            if isinstance(error, Transient):
                self._wait_on(marker.key, headers)
            else:
                self._give_up(marker.key)
            raise
        except BaseException:
            self._wait_on(marker.key, headers)
            raise
        finally:
            self._give_back(marker.key)

    def status(self) -> list[UploadStatus]:
        """Describe those that wait for a person."""
        with self._changed:
            waiting = list(self._waiting.items())
        return [
            UploadStatus(
                key=key,
                state="waiting",
                size=0,
                sent=0,
                parts_total=0,
                parts_done=0,
                generation=1,
                error="",
                since_ns=read_attributes(
                    headers, self._tree.defaults, is_directory=True, modified_ns=0
                ).ctime_ns,
            )
            for key, headers in waiting
        ]

    def settle(self, prefix: str) -> None:
        """Put the markers of all directories below, and of this one. The errors of the store."""
        with self._changed:
            keys = {key for key in (*self._waiting, *self._busy) if key.startswith(prefix)}
        for key in sorted(keys):
            self.finish(Marker(key))

    def forget(self, directory: str) -> None:
        """Do not put a marker any more: the directory is about to go."""
        headers = self._take(directory)
        self._tree.described.drop(directory)
        if headers is not None:
            self._journal.directory_described(directory)
        self._give_back(directory)

    def _take(self, directory: str) -> Headers | None:
        """Exclude others from a directory's marker, and return what it waits for."""
        with self._changed:
            while directory in self._busy:
                self._changed.wait()
            self._busy.add(directory)
            return self._waiting.pop(directory, None)

    def _give_up(self, directory: str) -> None:
        with self._changed:
            self._forget_described_locked(directory, is_noted=True)
        self._tree.directories.forget(directory)
        self._tree.directories.doubt(*split(directory))  # it may not even be there

    def _wait_on(self, directory: str, headers: Headers | None) -> None:
        """Keep what could not be put, unless it was changed meanwhile."""
        with self._changed:
            if headers is not None:
                self._waiting.setdefault(directory, headers)

    def _give_back(self, directory: str) -> None:
        with self._changed:
            self._busy.discard(directory)
            self._changed.notify_all()

    def _put(self, directory: str, headers: Headers, *, is_noted: bool) -> None:
        """Put a marker; `is_noted`: the journal knows that it was to be put."""
        stored = self._store.put(directory, BytesBody(b""), headers)
        with self._changed:
            self._tree.made(directory, etag=stored.etag, size=0, headers=headers)
            self._tree.directories.marked(directory)
            # Its parent may have been listed anew since it was made, without it.
            self._tree.directories.add_directory(*split(directory))
            self._forget_described_locked(directory, is_noted=is_noted)

    def _forget_described_locked(self, directory: str, *, is_noted: bool) -> None:
        """Let the marker tell from now on, unless the attributes were changed meanwhile."""
        if directory in self._waiting:
            return
        self._tree.described.drop(directory)
        if is_noted:
            self._journal.directory_described(directory)
