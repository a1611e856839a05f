"""
The files of a state folder that nobody has mounted, under its lock.

What is local needs the journal only. What needs the bucket opens it as the last mount did,
by the options in `mount.json`, and with the credentials that are found now. Files are
brought to the bucket by a mount that is not shown to the kernel.

Threads: `status` may be called beside `resume`; the rest belongs to one thread.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ossfs.assembly import open_mount
from ossfs.cli.explain import explain
from ossfs.cli.state import Record, StateDirectory
from ossfs.cli.uploads.found import offline
from ossfs.clock import SystemClock
from ossfs.config import MountConfig, resolve
from ossfs.connecting import credentials_for, open_store, transport_options
from ossfs.errors import InvalidOption, OssfsError
from ossfs.extents import Extent
from ossfs.store.api import ObjectStore
from ossfs.store.transport import HttpTransport
from ossfs.writeback.aborting import NotAborted
from ossfs.writeback.details import Details
from ossfs.writeback.kept import Kept, Refused
from ossfs.writeback.recovery import STAGING_NAME, open_journal
from ossfs.writeback.staging import StagingArea

if TYPE_CHECKING:
    from ossfs.mount import Mount

CONNECTIONS = 4


class Unreached(OssfsError):
    """The bucket cannot be asked; the message says why, and what to run."""


def config_of(folder: Path, record: Record | None) -> MountConfig:
    """Return the options of the last mount of a folder. Unreached: they are not known."""
    if record is None:
        raise Unreached(
            f"{folder} does not say what it belongs to; mount the bucket with --state-dir {folder}"
        )
    options = dict(record.options)
    if not options:  # of an earlier version: where the bucket is, and nothing else
        is_region = "." not in record.endpoint and ":" not in record.endpoint
        options["region" if is_region else "endpoint"] = record.endpoint
    options["state_dir"] = str(folder)
    try:
        return resolve(record.url, flags=options)
    except InvalidOption as error:
        raise Unreached(f"{folder / 'mount.json'}: {error}; {_way(folder, record)}") from error


def _way(folder: Path, record: Record) -> str:
    return f"`ossfs mount {record.url} DIR --state-dir {folder}` with your options goes on with it"


@contextmanager
def _private() -> Iterator[None]:
    """Let what is made meanwhile be readable by its owner only, as the mount process does."""
    old = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(old)


class Unmounted:
    """A state folder that is ours until `close`. StateInUse; JournalDamaged."""

    def __init__(self, folder: Path, record: Record | None) -> None:
        self._folder = folder
        self._record = record
        self._state = StateDirectory.of(folder)
        self._closers: list[Callable[[], None]] = [self._state.close]
        self._kept: Kept | None = None
        self._store: ObjectStore | None = None
        self._mount: Mount | None = None

    def close(self) -> None:
        """Let the folder go."""
        for close in reversed(self._closers):
            close()

    def status(self) -> list[dict[str, Any]]:
        """Describe what waits."""
        if self._mount is not None:
            return [asdict(one) for one in self._mount.status()]
        return offline(self._folder)

    def details(self, name: str) -> Details:
        """Describe one file completely. Refused: there is none."""
        details = self._files().details(name)
        if details is None:
            raise Refused(f"nothing of the id {name} waits any more")
        return details

    def fetch(self, name: str, extent: Extent) -> bytes:
        """Return bytes of the version that an edit is based on."""
        return self._files().fetch(name, extent, self._bucket())

    def resume(self, names: Sequence[str], *, overwrite: bool) -> list[dict[str, Any]]:
        """Bring files to the bucket, as a mount does."""
        assert self._kept is None  # noqa: S101 - one process opens the journal once
        config = config_of(self._folder, self._record)
        try:
            with _private():
                self._mount = open_mount(config, self._folder, is_due=False)
        except OssfsError as error:
            raise self._unreached(error, config) from error
        self._closers.append(self._mount.close)
        return [one._asdict() for one in self._mount.uploads.resume(names, overwrite=overwrite)]

    def abort(self, name: str) -> bool:
        """Abort the upload of a file."""
        if self.details(name).upload is None:
            return False
        return self._files().abort(name, self._bucket())

    def discard(self, name: str) -> None:
        """Delete the local bytes of a file."""
        try:
            self._files().discard(name, self._bucket)
        except Unreached as error:
            raise NotAborted(
                f"discarded here, but an upload stays at the store until the next mount: {error}"
            ) from error

    def _files(self) -> Kept:
        if self._kept is None:
            with _private():
                journal = open_journal(self._folder, clock=SystemClock())
            self._closers.append(journal.close)
            area = StagingArea(self._folder / STAGING_NAME, reserve=0)
            self._kept = Kept(journal=journal, area=area)
            self._kept.add(journal.load().files)
        return self._kept

    def _bucket(self) -> ObjectStore:
        if self._store is None:
            config = config_of(self._folder, self._record)
            clock = SystemClock()
            try:
                options = transport_options(config.store, os.environ, connections=CONNECTIONS)
                transport = HttpTransport(options)
                self._closers.append(transport.close)
                credentials = credentials_for(config, options, clock, os.environ)
                self._store = open_store(config, transport, credentials, clock)
            except OssfsError as error:
                raise self._unreached(error, config) from error
        return self._store

    def _unreached(self, error: OssfsError, config: MountConfig) -> Unreached:
        way = "" if self._record is None else f"\n  {_way(self._folder, self._record)}"
        return Unreached(f"{config.url} cannot be used: {explain(error, config)}{way}")
