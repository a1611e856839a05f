"""
What the state folders of this user hold that is not in a bucket.

A live mount is asked through its control socket; for the others the journal is read,
without changing it.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ossfs.cli.control import Client, ControlError
from ossfs.cli.mountpoint import located
from ossfs.cli.state import Record, folders, is_live, is_running, read_record
from ossfs.errors import JournalDamaged


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What one state folder holds."""

    state_dir: Path
    record: Record | None
    is_mounted: bool
    uploads: list[dict[str, Any]]
    error: str = ""
    """Why the uploads are not known."""

    @property
    def title(self) -> str:
        """Name it for a person."""
        if self.record is None:
            return str(self.state_dir)
        if self.is_mounted:
            return f"{self.record.url}, mounted at {self.record.mountpoint}"
        return f"{self.record.url}, not mounted (in {self.state_dir})"

    def is_called(self, word: str) -> bool:
        """Say whether `word` is its URL, mount point or state folder."""
        if "://" in word:
            return self.record is not None and word.rstrip("/") == self.record.url
        path = located(Path(word).expanduser())
        is_mount = self.record is not None and str(path) == self.record.mountpoint
        return is_mount or path == self.state_dir or word == self.state_dir.name


def find() -> Iterator[Found]:
    """Look into every state folder of this user."""
    for folder in folders():
        yield look(folder)


def look(folder: Path) -> Found:
    """Look into one state folder."""
    record, live = read_record(folder), is_live(folder)
    try:
        if live and record is not None:
            try:
                return Found(folder, record, live, ask(record))
            except ControlError:
                if is_running(record):
                    raise
                live = False  # not a mount has the folder, but one of these commands
        return Found(folder, record, live, offline(folder))
    except (ControlError, JournalDamaged) as error:
        return Found(folder, record, live, [], str(error))


def ask(record: Record) -> list[dict[str, Any]]:
    """Return the uploads of a live mount. ControlError."""
    with closing(Client(record.socket)) as client:
        uploads: list[dict[str, Any]] = client.ask("status")
        return uploads


def offline(folder: Path) -> list[dict[str, Any]]:
    """Return the uploads in the journal of a folder nobody uses. JournalDamaged."""
    from ossfs.writeback.recovery import pending  # noqa: PLC0415  # rarely needed

    return [asdict(one) for one in pending(folder)]


def has_intents(folder: Path) -> bool:
    """Say whether a mount of a folder nobody uses would have more to do than the files."""
    from ossfs.writeback.recovery import intents  # noqa: PLC0415  # rarely needed

    try:
        return intents(folder) > 0
    except JournalDamaged:
        return True  # and be it to put the journal aside
