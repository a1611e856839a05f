"""
What a dialect is: everything in which OSS, TOS and S3 differ, as one value.

A `Bucket` writes each request down as a `Call`, in the words that all dialects share; the
dialect's `Signer` adds the authorisation, its `Codec` reads and writes the bodies, and its
tables turn error codes into the classes of `ossfs.errors`.

Threads: dialects, signers and codecs are values without state; a `Call` belongs to one
request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, Protocol
from urllib.parse import quote

from ossfs.errors import StoreError
from ossfs.store.api import (
    Body,
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
