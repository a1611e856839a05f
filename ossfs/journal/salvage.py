"""
What a journal that cannot be relied upon still tells.

Threads: pure functions of the file.
"""

import contextlib
import sqlite3
import struct
import sys
from pathlib import Path

WAL_HEADER, FRAME_HEADER = 32, 24  # bytes
INDEX_HEADER = 48  # bytes, and there are two of them
WORD_ORDERS = {b"\x37\x7f\x06\x82": "<", b"\x37\x7f\x06\x83": ">"}
"""How the checksums' words are read, by the log's first bytes."""


def keys_of_staging(path: Path) -> dict[str, str]:
    """
    Return the keys that staging files belong to, by their names, as far as they can be read.

    For a person, who may recognise them; nothing is to be done by what this says.
    """
    found: dict[str, str] = {}
    with contextlib.suppress(sqlite3.Error):
        database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        with contextlib.closing(database), contextlib.suppress(sqlite3.Error):
            rows = database.execute(
                "SELECT staging, key FROM files NOT INDEXED WHERE staging IS NOT NULL"
            )
            # Row by row: those before the first damaged page are had.
            found.update(row for row in rows if all(isinstance(value, str) for value in row))
    return found


def is_log_damaged(path: Path) -> bool:
    """
    Say whether the journal's write-ahead log has lost something, before it is opened.

    SQLite ends silently at the first frame that is not as it was written, as if a crash had
    cut the log there, and ignores a log without a header. So rows are missing then, and
    nothing else shows it. (https://www.sqlite.org/fileformat2.html, section 4)
    """
    log = path.with_name(f"{path.name}-wal")
    if not log.exists():  # an orderly end deletes both
        return path.with_name(f"{path.name}-shm").exists()
    data = log.read_bytes()
    return bool(data) and not _is_sound(data, path.with_name(f"{path.name}-shm"))


def _is_sound(data: bytes, index: Path) -> bool:
    order = WORD_ORDERS.get(data[:4])
    if order is None or len(data) < WAL_HEADER:
        return False
    page_size, salts = int.from_bytes(data[8:12], "big"), data[16:24]
    sums = _checksum(data[:24], (0, 0), order)
    if sums != struct.unpack(">2I", data[24:32]) or not page_size:
        return False
    size = FRAME_HEADER + page_size
    for at in range(WAL_HEADER, len(data) - size + 1, size):
        header, page = data[at : at + FRAME_HEADER], data[at + FRAME_HEADER : at + size]
        if header[8:16] != salts:
            break  # left from before the log began anew
        sums = _checksum(page, _checksum(header[:8], sums, order), order)
        if sums != struct.unpack(">2I", header[16:24]):
            return _is_torn(data[at:], size, salts, at // size, index)
    return True


def _is_torn(rest: bytes, size: int, salts: bytes, before: int, index: Path) -> bool:
    """
    Say whether a wrong frame is only what a kill has left of a transaction that did not end.

    SQLite writes a frame's header and its page one after the other. In a log that began anew,
    a page of before is behind the last header, then. So it is the last frame of this log. If
    it is one with which a transaction ends, the log's index has to say that none did behind
    the `before` frames that are right; without it nobody can tell what has happened.
    """
    is_end = any(rest[4:8])
    others = (rest[at + 8 : at + 16] for at in range(size, len(rest) - size + 1, size))
    return salts not in others and not (is_end and _ended(index, salts) != before)


def _ended(index: Path, salts: bytes) -> int | None:
    """
    Return the number of a log's frames up to the end of its last transaction; None: unknown.

    That is written into the log's index, in shared memory, when the last frame of a transaction
    is in the log: a kill leaves it. (https://www.sqlite.org/walformat.html, section 2.1)
    """
    try:
        with index.open("rb") as file:
            header, again = file.read(INDEX_HEADER), file.read(INDEX_HEADER)
    except OSError:
        return None
    is_whole = len(again) == INDEX_HEADER and header == again
    if not is_whole or header[32:40] != salts:
        return None
    return int.from_bytes(header[16:20], sys.byteorder)


def _checksum(data: bytes, before: tuple[int, int], order: str) -> tuple[int, int]:
    first, second = before
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second
