"""
Whether a target has the bytes of its source already.

By size first, which costs nothing; then by CRC-64, or where a store keeps none by the MD5
that its ETag is, if it is one. What cannot be told is taken for different.

Threads: functions; they read files and ask the store.
"""

import hashlib
import re
from pathlib import Path

from ossfs.cli.transfers.tasks import Copy, Download, Task, Upload
from ossfs.crc64 import crc64
from ossfs.errors import NoSuchKey
from ossfs.store.api import ObjectInfo, ObjectStore

_MD5 = re.compile(r"[0-9a-fA-F]{32}")
AT_ONCE = 1 << 20


def has_same_bytes(task: Task) -> bool:
    """Say whether the target of a task is known to be what its source is. OSError, StoreError."""
    match task:
        case Upload():
            return _is_file(task.source, task.size, _head(task.store, task.target.key))
        case Download():
            if not task.target.is_file() or task.target.stat().st_size != task.size:
                return False
            info = _head(task.store, task.source.key)
            return _is_file(task.target, task.size, info)
        case Copy():
            return _are_same(
                _head(task.from_store, task.source.key), _head(task.store, task.target.key)
            )


def _head(store: ObjectStore, key: str) -> ObjectInfo | None:
    try:
        return store.head(key)
    except NoSuchKey:
        return None


def _is_file(path: Path, size: int, info: ObjectInfo | None) -> bool:
    if info is None or info.size != size:
        return False
    if info.crc64 is not None:
        return info.crc64 == _crc64_of(path)
    return bool(_MD5.fullmatch(info.etag)) and info.etag.lower() == _md5_of(path)


def _are_same(one: ObjectInfo | None, other: ObjectInfo | None) -> bool:
    if one is None or other is None or one.size != other.size:
        return False
    if one.crc64 is not None:
        return one.crc64 == other.crc64
    return one.etag == other.etag


def _crc64_of(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while data := file.read(AT_ONCE):
            value = crc64(data, value)
    return value


def _md5_of(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while data := file.read(AT_ONCE):
            digest.update(data)
    return digest.hexdigest()
