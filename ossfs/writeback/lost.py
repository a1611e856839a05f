"""
Local bytes of which it is not known any more what they were.

When the journal of a state folder cannot be read, or is not there, nobody can tell what
its staging files are, so they are moved to `lost+found`, for a person to look at. A
damaged journal is put aside, never deleted.

Threads: `set_aside` runs once, before a mount answers; the others from any thread.
"""

import contextlib
import errno
import json
import logging
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from ossfs.clock import stamp
from ossfs.writeback.details import Details
from ossfs.writeback.values import UploadStatus

log = logging.getLogger(__name__)

LOST_NAME = "lost+found"
NAMES_NAME = ".names.json"
"""What a damaged journal still told: the keys of the files here, by name."""
JOURNAL_FILES = ("", "-wal", "-shm")
SHORT = 8  # letters of a name that are enough to tell it from others


def set_journal_aside(journal: Path, now_ns: int) -> Path:
    """Give a damaged journal another name, with what belongs to it; return the name."""
    name = f"{journal.name}.damaged-{stamp(now_ns)}"
    target = journal.with_name(name)
    number = 1
    while target.exists():
        number += 1
        target = journal.with_name(f"{name}-{number}")
    for suffix in JOURNAL_FILES:  # the journal itself first: without its log it may look healthy
        with contextlib.suppress(FileNotFoundError):
            journal.with_name(journal.name + suffix).rename(target.with_name(target.name + suffix))
    return target


def set_staging_aside(
    staging: Path, keys: Mapping[str, str], only: Collection[str] | None = None
) -> None:
    """
    Move the staging files that hold something, or `only` these, to `lost+found`.

    `keys` names those it can.
    """
    names = [
        entry.name
        for entry in _files(staging)
        if (only is None or entry.name in only) and holds_data(entry)
    ]
    if not names:
        return
    folder = staging.with_name(LOST_NAME)
    folder.mkdir(exist_ok=True, mode=0o700)
    _remember(folder, {name: keys[name] for name in names if name in keys})
    for name in names:
        (staging / name).rename(folder / name)
    _sync(folder)
    for name in names:
        log.error(
            "it is not known what %s was%s: its %d bytes are kept there, `ossfs uploads list`"
            " shows it", folder / name, f" (perhaps {keys[name]})" if name in keys else "",
            (folder / name).stat().st_size,
        )  # fmt: skip


def holds_data(path: Path) -> bool:
    """Say whether there is a file, and in it a byte that was written."""
    try:
        with path.open("rb") as file:
            os.lseek(file.fileno(), 0, os.SEEK_DATA)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENOENT):  # a hole, or nothing
            return False
        raise
    return True


def lost_files(folder: Path, keys: Mapping[str, str] = MappingProxyType({})) -> Iterator[Details]:
    """Describe what is in `lost+found`; `keys` say what some of it was."""
    keys = {**_remembered(folder), **keys}
    for entry in _files(folder):
        with contextlib.suppress(FileNotFoundError):  # discarded in this moment
            facts = entry.stat()
            yield Details(
                status=UploadStatus(
                    key=keys.get(entry.name, entry.name),
                    state="lost",
                    size=facts.st_size,
                    sent=0,
                    parts_total=0,
                    parts_done=0,
                    generation=0,
                    error="the journal that knew what it was could not be read",
                    since_ns=facts.st_mtime_ns,
                    staging=str(entry),
                    id=f"lost-{entry.name[:SHORT]}",
                ),
                base=None,
                gaps=[],
                upload=None,
            )


def _files(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    return [entry for entry in entries if entry.name != NAMES_NAME and entry.is_file()]


def _remembered(folder: Path) -> dict[str, str]:
    try:
        keys: dict[str, str] = json.loads((folder / NAMES_NAME).read_text())
    except (OSError, ValueError):
        return {}
    return keys


def _remember(folder: Path, keys: Mapping[str, str]) -> None:
    if not keys:
        return
    new = folder / f"{NAMES_NAME}.new"
    new.write_text(json.dumps({**_remembered(folder), **keys}, indent=1))
    new.replace(folder / NAMES_NAME)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
