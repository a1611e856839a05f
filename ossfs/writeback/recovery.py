"""
What a crash left behind, read back from the journal.

Promised files become `PendingFile`s again and go on into the bucket; drafts and conflicts
stay where they are, for `ossfs uploads`; renames and deletions that had been begun are
finished. Staging files that no journal row names were clean and are deleted.

What is damaged is named and kept, and stops nothing else: a journal that cannot be read is
put aside, and the bytes that it alone knew are moved to `lost+found`; a file whose local
bytes are gone, or fewer than were promised, is kept and not uploaded.

Threads: `open_journal` and `recover` run once, before the mount answers; `pending` reads
the journal of a state folder beside whoever uses it.
"""

import contextlib
import logging
from dataclasses import replace
from pathlib import Path

from ossfs.clock import Clock, SystemClock
from ossfs.errors import JournalDamaged, JournalUnusable, OssfsError, StoreError
from ossfs.journal.journal import Journal
from ossfs.journal.records import FileRecord, FileState, Ledger, Unreadable
from ossfs.journal.salvage import is_log_damaged, keys_of_staging
from ossfs.store.api import ObjectStore
from ossfs.writeback.aside import delete_version
from ossfs.writeback.details import describe, is_damaged
from ossfs.writeback.kept import Kept
from ossfs.writeback.lost import (
    LOST_NAME,
    holds_data,
    lost_files,
    set_journal_aside,
    set_staging_aside,
)
from ossfs.writeback.pending import PendingFile
from ossfs.writeback.restoring import restore
from ossfs.writeback.staging import StagingArea
from ossfs.writeback.values import UploadStatus

log = logging.getLogger(__name__)

JOURNAL_NAME = "journal.db"
STAGING_NAME = "staging"


def open_journal(state_dir: Path, *, clock: Clock) -> Journal:
    """
    Open the journal of a state folder, or begin one; afterwards it knows all of `staging/`.

    One that is damaged is put aside, and the staging files, which nobody else knows, are
    moved to `lost+found`; likewise when it is missing. JournalUnusable: it is not to be
    touched; StagingFull: nothing has changed.
    """
    path, staging = state_dir / JOURNAL_NAME, state_dir / STAGING_NAME
    if _is_blank(path):
        # Before there is a journal: one that does not know of them looks as if they were clean.
        set_staging_aside(staging, {})
    has_lost = is_log_damaged(path)
    try:
        journal = _open(path, clock)
    except JournalUnusable:
        raise
    except JournalDamaged as error:
        reason = str(error)  # a log record that kept the error would keep the journal open
    else:
        if has_lost:
            _keep_unknown(journal, path, staging)
        return journal
    log.error("%s; it is put aside, and what it alone knew is kept in %s", reason, LOST_NAME)
    set_staging_aside(staging, keys_of_staging(path))
    log.error("%s is what was the journal", set_journal_aside(path, clock.now_ns()))
    return Journal(path, clock=clock)


def _is_blank(path: Path) -> bool:
    """Say whether nothing was ever recorded in the journal, or all of it is gone."""
    wal = path.with_name(f"{path.name}-wal")
    if not path.exists() or not path.stat().st_size:  # then SQLite ignores the log, too
        return True
    if wal.exists() and wal.stat().st_size:
        return False
    with path.open("rb") as file:
        header = file.read(64)
    return header.startswith(b"SQLite format 3\0") and not any(header[60:64])  # user_version


def _keep_unknown(journal: Journal, path: Path, staging: Path) -> None:
    """Keep the staging files that the journal may have known before its log was damaged."""
    log.error("%s-wal is damaged or gone: what it told last is lost", path)
    ledger = journal.load()
    known = {record.staging for record in ledger.files}
    known.update(row.staging for row in ledger.unreadable)
    names = {entry.name for entry in staging.iterdir()} if staging.exists() else set()
    set_staging_aside(staging, {}, only=names - known)


def _open(path: Path, clock: Clock) -> Journal:
    journal = Journal(path, clock=clock)
    try:
        journal.load()
    except (ValueError, TypeError) as error:  # SQLite can read it, and it makes no sense
        journal.close()
        raise JournalDamaged(f"{path}: {error}") from error
    except BaseException:
        journal.close()
        raise
    return journal


def recover(journal: Journal, area: StagingArea, kept: Kept, *, clock: Clock) -> list[PendingFile]:
    """
    Read the files of the journal back; return the promised ones, which are to be committed.

    The others go to `kept`; staging files that the journal does not name are deleted.
    """
    ledger = journal.load()
    for file_id in ledger.unlinked:
        journal.discard(file_id)
    known = {record.staging for record in ledger.files}
    for row in ledger.unreadable:
        known.update(_set_aside(row, journal, area))
    found: list[PendingFile | FileRecord | None] = []
    for record in ledger.files:
        try:
            found.append(_taken_up(record, journal, area, clock))
        except (OssfsError, OSError) as error:
            log.error("%s is left as it is until the next mount: %s", record.key, error)  # noqa: TRY400  # the message says it all
            found.append(replace(record, error=str(error)))
    for name in area.names() - known:
        with contextlib.suppress(OSError):  # it takes room, and the next mount tries again
            area.remove(name)
    files = [one for one in found if isinstance(one, PendingFile)]
    others = [one for one in found if isinstance(one, FileRecord)]
    kept.add(others)
    if files or others:
        log.info("found %d files to bring to the bucket and %d kept ones", len(files), len(others))
    return files


def _taken_up(
    record: FileRecord, journal: Journal, area: StagingArea, clock: Clock
) -> PendingFile | FileRecord | None:
    """Return a file that is to be committed, or a record that is kept; None: it was empty."""
    if record.state is FileState.PROMISED:
        if is_damaged(record, area.folder):
            return _given_up(record, journal, area)
        return restore(record, journal, area, clock)
    if _has_useless_upload(record):
        journal.drop_upload(record.id)
        record = replace(record, upload=None)
    if record.state is FileState.DRAFT and _is_empty(record, area):
        journal.discard(record.id)
        if record.staging is not None:
            area.remove(record.staging)
        return None
    return record


def finish_deletions(ledger: Ledger, journal: Journal, store: ObjectStore) -> None:
    """
    Delete the objects that were unlinked while open, if they still are those versions.

    A file that was promised replaces what was unlinked under its name, or has already done
    so, perhaps with the same etag; but a promised edit of the very version that is to go was
    unlinked with it. What the store refuses is logged, and tried again at the next mount.
    """
    promised = {file.key: file for file in ledger.files if file.state is FileState.PROMISED}
    for record in ledger.deletions:
        file = promised.get(record.key)
        if file is not None:
            base = file.base
            if base is None or (base.key, base.etag) != (record.key, record.etag):
                continue
            journal.discard(file.id)
        try:
            delete_version(record, store)
        except StoreError as error:
            log.warning("%s was unlinked, but is not deleted yet: %s", record.key, error)
            continue
        journal.end_deletion(record.id)


def pending(state_dir: Path) -> list[UploadStatus]:
    """
    Describe what a state folder holds that is not in the bucket. JournalUnusable.

    Without a journal that can be read, that is what is lost.
    """
    path, staging = state_dir / JOURNAL_NAME, state_dir / STAGING_NAME
    lost = [one.status for one in lost_files(state_dir / LOST_NAME)]
    if not path.exists():
        return lost + [one.status for one in lost_files(staging)]
    try:
        with contextlib.closing(Journal(path, clock=SystemClock(), read_only=True)) as journal:
            ledger = journal.load()
    except JournalUnusable:
        raise
    except JournalDamaged:
        keys = keys_of_staging(path)
        return lost + [one.status for one in lost_files(staging, keys)]
    keys = {row.staging: row.key for row in ledger.unreadable if row.staging is not None}
    lost += [
        one.status for one in lost_files(staging, keys) if Path(one.status.staging).name in keys
    ]
    return [describe(record, staging) for record in ledger.files] + lost


def intents(state_dir: Path) -> int:
    """Return how many changes of names and directories a mount has to finish. JournalDamaged."""
    path = state_dir / JOURNAL_NAME
    if not path.exists():
        return 0
    with contextlib.closing(Journal(path, clock=SystemClock(), read_only=True)) as journal:
        ledger = journal.load()
    unfinished = (ledger.moves, ledger.deletions, ledger.aborts, ledger.markers)
    return sum(len(records) for records in unfinished)


def _set_aside(row: Unreadable, journal: Journal, area: StagingArea) -> set[str]:
    """Keep the bytes of a file whose row makes no sense; return what must stay in staging."""
    log.error("the journal makes no sense about %s: %s", row.key, row.reason)
    if row.staging is None:
        journal.discard(row.id)
        return set()
    try:
        set_staging_aside(area.folder, {row.staging: row.key}, only={row.staging})
        journal.discard(row.id)
    except (OssfsError, OSError) as error:
        log.error("%s is left as it is until the next mount: %s", row.key, error)  # noqa: TRY400  # the message says it all
        return {row.staging}
    return set()


def _given_up(record: FileRecord, journal: Journal, area: StagingArea) -> FileRecord:
    """Keep a promised file off the bucket whose bytes are not all here."""
    assert record.staging is not None  # noqa: S101 - it is damaged
    assert record.content is not None  # noqa: S101 - the same
    path, size = area.folder / record.staging, record.content.size
    if path.exists():
        left = path.stat().st_size
        what = f"{path} holds {left} of the {size} bytes that {record.key} had when it was promised"
    else:
        what = f"the local bytes of {record.key}, {size} of them in {path}, are gone"
    message = f"{what}; it is kept, and not uploaded"
    log.error("%s", message)
    journal.conflicted(record.id, message)
    return replace(record, state=FileState.CONFLICT, error=message)


def _has_useless_upload(record: FileRecord) -> bool:
    """Say whether nobody can take over the upload: it has no part, or another key."""
    upload = record.upload
    return upload is not None and (upload.upload_id is None or upload.key != record.key)


def _is_empty(record: FileRecord, area: StagingArea) -> bool:
    """Say whether a draft holds nothing that anybody could miss."""
    return record.staging is None or not holds_data(area.folder / record.staging)
