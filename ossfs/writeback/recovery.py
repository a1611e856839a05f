"""
What a crash left behind, read back from the journal.

Promised files become `PendingFile`s again and go on into the bucket; drafts and conflicts
stay where they are, for `ossfs uploads`; renames and deletions that had been begun are
finished. Staging files that no journal row names were clean and are deleted.

Threads: `recover` runs once, before the mount answers; `pending` reads the journal
of a state folder beside whoever uses it.
"""

import logging
from dataclasses import replace
from pathlib import Path

from ossfs.clock import Clock, SystemClock
from ossfs.errors import StoreError
from ossfs.journal.journal import Journal
from ossfs.journal.records import FileRecord, FileState, Ledger
from ossfs.store.api import ObjectStore
from ossfs.writeback.aside import delete_version
from ossfs.writeback.details import describe
from ossfs.writeback.kept import Kept
from ossfs.writeback.lost import LOST_NAME, lost_files
from ossfs.writeback.pending import PendingFile, UploadStatus
from ossfs.writeback.restoring import restore
from ossfs.writeback.staging import StagingArea

log = logging.getLogger(__name__)

JOURNAL_NAME = "journal.db"
STAGING_NAME = "staging"


def recover(journal: Journal, area: StagingArea, kept: Kept, *, clock: Clock) -> list[PendingFile]:
    """
    Read the files of the journal back; return the promised ones, which are to be committed.

    The others go to `kept`; staging files that the journal does not name are deleted.
    """
    files, others, known = [], [], set()
    for record in journal.load().files:
        if record.state is FileState.DRAFT and _is_empty(record, area):
            journal.forget(record.id)
            continue
        if record.staging is not None:
            known.add(record.staging)
        if record.state is FileState.PROMISED:
            try:
                files.append(restore(record, journal, area, clock))
            except OSError as error:
                others.append(_given_up(record, journal, error))
        else:
            others.append(record)
    for name in area.names() - known:
        area.remove(name)
    kept.add(others)
    if files or others:
        log.info("found %d files to bring to the bucket and %d kept ones", len(files), len(others))
    return files


def finish_deletions(ledger: Ledger, journal: Journal, store: ObjectStore) -> None:
    """
    Delete the objects that were unlinked while open, if they still are those versions.

    A file that was promised replaces what was unlinked under its name, or has already done
    so, perhaps with the same etag. What the store refuses is logged, and tried again at the
    next mount.
    """
    promised = {file.key for file in ledger.files if file.state is FileState.PROMISED}
    for record in ledger.deletions:
        if record.key in promised:
            continue
        try:
            delete_version(record, store)
        except StoreError as error:
            log.warning("%s was unlinked, but is not deleted yet: %s", record.key, error)
            continue
        journal.end_deletion(record.id)


def pending(state_dir: Path) -> list[UploadStatus]:
    """
    Describe what a state folder holds that is not in the bucket. JournalDamaged.

    Without a journal, that is what is lost.
    """
    path = state_dir / JOURNAL_NAME
    lost = [one.status for one in lost_files(state_dir / LOST_NAME)]
    if not path.exists():
        return lost
    journal = Journal(path, clock=SystemClock(), read_only=True)
    try:
        files = journal.load().files
    finally:
        journal.close()
    return [describe(record, state_dir / STAGING_NAME) for record in files] + lost


def _given_up(record: FileRecord, journal: Journal, error: OSError) -> FileRecord:
    message = f"the local bytes of {record.key} cannot be read: {error}"
    log.error("%s; they are lost unless %s comes back", message, record.staging)
    journal.conflicted(record.id, message)
    return replace(record, state=FileState.CONFLICT, error=message)


def _is_empty(record: FileRecord, area: StagingArea) -> bool:
    """Say whether a draft holds nothing that anybody could miss."""
    if record.staging is None:
        return True
    try:
        return (area.folder / record.staging).stat().st_blocks == 0
    except FileNotFoundError:
        return True
