"""
`ossfs umount`: finish the uploads, unmount, wait for the process to end.

The mount process does the work; this command asks it to (`control`), shows how much is
left meanwhile, and takes the mount away. Nothing is lost when the time is over: what is
not in the bucket stays in the state folder and goes on with the next mount.

By force, files that are open are no reason to wait: a mount that was only taken out of the
tree would be served until the last of them is closed. So the process ends within seconds,
by itself or, should it hang, by a signal; the kernel then fails what is open.
"""

import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from ossfs.cli import mountpoint as kernel
from ossfs.cli.control import Client, ControlError
from ossfs.cli.state import Record, is_live, owner_of, read_record
from ossfs.cli.uploads.found import offline
from ossfs.cli.wording import left_text, upload_lines, waited_for
from ossfs.config.kinds import parse_duration
from ossfs.errors import InvalidOption, JournalDamaged, MountFailed

POLL_S = 0.05
PLAIN_EVERY_S = 5.0
ANSWER_S = 10.0  # for a process to say how far it is
URGENT_S = 2.0  # the same, by force; and then to end
PATIENCE_S = 60.0  # for the process to end once all is uploaded and unmounted
HURRY_S = 6.0  # the same, by force: it gives requests under way half of that, then ends
SETTLED_BY_HAND = frozenset({"conflict", "lost"})
LAST_STEPS_S = 5.0  # from letting the folder go to the end of the process


@click.command(short_help="Finish the uploads of a mount, then unmount it.")
@click.argument("directory", metavar="DIR")
@click.option(
    "--timeout",
    metavar="DURATION",
    help="Wait at most this long for uploads (30s, 5m), then unmount all the same;"
    " the rest goes on with the next mount.  [default: as long as it takes]",
)
@click.option(
    "--force",
    is_flag=True,
    help="Unmount now, even if files are open: their users get errors, what was written to"
    " them is kept; uploads go on with the next mount.",
)
def umount(*, directory: str, timeout: str | None, force: bool) -> None:
    """
    Finish the uploads of the mount at DIR, then unmount it.

    Exit code 0 means that everything that was closed is in the bucket.
    """
    path = kernel.located(directory)
    mounted, owner = kernel.mount_at(path), owner_of(path)
    if owner is not None and is_live(owner[0]):
        sys.exit(_end(path, *owner, _seconds(timeout), force=force))
    if mounted is None:
        raise MountFailed(f"{directory} is not a mount")
    if not mounted.is_ours:
        raise MountFailed(f"{directory} is a {mounted.fstype} mount, not one of ossfs; use umount")
    kernel.unmount(path, lazily=True)
    click.echo(f"{directory}: the mount process was gone; its mount is taken away")
    if owner is not None:
        click.echo(
            f"`ossfs uploads list` says what it left; mount {owner[1].url} again to go on with it"
        )


def _seconds(timeout: str | None) -> float | None:
    try:
        return None if timeout is None else parse_duration(timeout)
    except ValueError as error:
        raise InvalidOption(f"--timeout: {timeout!r} {error}") from None


def _end(path: Path, folder: Path, record: Record, timeout_s: float | None, *, force: bool) -> int:
    left: Sequence[Mapping[str, Any]] = []
    patience_s = HURRY_S if force else PATIENCE_S
    try:
        left = _drain(record, timeout_s, force=force)
    except ControlError as error:
        if not force:
            raise MountFailed(f"{error}; to unmount all the same: --force") from error
        click.echo(f"ossfs: {error}", err=True)
        patience_s = URGENT_S
    except KeyboardInterrupt:
        click.echo(f"\n{path} is still mounted, its uploads go on", err=True)
        return 130
    if kernel.mount_at(path) is not None:
        _unmount(path, force=force)
    is_over = _wait_for_end(folder, record.pid, patience_s)
    if not is_over and force:
        _kill(folder, record.pid)
        is_over = _wait_for_end(folder, record.pid, LAST_STEPS_S)
    return _say_how_it_ended(path, folder, record, left, is_over=is_over)


def _say_how_it_ended(
    path: Path, folder: Path, record: Record, left: Sequence[Mapping[str, Any]], *, is_over: bool
) -> int:
    drafts: Sequence[Mapping[str, Any]] = []
    if is_over and (folder / "journal.db").exists():
        # What was being sent when the time was over may have arrived since.
        with contextlib.suppress(JournalDamaged):
            kept = offline(folder)
            drafts = [one for one in kept if one["state"] == "draft"]
            left = [*waited_for(kept), *(one for one in kept if one["state"] == "lost")]
    if left:
        click.echo(f"unmounted {path}; not in the bucket yet: {left_text(left)}", err=True)
        for line in upload_lines(left):
            click.echo(f"  {line}", err=True)
        states = {one["state"] for one in left}
        if states - SETTLED_BY_HAND:
            click.echo(f"  mount {record.url} again to go on with it", err=True)
        if states & SETTLED_BY_HAND:
            click.echo("  `ossfs uploads list` says what can be done with the rest", err=True)
        return 1
    if not is_over:
        click.echo(
            f"unmounted {path}, but process {record.pid} still works on it; see"
            f" {folder / 'mount.log'}",
            err=True,
        )
        return 1
    if drafts:
        click.echo(
            f"unmounted {path}; everything that was closed is in the bucket;"
            f" kept, as it never was: {left_text(drafts)} (`ossfs uploads list`)"
        )
        return 0
    click.echo(f"unmounted {path}; everything is in the bucket")
    return 0


def _drain(record: Record, timeout_s: float | None, *, force: bool) -> Sequence[Mapping[str, Any]]:
    """Let the mount upload what is pending; return what is left after the time. ControlError."""
    if force:
        timeout_s = 0.0
    answers: list[dict[str, Any] | ControlError] = []

    def drain() -> None:
        try:
            with closing(Client(record.socket, timeout_s=None)) as client:
                answers.append(client.ask("drain", deadline_s=timeout_s))
        except ControlError as error:
            answers.append(error)

    waiting = threading.Thread(target=drain, name="drain", daemon=True)
    waiting.start()
    with closing(Client(record.socket, timeout_s=URGENT_S if force else ANSWER_S)) as client:
        _show(client, waiting)
        answer = answers[0]
        if isinstance(answer, ControlError):
            raise answer
        if force or not answer["is_drained"]:
            client.ask("hurry")
    return waited_for(answer["uploads"])


def _show(client: Client, waiting: threading.Thread) -> None:
    """Say how much is left until the thread is done: a bar, or a line now and then."""
    waiting.join(POLL_S)
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    last_said = 0.0
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        bar = bars.add_task("uploading", total=None)
        while waiting.is_alive():
            pending = waited_for(client.ask("status"))
            bars.update(
                bar,
                description=f"uploading {left_text(pending)}",
                total=sum(one["size"] for one in pending),
                completed=sum(one["sent"] for one in pending),
            )
            if not console.is_terminal and time.monotonic() - last_said > PLAIN_EVERY_S:
                last_said = time.monotonic()
                click.echo(f"uploading, left: {left_text(pending)}", err=True)
            waiting.join(POLL_S * 4)


def _unmount(path: Path, *, force: bool) -> None:
    try:
        kernel.unmount(path, lazily=force)
    except kernel.Busy as error:
        who = [f"\n  {holder}" for holder in kernel.holders(path)]
        raise MountFailed(
            f"{path} is in use, so it stays mounted; what was closed is uploaded, and files that"
            f" are still open for writing are when they are closed.{''.join(who)}"
            "\n  End what uses it, or use --force"
        ) from error


def _wait_for_end(folder: Path, pid: int, patience_s: float) -> bool:
    """Wait until the process has let its state folder go, and is gone; False: not in time."""
    give_up = time.monotonic() + patience_s
    try:
        process = os.pidfd_open(pid)
    except OSError:  # gone already, or no such call: the lock says enough
        process = -1
    try:
        while is_live(folder):
            if time.monotonic() > give_up:
                return False
            time.sleep(POLL_S)
        if process >= 0:
            select.select([process], [], [], LAST_STEPS_S)
    finally:
        if process >= 0:
            os.close(process)
    return True


def _kill(folder: Path, pid: int) -> None:
    """End a process that hangs, if it still owns the folder. As a crash: it costs nothing."""
    owner = read_record(folder)
    if owner is not None and owner.pid == pid and is_live(folder):
        with contextlib.suppress(ProcessLookupError):  # it ended between the two lines
            os.kill(pid, signal.SIGKILL)
