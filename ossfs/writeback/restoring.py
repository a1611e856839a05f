"""
Files of the journal that can be committed again.

Threads: a restored file belongs to who asked for it.
"""

from ossfs.clock import Clock
from ossfs.journal.journal import Journal
from ossfs.journal.records import FileRecord
from ossfs.writeback.pending import PendingFile
from ossfs.writeback.staging import StagingArea


def restore(record: FileRecord, journal: Journal, area: StagingArea, clock: Clock) -> PendingFile:
    """
    Make a promised file of the journal one that can be committed.

    OSError: its local bytes cannot be had.
    """
    pending = PendingFile(
        record.key,
        base=record.base,
        headers=record.headers,
        area=area,
        journal=journal,
        clock=clock,
    )
    if record.staging is not None and record.content is not None:
        pending.staged = area.open(record.staging, record.content)
        pending.has_new_content = pending.is_content_recorded = True
        pending.promised(pending.staged)
    pending.file_id = record.id
    pending.generation = record.generation
    pending.recovered = record.upload
    pending.is_restored = True
    pending.is_exclusive = record.is_exclusive
    pending.error = record.error
    pending.since_ns = record.created_ns
    return pending
