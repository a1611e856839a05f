"""
Every number that ossfs keeps about itself, declared in one table.

`DECLARED` says name, kind, unit, labels and meaning; nothing else can be counted, and the
documentation is made from it. A `Metrics` holds the values of one mount and writes them in
the text format of Prometheus; `joined` makes one text of those of several mounts.

Threads: every method may be called from any thread.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

S = TypeVar("S", Counter, Gauge, Histogram)
Kind = Literal["counter", "gauge", "histogram"]

LATENCIES_S = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


@dataclass(frozen=True, slots=True)
class Declared:
    """One metric; `unit` is what a value of 1 means."""

    name: str
    kind: Kind
    unit: str
    labels: Sequence[str]
    meaning: str


DECLARED: Mapping[str, Declared] = {
    metric.name: metric
    for metric in (
        Declared(
            "ossfs_requests_total",
            "counter",
            "request",
            ("operation", "outcome"),
            "Requests to the object store, by what was asked and how it ended: ok or an error.",
        ),
        Declared(
            "ossfs_request_seconds",
            "histogram",
            "second",
            ("operation",),
            "Time from the beginning of a request to the end of its answer.",
        ),
        Declared(
            "ossfs_sent_bytes_total",
            "counter",
            "byte",
            ("operation",),
            "Bytes of objects sent, of requests that succeeded.",
        ),
        Declared(
            "ossfs_received_bytes_total",
            "counter",
            "byte",
            ("operation",),
            "Bytes of objects received.",
        ),
        Declared(
            "ossfs_retries_total",
            "counter",
            "attempt",
            ("operation", "reason"),
            "Requests tried again, by the error that made it necessary.",
        ),
        Declared(
            "ossfs_given_up_total",
            "counter",
            "operation",
            ("operation", "reason"),
            "Operations that failed after all attempts.",
        ),
        Declared(
            "ossfs_pending_files",
            "gauge",
            "file",
            ("state",),
            "Files that are not in the bucket yet, or are kept for the user.",
        ),
        Declared(
            "ossfs_pending_bytes",
            "gauge",
            "byte",
            ("state",),
            "What of these files the store does not have yet.",
        ),
        Declared(
            "ossfs_memory_reads_total",
            "counter",
            "read",
            ("outcome",),
            "Reads whose bytes were all in memory (hit), or not (miss).",
        ),
        Declared(
            "ossfs_memory_bytes",
            "gauge",
            "byte",
            ("kind",),
            "Blocks in memory (held), under way (in_flight), and the most of both (budget).",
        ),
        Declared(
            "ossfs_disk_cache_fetches_total",
            "counter",
            "fetch",
            ("outcome",),
            "Fetches that the disk cache has spared (hit), or not (miss).",
        ),
        Declared(
            "ossfs_disk_cache_bytes",
            "gauge",
            "byte",
            ("kind",),
            "What the folder of the disk cache takes (used), and may take (size).",
        ),
        Declared(
            "ossfs_disk_cache_problems_total",
            "counter",
            "problem",
            ("kind",),
            "Damaged files, refusals of the disk, blocks that were not written (dropped).",
        ),
    )
}


class Metrics:
    """The values of one mount, under the names of `DECLARED`."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._reaching = threading.Lock()
        self._children: dict[tuple[object, ...], Any] = {}
        self._series = {name: _series(metric, self._registry) for name, metric in DECLARED.items()}

    def __repr__(self) -> str:
        return f"Metrics({len(self._series)} declared)"

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter. KeyError: not declared; ValueError: other labels."""
        series = self._series[name]
        assert isinstance(series, Counter)  # noqa: S101  # the table says so
        self._child(name, labels, series).inc(amount)

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Put a value into a histogram."""
        series = self._series[name]
        assert isinstance(series, Histogram)  # noqa: S101  # the table says so
        self._child(name, labels, series).observe(value)

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        series = self._series[name]
        assert isinstance(series, Gauge)  # noqa: S101  # the table says so
        self._child(name, labels, series).set(value)

    def _child(self, name: str, labels: Mapping[str, str], series: S) -> S:
        """Return the one of these labels; looking it up in the series takes 3 µs."""
        place = (name, *labels.items())
        found: S | None = self._children.get(place)
        if found is None:
            found = self._children[place] = series.labels(**labels) if labels else series
        return found

    def reach(self, name: str, total: float, **labels: str) -> None:
        """Let a counter be at least `total`, which was counted elsewhere."""
        with self._reaching:
            self.count(name, max(0, total - self.value(name, **labels)), **labels)

    def value(self, name: str, **labels: str) -> float:
        """Return the sum of a counter's or gauge's values that carry these labels."""
        return sum(
            sample.value
            for family in self._registry.collect()
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def by(self, name: str, label: str) -> dict[str, float]:
        """Return a counter's or gauge's values, summed for each value of a label."""
        found: dict[str, float] = {}
        for family in self._registry.collect():
            for sample in family.samples:
                if sample.name == name:
                    key = sample.labels[label]
                    found[key] = found.get(key, 0) + sample.value
        return found

    def text(self) -> str:
        """Return all values in the text format of Prometheus."""
        return generate_latest(self._registry).decode()


class _Families:
    """Families of samples in the place of a registry."""

    def __init__(self) -> None:
        self._found: dict[str, Metric] = {}

    def collect(self) -> Iterable[Metric]:
        return self._found.values()

    def add(self, family: Metric, labels: Mapping[str, str]) -> None:
        found = self._found.setdefault(
            family.name, Metric(family.name, family.documentation, family.type)
        )
        for one in family.samples:
            found.add_sample(one.name, {**one.labels, **labels}, one.value)


def joined(texts: Iterable[tuple[Mapping[str, str], str]]) -> str:
    """
    Return one text of several, the samples of each with its labels.

    A metric may come up only once in a text. ValueError: one is not such a text.
    """
    families = _Families()
    for labels, text in texts:
        for family in text_string_to_metric_families(text):
            # When a series began is of no use here, and doubles their number.
            if not family.name.endswith("_created"):
                families.add(family, labels)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(families)
    return generate_latest(registry).decode()


def _series(metric: Declared, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    if metric.kind == "counter":
        return Counter(metric.name, metric.meaning, metric.labels, registry=registry)
    if metric.kind == "gauge":
        return Gauge(metric.name, metric.meaning, metric.labels, registry=registry)
    return Histogram(
        metric.name, metric.meaning, metric.labels, registry=registry, buckets=LATENCIES_S
    )
