"""
One process of the load: changes files below one directory of a mount until an error ends it.

    python soak_worker.py SPEC

SPEC is JSON: `root` (directory in the mount, nobody else's), `log`, `pad` (a file of random
bytes; all content is cut from it), `scratch` (a local folder of this worker), `seed`,
`large` (bytes of the largest file) and `files`, what is there: name → [size, crc64].

The log is outside of the mount. Every operation is written to it when it begins and when it
has ended, with what the file holds then (size and CRC-64), so that `soak_model` can say
later what may be there after a crash. Each worker is one thread: at most one of its
operations is under way when the mount dies; what runs beside it are the other workers.
"""

import contextlib
import errno
import json
import os
import random
import subprocess
import sys
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


class Worker:
    """Does one random thing after the other, and says so."""

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

    # What is done, by chance

    def copy(self) -> None:
        """Copy a file of any size into the mount."""
        name = self.name()
        (self.scratch / "source").write_bytes(self.content(self.size()))
        (self.scratch / "again").write_text(name)
        self._copy(name)

    def copy_again(self) -> None:
        """Copy again what was not copied to its end before the mount was killed."""
        again = self.scratch / "again"
        if again.exists():
            self._copy(again.read_text())

    def _copy(self, name: str) -> None:
        source = self.scratch / "source"
        content = source.read_bytes()
        found = [len(content), crc64(content)]
        self.command("cp", ["cp", str(source), str(self.path(name))], path=name, print=found)
        (self.scratch / "again").unlink()
        shadow = self.files.setdefault(name, Shadow(found))
        shadow.print = found
        shadow.content = bytearray(content) if shadow.handles else None

    def create(self) -> None:
        """Write a file from its start."""
        held = self.open(self.name(), os.O_TRUNC if self.perhaps(0.7) else 0)
        self.fill(held, self.content(self.size() % (4 << 20)))
        self.maybe_sync(held)
        self.close_or_hold(held)

    def maybe_sync(self, held: Held) -> None:
        """Sync at times."""
        if self.perhaps(0.3):
            self.fsync(held)

    def edit(self) -> None:
        """Write here and there, through one or two descriptors, syncing at times."""
        name = self.taken()
        if name is None:
            return
        handles = [self.open(name, 0) for _ in range(self.random.choice((1, 1, 2)))]
        for _ in range(self.random.randint(1, 6)):
            held = self.random.choice(handles)
            size = self.random.choice((1, 100, 5000, PIECE))
            most = held.shadow.print[0] + self.random.choice((0, 0, 300_000))
            self.write(held, self.content(size), self.random.randint(0, most))
            self.maybe_sync(held)
        for held in handles:
            self.close_or_hold(held)

    def append(self) -> None:
        """Append to a file."""
        held = self.open(self.name(), os.O_APPEND)
        for _ in range(self.random.randint(1, 4)):
            self.write(held, self.content(self.random.randint(1, PIECE)))
            self.maybe_sync(held)
        self.close(held)

    def go_on(self) -> None:
        """Do something with a descriptor that has been open for a while."""
        if not self.held:
            return
        held = self.random.choice(self.held)
        if self.perhaps(0.4):
            size = held.shadow.print[0]
            self.write(held, self.content(5000), self.random.randint(0, size))
        elif self.perhaps(0.3):
            self.fsync(held)
        else:
            self.close(held)

    def truncate(self) -> None:
        """Cut or extend a file, by its name or its descriptor."""
        name = self.taken()
        if name is None:
            return
        size = self.random.choice((0, self.random.randint(0, self.files[name].print[0] + 100_000)))
        if self.perhaps(0.5):
            held = self.open(name, 0)
            self.cut(held.shadow, size)
            self.do(
                "truncate",
                lambda: os.ftruncate(held.fd, size),
                fd=held.number,
                print=held.shadow.print,
            )
            self.close_or_hold(held)
            return
        shadow = self.loaded(name)
        self.cut(shadow, size)
        path = self.path(name)
        self.do("truncate", lambda: os.truncate(path, size), path=name, print=shadow.print)
        if not shadow.handles:
            shadow.content = None

    def replace(self) -> None:
        """Write a new file and rename it over another one, before or after it is closed."""
        held = self.open("new", os.O_TRUNC)
        self.fill(held, self.content(self.size() % (3 << 20)))
        self.maybe_sync(held)
        is_open = self.perhaps(0.2)
        if not is_open:
            self.close(held)
        self.move("new", self.name())
        if is_open:
            self.close(held)

    def move(self, source: str, target: str) -> None:
        """Rename a file."""
        old, new = self.path(source), self.path(target)
        self.do("rename", lambda: old.rename(new), path=source, to=target)
        self.files[target] = self.files.pop(source)

    def rename(self) -> None:
        """Rename a file to a name that may be taken."""
        source, target = self.taken(), self.name()
        if source is not None and source != target:
            self.move(source, target)

    def unlink(self) -> None:
        """Remove a file, which may be open."""
        name = self.taken()
        if name is None:
            return
        self.do("unlink", self.path(name).unlink, path=name)
        del self.files[name]

    def unlink_open(self) -> None:
        """Remove a file that is open, and go on with it."""
        held = self.open(self.name(), 0)
        self.write(held, self.content(1000), 0)
        name = next(name for name, shadow in self.files.items() if shadow is held.shadow)
        self.do("unlink", self.path(name).unlink, path=name)
        del self.files[name]
        self.write(held, self.content(1000), 500)
        size = held.shadow.print[0]
        content = self.do("pread", lambda: os.pread(held.fd, size + 1, 0), fd=held.number)
        if content != held.shadow.content:
            self.wrong("pread", name, found=[len(content), crc64(content)])
        self.close_or_hold(held)

    def chmod(self) -> None:
        """Change a file's mode."""
        name = self.taken()
        if name is not None:
            path, mode = self.path(name), self.random.choice((0o600, 0o640, 0o755))
            self.do("chmod", lambda: path.chmod(mode), path=name, mode=mode)

    def utime(self) -> None:
        """Change a file's times."""
        name = self.taken()
        if name is not None:
            path, mtime = self.path(name), self.random.randint(1, 2_000_000_000)
            self.do("utime", lambda: os.utime(path, (mtime, mtime)), path=name, mtime=mtime)

    def look(self) -> None:
        """Read a file and list the directory: both are as written."""
        paths = self.do("listdir", lambda: list(self.root.iterdir()))
        found = {path.name for path in paths} - {"tree"}
        wanted = {name for name in self.files if "/" not in name}
        if found != wanted:
            self.wrong("listdir", "", found=sorted(found), wanted=sorted(wanted))
        name = self.taken()
        if name is not None:
            self.read(name)

    def rsync(self) -> None:
        """Change a few files of a local tree and bring it into the mount."""
        tree = self.scratch / "tree"
        folders = [tree, tree / "sub", tree / "sub/deep"]
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        for _ in range(self.random.randint(2, 8)):
            path = self.random.choice(folders) / f"r{self.random.randrange(6)}"
            path.write_bytes(self.content(self.size() % 300_000))
            path.chmod(self.random.choice((0o600, 0o644, 0o755)))
            mtime = self.random.randint(1, 2_000_000_000)
            os.utime(path, (mtime, mtime))
        files = {}
        for path in sorted(tree.rglob("r*")):
            content, about = path.read_bytes(), path.stat()
            name = f"tree/{path.relative_to(tree)}"
            mode, mtime = about.st_mode & 0o777, int(about.st_mtime)
            files[name] = [len(content), crc64(content), mode, mtime]
        words = ["rsync", "-a", f"{tree}/", str(self.path("tree"))]
        self.command("rsync", words, files=files)
        for name, found in files.items():
            self.files[name] = Shadow(found[:2])

    def run(self) -> None:
        """Go on until something fails."""
        things: list[tuple[int, Callable[[], None]]] = [
            (14, self.copy), (10, self.create), (16, self.edit), (10, self.append),
            (14, self.go_on), (6, self.truncate), (10, self.replace), (5, self.rename),
            (4, self.unlink), (4, self.unlink_open), (5, self.chmod), (4, self.utime),
            (6, self.look), (4, self.rsync),
        ]  # fmt: skip
        weights = [weight for weight, _ in things]
        with contextlib.suppress(Stop):
            self.do("mkdir", lambda: self.root.mkdir(exist_ok=True))
            if self.perhaps(0.7):
                self.copy_again()
            while True:
                self.random.choices(things, weights)[0][1]()
        for held in self.held:
            with contextlib.suppress(OSError):
                os.close(held.fd)


if __name__ == "__main__":
    Worker(json.loads(Path(sys.argv[1]).read_text())).run()
