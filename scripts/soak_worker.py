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
import json
import os
import sys
from pathlib import Path

from soak_files import PIECE, Files, Held, Shadow, Stop

from ossfs.crc64 import crc64


def pread_all(fd: int, size: int) -> bytes:
    """Read up to `size` bytes; a mount that dies first gives some, and an error then."""
    content = b""
    while len(content) < size and (more := os.pread(fd, size - len(content), len(content))):
        content += more
    return content


class Worker(Files):
    """Does one random thing after the other, and says so."""

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
        content = self.do("pread", lambda: pread_all(held.fd, size + 1), fd=held.number)
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
        things = [
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
