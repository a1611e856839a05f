"""
Which version of an object a transfer is about.

Threads: a function; one request at most.
"""

from ossfs.errors import PreconditionFailed
from ossfs.store.api import ObjectInfo, ObjectStore


def described(
    store: ObjectStore,
    key: str,
    *,
    version_id: str | None,
    if_match: str | None,
    known: ObjectInfo | None,
    operation: str,
) -> ObjectInfo:
    """
    Return what `known` says of the object, or HEAD.

    NoSuchKey; PreconditionFailed: it is not the version `if_match`, named in `operation`.
    """
    info = store.head(key, version_id=version_id) if known is None else known
    if if_match is not None and info.etag != if_match.strip('"'):
        raise PreconditionFailed(
            f"expected {if_match}, found {info.etag}",
            operation=operation,
            bucket=store.name,
            key=key,
        )
    return info
