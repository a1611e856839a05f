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
- abort: `NoSuchUpload` is what we wanted;
- rename: `NoSuchKey` is what the store says of a source that it has renamed.

When such an answer follows an attempt whose outcome is unknown, `ossfs.store.resolving`
looks at what is there. For complete there may be nothing to see: `CompletionUnknown`.

`create_upload` looks, before it is repeated, for the upload whose id did not reach us: one
of the key, begun since the first attempt, that has no parts.

Threads: as the wrapped store; nothing is shared but the random numbers.
"""

import logging
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from ossfs.clock import Clock, SystemClock
from ossfs.errors import (
    AlreadyExists,
    ChecksumMismatch,
    NoSuchKey,
    NoSuchUpload,
    PositionMismatch,
    PreconditionFailed,
    StoreError,
    Transient,
)
from ossfs.extents import Extent
from ossfs.observe.metrics import Metrics
from ossfs.store import resolving
from ossfs.store.api import (
    Appended,
    Body,
    BucketFacts,
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
from ossfs.store.attempts import Attempts, Policy, RetryOptions
from ossfs.store.pieces import Pieces

__all__ = ["RetryOptions", "Retrying"]

_log = logging.getLogger(__name__)

CLOCK_TOLERANCE_NS = 120_000_000_000  # between this machine's clock and the store's
PROGRESS = 64 << 10
"""Bytes that have to come before an answer that was cut short counts as progress."""

T = TypeVar("T")


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
        self._policy = Policy(options or RetryOptions(), clock or SystemClock(), random, metrics)

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
        attempts = Attempts(operation, key, self._policy.options.deadline_s, self._policy)
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

    def probe(self) -> BucketFacts:
        """Ask how the bucket was set up."""
        return self._again("probe", "", self._store.probe)

    def get(
        self,
        key: str,
        extent: Extent | None = None,
        *,
        if_match: str | None = None,
        version_id: str | None = None,
    ) -> Fetched:
        """Return the bytes of `extent`, going on where an answer was cut short."""
        attempts = Attempts("get", key, self._policy.options.read_deadline_s, self._policy)
        pieces = Pieces(extent)
        while True:
            try:
                info, data = self._store.get(
                    key,
                    pieces.missing,
                    if_match=pieces.etag or if_match,
                    version_id=version_id,
                )
                return pieces.joined(info, data)
            except CutShort as error:
                pieces.add(error)
                if len(error.received) >= PROGRESS:
                    attempts.progressed()
                attempts.failed(error)
            except Transient as error:
                if isinstance(error, ChecksumMismatch):
                    pieces = Pieces(extent)
                attempts.failed(error)
            except PreconditionFailed:
                if pieces.etag is None or if_match is not None:
                    raise
                pieces = Pieces(extent)  # replaced meanwhile: read the new version from its start

    def head(self, key: str, *, version_id: str | None = None) -> ObjectInfo:
        """Describe the current version, or the one named. NoSuchKey."""
        return self._again("head", key, lambda: self._store.head(key, version_id=version_id))

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
        self,
        key: str,
        body: Body,
        headers: Headers,
        *,
        forbid_overwrite: bool = False,
        if_match: str | None = None,
    ) -> Stored:
        """Make `body` the object; see `ObjectStore.put`."""

        def settle(error: StoreError) -> Stored | None:
            if not isinstance(error, AlreadyExists | PreconditionFailed):
                return None
            return resolving.put_by_us(self.head(key), body, headers)

        is_conditional = forbid_overwrite or if_match is not None
        return self._again(
            "put",
            key,
            lambda: self._store.put(
                key, body, headers, forbid_overwrite=forbid_overwrite, if_match=if_match
            ),
            settle=settle,
            final=(ChecksumMismatch,) if is_conditional else (),  # now it is there, and wrong
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
        since_ns = self._policy.clock.now_ns() - CLOCK_TOLERANCE_NS
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
        self,
        key: str,
        upload_id: str,
        parts: Iterable[Part],
        *,
        forbid_overwrite: bool = False,
        if_match: str | None = None,
    ) -> Stored:
        """
        Make the parts the object; see `ObjectStore.complete_upload`.

        CompletionUnknown (a NoSuchUpload): an attempt without an answer may have succeeded,
        but what is there now is not what the parts make. ChecksumMismatch: never retried.
        """
        listed = list(parts)

        def settle(error: StoreError) -> Stored | None:
            if not isinstance(error, NoSuchUpload | AlreadyExists | PreconditionFailed):
                return None
            stored = resolving.completed_by_us(self._seen(key), listed)
            if stored is None and isinstance(error, NoSuchUpload):
                raise resolving.completion_unknown(error) from error
            return stored

        return self._again(
            "complete_upload",
            key,
            lambda: self._store.complete_upload(
                key, upload_id, listed, forbid_overwrite=forbid_overwrite, if_match=if_match
            ),
            settle=settle,
            final=(ChecksumMismatch,),  # the object is there, and wrong
        )

    def _seen(self, key: str) -> ObjectInfo | None:
        try:
            return self.head(key)
        except StoreError as error:
            _log.info("key=%r nothing to be seen: %s", key, error)
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

    def rename(self, source: str, target: str, *, forbid_overwrite: bool = False) -> None:
        """Give an object another key, in one step; see `ObjectStore.rename`."""

        def attempt() -> bool:
            self._store.rename(source, target, forbid_overwrite=forbid_overwrite)
            return True

        def settle(error: StoreError) -> bool | None:
            if not isinstance(error, NoSuchKey):
                return None
            return True if self._seen(target) else None

        self._again("rename", source, attempt, settle=settle)

    def restore(self, key: str, days: int, *, tier: str = "") -> None:
        """Ask for an archived object's bytes for `days`; see `ObjectStore.restore`."""
        self._again("restore", key, lambda: self._store.restore(key, days, tier=tier))

    def get_tagging(self, key: str) -> Mapping[str, str]:
        """Return the object's tags. NoSuchKey."""
        return self._again("get_tagging", key, lambda: self._store.get_tagging(key))

    def put_tagging(self, key: str, tags: Mapping[str, str]) -> None:
        """Replace the object's tags; its version and times stay. NoSuchKey."""
        self._again("put_tagging", key, lambda: self._store.put_tagging(key, tags))
