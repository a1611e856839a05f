"""
A server that costs a client as little as a server can, for measuring the client.

It runs in a process of its own, a thread for each connection. GET and HEAD send a file of
the folder by sendfile, a Range if asked; PUT reads the body and forgets it. Signatures are
not looked at. What it says of files is made once, at the start.
"""

import contextlib
import multiprocessing
import os
import socket
import threading
from pathlib import Path
from typing import NamedTuple

from ossfs.crc64 import crc64

CHUNK = 1 << 20
DATE = "Thu, 01 Jan 2026 00:00:00 GMT"


class _Stored(NamedTuple):
    fd: int
    size: int
    crc: int


class PlainServer:
    """The files of a folder at `http://127.0.0.1:PORT/BUCKET/NAME`, until `close`."""

    def __init__(self, folder: Path) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._process = multiprocessing.get_context("fork").Process(
            target=_serve, args=(self._listener, folder), daemon=True
        )
        self._process.start()
        self._listener.close()

    def __enter__(self) -> "PlainServer":  # noqa: PYI034  # Self needs Python 3.11
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.join()


def _serve(listener: socket.socket, folder: Path) -> None:
    files = {path.name: _stored(path) for path in folder.iterdir()}
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_talk, args=(connection, files), daemon=True).start()


def _stored(path: Path) -> _Stored:
    crc = 0
    with path.open("rb") as file:
        while data := file.read(CHUNK):
            crc = crc64(data, crc)
    return _Stored(os.open(path, os.O_RDONLY), path.stat().st_size, crc)


def _talk(connection: socket.socket, files: dict[str, _Stored]) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    scratch = bytearray(CHUNK)
    received = b""
    with connection, contextlib.suppress(ConnectionError):
        while True:
            while b"\r\n\r\n" not in received:
                data = connection.recv(65536)
                if not data:
                    return
                received += data
            head, _, received = received.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = {n.lower(): v for n, _, v in (line.partition(": ") for line in lines)}
            method, target, _ = first.split(" ")
            missing = int(headers.get("content-length", "0")) - len(received)
            received = b""
            while missing > 0:
                missing -= connection.recv_into(scratch, min(CHUNK, missing))
            _answer(connection, method, files.get(target.rpartition("/")[2]), headers)


def _answer(
    connection: socket.socket, method: str, stored: _Stored | None, headers: dict[str, str]
) -> None:
    if method == "PUT":
        said = f'HTTP/1.1 200 OK\r\nETag: "0"\r\nDate: {DATE}\r\nContent-Length: 0\r\n\r\n'
        connection.sendall(said.encode())
        return
    if stored is None:
        connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        return
    start, stop, status, more = 0, stored.size, "200 OK", ""
    if "range" in headers:
        first, _, last = headers["range"].removeprefix("bytes=").partition("-")
        start, stop = int(first), min(stored.size, int(last) + 1)
        status = "206 Partial Content"
        more = f"Content-Range: bytes {start}-{stop - 1}/{stored.size}\r\n"
    said = (
        f"HTTP/1.1 {status}\r\nContent-Length: {stop - start}\r\n{more}"
        f'ETag: "{stored.crc:016X}"\r\nLast-Modified: {DATE}\r\nDate: {DATE}\r\n'
        f"x-oss-hash-crc64ecma: {stored.crc}\r\nx-oss-object-type: Normal\r\n"
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    connection.sendall(said.encode(), socket.MSG_MORE)
    while method == "GET" and start < stop:
        start += os.sendfile(connection.fileno(), stored.fd, start, stop - start)
