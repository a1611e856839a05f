"""
What ossfs does, shown with real data and checked; `scripts/demo` runs it.

Chapters: a tree of files copied, compared, changed; a large upload that is interrupted
by killing the mount and goes on with the next one. Every statement printed with a tick
was verified; the first that is not true ends the demo with exit code 1.
"""

import argparse
import filecmp
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

from demo_bucket import Server
from rich.console import Console
from rich.markup import escape

from ossfs.config.kinds import parse_size, show_size
from ossfs.crc64 import crc64

BUCKET = "demo-bucket"
PART = 8 << 20  # the mount's default
MOST_LEFT = 24  # parts; a writer waits when 256 MiB that it wrote are not sent
SMALLEST = 100 << 20  # some parts that are there, and some that are not
PATIENCE_S = 120.0
LINES, COLUMNS = 10, 300

console = Console(highlight=False, soft_wrap=True)


class NotTrue(Exception):
    """Something the demo claims did not hold."""


def verify(*, that: bool, text: str) -> None:
    """Print the statement if it is true, else end the demo."""
    if not that:
        raise NotTrue(text)
    console.print(f"  [green]✓[/] {escape(text)}")


@contextmanager
def doing(text: str):  # noqa: ANN201  # a context manager for `with`
    """Say what is being done and how long it took; a spinner on a terminal."""
    start = time.monotonic()
    with console.status(escape(text)):
        yield
    console.print(f"  {escape(text)} [dim]({time.monotonic() - start:.1f} s)[/]")


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command that has to succeed; return what it printed."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=cwd)
    if done.returncode != 0:
        said = last_lines(done.stdout + done.stderr)
        raise NotTrue(f"{' '.join(words)}: exit code {done.returncode}\n{said}")
    return done.stdout


def last_lines(text: str) -> str:
    """Return the end of what a command printed, or of a log."""
    return "\n".join(f"    {line[:COLUMNS]}" for line in text.splitlines()[-LINES:])


def wait_until(is_true: Callable[[], bool], what: str) -> None:
    """Look again and again until it is true."""
    give_up = time.monotonic() + PATIENCE_S
    while not is_true():
        if time.monotonic() > give_up:
            raise NotTrue(f"waited {PATIENCE_S:.0f} s in vain: {what}")
        time.sleep(0.02)


class Mounted:
    """A bucket mounted by `ossfs mount`, as a user would."""

    def __init__(self, server: Server, directory: Path, environment: dict[str, str]) -> None:
        self._server = server
        self._directory = directory
        self._environment = environment

    def mount(self) -> None:
        """Mount; returns when the mount answers."""
        self._ossfs(
            "mount", f"oss://{BUCKET}", str(self._directory), "--endpoint", self._server.endpoint
        )

    def umount(self) -> None:
        """Upload what is pending and unmount."""
        self._ossfs("umount", str(self._directory))

    def kill(self) -> None:
        """End the mount process as a crash would."""
        os.kill(self._status()["pid"], signal.SIGKILL)

    def pending(self) -> dict[str, str]:
        """Return the state of every file that is not in the bucket: key → state."""
        listed = json.loads(self._ossfs("uploads", "list", "--json"))
        return {one["key"]: one["state"] for folder in listed for one in folder["uploads"]}

    def _status(self) -> dict:
        return json.loads(self._ossfs("status", "--json"))[0]

    def _ossfs(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "ossfs", *words],
            capture_output=True,
            text=True,
            check=False,
            env=self._environment,
        )
        if done.returncode != 0:
            raise NotTrue(f"ossfs {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout


def prepare_tree(target: Path) -> tuple[int, int]:
    """Copy Python's standard library without what is not part of it; return files and bytes."""
    library = sysconfig.get_paths()["stdlib"]
    without = shutil.ignore_patterns(
        "site-packages", "dist-packages", "__pycache__", "test", "tests", "idlelib", "config-*"
    )
    shutil.copytree(library, target, ignore=without, ignore_dangling_symlinks=True)
    sizes = [path.stat().st_size for path in target.rglob("*") if path.is_file()]
    return len(sizes), sum(sizes)


def show_tree(source: Path, mount: Path) -> None:
    """Copy a real tree in two ways and change some of it."""
    console.rule("A tree of real files")
    files, size = prepare_tree(source)
    tree = f"Python's standard library, {files} files, {size / 1e6:.0f} MB"
    with doing(f"cp -r: {tree}"):
        run("cp", "-r", source, mount / "copied")
    with doing("diff -r"):
        differences = run("diff", "-r", source, mount / "copied")
    verify(that=not differences, text="diff -r finds no difference")
    with doing("rsync -a of the same tree, and diff -r"):
        run("rsync", "-a", f"{source}/", mount / "synced")
        differences = run("diff", "-r", source, mount / "synced")
    verify(that=not differences, text="nor does it in the copy made by rsync")
    with doing("rsync -a again"):
        again = run("rsync", "-a", "--itemize-changes", f"{source}/", mount / "synced")
    verify(that=not again, text="rsync -a again finds nothing to transfer")
    listing = run("ls", "-l", mount / "synced" / "json").rstrip()
    console.print("  ls -l of the package json:")
    console.print("\n".join(f"    {line}" for line in listing.splitlines()), markup=False)


def show_changes(source: Path, mount: Path) -> None:
    """Append, edit in place and rename, on a local file and the mounted one alike."""
    console.rule("Changing files")
    local, remote = source / "argparse.py", mount / "synced" / "argparse.py"
    for path in (local, remote):
        with path.open("ab") as file:
            file.write(b"# appended\n")
    verify(that=filecmp.cmp(local, remote, shallow=False), text="a line appended to argparse.py")
    for path in (local, remote):
        with path.open("r+b") as file:
            file.seek(1000)
            file.write(b"EDITED IN PLACE")
    verify(that=filecmp.cmp(local, remote, shallow=False), text="15 bytes edited in place, at 1000")
    renamed = remote.with_name("renamed.py")
    run("mv", remote, renamed)
    verify(
        that=not remote.exists() and filecmp.cmp(local, renamed, shallow=False),
        text="renamed to renamed.py, the content is the same",
    )


def make_large(path: Path, size: int) -> int:
    """Write random bytes; return their CRC-64."""
    crc = 0
    with path.open("wb") as file:
        for start in range(0, size, PART):
            piece = os.urandom(min(PART, size - start))
            file.write(piece)
            crc = crc64(piece, crc)
    return crc


def show_interruption(server: Server, mounted: Mounted, work: Path, mount: Path, size: int) -> None:
    """Kill the mount in the middle of an upload; the next mount goes on with it."""
    console.rule("An interrupted upload")
    total = -(-size // PART)
    with doing(f"making a file of {size / 1e6:.0f} MB of random bytes, {total} parts"):
        crc = make_large(work / "large", size)
    taken = max(total // 3, total - MOST_LEFT)
    console.print(f"  (the server takes {taken} parts, and says to all others that it is busy)")
    server.admin(
        "POST",
        "faults",
        {"action": "error", "operation": "UploadPart", "status": 503, "skip": taken},
    )
    copying = subprocess.Popen(
        ["cp", work / "large", mount / "large"], stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    )

    # Parts are sent while cp still writes; only once it closes is the file promised.
    with doing(f"cp of the file; waiting until it has written all, and {taken} parts are there"):
        wait_until(
            lambda: (
                mounted.pending().get("large") == "uploading"
                and server.parts_of(BUCKET, "large") == taken
            ),
            "the upload to be under way",
        )
    mounted.kill()
    copying.wait()
    with doing("kill -9 of the mount process"):
        there = server.parts_of(BUCKET, "large")
    verify(
        that=there == taken and server.head(BUCKET, "large") is None,
        text=f"killed in the middle: {there} of {total} parts were there, and no object",
    )
    server.admin("DELETE", "faults")
    with doing("mounting again"):
        mounted.mount()
    with doing("the upload goes on by itself"):
        wait_until(lambda: server.head(BUCKET, "large") is not None, "the object to be complete")
        wait_until(lambda: not mounted.pending(), "nothing to be pending")
    sent = server.parts_taken() - there
    verify(
        that=there + sent == total,
        text=f"{there} parts were already there, {sent} were sent, {total} in all: none twice",
    )
    headers = server.head(BUCKET, "large") or {}
    verify(
        that=headers.get("x-oss-hash-crc64ecma") == str(crc),
        text=f"the object's CRC-64 equals the source's: {crc}",
    )
    with doing("reading it back through the mount"):
        same = filecmp.cmp(work / "large", mount / "large", shallow=False)
    verify(that=same, text="and so does every byte of the mounted file")
    verify(that=not server.pending_uploads(BUCKET), text="no unfinished upload is left behind")


def keep(server: Server, mount: Path, work: Path) -> None:
    """Say how to use the mount and how to end it."""
    (work / "kept").touch()
    ossfs = Path(sys.executable).with_name("ossfs")
    state = f"XDG_STATE_HOME={work / 'state'}"
    console.rule("Yours to play with")
    console.print(f"  The bucket is mounted at  {mount}")
    console.print("  To end it:")
    console.print(f"    {state} {ossfs} umount {mount}", markup=False)
    console.print(f"    kill {server.process.pid}      # the object server")
    console.print(f"    rm -rf {work}")


def require_space(work: Path, size: int) -> None:
    """Source, staging, the server's parts and its object are on this disk at a time."""
    needed, free = 4 * size + (2 << 30), shutil.disk_usage(work).free
    if free < needed:
        raise NotTrue(
            f"{work} has {free / 1e9:.1f} GB free, the demo needs {needed / 1e9:.1f} GB;"
            " set TMPDIR, or give a smaller --size"
        )


def main() -> int:
    """Run the chapters; 0 only if all of them were verified."""
    parser = argparse.ArgumentParser(prog="scripts/demo")
    parser.add_argument("work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--keep", action="store_true", help="leave the mount up")
    parser.add_argument("--size", type=parse_size, default="400M", help="of the large file")
    given = parser.parse_args()
    if given.size < SMALLEST:
        parser.error(f"--size: at least {show_size(SMALLEST)}")
    work, mount = given.work, given.work / "mnt"
    start = time.monotonic()
    try:
        require_space(work, given.size)
        mount.mkdir()
        console.rule("Server and mount")
        with doing("starting ossfs serve, an object server with a folder as storage"):
            server = Server(work / "storage", work / "server.log")
            server.make_bucket(BUCKET)
        state = {"XDG_STATE_HOME": str(work / "state")}
        mounted = Mounted(server, mount, {**os.environ, **server.credentials, **state})
        with doing(f"ossfs mount oss://{BUCKET} {mount} --endpoint {server.endpoint}"):
            mounted.mount()
        show_tree(work / "source", mount)
        show_changes(work / "source", mount)
        show_interruption(server, mounted, work, mount, given.size)
        if given.keep:
            keep(server, mount, work)
        else:
            with doing("ossfs umount"):
                mounted.umount()
            server.close()
    except NotTrue as error:
        console.print(f"  [red]✗[/] {escape(str(error))}")
        for log in (work / "state").glob("ossfs/*/mount.log"):
            console.print(f"  the end of the mount's log:\n{escape(last_lines(log.read_text()))}")
        return 1
    console.rule(f"All of it was verified, in {time.monotonic() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
