"""
Transfers of files that go on where they stopped: the functions to call.

    with ossfs.connect("oss://bucket", region="cn-hangzhou") as bucket:
        ossfs.resumable_upload(bucket, "videos/a.mp4", "a.mp4")
        ossfs.resumable_download(bucket, "videos/a.mp4", "b.mp4")

Call one again after whatever stopped it (an error, `Cancel`, Ctrl-C, a killed process, a
power cut), and it moves only what is missing. docs/transfers.md says what is checked when.

Threads: these functions may run in any number of threads; each blocks in its caller's.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from ossfs.store.api import NOTHING, ObjectInfo, ObjectStore
from ossfs.transfer.cancel import Cancel
from ossfs.transfer.checkpoints import ResumableStore
from ossfs.transfer.copier import ObjectCopy
from ossfs.transfer.describing import Conditions
from ossfs.transfer.downloader import FileDownload
from ossfs.transfer.events import DataCallback, EventCallback, ProgressCallback
from ossfs.transfer.limiter import RateLimiter
from ossfs.transfer.options import (
    BLOCK_SIZE,
    MULTIGET_THRESHOLD,
    MULTIPART_THRESHOLD,
    THREADS,
    CopyOptions,
    DownloadOptions,
    DownloadResult,
    Hooks,
    UploadOptions,
    UploadResult,
)
from ossfs.transfer.sizes import DEFAULT_PART_SIZE
from ossfs.transfer.sources import FileSource
from ossfs.transfer.uploader import FileUpload


def upload_file(
    bucket: ObjectStore,
    key: str,
    filename: str | os.PathLike[str],
    options: UploadOptions | None = None,
    hooks: Hooks | None = None,
) -> UploadResult:
    """Do `resumable_upload` with its arguments gathered in values that can be kept."""
    source = FileSource(filename)
    try:
        return FileUpload(bucket, key, source, options or UploadOptions(), hooks or Hooks()).run()
    finally:
        source.close()


def resumable_upload(
    bucket: ObjectStore,
    key: str,
    filename: str | os.PathLike[str],
    *,
    store: ResumableStore | None = None,
    headers: Mapping[str, str] | None = None,
    multipart_threshold: int = MULTIPART_THRESHOLD,
    part_size: int = DEFAULT_PART_SIZE,
    num_threads: int = THREADS,
    block_size: int = BLOCK_SIZE,
    checkpoint: bool = True,
    checkpoint_dir: str | os.PathLike[str] | None = None,
    verify: bool = True,
    rebuild: bool = False,
    sequential: bool = False,
    forbid_overwrite: bool = False,
    progress_callback: ProgressCallback | None = None,
    on_data: DataCallback | None = None,
    on_event: EventCallback | None = None,
    limiter: RateLimiter | None = None,
    cancel: Cancel | None = None,
) -> UploadResult:
    """
    Upload a file; called again after an interruption, send only what is missing.

    `headers`        as HTTP writes them, each sent with the requests it belongs to
    `multipart_threshold`  bytes from which on the file is sent in parts; below in one request
    `part_size`      preferred bytes of a part; adjusted to the limits of the store, and taken
                     over from the earlier run when there is one
    `num_threads`    parts on their way at a time; memory is about `block_size` for each
    `checkpoint`     whether the upload is remembered; without, a failure aborts it
    `store`, `checkpoint_dir`  where: a `ResumableStore`, or simply a folder
    `verify`         whether parts that are at the store are compared with the file, by
                     reading it, before the upload goes on
    `rebuild`        whether to look at the store for an upload of this file when none is
                     remembered here: one more request for each that there is of the key
    `sequential`     one part after the other (OSS then keeps an MD5 of the whole)
    `forbid_overwrite`  AlreadyExists instead of replacing an object
    `progress_callback`  called with (bytes done, bytes in all); never goes back
    `on_data`, `on_event`  called with a `DataEvent`, a `TransferEvent`
    `limiter`        a `RateLimiter`, which several transfers may share
    `cancel`         a `Cancel`, by which others stop it

    OSError: the file cannot be opened. InvalidOption. SourceChanged: it was changed
    meanwhile. TransferInUse, TransferCancelled, LocalFailure, or what the store answered
    (StoreError). CallbackFailed: the object is stored, but the callback that the headers asked
    for failed. The error's `is_worth_rerunning` says whether to call again.
    """
    options = UploadOptions(
        headers=headers or NOTHING,
        multipart_threshold=multipart_threshold,
        part_size=part_size,
        num_threads=num_threads,
        block_size=block_size,
        checkpoint=checkpoint,
        store=_place(store, checkpoint_dir),
        verify=verify,
        rebuild=rebuild,
        sequential=sequential,
        forbid_overwrite=forbid_overwrite,
    )
    hooks = Hooks(progress_callback, on_data, on_event, limiter, cancel or Cancel())
    return upload_file(bucket, key, filename, options, hooks)


def download_file(
    bucket: ObjectStore,
    key: str,
    filename: str | os.PathLike[str],
    options: DownloadOptions | None = None,
    hooks: Hooks | None = None,
    *,
    known: ObjectInfo | None = None,
) -> DownloadResult:
    """
    Do `resumable_download` with its arguments gathered in values that can be kept.

    `known` describes the object, as a listing does, and spares the request for that.
    """
    options, hooks = options or DownloadOptions(), hooks or Hooks()
    return FileDownload(bucket, key, Path(filename), options, hooks, known).run()


def resumable_download(
    bucket: ObjectStore,
    key: str,
    filename: str | os.PathLike[str],
    *,
    store: ResumableStore | None = None,
    headers: Mapping[str, str] | None = None,
    version_id: str | None = None,
    byte_range: tuple[int, int | None] | None = None,
    if_match: str | None = None,
    conditions: Conditions | None = None,
    multiget_threshold: int = MULTIGET_THRESHOLD,
    part_size: int = DEFAULT_PART_SIZE,
    num_threads: int = THREADS,
    block_size: int = BLOCK_SIZE,
    checkpoint: bool = True,
    checkpoint_dir: str | os.PathLike[str] | None = None,
    verify: bool = True,
    use_temp_file: bool = True,
    flush: bool = False,
    progress_callback: ProgressCallback | None = None,
    on_data: DataCallback | None = None,
    on_event: EventCallback | None = None,
    limiter: RateLimiter | None = None,
    cancel: Cancel | None = None,
) -> DownloadResult:
    """
    Download an object to a file; called again after an interruption, fetch what is missing.

    `version_id`     another version than the current one
    `byte_range`     (first, last) byte, both included; None for last: to the end
    `if_match`       only this version, by its ETag: PreconditionFailed
    `conditions`     `Conditions`: only another version, or by its time: NotModified,
                     PreconditionFailed
    `multiget_threshold`  bytes from which on it is fetched in ranges; below in one request,
                     which cannot be gone on with
    `part_size`      bytes of a range; taken over from the earlier run when there is one
    `num_threads`    ranges on their way at a time; memory is about `block_size` for each
    `verify`         whether what came in an earlier run is read and compared, by CRC-64,
                     before the download goes on
    `use_temp_file`  whether it is written under another name beside `filename`, which it
                     gets in one step when it is complete; without, it is written in place
    `flush`          whether it is on disk before it gets its name: a power cut just after
                     the download may else leave a file with holes

    The others are those of `resumable_upload`.

    NoSuchKey, RangeNotSatisfiable, PreconditionFailed. RemoteChanged: the object was
    replaced each time it had begun again. Damaged: the CRC-64 is not the object's; nothing
    of it is kept. TransferInUse, TransferCancelled, LocalFailure (the file), any StoreError.
    """
    options = DownloadOptions(
        headers=headers or NOTHING,
        version_id=version_id,
        byte_range=byte_range,
        if_match=if_match,
        conditions=conditions or Conditions(),
        multiget_threshold=multiget_threshold,
        part_size=part_size,
        num_threads=num_threads,
        block_size=block_size,
        checkpoint=checkpoint,
        store=_place(store, checkpoint_dir),
        verify=verify,
        use_temp_file=use_temp_file,
        flush=flush,
    )
    hooks = Hooks(progress_callback, on_data, on_event, limiter, cancel or Cancel())
    return download_file(bucket, key, filename, options, hooks)


def resumable_copy(
    bucket: ObjectStore,
    key: str,
    source_key: str,
    *,
    source: ObjectStore | None = None,
    store: ResumableStore | None = None,
    headers: Mapping[str, str] | None = None,
    storage_class: str | None = None,
    version_id: str | None = None,
    if_match: str | None = None,
    conditions: Conditions | None = None,
    multipart_threshold: int | None = None,
    part_size: int | None = None,
    num_threads: int = THREADS,
    checkpoint: bool = True,
    checkpoint_dir: str | os.PathLike[str] | None = None,
    forbid_overwrite: bool = False,
    through_here: bool | None = None,
    progress_callback: ProgressCallback | None = None,
    on_data: DataCallback | None = None,
    on_event: EventCallback | None = None,
    limiter: RateLimiter | None = None,
    cancel: Cancel | None = None,
    known: ObjectInfo | None = None,
) -> UploadResult:
    """
    Copy an object to `key`: inside of a store, or from one store to another.

    `source`         the bucket that `source_key` is in, if it is another one. Where it is
                     of the same store, no bytes come here; else they are fetched and sent
                     on, `num_threads` parts at a time, which are in memory meanwhile
    `through_here`   whether to fetch and send them also, or not even, in these cases: a
                     store asks for the source with the credentials of `bucket`
    `headers`        replace those of the source; None: these are kept
    `storage_class`  as the store words it; None: what the headers say, else the source's, if
                     its bytes can be read at once there; empty: as the bucket has it
    `version_id`, `if_match`, `conditions`  of the source
    `multipart_threshold`  bytes from which on it is copied in parts; None: as many as the
                     store copies in one request, or 10 MiB through here
    `part_size`      None: 64 MiB inside of a store, 10 MiB through here
    `limiter`        limits what passes here, both ways together

    The others are those of `resumable_upload` and `resumable_download`. NoSuchKey;
    PreconditionFailed: the source was replaced meanwhile; AlreadyExists; Damaged.
    """
    options = CopyOptions(
        headers=headers,
        storage_class=storage_class,
        version_id=version_id,
        if_match=if_match,
        conditions=conditions or Conditions(),
        multipart_threshold=multipart_threshold,
        part_size=part_size,
        num_threads=num_threads,
        checkpoint=checkpoint,
        store=_place(store, checkpoint_dir),
        forbid_overwrite=forbid_overwrite,
        through_here=through_here,
    )
    hooks = Hooks(progress_callback, on_data, on_event, limiter, cancel or Cancel())
    return ObjectCopy(bucket, key, source or bucket, source_key, options, hooks, known).run()


def _place(store: ResumableStore | None, folder: str | os.PathLike[str] | None) -> ResumableStore:
    if store is not None:
        return store
    return ResumableStore() if folder is None else ResumableStore(folder, "")
