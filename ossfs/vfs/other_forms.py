"""
Attributes in the forms of programs other than ossfs 1.x and s3fs. They are read, never written.

    permissions, owner, group         s3sync, as mode, uid and gid
    goog-reserved-posix-mode          gsutil, in octal
    goog-reserved-posix-uid, -gid     gsutil
    goog-reserved-file-mtime          gsutil, seconds
    symlink-target                    ossfs 1.x with `symlink_in_meta`: `header:LENGTH:TARGET`, or
                                      `body:LENGTH:` for one that is in the object's bytes
    --symlink-target                  geesefs

What somebody has stored in the first form, `mode` and so on, comes before all others.

Threads: values only.
"""

from collections.abc import Mapping
from urllib.parse import unquote

_SAME = {
    "mode": ("permissions",),
    "uid": ("owner", "goog-reserved-posix-uid"),
    "gid": ("group", "goog-reserved-posix-gid"),
    "mtime": ("goog-reserved-file-mtime",),
}
OCTAL_MODE = "goog-reserved-posix-mode"
LINKS = ("symlink-target", "--symlink-target")
OTHERS = frozenset((OCTAL_MODE, *LINKS, *(other for others in _SAME.values() for other in others)))


def in_our_words(metadata: Mapping[str, str]) -> Mapping[str, str]:
    """Return the metadata with mode, uid, gid and mtime as ossfs 1.x would have written them."""
    if OTHERS.isdisjoint(metadata):
        return metadata
    words = dict(metadata)
    for ours, others in _SAME.items():
        for other in others:
            if other in metadata:
                words.setdefault(ours, metadata[other])
    if OCTAL_MODE in metadata:
        words.setdefault("mode", "0" + metadata[OCTAL_MODE])
    return words


def is_link(metadata: Mapping[str, str]) -> bool:
    """Say whether an object without type bits in its mode is a symlink."""
    return any(name in metadata for name in LINKS)


def link_target(metadata: Mapping[str, str]) -> str | None:
    """Return the target of a symlink that is stored beside the object; None: it is its bytes."""
    of_ossfs, of_geesefs = (metadata.get(name) for name in LINKS)
    if of_ossfs is not None:
        kind, _, rest = of_ossfs.partition(":")
        return unquote(rest.partition(":")[2]) if kind == "header" else None
    return None if of_geesefs is None else unquote(of_geesefs)
