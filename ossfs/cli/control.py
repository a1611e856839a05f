"""
How the commands talk to a running mount: JSON lines over a Unix socket.

A request is one line, `{"command": "status"}`, an answer is one line, `{"ok": …}` or
`{"error": "…"}`; a connection may carry several, one after another. The socket is
`control.sock` in the state folder, readable by its owner only.

Threads: the server runs one thread that accepts and one per connection; handlers are
called from those, several at a time. A `Client` belongs to one thread.
"""

import contextlib
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ossfs.errors import OssfsError

Handler = Callable[[Mapping[str, Any]], Any]

LONGEST_PATH = 107  # sun_path of unix(7) holds 108 bytes, the last one 0
BACKLOG = 16
LAST_WORDS_S = 1.0  # for answers under way when the server closes


class ControlError(Exception):
    """The mount process could not be asked, or said no."""


class Server:
    """Answers commands until closed; the socket exists from construction on."""

    def __init__(self, folder: Path, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers
        self.path = folder / "control.sock"
        self.path.unlink(missing_ok=True)  # of a killed mount: its folder is ours now
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with _address(self.path) as address:
            self._listener.bind(address)
        self.path.chmod(0o600)  # before listen: nobody can have connected
        self._listener.listen(BACKLOG)
        self._lock = threading.Lock()
        self._connections: dict[socket.socket, threading.Thread] = {}  # guarded by _lock
        self._is_closed = False  # guarded by _lock
        self._thread = threading.Thread(target=self._accept, name="control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering, cut the connections, remove the socket."""
        with self._lock:
            self._is_closed = True
            connections = dict(self._connections)
        _shut(self._listener)  # wakes accept()
        for connection in connections:
            _shut(connection)
        self._thread.join()
        for thread in connections.values():
            thread.join(LAST_WORDS_S)
        self._listener.close()
        self.path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # closed
            thread = threading.Thread(
                target=self._converse, args=(connection,), name="control-client", daemon=True
            )
            with self._lock:
                if self._is_closed:
                    connection.close()
                    return
                self._connections[connection] = thread
            thread.start()

    def _converse(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rwb") as stream:
                for line in stream:
                    stream.write(self._answer(line) + b"\n")
                    stream.flush()
        except OSError:
            pass  # the other side went away, or we are closing: nobody is left to be told
        finally:
            with self._lock:
                self._connections.pop(connection, None)

    def _answer(self, line: bytes) -> bytes:
        try:
            request = json.loads(line)
            handler = self._handlers[request["command"]]
        except (ValueError, TypeError, KeyError):
            return json.dumps({"error": "unknown command"}).encode()
        try:
            return json.dumps({"ok": handler(request)}).encode()
        except OssfsError as error:
            return json.dumps({"error": str(error) or type(error).__name__}).encode()
        except Exception as error:  # noqa: BLE001  # told to who asked; the mount goes on
            return json.dumps({"error": f"{type(error).__name__}: {error}"}).encode()


@contextlib.contextmanager
def _address(path: Path) -> Iterator[str]:
    """Give a path short enough for a socket address: through an open folder if need be."""
    if len(os.fsencode(path)) <= LONGEST_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):  # not connected any more
        one.shutdown(socket.SHUT_RDWR)


class Client:
    """A connection to the mount process; ControlError when nobody is there."""

    def __init__(self, path: str | Path, *, timeout_s: float | None = 10.0) -> None:
        if not str(path):
            raise ControlError("the mount process is still starting")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        try:
            with _address(Path(path)) as address:
                self._socket.connect(address)
        except OSError as error:
            self._socket.close()
            raise ControlError(f"the mount process does not answer: {error}") from error
        self._stream = self._socket.makefile("rwb")

    def ask(self, command: str, **arguments: Any) -> Any:
        """Send a command and return its answer. ControlError."""
        try:
            self._stream.write(json.dumps({"command": command, **arguments}).encode() + b"\n")
            self._stream.flush()
            line = self._stream.readline()
            answer = json.loads(line) if line else {"error": "the mount process ended"}
        except (OSError, ValueError) as error:
            raise ControlError(f"the mount process does not answer: {error}") from error
        if "error" in answer:
            raise ControlError(answer["error"])
        return answer["ok"]

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(OSError):  # unsent bytes to a process that is gone
            self._stream.close()
        self._socket.close()
