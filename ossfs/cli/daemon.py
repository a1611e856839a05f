"""
The mount process: from the options to a mount that answers, and back to nothing.

    checks → state folder (locked) → log → bucket (one list request) → control socket
    → FUSE → ready … signal or unmount … → what is left is uploaded → all is closed

FUSE runs in a thread of its own; the main thread waits for signals, which Python can
only handle there. The first SIGTERM, SIGINT or SIGHUP uploads what is pending, then
unmounts; the second unmounts at once (nothing is lost: the next mount goes on).

Threads: main (signals), `fuse` (blocked in FUSE), `stop` (after a signal), those of
`control.Server`, and whatever the mount itself starts.
"""

import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import click

from ossfs.cli import mountpoint as kernel
from ossfs.cli.control import Server
from ossfs.cli.explain import explain
from ossfs.cli.state import Record, StateDirectory
from ossfs.config import MountConfig
from ossfs.errors import InvalidOption, MountFailed, OssfsError
from ossfs.observe import logs

logger = logging.getLogger("ossfs.cli")

POLL_S = 0.2
LAST_STEPS_S = 5.0  # for requests under way once nobody waits for the uploads any more
LARGEST_LOG = 16 << 20  # a log larger than this is put aside when the next mount starts


class Mount(Protocol):
    """What `ossfs.assembly.open_mount` returns, as far as this process uses it."""

    def serve(self, mountpoint: str, on_ready: Callable[[], None]) -> None:
        """Block until unmounted; call `on_ready` from another thread when it answers."""
        ...

    def status(self) -> Sequence[Any]:
        """Return what is not in the bucket yet: dataclasses."""
        ...

    def drain(self, deadline_s: float | None) -> bool:
        """Upload what is promised; False: not all of it was done in time."""
        ...

    def close(self) -> None:
        """Release everything."""
        ...


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
        with closing(StateDirectory.acquire(config)) as state:
            return _run_in(state, config, mountpoint, channel)
    except OssfsError as error:
        reason = explain(error, config)
        channel.failed(
            f"cannot mount {config.url} at {directory}\n  {reason}",
            2 if isinstance(error, InvalidOption) else 1,
        )
        return 2 if isinstance(error, InvalidOption) else 1


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


def _serve(mount: Mount, state: StateDirectory, config: MountConfig, session: "Session") -> None:
    handlers = {
        "status": lambda _: _status(mount),
        "drain": lambda request: _drain(mount, request.get("deadline_s")),
        "hurry": lambda _: session.hurry(),
    }
    with closing(Server(state.path, handlers)) as control:
        state.describe(_record(config, session.mountpoint, socket=str(control.path)))
        os.chdir("/")  # a working directory keeps its file system busy
        session.run()
        if not mount.drain(session.deadline_s):
            _tell_what_is_left(mount, config)
            session.hurry()


def _end_now() -> None:
    logger.info("requests are still being tried; the next mount goes on with them")
    logging.shutdown()
    os._exit(0)


def _record(config: MountConfig, mountpoint: Path, *, socket: str) -> Record:
    return Record(
        url=str(config.url),
        endpoint=config.store.endpoint or config.store.region or "",
        mountpoint=str(mountpoint),
        pid=os.getpid(),
        started_ns=time.time_ns(),
        socket=socket,
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


class Session:
    """One mount from FUSE's start to its end, and the signals in between."""

    SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    ENDED = b"\0"  # no signal has this number

    def __init__(
        self, mount: Mount, mountpoint: Path, announce: Callable[[], None], *, deadline_s: float
    ) -> None:
        self._mount = mount
        self.mountpoint = mountpoint
        self._announce = announce
        self.deadline_s = deadline_s
        """How long pending uploads may take after the end."""
        self._is_up = threading.Event()
        self._is_closed = threading.Event()
        self._lock = threading.Lock()  # guards the creation of _watcher
        self._watcher: threading.Thread | None = None
        self._error: BaseException | None = None

    def run(self) -> None:
        """Serve until unmounted; raise what FUSE raised."""
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        # The numbers of signals come through a pipe: the kernel may give a signal to any
        # thread, and then nothing would wake the main thread to run a handler. libfuse
        # leaves handlers alone that are not the default, so these are set before it starts.
        old = {one: signal.signal(one, lambda *_: None) for one in self.SIGNALS}
        old_fd = signal.set_wakeup_fd(writing)
        try:
            fuse = threading.Thread(target=self._serve, args=(writing,), name="fuse", daemon=True)
            fuse.start()
            self._wait(reading)
            fuse.join()
        finally:
            signal.set_wakeup_fd(old_fd)
            for one, handler in old.items():
                signal.signal(one, handler)
            os.close(reading)
            os.close(writing)
        if self._error is not None:
            raise self._error

    def _wait(self, reading: int) -> None:
        """Stop the mount on a signal; return when FUSE has ended."""
        is_stopping = False
        while (news := os.read(reading, 1)) != self.ENDED:
            if news[0] in self.SIGNALS:
                self._stop(signal.Signals(news[0]), is_urgent=is_stopping)
                is_stopping = True

    def hurry(self) -> None:
        """Leave pending uploads to the next mount. From any thread."""
        self.deadline_s = 0.0
        with self._lock:
            if self._watcher is None:
                self._watcher = threading.Thread(
                    target=self._end_in_time, name="hurry", daemon=True
                )
                self._watcher.start()

    def close(self) -> None:
        """Tell that all is closed, and the process can end by itself."""
        self._is_closed.set()
        if self._watcher is not None:
            self._watcher.join()

    def _end_in_time(self) -> None:
        """
        End the process if it does not end soon after it was unmounted.

        Requests may be tried again for minutes. This is the same as a crash, which costs
        nothing: the journal has what is not in the bucket.
        """
        while kernel.mount_at(self.mountpoint) is not None:
            if self._is_closed.wait(POLL_S):
                return
        if not self._is_closed.wait(LAST_STEPS_S):
            _end_now()

    def _serve(self, writing: int) -> None:
        try:
            self._mount.serve(str(self.mountpoint), self._on_ready)
            if not self._is_up.is_set():
                raise MountFailed("FUSE ended before the mount answered; see the log")  # noqa: TRY301  # one way out for all
        except BaseException as error:  # noqa: BLE001  # raised again by the main thread
            self._error = error
        os.write(writing, self.ENDED)

    def _on_ready(self) -> None:
        logger.info("mounted at %s", self.mountpoint)
        self._is_up.set()
        self._announce()

    def _stop(self, why: signal.Signals, *, is_urgent: bool) -> None:
        logger.info("%s: unmounting%s", why.name, " at once" if is_urgent else "")
        threading.Thread(target=self._unmount, args=(is_urgent,), name="stop", daemon=True).start()

    def _unmount(self, is_urgent: bool) -> None:
        self._is_up.wait(self.deadline_s)
        if is_urgent:
            self.hurry()
        else:
            self._mount.drain(self.deadline_s)
        try:
            kernel.unmount(self.mountpoint, lazily=is_urgent)
        except kernel.Busy:
            for holder in kernel.holders(self.mountpoint):
                logger.info("still busy: %s", holder)
            self._unmount_lazily()
        except MountFailed as error:
            if kernel.mount_at(self.mountpoint) is not None:
                logger.error("%s", error)  # noqa: TRY400  # the message says it all

    def _unmount_lazily(self) -> None:
        try:
            kernel.unmount(self.mountpoint, lazily=True)
        except MountFailed as error:
            logger.error("%s", error)  # noqa: TRY400  # the message says it all


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
