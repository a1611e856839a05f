"""
Starts the mount process in the background and waits until the mount answers.

The process tells how it goes by JSON lines through a pipe: `{"log": PATH}` when it knows
where it logs, then `{"ready": …}`, or `{"error": TEXT, "exit": CODE}`. A pipe that closes
without either means that the process died; the end of its log is shown.

Secrets reach the process by the environment it inherits.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click

LOG_LINES = 10
HINT_AFTER_S = 3.0


class Interrupted(Exception):
    """A signal says that nobody wants the mount any more; the argument is its number."""


def launch(arguments: Sequence[str], *, url: str, directory: str) -> int:
    """Run `ossfs ARGUMENTS` as a mount process; return the exit code of the command."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as news:
        process = subprocess.Popen(
            [sys.executable, "-m", "ossfs", *arguments, "--ready-fd", str(writing)],
            stdin=subprocess.DEVNULL,
            pass_fds=(writing,),
            start_new_session=True,  # Ctrl-C and hang-ups of this terminal are not meant for it
            # Nothing in the current directory may take the place of an installed module.
            env={**os.environ, "PYTHONSAFEPATH": "1"},
        )
        os.close(writing)
        try:
            with _signals_raise():
                return _wait(process, news, f"{url} is not mounted at {directory}")
        except Interrupted as error:
            process.terminate()
            process.wait()
            click.echo("ossfs: interrupted; nothing is mounted", err=True)
            return 128 + int(error.args[0])


@contextmanager
def _signals_raise() -> Iterator[None]:
    """Let signals that end this command raise `Interrupted`, so that no process is left."""

    def interrupt(number: int, _: object) -> None:
        raise Interrupted(number)

    old = {one: signal.signal(one, interrupt) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in old.items():
            signal.signal(one, handler)


def _wait(process: "subprocess.Popen[bytes]", news: TextIO, failure: str) -> int:
    """Follow the news until the last one; return the exit code of the command."""
    log: Path | None = None
    hint = threading.Timer(HINT_AFTER_S, lambda: _say_what_takes_long(log))
    hint.daemon = True
    hint.start()
    try:
        for line in news:
            told = json.loads(line)
            if "log" in told:
                log = Path(told["log"])
            elif "ready" in told:
                click.echo(f"{told['ready']['url']} is mounted at {told['ready']['mountpoint']}")
                process.returncode = 0  # it lives on; nobody here waits for it
                return 0
            else:
                process.wait()
                click.echo(f"ossfs: {told['error']}", err=True)
                return int(told["exit"])
    finally:
        hint.cancel()
        hint.join()
    code = process.wait()
    ended = f"signal {-code}" if code < 0 else f"exit code {code}"
    click.echo(f"ossfs: {failure}: its process ended ({ended})", err=True)
    if log is not None:
        click.echo(f"  the end of {log}:\n{_tail(log, LOG_LINES)}", err=True)
    return 1


def _say_what_takes_long(log: Path | None) -> None:
    click.echo("ossfs: the store has not answered yet; Ctrl-C gives up", err=True)
    if log is not None:
        click.echo(f"  the end of {log}:\n{_tail(log, 1)}", err=True)


def _tail(log: Path, count: int) -> str:
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError as error:
        return f"  ({error})"
    return "\n".join(f"    {line}" for line in lines[-count:])
