"""
A file whose content or attributes are ahead of the bucket's.

`PendingFile` is the one place where it is decided what a file's bytes are while they
differ from the object: the writer changes it, readers ask it where bytes are, the
committer makes its present generation the object. Each change moves the generation; a
commit excludes writers, so one object never mixes two generations.

Threads: `lock` (a condition) guards everything in a `PendingFile`. It is held during
local disk I/O, never during a request. `committing()` is the only long state; it is not
a held lock: writers wait on the condition, readers and attribute changes do not.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from ossfs.clock import Clock
from ossfs.errors import EditConflict
from ossfs.extents import Extent
from ossfs.journal.journal import Journal
from ossfs.journal.records import AbortRecord, FileId, IntentId, UploadRecord, Version
from ossfs.store.api import Headers, Part
from ossfs.writeback.attempts import Attempt
from ossfs.writeback.file_upload import FileUpload
from ossfs.writeback.staging import Source, StagedFile, StagingArea


@dataclass(frozen=True, slots=True)
class UploadStatus:
    """What a person wants to know of one file that is not in the bucket yet."""

    key: str
    state: str
    """draft, waiting, uploading, failed or conflict."""
    size: int
    sent: int
    parts_total: int
    parts_done: int
    generation: int
    error: str
    since_ns: int
    staging: str = ""
    """Path of the local bytes; empty: only attributes changed."""
    id: str = ""
    """Names it in commands; it stays the same as long as the file waits."""
    is_open: bool = False
    """Somebody has it open: more may be written."""


class Snapshot(NamedTuple):
    """What a commit makes the object."""

    key: str
    generation: int
    base: Version | None
    headers: Headers
    has_new_content: bool
    is_exclusive: bool = False
    """It may replace nothing."""


class Piece(NamedTuple):
    """A range of a file: local bytes, or (data is None) bytes of `base`."""

    extent: Extent
    data: bytes | None
    base: Version | None


class Dropped(NamedTuple):
    """An upload that is to be aborted when nothing of it is on its way any more."""

    record: AbortRecord | None
    flights: list[Future[Part]]
    upload: FileUpload | None
    recovered: UploadRecord | None

    def known(self) -> AbortRecord | None:
        """
        Return what is to be aborted, once all have landed; None: nothing was begun.

        The first of them may have begun the upload after the journal let go of it, which it
        also does when another file gets the name. It knows both by the same number.
        """
        known = self.recovered if self.upload is None else self.upload.checkpoint.record
        if self.record is not None:
            upload_id = None if known is None else known.upload_id
            return replace(self.record, upload_id=self.record.upload_id or upload_id)
        if known is None:
            return None
        return AbortRecord(IntentId(known.row), known.key, known.planned_ns, known.upload_id)


class WriteRun:
    """Writes that each began where the one before ended."""

    __slots__ = ("goal", "part_size", "sent", "stop")

    def __init__(self) -> None:
        self.begin(0)
        self.part_size = 0

    def begin(self, start: int) -> None:
        """Begin a run at this offset."""
        self.stop = start
        self.sent = start
        """Up to here parts were handed out, or begin before the run."""
        self.goal = 0
        """The end of the next part."""


class Ahead(Protocol):
    """Whoever sends parts of files that are still being written."""

    def written(self, pending: "PendingFile", extent: Extent) -> None:
        """Take note of a write; the file's lock is held."""
        ...


class PendingFile:
    """
    One file on its way into the bucket.

    `base` is the version the file's content is based on (None: it has none, whatever
    object may be there is replaced). `on_dirty` is called, with the lock held, when the
    file goes from clean to dirty.
    """

    def __init__(
        self,
        key: str,
        *,
        base: Version | None,
        headers: Headers,
        area: StagingArea,
        journal: Journal,
        clock: Clock,
        ahead: Ahead | None = None,
    ) -> None:
        self.lock = threading.Condition(threading.RLock())
        # All below is guarded by the lock.
        self.key = key
        self.base = base
        self.implicit: frozenset[str] = frozenset()
        """Names of metadata that nobody has set: a writer's clock. Older values may do."""
        self.is_exclusive = False
        """Made with O_EXCL: its first commit may replace nothing."""
        self.is_restored = False
        """An earlier process has promised it, and may have begun to bring it to the bucket."""
        self.staged: StagedFile | None = None
        self.file_id: FileId | None = None
        self.attributes_id: FileId | None = None
        """The row of promised attributes, while `file_id` is that of content to come."""
        self.is_content_recorded = False
        self.upload: FileUpload | None = None
        self.recovered: UploadRecord | None = None
        """The upload of an earlier process, until it becomes `upload`."""
        self.run = WriteRun()
        self.generation = 0
        self.committed = 0
        self.has_new_content = False
        self.is_asked_for = True
        """Somebody has closed or synced the present content, or begun to."""
        self._promised: StagedFile | None = None  # the one that the journal promises
        self.attempts: list[Attempt] = []
        """Contents that commits without an answer may have made the object."""
        self.is_committing = False
        self.is_discarded = False
        self.is_abandoned = False
        self.conflict_of: str | None = None
        """The name that this had before it became a conflict copy, until that is saved."""
        self.was_sent = False
        """A commit was begun: an object may be there, whatever came of it."""
        self.error = ""
        self.since_ns = 0
        self.sent = 0
        self.parts_total = 0
        self.parts_done = 0
        self._headers: Headers | Callable[[], Headers] = headers
        self._area = area
        self._journal = journal
        self._clock = clock
        self.ahead = ahead

    def __repr__(self) -> str:
        return f"PendingFile({self.key!r}, generation={self.generation}/{self.committed})"

    @property
    def headers(self) -> Headers:
        """What goes with the object."""
        headers = self._headers
        if not isinstance(headers, Headers):
            described, headers = headers, headers()
            if self._headers is described:
                self._headers = headers
        return headers

    def describe(self, headers: Headers | Callable[[], Headers], implicit: frozenset[str]) -> None:
        """
        Take note of what goes with the content now, without recording it.

        A function is called when it matters: not at each of a thousand writes.
        """
        with self.lock:
            self._headers, self.implicit = headers, implicit

    @property
    def is_dirty(self) -> bool:
        """Whether something is not in the bucket yet."""
        return self.generation != self.committed

    @property
    def size(self) -> int:
        """Bytes in the file as it is now."""
        with self.lock:
            if self.staged is not None:
                return self.staged.size
            return 0 if self.base is None else self.base.size

    # Changing

    def create(self) -> None:
        """Make it a new, empty file: no base, one generation old."""
        with self.lock:
            self._change_content_locked()

    def write(self, offset: int | None, data: bytes | memoryview) -> int:
        """
        Put bytes into the file, or (offset None) behind its end, wherever that is by then.

        Waits for a running commit, which lets go of the lock. StagingFull.
        """
        with self.lock:
            staged = self._change_content_locked()
            at = staged.size if offset is None else offset
            extent = Extent(at, at + len(data))
            if self.upload is not None:
                self.upload.touch(extent)
            staged.write(at, data)
            if self.ahead is not None:
                self.ahead.written(self, extent)
        return len(data)

    def truncate(self, size: int) -> None:
        """Cut or extend the file; waits for a running commit. StagingFull."""
        with self.lock:
            self._cut_locked(size)

    def _cut_locked(self, size: int) -> None:
        staged = self._change_content_locked(is_emptied=not size)
        if self.upload is not None:
            self.upload.cut(size)
        staged.truncate(size)

    def replace(self) -> None:
        """Empty the file and cut it loose from its base: the last writer wins."""
        with self.lock:
            self._cut_locked(0)
            self.base = None

    def change_headers(self, headers: Headers, implicit: frozenset[str] = frozenset()) -> None:
        """Change what goes with the object; does not wait for a running commit."""
        with self.lock:
            self.describe(headers, implicit)
            if not self.is_discarded and not self.is_content_recorded:
                self._record_headers_locked()
            elif self.file_id is not None and self._promised is self.staged:
                self._journal.describe(self.file_id, headers)
            self.generation += 1

    def _record_headers_locked(self) -> None:
        if self.file_id is None:
            self._open_draft_locked(None)
        assert self.file_id is not None  # noqa: S101 - just recorded
        self._journal.promise(
            self.file_id,
            generation=self.generation + 1,
            base=self.base,
            staging=None,
            content=None,
            headers=self.headers,
        )

    def _change_content_locked(self, *, is_emptied: bool = False) -> StagedFile:
        while self.is_committing:
            self.lock.wait()
        if self.is_abandoned:
            raise EditConflict(f"{self.key} was changed by somebody else; {self.error}")
        name = self._area.new_name() if self.staged is None else self.staged.name
        if not self.is_content_recorded and not self.is_discarded:
            self._record_content_locked(name)
        if self.staged is None:
            limit = 0 if self.base is None else self.base.size
            self.staged = self._area.create(name, base_limit=limit)
        elif self.staged is self._promised:
            # A crash must find all bytes of the promise, and none that came later. Until the
            # next promise the journal names that file; one it does not name is lost with us.
            if is_emptied:
                self.staged = self._area.create(self._area.new_name())
            else:
                self.staged = self.staged.copied()
        self.generation += 1
        self.has_new_content = True
        self.is_asked_for = False
        return self.staged

    def promised(self, staged: StagedFile) -> None:
        """Take note that the journal promises what is in this file, and in no other one."""
        with self.lock:
            self._drop_promised_locked()
            self._promised = staged

    def may_have_arrived(self, crc64: int | None = None) -> None:
        """Take note that the content was sent, in parts if its CRC is given; no answer came."""
        with self.lock:
            staged = self.staged
            if staged is None:
                return
            if crc64 is not None:
                self.attempts.append(Attempt(staged.size, crc64))
            elif not staged.needs_base(Extent(0, staged.size)):
                self.attempts.append(Attempt.of(staged.whole()))

    def superseded(self) -> StagedFile | None:
        """Return the file that is still promised although there is newer content."""
        with self.lock:
            return None if self._promised is self.staged else self._promised

    def _drop_promised_locked(self) -> None:
        promised, self._promised = self._promised, None
        if promised is not None and promised is not self.staged:
            promised.remove()

    def _record_content_locked(self, staging: str) -> None:
        """Tell the journal before the first byte, so that no staging file is an orphan."""
        self.attributes_id = self.file_id  # stays: attributes are promised, these bytes not yet
        self._open_draft_locked(staging)
        self.is_content_recorded = True

    def _open_draft_locked(self, staging: str | None) -> None:
        self.since_ns = self._clock.now_ns()
        self.file_id = self._journal.open_draft(
            self.key,
            base=self.base,
            staging=staging,
            headers=self.headers,
            is_exclusive=self.is_exclusive,
        )

    # Reading

    def read(self, extent: Extent) -> list[Piece]:
        """Return the local bytes of `extent` (inside the file) and where the others are."""
        with self.lock:
            staged, base = self.staged, self.base
            if staged is None:
                return [Piece(extent, None, base)]
            return [
                Piece(run.extent, staged.read_local(run.extent), None)
                if run.source is Source.LOCAL
                else Piece(run.extent, None, base)
                for run in staged.runs(extent)
            ]

    def settled_base(self) -> Version | None:
        """Return the base, when a running commit or rename has come to its end."""
        with self.lock:
            while self.is_committing:
                self.lock.wait()
            return self.base

    # Committing

    @contextlib.contextmanager
    def committing(self, *, is_asked_for: bool = True) -> Iterator[Snapshot | None]:
        """
        Exclude writers and other commits; None when there is nothing to commit.

        Unless it `is_asked_for`, content that nobody has closed or synced yet is left alone.
        """
        with self.lock:
            while self.is_committing:
                self.lock.wait()
            is_early = not is_asked_for and not self.is_asked_for
            if not self.is_dirty or self.is_discarded or is_early:
                snapshot = None
            else:
                self.is_committing = self.is_asked_for = True
                snapshot = self.snapshot()
        if snapshot is None:
            yield None
            return
        try:
            yield snapshot
        finally:
            with self.lock:
                self.is_committing = False
                self.lock.notify_all()

    def snapshot(self) -> Snapshot:
        """Return what a commit would make the object now."""
        with self.lock:
            return Snapshot(
                self.key,
                self.generation,
                self.base,
                self.headers,
                self.has_new_content,
                self.is_exclusive,
            )

    def settle(self, snapshot: Snapshot, version: Version) -> None:
        """Take note that `snapshot` is the object `version` now; the journal first."""
        with self.lock:
            is_behind = self.generation != snapshot.generation and not self.is_discarded
            if is_behind and self.file_id is not None:
                self._keep_headers_locked(self.file_id, version)
            else:
                self._forget_locked(made=version.key)
            self.base, self.is_exclusive = version, False
            self.attempts.clear()
            self.committed = snapshot.generation
            self.upload = self.recovered = None
            self.error = ""
            if snapshot.has_new_content:
                self.has_new_content = False
                if self.staged is not None:
                    self.staged.mark_clean()
            if is_behind and self.file_id is None:
                self._record_headers_locked()

    def _keep_headers_locked(self, file_id: FileId, version: Version) -> None:
        """Make of the promise of content one of the attributes that were changed meanwhile."""
        self._journal.promise(
            file_id,
            generation=self.generation,
            base=version,
            staging=None,
            content=None,
            headers=self.headers,
            replaces=self.attributes_id,
        )
        self._journal.upload_gone(file_id)
        self._journal.cancel_deletions(version.key)
        self.attributes_id = None
        self.is_content_recorded = False
        self._drop_promised_locked()

    def _forget_locked(self, *, made: str | None = None) -> None:
        for file_id in (self.attributes_id, self.file_id):
            if file_id is not None:
                self._journal.forget(file_id, made=made)
        self.file_id = self.attributes_id = None
        self.is_content_recorded = False
        self._drop_promised_locked()

    @property
    def upload_key(self) -> str | None:
        """The key that the file's upload was, or is to be, begun for; None: it has none."""
        with self.lock:
            upload = self.recovered if self.upload is None else self.upload
            return None if upload is None else upload.key

    @property
    def upload_record(self) -> UploadRecord | None:
        """What is known of the file's upload at the store; None: there is none."""
        with self.lock:
            return self.recovered if self.upload is None else self.upload.checkpoint.record

    def drop_upload(self) -> Dropped | None:
        """Let go of the upload, which is to be aborted then; the journal knows."""
        with self.lock:
            key = self.upload_key
            if key is None or self.file_id is None:
                self.upload = self.recovered = None
                return None
            return self._dropped_locked(self._journal.drop_upload(self.file_id))

    def _dropped_locked(self, record: AbortRecord | None) -> Dropped | None:
        upload, recovered = self.upload, self.recovered
        self.upload = self.recovered = None
        flights: list[Future[Part]] = []
        if upload is not None:
            upload.is_stopped = True
            flights = [*upload.under_way().values(), *upload.outdated()]
        self.lock.notify_all()
        if record is None and upload is None and recovered is None:
            return None
        return Dropped(record, flights, upload, recovered)

    @contextlib.contextmanager
    def moving(self) -> Iterator[Headers | None]:
        """
        Exclude writers and commits while the object is renamed; call `moved` inside.

        Yields the headers that are to go with the object, None when it has them.
        """
        with self.lock:
            while self.is_committing:
                self.lock.wait()
            self.is_committing = True
            headers = self.headers if self.is_dirty else None
        try:
            yield headers
        finally:
            with self.lock:
                self.is_committing = False
                self.lock.notify_all()

    def moved(self, key: str, version: Version, headers: Headers | None) -> None:
        """Take note that the object, with these headers, is `version` under `key` now."""
        with self.lock:
            self.key, self.base = key, version
            if self.has_new_content and self.file_id is not None:
                self._rename_rows_locked(key, version)
                return
            self._forget_locked()
            if headers is None or headers is self.headers:
                self.committed = self.generation
            else:  # attributes changed meanwhile
                self._record_headers_locked()

    def rename(self, key: str) -> bool:
        """
        Give a file that has no version in the bucket yet a new name; waits for a commit.

        False: there is one (by now), under the old name; nothing has changed.
        """
        with self.lock:
            while self.is_committing:
                self.lock.wait()
            if self.base is not None:
                return False
            self._rename_rows_locked(key, None)
            self.key = key
            return True

    def _rename_rows_locked(self, key: str, base: Version | None) -> None:
        self.is_exclusive = False  # a rename may replace what is there
        for file_id in (self.attributes_id, self.file_id):
            if file_id is not None:
                self._journal.rename_file(file_id, key, base=base)

    def followed(self, key: str, version: Version | None) -> None:
        """Take note that the object has moved with its directory; call it inside `moving`."""
        with self.lock:
            self._rename_rows_locked(key, version)
            self.key, self.base = key, version

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop a running commit and exclude others; if the block fails, all is as before."""
        with self.lock:
            was_discarded, self.is_discarded = self.is_discarded, True
            while self.is_committing:
                self.lock.wait()
        try:
            yield
        except BaseException:
            with self.lock:
                self.is_discarded = was_discarded
                self._catch_up_locked()
            raise

    def _catch_up_locked(self) -> None:
        """Tell the journal of changes that it was not told of while the file was to go."""
        if self.is_discarded or not self.is_dirty:
            return
        if self.has_new_content and self.staged is not None:
            if not self.is_content_recorded:
                self._record_content_locked(self.staged.name)
        elif self.file_id is None:
            self._record_headers_locked()

    def discard(self) -> Dropped | None:
        """
        Never commit again: the file was unlinked. Stops a running commit and waits for it.

        The bytes stay readable and writable until `drop_local`. Returns the upload that
        the store may still hold.
        """
        with self.lock:
            self.is_discarded = True
            while self.is_committing:
                self.lock.wait()
            record = None
            if self.file_id is not None:
                record = self._journal.discard(self.file_id)
                self.file_id = None
            self._forget_locked()
            self.committed = self.generation
            return self._dropped_locked(record)

    def abandon(self, reason: str) -> None:
        """Leave bytes and journal as they are for the user, and accept no more changes."""
        with self.lock:
            self.is_abandoned = True
            self.error = reason
            self.file_id = None
            self.committed = self.generation

    def drop_local(self) -> None:
        """Delete the local bytes unless something of them is missing in the bucket."""
        with self.lock:
            is_needed = self.is_committing or (self.is_dirty and not self.is_discarded)
            if self.staged is None or is_needed:
                return
            if self.is_abandoned:
                self.staged.close()
            else:
                self.staged.remove()
            self.staged = None

    def close(self) -> None:
        """Close the staging file and keep it, for the next mount."""
        with self.lock:
            promised, self._promised = self._promised, None
            if promised is not None and promised is not self.staged:
                promised.close()
            if self.staged is not None:
                self.staged.close()
                self.staged = None

    def status(self) -> UploadStatus:
        """Describe it for a person."""
        with self.lock:
            if self.is_committing:
                state = "uploading"
            elif self.error:
                state = "failed"
            else:
                state = "waiting"
            return UploadStatus(
                key=self.key,
                state=state,
                size=self.size,
                sent=self.sent,
                parts_total=self.parts_total,
                parts_done=self.parts_done,
                generation=self.generation,
                error=self.error,
                since_ns=self.since_ns,
                staging=str(self._area.folder / self.staged.name) if self.staged else "",
                id="" if self.file_id is None else str(self.file_id),
            )
