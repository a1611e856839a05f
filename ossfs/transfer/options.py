"""
How a transfer is made, and what comes of it.

Threads: values.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ossfs.store.api import NOTHING, Stored
from ossfs.transfer.cancel import Cancel
from ossfs.transfer.checkpoints import ResumableStore
from ossfs.transfer.describing import Conditions
from ossfs.transfer.events import DataCallback, EventCallback, ProgressCallback
from ossfs.transfer.limiter import RateLimiter
from ossfs.transfer.sizes import DEFAULT_PART_SIZE, MIB

MULTIPART_THRESHOLD = 10 * MIB
"""As oss2. Below it, one request is faster than the two or three that an upload adds."""
MULTIGET_THRESHOLD = 20 * MIB
"""Two parts; oss2 has 100 MiB, below which it cannot resume."""
COPY_PART_SIZE = 64 * MIB
"""As the v2 SDK: no bytes come here, so that parts may be large."""
THREADS = 4
"""As oss2's downloads; its uploads, and TOS's transfers, have one."""
BLOCK_SIZE = 256 << 10
"""Bytes that move, are counted and may be limited together: what stays in a core's cache."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """Who is told what while a transfer runs, and who may slow or stop it."""

    progress: ProgressCallback | None = None
    on_data: DataCallback | None = None
    on_event: EventCallback | None = None
    limiter: RateLimiter | None = None
    cancel: Cancel = field(default_factory=Cancel)

    def own(self) -> "Hooks":
        """Return hooks whose `cancel` stops one transfer only, and with this one."""
        return replace(self, cancel=Cancel(self.cancel))


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """How something is uploaded; sizes in bytes."""

    headers: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """HTTP's names; each goes with the requests it belongs to (`ossfs.transfer.headers`)."""
    multipart_threshold: int = MULTIPART_THRESHOLD
    """From this size on in parts, which can be resumed; below in one request."""
    part_size: int = DEFAULT_PART_SIZE
    """Preferred; adjusted to what the store takes (`determine_part_size`)."""
    num_threads: int = THREADS
    """Parts on their way at a time."""
    block_size: int = BLOCK_SIZE
    checkpoint: bool = True
    """Whether it is remembered, so that a later call goes on. Without, a failure aborts it."""
    store: ResumableStore = field(default_factory=ResumableStore)
    """Where it is remembered."""
    verify: bool = True
    """Whether finished parts are compared with the file, by CRC-64, before it goes on."""
    rebuild: bool = False
    """Whether to look for an upload of this file at the store when none is remembered here."""
    sequential: bool = False
    """Parts one after the other, so that OSS keeps an MD5 of the whole."""
    forbid_overwrite: bool = False


@dataclass(frozen=True, slots=True)
class DownloadOptions:
    """How something is downloaded; sizes in bytes."""

    headers: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    version_id: str | None = None
    byte_range: tuple[int, int | None] | None = None
    """First and last byte, both included; None: to the end."""
    if_match: str | None = None
    """Only this version, by its ETag."""
    conditions: Conditions = field(default_factory=Conditions)
    multiget_threshold: int = MULTIGET_THRESHOLD
    """From this size on in parts, which can be resumed; below in one request."""
    part_size: int = DEFAULT_PART_SIZE
    num_threads: int = THREADS
    block_size: int = BLOCK_SIZE
    checkpoint: bool = True
    store: ResumableStore = field(default_factory=ResumableStore)
    verify: bool = True
    """Whether finished parts are read again and compared before it goes on."""
    use_temp_file: bool = True
    """Whether the target gets its name when it is complete, or is written in place."""
    flush: bool = False
    """Whether the file is on disk, not only in the page cache, before it gets its name."""


@dataclass(frozen=True, slots=True)
class CopyOptions:
    """How an object is copied; sizes in bytes."""

    headers: Mapping[str, str] | None = None
    """They replace those of the source; None: the source's are kept."""
    storage_class: str | None = None
    """Of the copy; None: the source's, if that is no archive; empty: as the bucket has it."""
    version_id: str | None = None
    """Another version of the source than the current one."""
    if_match: str | None = None
    conditions: Conditions = field(default_factory=Conditions)
    multipart_threshold: int | None = None
    """
    From this size on in parts; None: from what the store copies in one request, or 10 MiB
    where the bytes come through here.
    """
    part_size: int | None = None
    """None: 64 MiB inside of a store, 10 MiB where the bytes come through here."""
    num_threads: int = THREADS
    checkpoint: bool = True
    store: ResumableStore = field(default_factory=ResumableStore)
    forbid_overwrite: bool = False
    through_here: bool | None = None
    """Whether the bytes are fetched and sent on; None: where no store could copy by itself."""


@dataclass(frozen=True, slots=True)
class UploadResult:
    """The version that an upload has made."""

    etag: str
    crc64: int | None
    """None: the store keeps none."""
    version_id: str | None
    size: int
    upload_id: str = ""
    """Empty: it was one request."""
    parts_sent: int = 0
    parts_resumed: int = 0
    """Parts of earlier runs, which were not sent again."""
    callback_answer: bytes | None = None
    """What the application server said that the store called; None: none was, or it is lost."""

    @classmethod
    def of(
        cls,
        stored: Stored,
        size: int,
        *,
        upload_id: str = "",
        parts_sent: int = 0,
        parts_resumed: int = 0,
    ) -> "UploadResult":
        """Return what is stored. CallbackFailed: it is, but its callback failed."""
        if stored.callback_error is not None:
            raise stored.callback_error
        return cls(
            stored.etag,
            stored.crc64,
            stored.version_id,
            size,
            upload_id,
            parts_sent,
            parts_resumed,
            stored.callback_answer,
        )


@dataclass(frozen=True, slots=True)
class DownloadResult:
    """What a download has brought."""

    etag: str
    crc64: int | None
    """Of the bytes that were wanted."""
    version_id: str | None
    size: int
    """Bytes that were wanted."""
    modified_ns: int
    parts_fetched: int = 0
    parts_resumed: int = 0
