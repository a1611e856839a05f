"""
The files below a directory, and the objects below a prefix, with what is known of them.

Names are paths below the place, with slashes. What a local file system cannot hold (a key
that ends in a slash, one with `..` in it) is left out and told.

Threads: generators belong to the thread that reads them.
"""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ossfs.cli.transfers.selecting import Selection
from ossfs.store.api import ListedObject, ObjectInfo, ObjectStore


@dataclass(frozen=True, slots=True)
class Found:
    """A file or object; `known` describes an object as its listing did."""

    name: str
    size: int
    modified_ns: int
    changed_ns: int = 0
    """Of a file: when its bytes or attributes were changed last, which nobody can set."""
    known: ObjectInfo | None = None

    @property
    def written_ns(self) -> int:
        """When it had these bytes, at the latest."""
        return max(self.modified_ns, self.changed_ns)


def files_below(
    folder: Path, selection: Selection, leave_out: Callable[[str, str], None]
) -> Iterator[Found]:
    """
    Yield the regular files below `folder`, in the order of their names.

    Links to files count as files, links to directories are not followed; `leave_out` is
    told the name of what is left out, and why.
    """
    yield from _below(folder, "", selection, leave_out)


def _below(
    folder: Path, prefix: str, selection: Selection, leave_out: Callable[[str, str], None]
) -> Iterator[Found]:
    try:
        with os.scandir(folder) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError as error:
        leave_out(prefix or str(folder), error.strerror or str(error))
        return
    for entry in entries:
        name = prefix + entry.name
        if entry.is_dir(follow_symlinks=False):
            yield from _below(Path(entry.path), f"{name}/", selection, leave_out)
            continue
        if not selection.takes(name):
            continue
        try:
            status = entry.stat()
        except OSError as error:
            leave_out(name, error.strerror or str(error))
            continue
        if stat.S_ISREG(status.st_mode):
            yield Found(name, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        else:
            leave_out(name, "not a regular file")


def objects_below(store: ObjectStore, prefix: str, selection: Selection) -> Iterator[Found]:
    """Yield the objects whose keys begin with `prefix`, named by the rest, in their order."""
    token: str | None = None
    while True:
        page = store.list(prefix, token=token)
        for one in page.objects:
            name = one.key[len(prefix) :]
            if selection.takes(name):
                yield Found(name, one.size, one.modified_ns, known=info_of(one))
        token = page.next_token
        if token is None:
            return


def info_of(one: ListedObject) -> ObjectInfo:
    """Return what a listing says of an object; no CRC, no metadata."""
    return ObjectInfo(
        key=one.key,
        size=one.size,
        etag=one.etag,
        modified_ns=one.modified_ns,
        storage_class=one.storage_class,
        object_type=one.object_type,
    )


def is_file_name(name: str) -> bool:
    """Say whether an object of that name can be a file below a directory."""
    parts = name.split("/")
    return bool(name) and not name.endswith("/") and not {"", ".", ".."} & set(parts)
