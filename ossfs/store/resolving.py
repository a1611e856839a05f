"""
Whether an object that is there is the one we sent.

Asked when the answer to a request was lost and its repetition is refused: the request may
have been carried out. Each function compares what is seen now with what was sent, and
returns the answer that was lost, or None when the object is somebody else's.

Threads: pure functions, but for reading a body again.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from functools import reduce

from ossfs.crc64 import combine, crc64
from ossfs.errors import NoSuchUpload
from ossfs.store.api import Appended, Body, Fetched, Headers, ObjectInfo, Part, Stored, pieces_of

_MD5 = re.compile(r"[0-9a-fA-F]{32}")


class CompletionUnknown(NoSuchUpload):
    """
    The upload is gone, perhaps because a Complete without an answer succeeded.

    What is at the key now is not what the parts make: the object was replaced or deleted
    since, or the upload was aborted by somebody else. The caller decides, knowing more.
    """


def completion_unknown(error: NoSuchUpload) -> CompletionUnknown:
    """Return the error that says more than `error`."""
    return CompletionUnknown(
        f"{error.message}; an earlier attempt may have succeeded, but another object is there",
        operation=error.operation,
        bucket=error.bucket,
        key=error.key,
        status=error.status,
        code=error.code,
        request_id=error.request_id,
    )


def crc_of_body(body: Body) -> int:
    """Return the CRC-64 of all bytes of a body."""
    return reduce(lambda crc, piece: crc64(piece, crc), pieces_of(body), 0)


def crc_of_parts(parts: Sequence[Part]) -> int | None:
    """Return the CRC-64 of the object that parts make; None: not all of them have one."""
    if any(part.crc64 is None for part in parts):
        return None
    return reduce(lambda crc, part: combine(crc, part.crc64 or 0, part.size), parts, 0)


def has_content(seen: ObjectInfo, body: Body) -> bool:
    """
    Say whether the object is known to have these bytes: by its CRC, without one by its ETag.

    An ETag that is not the MD5 (KMS, parts) tells nothing: then the answer is no.
    """
    if seen.size != body.size:
        return False
    if seen.crc64 is None:
        return seen.etag.lower() == md5_of(pieces_of(body))
    return seen.crc64 == crc_of_body(body)


def put_by_us(seen: ObjectInfo, body: Body, headers: Headers) -> Stored | None:
    """Content and headers have to be what was put."""
    return described_by_us(seen, headers) if has_content(seen, body) else None


def copied_by_us(seen: ObjectInfo, source: ObjectInfo, headers: Headers | None) -> Stored | None:
    """Size, content and headers have to be the source's, or the headers that were given."""
    same_content = seen.crc64 == source.crc64 if seen.crc64 else seen.etag == source.etag
    if seen.size != source.size or not same_content:
        return None
    return described_by_us(seen, headers or source.headers)


def described_by_us(seen: ObjectInfo, headers: Headers) -> Stored | None:
    """Type, standard headers and metadata have to be what was sent."""
    if headers.content_type not in {None, seen.content_type}:
        return None
    sent = {name.lower(): value.strip() for name, value in headers.metadata.items()}
    if dict(seen.metadata) != sent or dict(seen.standard) != dict(headers.standard):
        return None
    return Stored(seen.etag, seen.crc64, seen.version_id)


def completed_by_us(seen: ObjectInfo | None, parts: Sequence[Part]) -> Stored | None:
    """
    Size, and CRC (where there is none: the ETag) have to fit.

    S3 makes the ETag of an object from the MD5s of its parts. Where it does not (KMS), the
    caller learns that nobody knows: another's object of as many parts is never taken for ours.
    """
    if seen is None or seen.size != sum(part.size for part in parts):
        return None
    crc = crc_of_parts(parts)
    if seen.crc64 is None or crc is None:
        fits = seen.etag.lower() == etag_of_parts(parts)
    else:
        fits = seen.crc64 == crc
    return Stored(seen.etag, seen.crc64, seen.version_id) if fits else None


def etag_of_parts(parts: Sequence[Part]) -> str | None:
    """Return the ETag that S3 gives to what the parts make; None: theirs are no MD5s."""
    if not all(_MD5.fullmatch(part.etag) for part in parts):
        return None
    return f"{md5_of(bytes.fromhex(part.etag) for part in parts)}-{len(parts)}"


def md5_of(pieces: Iterable[bytes | memoryview]) -> str:
    """Return the MD5 of pieces laid end to end, as S3 writes it."""
    digest = hashlib.md5(usedforsecurity=False)
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def appended_by_us(there: Fetched, end: int, body: Body) -> Appended | None:
    """Bytes behind the position have to be the body's, and the object has to end there."""
    if there.info.size != end or crc64(there.data) != crc_of_body(body):
        return None
    return Appended(end, there.info.etag, there.info.crc64)
