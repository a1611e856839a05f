"""What is known is used for the version it belongs to, and for no other."""

from dataclasses import replace

from ossfs.cache.metadata import Known, KnownDirectories, KnownObjects
from ossfs.store.api import Headers

NS = 10**9
KNOWN = Known("E", 5, 1000, Headers(), 0.0)
OURS = Known("E", 5, None, Headers(), 0.0)


def match(objects, *, etag="E", size=5, modified_ns=1000):
    return objects.match("f", etag=etag, size=size, modified_ns=modified_ns)


def test_the_version_that_is_known():
    """Etag, size and time are the same."""
    objects = KnownObjects(9)
    assert match(objects) is None
    objects.put("f", KNOWN)

    assert KNOWN == match(objects) == objects.get("f") == match(objects, modified_ns=0)
    assert match(objects, etag="F") is None
    assert match(objects, size=6) is None
    assert match(objects, modified_ns=1001) is None


def test_our_own_write_learns_its_time():
    """From the first listing that shows it; the next time has to be the same."""
    objects = KnownObjects(9)
    objects.put("f", OURS)

    assert OURS == match(objects, modified_ns=0)
    assert KNOWN == match(objects, modified_ns=1000)
    assert match(objects, modified_ns=2000) is None


def test_our_own_write_is_not_dated_much_later():
    """Somebody may have changed its metadata since, which keeps the etag."""
    objects = KnownObjects(9)
    objects.put("f", replace(OURS, made_ns=10 * NS))

    assert match(objects, modified_ns=13 * NS) is None
    assert match(objects, modified_ns=12 * NS) is not None
    assert match(objects, modified_ns=11 * NS) is None


def test_a_renamed_directory():
    """What is known below it goes along, but for the times."""
    objects = KnownObjects(9)
    for key in ("d/f", "d/e/g", "dd"):
        objects.put(key, KNOWN)
    objects.rename("d/", "t/", now_ns=7)
    copied = replace(OURS, made_ns=7)

    assert (copied, copied, KNOWN) == (objects.get("t/f"), objects.get("t/e/g"), objects.get("dd"))
    assert objects.get("d/f") is None


def test_forgetting():
    """One by one, and the least recently used when it is full."""
    objects = KnownObjects(2)
    for key in "abc":
        objects.put(key, KNOWN)
    objects.drop("c")
    objects.drop("never there")

    assert [None, KNOWN, None] == [objects.get(key) for key in "abc"]


def test_directories():
    """The first value stays; dropping one drops those below it."""
    directories = KnownDirectories(9)
    assert "1" == directories.setdefault("d/", "1")
    assert "1" == directories.setdefault("d/", "2") == directories.get("d/")
    directories.setdefault("d/e/", "3")
    directories.setdefault("dd/", "4")
    directories.drop("d/")

    assert [None, None, "4"] == [directories.get(key) for key in ("d/", "d/e/", "dd/")]


def test_directories_count_as_much_as_they_weigh():
    """Those that nobody used for the longest time go."""
    directories = KnownDirectories(10, len)
    directories.put("a/", "four")
    directories.put("b/", "four")
    directories.get("a/")
    directories.put("c/", "three")

    assert ["four", None, "three"] == [directories.get(key) for key in ("a/", "b/", "c/")]
    directories.put("c/", "much more!")
    assert directories.get("a/") is None
