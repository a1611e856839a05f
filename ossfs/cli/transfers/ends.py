"""
What a word of the command line names: a bucket's key, a local path, or a pipe.

Threads: `Buckets` belongs to the thread that runs the command; the buckets it opens may be
used by any thread.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ossfs.cli.buckets import config_of, opened
from ossfs.config import MountConfig
from ossfs.errors import InvalidOption
from ossfs.store.api import NOTHING, ObjectStore

PIPE = "-"
SCHEMES = ("oss", "tos", "s3")


@dataclass(frozen=True, slots=True)
class Remote:
    """A key of a bucket, or what begins with it."""

    scheme: str
    bucket: str
    key: str

    @property
    def is_folder(self) -> bool:
        """Say whether it names a place for several objects."""
        return not self.key or self.key.endswith("/")

    @property
    def folder(self) -> str:
        """What the keys of the objects in it begin with."""
        return self.key if self.is_folder else f"{self.key}/"

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rstrip("/").rpartition("/")[2]

    def at(self, key: str) -> "Remote":
        """Return another key of the bucket."""
        return Remote(self.scheme, self.bucket, key)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class Local:
    """A file or directory of this machine."""

    path: Path
    is_folder: bool = False
    """It was written with a slash at its end, or is a directory."""

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True)
class Pipe:
    """Standard input or output."""

    def __str__(self) -> str:
        return PIPE


End = Remote | Local | Pipe


def end_of(word: str) -> End:
    """Return what a word names. InvalidOption: a URL that is none of a bucket."""
    if word == PIPE:
        return Pipe()
    if "://" not in word:
        path = Path(word)
        return Local(path, word.endswith("/") or path.is_dir())
    return remote_of(word)


def remote_of(word: str) -> Remote:
    """Return the key that a URL names. InvalidOption."""
    scheme, mark, rest = word.partition("://")
    bucket, _, key = rest.partition("/")
    if not mark or scheme not in SCHEMES or not bucket:
        raise InvalidOption(f"{word!r} is not oss://BUCKET/KEY (nor tos:// or s3://)")
    return Remote(scheme, bucket, key)


def object_of(word: str) -> Remote:
    """Return the key of an object that a URL names. InvalidOption: it names a bucket."""
    place = remote_of(word)
    if not place.key:
        raise InvalidOption(f"{word} is a bucket: name an object in it, as {place}KEY")
    return place


class Buckets:
    """The buckets of one command, each opened once; a context manager that closes them."""

    def __init__(
        self,
        flags: Mapping[str, Any],
        *,
        connections: int,
        source_flags: Mapping[str, str] = NOTHING,
    ) -> None:
        self._flags = flags
        self._source_flags = source_flags
        self._connections = connections
        self._stack = ExitStack()
        self._config: MountConfig | None = None
        self._open: dict[tuple[bool, str, str], ObjectStore] = {}
        self._classes: dict[tuple[str, str], str | None] = {}

    def __enter__(self) -> "Buckets":  # noqa: PYI034  # Self needs Python 3.11
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def config(self) -> MountConfig | None:
        """Return the options of the bucket that was opened first, for messages."""
        return self._config

    @property
    def is_through_here(self) -> bool | None:
        """Whether sources have options of their own, so that no store can copy by itself."""
        return True if self._source_flags else None

    def class_in(self, place: Remote) -> str | None:
        """Return the class that the options want of new objects in a bucket; None: any."""
        self.of(place)
        return self._classes[place.scheme, place.bucket]

    def of(self, place: Remote) -> ObjectStore:
        """Return the bucket of a key that is written, or listed to be. InvalidOption."""
        return self._opened(place, self._flags, is_source=False)

    def source(self, place: Remote) -> ObjectStore:
        """Return the bucket of a key that is read. InvalidOption."""
        if not self._source_flags:
            return self.of(place)
        return self._opened(place, self._source_flags, is_source=True)

    def _opened(self, place: Remote, flags: Mapping[str, Any], *, is_source: bool) -> ObjectStore:
        name = is_source, place.scheme, place.bucket
        if name not in self._open:
            config = config_of(f"{place.scheme}://{place.bucket}", flags)
            self._config = self._config or config
            if not is_source:
                self._classes[place.scheme, place.bucket] = config.objects.storage_class
            opening = opened(config, connections=self._connections)
            self._open[name] = self._stack.enter_context(opening)
        return self._open[name]
