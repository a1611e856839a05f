"""
The versions and parts that `ossfs.store.memory` keeps, and how OSS makes their ETags.

Threads: values and pure functions; `Upload` is guarded by the store's lock.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple

from ossfs.errors import InvalidRequest
from ossfs.store.api import NOTHING, Body, Headers, Limits, ObjectInfo, Part, Sink
from ossfs.store.bodies import leaving
from ossfs.store.checks import Where


class Object(NamedTuple):
    """A version of an object; `target` makes it a symlink."""

    info: ObjectInfo
    data: bytes
    target: str | None = None
    tags: Mapping[str, str] = NOTHING


class Piece(NamedTuple):
    """A part with its bytes."""

    part: Part
    data: bytes


@dataclass(slots=True)
class Upload:
    """A multipart upload on its way."""

    key: str
    headers: Headers
    initiated_ns: int
    parts: dict[int, Piece] = field(default_factory=dict)


def chosen(
    wanted: Sequence[Part], held: Mapping[int, Piece], limits: Limits, where: Where
) -> Sequence[Piece]:
    """Return the pieces that Complete names. InvalidRequest, by the service's rules."""
    if not wanted:
        raise InvalidRequest("no parts", **where, code="MalformedXML")
    if any(a.number >= b.number for a, b in pairwise(wanted)):
        raise InvalidRequest("not ascending", **where, code="InvalidPartOrder")
    for part in wanted:
        if part.number not in held or held[part.number].part.etag != part.etag:
            raise InvalidRequest(f"part {part.number}", **where, code="InvalidPart")
    pieces = [held[part.number] for part in wanted]
    for piece in pieces[:-1]:
        if piece.part.size < limits.min_part:
            raise InvalidRequest(f"{piece.part}", **where, code="EntityTooSmall")
    return pieces


def read(body: Body) -> bytes:
    """Return all bytes of `body`, read in pieces as a connection would."""
    data = bytearray()
    for piece in leaving(body, 256 << 10):
        data += piece
    return bytes(data)


def pour(data: bytes, into: Sink) -> None:
    """Let bytes go into a sink, as many at a time as it has room for."""
    at = 0
    while at < len(data):
        room = into.room()
        count = min(len(room), len(data) - at)
        room[:count] = data[at : at + count]
        into.came(count)
        at += count


def md5(data: bytes) -> str:
    """Return the ETag of what was sent in one piece."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest().upper()


def joint_etag(pieces: Sequence[Piece]) -> str:
    """Return the ETag of what was sent in parts; clients take it as opaque."""
    digests = b"".join(bytes.fromhex(piece.part.etag) for piece in pieces)
    return f"{md5(digests)}-{len(pieces)}"


def as_multipart(plain: Object, etag: str) -> Object:
    """Return the object that a completed upload makes."""
    return Object(replace(plain.info, etag=etag, object_type="Multipart"), plain.data)


def as_link(plain: Object, target: str) -> Object:
    """Return the object as a symlink to `target`."""
    info = replace(plain.info, etag=md5(target.encode()), object_type="Symlink")
    return Object(info, plain.data, target)


def as_appendable(plain: Object, old_etag: str) -> Object:
    """Give an appendable object its ETag, which changes with each append and is no MD5."""
    etag = md5(f"{old_etag}+{plain.info.size}".encode())
    return Object(replace(plain.info, etag=etag, object_type="Appendable"), plain.data)
