"""What the interpreter knows of libfuse's threads lives as long as they do."""

import errno
import signal
import stat
import subprocess
import threading
from pathlib import Path

import pytest
from stat_answers import stat_answer

from ossfs.fusefs import libraries

pytestmark = pytest.mark.mounted

REQUESTS = 200


class Counting:
    """A file system with nothing in it, which notices when a thread is not known any more."""

    use_ns = True
    getattr = readdir = None  # only asked whether they are there

    def __init__(self):
        self.states = 0
        self.requests = 0
        self._here = threading.local()

    def __call__(self, name, *arguments):
        if not hasattr(self._here, "is_known"):
            self._here.is_known = True
            self.states += 1
        if name == "getattr" and arguments[0] == "/":
            return stat_answer(stat.S_IFDIR | 0o755)
        self.requests += 1
        raise OSError(errno.ENOENT, "nothing")


@pytest.mark.both_libfuses
def test_threads_are_known_from_one_request_to_the_next(tmp_path, libfuse):
    """Two hundred requests make a handful of thread states, not one each."""
    binding = libraries.load(int(libfuse))
    counting = Counting()
    Counting.getattr = lambda: None
    mountpoint = tmp_path / "mount"
    mountpoint.mkdir()
    thread = threading.Thread(
        target=lambda: binding.Binding(counting, str(mountpoint), options={"fsname": "counting"})
    )
    thread.start()
    try:
        while not mountpoint.is_mount():
            assert thread.is_alive()
        for n in range(REQUESTS):
            with pytest.raises(FileNotFoundError):
                (mountpoint / str(n)).stat()
    finally:
        subprocess.run(["fusermount", "-u", str(mountpoint)], check=True)
        thread.join()
    assert counting.requests >= REQUESTS
    assert counting.states < REQUESTS // 4
    assert _ignores_broken_pipes()


def _ignores_broken_pipes():
    """Ask the kernel: Python only remembers what it has set itself."""
    (line,) = (
        line for line in Path("/proc/self/status").read_text().splitlines() if "SigIgn" in line
    )
    return bool(int(line.split()[1], 16) >> (signal.SIGPIPE - 1) & 1)
