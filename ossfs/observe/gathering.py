"""
What a mount counts elsewhere, put among its metrics when somebody asks for them.

Threads: a function; it may be called from any thread.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ossfs.observe.metrics import Metrics

STATES = ("waiting", "uploading", "failed", "conflict", "draft", "lost")
"""Of files that are not in the bucket: a series that vanished would raise no alarm."""


def gather(
    metrics: Metrics, counters: Mapping[str, Any], pending: Iterable[tuple[str, int]]
) -> None:
    """
    Take over the `counters` of memory and disk, and what is `pending`.

    `pending` are the state of each file and how many bytes of it the store does not have.
    """
    memory, disk = counters["memory"], counters["disk"]
    metrics.reach("ossfs_memory_reads_total", memory["hits"], outcome="hit")
    metrics.reach("ossfs_memory_reads_total", memory["misses"], outcome="miss")
    for kind in ("held", "in_flight", "budget"):
        metrics.set("ossfs_memory_bytes", memory[f"{kind}_bytes"], kind=kind)
    if disk is not None:
        metrics.reach("ossfs_disk_cache_fetches_total", disk["hits"], outcome="hit")
        metrics.reach("ossfs_disk_cache_fetches_total", disk["misses"], outcome="miss")
        metrics.set("ossfs_disk_cache_bytes", disk["used_bytes"], kind="used")
        metrics.set("ossfs_disk_cache_bytes", disk["size"], kind="size")
        for kind in ("corrupted", "failures", "dropped"):
            metrics.reach("ossfs_disk_cache_problems_total", disk[kind], kind=kind)
    files = dict.fromkeys(STATES, 0)
    left = dict.fromkeys(STATES, 0)
    for state, size in pending:
        files[state] += 1
        left[state] += size
    for state in STATES:
        metrics.set("ossfs_pending_files", files[state], state=state)
        metrics.set("ossfs_pending_bytes", left[state], state=state)
