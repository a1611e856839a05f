"""`HttpTransport` against a socket that shows every byte that arrives."""

import socket
import threading
from contextlib import contextmanager, suppress

import pytest

from ossfs.crc64 import crc64
from ossfs.errors import TimedOut, Unreachable
from ossfs.store.addressing import Origin
from ossfs.store.api import BytesBody
from ossfs.store.dialects.base import encoded_path, encoded_query
from ossfs.store.exchange import Request
from ossfs.store.transport import HttpTransport, TransportOptions

EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Peer:
    """
    A server that reads a request for each answer of its script, and sends that answer.

    One list of answers per connection; None closes the connection instead of answering.
    """

    def __init__(self, *connections):
        self.received = []
        self._script = connections
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def origin(self):
        return Origin("http", "127.0.0.1", self._listener.getsockname()[1])

    def _serve(self):
        for answers in self._script:
            connection, _ = self._listener.accept()
            with connection, connection.makefile("rb") as stream:
                for answer in answers:
                    head = self._read(stream)
                    if not head or answer is None:
                        break
                    with suppress(ConnectionError):  # who asked may not want all of it
                        connection.sendall(answer)

    def _read(self, stream):
        lines = []
        while (line := stream.readline()) not in {b"\r\n", b""}:
            lines.append(line.rstrip(b"\r\n"))
        sizes = [int(x.split(b":")[1]) for x in lines if x.lower().startswith(b"content-length")]
        body = stream.read(sizes[0]) if sizes else b""
        if lines:
            self.received.append((lines[0], lines[1:], body))
        return lines

    def close(self):
        self._thread.join(10)
        self._listener.close()


@contextmanager
def talking(*connections, **options):
    peer = Peer(*connections)
    transport = HttpTransport(TransportOptions(**options))
    try:
        yield peer, transport
    finally:
        transport.close()
        peer.close()


def get(peer, target="/", **kwargs):
    return Request(peer.origin, "GET", target, {"host": "example.com"}, **kwargs)


@pytest.mark.parametrize(
    ("key", "wire"),
    [
        ("a/../b", "a/../b"),
        ("..", ".."),
        ("./x", "./x"),
        ("a//b", "a//b"),
        ("a b+c", "a%20b%2Bc"),
        ("100%25", "100%2525"),
        ("q?x#y", "q%3Fx%23y"),
        ("\x01\n\x7f", "%01%0A%7F"),
        ("é😀", "%C3%A9%F0%9F%98%80"),
        ("~-_.", "~-_."),
        ("!*'()@:$&,;=", "%21%2A%27%28%29%40%3A%24%26%2C%3B%3D"),
        ('a\\b|[]{}^`"<>', "a%5Cb%7C%5B%5D%7B%7D%5E%60%22%3C%3E"),
    ],
)
def test_keys_arrive_as_they_were_encoded(key, wire):
    """Nothing on the way quotes again, unquotes, or resolves dots and slashes."""
    query = encoded_query({"prefix": key, "acl": ""})
    with talking([EMPTY]) as (peer, transport):
        transport.send(get(peer, f"/b/{encoded_path(key)}?{query}")).finish()

    assert (
        f"GET /b/{wire}?acl&prefix={wire.replace('/', '%2F')} HTTP/1.1".encode()
        == (peer.received[0][0])
    )


def test_a_proxy_gets_the_same_path(monkeypatch):
    """Through a proxy the URL is whole, and dots are encoded lest they be resolved."""
    with talking([EMPTY]) as (peer, transport):
        monkeypatch.setenv("http_proxy", str(peer.origin))
        request = Request(
            Origin("http", "b.example.com", 80),
            "GET",
            "/a/../b//c?x=%2E",
            {"host": "b.example.com"},
        )
        transport.send(request).finish()

    assert b"GET http://b.example.com/a/%2E%2E/b//c?x=%2E HTTP/1.1" == peer.received[0][0]


def test_no_proxy_for_this_machine(monkeypatch):
    """A loopback endpoint is reached directly, whatever the environment says."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with talking([EMPTY]) as (peer, transport):
        transport.send(get(peer)).finish()

    assert b"GET / HTTP/1.1" == peer.received[0][0]


@pytest.mark.parametrize("size", [0, 1, 262_144, 262_145, 3_000_000])
def test_bodies_have_a_length_and_a_checksum(size):
    """A body is sent whole, with its length, never chunked; its CRC is known afterwards."""
    content = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    headers = {"host": "h", "content-length": str(size)}
    with talking([EMPTY]) as (peer, transport):
        request = Request(peer.origin, "PUT", "/k", headers, BytesBody(content))
        response = transport.send(request)
        response.finish()

    _, fields, body = peer.received[0]
    assert content == body
    assert crc64(content) == response.sent_crc64
    assert not any(field.lower().startswith(b"transfer-encoding") for field in fields)


def test_what_is_sent_besides():
    """No compression is asked for; there is one Host, and it is ours."""
    with talking([EMPTY]) as (peer, transport):
        transport.send(get(peer)).finish()

    fields = [field.lower() for field in peer.received[0][1]]
    assert b"accept-encoding: identity" in fields
    assert [b"host: example.com"] == [f for f in fields if f.startswith(b"host")]


def test_a_connection_serves_one_request_after_the_other():
    """Answers with and without a body leave the connection usable."""
    body = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    with talking([EMPTY, body, EMPTY, body]) as (peer, transport):
        transport.send(get(peer)).finish()
        assert b"hello" == transport.send(get(peer)).read(100)
        assert b"" == transport.send(get(peer)).read(100)
        view = memoryview(bytearray(8))
        response = transport.send(get(peer))
        assert (5, 0) == (response.read_into(view), response.read_into(view))
        response.finish()

    assert 4 == len(peer.received)


def test_an_answer_that_is_too_long_is_cut_off():
    """The rest is not read; the connection is closed for it."""
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + bytes(1_000_000)
    with talking([long], [EMPTY]) as (peer, transport):
        assert bytes(10) == transport.send(get(peer)).read(10)
        transport.send(get(peer)).finish()


def test_a_connection_that_died_unused_is_replaced():
    """A repeatable request does not notice that the server closed the idle connection."""
    with talking([EMPTY, None], [EMPTY]) as (peer, transport):
        transport.send(get(peer)).finish()
        transport.send(get(peer, is_repeatable=True)).finish()

    assert 3 == len(peer.received)


def test_a_connection_that_died_in_another_request():
    """One that is not repeatable says so."""
    with talking([EMPTY, None]) as (peer, transport):
        transport.send(get(peer)).finish()
        with pytest.raises(Unreachable):
            transport.send(get(peer))

    assert 2 == len(peer.received)


def test_a_new_connection_that_breaks():
    """Only idle connections may have died unused; a new one that breaks is an error."""
    with talking([None]) as (peer, transport), pytest.raises(Unreachable) as caught:
        transport.send(get(peer, is_repeatable=True))

    assert caught.value.__cause__ is not None


def test_nobody_listens():
    """A refused connection is Unreachable, and says where to."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    transport = HttpTransport()

    with pytest.raises(Unreachable, match=f"127.0.0.1:{port}"):
        transport.send(Request(Origin("http", "127.0.0.1", port), "GET", "/", {}))
    transport.close()


def test_no_such_host():
    """A name that does not exist is Unreachable."""
    transport = HttpTransport(TransportOptions(proxies={}))

    with pytest.raises(Unreachable):
        transport.send(Request(Origin("http", "nowhere.invalid", 80), "GET", "/", {}))
    transport.close()


def test_a_silent_server():
    """No answer within the time-out is TimedOut, and the connection's place is free again."""
    listener = socket.create_server(("127.0.0.1", 0))
    origin = Origin("http", "127.0.0.1", listener.getsockname()[1])
    transport = HttpTransport(TransportOptions(read_timeout_s=0.05, connections=1))

    for _ in range(2):
        with pytest.raises(TimedOut):
            transport.send(Request(origin, "GET", "/", {}))
    transport.close()
    listener.close()


def test_a_body_that_stalls():
    """Silence inside of a body is TimedOut too."""
    listener = socket.create_server(("127.0.0.1", 0))
    origin = Origin("http", "127.0.0.1", listener.getsockname()[1])
    transport = HttpTransport(TransportOptions(read_timeout_s=0.05))
    accepted = []

    def serve():
        accepted.append(listener.accept()[0])
        accepted[0].sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")

    thread = threading.Thread(target=serve)
    thread.start()
    response = transport.send(Request(origin, "GET", "/", {}))
    with pytest.raises(TimedOut):
        response.read_into(memoryview(bytearray(10)))

    thread.join()
    accepted[0].close()
    listener.close()
    transport.close()


def test_garbage_for_an_answer():
    """What is not HTTP is Unreachable, not a foreign exception."""
    with talking([b"SSH-2.0-OpenSSH_9.2\r\n"]) as (peer, transport), pytest.raises(Unreachable):
        transport.send(get(peer))


def test_a_body_that_cannot_be_read():
    """The caller's own error comes out as it is, not as trouble with the network."""

    class Broken:
        size = 1_000_000

        def read_at(self, offset, length):
            if offset:
                raise PermissionError(13, "no")
            return bytes(length)

    with talking([EMPTY]) as (peer, transport):
        headers = {"content-length": "1000000"}
        with pytest.raises(PermissionError):
            transport.send(Request(peer.origin, "PUT", "/", headers, Broken()))


def test_a_redirect_is_an_answer():
    """Redirects are not followed: the signature would not fit."""
    away = b"HTTP/1.1 307 Away\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    with talking([away]) as (peer, transport):
        response = transport.send(get(peer))
        response.finish()

    assert (307, "http://127.0.0.1:1/") == (response.status, response.headers["location"])


def test_an_ipv6_host():
    """An IPv6 address is connected to and named in brackets."""
    assert "[::1]:8080" == Origin("http", "::1", 8080).authority
    transport = HttpTransport()
    with pytest.raises(Unreachable, match=r"http://\[::1\]:1"):
        transport.send(Request(Origin("http", "::1", 1), "GET", "/", {}))
    transport.close()
