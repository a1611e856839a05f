"""
Standard output that cannot be written any more.

Threads: a function, for the thread that ends the process.
"""

import contextlib
import os
import sys


def forget_output() -> None:
    """Drop what could not be written to standard output: Python would try again, and complain."""
    if sys.stdout is not None:
        with contextlib.suppress(OSError, ValueError):  # one that is no file has nothing to drop
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
