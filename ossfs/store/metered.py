"""
An object store whose requests are counted and timed.

`Metered` wraps any `ObjectStore` and passes everything through unchanged; below `Retrying`
it counts every attempt, above it every operation.

Threads: as the wrapped store.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from ossfs.clock import Clock, SystemClock
from ossfs.errors import StoreError
from ossfs.extents import Extent
from ossfs.observe.metrics import Metrics
from ossfs.store.api import (
    Appended,
    Body,
    BucketFacts,
    Capabilities,
    DeleteFailure,
    Fetched,
    Headers,
    Limits,
    ListPage,
    ObjectInfo,
    ObjectStore,
    Part,
    PartsPage,
    Said,
    Sink,
    Stored,
    UploadsPage,
)
from ossfs.store.bodies import Whole

T = TypeVar("T")


class Metered:
    """See the module's docstring."""

    def __init__(self, store: ObjectStore, *, metrics: Metrics, clock: Clock | None = None) -> None:
        self._store = store
        self._metrics = metrics
        self._clock = clock or SystemClock()

    def __repr__(self) -> str:
        return f"Metered({self._store!r})"

    @property
    def name(self) -> str:
        """The bucket's name, for messages."""
        return self._store.name

    @property
    def place(self) -> str:
        """Which bucket of which store."""
        return self._store.place

    def saying(self, said: Mapping[str, Said]) -> "Metered":
        """Return the same bucket, whose requests say more."""
        return self._around(self._store.saying(said))

    def copying_from(self, bucket: str, *, version_id: str | None = None) -> "Metered":
        """Return the same bucket, whose copies come from another one."""
        return self._around(self._store.copying_from(bucket, version_id=version_id))

    def _around(self, store: ObjectStore) -> "Metered":
        return Metered(store, metrics=self._metrics, clock=self._clock)

    @property
    def limits(self) -> Limits:
        """What the store accepts."""
        return self._store.limits

    @property
    def capabilities(self) -> Capabilities:
        """What the store can do."""
        return self._store.capabilities

    def _timed(self, operation: str, request: Callable[[], T], *, sent: int = 0) -> T:
        outcome = "ok"
        began = self._clock.monotonic()
        try:
            result = request()
        except StoreError as error:
            outcome = type(error).__name__
            raise
        except BaseException:
            outcome = "not_sent"  # a body that could not be read
            raise
        finally:
            spent = self._clock.monotonic() - began
            self._metrics.observe("ossfs_request_seconds", spent, operation=operation)
            self._metrics.count("ossfs_requests_total", operation=operation, outcome=outcome)
        if sent:
            self._metrics.count("ossfs_sent_bytes_total", sent, operation=operation)
        return result

    def probe(self) -> BucketFacts:
        """Ask how the bucket was set up."""
        return self._timed("probe", self._store.probe)

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
        """Return the bytes of `extent`, counted as they come; see `ObjectStore.get`."""
        whole = Whole()
        counted = _Counted(whole if into is None else into, self._metrics)
        info, _, crc64 = self._timed(
            "get",
            lambda: self._store.get(
                key,
                extent,
                if_match=if_match,
                unmodified_since_ns=unmodified_since_ns,
                version_id=version_id,
                into=counted,
            ),
        )
        return Fetched(info, whole.data, crc64)

    def head(self, key: str, *, version_id: str | None = None) -> ObjectInfo:
        """Describe the current version, or the one named. NoSuchKey."""
        return self._timed("head", lambda: self._store.head(key, version_id=version_id))

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
        return self._timed(
            "list",
            lambda: self._store.list(
                prefix,
                delimiter=delimiter,
                start_after=start_after,
                token=token,
                max_keys=max_keys,
            ),
        )

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
        return self._timed(
            "put",
            lambda: self._store.put(
                key, body, headers, forbid_overwrite=forbid_overwrite, if_match=if_match
            ),
            sent=body.size,
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
        return self._timed(
            "copy",
            lambda: self._store.copy(
                source,
                key,
                if_match=if_match,
                headers=headers,
                storage_class=storage_class,
                forbid_overwrite=forbid_overwrite,
            ),
        )

    def delete(self, key: str) -> None:
        """Delete the object; one that is not there is no error."""
        self._timed("delete", lambda: self._store.delete(key))

    def delete_many(self, keys: Sequence[str]) -> Sequence[DeleteFailure]:
        """Delete up to `limits.max_delete` objects in one request; return what failed."""
        return self._timed("delete_many", lambda: self._store.delete_many(keys))

    def create_upload(self, key: str, headers: Headers) -> str:
        """Start a multipart upload and return its id."""
        return self._timed("create_upload", lambda: self._store.create_upload(key, headers))

    def upload_part(self, key: str, upload_id: str, number: int, body: Body) -> Part:
        """Send a part; see `ObjectStore.upload_part`."""
        return self._timed(
            "upload_part",
            lambda: self._store.upload_part(key, upload_id, number, body),
            sent=body.size,
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
        return self._timed(
            "copy_part",
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
        """Make the parts the object; see `ObjectStore.complete_upload`."""
        return self._timed(
            "complete_upload",
            lambda: self._store.complete_upload(
                key, upload_id, parts, forbid_overwrite=forbid_overwrite, if_match=if_match
            ),
        )

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Drop an upload and its parts. NoSuchUpload."""
        self._timed("abort_upload", lambda: self._store.abort_upload(key, upload_id))

    def list_parts(self, key: str, upload_id: str, *, after: int = 0) -> PartsPage:
        """List up to 1000 parts with numbers above `after`. NoSuchUpload."""
        return self._timed(
            "list_parts", lambda: self._store.list_parts(key, upload_id, after=after)
        )

    def list_uploads(
        self, prefix: str = "", *, marker: tuple[str, str] | None = None
    ) -> UploadsPage:
        """List up to 1000 uploads of keys that begin with `prefix`; `marker` pages."""
        return self._timed("list_uploads", lambda: self._store.list_uploads(prefix, marker=marker))

    def put_symlink(self, key: str, target: str, headers: Headers) -> Stored:
        """Make `key` a native symlink to the key `target`. NotSupported."""
        return self._timed("put_symlink", lambda: self._store.put_symlink(key, target, headers))

    def get_symlink(self, key: str) -> str:
        """Return the key a native symlink points to. InvalidRequest: not a link."""
        return self._timed("get_symlink", lambda: self._store.get_symlink(key))

    def append(self, key: str, position: int, body: Body, headers: Headers) -> Appended:
        """Append to an appendable object; see `ObjectStore.append`."""
        return self._timed(
            "append",
            lambda: self._store.append(key, position, body, headers),
            sent=body.size,
        )

    def rename(self, source: str, target: str, *, forbid_overwrite: bool = False) -> None:
        """Give an object another key, in one step; see `ObjectStore.rename`."""
        self._timed(
            "rename",
            lambda: self._store.rename(source, target, forbid_overwrite=forbid_overwrite),
        )

    def restore(self, key: str, days: int, *, tier: str = "") -> None:
        """Ask for an archived object's bytes for `days`; see `ObjectStore.restore`."""
        self._timed("restore", lambda: self._store.restore(key, days, tier=tier))

    def get_tagging(self, key: str) -> Mapping[str, str]:
        """Return the object's tags. NoSuchKey."""
        return self._timed("get_tagging", lambda: self._store.get_tagging(key))

    def put_tagging(self, key: str, tags: Mapping[str, str]) -> None:
        """Replace the object's tags; its version and times stay. NoSuchKey."""
        self._timed("put_tagging", lambda: self._store.put_tagging(key, tags))


class _Counted:
    """A sink that counts what comes."""

    def __init__(self, into: Sink, metrics: Metrics) -> None:
        self.can_start_over = into.can_start_over
        self.begins = into.begins
        self.room = into.room
        self._came = into.came
        self._metrics = metrics

    def came(self, count: int) -> None:
        """Count these bytes."""
        self._metrics.count("ossfs_received_bytes_total", count, operation="get")
        self._came(count)
