"""
Objects whose bytes are in an archive: what a store says of them, and what that means.

Archived bytes cannot be read or copied until a copy of them has been restored, which takes
minutes to days and lasts as many days as were asked for. The name, size and headers of the
object are there all the time.

Threads: values and pure functions.
"""

import re
from dataclasses import dataclass
from enum import Enum

from ossfs.errors import ObjectArchived
from ossfs.store.times import http_time_ns
from ossfs.store.values import ObjectInfo

ARCHIVES = frozenset(
    {
        *("Archive", "ColdArchive", "DeepColdArchive"),  # OSS
        *("ARCHIVE", "COLD_ARCHIVE", "DEEP_COLD_ARCHIVE"),  # TOS; ARCHIVE_FR is read at once
        *("GLACIER", "DEEP_ARCHIVE"),  # S3; GLACIER_IR is read at once
    }
)
"""Storage classes that have to be restored, as the stores word them."""

HOW = "`ossfs restore` with its path or URL asks the store for them"

_ONGOING = re.compile(r'ongoing-request\s*=\s*"(true|false)"', re.IGNORECASE)
_EXPIRY = re.compile(r'expiry-date\s*=\s*"([^"]+)"', re.IGNORECASE)


class State(Enum):
    """Whether the bytes can be read."""

    AT_HAND = "at hand"
    """It is in no archive."""
    ARCHIVED = "archived"
    RESTORING = "being restored"
    RESTORED = "restored"


@dataclass(frozen=True, slots=True)
class Archival:
    """What is known of an object's bytes; `until_ns`: how long a restored copy lasts."""

    storage_class: str
    state: State
    until_ns: int | None = None


def archival_of(info: ObjectInfo) -> Archival:
    """Read what HEAD says: the class, and the restore header (`ongoing-request="…", …`)."""
    if info.storage_class not in ARCHIVES:
        return Archival(info.storage_class, State.AT_HAND)
    ongoing = _ONGOING.search(info.restore)
    if ongoing is None:
        return Archival(info.storage_class, State.ARCHIVED)
    if ongoing[1].lower() == "true":
        return Archival(info.storage_class, State.RESTORING)
    return Archival(info.storage_class, State.RESTORED, _expiry_ns(info.restore))


def _expiry_ns(restore: str) -> int | None:
    found = _EXPIRY.search(restore)
    try:
        return None if found is None else http_time_ns(found[1])
    except ValueError:
        return None


def explained(error: ObjectArchived, info: ObjectInfo | None) -> ObjectArchived:
    """Let an error say in which state the object is, and what to do; `info`: as HEAD has it."""
    state = "archived"
    if info is not None:
        found = archival_of(info)
        # A store may refuse for reasons that its headers do not show.
        shown = State.ARCHIVED if found.state is State.AT_HAND else found.state
        state = f"{shown.value} ({found.storage_class})" if found.storage_class else shown.value
    said = f"{error.message}; " if error.message else ""
    error.message = f"{said}its bytes are {state}: {HOW}"
    return error
