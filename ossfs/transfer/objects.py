"""
Single objects by one request: put, append, get.

Threads: each function blocks in its caller's thread, which is also the one that reads from
what it was given.
"""

from collections.abc import Mapping

from ossfs.errors import NoSuchKey
from ossfs.extents import Extent
from ossfs.store.api import Appended, ObjectStore
from ossfs.transfer.cancel import Cancel
from ossfs.transfer.events import DataCallback, ProgressCallback
from ossfs.transfer.headers import sorted_headers
from ossfs.transfer.limiter import RateLimiter
from ossfs.transfer.moving import Moving
from ossfs.transfer.options import Hooks, UploadResult
from ossfs.transfer.sources import Data, body_from

END = 1 << 62
"""Behind the last byte of any object."""


def put_object(
    bucket: ObjectStore,
    key: str,
    data: Data,
    *,
    headers: Mapping[str, str] | None = None,
    forbid_overwrite: bool = False,
    progress_callback: ProgressCallback | None = None,
    on_data: DataCallback | None = None,
    limiter: RateLimiter | None = None,
    cancel: Cancel | None = None,
) -> UploadResult:
    """
    Make `data` an object by one request; its checksum is compared.

    Bytes; text, sent as UTF-8; a `Path`: that file's content; an open file, from where it is;
    anything with `read`, or an iterable of bytes or text, which is collected first (from
    8 MiB on in a temporary file), since the store wants to know the size.
    InvalidOption, ObjectTooLarge (5 GB), AlreadyExists, any StoreError. CallbackFailed: the
    object is stored, but the callback that the headers asked for failed.
    """
    found = sorted_headers(headers, key=key)
    hooks = Hooks(progress_callback, on_data, None, limiter, cancel or Cancel())
    with body_from(data) as body:
        moving = Moving(bucket, key, body.size, hooks)
        with moving.done_here():
            stored = found.applied(bucket).put(
                key,
                moving.watched(body),
                found.of_object,
                forbid_overwrite=forbid_overwrite or found.forbid_overwrite,
            )
        return UploadResult.of(stored, body.size)


def append_object(
    bucket: ObjectStore,
    key: str,
    data: Data,
    *,
    position: int | None = None,
    headers: Mapping[str, str] | None = None,
    progress_callback: ProgressCallback | None = None,
    on_data: DataCallback | None = None,
    limiter: RateLimiter | None = None,
    cancel: Cancel | None = None,
) -> Appended:
    """
    Append `data` (see `put_object`) to an appendable object (OSS, TOS) by one request.

    `position` is where the object has to end; None: wherever it ends, made if it is not
    there. The answer's `next_position` is where it ends now.
    PositionMismatch, with the right position; Conflict: not appendable; NotSupported.
    """
    found = sorted_headers(headers, key=key)
    store = found.applied(bucket)
    hooks = Hooks(progress_callback, on_data, None, limiter, cancel or Cancel())
    with body_from(data) as body:
        moving = Moving(bucket, key, body.size, hooks)
        with moving.done_here():
            at = _end_of(store, key) if position is None else position
            return store.append(key, at, moving.watched(body), found.of_object)


def _end_of(store: ObjectStore, key: str) -> int:
    try:
        return store.head(key).size
    except NoSuchKey:
        return 0


def get_object(
    bucket: ObjectStore,
    key: str,
    *,
    headers: Mapping[str, str] | None = None,
    version_id: str | None = None,
    byte_range: tuple[int, int | None] | None = None,
) -> bytes:
    """Return the bytes of an object, or of a range of it, by one request; checked."""
    store = sorted_headers(headers).applied(bucket)
    if byte_range is None:
        return bytes(store.get(key, version_id=version_id).data)
    first, last = byte_range
    extent = Extent(first, END if last is None else last + 1)
    return bytes(store.get(key, extent, version_id=version_id).data)
