"""Directories of many pages: first names at once, the next page ahead, each name once."""

import threading
import tracemalloc

import pytest

from ossfs.errors import Unreachable
from ossfs.store.api import ListedObject, ListPage
from ossfs.transfer.workers import ThreadWorkers

PAGE = 1000


@pytest.fixture
def many(core):
    """Put three pages and a bit into a directory."""
    for n in range(3 * PAGE + 5):
        core.put(f"d/{n:04}", b"")
    return [f"{n:04}" for n in range(3 * PAGE + 5)]


def read(fs, path="/d"):
    """Return the pieces in which a directory's names come."""
    reader, pieces = fs.readdir(path), []
    while (piece := reader.more()) is not None:
        pieces.append(list(piece))
    return pieces


def joined(pieces):
    return [name for piece in pieces for name in piece]


def test_first_names_come_with_the_first_answer(core, many):
    """While the second page is on its way, a thousand names are there; nothing else is asked."""
    asked, goes_on = threading.Event(), threading.Event()
    with core.mounted(workers=lambda: ThreadWorkers(4, "test")) as life:
        life.os.stat("/d")  # lists the top, and the first page
        lists = []

        def on_call(call):
            if call.name == "list":
                lists.append(call.kwargs["token"])
                asked.set()
                assert goes_on.wait(10)

        life.points.on_call = on_call
        reader = life.fs.readdir("/d")

        first = list(reader.more())
        assert many[: PAGE - 1] == first  # of the last, a directory may still come
        assert asked.wait(10)  # by nobody who waits for it
        assert 1 == len(lists)
        goes_on.set()
        assert many[PAGE - 1 : 2 * PAGE - 1] == list(reader.more())
        assert 2 >= len(lists)


def test_one_page_ahead_of_the_reader(core, many, life):
    """Who stops early has cost one request more than he needed."""
    life.os.stat("/d")
    life.requests()
    reader = life.fs.readdir("/d")

    for pages in range(1, 4):
        assert PAGE - 1 <= len(reader.more()) <= PAGE
        assert pages == len(life.points.names())
    reader.more()
    assert ["list"] * 3 == life.requests()


def test_all_who_read_share_the_pages(core, many, life):
    """Also one who begins in the middle; afterwards every name is known."""
    life.requests()
    one = life.fs.readdir("/d")
    one.more()
    two = read(life.fs)
    rest = []
    while (piece := one.more()) is not None:
        rest += piece

    assert many == joined(two)
    assert many[PAGE - 1 :] == rest
    assert ["list"] * 5 == life.requests()
    life.os.stat("/d/3004")
    assert not life.os.exists("/d/no")
    assert [] == life.requests()


def test_a_page_that_fails(core, many):
    """The reader is told, and then goes on where he was: no name is missing, none comes twice."""
    life = core.mount()
    reader = life.fs.readdir("/d")
    names = list(reader.more())
    is_down = True

    def refuse(call):
        return Unreachable("no") if is_down and call.name == "list" else None

    life.points.refuse = refuse
    names += reader.more()  # had been asked for ahead
    for _ in range(2):
        with pytest.raises(Unreachable):
            reader.more()
    is_down = False
    while (piece := reader.more()) is not None:
        names += piece

    assert many == names


@pytest.mark.parametrize("between", [5, PAGE, 2 * PAGE])
def test_a_file_and_a_directory_pages_apart(core, life, between):
    """The name comes once, as a directory, however much sorts between the two."""
    core.put("d/a", b"file")
    core.put("d/a/x", b"")
    for n in range(between):
        core.put(f"d/a-{n:04}", b"")
    for n in range(PAGE):
        core.put(f"d/b{n:04}", b"")
    reader, names = life.fs.readdir("/d"), []
    while (piece := reader.more()) is not None:
        names += piece.items()

    assert between + 1 + PAGE == len(names) == len(dict(names))
    assert 0o040000 == dict(names)["a"].kind
    assert life.os.is_dir("/d/a")


def test_names_that_come_and_go_while_they_are_read(core, many, life):
    """What this mount removed or made before its page is told is told as it is."""
    reader = life.fs.readdir("/d")
    names = list(reader.more())
    life.os.unlink("/d/2500")
    life.os.write("/d/2500x", b"")
    life.os.rename("/d/2600", "/d/2600x")
    while (piece := reader.more()) is not None:
        names += piece

    assert "2500" not in names
    assert "2600" not in names
    assert {"2500x", "2600x"} <= set(names)
    assert len(names) == len(set(names)) == len(many)
    assert sorted(names) == life.os.listdir("/d")


def test_a_directory_that_is_gone_while_it_is_read(core, many, life):
    """Pages of the time before are not believed afterwards."""
    reader = life.fs.readdir("/d")
    reader.more()
    life.os.rename("/d", "/e")
    while reader.more() is not None:
        pass
    life.os.mkdir("/d")

    assert [] == life.os.listdir("/d")
    assert many == life.os.listdir("/e")


def test_invalidated_while_it_is_read(core, many, life):
    """The next look asks the bucket, whatever the reader goes on to read."""
    reader = life.fs.readdir("/d")
    reader.more()
    core.put("d/new", b"")
    life.fs.setxattr("/d", "user.ossfs.invalidate", b"1")
    while reader.more() is not None:
        pass

    assert "new" in life.os.listdir("/d")


def test_memory_of_a_hundred_thousand_names(core, life):
    """What is kept of each takes less than half a kilobyte, and a page at a time is read."""
    count = 100_000
    largest = 0

    def page(prefix="", *, delimiter="", token=None, **_):
        if prefix != "d/":
            return ListPage([], ["d/"])
        start = int(token or 0)
        objects = [
            ListedObject(f"d/{n:06}", 100, f"{n:032x}", 1_700_000_000_000_000_000)
            for n in range(start, start + PAGE)
        ]
        stop = start + PAGE
        return ListPage(objects, [], str(stop) if stop < count else None)

    core.bucket.list = page
    tracemalloc.start()
    try:
        reader, seen = life.fs.readdir("/d"), 0
        before = tracemalloc.get_traced_memory()[0]
        while (piece := reader.more()) is not None:
            seen += len(piece)
            largest = max(largest, len(piece))
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()

    assert count == seen
    assert largest <= PAGE + 1
    assert peak < 500 * count
