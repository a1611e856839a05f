"""
What listings say of names.

Threads: values only.
"""

import sys
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ossfs.store.api import ListedObject, ListPage
from ossfs.vfs.keys import is_name, split


class Entry(NamedTuple):
    """
    One name in a directory.

    A name that is both a file and a directory is a directory; it carries what is known of
    the file, which comes to light when the directory goes.
    """

    is_directory: bool
    size: int = 0
    etag: str = ""
    modified_ns: int = 0
    storage_class: str = ""
    is_link: bool = False
    """The store itself keeps it as a symlink."""


DIRECTORY = Entry(is_directory=True)
LINK = "Symlink"  # object type of OSS and TOS
OUR_MARKER = Entry(is_directory=False)
"""A marker that we made, and that no listing has shown since."""


def read_page(page: ListPage, directory: str) -> tuple[dict[str, Entry], Entry | None]:
    """Return the entries of a page of `directory`'s listing, and its marker if that is there."""
    entries: dict[str, Entry] = {}
    marker = None
    for item in page.objects:
        entry = file_entry(item)
        if item.key == directory:
            marker = entry
        elif is_name(name := item.key[len(directory) :]):
            entries[name] = entry
    for name in _names(page, directory):
        entries[name] = joined(entries.get(name), DIRECTORY)
    return entries, marker


def read_all_below(
    directory: str, objects: Mapping[str, ListedObject]
) -> dict[str, dict[str, Entry]]:
    """Return the entries of a directory, and of all below it, from all keys that begin with it."""
    found: dict[str, dict[str, Entry]] = {directory: {}}
    for key, item in objects.items():
        parent, (*above, name) = directory, key[len(directory) :].split("/")
        for one in above:
            if not is_name(one):
                break
            found[parent][one] = joined(found[parent].get(one), DIRECTORY)
            parent += one + "/"
            found.setdefault(parent, {})
        else:
            if is_name(name):
                found[parent][name] = joined(found[parent].get(name), file_entry(item))
    return found


def file_entry(item: ListedObject) -> Entry:
    """Return the entry of an object."""
    # One string for all entries of a class: each answer that is read makes its own.
    storage_class = sys.intern(item.storage_class)
    return Entry(
        is_directory=False,
        size=item.size,
        etag=item.etag,
        modified_ns=item.modified_ns,
        storage_class=storage_class,
        is_link=item.object_type == LINK,
    )


def is_directory(entry: Entry | None) -> bool:
    """Say whether there is a directory."""
    return entry is not None and entry.is_directory


def joined(one: Entry | None, two: Entry) -> Entry:
    """Return the entry of a name that is listed (perhaps) twice: as a file, as a directory."""
    if one is None:
        return two
    file = one if one.etag else two
    return file._replace(is_directory=one.is_directory or two.is_directory)


def _names(page: ListPage, directory: str) -> Iterator[str]:
    for prefix in page.prefixes:
        parent, name = split(prefix)
        if parent == directory and is_name(name):
            yield name
