"""What a mount counts elsewhere, among its metrics."""

from ossfs.cache.disk import DiskCounters
from ossfs.observe.gathering import gather
from ossfs.observe.metrics import Metrics


def counters(found, **disk):
    """Return counters as a mount gives them."""
    memory = {"hits": found, "misses": 1, "held_bytes": 2, "in_flight_bytes": 3, "budget_bytes": 4}
    kept = dict.fromkeys(DiskCounters.__dataclass_fields__, 0)
    return {"memory": memory, "disk": {**kept, **disk} if disk else None}


def test_totals_are_taken_over_once():
    """However often somebody asks, a counter is what was counted elsewhere."""
    metrics = Metrics()

    for found in (5, 5, 7):
        gather(metrics, counters(found), [])

    assert metrics.by("ossfs_memory_reads_total", "outcome") == {"hit": 7, "miss": 1}


def test_what_the_disk_cache_counts():
    """Its room and its troubles are there; without one there are none of them."""
    without, metrics = Metrics(), Metrics()

    gather(without, counters(0), [])
    gather(metrics, counters(0, hits=8, used_bytes=10, size=20, corrupted=1, dropped=2), [])

    assert without.by("ossfs_disk_cache_bytes", "kind") == {}
    assert metrics.by("ossfs_disk_cache_bytes", "kind") == {"used": 10, "size": 20}
    assert metrics.by("ossfs_disk_cache_fetches_total", "outcome") == {"hit": 8, "miss": 0}
    assert metrics.by("ossfs_disk_cache_problems_total", "kind") == {
        "corrupted": 1,
        "dropped": 2,
        "failures": 0,
    }


def test_a_state_that_ends_falls_to_nothing():
    """Files and what of them is left are summed by state; a series does not vanish."""
    metrics = Metrics()

    gather(metrics, counters(0), [("failed", 10), ("failed", 5), ("waiting", 1)])
    assert metrics.value("ossfs_pending_bytes", state="failed") == sum((10, 5))
    gather(metrics, counters(0), [("waiting", 1)])

    assert metrics.by("ossfs_pending_files", "state") == {
        "waiting": 1,
        "uploading": 0,
        "failed": 0,
        "conflict": 0,
        "draft": 0,
        "lost": 0,
    }
