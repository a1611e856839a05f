"""
Objects in parts, tried again: how the id of an upload and the end of one are found out.

Threads: as the wrapped store.
"""

from collections.abc import Iterable

from ossfs.errors import (
    AlreadyExists,
    ChecksumMismatch,
    NoSuchUpload,
    ObjectArchived,
    PreconditionFailed,
    StoreError,
)
from ossfs.extents import Extent
from ossfs.store import resolving
from ossfs.store.again import Again
from ossfs.store.api import Body, Headers, Part, PartsPage, Stored, UploadsPage

CLOCK_TOLERANCE_NS = 120_000_000_000  # between this machine's clock and the store's


class RetryingUploads(Again):
    """See `ossfs.store.retrying`."""

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
        try:
            return self._again(
                "copy_part",
                key,
                lambda: self._store.copy_part(
                    key, upload_id, number, source, extent, if_match=if_match
                ),
            )
        except ObjectArchived as error:
            raise self._explained(error, source)  # noqa: B904  # the same error, completed

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
            is_marked=True,  # nobody else completes this upload
        )

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
