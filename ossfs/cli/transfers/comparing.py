"""
Whether a target has the bytes of its source already.

By size first, which costs nothing; then by CRC-64, or where a store keeps none by the MD5,
or the MD5 of the MD5s of its parts, that its ETag is. What cannot be told is taken for
different.

Threads: functions; they read files and ask the store, and end when who serves an interrupt
(`ossfs.store.interrupts`) is interrupted.
"""

import hashlib
import re
from pathlib import Path

from ossfs.cli.transfers.tasks import Copy, Download, Task, Upload
from ossfs.crc64 import crc64
from ossfs.errors import NoSuchKey
from ossfs.store import interrupts
from ossfs.store.api import ObjectInfo, ObjectStore

_MD5 = re.compile(r"[0-9a-fA-F]{32}")
_OF_PARTS = re.compile(r"([0-9a-fA-F]{32})-(\d+)")
PART_SIZES = [size << 20 for size in (5, 8, 10, 15, 16, 20, 32, 64, 100, 128)]
"""Those of ossfs, of a mount (8), of the AWS tools (8), rclone (5), s3cmd (15), TOS's SDK (20) …"""
AT_ONCE = 1 << 20


def has_same_bytes(task: Task, there: ObjectInfo | None = None) -> bool:
    """
    Say whether the target of a task is known to be what its source is. OSError, StoreError.

    What a listing says of the target may be given: an MD5 that fits spares the request.
    """
    match task:
        case Upload():
            return _is_file(task.source, task.size, task.store, task.target.key, there)
        case Download():
            if not task.target.is_file() or task.target.stat().st_size != task.size:
                return False
            return _is_file(task.target, task.size, task.store, task.source.key, task.known)
        case Copy():
            if there is not None and _md5_in(there) and _md5_in(there) == _md5_in(task.known):
                return True
            source = _described(task.from_store, task.source.key, task.known)
            return _are_same(source, _head(task.store, task.target.key))


def _head(store: ObjectStore, key: str) -> ObjectInfo | None:
    try:
        return store.head(key)
    except NoSuchKey:
        return None


def _described(store: ObjectStore, key: str, known: ObjectInfo) -> ObjectInfo | None:
    """Return what is known of an object if that was not only a listing's, else ask."""
    is_all = known.crc64 is not None or known.version_id is not None
    return known if is_all else _head(store, key)


def _md5_in(info: ObjectInfo) -> str:
    """Return the MD5 that an ETag is, as far as it can be one; empty: it cannot."""
    is_whole = info.object_type in {"", "Normal"} and _MD5.fullmatch(info.etag)
    return info.etag.lower() if is_whole else ""


def _is_file(path: Path, size: int, store: ObjectStore, key: str, known: ObjectInfo | None) -> bool:
    tried = ""
    if known is not None and known.size == size and known.crc64 is None:
        tried = _md5_in(known)
        if tried and tried == _md5_of(path):
            return True
    info = _head(store, key) if known is None else _described(store, key, known)
    if info is None or info.size != size:
        return False
    if info.crc64 is not None:
        return info.crc64 == _crc64_of(path)
    md5 = _md5_in(info)
    if md5:
        return md5 != tried and md5 == _md5_of(path)
    return _has_md5_of_parts(path, info)


def _has_md5_of_parts(path: Path, info: ObjectInfo) -> bool:
    """Say whether an ETag is what S3 makes of the MD5s of parts of a usual size."""
    match = _OF_PARTS.fullmatch(info.etag)
    if match is None:
        return False
    count = int(match[2])
    sizes = [size for size in PART_SIZES if -(-info.size // size) == count]
    return any(_md5_of_parts(path, size) == match[1].lower() for size in sizes)


def _md5_of_parts(path: Path, part_size: int) -> str:
    whole = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        for _ in range(0, path.stat().st_size, part_size):
            digest, left = hashlib.md5(usedforsecurity=False), part_size
            while left and (data := file.read(min(left, AT_ONCE))):
                interrupts.check()
                digest.update(data)
                left -= len(data)
            whole.update(digest.digest())
    return whole.hexdigest()


def _are_same(one: ObjectInfo | None, other: ObjectInfo | None) -> bool:
    if one is None or other is None or one.size != other.size:
        return False
    if one.crc64 is not None and other.crc64 is not None:
        return one.crc64 == other.crc64
    return one.etag.lower() == other.etag.lower()


def _crc64_of(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while data := file.read(AT_ONCE):
            interrupts.check()
            value = crc64(data, value)
    return value


def _md5_of(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while data := file.read(AT_ONCE):
            interrupts.check()
            digest.update(data)
    return digest.hexdigest()
