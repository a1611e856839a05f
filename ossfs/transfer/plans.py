"""
What a transfer is about: the first line of its checkpoint.

An earlier run is gone on with only if its plan is the one that would be made now, but for
the size of the parts and what belongs to the run itself. Nothing of a checkpoint is
believed before its types have been looked at: it may come from another version, or from
somebody else.

Threads: values and pure functions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from ossfs.store.api import Limits
from ossfs.transfer.checkpoints import Unusable

FORMAT = 1


@dataclass(frozen=True, slots=True)
class UploadPlan:
    """A local file on its way to a bucket; times in nanoseconds since 1970."""

    operation: str
    place: str
    """Store, endpoint and bucket."""
    bucket: str
    key: str
    path: str
    size: int
    mtime_ns: int
    said: str
    """Digest of the headers, and of what else the upload was begun with."""
    part_size: int
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class DownloadPlan:
    """An object on its way to a local file."""

    operation: str
    place: str
    bucket: str
    key: str
    version_id: str
    path: str
    size: int
    etag: str
    modified_ns: int
    start: int
    """The first byte of the object that is wanted."""
    stop: int
    temp: str
    """The name of the file that is written, beside `path`."""
    part_size: int
    boot: str
    """Which run of the machine wrote it: a later one may have lost bytes that were not flushed."""
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """An object on its way to another key, inside the store."""

    operation: str
    place: str
    bucket: str
    key: str
    source_bucket: str
    source_key: str
    version_id: str
    size: int
    etag: str
    said: str
    part_size: int
    format: int = FORMAT


AnyPlan = UploadPlan | DownloadPlan | CopyPlan
P = TypeVar("P", bound=UploadPlan | DownloadPlan | CopyPlan)

FREE = frozenset({"part_size", "temp", "boot"})
"""What an earlier run has chosen, and a later one takes over."""


def as_record(plan: AnyPlan) -> dict[str, Any]:
    """Return a plan as it is written down."""
    return asdict(plan)


def earlier(now: P, record: Mapping[str, Any]) -> P:
    """Return the plan in `record` if it is the one of `now`. Unusable says how they differ."""
    kind = type(now)
    expected = {one.name: type(getattr(now, one.name)) for one in fields(kind)}
    if record.keys() != expected.keys():
        raise Unusable("it has other fields than this version writes")
    for name, of_type in expected.items():
        if type(record[name]) is not of_type:
            raise Unusable(f"its {name} is not of type {of_type.__name__}")
    then = kind(**record)
    different = differences(now, then)
    if different:
        raise Unusable(f"another {' and '.join(different)}")
    return then


def differences(now: P, then: P) -> Sequence[str]:
    """Name the fields in which two plans differ that must not."""
    names = [one.name for one in fields(now) if one.name not in FREE]
    return [name for name in names if getattr(now, name) != getattr(then, name)]


def check_parts(part_size: int, size: int, limits: Limits) -> None:
    """Raise Unusable unless the store takes `size` bytes in parts of that size."""
    is_one = part_size >= size
    if part_size < 1 or part_size > limits.max_part or (part_size < limits.min_part and not is_one):
        raise Unusable(f"parts of {part_size} bytes")
    if -(-size // part_size) > limits.max_parts:
        raise Unusable(f"too many parts of {part_size} bytes")
