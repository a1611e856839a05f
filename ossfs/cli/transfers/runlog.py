"""
What an interrupted run of a command had finished, so that it is not done again.

Single large files are remembered by their checkpoints; this is about many files: which of
them were moved, and which version of each. It is kept when the run does not end well, and
used by the next run of the same command with the same places.

Threads: `note` may be called from any thread.
"""

import contextlib
import hashlib
from collections.abc import Sequence

from ossfs.cli.transfers.tasks import Task
from ossfs.errors import TransferInUse
from ossfs.transfer.checkpoints import CheckpointFile, ResumableStore, Unusable
from ossfs.transfer.locking import TransferLock


class RunLog:
    """The log of the run that `words` describe. TransferInUse: the same command runs already."""

    def __init__(self, store: ResumableStore, words: Sequence[str]) -> None:
        digest = hashlib.sha256("\0".join(words).encode(errors="surrogateescape")).hexdigest()
        path = store.folder / f"{digest[:32]}.run"
        try:
            self._lock = TransferLock(path.with_name(f"{path.name}.lock"))
        except TransferInUse as error:
            raise TransferInUse(f"the same command runs already: {error.message}") from None
        self._file = CheckpointFile(path)
        self._done: set[tuple[str, str]] = set()
        try:
            self._load(list(words))
        except BaseException:
            self.close()
            raise

    def _load(self, words: list[str]) -> None:
        with contextlib.suppress(Unusable):
            loaded = self._file.load()
            if loaded is not None and loaded.plan.get("words") == words:
                for fact in loaded.facts:
                    match fact:
                        case {"target": str(target), "stamp": str(stamp)}:
                            self._done.add((target, stamp))
                return
        self._file.begin({"words": words})

    def has(self, task: Task) -> bool:
        """Say whether an earlier run has moved this version."""
        return (task.words[2], task.stamp) in self._done

    def note(self, task: Task) -> None:
        """Remember that it was moved."""
        self._file.note({"target": task.words[2], "stamp": task.stamp}, is_relied_on=False)

    def forget(self) -> None:
        """Delete it: all is done."""
        self._file.delete()

    def close(self) -> None:
        """Let go of it; what was not forgotten is kept."""
        self._file.close()
        self._lock.release()
