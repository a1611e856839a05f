"""
A file system that is ready to be mounted, with all that has to be closed after it.

Threads: `serve` blocks in the main thread; the rest may be called from any thread.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ossfs.cache.attributes import KeptAttributes
from ossfs.cache.blocks import BlockCache
from ossfs.cache.disk import DiskCache
from ossfs.config import MountConfig
from ossfs.fusefs import session
from ossfs.journal.journal import Journal
from ossfs.observe.gathering import gather
from ossfs.observe.metrics import Metrics
from ossfs.transfer.workers import Workers
from ossfs.vfs.filesystem import FileSystem
from ossfs.vfs.uploads import Uploads
from ossfs.writeback.values import UploadStatus

WARM = 16
"""Threads of each kind that are ready from the start."""


@dataclass(frozen=True, slots=True)
class Caches:
    """What is kept in memory and on the local disk, and may be thrown away."""

    blocks: BlockCache
    attributes: KeptAttributes
    disk: DiskCache | None

    def close(self, *, is_crash: bool = False) -> None:
        """Close the files; after a crash, as they are."""
        self.attributes.close(is_crash=is_crash)
        if self.disk is not None:
            self.disk.close()


class Mount:
    """A file system that is ready to be mounted."""

    def __init__(
        self,
        *,
        config: MountConfig,
        fs: FileSystem,
        journal: Journal,
        caches: Caches,
        metrics: Metrics,
        workers: Sequence[Workers],
        on_close: Callable[[], None],
    ) -> None:
        self.fs = fs
        self.disk = caches.disk
        self._config = config
        self._journal = journal
        self._caches = caches
        self._metrics = metrics
        self._workers = workers
        self._on_close = on_close
        self._fuse = ""

    def serve(self, mountpoint: str, on_ready: Callable[[], None]) -> None:
        """Mount, and serve until unmounted. MountFailed."""
        posix, kernel = self._config.posix, self._config.kernel

        def ready(about: str) -> None:
            self._fuse = about
            for workers in self._workers:
                workers.warm(WARM)
            on_ready()

        session.run(
            self.fs,
            mountpoint,
            name=str(self._config.url),
            options={
                "allow_other": posix.allow_other,
                "ro": posix.read_only,
                "nonempty": posix.nonempty,
            },
            on_ready=ready,
            capacity=posix.capacity,
            has_xattrs=posix.xattrs,
            library=kernel.fuse,
            caches_writes=kernel.writeback_cache,
            readahead=kernel.kernel_readahead,
        )

    @property
    def uploads(self) -> Uploads:
        """What is not in the bucket yet, and what can be done about it."""
        return self.fs.uploads

    def status(self) -> list[UploadStatus]:
        """Describe what is not in the bucket yet."""
        return self.fs.status()

    def counters(self) -> dict[str, Any]:
        """Return what was read and asked since the mount began, and what is held; see the docs."""
        blocks, disk, metrics = self._caches.blocks, self._caches.disk, self._metrics
        return {
            "fuse": self._fuse,
            "memory": {
                "hits": blocks.hits,
                "misses": blocks.misses,
                "evictions": blocks.evictions,
                "held_bytes": blocks.held,
                "in_flight_bytes": blocks.reserved,
                "budget_bytes": blocks.budget,
            },
            "disk": None if disk is None else asdict(disk.counters()),
            "requests": {
                operation: int(count)
                for operation, count in metrics.by("ossfs_requests_total", "operation").items()
            },
            "received_bytes": int(metrics.value("ossfs_received_bytes_total")),
            "sent_bytes": int(metrics.value("ossfs_sent_bytes_total")),
            "retries": int(metrics.value("ossfs_retries_total")),
            "given_up": int(metrics.value("ossfs_given_up_total")),
        }

    def metrics(self) -> str:
        """Return what is counted, in the text format of Prometheus."""
        pending = [(one.state, max(0, one.size - one.sent)) for one in self.status()]
        gather(self._metrics, self.counters(), pending)
        return self._metrics.text()

    def drain(self, deadline_s: float | None) -> bool:
        """Bring everything that nobody has open into the bucket; False: something is left."""
        return self.fs.drain(deadline_s)

    def close(self) -> None:
        """Release everything; what is not in the bucket goes on at the next mount."""
        self.fs.close()
        for workers in self._workers:
            workers.close(cancel=True)
        self._caches.close()
        self._journal.close()
        self._on_close()
