"""
Which version of an object a transfer is about, and whether it is wanted.

Threads: values and functions; one request at most.
"""

from dataclasses import dataclass

from ossfs.errors import NotModified, PreconditionFailed
from ossfs.store.api import ObjectInfo, ObjectStore

SECOND_NS = 1_000_000_000
ANY = "*"


@dataclass(frozen=True, slots=True)
class Conditions:
    """
    When an object is wanted, besides `if_match`, as HTTP has it; times in ns since 1970.

    Stores and HTTP know whole seconds only: what is left of one does not count. Where
    `if_none_match` is given, `if_modified_since_ns` does not count (RFC 9110, 13.2.2), nor
    does `if_unmodified_since_ns` where `if_match` is.
    """

    if_none_match: str | None = None
    """Not this version, by its ETag: NotModified; `*`: only if there is none."""
    if_modified_since_ns: int | None = None
    """Only if it was changed later than this: NotModified."""
    if_unmodified_since_ns: int | None = None
    """Only if it was not changed later than this: PreconditionFailed."""

    def refusal(
        self, info: ObjectInfo, if_match: str | None
    ) -> PreconditionFailed | NotModified | None:
        """Return why the object is not wanted; None: it is."""
        if if_match is not None:
            if if_match != ANY and info.etag != if_match.strip('"'):
                return PreconditionFailed(f"expected {if_match}, found {info.etag}")
        elif self.if_unmodified_since_ns is not None and _is_later(
            info, self.if_unmodified_since_ns
        ):
            return PreconditionFailed("the object was changed since")
        if self.if_none_match is not None:
            if self.if_none_match == ANY or info.etag == self.if_none_match.strip('"'):
                return NotModified("the object is the version that was not wanted")
        elif self.if_modified_since_ns is not None and not _is_later(
            info, self.if_modified_since_ns
        ):
            return NotModified("the object was not changed since")
        return None


def _is_later(info: ObjectInfo, time_ns: int) -> bool:
    return info.modified_ns // SECOND_NS > time_ns // SECOND_NS


def described(
    store: ObjectStore,
    key: str,
    *,
    version_id: str | None,
    if_match: str | None,
    conditions: Conditions | None,
    known: ObjectInfo | None,
    operation: str,
) -> ObjectInfo:
    """
    Return what `known` says of the object, or HEAD.

    NoSuchKey; PreconditionFailed, NotModified: it is there, but not wanted; `operation` is
    what the error says was wanted of it.
    """
    info = store.head(key, version_id=version_id) if known is None else known
    error = (conditions or Conditions()).refusal(info, if_match)
    if error is not None:
        error.operation, error.bucket, error.key = operation, store.name, key
        raise error
    return info
