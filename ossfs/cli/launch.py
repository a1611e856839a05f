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
from collections.abc import Sequence
from pathlib import Path

import click

LOG_LINES = 10


def launch(arguments: Sequence[str], *, url: str, directory: str) -> int:
    """Run `ossfs ARGUMENTS` as a mount process; return the exit code of the command."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "ossfs", *arguments, "--ready-fd", str(writing)],
        stdin=subprocess.DEVNULL,
        pass_fds=(writing,),
        start_new_session=True,  # Ctrl-C and hang-ups of this terminal are not meant for it
        # Nothing in the current directory may take the place of an installed module.
        env={**os.environ, "PYTHONSAFEPATH": "1"},
    )
    os.close(writing)
    log: Path | None = None
    try:
        with os.fdopen(reading) as lines:
            for line in lines:
                news = json.loads(line)
                if "log" in news:
                    log = Path(news["log"])
                elif "ready" in news:
                    click.echo(f"{url} is mounted at {news['ready']['mountpoint']}")
                    process.returncode = 0  # it lives on; nobody here waits for it
                    return 0
                else:
                    click.echo(f"ossfs: {news['error']}", err=True)
                    process.wait()
                    return int(news["exit"])
    except KeyboardInterrupt:
        process.send_signal(signal.SIGTERM)
        process.wait()
        click.echo("ossfs: interrupted; nothing is mounted", err=True)
        return 130
    code = process.wait()
    ended = f"signal {-code}" if code < 0 else f"exit code {code}"
    click.echo(f"ossfs: {url} is not mounted at {directory}: its process ended ({ended})", err=True)
    if log is not None:
        click.echo(f"  the end of {log}:\n{_tail(log)}", err=True)
    return 1


def _tail(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError as error:
        return f"  ({error})"
    return "\n".join(f"    {line}" for line in lines[-LOG_LINES:])
