"""
What a file's bytes and attributes are, while they are ahead of the bucket's.

`ChangedFile` is the one place where that is decided: writers change it, readers ask it
where bytes are. The journal is told before the first change, and of what is promised.

Threads: `lock` (a condition) guards everything. It is held during local disk I/O, never
during a request. Writers wait on it while `is_committing`; readers and attribute changes
do not.
"""

import threading
from collections.abc import Callable
from typing import Protocol

from ossfs.clock import Clock
from ossfs.errors import EditConflict
from ossfs.extents import Extent
from ossfs.journal.journal import Journal
from ossfs.journal.records import AbortRecord, FileId, UploadRecord, Version
from ossfs.store.api import Headers
from ossfs.writeback.attempts import Attempt
from ossfs.writeback.file_upload import Dropped, FileUpload
from ossfs.writeback.staging import Source, StagedFile, StagingArea
from ossfs.writeback.values import Piece, WriteRun


class Ahead(Protocol):
    """Whoever sends parts of files that are still being written."""

    def written(self, pending: "ChangedFile", extent: Extent) -> None:
        """Take note of a write; the file's lock is held."""
        ...


class ChangedFile:
    """
    A file whose content or attributes may be ahead of the bucket's.

    `base` is the version that its content is based on (None: it has none, whatever object
    may be there is replaced). `ahead` is told of each write.
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
        self._lasting = 0
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
        return f"{type(self).__name__}({self.key!r}, generation={self.generation}/{self.committed})"

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

    def allocate(self, extent: Extent, *, keeps_size: bool) -> None:
        """
        See that there is room for a range, and let the file reach to its end.

        The room is not kept for it. StagingFull: nothing has changed.
        """
        with self.lock:
            there = () if self.staged is None else self.staged.present.within(extent)
            self._area.require(extent.size - sum(one.size for one in there))
            if extent.stop > self.size and not keeps_size:
                self._cut_locked(extent.stop)

    def zero(self, extent: Extent, *, keeps_size: bool) -> None:
        """Make zeros of a range, which the file is to reach or which ends with it. StagingFull."""
        with self.lock:
            staged = self._change_content_locked()
            if extent.stop > staged.size and not keeps_size:
                staged.truncate(extent.stop)
            extent = extent.clip(Extent(0, staged.size))
            if self.upload is not None:
                self.upload.touch(extent)
            staged.zero(extent)

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
            if self.upload is not None:  # its times are those of content that was promised
                self.upload.is_own = False
            if is_emptied:
                self.staged = self._area.create(self._area.new_name())
            else:
                self.staged = self.staged.copied()
        self.generation += 1
        self.has_new_content = True
        self.is_asked_for = False
        return self.staged

    def promised(self, staged: StagedFile, lasting: int = 0) -> None:
        """
        Take note that the journal promises what is in this file, and in no other one.

        `lasting` is the generation of which that holds when the machine dies, too.
        """
        with self.lock:
            self._drop_promised_locked()
            self._promised, self._lasting = staged, lasting

    @property
    def has_promise(self) -> bool:
        """Whether a crash finds content of it, perhaps older than what is written by now."""
        with self.lock:
            return self._promised is not None

    def is_promised(self, generation: int) -> bool:
        """Say whether this generation is promised already, beyond the life of the machine."""
        with self.lock:
            return self._promised is self.staged and self._lasting == generation

    def _drop_promised_locked(self) -> None:
        promised, self._promised = self._promised, None
        if promised is not None and promised is not self.staged:
            promised.remove()

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

    def _forget_locked(self, *, made: str | None = None) -> None:
        for file_id in (self.attributes_id, self.file_id):
            if file_id is not None:
                self._journal.forget(file_id, made=made)
        self.file_id = self.attributes_id = None
        self.is_content_recorded = False
        self._drop_promised_locked()

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

    # The upload

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
        flights = [] if upload is None else upload.flights()
        if upload is not None:
            upload.is_stopped = True
        self.lock.notify_all()  # a writer may wait for its parts
        if record is None and upload is None and recovered is None:
            return None
        return Dropped(record, flights, upload, recovered)
