"""
Buckets for commands that talk to a store themselves, without a mount.

What is meant is said by a URL, or by a path below a mount of this user. Where no --endpoint
and no --region is given, the options of the last mount of that bucket are used.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ossfs.cli.mount import given_flags
from ossfs.cli.mountpoint import kernel_mounts
from ossfs.cli.state import Record, folders, owner_of, read_record
from ossfs.config import MountConfig, resolve
from ossfs.connecting import credentials_for, open_store, transport_options
from ossfs.errors import InvalidOption
from ossfs.store.api import ObjectStore
from ossfs.store.interrupts import InterruptibleClock
from ossfs.store.transport import HttpTransport


@dataclass(frozen=True, slots=True)
class Place:
    """A key of a bucket, or a prefix (empty, or ending in a slash)."""

    config: MountConfig
    """Of the bucket; the prefix in its URL does not count here."""
    key: str

    @property
    def is_prefix(self) -> bool:
        """Say whether it stands for all that is below it."""
        return self.key.endswith("/") or not self.key

    def __str__(self) -> str:
        return f"{self.config.url.scheme}://{self.config.url.bucket}/{self.key}"


def config_of(url: str, flags: Mapping[str, Any]) -> MountConfig:
    """Return the options of a bucket; `flags`: those of the command line. InvalidOption."""
    given = given_flags(flags)
    config = resolve(url, flags=given)
    if config.store.endpoint is not None or config.store.region is not None:
        return config
    for folder in folders():
        record = read_record(folder)
        if record is not None and record.options and is_same_bucket(record.url, config):
            return resolve(url, flags={**record.options, **given})
    raise InvalidOption(f"where is the bucket of {url}? Give --endpoint URL or --region NAME")


def is_same_bucket(url: str, config: MountConfig) -> bool:
    """Say whether a URL is of the bucket of `config`."""
    other = resolve(url).url
    return (other.scheme, other.bucket) == (config.url.scheme, config.url.bucket)


def place_of(word: str, flags: Mapping[str, Any]) -> Place:
    """Return what `SCHEME://BUCKET/KEY`, or a path below a mount, names. InvalidOption."""
    if "://" not in word:
        return _below_mount(word, flags)
    scheme, _, rest = word.partition("://")
    bucket, _, key = rest.partition("/")
    return Place(config_of(f"{scheme}://{bucket}", flags), key)


def _below_mount(word: str, flags: Mapping[str, Any]) -> Place:
    path = Path(os.path.realpath(Path(word).parent), Path(word).name)  # the file may be a link
    if word.endswith("/") or Path(word).name in {"", "."}:
        path = Path(os.path.realpath(word))
    mountpoint = _mount_above(path)
    record = None if mountpoint is None else _record_at(mountpoint)
    if mountpoint is None or record is None:
        raise InvalidOption(f"{word!r} is neither below a mount of yours nor oss://BUCKET/KEY")
    config = resolve(record.url, flags={**record.options, **given_flags(flags)})
    key = config.url.prefix + "/".join(path.relative_to(mountpoint).parts)
    if path != mountpoint and path.is_dir():
        key += "/"
    return Place(config, key)


def _mount_above(path: Path) -> Path | None:
    ours = {one.path for one in kernel_mounts() if one.is_ours}
    return next((one for one in (path, *path.parents) if str(one) in ours), None)


def _record_at(mountpoint: Path) -> Record | None:
    owner = owner_of(mountpoint)
    return None if owner is None else owner[1]


@contextmanager
def opened(config: MountConfig, *, connections: int) -> Iterator[ObjectStore]:
    """Give the bucket of `config`, with up to so many requests at a time. InvalidOption."""
    clock = InterruptibleClock()
    options = transport_options(config.store, os.environ, connections=connections)
    with closing(HttpTransport(options)) as transport:
        credentials = credentials_for(config, options, clock, os.environ)
        yield open_store(config, transport, credentials, clock, caller_reports=True)
