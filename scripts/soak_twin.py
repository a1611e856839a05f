"""
One process that does the same in a directory of a mount and in a local one.

    python soak_twin.py SPEC

SPEC is JSON: `mount` and `local` (two directories, empty at first), `seed`, `operations`
(how many). What an operation returns, or its errno, is compared at once; the first
difference is printed and ends it with exit code 1.
"""

import contextlib
import errno
import json
import os
import random
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAMES = "abcd"
SHARE_OF_DEEP = 0.5
MOST_OPEN = 4
SIZES = (0, 1, 100, 5000, 70_000, 400_000)
MODES = (0o600, 0o640, 0o755, 0o444)
WHOLE = (os.O_CREAT | os.O_WRONLY | os.O_TRUNC, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
FLAGS = (
    *WHOLE,
    *(os.O_RDONLY, os.O_RDWR, os.O_RDWR | os.O_CREAT, os.O_RDWR | os.O_APPEND),
    *(os.O_RDWR | os.O_TRUNC, os.O_RDONLY | os.O_DIRECTORY, os.O_RDWR | os.O_NOFOLLOW),
)


class Different(Exception):
    """The two do not agree; the message says about what."""


@dataclass
class Open:
    """A file that is open in both."""

    fds: tuple[int, int]
    name: str


class Twins:
    """Does random things to both directories."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.roots = (Path(spec["mount"]), Path(spec["local"]))
        self.random = random.Random(spec["seed"])
        self.opened: list[Open] = []
        self.done: list[str] = []

    def both(self, what: str, call: Callable[[int], Any]) -> Any:
        """Call the function for both, and compare. Different."""
        results = []
        for which in range(2):
            try:
                results.append(call(which))
            except OSError as error:
                results.append(errno.errorcode.get(error.errno or 0, str(error)))
        self.done.append(f"{what}: {_short(results[1])}")
        if results[0] != results[1]:
            history = "\n  ".join(self.done[-40:-1])
            found, wanted = map(_short, results)
            raise Different(f"  {history}\n{what}: {found} in the mount, {wanted} in the twin")
        return results[0]

    def on(self, what: str, name: str, call: Callable[[Path], Any]) -> Any:
        """Call the function for a name in both."""
        return self.both(f"{what} {name}", lambda which: call(self.roots[which] / name))

    # Choosing

    def name(self) -> str:
        """Choose a path that may be there, one to three names long."""
        name = self.random.choice(NAMES)
        while self.random.random() < SHARE_OF_DEEP and name.count("/") < len(NAMES) - 2:
            name += f"/{self.random.choice(NAMES)}"
        return name

    def content(self) -> bytes:
        """Make up some bytes."""
        return self.random.randbytes(self.random.choice(SIZES))

    def one(self) -> Open | None:
        """Choose a file that is open."""
        return self.random.choice(self.opened) if self.opened else None

    # Doing

    def write(self) -> None:
        """Write a whole file."""
        content, flags = self.content(), self.random.choice(WHOLE)

        def call(path: Path) -> int:
            fd = os.open(path, flags, 0o644)
            try:
                return os.write(fd, content)
            finally:
                os.close(fd)

        self.on(f"write {len(content)} {flags:o}", self.name(), call)

    def read(self) -> None:
        """Read a whole file."""
        self.on("read", self.name(), Path.read_bytes)

    def open(self) -> None:
        """Open a file, and keep it open."""
        if len(self.opened) >= MOST_OPEN:
            self.close()
            return
        name, flags = self.name(), self.random.choice(FLAGS)
        fds: dict[int, int] = {}

        def call(which: int) -> bool:
            fds[which] = os.open(self.roots[which] / name, flags, 0o644)
            return True

        if self.both(f"open {name} {flags:o}", call) is True:
            self.opened.append(Open((fds[0], fds[1]), name))

    def on_open(self, what: str, call: Callable[[int], Any]) -> None:
        """Do something with a file that is open."""
        one = self.one()
        if one is not None:
            self.both(f"{what} of {one.name}", lambda which: call(one.fds[which]))

    def pwrite(self) -> None:
        """Write into an open file."""
        content, offset = self.content(), self.random.randrange(500_000)
        self.on_open(
            f"pwrite {len(content)} at {offset}", lambda fd: os.pwrite(fd, content, offset)
        )

    def append(self) -> None:
        """Write where the descriptor is."""
        content = self.content()
        self.on_open(f"write {len(content)}", lambda fd: os.write(fd, content))

    def pread(self) -> None:
        """Read from an open file."""
        size, offset = self.random.choice(SIZES), self.random.randrange(500_000)
        self.on_open(f"pread {size} at {offset}", lambda fd: os.pread(fd, size, offset))

    def ftruncate(self) -> None:
        """Cut or extend an open file."""
        size = self.random.choice((0, 10, 5000, 600_000))
        self.on_open(f"ftruncate {size}", lambda fd: os.ftruncate(fd, size))

    def fsync(self) -> None:
        """Sync an open file."""
        self.on_open("fsync", os.fsync)

    def fstat(self) -> None:
        """Look at an open file."""
        self.on_open("fstat", lambda fd: _about(os.fstat(fd)))

    def close(self) -> None:
        """Close an open file."""
        one = self.one()
        if one is not None:
            self.opened.remove(one)
            self.both(f"close of {one.name}", lambda which: os.close(one.fds[which]))

    def stat(self) -> None:
        """Look at a name."""
        self.on("lstat", self.name(), lambda path: _about(path.lstat()))

    def listdir(self) -> None:
        """List a directory."""
        self.on("listdir", self.name(), _names)

    def mkdir(self) -> None:
        """Make a directory."""
        self.on("mkdir", self.name(), lambda path: path.mkdir(0o755))

    def rmdir(self) -> None:
        """Remove a directory."""
        self.on("rmdir", self.name(), Path.rmdir)

    def unlink(self) -> None:
        """Remove a file."""
        self.on("unlink", self.name(), Path.unlink)

    def rename(self) -> None:
        """Rename a file or directory over whatever is there."""
        source, target = self.name(), self.name()

        def call(which: int) -> None:
            (self.roots[which] / source).rename(self.roots[which] / target)

        self.both(f"rename {source} {target}", call)

    def symlink(self) -> None:
        """Make a link to a neighbour."""
        target = self.random.choice(NAMES)
        self.on(f"symlink {target}", self.name(), lambda path: path.symlink_to(target))

    def readlink(self) -> None:
        """Read a link."""
        self.on("readlink", self.name(), lambda path: str(path.readlink()))

    def chmod(self) -> None:
        """Change a mode."""
        mode = self.random.choice(MODES)
        self.on(f"chmod {mode:o}", self.name(), lambda path: path.chmod(mode))

    def utime(self) -> None:
        """Change times, and look at them."""
        when = self.random.randrange(2_000_000_000)

        def call(path: Path) -> int:
            os.utime(path, (when, when))
            return int(path.stat().st_mtime)

        self.on(f"utime {when}", self.name(), call)

    def truncate(self) -> None:
        """Cut or extend a file by its name."""
        size = self.random.choice((0, 10, 5000, 600_000))
        self.on(f"truncate {size}", self.name(), lambda path: os.truncate(path, size))

    def run(self, operations: int) -> None:
        """Do as many things, close everything, and compare both trees. Different."""
        things: list[tuple[int, Callable[[], None]]] = [
            (12, self.write), (8, self.read), (12, self.open), (12, self.pwrite), (5, self.append),
            (6, self.pread), (4, self.ftruncate), (4, self.fsync), (4, self.fstat),
            (10, self.close), (8, self.stat), (6, self.listdir), (10, self.mkdir),
            (4, self.rmdir), (8, self.unlink),
            (10, self.rename), (3, self.symlink), (3, self.readlink), (5, self.chmod),
            (4, self.utime), (4, self.truncate),
        ]  # fmt: skip
        weights = [weight for weight, _ in things]
        try:
            for _ in range(operations):
                self.random.choices(things, weights)[0][1]()
        finally:
            while self.opened:
                one = self.opened.pop()
                for fd in one.fds:
                    with contextlib.suppress(OSError):
                        os.close(fd)
        self.compare()

    def compare(self) -> None:
        """Compare everything there is. Different."""
        self.both("the tree", lambda which: tree(self.roots[which]))


def tree(root: Path) -> dict[str, object]:
    """Return names, kinds, modes and contents of everything below a directory."""
    found: dict[str, object] = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            about = _about(path.lstat())
            content: object = None
            if path.is_symlink():
                content = str(path.readlink())
            elif path.is_file():
                content = path.read_bytes()
            found[str(path.relative_to(root))] = (about, content)
    return found


def _names(path: Path) -> list[str]:
    return sorted(os.listdir(path))  # noqa: PTH208  # one call, with its errno


def _about(found: os.stat_result) -> tuple[str, int, int]:
    """Return what has to be equal: kind, mode and, of a file, size."""
    kind = stat.filemode(found.st_mode)[0]
    is_file = stat.S_ISREG(found.st_mode)
    return kind, stat.S_IMODE(found.st_mode), found.st_size if is_file else 0


def _short(result: object) -> str:
    if isinstance(result, dict):
        return str({name: (about, _short(content)) for name, (about, content) in result.items()})
    if isinstance(result, bytes) and len(result) > len(SIZES):
        return f"{len(result)} bytes ({hash(result) & 0xFFFFFFFF:08x})"
    return str(result)


def main() -> int:
    """Run what the file says."""
    spec = json.loads(Path(sys.argv[1]).read_text())
    twins = Twins(spec)
    try:
        twins.compare()  # as the last process left it, perhaps through another mount
        twins.run(spec["operations"])
    except Different as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
