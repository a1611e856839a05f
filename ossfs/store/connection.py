"""
A connection to a store: requests as they are written, answers as they are read.

urllib3 makes connections, knows which are idle, and hands them out; what passes over one is
written and read here, at half of the processor time. The head of a request goes out together
with a small body, so that a small file is one packet on its way, or a few, and wakes the
server once.

Threads: a connection and its answer belong to the thread that asked, until `finish` or `discard`.
"""

import socket
import threading
from collections.abc import Iterable, Mapping
from http.client import HTTPException, IncompleteRead
from typing import Any, Protocol

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from ossfs.store import interrupts
from ossfs.store.heads import QuickResponse, written_head
from ossfs.store.reaching import reached

JOINED = 64 << 10
"""Bytes of a body that are copied behind the head; more would cost more than it saves."""


class Pool(Protocol):
    """Where a connection goes back to: urllib3's pool."""

    def _put_conn(self, conn: Any) -> None:
        """Keep a connection for the next request."""
        ...


class Answer:
    """An answer whose body is still in the connection."""

    version_string = "HTTP/1.1"  # this and the next one for urllib3's log
    length_remaining: int | None
    retries: Any = None  # this and the next two are set by urllib3
    _connection: "Connection | None" = None
    _pool: Pool | None = None

    def __init__(self, response: QuickResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers = response.headers
        self.length_remaining = response.length
        self.readinto = response.readinto

    def read(self, limit: int) -> bytes:
        """Return up to `limit` bytes, fewer only at the end. HTTPException: it was cut short."""
        response = self._response
        data = response.read(limit)
        if response.length and len(data) < limit:
            raise IncompleteRead(data, response.length)
        return data

    def finish(self) -> None:
        """Give the connection back, behind what is left of the body: the end of its chunks."""
        try:
            if not self._response.isclosed():
                self._response.read()
        except (HTTPException, OSError):
            self.discard()
        else:
            self._release()

    def discard(self) -> None:
        """Close the connection: nobody reads the rest of the body."""
        self._response.close()
        if self._connection is not None:
            self._connection.close()
        self._release()

    def _release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and self._pool is not None:
            self._pool._put_conn(connection)  # noqa: SLF001  # as urllib3's own answers do


class _Thread(threading.local):
    """Whether this thread's request had to connect; urllib3 does not tell."""

    has_connected = False


this_thread = _Thread()


class Connection(HTTPConnection):
    """A connection that tells when it is new and who it is."""

    _handle: socket.socket | None = None
    _asked = ""  # the method of the last request

    def _new_conn(self) -> socket.socket:
        """Connect, as urllib3 would, but so that it can be given up."""
        try:
            made, self._handle = reached(
                self._dns_host,
                self.port,
                timeout_s=self.timeout,
                source=self.source_address,
                options=self.socket_options or (),
            )
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            message = f"Connection to {self.host} timed out. (connect timeout={self.timeout})"
            raise ConnectTimeoutError(self, message) from error
        except OSError as error:
            message = f"Failed to establish a new connection: {error}"
            raise NewConnectionError(self, message) from error
        return made

    def connect(self) -> None:
        """Connect; with TLS, if that is what the origin speaks."""
        try:
            super().connect()
        finally:
            if self._handle is not None:
                interrupts.off()
                self._handle.close()
                self._handle = None
        this_thread.has_connected = True
        interrupts.on(self.sock)

    def request(  # type: ignore[override]  # as little of it as `HttpTransport` uses
        self,
        method: str,
        url: str,
        body: Iterable[bytes | memoryview] | None = None,
        headers: Mapping[str, str] | None = None,
        **_of_urllib3: Any,
    ) -> None:
        """Send a request whose headers say how long its body is."""
        head = written_head(method, url, headers or {})
        if self.sock is None:
            self.connect()
        else:
            self.sock.settimeout(self.timeout)
            interrupts.on(self.sock)
        self._asked = method
        pieces = iter(body or ())
        first = next(pieces, b"")
        if len(first) <= JOINED:
            self.sock.sendall(b"".join((head, first)))
        else:
            self.sock.sendall(head)
            self.sock.sendall(first)
        for piece in pieces:
            self.sock.sendall(piece)

    def getresponse(self) -> Answer:  # type: ignore[override]  # urllib3 wants no more of it
        """Read the head of the answer. HTTPException, OSError: that is none."""
        self.sock.settimeout(self.timeout)
        response = QuickResponse(self.sock, method=self._asked)
        try:
            response.begin()
        except BaseException:
            response.close()
            self.close()
            raise
        if response.will_close:
            self.close()  # the response keeps the socket until it is read
        return Answer(response)


class TlsConnection(Connection, HTTPSConnection):
    """The same with TLS."""
