"""
What is remembered of a transfer, in a file of its own.

The first line is the plan: what is transferred, from where to where, in parts of which
size. Facts follow, one a line, as they become true. Each line begins with the CRC-64 of
what follows on it, so that a last line that was not written whole is known and left out,
and a file that somebody has changed is not believed. `docs/formats.md` has the fields.

The plan is written under another name, flushed to disk, and renamed. A fact is one
`write`, so that the death of the process cannot tear it; those that others rely on are
flushed at once, the others (finished parts) at least every second: losing one of these in
a power cut costs one part, and what a part is worth is looked at before it is believed.

Threads: a `CheckpointFile` may be used by any thread; one lock is held during its writes.
"""

import hashlib
import json
import os
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ossfs.crc64 import crc64

FLUSH_EVERY_S = 1.0
DEFAULT_FOLDER = "ossfs-transfers"


class Unusable(ValueError):
    """A checkpoint that cannot be believed; the message says why, `legible` what is whole of it."""

    def __init__(self, message: str, legible: "Loaded | None" = None) -> None:
        super().__init__(message)
        self.legible = legible


class Loaded(NamedTuple):
    """What a checkpoint says."""

    plan: Mapping[str, Any]
    facts: Sequence[Mapping[str, Any]]


class ResumableStore:
    """
    The folder in which checkpoints are kept, `root`/`dir`; it is made when it is needed.

    Without `root`: `$XDG_STATE_HOME`, else `/var/lib` for root and `~/.local/state` for
    everybody else. Without `dir`: `ossfs-transfers`.
    """

    def __init__(self, root: str | os.PathLike[str] | None = None, dir: str | None = None) -> None:  # noqa: A002  # as oss2 calls it
        self.folder = (default_root() if root is None else Path(root).expanduser()) / (
            DEFAULT_FOLDER if dir is None else dir
        )

    def __repr__(self) -> str:
        return f"ResumableStore({str(self.folder)!r})"

    def path(self, operation: str, source: str, target: str) -> Path:
        """Return where the transfer from `source` to `target` is remembered."""
        names = (
            hashlib.sha256(one.encode(errors="surrogateescape")).hexdigest()[:32]
            for one in (source, target)
        )
        return self.folder / f"{'--'.join(names)}.{operation}"


def default_root() -> Path:
    """Return the folder for what programs remember."""
    base = Path(os.environ.get("XDG_STATE_HOME", ""))
    if base.is_absolute():  # the XDG specification: relative paths are ignored
        return base
    return Path("/var/lib") if os.geteuid() == 0 else Path("~/.local/state").expanduser()


class CheckpointFile:
    """The checkpoint at `path`, which may not be there yet; whoever has its lock uses it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()  # guards what follows
        self._fd = -1
        self._flushed_at = 0.0

    def load(self) -> Loaded | None:
        """Return what it says; None: it is not there. Unusable."""
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return None
        *lines, torn = text.split(b"\n")
        if not lines:
            raise Unusable("it has no plan")
        read = [_read(line) for line in lines]
        if None in read:
            plan, *facts = [{} if one is None else one for one in read]
            raise Unusable("it was damaged or changed", Loaded(plan, [one for one in facts if one]))
        plan, *facts = [one for one in read if one is not None]
        if torn:  # written by a process that ended in the middle of it
            os.truncate(self.path, len(text) - len(torn))
        return Loaded(plan, facts)

    def begin(self, plan: Mapping[str, Any]) -> None:
        """Replace what it says by a new plan, on disk when this returns."""
        new = self.path.with_name(f"{self.path.name}.new")
        with self._lock:
            self._close_locked()
            fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                _write(fd, _line(plan))
                os.fsync(fd)
            finally:
                os.close(fd)
            new.replace(self.path)
            flush_folder(self.path.parent)

    def note(self, fact: Mapping[str, Any], *, is_relied_on: bool) -> None:
        """Add a fact; one that is relied on is on disk when this returns."""
        with self._lock:
            if self._fd < 0:
                self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            _write(self._fd, _line(fact))
            now = time.monotonic()
            if is_relied_on or now - self._flushed_at >= FLUSH_EVERY_S:
                os.fdatasync(self._fd)
                self._flushed_at = now

    def close(self) -> None:
        """Flush what was noted, and let go of the file."""
        with self._lock:
            if self._fd >= 0:
                os.fdatasync(self._fd)
            self._close_locked()

    def delete(self) -> None:
        """Forget it."""
        with self._lock:
            self._close_locked()
            self.path.unlink(missing_ok=True)

    def _close_locked(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def flush_folder(folder: Path) -> None:
    """Bring the names in a folder to disk."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _line(value: Mapping[str, Any]) -> bytes:
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()
    return b"%016x %s\n" % (crc64(text), text)


def _read(line: bytes) -> Mapping[str, Any] | None:
    """Return what a line says; None: it was damaged or changed."""
    crc, _, text = line.partition(b" ")
    try:
        value = json.loads(text) if crc == b"%016x" % crc64(text) else None
    except ValueError:
        value = None
    return value if isinstance(value, dict) else None


def _write(fd: int, data: bytes) -> None:
    if os.write(fd, data) != len(data):
        raise OSError("the checkpoint was not written whole: is the disk full?")
