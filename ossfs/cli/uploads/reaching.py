"""
How a command acts on the files of one state folder.

`Mounted` asks the mount process, `Unmounted` does it here, under the lock of the folder;
both are `Reach`.
"""

import base64
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Protocol

from ossfs.cli.control import Client
from ossfs.cli.state import Record
from ossfs.cli.uploads.found import Found
from ossfs.extents import Extent
from ossfs.writeback.details import Details


class Reach(Protocol):
    """One state folder. Every method may raise OssfsError or ControlError."""

    def status(self) -> list[dict[str, Any]]:
        """Describe what waits; from another thread than `resume`, too."""
        ...

    def details(self, name: str) -> Details:
        """Describe one file completely."""
        ...

    def fetch(self, name: str, extent: Extent) -> bytes:
        """Return bytes of the version that an edit is based on."""
        ...

    def resume(self, names: Sequence[str], *, overwrite: bool) -> list[dict[str, Any]]:
        """Bring files to the bucket; return id, key and error of each."""
        ...

    def abort(self, name: str) -> bool:
        """Abort the upload of a file; False: it has none."""
        ...

    def discard(self, name: str) -> None:
        """Delete the local bytes of a file."""
        ...


class Mounted:
    """The files of a live mount."""

    def __init__(self, record: Record) -> None:
        self._socket = record.socket

    def _ask(self, command: str, *, timeout_s: float | None = None, **arguments: Any) -> Any:
        with closing(Client(self._socket, timeout_s=timeout_s)) as client:
            return client.ask(command, **arguments)

    def status(self) -> list[dict[str, Any]]:
        """Describe what waits."""
        uploads: list[dict[str, Any]] = self._ask("status", timeout_s=10.0)
        return uploads

    def details(self, name: str) -> Details:
        """Describe one file completely."""
        return Details.from_json(self._ask("details", id=name, timeout_s=10.0))

    def fetch(self, name: str, extent: Extent) -> bytes:
        """Return bytes of the version that an edit is based on."""
        data = self._ask("fetch", id=name, start=extent.start, stop=extent.stop)
        return base64.b64decode(data)

    def resume(self, names: Sequence[str], *, overwrite: bool) -> list[dict[str, Any]]:
        """Bring files to the bucket."""
        done: list[dict[str, Any]] = self._ask("resume", ids=list(names), overwrite=overwrite)
        return done

    def abort(self, name: str) -> bool:
        """Abort the upload of a file."""
        return bool(self._ask("abort", id=name))

    def discard(self, name: str) -> None:
        """Delete the local bytes of a file."""
        self._ask("discard", id=name)


@contextmanager
def reach(found: Found) -> Iterator[Reach]:
    """Reach a state folder, whoever has it. StateInUse; JournalDamaged."""
    if found.is_mounted and found.record is not None:
        yield Mounted(found.record)
        return
    from ossfs.cli.uploads.unmounted import Unmounted  # noqa: PLC0415  # loads the whole client

    with closing(Unmounted(found.state_dir, found.record)) as unmounted:
        yield unmounted
