"""Attributes on local disk: read back by the next mount, given up when they are damaged."""

import sqlite3
import threading
from contextlib import closing

import pytest

from ossfs.cache import attributes
from ossfs.cache.attributes import KeptAttributes, Row
from ossfs.cache.metadata import Known, KnownObjects
from ossfs.store.api import Headers

HEADERS = Headers("text/odd", {"mode": "33188", "color": "rot"}, {"expires": "never"}, "IA")


def row(number, directory="d/", headers=HEADERS):
    return Row(directory, f"f{number}", f"E{number}", number, number * 10**9, 0, headers)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "attributes.db"


@pytest.fixture
def keep(path):
    """Open the file, as often as one likes."""
    opened = []

    def keep(bucket="b", **options):
        opened.append(KeptAttributes(path, bucket=bucket, **options))
        return opened[-1]

    yield keep
    for one in opened:
        one.close()


def test_the_next_mount_knows(keep):
    """All of it, of one directory at a time."""
    kept = keep()
    kept.note(row(1))
    kept.note(row(2))
    kept.note(row(3, directory=""))
    kept.close()

    again = keep()
    assert [row(1), row(2)] == sorted(again.load("d/"))
    assert [row(3, directory="")] == again.load("")
    assert [] == again.load("e/")


def test_what_is_not_written_yet_is_there(keep):
    """And counts before what is."""
    kept = keep()
    kept.note(row(1))
    kept.flush()
    newer = row(1)._replace(etag="F")
    kept.note(newer)

    assert newer == kept.load("d/")[0]
    kept.flush()
    assert [newer] == kept.load("d/")


def test_rows_are_written_without_being_asked(keep, path, poll, monkeypatch):
    """By a thread, a moment later."""
    monkeypatch.setattr(attributes, "PAUSE_S", 0.01)
    kept = keep()
    for n in range(3):
        kept.note(row(n))

    def is_there():
        with closing(sqlite3.connect(path)) as db:
            return db.execute("SELECT count(*) FROM objects").fetchone() == (3,)

    poll(is_there)


def test_a_crash_costs_the_last_ones(keep):
    """What was noted since the last writing, and what could have changed since then."""
    kept = keep()
    old = [row(1), row(2)._replace(modified_ns=None, made_ns=2 * 10**9)]
    for one in (*old, row(8), row(9), row(10)._replace(modified_ns=None, made_ns=9 * 10**9)):
        kept.note(one)
    kept.flush()
    kept.note(row(11))
    kept.close(is_crash=True)

    assert old == sorted(keep().load("d/"))


def test_there_are_not_more_than_that(keep, monkeypatch):
    """The oldest go."""
    monkeypatch.setattr(attributes, "SPARE_ROWS", 5)
    kept = keep(max_rows=10)
    for n in range(15):
        kept.note(row(n))
        kept.flush()
    kept.note(row(0))
    kept.flush()
    assert 15 == len(kept.load("d/"))
    kept.note(row(99))
    kept.flush()

    assert {f"f{n}" for n in (0, 99, *range(7, 15))} == {one.name for one in kept.load("d/")}


def test_rows_of_another_bucket(keep):
    """A state folder may be used for another one."""
    kept = keep("a")
    kept.note(row(1))
    kept.close()

    assert [] == keep("b").load("d/")
    keep("b").close()
    assert [] == keep("a").load("d/")


def test_another_format(keep, path):
    """It is what a newer version has left: nobody needs it."""
    kept = keep()
    kept.note(row(1))
    kept.close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")

    assert [] == keep().load("d/")


def test_a_damaged_file_is_replaced(keep, path, expect_log):
    """As if there had been none, with a warning."""
    expect_log("is damaged .*a new one")
    path.write_bytes(b"no database " * 1000)
    kept = keep()
    kept.note(row(1))
    kept.close()

    assert [row(1)] == keep().load("d/")


def test_damage_that_shows_later(keep, path, expect_log):
    """One warning; from then on nothing is known, and the next mount begins anew."""
    expect_log("cannot be used .*asked for again")
    kept = keep()
    for n in range(500):
        kept.note(row(n))
    kept.close()
    damaged = keep()
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)

    for _ in range(2):
        assert [] == damaged.load("d/")
        damaged.note(row(1))
        damaged.flush()
    damaged.close()
    kept = keep()
    kept.note(row(1))
    assert [row(1)] == kept.load("d/")


def test_a_folder_that_cannot_be_written(path, expect_log):
    """One warning, and it goes on without."""
    expect_log("cannot be used")
    path.mkdir()
    kept = KeptAttributes(path, bucket="b")
    kept.note(row(1))

    assert [] == kept.load("d/")
    kept.close()


def test_many_threads(keep):
    """They note, load and flush at once."""
    kept = keep()

    def work(number):
        for n in range(50):
            kept.note(row(100 * number + n, directory=f"{number}/"))
            kept.load(f"{number}/")
            if n % 10 == 0:
                kept.flush()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept.flush()

    assert [50] * 4 == [len(kept.load(f"{number}/")) for number in range(4)]


def known(**changes):
    values = {"etag": "E", "size": 5, "modified_ns": 1000, "headers": HEADERS, "checked": 1.0}
    return Known(**{**values, **changes})


def test_a_version_is_known_again(keep):
    """If the listing shows the same etag, size and time; it has not been seen since."""
    kept = keep()
    KnownObjects(9, kept).put("d/f", known())
    KnownObjects(9, kept).put("d/", known())
    kept.close()

    objects = KnownObjects(9, keep())
    again = known(checked=float("-inf"))
    assert again == objects.match("d/f", etag="E", size=5, modified_ns=1000)
    assert again == objects.get("d/")
    assert objects.match("d/f", etag="E", size=5, modified_ns=1001) is None
    assert objects.match("d/g", etag="E", size=5, modified_ns=1000) is None


def test_the_time_of_our_own_write_is_learned_once(keep):
    """By the first listing, perhaps after a remount; a later time is somebody else's."""
    kept = keep()
    KnownObjects(9, kept).put("f", known(modified_ns=None, made_ns=2000))
    kept.close()

    objects = KnownObjects(9, keep())
    assert objects.match("f", etag="E", size=5, modified_ns=3000) is not None
    assert objects.match("f", etag="E", size=5, modified_ns=4000) is None


def test_what_memory_has_forgotten_is_on_disk(keep):
    """A directory is read again when the first object of it had to go."""
    objects = KnownObjects(2, keep())
    for name in "abc":
        objects.put(f"{name}/f", known())

    assert objects.match("a/f", etag="E", size=5, modified_ns=1000) is not None


def test_what_only_a_listing_has_shown_is_not_kept(keep):
    """There is nothing to keep."""
    kept = keep()
    KnownObjects(9, kept).put("f", known(headers=None))

    assert [] == kept.load("")
