"""Small files are fetched before they are opened, if that is what will happen."""

import random

import pytest

from ossfs.store.api import BytesBody, Headers
from ossfs.transfer.workers import InlineWorkers
from ossfs.vfs import upcoming

COUNT = 200
AHEAD = upcoming.LAST_AHEAD


@pytest.fixture
def opened(core, life):
    """Return a function that reads files of /d in order, and returns the requests."""

    def opened(names):
        life.requests()
        for name in names:
            assert name.encode() == life.os.read(f"/d/{name}")
        return life.requests()

    return opened


def fill(core, names, directory="d"):
    for name in names:
        core.put(f"{directory}/{name}", name.encode())


def gets(life):
    return [call.key for call in life.points.calls if call.name == "get"]


ORDERS = {
    "as it is listed": [f"{n:04}" for n in range(COUNT)],
    "by number": [f"f{n}.txt" for n in range(COUNT)],
    "side by side": [f"{n ^ 3:04}" for n in range(COUNT)],
}


@pytest.mark.parametrize("names", ORDERS.values(), ids=ORDERS)
def test_a_request_for_each_file(core, life, opened, names):
    """Not one more, whatever the order is."""
    fill(core, names)
    life.os.listdir("/d")

    assert ["get"] * len(names) == opened(names)


@pytest.mark.parametrize("name", ["as it is listed", "by number", "side by side"])
def test_they_come_before_they_are_opened(core, life, opened, name):
    """From the fifth on at the latest; with no more ahead than that."""
    names = ORDERS[name]
    fill(core, names)
    life.os.listdir("/d")
    opened(names[:4])
    life.points.calls.clear()

    for at, one in enumerate(names[4:100], 4):
        before = set(gets(life))
        life.os.read(f"/d/{one}")
        assert f"d/{one}" not in set(gets(life)) - before, f"{one} was not fetched ahead"
        assert len(gets(life)) <= at + AHEAD


def test_not_many_are_fetched_for_who_is_slow(core, life, opened):
    """The window grows only when bytes are waited for."""
    names = ORDERS["as it is listed"]
    fill(core, names)
    life.os.listdir("/d")

    assert len(opened(names[:50])) <= 50 + 2 * upcoming.FIRST_AHEAD


@pytest.mark.parametrize("names", [["0007"] * 9, ["0007", "0008"] * 9], ids=["one", "two"])
def test_the_same_files_again_and_again(core, life, opened, names):
    """That is no order."""
    fill(core, ORDERS["as it is listed"])
    life.os.listdir("/d")

    assert len(set(names)) == len(opened(names))


def test_one_here_and_one_there(core, life, opened):
    """Those between would be fetched in vain."""
    fill(core, ORDERS["as it is listed"])
    life.os.listdir("/d")
    names = ORDERS["as it is listed"][::3]

    assert len(opened(names)) <= len(names) + 2 * upcoming.FIRST_AHEAD


def test_at_random(core, life, opened):
    """Nothing is fetched ahead."""
    names = ORDERS["as it is listed"]
    fill(core, names)
    life.os.listdir("/d")
    chosen = random.Random(5).sample(names, 30)

    assert ["get"] * 30 == opened(chosen)


def test_a_pause(core, life, opened):
    """Two files now, and one later, are no order to rely on."""
    names = ORDERS["as it is listed"]
    fill(core, names)
    life.os.listdir("/d")
    opened(names[:2])
    core.clock.advance(2.5)

    assert ["get"] == opened(names[2:3])


def test_the_next_directory(core, life, opened):
    """Who has read one in order gets the next one without delay."""
    names = ORDERS["as it is listed"][:20]
    fill(core, names)
    fill(core, names, "e")
    sh = life.os
    sh.listdir("/d")
    sh.listdir("/e")
    opened(names)

    life.points.calls.clear()
    sh.read(f"/e/{names[0]}")
    assert set(gets(life)) > {f"e/{names[0]}", f"e/{names[1]}"}


def test_large_and_empty_files_between(core, life):
    """They are left to their readers."""
    for n in range(40):
        size = {0: 0, 1: upcoming.SMALL + 1}.get(n % 4, 10)
        core.put(f"d/{n:02}", b"x" * size)
    sh = life.os
    sh.listdir("/d")
    for n in (2, 3, 6, 7):
        sh.read(f"/d/{n:02}")

    assert {int(key[2:]) % 4 for key in gets(life)} == {2, 3}


def test_a_file_that_was_replaced_meanwhile(core, life):
    """What was fetched ahead is the version that was listed; open sees the newer one in time."""
    names = ORDERS["as it is listed"]
    fill(core, names)
    sh = life.os
    sh.listdir("/d")
    for name in names[:4]:
        sh.read(f"/d/{name}")
    core.put("d/0004", b"newer")
    core.clock.advance(1.1)

    assert b"newer" == sh.read("/d/0004")


def test_files_that_cannot_be_fetched(core, life):
    """Who opens them is told; nobody else is."""
    names = ORDERS["as it is listed"]
    fill(core, names)
    sh = life.os
    sh.listdir("/d")
    for name in names[3:10]:
        core.bucket.delete(f"d/{name}")
    for name in names[:3]:
        sh.read(f"/d/{name}")

    with pytest.raises(FileNotFoundError):
        sh.read("/d/0003")
    assert b"0010" == sh.read("/d/0010")


def test_what_comes_ahead_tells_the_attributes(core, life):
    """Files of FUSE clients are asked for one at a time, and not beside the fetching."""
    for n in range(100):
        headers = Headers(None, {"mode": "33256"})
        core.bucket.put(f"d/{n:02}", BytesBody(b"x"), headers)
    core.bucket.put("d/", BytesBody(b""), Headers(None, {"mode": "16877"}))
    sh = life.os
    sh.stat("/d")
    sh.listdir("/d")
    life.requests()
    for n in range(100):
        assert 0o100750 == sh.stat(f"/d/{n:02}").st_mode
        sh.read(f"/d/{n:02}")

    names = life.requests()
    assert 100 == names.count("get")
    assert names.count("head") <= 3


def test_workers_that_have_ended(core):
    """Nobody waits for what never comes."""
    fill(core, ORDERS["as it is listed"])

    class Ended(InlineWorkers):
        def __init__(self):
            super().__init__()
            self.close(cancel=True)

    with core.mounted(workers=Ended) as life:
        life.os.listdir("/d")
        for name in ORDERS["as it is listed"][:9]:
            assert name.encode() == life.os.read(f"/d/{name}")
