"""
What a mount shows, and what other clients see in its bucket, as `State`s of the reference.

Times are numbers in these; what was not looked at, or is not told, is None.
"""

import os
import stat
from typing import NamedTuple

from reference_state import OWNER, State
from stored_headers import parsed

DIRECTORY = stat.S_IFDIR | 0o755
FILE = stat.S_IFREG | 0o644


class Shown(NamedTuple):
    """What a mount shows of one name."""

    state: State
    ino: int
    links: int
    size: int


def shown(fs, contents=()):
    """Look at everything; read the files that are named."""
    found, directories = {}, [""]
    for directory in directories:
        unasked = fs.stat_unasked(f"/{directory}")
        names = _names(fs.readdir(f"/{directory}"))
        if directory:  # links are counted by a listing
            found[directory] = found[directory]._replace(links=fs.getattr(f"/{directory}").nlink)
        for name, listed in names.items():
            path = f"{directory}/{name}" if directory else name
            told = unasked(name)
            assert told is None or told == fs.getattr(f"/{path}"), path
            found[path] = one = _shown(fs, f"/{path}", is_read=path in contents)
            assert listed.ino == one.ino, path
            assert listed.kind in {0, stat.S_IFMT(one.state.mode)}, path
            if one.state.is_directory:
                directories.append(path)
    return found


def _names(reader):
    found = {}
    while (piece := reader.more()) is not None:
        found.update(piece)
    return found


def _shown(fs, path, *, is_read):
    answer = fs.getattr(path)
    found, data = answer.attributes, None
    if stat.S_ISLNK(found.mode):
        data = os.fsencode(fs.readlink(path))
    elif is_read and stat.S_ISREG(found.mode):
        fh = fs.open(path, os.O_RDONLY)
        try:
            data = bytes(fs.read(fh, 0, answer.size + 1))
        finally:
            fs.flush(fh)
            fs.release(fh)
    names = () if stat.S_ISLNK(found.mode) else fs.listxattr(path)
    state = State(
        found.mode,
        found.uid,
        found.gid,
        found.mtime_ns,
        found.atime_ns,
        tuple((name, fs.getxattr(path, name)) for name in names),
        data,
        found.rdev,
        None,
    )
    return Shown(state, answer.ino, answer.nlink, answer.size)


def stored(store):
    """Return what the bucket has, by key: parsed without any code of ours."""
    found = {}
    for item in store.list().objects:
        info = store.head(item.key)
        told = parsed(info.metadata)
        for name, default in {
            "mode": DIRECTORY if item.key.endswith("/") else FILE,
            "uid": OWNER,
            "gid": OWNER,
            "mtimes": info.modified_ns,
            "atimes": info.modified_ns,
        }.items():
            told[name] = default if told[name] is None else told[name]
        found[item.key] = State(**told, data=bytes(store.get(item.key).data))
    return found
