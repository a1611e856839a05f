"""
Paths of the mount ↔ keys of the bucket.

The key of `/a/b` is the mount's prefix plus `a/b`; a directory's key ends in a slash. Keys
that no path can name (`//`, `.` and `..` as a name, NUL, names over 255 bytes) are hidden.

Threads: values only.
"""

import errno
import os
import posixpath
from collections.abc import Iterable, Iterator

MAX_NAME = 255  # bytes, Linux NAME_MAX


class Keys:
    """The mapping for a mount of `prefix` (empty, or ending in a slash)."""

    def __init__(self, prefix: str, *, max_key: int) -> None:
        self.prefix = prefix
        self._max_key = max_key

    def key(self, path: str) -> str:
        """
        Return the key of the file `path` (absolute, `/` for the top).

        OSError: ENAMETOOLONG, or EILSEQ for a name that is not UTF-8 and so cannot be
        part of a key.
        """
        key = self.prefix + path[1:]
        try:
            encoded = key.encode()
        except UnicodeEncodeError:
            raise OSError(errno.EILSEQ, os.strerror(errno.EILSEQ), path) from None
        name = encoded.rpartition(b"/")[2]
        if len(name) > MAX_NAME or len(encoded) > self._max_key:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), path)
        return key

    def directory(self, path: str) -> str:
        """Return the key of the directory `path`: it ends in a slash, or is empty."""
        if path == "/":
            return self.prefix
        key = self.key(path) + "/"
        if len(key.encode()) > self._max_key:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), path)
        return key

    def target(self, target: str, *, of: str) -> str:
        """
        Return where a store's own symlink leads, as seen from the place of the link.

        Stores take the target for a key, whatever the link's is; but no key is meant by what
        begins as a path does, as a FUSE client may have stored it.
        """
        if target.startswith(("/", "./", "../")):
            return target
        return posixpath.relpath("/" + target, "/" + split(of)[0])


def split(key: str) -> tuple[str, str]:
    """Return the parent directory's key and the name; a directory's slash is left off."""
    parent, slash, name = key.rstrip("/").rpartition("/")
    return parent + slash, name


def is_name(name: str) -> bool:
    """Say whether a directory entry can have this name."""
    is_plain = name not in {"", ".", ".."} and "\0" not in name and "/" not in name
    return is_plain and len(name.encode()) <= MAX_NAME


def unseen(keys: Iterable[str], prefix: str = "") -> Iterator[tuple[str, str]]:
    """
    Yield the keys that a mount of `prefix` does not show, and why.

    `keys` are all that begin with the prefix, in UTF-8 order, as listings have them.
    """
    files: list[str] = []  # those that what comes next may still be below
    for key in keys:
        while files and not key.startswith(files[-1]):
            files.pop()
        for file in [file for file in files if key.startswith(file + "/")]:
            files.remove(file)
            yield file, "a directory of this name is there"
        names = key[len(prefix) :].split("/")
        wrong = next((why for name in names[:-1] if (why := _wrong(name))), "")
        if names[-1] and not wrong:
            wrong = _wrong(names[-1])
        if wrong:
            yield key, wrong
        elif names[-1]:
            files.append(key)


def _wrong(name: str) -> str:
    """Say why no directory entry can have this name; empty: one can."""
    if is_name(name):
        return ""
    if not name:
        return "it has an empty name, between two slashes or before the first"
    if name in {".", ".."}:
        return f"{name!r} is no name"
    if "\0" in name:
        return "a NUL is in it"
    return f"a name in it has {len(name.encode())} bytes, and may have {MAX_NAME}"
