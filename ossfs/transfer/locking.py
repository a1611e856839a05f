"""
One process, and one thread of it, at a time for a transfer.

The lock is an flock on a file beside the checkpoint, which the kernel drops however the
process ends. The file holds the owner's process id, for the message to whoever comes second.

Threads: a `TransferLock` belongs to the thread that acquired it.
"""

import contextlib
import fcntl
import os
from pathlib import Path

from ossfs.errors import TransferInUse


class TransferLock:
    """The right to transfer, until `release`. TransferInUse: somebody else has it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._fd = self._acquired()

    def _acquired(self) -> int:
        while True:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = os.pread(fd, 32, 0).decode(errors="replace").strip()
                os.close(fd)
                raise TransferInUse(
                    f"process {owner or 'unknown'} transfers this already ({self._path})"
                ) from None
            except OSError:  # a file system without locks: better unguarded than not at all
                return fd
            if self._is_at_its_name(fd):
                os.ftruncate(fd, 0)
                os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
                return fd
            os.close(fd)  # its owner deleted it just now

    def _is_at_its_name(self, fd: int) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(fd), self._path.stat())
        return False

    def release(self) -> None:
        """Let others in; a second call does nothing more."""
        if self._fd < 0:
            return
        self._path.unlink(missing_ok=True)  # while it is held: nobody else's can be meant
        os.close(self._fd)
        self._fd = -1
