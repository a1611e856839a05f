"""Directories whose markers are still to come, found by their parents."""

from ossfs.store.api import Headers
from ossfs.vfs.described import DescribedDirectories

HEADERS = Headers(metadata={"mode": "16877"})


def test_found_by_key_and_by_parent():
    """The one in it is not what is in that one."""
    described = DescribedDirectories()
    for directory in ("a/", "a/b/", "a/b/c/", "ab/"):
        described.put(directory, HEADERS)

    assert "a/b/" in described
    assert HEADERS == described.get("a/b/c/")
    assert ["a", "ab"] == sorted(described.names(""))
    assert ["b"] == described.names("a/")
    assert described.has_below("a/")
    assert not described.has_below("a/b/c/")
    assert not described.has_below("ab/")


def test_dropped():
    """Nothing is left of it, and dropping another one does no harm."""
    described = DescribedDirectories()
    described.put("a/", HEADERS)
    described.put("a/b/", HEADERS)
    described.drop("a/b/")
    described.drop("a/c/")

    assert "a/b/" not in described
    assert described.get("a/b/") is None
    assert [] == described.names("a/")
    assert not described.has_below("a/")
    assert ["a"] == described.names("")
