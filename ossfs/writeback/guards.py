"""
What a write relies on, and whether an object that is there is what the write made.

Threads: functions; they block for requests.
"""

import logging
from collections.abc import Mapping

from ossfs.errors import EditConflict, NoSuchKey, PreconditionFailed
from ossfs.journal.records import Version
from ossfs.store.api import Headers, ObjectInfo, ObjectStore, Stored
from ossfs.store.resolving import described_by_us
from ossfs.writeback.values import Snapshot

log = logging.getLogger(__name__)


def etag_guard(snapshot: Snapshot, *, is_conditional: bool) -> str | None:
    """
    Return the etag that a write names, where the store can refuse to replace another.

    It closes the gap behind the look at the base; the look stays, because a server that
    does not know the condition ignores it.
    """
    base = snapshot.base
    is_same = base is not None and base.key == snapshot.key
    return base.etag if base is not None and is_same and is_conditional else None


def forbids(snapshot: Snapshot, store: ObjectStore) -> bool:
    """Say whether a write is to fail when an object has the name, and the store can do it."""
    return snapshot.is_exclusive and store.capabilities.forbid_overwrite


def replaced(store: ObjectStore, base: Version) -> ObjectInfo | None:
    """
    Return the version that has taken the place of `base`; None: it is still there.

    EditConflict: nothing is there.
    """
    try:
        info = store.head(base.key)
    except NoSuchKey:
        raise EditConflict(f"{base.key} was deleted by somebody else") from None
    return None if info.etag == base.etag else info


def described(store: ObjectStore, current: ObjectInfo, snapshot: Snapshot) -> Stored:
    """Give an object that an earlier attempt made the attributes that were set since."""
    stored = described_by_us(current, snapshot.headers)
    if stored is not None:
        return stored
    if current.size > store.limits.max_copy:
        log.warning("attributes of %s are those of an earlier attempt", snapshot.key)
        return Stored(current.etag, current.crc64, current.version_id)
    return copy_to_itself(store, Version(snapshot.key, current.etag, current.size), snapshot)


def copy_to_itself(store: ObjectStore, base: Version, snapshot: Snapshot) -> Stored:
    """Give a version other headers. PreconditionFailed: it is not there any more."""
    try:
        return store.copy(base.key, snapshot.key, if_match=base.etag, headers=snapshot.headers)
    except PreconditionFailed:  # a copy gives an object made of parts another etag
        info = store.head(base.key)
        earlier = described_by_us(info, snapshot.headers) if info.size == base.size else None
        if earlier is None:
            raise
        return earlier


def is_same_besides(one: Headers, other: Headers, names: frozenset[str]) -> bool:
    """Say whether two sets of headers differ in nothing but metadata of these names."""

    def without(metadata: Mapping[str, str]) -> dict[str, str]:
        return {name: value for name, value in metadata.items() if name not in names}

    return (
        one.content_type == other.content_type
        and one.standard == other.standard
        and one.storage_class == other.storage_class
        and without(one.metadata) == without(other.metadata)
    )
