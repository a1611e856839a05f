"""Servers that others wrote, each in a process of its own that ends with the tests."""

import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

START_S = 60.0
ENDS_WITH_US = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
os.execvp(sys.argv[1], sys.argv[1:])
"""


def moto(port):
    """Return the command of moto's server, which keeps everything in memory."""
    return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]


@contextmanager
def running(command_for):
    """Run a server on a free port; yield its endpoint once it answers."""
    port = _free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", ENDS_WITH_US, *command_for(port)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait(process, port):
    give_up = time.monotonic() + START_S
    while True:
        with suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=START_S).close()
            return
        assert process.poll() is None, f"{process.args[3]} ended with {process.returncode}"
        assert time.monotonic() < give_up, "it does not answer"
        time.sleep(0.05)
