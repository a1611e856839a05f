"""
An object store that tries again.

`Retrying` wraps any `ObjectStore`. What is `Transient` is tried again after a pause that
grows and is drawn at random (exponential back-off, full jitter), or is what the store
asked for, until the operation has gone without progress for its deadline. A body that was
cut short goes on where it ended, from the same version of the object.

What was read with a wrong checksum is read again, and so is an object that was replaced
while it was read without `if_match`; but not when the bytes went into a sink that has
handed them on.

Some requests must not simply be repeated, because the lost answer may have been a success:

- put and copy that forbid to overwrite: `AlreadyExists` may mean our own object;
- a put or complete that replaces one version: it may be gone because of us;
- a copy under `if_match` to the same key: the version may have gone because of us;
- complete: `NoSuchUpload` is what the store says after a success;
- append: the position may have moved because of us;
- abort: `NoSuchUpload` is what we wanted;
- rename: `NoSuchKey` is what the store says of a source that it has renamed (or, where the
  target must not be there, `AlreadyExists`): the source gone and the target there is success.

When such an answer follows an attempt whose outcome is unknown, `ossfs.store.resolving`
looks at what is there. For complete there may be nothing to see: `CompletionUnknown`.

`create_upload` looks, before it is repeated, for the upload whose id did not reach us: one
of the key, begun since the first attempt, that has no parts.

An object whose bytes are archived is looked at once, so that the error says in which state
it is (`ossfs.store.archives`).

Threads: as the wrapped store; nothing is shared but the random numbers.
"""

from collections.abc import Mapping, Sequence

from ossfs.errors import (
    AlreadyExists,
    ChecksumMismatch,
    NoSuchKey,
    ObjectArchived,
    PositionMismatch,
    PreconditionFailed,
    StoreError,
    Transient,
)
from ossfs.extents import Extent
from ossfs.store import resolving
from ossfs.store.api import (
    Appended,
    Body,
    BucketFacts,
    CutShort,
    DeleteFailure,
    Fetched,
    Headers,
    ListPage,
    ObjectInfo,
    Sink,
    Stored,
)
from ossfs.store.attempts import Attempts, RetryOptions
from ossfs.store.bodies import Whole
from ossfs.store.pieces import Pieces
from ossfs.store.retrying_uploads import RetryingUploads

__all__ = ["RetryOptions", "Retrying"]

PROGRESS = 64 << 10
"""Bytes that have to come before an answer that was cut short counts as progress."""


class Retrying(RetryingUploads):
    """See the module's docstring."""

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
        unmodified_since_ns: int | None = None,
        version_id: str | None = None,
        into: Sink | None = None,
    ) -> Fetched:
        """Return the bytes of `extent`, going on where an answer was cut short."""
        attempts = Attempts("get", key, self._policy.options.read_deadline_s, self._policy)
        whole = Whole()
        sink = whole if into is None else into
        pieces = Pieces(extent)
        while True:
            try:
                last = self._store.get(
                    key,
                    pieces.missing,
                    if_match=pieces.etag or if_match,
                    unmodified_since_ns=unmodified_since_ns,
                    version_id=version_id,
                    into=sink,
                )
                return Fetched(last.info, whole.data, pieces.crc64_with(last))
            except CutShort as error:
                pieces.add(error)
                if error.size >= PROGRESS:
                    attempts.progressed()
                attempts.failed(error)
            except ChecksumMismatch as error:
                if not sink.can_start_over:
                    raise
                pieces = Pieces(extent)
                attempts.failed(error)
            except Transient as error:
                attempts.failed(error)
            except ObjectArchived as error:
                raise self._explained(error, key, version_id)  # noqa: B904  # the same error, completed
            except PreconditionFailed:
                if pieces.etag is None or if_match is not None or not sink.can_start_over:
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
            is_marked="mtime" in headers.metadata,
        )

    def copy(
        self,
        source: str,
        key: str,
        *,
        if_match: str | None = None,
        headers: Headers | None = None,
        storage_class: str = "",
        forbid_overwrite: bool = False,
    ) -> Stored:
        """Copy an object inside the bucket; see `ObjectStore.copy`."""

        def settle(error: StoreError) -> Stored | None:
            if isinstance(error, AlreadyExists):
                return resolving.copied_by_us(self.head(key), self.head(source), headers)
            if isinstance(error, PreconditionFailed) and source == key and headers is not None:
                return resolving.described_by_us(self.head(key), headers)
            return None

        try:
            return self._again(
                "copy",
                key,
                lambda: self._store.copy(
                    source,
                    key,
                    if_match=if_match,
                    headers=headers,
                    storage_class=storage_class,
                    forbid_overwrite=forbid_overwrite,
                ),
                settle=settle,
                is_marked=headers is not None and "mtime" in headers.metadata,
            )
        except ObjectArchived as error:
            raise self._explained(error, source)  # noqa: B904  # the same error, completed

    def delete(self, key: str) -> None:
        """Delete the object; one that is not there is no error."""
        self._again("delete", key, lambda: self._store.delete(key))

    def delete_many(self, keys: Sequence[str]) -> Sequence[DeleteFailure]:
        """Delete up to `limits.max_delete` objects in one request; return what failed."""
        first = keys[0] if keys else ""
        return self._again("delete_many", first, lambda: self._store.delete_many(keys))

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
            if not isinstance(error, NoSuchKey | AlreadyExists):
                return None
            return True if self._is_gone(source) and not self._is_gone(target) else None

        self._again("rename", source, attempt, settle=settle)

    def _is_gone(self, key: str) -> bool:
        try:
            self.head(key)
        except NoSuchKey:
            return True
        return False

    def restore(self, key: str, days: int, *, tier: str = "") -> None:
        """Ask for an archived object's bytes for `days`; see `ObjectStore.restore`."""
        self._again("restore", key, lambda: self._store.restore(key, days, tier=tier))

    def get_tagging(self, key: str) -> Mapping[str, str]:
        """Return the object's tags. NoSuchKey."""
        return self._again("get_tagging", key, lambda: self._store.get_tagging(key))

    def put_tagging(self, key: str, tags: Mapping[str, str]) -> None:
        """Replace the object's tags; its version and times stay. NoSuchKey."""
        self._again("put_tagging", key, lambda: self._store.put_tagging(key, tags))
