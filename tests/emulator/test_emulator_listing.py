"""Pages of keys against a definition that reads everything."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ossfs.clock import FakeClock
from ossfs.emulator import listing
from ossfs.emulator.buckets import Buckets
from ossfs.emulator.multipart import Multipart
from ossfs.emulator.objects import Attributes, Objects, anything
from ossfs.emulator.receiving import EMPTY
from ossfs.emulator.settings import Limits
from ossfs.emulator.storage import Storage

KEYS = st.lists(st.text("ab/é", min_size=1, max_size=5), max_size=30, unique=True)


@pytest.fixture
def storage(tmp_path):
    storage = Storage(tmp_path, clock=FakeClock(), limits=Limits())
    Buckets(storage).create("bucket")
    yield storage
    storage.close()


def fill(storage, keys):
    objects, bucket = Objects(storage), Buckets(storage).get("bucket")
    storage.db.execute("DELETE FROM objects")
    for key in keys:
        objects.put(bucket, key, EMPTY, Attributes(), guard=anything)


def expected(keys, prefix, after, delimiter):
    """Return all names behind `after`, groups rolled up, by the definition."""
    names = []
    for key in sorted(one.encode() for one in keys):
        if not key.startswith(prefix):
            continue
        end = key.find(delimiter, len(prefix)) if delimiter else -1
        group = key[: end + len(delimiter)] if end >= 0 else None
        if key <= after or (group is not None and group == after):
            continue
        if group is None:
            names.append(key)
        elif group not in names:
            names.append(group)
    return names


def names(page):
    return sorted([item.key for item in page.items] + page.groups)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    keys=KEYS,
    prefix=st.sampled_from(["", "a", "a/", "b/a", "/"]),
    after=st.text("ab/é", max_size=4),
    delimiter=st.sampled_from(["", "/", "b", "/a"]),
    limit=st.integers(1, 7),
)
def test_a_page_is_the_beginning_of_everything(storage, keys, prefix, after, delimiter, limit):
    """A page holds the first names behind its marker, whatever the grouping."""
    fill(storage, keys)
    arguments = (prefix.encode(), after.encode(), delimiter.encode())
    wanted = expected(keys, *arguments)

    page = listing.objects(storage, "bucket", *arguments, limit)

    assert wanted[:limit] == names(page)
    assert (len(wanted) > limit) == page.truncated


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(keys=KEYS, delimiter=st.sampled_from(["", "/", "a"]), limit=st.integers(1, 4))
def test_pages_join_without_gap_or_repetition(storage, keys, delimiter, limit):
    """Going on at `last` gives every name once."""
    fill(storage, keys)
    seen, after = [], b""
    for _ in range(len(keys) + 1):
        page = listing.objects(storage, "bucket", b"", after, delimiter.encode(), limit)
        seen += names(page)
        after = page.last
        if not page.truncated:
            break

    assert expected(keys, b"", b"", delimiter.encode()) == seen


def test_a_group_is_jumped_over(storage):
    """Listing a directory beside 20,000 keys of another costs a few rows, not 20,000."""
    bucket = Buckets(storage).get("bucket")
    row = Objects(storage).put(bucket, "b/first", EMPTY, Attributes(), guard=anything)
    rows = (("bucket", b"b/%06d" % number, *row) for number in range(20_000))
    marks = ",".join("?" * (len(row) + 2))
    storage.db.executemany(f"INSERT INTO objects VALUES ({marks})", rows)
    fill_after = Objects(storage)
    fill_after.put(bucket, "c", EMPTY, Attributes(), guard=anything)
    steps = itertools.count()
    storage.db.set_progress_handler(lambda: next(steps) and None, 100)

    page = listing.objects(storage, "bucket", b"", b"", b"/", 100)

    assert [b"b/", b"c"] == names(page)
    assert next(steps) < 10  # thousands of instructions would mean a scan


def test_uploads_are_paged_by_key_and_id(storage):
    """Uploads of one key come in the order they began; a page may end among them."""
    multipart = Multipart(storage, Objects(storage))
    bucket = Buckets(storage).get("bucket")
    begun = [
        (key, multipart.initiate(bucket, key, Attributes(), sequential=False))
        for key in ("a", "a", "b", "a", "c/d")
    ]
    wanted = sorted(((key.encode(), upload) for key, upload in begun), key=lambda pair: pair[0])

    seen, after = [], (b"", "")
    while True:
        page = listing.uploads(storage, "bucket", b"", after, b"", 2)
        seen += [(item.key, item.id) for item in page.items]
        if not page.truncated:
            break
        after = seen[-1]

    assert wanted == seen
    assert [b"c/"] == listing.uploads(storage, "bucket", b"", (b"", ""), b"/", 9).groups
