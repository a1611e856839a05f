"""
The mount process: from the options to a mount that answers, and back to nothing.

    checks → state folder (locked) → log → bucket (one list request) → control socket
    → FUSE → ready … signal or unmount … → what is left is uploaded → all is closed

Whoever waits for the mount (`launch`, or the person at the terminal) is told through a
`Channel` how it went.

Threads: main; those of `Session`, of `control.Server`, and what the mount itself starts.
"""

import errno
import json
import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ossfs.cli import mountpoint as kernel
from ossfs.cli.control import Server
from ossfs.cli.explain import explain
from ossfs.cli.handlers import upload_handlers
from ossfs.cli.session import Mount, Session
from ossfs.cli.state import Record, StateDirectory
from ossfs.config import MountConfig, written
from ossfs.errors import InvalidOption, MountFailed, OssfsError, StagingFull
from ossfs.observe import logs

logger = logging.getLogger("ossfs.cli")

LARGEST_LOG = 16 << 20  # a log larger than this is put aside when the next mount starts


class Channel:
    """Tells how it goes: through the pipe of `launch`, or on the terminal."""

    def __init__(self, ready_fd: int | None) -> None:
        self._fd = ready_fd

    @property
    def is_background(self) -> bool:
        """Say whether a `launch` waits at the other end."""
        return self._fd is not None

    def log(self, path: Path) -> None:
        """Tell where the log is."""
        self._send({"log": str(path)})

    def ready(self, mountpoint: Path, url: str) -> None:
        """Tell that the mount answers; the last news."""
        if self._fd is None:
            click.echo(f"{url} is mounted at {mountpoint}; Ctrl-C unmounts it", err=True)
        self._send({"ready": {"mountpoint": str(mountpoint), "url": url, "pid": os.getpid()}})
        self._close()

    def failed(self, text: str, code: int) -> None:
        """Tell why there is no mount; the last news."""
        if self._fd is None:
            click.echo(f"ossfs: {text}", err=True)
        self._send({"error": text, "exit": code})
        self._close()

    def _send(self, news: Mapping[str, object]) -> None:
        if self._fd is None:
            return
        try:
            os.write(self._fd, json.dumps(news).encode() + b"\n")
        except BrokenPipeError:
            logger.info("nobody waits for the mount any more")

    def _close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def run(config: MountConfig, directory: str, *, ready_fd: int | None) -> int:
    """Mount, serve until unmounted, clean up; return the exit code."""
    channel = Channel(ready_fd)
    mountpoint = kernel.located(directory)
    try:
        kernel.require_fuse(allow_other=config.posix.allow_other)
        kernel.prepare(
            mountpoint,
            nonempty=config.posix.nonempty,
            say=lambda text: click.echo(f"ossfs: {text}", err=True),
        )
        with closing(StateDirectory.acquire(config)) as state, _explained(state.path):
            return _run_in(state, config, mountpoint, channel)
    except OssfsError as error:
        reason = explain(error, config)
        channel.failed(
            f"cannot mount {config.url} at {directory}\n  {reason}",
            2 if isinstance(error, InvalidOption) else 1,
        )
        return 2 if isinstance(error, InvalidOption) else 1


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Let what the local disk refuses be an error of ours. StagingFull, MountFailed."""
    try:
        yield
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        kind = StagingFull if is_full else MountFailed
        raise kind(f"the state folder {folder} cannot be used: {error}") from error


def _run_in(state: StateDirectory, config: MountConfig, mountpoint: Path, channel: Channel) -> int:
    os.umask(0o077)  # journal, staging and log are nobody else's business
    state.describe(_record(config, mountpoint, socket=""))  # who we are, should it take long
    with _logging(config, state.path, channel) as printed:
        from ossfs.assembly import open_mount  # noqa: PLC0415  # slow; what it prints is logged

        try:
            mount: Mount = open_mount(config, state.path)
            session = Session(
                mount,
                mountpoint,
                lambda: channel.ready(mountpoint, str(config.url)),
                deadline_s=config.store.deadline_s,
            )
            try:
                _serve(mount, state, config, session)
            finally:
                mount.close()
                session.close()
        except OssfsError as error:
            if not channel.is_background:
                raise  # the terminal, which is the log here, is told by `run`
            logger.error("cannot mount %s at %s: %s", config.url, mountpoint, error)  # noqa: TRY400  # a user's mistake or a store's answer has no trace
            if isinstance(error, MountFailed) and (said := printed.since_start()):
                raise MountFailed(f"{error}\n  {said}") from error
            raise
        logger.info("unmounted %s", mountpoint)
    return 0


def _serve(mount: Mount, state: StateDirectory, config: MountConfig, session: Session) -> None:
    handlers = {
        "status": lambda _: _status(mount),
        "counters": lambda _: mount.counters(),
        "metrics": lambda _: mount.metrics(),
        "drain": lambda request: _drain(mount, request.get("deadline_s")),
        "hurry": lambda _: session.hurry(),
        **upload_handlers(mount),
    }
    with closing(Server(state.path, handlers)) as control:
        state.describe(_record(config, session.mountpoint, socket=str(control.path)))
        os.chdir("/")  # a working directory keeps its file system busy
        session.run()
        if not mount.drain(session.deadline_s):
            _tell_what_is_left(mount, config)
            session.hurry()


def _record(config: MountConfig, mountpoint: Path, *, socket: str) -> Record:
    return Record(
        url=str(config.url),
        endpoint=config.store.endpoint or config.store.region or "",
        mountpoint=str(mountpoint),
        pid=os.getpid(),
        started_ns=time.time_ns(),
        socket=socket,
        options=written(config),
    )


def _status(mount: Mount) -> list[dict[str, Any]]:
    return [asdict(one) for one in mount.status()]


def _drain(mount: Mount, deadline_s: float | None) -> dict[str, Any]:
    return {"is_drained": mount.drain(deadline_s), "uploads": _status(mount)}


def _tell_what_is_left(mount: Mount, config: MountConfig) -> None:
    left = [one for one in mount.status() if one.state != "draft"]
    logger.warning(
        "%d uploads are not finished; they go on when %s is mounted again", len(left), config.url
    )


@contextmanager
def _logging(config: MountConfig, state: Path, channel: Channel) -> Iterator["Printed"]:
    """Send the log of ossfs to its place; in the background, standard output and error, too."""
    file = config.logging.log_file
    if file is None and channel.is_background:
        file = state / "mount.log"
    handler = _configured(config.logging.log_level, file)
    if file is not None:
        channel.log(file)
        if channel.is_background:
            _redirect_output(file)
    try:
        yield Printed(file)
    finally:
        logging.getLogger(logs.ROOT).removeHandler(handler)
        handler.close()


class Printed:
    """What other than our records comes into the log: libfuse says there why it failed."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._start = 0 if file is None else file.stat().st_size

    def since_start(self) -> str:
        """Return it on one line."""
        if self._file is None:
            return ""
        new = self._file.read_bytes()[self._start :].decode(errors="replace")
        return "; ".join(line for line in new.splitlines() if not line.startswith("time="))


def _configured(level: str, file: Path | None) -> logging.Handler:
    try:
        if file is not None and file.exists() and file.stat().st_size > LARGEST_LOG:
            file.replace(file.with_name(f"{file.name}.1"))
        return logs.configure(level, file)
    except OSError as error:
        raise InvalidOption(f"--log-file: {file}: {error.strerror}") from error


def _redirect_output(file: Path) -> None:
    """
    Let everything this process prints go to the log.

    libfuse and a dying interpreter write to standard error, and whoever waits for the end
    of our output (a shell's pipe) is released.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    fd = os.open(file, os.O_WRONLY | os.O_APPEND)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    os.close(fd)
