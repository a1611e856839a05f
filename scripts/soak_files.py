"""
Changes of files in a mount, each of them between two lines of a log outside of it.

What a file has to hold is known at every moment (size and CRC-64, and the bytes as long as
it is open), so whatever is read is compared. `soak_worker` decides what is done.
"""

import errno
import json
import os
import random
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ossfs.crc64 import crc64

SLOTS = 9  # names of a worker; few, so that files meet again
PIECE = 120 << 10  # one request to the file system, wherever it begins
MOST_HELD = 3
EMPTY = [0, 0]


class Stop(Exception):
    """The mount is gone, or something is wrong; the log says what."""


@dataclass
class Shadow:
    """A file as it has to look to this worker now; `content` is here while it is open."""

    print: list[int]
    content: bytearray | None = None
    handles: int = 0


@dataclass
class Held:
    """An open descriptor."""

    fd: int
    shadow: Shadow
    number: int


class Files:
    """The files of one worker, and what is said of each change."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.root = Path(spec["root"])
        self.scratch = Path(spec["scratch"])
        self.random = random.Random(spec["seed"])
        self.pad = Path(spec["pad"]).read_bytes()
        self.large = spec["large"]
        self.files = {name: Shadow(found) for name, found in spec["files"].items()}
        self.held: list[Held] = []
        self._log = os.open(spec["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._number = 0

    # The log

    def _say(self, **record: object) -> None:
        os.write(self._log, json.dumps(record).encode() + b"\n")

    def do(self, op: str, function: Callable[[], Any], **record: object) -> Any:
        """Call the function between two lines of the log. Stop: it failed."""
        self._number += 1
        self._say(n=self._number, op=op, **record)
        try:
            result = function()
        except OSError as error:
            self._say(n=self._number, errno=error.errno, said=str(error), at=time.monotonic())
            raise Stop from error
        self._say(n=self._number, errno=0, at=time.monotonic())
        return result

    def wrong(self, what: str, path: str, **record: object) -> None:
        """Say that the mount did not show what was written. Stop."""
        self._say(wrong=what, path=path, at=time.monotonic(), **record)
        raise Stop

    def command(self, op: str, words: list[str], **record: object) -> None:
        """Run a program between two lines of the log; its failure is an error of I/O."""

        def run() -> None:
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if done.returncode:
                raise OSError(errno.EIO, f"{words[0]}: {done.returncode}: {done.stderr}")

        self.do(op, run, **record)

    # Content

    def size(self) -> int:
        """Choose the size of a file: mostly small, at times large."""
        kind = self.random.random()
        for share, most in ((0.1, 0), (0.5, 64 << 10), (0.85, 2 << 20), (0.96, self.large // 3)):
            if kind < share:
                return self.random.randint(0, min(most, self.large))
        return self.random.randint(0, self.large)

    def content(self, size: int) -> bytes:
        """Cut bytes from the pad: different ones each time."""
        start = self.random.randrange(len(self.pad) - size)
        return self.pad[start : start + size]

    def perhaps(self, share: float) -> bool:
        """Say yes, this often."""
        return self.random.random() < share

    def name(self) -> str:
        """Choose a name that may be taken."""
        return f"f{self.random.randrange(SLOTS)}"

    def taken(self) -> str | None:
        """Choose a name that is taken; files of rsync are its own."""
        names = sorted(name for name in self.files if "/" not in name)
        return self.random.choice(names) if names else None

    def path(self, name: str) -> Path:
        """Return where a name is in the mount."""
        return self.root / name

    def loaded(self, name: str) -> Shadow:
        """Return a file with its content, which is read through the mount and compared."""
        shadow = self.files[name]
        if shadow.content is None:
            shadow.content = bytearray(self.read(name))
        return shadow

    def read(self, name: str) -> bytes:
        """Read a file through the mount. Stop: it is not what was written."""
        content: bytes = self.do("read", self.path(name).read_bytes, path=name)
        found = [len(content), crc64(content)]
        if found != self.files[name].print:
            self.wrong("read", name, found=found, wanted=self.files[name].print)
        return content

    # Descriptors

    def open(self, name: str, flags: int) -> Held:
        """Open a file to change it."""
        is_new = name not in self.files
        if not is_new and not flags & os.O_TRUNC:
            self.loaded(name)
        number = self._number + 1
        fd = self.do(
            "open",
            lambda: os.open(self.path(name), flags | os.O_RDWR | os.O_CREAT, 0o644),
            path=name,
            fd=number,
            trunc=bool(flags & os.O_TRUNC),
        )
        if is_new:
            self.files[name] = Shadow(EMPTY, bytearray())
        shadow = self.files[name]
        if flags & os.O_TRUNC:
            shadow.print, shadow.content = EMPTY, bytearray()
        shadow.handles += 1
        held = Held(fd, shadow, number)
        self.held.append(held)
        return held

    def write(self, held: Held, data: bytes, offset: int | None = None) -> None:
        """Write at an offset, or (None) through a descriptor that appends."""
        shadow = held.shadow
        content = shadow.content
        assert content is not None  # noqa: S101  # it is open
        at = len(content) if offset is None else offset
        if at > len(content):
            content.extend(bytes(at - len(content)))
        if at == len(content):
            is_hole = shadow.print[0] != at
            crc = crc64(data, crc64(content) if is_hole else shadow.print[1])
            content[at:] = data
        else:
            content[at : at + len(data)] = data
            crc = crc64(content)
        shadow.print = [len(content), crc]

        def call() -> None:
            if offset is None:
                written = os.write(held.fd, data)
            else:
                written = os.pwrite(held.fd, data, offset)
            if written < len(data):  # the mount died between two pieces of it
                raise OSError(errno.EIO, f"{written} of {len(data)} bytes were written")

        self.do("write", call, fd=held.number, at_offset=at, size=len(data), print=shadow.print)

    def fill(self, held: Held, data: bytes) -> None:
        """Write from the start, piece by piece."""
        for start in range(0, len(data), PIECE):
            self.write(held, data[start : start + PIECE], start)

    def cut(self, shadow: Shadow, size: int) -> None:
        """Note that a file has been cut or extended."""
        content = shadow.content
        assert content is not None  # noqa: S101  # it was loaded
        del content[size:]
        content.extend(bytes(size - len(content)))
        shadow.print = [size, crc64(content)]

    def fsync(self, held: Held) -> None:
        """Sync a descriptor."""
        self.do("fsync", lambda: os.fsync(held.fd), fd=held.number, print=held.shadow.print)

    def close(self, held: Held) -> None:
        """Close a descriptor."""
        self.held.remove(held)
        self.do("close", lambda: os.close(held.fd), fd=held.number, print=held.shadow.print)
        held.shadow.handles -= 1
        if not held.shadow.handles:
            held.shadow.content = None

    def close_or_hold(self, held: Held) -> None:
        """Close a descriptor now or some other time."""
        if len(self.held) > MOST_HELD or self.perhaps(0.7):
            self.close(held)
