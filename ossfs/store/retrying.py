"""
An object store that tries again.

`Retrying` wraps any `ObjectStore`. What is `Transient` is tried again after a pause that
grows and is drawn at random (exponential back-off, full jitter), or is what the store
asked for, until the operation has gone without progress for its deadline. A body that was
cut short goes on where it ended, from the same version of the object.

Some requests must not simply be repeated, because the lost answer may have been a success:

- put and copy that forbid to overwrite: `AlreadyExists` may mean our own object;
- a copy under `if_match` to the same key: the version may have gone because of us;
- complete: `NoSuchUpload` is what the store says after a success;
- append: the position may have moved because of us;
- abort: `NoSuchUpload` is what we wanted.

When such an answer follows an attempt whose outcome is unknown, `ossfs.store.resolving`
looks at what is there. For complete there may be nothing to see: `CompletionUnknown`.

`create_upload` looks, before it is repeated, for the upload whose id did not reach us: one
of the key, begun since the first attempt, that has no parts.

Threads: as the wrapped store; nothing is shared but the random numbers.
"""

import logging
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ossfs.clock import Clock, SystemClock
from ossfs.crc64 import crc64
from ossfs.errors import (
    AlreadyExists,
    ChecksumMismatch,
    NoSuchUpload,
    PositionMismatch,
    PreconditionFailed,
    StoreError,
    Throttled,
    Transient,
)
from ossfs.extents import Extent
from ossfs.observe.metrics import Metrics
from ossfs.store import resolving
from ossfs.store.api import (
    Appended,
    Body,
    Capabilities,
    CutShort,
    DeleteFailure,
    Fetched,
    Headers,
    Limits,
    ListPage,
    ObjectInfo,
    ObjectStore,
    Part,
    PartsPage,
    Stored,
    UploadsPage,
)

_log = logging.getLogger(__name__)

CLOCK_TOLERANCE_NS = 120_000_000_000  # between this machine's clock and the store's
PROGRESS = 64 << 10
"""Bytes that have to come before an answer that was cut short counts as progress."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryOptions:
    """How long and how often to try again."""

    deadline_s: float = 300.0
    """Longest time that a request may go without success."""
    read_deadline_s: float = 60.0
    """The same for reading an object, counted from the last byte that came."""
    first_pause_s: float = 0.1
    """Upper bound of the first pause; it doubles with each further one."""
    longest_pause_s: float = 20.0
    """Upper bound of every pause, but for those that the store asks for."""
    throttled_pause_s: float = 1.0
    """The first upper bound when the store asks for fewer requests."""
    most_mismatches: int = 3
    """Wrong checksums in a row before the bytes are taken to be wrong at their source."""


class Attempts:
    """The tries of one operation: counts, pauses, gives up."""

    def __init__(self, operation: str, key: str, deadline_s: float, retrying: "Retrying") -> None:
        self._operation = operation
        self._key = key
        self._deadline_s = deadline_s
        self._options = retrying.options
        self._clock = retrying.clock
        self._random = retrying.random
        self._metrics = retrying.metrics
        self._began = self._clock.monotonic()
        self._count = 0
        self._mismatches = 0
        self.is_uncertain = False
        """An earlier attempt may have been carried out although it seemed to fail."""

    def progressed(self) -> None:
        """Begin anew: something has come."""
        self._began = self._clock.monotonic()
        self._count = 0

    def failed(self, error: Transient) -> None:
        """Pause before the next attempt, or raise `error` when there shall be none."""
        self._count += 1
        self.is_uncertain |= not isinstance(error, Throttled)
        self._mismatches += isinstance(error, ChecksumMismatch)
        pause = self._pause(error)
        spent = self._clock.monotonic() - self._began
        labels = {"operation": self._operation, "reason": type(error).__name__}
        what = f"op={self._operation} key={self._key!r} attempt={self._count}"
        why = (
            f"error={type(error).__name__} status={error.status} code={error.code or '-'}"
            f" request_id={error.request_id or '-'} message={error.message!r}"
        )
        if spent + pause >= self._deadline_s or self._mismatches >= self._options.most_mismatches:
            _log.warning("giving up %s spent_s=%.1f %s", what, spent, why)
            self._count_as("ossfs_given_up_total", labels)
            raise error
        self._count_as("ossfs_retries_total", labels)
        _log.info("trying again %s pause_s=%.2f %s", what, pause, why)
        self._clock.sleep(pause)

    def _count_as(self, name: str, labels: Mapping[str, str]) -> None:
        if self._metrics is not None:
            self._metrics.count(name, 1, **labels)

    def _pause(self, error: Transient) -> float:
        options = self._options
        first = options.throttled_pause_s if isinstance(error, Throttled) else options.first_pause_s
        bound = min(options.longest_pause_s, first * 2.0 ** min(self._count - 1, 30))
        return max(self._random.uniform(0, bound), error.retry_after_s or 0.0)


class Retrying:
    """See the module's docstring; `store` is what is asked, `clock` and `random` time it."""

    def __init__(
        self,
        store: ObjectStore,
        *,
        options: RetryOptions | None = None,
        metrics: Metrics | None = None,
        clock: Clock | None = None,
        random: random.Random = random.Random(),  # noqa: B008  # one generator for all is right
    ) -> None:
        self._store = store
        self.options = options or RetryOptions()
        self.metrics = metrics
        self.clock = clock or SystemClock()
        self.random = random

    def __repr__(self) -> str:
        return f"Retrying({self._store!r})"

    @property
    def name(self) -> str:
        """The bucket's name, for messages."""
        return self._store.name

    @property
    def limits(self) -> Limits:
        """What the store accepts."""
        return self._store.limits

    @property
    def capabilities(self) -> Capabilities:
        """What the store can do."""
        return self._store.capabilities

    def _again(
        self,
        operation: str,
        key: str,
        attempt: Callable[[], T],
        *,
        settle: Callable[[StoreError], T | None] | None = None,
        final: tuple[type[Transient], ...] = (),
    ) -> T:
        """
        Do `attempt` until it succeeds, the deadline has passed, or we find a `final` error.

        When an attempt after an uncertain one is refused, `settle` may know that this is
        because of the earlier one: what it returns is the result, None means it is not.
        """
        attempts = Attempts(operation, key, self.options.deadline_s, self)
        while True:
            try:
                return attempt()
            except Transient as error:
                if isinstance(error, final) and not error.status:  # with one, it was refused
                    raise
                attempts.failed(error)
            except StoreError as error:
                if settle is None or not attempts.is_uncertain:
                    raise
                settled = settle(error)
                if settled is None:
                    raise
                _log.info("op=%s key=%r had been carried out: %s", operation, key, error)
                return settled

    # Reading

    def get(
        self, key: str, extent: Extent | None = None, *, if_match: str | None = None
    ) -> Fetched:
        """Return the bytes of `extent`, going on where an answer was cut short."""
        attempts = Attempts("get", key, self.options.read_deadline_s, self)
        pieces = _Pieces(extent)
        while True:
            try:
                info, data = self._store.get(key, pieces.missing, if_match=pieces.etag or if_match)
                return pieces.joined(info, data)
            except CutShort as error:
                pieces.add(error)
                if len(error.received) >= PROGRESS:
                    attempts.progressed()
                attempts.failed(error)
            except Transient as error:
                if isinstance(error, ChecksumMismatch):
                    pieces = _Pieces(extent)
                attempts.failed(error)
            except PreconditionFailed:
                if pieces.etag is None or if_match is not None:
                    raise
                pieces = _Pieces(extent)  # replaced meanwhile: read the new version from its start

    def head(self, key: str) -> ObjectInfo:
        """Describe the current version. NoSuchKey."""
        return self._again("head", key, lambda: self._store.head(key))

    def list(
        self,
        prefix: str = "",
        *,
        delimiter: str = "",
        start_after: str = "",
        token: str | None = None,
        max_keys: int = 1000,
    ) -> ListPage:
        """List keys; see `ObjectStore.list`."""
        return self._again(
            "list",
            prefix,
            lambda: self._store.list(
                prefix,
                delimiter=delimiter,
                start_after=start_after,
                token=token,
                max_keys=max_keys,
            ),
        )

    # Writing

    def put(
        self, key: str, body: Body, headers: Headers, *, forbid_overwrite: bool = False
    ) -> Stored:
        """Make `body` the object; see `ObjectStore.put`."""

        def settle(error: StoreError) -> Stored | None:
            if not isinstance(error, AlreadyExists):
                return None
            return resolving.put_by_us(self.head(key), body, headers)

        return self._again(
            "put",
            key,
            lambda: self._store.put(key, body, headers, forbid_overwrite=forbid_overwrite),
            settle=settle,
            final=(ChecksumMismatch,) if forbid_overwrite else (),  # now it is there, and wrong
        )

    def copy(
        self,
        source: str,
        key: str,
        *,
        if_match: str | None = None,
        headers: Headers | None = None,
        forbid_overwrite: bool = False,
    ) -> Stored:
        """Copy an object inside the bucket; see `ObjectStore.copy`."""

        def settle(error: StoreError) -> Stored | None:
            if isinstance(error, AlreadyExists):
                return resolving.copied_by_us(self.head(key), self.head(source), headers)
            if isinstance(error, PreconditionFailed) and source == key and headers is not None:
                return resolving.described_by_us(self.head(key), headers)
            return None

        return self._again(
            "copy",
            key,
            lambda: self._store.copy(
                source,
                key,
                if_match=if_match,
                headers=headers,
                forbid_overwrite=forbid_overwrite,
            ),
            settle=settle,
        )

    def delete(self, key: str) -> None:
        """Delete the object; one that is not there is no error."""
        self._again("delete", key, lambda: self._store.delete(key))

    def delete_many(self, keys: Sequence[str]) -> Sequence[DeleteFailure]:
        """Delete up to `limits.max_delete` objects in one request; return what failed."""
        first = keys[0] if keys else ""
        return self._again("delete_many", first, lambda: self._store.delete_many(keys))

    # Objects in parts

    def create_upload(self, key: str, headers: Headers) -> str:
        """Start a multipart upload and return its id."""
        since_ns = self.clock.now_ns() - CLOCK_TOLERANCE_NS
        is_repeated = False

        def attempt() -> str:
            nonlocal is_repeated
            begun = self._upload_begun(key, since_ns) if is_repeated else None
            is_repeated = True
            return begun or self._store.create_upload(key, headers)

        return self._again("create_upload", key, attempt)

    def _upload_begun(self, key: str, since_ns: int) -> str | None:
        for upload in self._store.list_uploads(key).uploads:
            is_candidate = upload.key == key and upload.initiated_ns >= since_ns
            if is_candidate and not self._store.list_parts(key, upload.upload_id).parts:
                return upload.upload_id
        return None

    def upload_part(self, key: str, upload_id: str, number: int, body: Body) -> Part:
        """Send a part, replacing one of the same number; see `ObjectStore.upload_part`."""
        return self._again(
            "upload_part", key, lambda: self._store.upload_part(key, upload_id, number, body)
        )

    def copy_part(
        self,
        key: str,
        upload_id: str,
        number: int,
        source: str,
        extent: Extent,
        *,
        if_match: str | None = None,
    ) -> Part:
        """Make a range of an object a part; see `ObjectStore.copy_part`."""
        return self._again(
            "copy_part",
            key,
            lambda: self._store.copy_part(
                key, upload_id, number, source, extent, if_match=if_match
            ),
        )

    def complete_upload(
        self, key: str, upload_id: str, parts: Iterable[Part], *, forbid_overwrite: bool = False
    ) -> Stored:
        """
        Make the parts the object; see `ObjectStore.complete_upload`.

        CompletionUnknown (a NoSuchUpload): an attempt without an answer may have succeeded,
        but what is there now is not what the parts make. ChecksumMismatch: never retried.
        """
        listed = list(parts)

        def settle(error: StoreError) -> Stored | None:
            if not isinstance(error, NoSuchUpload | AlreadyExists):
                return None
            stored = resolving.completed_by_us(self._seen(key), listed)
            if stored is None and isinstance(error, NoSuchUpload):
                raise resolving.completion_unknown(error) from error
            return stored

        return self._again(
            "complete_upload",
            key,
            lambda: self._store.complete_upload(
                key, upload_id, listed, forbid_overwrite=forbid_overwrite
            ),
            settle=settle,
            final=(ChecksumMismatch,),  # the object is there, and wrong
        )

    def _seen(self, key: str) -> ObjectInfo | None:
        try:
            return self.head(key)
        except StoreError as error:
            _log.info("op=complete_upload key=%r nothing to be seen: %s", key, error)
            return None

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Drop an upload and its parts. NoSuchUpload."""

        def attempt() -> bool:
            self._store.abort_upload(key, upload_id)
            return True

        self._again(
            "abort_upload",
            key,
            attempt,
            settle=lambda error: True if isinstance(error, NoSuchUpload) else None,
        )

    def list_parts(self, key: str, upload_id: str, *, after: int = 0) -> PartsPage:
        """List up to 1000 parts with numbers above `after`. NoSuchUpload."""
        return self._again(
            "list_parts", key, lambda: self._store.list_parts(key, upload_id, after=after)
        )

    def list_uploads(
        self, prefix: str = "", *, marker: tuple[str, str] | None = None
    ) -> UploadsPage:
        """List up to 1000 uploads of keys that begin with `prefix`; `marker` pages."""
        return self._again(
            "list_uploads", prefix, lambda: self._store.list_uploads(prefix, marker=marker)
        )

    # Symlinks and appending

    def put_symlink(self, key: str, target: str, headers: Headers) -> Stored:
        """Make `key` a native symlink to the key `target`. NotSupported."""
        return self._again(
            "put_symlink", key, lambda: self._store.put_symlink(key, target, headers)
        )

    def get_symlink(self, key: str) -> str:
        """Return the key a native symlink points to. InvalidRequest: not a link."""
        return self._again("get_symlink", key, lambda: self._store.get_symlink(key))

    def append(self, key: str, position: int, body: Body, headers: Headers) -> Appended:
        """Append to an appendable object; see `ObjectStore.append`."""

        def settle(error: StoreError) -> Appended | None:
            end = position + body.size
            if not isinstance(error, PositionMismatch) or error.next_position != end:
                return None
            there = self.get(key, Extent(position, end))
            return resolving.appended_by_us(there, end, body)

        return self._again(
            "append",
            key,
            lambda: self._store.append(key, position, body, headers),
            settle=settle,
            final=(ChecksumMismatch,),  # the wrong bytes are part of the object
        )


class _Pieces:
    """What has come of an extent so far, all of one version."""

    def __init__(self, extent: Extent | None) -> None:
        self._extent = extent
        self._received: list[memoryview] = []
        self._size = 0
        self.etag: str | None = None

    @property
    def missing(self) -> Extent | None:
        """What is to be asked for."""
        if not self._size:
            return self._extent
        if self._extent is None:
            return Extent(self._size, 1 << 62)
        return Extent(self._extent.start + self._size, self._extent.stop)

    def add(self, short: CutShort) -> None:
        """Keep what came."""
        if short.received:
            self._received.append(short.received)
            self._size += len(short.received)
            self.etag = short.info.etag

    def joined(self, info: ObjectInfo, data: bytes | bytearray | memoryview) -> Fetched:
        """Return everything, the last piece being `data`. ChecksumMismatch."""
        if not self._received:
            return Fetched(info, data)
        whole = b"".join([*self._received, data])
        if len(whole) == info.size and info.crc64 not in {None, crc64(whole)}:
            raise ChecksumMismatch("the joined pieces are not the object", key=info.key)
        return Fetched(info, whole)
