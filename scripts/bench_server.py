"""
A server that costs a client as little as a server can, for measuring the client.

It runs in a process of its own, a thread for each connection. GET and HEAD send a file of
the folder by sendfile, a Range if asked; PUT reads the body and forgets it, but for its
CRC-64: clients compare that, of parts and of the object they make. Signatures are not looked
at. What it says of files is made once, at the start.
"""

import contextlib
import multiprocessing
import os
import socket
import threading
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl

from ossfs.crc64 import combine, crc64

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


class _Uploads:
    """Sizes and CRC-64s of the parts of the uploads that have begun."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parts: dict[str, dict[int, tuple[int, int]]] = {}

    def begin(self) -> str:
        with self._lock:
            upload_id = f"{len(self._parts):032X}"
            self._parts[upload_id] = {}
            return upload_id

    def add(self, upload_id: str, number: int, size: int, crc: int) -> None:
        with self._lock:
            self._parts[upload_id][number] = (size, crc)

    def complete(self, upload_id: str) -> int:
        with self._lock:
            parts = self._parts[upload_id]
        value = 0
        for number in sorted(parts):
            size, crc = parts[number]
            value = combine(value, crc, size)
        return value


def _serve(listener: socket.socket, folder: Path) -> None:
    files = {path.name: _stored(path) for path in folder.iterdir()}
    uploads = _Uploads()
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_talk, args=(connection, files, uploads), daemon=True).start()


def _stored(path: Path) -> _Stored:
    crc = 0
    with path.open("rb") as file:
        while data := file.read(CHUNK):
            crc = crc64(data, crc)
    return _Stored(os.open(path, os.O_RDONLY), path.stat().st_size, crc)


def _talk(connection: socket.socket, files: dict[str, _Stored], uploads: _Uploads) -> None:
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
            size = int(headers.get("content-length", "0"))
            crc = crc64(received)
            missing = size - len(received)
            received = b""
            if headers.get("expect"):
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            while missing > 0:
                count = connection.recv_into(scratch, min(CHUNK, missing))
                crc = crc64(memoryview(scratch)[:count], crc)
                missing -= count
            name, _, query = target.rpartition("/")[2].partition("?")
            if method in {"PUT", "POST"} or "uploadId=" in query:
                _take(connection, method, query, uploads, size, crc)
            else:
                _answer(connection, method, files.get(name), headers)


def _take(
    connection: socket.socket, method: str, query: str, uploads: _Uploads, size: int, crc: int
) -> None:
    """Answer what writes: a put, or one of the requests of an upload."""
    asked = dict(parse_qsl(query, keep_blank_values=True))
    body = ""
    if "uploads" in asked:
        body = f"<UploadId>{uploads.begin()}</UploadId>"
        body = f"<InitiateMultipartUploadResult>{body}</InitiateMultipartUploadResult>"
    elif "partNumber" in asked:
        uploads.add(asked["uploadId"], int(asked["partNumber"]), size, crc)
    elif method == "GET":  # which parts are there: nobody goes on with an upload here
        body = "<NextPartNumberMarker>0</NextPartNumberMarker><IsTruncated>false</IsTruncated>"
        body = f"<ListPartsResult>{body}</ListPartsResult>"
    elif "uploadId" in asked:
        crc = uploads.complete(asked["uploadId"])
        body = '<ETag>"0-1"</ETag>'
        body = f"<CompleteMultipartUploadResult>{body}</CompleteMultipartUploadResult>"
    said = (
        f'HTTP/1.1 200 OK\r\nETag: "{crc:016X}"\r\nDate: {DATE}\r\n'
        f"x-oss-hash-crc64ecma: {crc}\r\nx-oss-request-id: 0\r\n"
        f"Content-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
    connection.sendall(said.encode())


def _answer(
    connection: socket.socket, method: str, stored: _Stored | None, headers: dict[str, str]
) -> None:
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
