"""
A request as the dialects see it, and the answer they give.

`Call` holds what was on the wire, decoded once; a dialect's addressing fills in bucket
and key. Names of headers are compared without case.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import unquote_to_bytes

from ossfs.emulator.files import Segment
from ossfs.emulator.refusals import Refused
from ossfs.emulator.words import Words


class Body(Protocol):
    """The bytes of a request, read at most once."""

    @property
    def length(self) -> int | None:
        """Announced bytes; None: chunked."""
        ...

    @property
    def announced(self) -> bool:
        """Whether there was a Content-Length or chunked coding at all."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the bytes as they come; Refused (IncompleteBody) when they end early."""
        ...

    async def read(self, limit: int) -> bytes:
        """Return all of it; Refused (EntityTooLarge) when it is longer than `limit`."""
        ...


@dataclass(slots=True)
class Call:
    """One request."""

    method: str
    host: str
    path: str
    """Percent-decoded, beginning with a slash."""
    parameters: Sequence[tuple[str, str]]
    """The query, decoded, in the order of the wire; '' where there was no value."""
    headers: Mapping[str, str]
    body: Body
    request_id: str
    words: Words
    """Of the dialect the request is in."""
    bucket: str = ""
    key: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    """The first value of each parameter."""
    anonymous: bool = False
    sums: dict[str, str] = field(default_factory=dict)
    """Checksums of the body in base64 by algorithm, once it was read (S3)."""

    def __post_init__(self) -> None:
        self.query = dict(reversed(self.parameters))

    def own(self, name: str) -> str | None:
        """Return the value of one of the dialect's own headers, None when it was not sent."""
        return self.headers.get(self.words.prefix + name)


@dataclass(slots=True)
class Answer:
    """What to send back."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    segments: Sequence[Segment] = ()
    """The body in files, when it is not in `body`; pinned until `release` is called."""
    release: Callable[[], None] | None = None


def parsed_path(raw: str) -> str:
    """
    Return the decoded path of a request target, whose query is cut off already.

    Raise Refused (InvalidObjectName) when the bytes are no UTF-8.
    """
    try:
        return unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise Refused("InvalidObjectName", "The key is not valid UTF-8.") from None


def parsed_query(raw: str) -> list[tuple[str, str]]:
    """Return names and values of a query, decoded; a plus is a blank."""
    pairs = []
    for piece in raw.split("&"):
        if piece:
            name, _, value = piece.partition("=")
            pairs.append((_unquoted(name), _unquoted(value)))
    return pairs


def split_target(target: str) -> tuple[str, str, str]:
    """Return authority ('' if none), raw path and raw query of a request target."""
    authority = ""
    if not target.startswith("/"):  # absolute form, as a proxy gets it
        authority, slash, rest = target.partition("://")[2].partition("/")
        target = slash + rest or "/"
    target = target.partition("#")[0]
    path, _, query = target.partition("?")
    return authority, path, query


def _unquoted(text: str) -> str:
    try:
        return unquote_to_bytes(text.replace("+", " ")).decode()
    except UnicodeDecodeError:
        raise Refused("InvalidURI", "The query is not valid UTF-8.") from None
