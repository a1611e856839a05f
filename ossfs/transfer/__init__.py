"""
Many bytes as many requests: uploads, downloads and copies that can be interrupted.

For programs that use ossfs from Python (docs/transfers.md):

- `resumable`: files to and from a bucket, going on where they stopped
- `objects`, `stream_upload`, `stream_download`: bytes, streams and iterators
- `limiter`, `cancel`, `events`, `options`, `checkpoints`: what these take and tell

What stands under them, and under the mount's own uploads: `upload` (parts, resumed and
completed), `opening`, `pieces`, `parts`, `copy`, `workers`. The names for programs are
offered here, and by `ossfs` itself; they are imported when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ossfs.transfer.cancel import Cancel as Cancel
    from ossfs.transfer.checkpoints import ResumableStore as ResumableStore
    from ossfs.transfer.describing import Conditions as Conditions
    from ossfs.transfer.events import DataEvent as DataEvent
    from ossfs.transfer.events import DataEventType as DataEventType
    from ossfs.transfer.events import PartEvent as PartEvent
    from ossfs.transfer.events import TransferEvent as TransferEvent
    from ossfs.transfer.events import TransferEventType as TransferEventType
    from ossfs.transfer.limiter import RateLimiter as RateLimiter
    from ossfs.transfer.objects import append_object as append_object
    from ossfs.transfer.objects import get_object as get_object
    from ossfs.transfer.objects import put_object as put_object
    from ossfs.transfer.options import CopyOptions as CopyOptions
    from ossfs.transfer.options import DownloadOptions as DownloadOptions
    from ossfs.transfer.options import DownloadResult as DownloadResult
    from ossfs.transfer.options import Hooks as Hooks
    from ossfs.transfer.options import UploadOptions as UploadOptions
    from ossfs.transfer.options import UploadResult as UploadResult
    from ossfs.transfer.resumable import download_file as download_file
    from ossfs.transfer.resumable import resumable_copy as resumable_copy
    from ossfs.transfer.resumable import resumable_download as resumable_download
    from ossfs.transfer.resumable import resumable_upload as resumable_upload
    from ossfs.transfer.resumable import upload_file as upload_file
    from ossfs.transfer.sizes import determine_part_size as determine_part_size
    from ossfs.transfer.stream_download import download_to_stream as download_to_stream
    from ossfs.transfer.stream_download import iter_object as iter_object
    from ossfs.transfer.stream_upload import upload_object as upload_object

HOMES = {
    "cancel": ("Cancel",),
    "checkpoints": ("ResumableStore",),
    "describing": ("Conditions",),
    "events": ("DataEvent", "DataEventType", "PartEvent", "TransferEvent", "TransferEventType"),
    "limiter": ("RateLimiter",),
    "objects": ("append_object", "get_object", "put_object"),
    "options": (
        *("CopyOptions", "DownloadOptions", "DownloadResult", "Hooks", "UploadOptions"),
        "UploadResult",
    ),
    "resumable": (
        *("download_file", "resumable_copy", "resumable_download", "resumable_upload"),
        "upload_file",
    ),
    "sizes": ("determine_part_size",),
    "stream_download": ("download_to_stream", "iter_object"),
    "stream_upload": ("upload_object",),
}
"""Which module of this package each name comes from."""

__all__ = [
    "Cancel",
    "Conditions",
    "CopyOptions",
    "DataEvent",
    "DataEventType",
    "DownloadOptions",
    "DownloadResult",
    "Hooks",
    "PartEvent",
    "RateLimiter",
    "ResumableStore",
    "TransferEvent",
    "TransferEventType",
    "UploadOptions",
    "UploadResult",
    "append_object",
    "determine_part_size",
    "download_file",
    "download_to_stream",
    "get_object",
    "iter_object",
    "put_object",
    "resumable_copy",
    "resumable_download",
    "resumable_upload",
    "upload_file",
    "upload_object",
]

if not TYPE_CHECKING:  # type checkers are to know each name, and no other
    _HOME = {name: module for module, names in HOMES.items() for name in names}

    def __getattr__(name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)

    def __dir__() -> list[str]:
        return sorted([*globals(), *_HOME])
