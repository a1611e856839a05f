"""
Requests over HTTP: the one module that knows requests and urllib3.

`HttpTransport.send` sends one request and returns once the head of the answer is there; the
caller reads the body, whole, and the connection goes back to the pool by itself. It sends
the target exactly as given (nothing is quoted, decoded or normalised on the way), follows
no redirect, decodes no content, and lets no foreign exception out: they become
`Unreachable`, `TimedOut` or `Untrusted`, with the original as the cause.

requests sets up TLS, certificates, proxies and pools, once for each origin. Its `Session`
and `Response` are not used: they double the processor time of a small request.

Threads: one transport serves all threads; a request waits for a connection when all are
taken. A `Response` belongs to the thread that asked for it.
"""

import logging
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any, NamedTuple

from requests import PreparedRequest, utils
from requests.adapters import HTTPAdapter
from urllib3 import Retry, Timeout
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import (
    EmptyPoolError,
    HTTPError,
    InsecureRequestWarning,
    NewConnectionError,
    ProtocolError,
    ProxyError,
)
from urllib3.exceptions import SSLError as TlsError
from urllib3.exceptions import TimeoutError as AnyTimeoutError

from ossfs.crc64 import crc64
from ossfs.errors import StoreError, TimedOut, Unreachable, Untrusted
from ossfs.store import interrupts
from ossfs.store.addressing import Origin, is_loopback
from ossfs.store.api import Body
from ossfs.store.bodies import leaving
from ossfs.store.connection import Answer, Connection, TlsConnection, this_thread
from ossfs.store.exchange import Request

SENT_AT_ONCE = 256 << 10
"""Bytes of a body that are read, counted and sent together: what stays in a core's cache."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TransportOptions:
    """How connections are made and kept."""

    connections: int = 64
    """Most connections to one origin; more requests at once wait for one to be free."""
    connect_timeout_s: float = 10.0
    """Time to establish a connection."""
    read_timeout_s: float = 30.0
    """Longest silence of the server, before the answer and inside of it."""
    pool_timeout_s: int = 60
    """Longest wait for one of the connections to be free."""
    ca_bundle: str = ""
    """File or folder of certificates to trust instead of the system's own."""
    verify_tls: bool = True
    """Whether the server's certificate is checked."""
    proxies: Mapping[str, str] | None = field(default=None)
    """Proxy by scheme; None: those of the environment (HTTP_PROXY, NO_PROXY …)."""


class HttpTransport:
    """See the module's docstring."""

    def __init__(self, options: TransportOptions | None = None) -> None:
        self._options = options or TransportOptions()
        if not self._options.verify_tls:
            _log.warning("the store's certificate is not checked: anybody may be the store")
            warnings.simplefilter("ignore", InsecureRequestWarning)  # said once is enough
        self._timeout = Timeout(
            connect=self._options.connect_timeout_s, read=self._options.read_timeout_s
        )
        self._adapter = _Adapter(
            pool_connections=16,
            pool_maxsize=self._options.connections,
            pool_block=True,
            max_retries=0,
        )
        self._lock = threading.Lock()  # guards the creation of entries of _routes
        self._routes: dict[Origin, _Route] = {}

    def __repr__(self) -> str:
        return f"HttpTransport({', '.join(map(str, self._routes))})"

    def close(self) -> None:
        """Close the idle connections; sending opens others."""
        with self._lock:
            for route in self._routes.values():
                route.pool.close()
            self._routes.clear()
            self._adapter.close()

    def send(self, request: Request) -> "HttpResponse":
        """
        Send a request and return the head of its answer.

        Unreachable, TimedOut, Untrusted; and whatever the body raises when it cannot be read.
        """
        route = self._routes.get(request.origin) or self._route_to(request.origin)
        while True:
            this_thread.has_connected = False
            try:
                return self._send_once(route, request)
            except Unreachable as error:
                # A server may close an idle connection just when we take it: nobody's fault,
                # and each round uses one such connection up.
                if this_thread.has_connected or not (request.is_repeatable and _broke(error)):
                    raise
                _log.debug("%s had closed a connection, taking another", request.origin)

    def _send_once(self, route: "_Route", request: Request) -> "HttpResponse":
        outgoing = None if request.body is None else _Outgoing(request.body)
        try:
            answer: Any = route.pool.urlopen(
                request.method,
                route.url_of(request.target),
                outgoing if outgoing and outgoing.size else None,  # type: ignore[arg-type]  # views are sent as they are
                request.headers,
                _NO_RETRIES,
                redirect=False,
                assert_same_host=False,
                timeout=self._timeout,
                pool_timeout=self._options.pool_timeout_s,
                preload_content=False,
                decode_content=False,
            )
        except (HTTPError, OSError, ValueError) as error:
            if outgoing and outgoing.failure:
                raise outgoing.failure from None
            raise _mapped(error, f"{request.method} {request.origin}") from error
        return HttpResponse(answer, outgoing.crc if outgoing else None)

    def _route_to(self, origin: Origin) -> "_Route":
        with self._lock:
            if origin not in self._routes:
                self._routes[origin] = self._new_route(origin)
            return self._routes[origin]

    def _new_route(self, origin: Origin) -> "_Route":
        """Let requests find proxy, certificates and pool for an origin."""
        url = str(origin)
        proxies = self._options.proxies
        if proxies is None:
            proxies = {} if is_loopback(origin.host) else utils.get_environ_proxies(url)
        verify = self._options.verify_tls and (self._options.ca_bundle or True)
        prepared = PreparedRequest()
        prepared.prepare(method="GET", url=url)
        pool = self._adapter.get_connection_with_tls_context(
            prepared, verify, proxies=dict(proxies)
        )
        assert isinstance(pool, HTTPConnectionPool)  # noqa: S101  # typed wider than it is
        self._adapter.cert_verify(pool, url, verify, None)  # type: ignore[no-untyped-call]  # so in requests
        kind: Any = TlsConnection if origin.scheme == "https" else Connection
        pool.ConnectionCls = kind
        forwarded = pool.proxy is not None and origin.scheme == "http"
        return _Route(pool, url if forwarded else "")


class HttpResponse:
    """An answer whose body is still in the connection; see `Response`."""

    __slots__ = ("_answer", "headers", "sent_crc64", "status")

    def __init__(self, answer: Answer, sent_crc64: int | None) -> None:
        self._answer = answer
        self.status = answer.status
        self.headers: Mapping[str, str] = answer.headers
        self.sent_crc64 = sent_crc64

    def __repr__(self) -> str:
        return f"HttpResponse({self.status})"

    def read(self, limit: int) -> bytes:
        """Return the whole body, cut off (with the connection) behind `limit` bytes."""
        try:
            data = self._answer.read(limit + 1)
        except (HTTPException, OSError, ValueError) as error:
            self.discard()
            raise _mapped(error, "reading the answer") from error
        if len(data) > limit:
            self.discard()
            return data[:limit]
        self.finish()
        return data

    def read_into(self, view: memoryview) -> int:
        """Fill `view` with the next bytes of the body; fewer only at its end, then 0."""
        try:
            return self._answer.readinto(view)
        except (HTTPException, OSError, ValueError) as error:
            self.discard()
            raise _mapped(error, f"reading the answer's next {len(view)} bytes") from error

    def finish(self) -> None:
        """Give the connection back to the pool."""
        interrupts.off()
        self._answer.finish()

    def discard(self) -> None:
        """Give the connection up without reading the body."""
        interrupts.off()
        self._answer.discard()


class _Route(NamedTuple):
    """How to reach an origin: a pool, and what a proxy wants before the target."""

    pool: HTTPConnectionPool
    prefix: str

    def url_of(self, target: str) -> str:
        """Return what is sent; urllib3 removes dots from whole URLs, unless they are encoded."""
        if not self.prefix:
            return target
        path, mark, query = target.partition("?")
        dots = {".": "%2E", "..": "%2E%2E"}
        path = "/".join(dots.get(segment, segment) for segment in path.split("/"))
        return f"{self.prefix}{path}{mark}{query}"


class _Adapter(HTTPAdapter):
    """An adapter whose connections send bodies in large blocks and notice dead peers."""

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: object
    ) -> None:
        super().init_poolmanager(
            connections,
            maxsize,
            block,
            blocksize=SENT_AT_ONCE,
            socket_options=[
                *HTTPConnection.default_socket_options,  # TCP_NODELAY
                (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
            ],
            **pool_kwargs,
        )


class _Outgoing:
    """A body on its way out: pieces, their CRC, and the reason when they could not be read."""

    __slots__ = ("_body", "crc", "failure", "size")

    def __init__(self, body: Body) -> None:
        self._body = body
        self.size = body.size
        self.crc = 0
        self.failure: Exception | None = None

    def __iter__(self) -> Iterator[bytes | memoryview]:
        self.crc = 0
        pieces = leaving(self._body, SENT_AT_ONCE)
        while True:
            try:
                piece = next(pieces, None)
            except Exception as error:
                self.failure = error
                raise
            if piece is None:
                return
            self.crc = crc64(piece, self.crc)
            yield piece


_NO_RETRIES = Retry(total=False, redirect=False)


def _mapped(error: Exception, what: str) -> StoreError:
    """Return our error for one of requests' or urllib3's, or of the socket's."""
    _forget_frames(error)
    if isinstance(error, ProxyError):
        return _tls_mapped(error.original_error, what) or Unreachable(
            f"{what}: through the proxy (--proxy, or HTTPS_PROXY and HTTP_PROXY in the"
            f" environment): {error.original_error}"
        )
    if isinstance(error, TlsError):
        return _tls_mapped(error, what) or Unreachable(f"{what}: {error}")
    if isinstance(error, NewConnectionError):  # a subclass of urllib3's time-outs
        return Unreachable(f"{what}: {str(error).rpartition('): ')[2]}")  # without the object
    if isinstance(error, EmptyPoolError):
        return TimedOut(f"{what}: no connection became free")
    if isinstance(error, AnyTimeoutError | TimeoutError):
        return TimedOut(f"{what}: {error}")
    return Unreachable(f"{what}: {error}")


def _forget_frames(error: BaseException | None) -> None:
    """Drop the frames of foreign code: they hold bodies, and tokens as they are sent."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


def _tls_mapped(error: Exception, what: str) -> StoreError | None:
    """Return our error for a handshake that trying again would not help; None: it is another."""
    reason = error.args[0] if isinstance(error, TlsError) and error.args else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return Untrusted(
            f"{what}: the certificate is not trusted: {reason.verify_message}; if its authority"
            " is one of your own, name its certificate with --ca-file"
        )
    if isinstance(reason, ssl.SSLError) and reason.reason == "WRONG_VERSION_NUMBER":
        return Untrusted(f"{what}: the server does not speak TLS; is it an http:// endpoint?")
    return None


def _broke(error: Unreachable) -> bool:
    """Say whether the connection broke, rather than was not there or answered nonsense."""
    cause = error.__cause__
    return isinstance(cause, ProtocolError) and any(
        isinstance(arg, ConnectionResetError | BrokenPipeError) for arg in cause.args
    )
