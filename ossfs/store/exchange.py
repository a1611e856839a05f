"""
One request and its answer, as `Bucket` speaks of them to whatever sends requests.

Threads: a request is a value; an answer belongs to the thread that asked for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ossfs.store.addressing import Origin
from ossfs.store.api import Body


@dataclass(slots=True)
class Request:
    """One request, ready to be sent; `target` is percent-encoded, headers are ASCII."""

    origin: Origin
    method: str
    target: str
    headers: Mapping[str, str]
    body: Body | None = None
    is_repeatable: bool = False
    """Sending it twice does no harm: a connection that turns out dead is replaced silently."""


class Response(Protocol):
    """The head of an answer, and its body as long as it has not been read."""

    status: int
    headers: Mapping[str, str]
    sent_crc64: int | None

    def read(self, limit: int) -> bytes:
        """Return the whole body, cut off behind `limit` bytes. TimedOut, Unreachable."""
        ...

    def read_into(self, view: memoryview) -> int:
        """Fill `view` with the next bytes of the body; fewer only at its end, then 0."""
        ...

    def finish(self) -> None:
        """Say that the body has been read; the connection may serve others."""
        ...

    def discard(self) -> None:
        """Give the connection up without reading the body."""
        ...


class Transport(Protocol):
    """What a bucket sends its requests through."""

    def send(self, request: Request) -> Response:
        """Send a request and return the head of its answer."""
        ...
