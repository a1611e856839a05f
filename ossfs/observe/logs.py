"""
Where log records go, and how a line of them reads.

A line is `key=value` pairs, in order: time (UTC), level, logger, thread, and the message,
which has pairs of its own (`op=`, `key=`, `request_id=` …). Line breaks in it are written
as backslash and n, so that one record is one line. Signatures and tokens are blotted out,
should one ever get into a message.

Threads: `configure` belongs to the start of a program; logging itself is for all threads.
"""

import logging
import re
import sys
import time
from pathlib import Path

ROOT = "ossfs"
"""All loggers of ossfs are below this one."""

_SECRET = re.compile(
    r"(?i)((?:signature|security-token|secret|authorization)[\"']?\s*[=:]\s*[\"']?)[^\s&\"',]+"
)


class LineFormatter(logging.Formatter):
    """Writes a record as one line of key=value pairs."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, with the trace of an exception behind it, on the same line."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        message = record.getMessage()
        if record.exc_info:
            message = f"{message} trace={self.formatException(record.exc_info)!r}"
        line = (
            f"time={seconds}.{int(record.msecs):03}Z level={record.levelname.lower()}"
            f" logger={record.name} thread={record.threadName} {message}"
        )
        return _SECRET.sub(r"\1***", line.replace("\r", "\\r").replace("\n", "\\n"))


def configure(level: str = "info", file: Path | None = None) -> logging.Handler:
    """
    Send ossfs's records of `level` and above to `file` (appended), or to standard error.

    Replaces what an earlier call set up; other loggers are not touched. Returns the
    handler. OSError when the file cannot be opened, ValueError when there is no such level.
    """
    handler: logging.Handler
    if file is None:
        handler = logging.StreamHandler(sys.stderr)
    else:
        handler = logging.FileHandler(file, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(LineFormatter())
    logger = logging.getLogger(ROOT)
    try:
        logger.setLevel(level.upper())
    except ValueError:
        handler.close()
        raise
    for old in [old for old in logger.handlers if isinstance(old.formatter, LineFormatter)]:
        logger.removeHandler(old)
        old.close()
    logger.addHandler(handler)
    logger.propagate = False
    return handler
