"""
Asking for the metadata of files ahead of somebody who walks through a directory.

A listing tells sizes and etags, but not modes, owners and times of files that others made:
each costs a HEAD, and `ls -l` asks for one after the other. Once three files of a directory
had to be asked for in a row, those that follow in the listing are asked for side by side.

Threads: every method from any thread. The lock guards what is remembered and is never held
during a request; a thread that wants a file that is being asked for waits for that answer.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

from ossfs.clock import Clock
from ossfs.transfer.workers import Workers
from ossfs.vfs.keys import split

PATIENCE = 3  # files asked for one at a time before the next ones are asked for together
PAUSE_S = 2.0  # after this time without a request, the walk is over
FIRST_BATCH = 32  # doubles
LAST_BATCH = 256


class Asked:
    """The keys that are being asked for ahead of who wants them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()  # guards the set
        self._keys: set[str] = set()

    def add(self, key: str) -> bool:
        """Take note that a key is asked for; False: it is already."""
        with self._changed:
            if key in self._keys:
                return False
            self._keys.add(key)
            return True

    def answered(self, key: str) -> None:
        """Wake those who wait, whatever came of it: they look, and ask for the rest."""
        with self._changed:
            self._keys.discard(key)
            self._changed.notify_all()

    def wait(self, key: str) -> bool:
        """Wait for an answer that is on its way; False: the key has not been asked for."""
        if key not in self._keys:
            return False
        with self._changed:
            while key in self._keys:
                self._changed.wait()
            return True


@dataclass(slots=True)
class _Walk:
    """Somebody who asks for one file of a directory after the other."""

    at: float
    count: int = 0
    batch: int = FIRST_BATCH


class Walks:
    """
    The walks through a mount's directories.

    `ask` fetches the metadata of a key and remembers it; `following` returns the keys behind
    a key in its directory's listing of which nothing is known, at most as many as wanted.
    """

    def __init__(
        self,
        *,
        ask: Callable[[str], object],
        following: Callable[[str, int], Sequence[str]],
        asked: Asked,
        workers: Workers,
        clock: Clock,
    ) -> None:
        self._ask = ask
        self._following = following
        self._asked = asked
        self._workers = workers
        self._clock = clock
        self._lock = threading.Lock()  # guards the walks
        self._walks: dict[str, _Walk] = {}

    def missed(self, key: str) -> None:
        """Take note that a file has to be asked for; ask for the next ones if that goes on."""
        count = self._batch_behind(split(key)[0])
        for following in self._following(key, count) if count else ():
            if self._asked.add(following):
                future = self._workers.submit(self._ask, following)
                future.add_done_callback(partial(self._answered, following))

    def opened(self, key: str) -> None:
        """Take note that a file is opened: what tells of the next ones is their bytes."""
        with self._lock:
            self._walks.pop(split(key)[0], None)

    def _answered(self, key: str, _: Future[object]) -> None:
        self._asked.answered(key)

    def _batch_behind(self, directory: str) -> int:
        """Return how many files to ask for ahead; 0: it does not look like a walk."""
        now = self._clock.monotonic()
        with self._lock:
            walk = self._walks.get(directory)
            if walk is None or now > walk.at + PAUSE_S:
                self._walks = {name: w for name, w in self._walks.items() if now <= w.at + PAUSE_S}
                walk = self._walks[directory] = _Walk(now)
            walk.at, walk.count = now, walk.count + 1
            if walk.count < PATIENCE:
                return 0
            batch, walk.batch = walk.batch, min(2 * walk.batch, LAST_BATCH)
            return batch
