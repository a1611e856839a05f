"""
One file or object to be moved, and how that is done.

Threads: tasks are values; `move` runs in the thread of a worker.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ossfs.cli.transfers.ends import Remote
from ossfs.store.api import NOTHING, ObjectInfo, ObjectStore
from ossfs.transfer.checkpoints import ResumableStore
from ossfs.transfer.copier import ObjectCopy
from ossfs.transfer.options import CopyOptions, DownloadOptions, Hooks, UploadOptions
from ossfs.transfer.resumable import download_file, upload_file


@dataclass(frozen=True, slots=True)
class How:
    """What holds for all tasks of a command."""

    threads: int
    part_size: int
    is_resumed: bool
    headers: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    forbid_overwrite: bool = False
    keep_times: bool = False
    """Whether downloads get the time at which the object was changed."""
    version_id: str | None = None
    """Which version of the source is meant; None: the newest."""
    kept: ResumableStore = field(default_factory=ResumableStore)


@dataclass(frozen=True, slots=True)
class Upload:
    """A local file to a key."""

    source: Path
    target: Remote
    store: ObjectStore
    size: int
    modified_ns: int

    @property
    def stamp(self) -> str:
        """What tells versions of the source apart."""
        return f"{self.size} {self.modified_ns}"

    @property
    def words(self) -> tuple[str, str, str]:
        """What is done, from where, to where."""
        return "upload", str(self.source), str(self.target)

    def move(self, how: How, hooks: Hooks) -> None:
        """Do it."""
        options = UploadOptions(
            headers=how.headers,
            part_size=how.part_size,
            num_threads=how.threads,
            checkpoint=how.is_resumed,
            store=how.kept,
            forbid_overwrite=how.forbid_overwrite,
        )
        upload_file(self.store, self.target.key, self.source, options, hooks)


@dataclass(frozen=True, slots=True)
class _OfObject:
    """What is done with an object, which `known` describes as a listing does, or HEAD."""

    source: Remote
    known: ObjectInfo

    @property
    def size(self) -> int:
        """Bytes of the object."""
        return self.known.size

    @property
    def stamp(self) -> str:
        """What tells versions of the source apart."""
        return self.known.etag


@dataclass(frozen=True, slots=True)
class Download(_OfObject):
    """A key to a local file."""

    target: Path
    store: ObjectStore

    @property
    def words(self) -> tuple[str, str, str]:
        """What is done, from where, to where."""
        return "download", str(self.source), str(self.target)

    def move(self, how: How, hooks: Hooks) -> None:
        """Do it; the folders above the target are made."""
        self.target.parent.mkdir(parents=True, exist_ok=True)
        options = DownloadOptions(
            headers=how.headers,
            version_id=how.version_id,
            part_size=how.part_size,
            num_threads=how.threads,
            checkpoint=how.is_resumed,
            store=how.kept,
        )
        done = download_file(
            self.store, self.source.key, self.target, options, hooks, known=self.known
        )
        if how.keep_times:
            os.utime(self.target, ns=(done.modified_ns, done.modified_ns))


@dataclass(frozen=True, slots=True)
class Copy(_OfObject):
    """A key to another one, inside of the store where that can be."""

    target: Remote
    from_store: ObjectStore
    store: ObjectStore
    storage_class: str | None = None
    """What the options of the target's bucket say; None: nothing."""
    is_through_here: bool | None = None
    """Whether the bytes come here; None: as it has to be."""

    @property
    def words(self) -> tuple[str, str, str]:
        """What is done, from where, to where."""
        return "copy", str(self.source), str(self.target)

    def move(self, how: How, hooks: Hooks) -> None:
        """Do it."""
        options = CopyOptions(
            headers=how.headers or None,
            through_here=self.is_through_here,
            storage_class=self.storage_class,
            version_id=how.version_id,
            num_threads=how.threads,
            checkpoint=how.is_resumed,
            store=how.kept,
            forbid_overwrite=how.forbid_overwrite,
        )
        ObjectCopy(
            self.store,
            self.target.key,
            self.from_store,
            self.source.key,
            options,
            hooks,
            self.known,
        ).run()


Task = Upload | Download | Copy
