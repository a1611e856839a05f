"""
The state folders: where a mount keeps what must survive it, and who owns which.

A folder is named for what it belongs to, `<bucket>-<hash of endpoint, bucket, prefix>`,
so that a remount after a crash finds what the killed mount left. It holds `lock`,
`journal.db`, `staging/`, `mount.json` (a `Record`), `control.sock` and `mount.log`.

One mount at a time owns a folder: it holds an flock on `lock`, which the kernel drops
however the process ends. When the folder is taken by another mount of the same bucket,
the next one uses `<folder>.2` and so on, always the first free one. A folder given by
`--state-dir` is used or refused, and linked from the home so that it is found again.

Home: `$XDG_STATE_HOME/ossfs`; without the variable `/var/lib/ossfs` for root (whose HOME
depends on how root was reached) and `~/.local/state/ossfs` for everybody else. Never /tmp.

Threads: a `StateDirectory` belongs to the thread that acquired it; the rest are
functions of the file system.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ossfs.config import MountConfig
from ossfs.errors import InvalidOption, StateInUse

MOST_MOUNTS = 99  # of one bucket with default folders
LOCK_TRIES = 5
LOCK_PAUSE_S = 0.02  # `is_live` of another process holds a shared lock for microseconds


@dataclass(frozen=True, slots=True)
class Record:
    """What `mount.json` says: the mount that owns the folder, or the last that did."""

    url: str
    endpoint: str
    mountpoint: str
    pid: int
    started_ns: int
    socket: str
    """Where the process answers; empty as long as it is starting."""
    options: Mapping[str, str] = field(default_factory=dict)
    """What was given to `ossfs mount` and is not the default, as -o writes it; no secrets."""


def home() -> Path:
    """Return the folder of the state folders; it may not exist."""
    base = os.environ.get("XDG_STATE_HOME", "")
    if Path(base).is_absolute():  # the XDG specification: relative paths are ignored
        return Path(base, "ossfs")
    if os.geteuid() == 0:
        return Path("/var/lib/ossfs")
    return Path("~/.local/state/ossfs").expanduser()


def folder_name(config: MountConfig) -> str:
    """Name the state folder of what is mounted: the same for every mount of it."""
    where = (config.store.endpoint or config.store.region or "").lower()
    identity = (config.url.scheme, where.split("://")[-1], config.url.bucket, config.url.prefix)
    digest = hashlib.sha256("\n".join(identity).encode()).hexdigest()
    return f"{config.url.bucket}-{digest[:10]}"


class StateDirectory:
    """A state folder that this process owns until `close`."""

    def __init__(self, path: Path, lock_fd: int) -> None:
        self.path = path
        self._lock_fd = lock_fd

    @classmethod
    def acquire(cls, config: MountConfig) -> "StateDirectory":
        """
        Lock the folder the configuration asks for, or the first free default one.

        StateInUse names the owner; InvalidOption when the folder cannot be made.
        """
        explicit = config.writeback.state_dir
        if explicit is not None:
            own = cls.of(explicit)
            _link(explicit)
            return own
        base = home() / folder_name(config)
        for number in range(1, MOST_MOUNTS + 1):
            path = base if number == 1 else base.with_name(f"{base.name}.{number}")
            state = cls._try(path)
            if state is not None:
                return state
        raise StateInUse(f"{config.url} is mounted {MOST_MOUNTS} times already")

    @classmethod
    def of(cls, path: Path) -> "StateDirectory":
        """Lock a folder that is there. StateInUse names the owner; InvalidOption."""
        state = cls._try(path)
        if state is None:
            raise StateInUse(f"the state folder {path} is used by {_owner(path)}")
        return state

    @classmethod
    def _try(cls, path: Path) -> "StateDirectory | None":
        """Lock the folder; None when somebody else has it."""
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            fd = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise InvalidOption(
                f"the state folder {path} cannot be used: {error.strerror};"
                " choose another with --state-dir"
            ) from error
        for attempt in range(LOCK_TRIES):
            if attempt:
                time.sleep(LOCK_PAUSE_S)
            if _flock(fd, fcntl.LOCK_EX):
                return cls(path, fd)
        os.close(fd)
        return None

    def describe(self, record: Record) -> None:
        """Write `mount.json`; readers see the old or the new one."""
        text = json.dumps(asdict(record), indent=1)
        new = self.path / "mount.json.new"
        new.write_text(text + "\n")
        new.replace(self.path / "mount.json")

    def close(self) -> None:
        """Let the folder go."""
        os.close(self._lock_fd)


def _flock(fd: int, operation: int) -> bool:
    try:
        fcntl.flock(fd, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_live(folder: Path) -> bool:
    """Say whether a process owns the folder."""
    try:
        fd = os.open(folder / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _flock(fd, fcntl.LOCK_SH)
    finally:
        os.close(fd)


def read_record(folder: Path) -> Record | None:
    """Return what `mount.json` says; None when it is missing or not readable."""
    try:
        return Record(**json.loads((folder / "mount.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None  # never written, or by another version: the folder is still listed


def is_running(record: Record) -> bool:
    """Say whether the process of a mount is there, as far as this one can see."""
    try:
        facts = Path(f"/proc/{record.pid}/stat").read_text(errors="replace")
    except OSError:
        return False
    state = facts.rpartition(")")[2].split()[0]
    return state not in {"Z", "X"}  # dead, and nobody has asked how it ended


def _owner(folder: Path) -> str:
    record = read_record(folder)
    if record is None or not is_running(record):
        return "another process, perhaps `ossfs uploads`"
    return f"process {record.pid}, which mounts {record.url} at {record.mountpoint}"


def _link(folder: Path) -> None:
    """Leave a link in the home, so that `folders` finds a folder that is elsewhere."""
    if folder.parent.resolve() == home().resolve():
        return
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:10]
    link = home() / f"elsewhere-{digest}"
    # Without the link everything works but finding the folder again by listing the home.
    with contextlib.suppress(OSError):
        link.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        link.symlink_to(folder)


def folders() -> Iterator[Path]:
    """Yield every state folder of this user, by name; links to folders that went are removed."""
    try:
        entries = sorted(home().iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.is_symlink() and not entry.exists():
            with contextlib.suppress(OSError):
                entry.unlink()
        elif (entry / "lock").exists():
            yield entry.resolve()


def owner_of(mountpoint: Path) -> tuple[Path, Record] | None:
    """
    Return the folder, and its record, of the mount at `mountpoint`.

    A live mount wins over the remains of killed ones; of those, the latest.
    """
    found = [
        (is_live(folder), record.started_ns, folder, record)
        for folder in folders()
        if (record := read_record(folder)) is not None and record.mountpoint == str(mountpoint)
    ]
    if not found:
        return None
    _, _, folder, record = max(found, key=lambda one: one[:2])
    return folder, record
