"""
What a dialect is: everything in which OSS, TOS and S3 differ, as one value.

A `Bucket` writes each request down as a `Call`, in the words that all dialects share; for
the others it asks the dialect's `Words`. The `Signer` adds the authorisation, the `Codec`
reads and writes the bodies, the `Checksum` says what proves that they are right, and the
tables turn error codes into the classes of `ossfs.errors`.

Threads: dialects, signers and codecs are values without state; a `Call` belongs to one
request.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, Protocol
from urllib.parse import quote

from ossfs.crc64 import Bytes, crc64
from ossfs.errors import StoreError
from ossfs.store.api import (
    NOTHING,
    Body,
    BucketFacts,
    Capabilities,
    DeleteFailure,
    Limits,
    ListPage,
    Part,
    PartsPage,
    UploadsPage,
)
from ossfs.store.credentials import Credentials


@dataclass(slots=True)
class Call:
    """One request before it is signed."""

    operation: str
    """The name of the method of `ObjectStore`, for messages."""
    method: str
    bucket: str
    key: str = ""
    """Empty: the request is about the bucket."""
    query: dict[str, str] = field(default_factory=dict)
    """Not encoded; an empty value stands for a parameter without one."""
    headers: dict[str, str] = field(default_factory=dict)
    """Names in lower case, values in ASCII."""
    body: Body | None = None
    path: str = "/"
    """As it is sent: encoded, with the bucket where the style of addressing wants it."""
    sent_checksum: str = ""
    """What was said of the body beforehand; empty: nothing."""


class Signer(Protocol):
    """A way to prove who sends a request."""

    def sign(self, call: Call, credentials: Credentials, now_s: int) -> None:
        """Add the headers that authorise `call`, sent at `now_s` seconds since 1970."""
        ...

    def presign(self, call: Call, credentials: Credentials, now_s: int, valid_s: int) -> None:
        """Add the query parameters that authorise `call` for that many seconds."""
        ...


class ErrorBody(NamedTuple):
    """What the body of an error says; empty where it says nothing."""

    code: str = ""
    message: str = ""
    request_id: str = ""
    detail: str = ""


class Codec(Protocol):
    """How requests' and answers' bodies are written. ValueError: not such a body."""

    @property
    def content_type(self) -> str:
        """The type of the bodies that it writes."""
        ...

    def error(self, body: bytes) -> ErrorBody | None:
        """Read an error; None: it is none."""
        ...

    def list_page(self, body: bytes) -> ListPage:
        """Read a page of objects."""
        ...

    def parts_page(self, body: bytes) -> PartsPage:
        """Read a page of the parts of an upload."""
        ...

    def uploads_page(self, body: bytes) -> UploadsPage:
        """Read a page of pending uploads."""
        ...

    def upload_id(self, body: bytes) -> str:
        """Read the id of a new upload."""
        ...

    def etag(self, body: bytes) -> str:
        """Read the ETag that a copy or Complete tells in its body."""
        ...

    def part_checksum(self, body: bytes) -> str:
        """Read what the answer to a copied part says of its bytes; empty: nothing."""
        ...

    def complete(self, parts: Sequence[Part]) -> bytes:
        """Write the parts that become the object."""
        ...

    def delete(self, keys: Sequence[str]) -> bytes:
        """Write the keys to be deleted."""
        ...

    def can_delete(self, key: str) -> bool:
        """Say whether `key` can be written into a batch delete."""
        ...

    def deleted(self, keys: Sequence[str], body: bytes) -> Sequence[DeleteFailure]:
        """Read which of `keys` were not deleted."""
        ...

    def restore(self, days: int, tier: str) -> bytes:
        """Write for how long, and how fast, an archived object is to be restored."""
        ...

    def tagging(self, tags: Mapping[str, str]) -> bytes:
        """Write an object's tags."""
        ...

    def tags(self, body: bytes) -> Mapping[str, str]:
        """Read an object's tags."""
        ...


def unchanged(text: str) -> str:
    """Return the text as it is."""
    return text


@dataclass(frozen=True, slots=True)
class Checksum:
    """
    What proves that a whole body came as it was sent.

    Either it is computed while the body is sent and compared with the answer, or it
    `is_sent_first`: computed before, so that the store refuses a body that differs.
    """

    header: str
    """Where answers (and requests, if it is sent first) say it, lower case."""
    add: Callable[[Bytes, int], int] = crc64
    """Return the sum of what the second argument stands for, and the bytes."""
    written: Callable[[int], str] = str
    read: Callable[[str], int | None] = int
    """None: the value does not speak of the whole body. ValueError: it cannot be read."""
    is_sent_first: bool = False
    of_upload: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """What a new upload has to be told so that its parts may carry it."""

    @property
    def crc64_header(self) -> str | None:
        """Where an object's CRC-64 stands; None: the store keeps another sum."""
        return self.header if self.add is crc64 else None


class Worded(NamedTuple):
    """A request that the dialects word from the ground up differently."""

    method: str
    key: str
    query: dict[str, str]
    headers: dict[str, str]


class Question(NamedTuple):
    """A request about the bucket, and what its answer's headers and body say."""

    method: str
    query: Mapping[str, str]
    read: Callable[[Mapping[str, str], bytes, BucketFacts], BucketFacts]
    of_flat_only: bool = False
    """Not asked when the bucket is known to be hierarchical."""


def whatever_it_is(able: Capabilities, _: BucketFacts) -> Capabilities:
    """Return what all buckets of the store can do."""
    return able


@dataclass(frozen=True, slots=True)
class Words:
    """Names of headers and parameters that are not the same everywhere but for the prefix."""

    forbid_overwrite: tuple[str, str]
    if_match: str
    """The header by which a put or Complete replaces one version only."""
    of_get: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    of_range: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    is_encoding_asked: bool = False
    """`encoding-type=url` also with batch deletes and ListParts, not only with listings."""
    acl: str = "object-acl"
    """Behind the prefix, like those that follow."""
    is_acl_at_complete: bool = True
    encryption_key_id: str = "server-side-encryption-key-id"
    append_position: str = "position"
    """The parameter of append."""
    next_position: str = "next-append-position"
    metadata_sent: Callable[[str], str] = unchanged
    metadata_read: Callable[[str], str] = unchanged
    rename: Callable[[str, str, str], Worded] | None = None
    """From bucket, source and target; None: no such request."""
    questions: Sequence[Question] = ()
    """What to ask about a bucket, in this order."""
    heed: Callable[[Capabilities, BucketFacts], Capabilities] = whatever_it_is
    """Return what a bucket can do that was set up like that."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one kind of store is spoken to."""

    name: str
    prefix: str
    """What the store's own headers begin with: `x-oss-`."""
    limits: Limits
    capabilities: Capabilities
    signer: Signer
    codec: Codec
    errors: Mapping[str, type[StoreError]]
    """Error code of the store → our class; what is missing goes by its status."""
    words: Words
    checksum: Checksum
    own_errors: Mapping[tuple[str, str], type[StoreError]] = field(default_factory=dict)
    """(operation, code) → our class, where it depends on what was asked."""


@lru_cache(maxsize=512)
def encoded(text: str) -> str:
    """Percent-encode everything but RFC 3986's unreserved characters."""
    return quote(text, safe="~")


def encoded_path(key: str) -> str:
    """Percent-encode a key, its slashes kept."""
    return quote(key, safe="/~")


def encoded_query(query: Mapping[str, str]) -> str:
    """Write a query, sorted by encoded name; a parameter without a value has no `=`."""
    pairs = sorted((encoded(name), encoded(value)) for name, value in query.items())
    return "&".join(f"{name}={value}" if value else name for name, value in pairs)
