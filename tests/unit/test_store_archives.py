"""What a store says of archived objects, and what is made of it."""

import pytest

from ossfs.clock import FakeClock
from ossfs.errors import ObjectArchived, Unreachable
from ossfs.extents import Extent
from ossfs.store.api import BytesBody, Handing, Headers, ObjectInfo
from ossfs.store.archives import Archival, State, archival_of
from ossfs.store.memory import MemoryStore
from ossfs.store.retrying import Retrying

EXPIRY = 'ongoing-request="false", expiry-date="Thu, 01 Jan 2026 00:00:00 GMT"'
NEW_YEAR_NS = 1_767_225_600_000_000_000


@pytest.mark.parametrize(
    ("storage_class", "restore", "state", "until_ns"),
    [
        ("Standard", "", State.AT_HAND, None),
        ("", "", State.AT_HAND, None),
        ("GLACIER_IR", "", State.AT_HAND, None),
        ("ARCHIVE_FR", "", State.AT_HAND, None),
        ("Archive", "", State.ARCHIVED, None),
        ("DeepColdArchive", 'ongoing-request="true"', State.RESTORING, None),
        ("GLACIER", EXPIRY, State.RESTORED, NEW_YEAR_NS),
        ("COLD_ARCHIVE", 'ongoing-request="false"', State.RESTORED, None),
        ("DEEP_ARCHIVE", 'ongoing-request="false", expiry-date="soon"', State.RESTORED, None),
        ("ARCHIVE", "something new", State.ARCHIVED, None),
    ],
)
def test_states(storage_class, restore, state, until_ns):
    """The class says whether there is an archive, the header how far the bytes are."""
    info = ObjectInfo("k", 1, "e", 0, storage_class=storage_class, restore=restore)

    assert Archival(storage_class, state, until_ns) == archival_of(info)


class Archived(MemoryStore):
    """A store whose objects cannot be read; `head` says why, unless it fails."""

    def __init__(self, *, is_silent=False):
        super().__init__()
        self.is_silent = is_silent

    def get(self, key, *_, **__):
        raise ObjectArchived("not now", operation="get", bucket="b", key=key, status=403)

    def copy(self, source, key, **__):
        raise ObjectArchived("", operation="copy", bucket="b", key=key, status=403)

    def copy_part(self, key, *_, **__):
        raise ObjectArchived("", operation="copy_part", bucket="b", key=key, status=403)

    def head(self, key, *, version_id=None):
        if self.is_silent:
            raise Unreachable("nobody there")
        return ObjectInfo(key, 1, "e", 0, storage_class="DEEP_ARCHIVE" if version_id else "GLACIER")


@pytest.mark.parametrize(
    "attempt",
    [
        lambda store: store.get("k"),
        lambda store: store.copy("k", "other"),
        lambda store: store.copy_part("other", "id", 1, "k", Extent(0, 1)),
    ],
    ids=["get", "copy", "copy_part"],
)
def test_the_error_says_the_state_and_the_way_out(attempt):
    """Whatever needs the bytes: one look at the object that has them."""
    store = Retrying(Archived(), clock=FakeClock())
    store.put("k", BytesBody(b"x"), Headers())

    with pytest.raises(ObjectArchived, match=r"archived \(GLACIER\): `ossfs restore`"):
        attempt(store)


def test_another_version_than_the_current_one_is_looked_at():
    """Each has a class of its own; also when its bytes were to go into a sink."""
    store = Retrying(Archived(), clock=FakeClock())

    with pytest.raises(ObjectArchived, match=r"archived \(DEEP_ARCHIVE\)"):
        store.get("k", version_id="1", into=Handing(bytes))


def test_the_reason_stays_when_the_object_cannot_be_looked_at():
    """The error of the look is not the reader's, and nobody waits for it to be repeated."""
    store = Retrying(Archived(is_silent=True), clock=FakeClock())

    with pytest.raises(ObjectArchived, match="not now; its bytes are archived: `ossfs restore`"):
        store.get("k")
