"""
One request to a service that issues credentials, over connections of its own.

Threads: any; nothing is kept between two questions, which are minutes or hours apart.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from ossfs.errors import Transient
from ossfs.store.addressing import parse_endpoint
from ossfs.store.api import NOTHING, BytesBody
from ossfs.store.credentials.values import Secret
from ossfs.store.exchange import Request
from ossfs.store.transport import HttpTransport, TransportOptions

MAX_ANSWER = 64 << 10
"""Bytes of an answer; credentials have some 2 KB."""


class Told(NamedTuple):
    """An answer; its text may hold secrets."""

    status: int
    text: Secret


class Ask(Protocol):
    """How a source puts its questions; tests may hand in their own."""

    def __call__(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] = NOTHING,
        body: bytes | None = None,
    ) -> Told:
        """Return the answer, whatever its status. Transient: there was none."""
        ...


class HttpAsk:
    """Asks over HTTP, in the way that `options` say."""

    def __init__(self, options: TransportOptions) -> None:
        self._options = options

    def __call__(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] = NOTHING,
        body: bytes | None = None,
    ) -> Told:
        """Return the answer, whatever its status. Unreachable, TimedOut."""
        parts = urlsplit(url)
        origin = parse_endpoint(f"{parts.scheme}://{parts.netloc}").origin
        length = (
            {} if body is None and method == "GET" else {"content-length": str(len(body or b""))}
        )
        request = Request(
            origin,
            method,
            (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
            {"host": origin.authority, **headers, **length},
            None if body is None else BytesBody(body),
        )
        transport = HttpTransport(self._options)
        try:
            response = transport.send(request)
            return Told(
                response.status, Secret(response.read(MAX_ANSWER).decode("utf-8", "replace"))
            )
        except Transient as error:
            error.operation = "credentials"
            raise
        finally:
            transport.close()
