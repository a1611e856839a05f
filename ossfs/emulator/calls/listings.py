"""Requests that list objects."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

from ossfs.emulator import listing
from ossfs.emulator.calls.objects import document
from ossfs.emulator.exchange import Answer, Call
from ossfs.emulator.objects import SECOND
from ossfs.emulator.refusals import Refused, invalid
from ossfs.emulator.service import OWNER, Service
from ossfs.emulator.times import iso
from ossfs.emulator.tree import Node, encoded

_MAX_KEYS = 1000
_OWNER: Node = ("Owner", [("ID", OWNER), ("DisplayName", OWNER)])
_CHECK_SIZE = 4


@dataclass(frozen=True, slots=True)
class Encoder:
    """How keys are written in an answer: percent-encoded when the request asked for it."""

    url: bool
    safe: str = ""

    def __call__(self, text: str) -> str:
        """Return the text as it is written."""
        return encoded(text, self.safe) if self.url else text

    @property
    def node(self) -> list[Node]:
        """The element that tells the client."""
        return [("EncodingType", "url")] if self.url else []


def encoder(call: Call) -> Encoder:
    """Return the encoder the request asks for."""
    kind = call.query.get("encoding-type", "")
    if kind not in ("", "url"):
        raise invalid("encoding-type", kind, "Invalid Encoding Method specified in Request.")
    return Encoder(kind == "url", call.words.url_safe)


def limit_of(call: Call, name: str, default: int) -> int:
    """Return the wanted number of entries of one page."""
    given = call.query.get(name, "")
    if not given:
        return default
    if call.words.clips_pages and given.isascii() and given.isdecimal():
        return min(int(given), _MAX_KEYS)
    if not (given.isascii() and given.isdecimal()) or not 1 <= int(given) <= _MAX_KEYS:
        raise invalid(name, given, f"Argument {name} must be an integer between 1 and 1000.")
    return int(given)


async def list_objects(service: Service, call: Call) -> Answer:
    """GET /, version 1."""
    service.buckets.get(call.bucket)
    encode = encoder(call)
    marker = call.query.get("marker", "")
    page, common = _page(service, call, encode, marker.encode())
    tells_next = call.words.always_next_marker or bool(call.query.get("delimiter"))
    following: list[Node] = [("NextMarker", encode(page.last.decode()))]
    return document(
        call,
        "ListBucketResult",
        [
            *common,
            ("Marker", encode(marker)),
            *(following if page.truncated and tells_next else []),
            *_entries(page, call, encode, owner=True),
        ],
    )


async def list_objects_v2(service: Service, call: Call) -> Answer:
    """GET /?list-type=2."""
    service.buckets.get(call.bucket)
    if call.query["list-type"] != "2":
        raise invalid("list-type", call.query["list-type"])
    encode = encoder(call)
    opaque = encode if call.words.encodes_tokens else str
    token = call.query.get("continuation-token", "")
    start_after = call.query.get("start-after", "")
    after = _after(token) if token else start_after.encode()
    page, common = _page(service, call, encode, after)
    optional: list[Node] = []
    if start_after:
        optional.append(("StartAfter", encode(start_after)))
    if token:
        optional.append(("ContinuationToken", opaque(token)))
    if page.truncated:
        optional.append(("NextContinuationToken", opaque(_token(page.last))))
    return document(
        call,
        "ListBucketResult",
        [
            *common,
            *optional,
            ("KeyCount", len(page.items) + len(page.groups)),
            *_entries(page, call, encode, owner=call.query.get("fetch-owner") == "true"),
        ],
    )


async def list_versions(service: Service, call: Call) -> Answer:
    """GET /?versions: of a bucket that keeps none, each object is its version 'null'."""
    service.buckets.get(call.bucket)
    encode = encoder(call)
    marker = call.query.get("key-marker", "")
    page, common = _page(service, call, encode, marker.encode())
    more: list[Node] = [("VersionId", "null"), ("IsLatest", "true")]
    return document(
        call,
        "ListVersionsResult",
        [
            *common,
            ("KeyMarker", encode(marker)),
            ("VersionIdMarker", call.query.get("version-id-marker", "")),
            ("NextKeyMarker", encode(page.last.decode()) if page.truncated else ""),
            ("NextVersionIdMarker", "null" if page.truncated else ""),
            *_entries(page, call, encode, owner=True, tag="Version", more=more),
        ],
    )


def _page(
    service: Service, call: Call, encode: Encoder, after: bytes
) -> tuple[listing.Page[listing.Listed], list[Node]]:
    """Return a page, and the elements all versions of listings begin with."""
    if call.query.get("reverse", "").lower() == "true":
        raise Refused("NotImplemented", "This server does not list backwards.", Header="reverse")
    prefix, delimiter = call.query.get("prefix", ""), call.query.get("delimiter", "")
    limit = limit_of(call, "max-keys", call.words.default_page)
    page = listing.objects(
        service.storage, call.bucket, prefix.encode(), after, delimiter.encode(), limit
    )
    common: list[Node] = [
        ("Name", call.bucket),
        ("Prefix", encode(prefix)),
        ("MaxKeys", limit),
        *([("Delimiter", encode(delimiter))] if delimiter or call.words.encodes_tokens else []),
        *encode.node,
        ("IsTruncated", page.truncated),
    ]
    return page, common


def _entries(
    page: listing.Page[listing.Listed],
    call: Call,
    encode: Encoder,
    *,
    owner: bool,
    tag: str = "Contents",
    more: Sequence[Node] = (),
) -> list[Node]:
    words = call.words
    contents: list[Node] = [
        (
            tag,
            [
                ("Key", encode(one.key.decode())),
                *more,
                ("LastModified", iso(one.modified_ns // SECOND)),
                ("ETag", words.etag(one.etag)),
                *words.listed(call, one),
                ("Size", one.size),
                ("StorageClass", words.storage_class(one.storage_class)),
                *([_OWNER] if owner else []),
            ],
        )
        for one in page.items
    ]
    groups: list[Node] = [
        ("CommonPrefixes", [("Prefix", encode(one.decode()))]) for one in page.groups
    ]
    return contents + groups


def _token(last: bytes) -> str:
    """Return an opaque token that says where the next page begins."""
    checked = crc32(last).to_bytes(_CHECK_SIZE, "big") + last
    return base64.b64encode(checked).decode().replace("=", "-")


def _after(token: str) -> bytes:
    try:
        checked = base64.b64decode(token.replace("-", "="), validate=True)
    except (binascii.Error, ValueError):
        checked = b""
    check, last = checked[:_CHECK_SIZE], checked[_CHECK_SIZE:]
    if not last or check != crc32(last).to_bytes(_CHECK_SIZE, "big"):
        raise Refused(
            "InvalidArgument",
            "The continuation token provided is incorrect.",
            ArgumentName="continuation-token",
        )
    return last
