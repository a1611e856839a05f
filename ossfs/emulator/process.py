"""
The embedded server in a process of its own, for tests and demos.

    with EmulatorProcess(directory, buckets=["b"]) as server:
        ...  # server.endpoint, server.key_id, server.secret
        server.add_fault("drop_after", operation="CompleteMultipartUpload", count=1)

The server ends with the thread that started it, also when that is killed: start it from
one that lives as long as it shall (pytest's main thread does).
"""

import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from ossfs.emulator.settings import (
    DEMO_KEY_ID,
    DEMO_SECRET,
    Credentials,
    Secret,
    credentials_as_json,
)

_PATIENCE_S = 30.0
_BAD_REQUEST = 400


class EmulatorProcess:
    """
    A running server over `directory`; its state survives `kill` and `restart`.

    `credentials` maps key ids to secrets (`str` or `Secret`); the first is `key_id`,
    `secret`, `token`. `limits` lowers limits (fields of `settings.Limits`). `cnames` binds
    whole host names to buckets, for clients that name no bucket (`127.0.0.1` too: then no
    other bucket is reached there). `options` are further arguments of
    `python -m ossfs.emulator`. RuntimeError when it does not start.
    """

    def __init__(
        self,
        directory: Path | str,
        *,
        admin: bool = True,
        credentials: Mapping[str, str | Secret] | None = None,
        buckets: Sequence[str] = (),
        host: str = "127.0.0.1",
        port: int = 0,
        limits: Mapping[str, int] | None = None,
        cnames: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
    ) -> None:
        given = credentials or {DEMO_KEY_ID: DEMO_SECRET}
        self.credentials: Credentials = {
            key_id: Secret(one) if isinstance(one, str) else one for key_id, one in given.items()
        }
        self.key_id = next(iter(self.credentials))
        self.secret = self.credentials[self.key_id].secret
        self.token = self.credentials[self.key_id].token
        self.directory = Path(directory)
        self.host = host
        self.port = port
        self._arguments = [
            str(directory),
            f"--host={host}",
            *(["--admin"] if admin else []),
            *(f"--bucket={bucket}" for bucket in buckets),
            *(f"--limit={name}={size}" for name, size in (limits or {}).items()),
            *(f"--cname={name}={bucket}" for name, bucket in (cnames or {}).items()),
            *options,
        ]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def __repr__(self) -> str:
        state = f"pid {self.pid}" if self._process else "stopped"
        return f"<EmulatorProcess {self.endpoint} {state}>"

    def __enter__(self) -> "EmulatorProcess":  # noqa: PYI034  # Self needs Python 3.11
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def endpoint(self) -> str:
        """The URL to give to clients."""
        return f"http://{self.host}:{self.port}"

    @property
    def pid(self) -> int:
        """The server's process id; 0 when it is stopped."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start the server, on the same port as before if there was one; wait for it."""
        environment = dict(os.environ)
        environment["OSSFS_SERVE_CREDENTIALS"] = credentials_as_json(self.credentials)
        command = [sys.executable, "-m", "ossfs.emulator", *self._arguments]
        command += [f"--port={self.port}", f"--die-with={os.getpid()}"]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment
        )
        assert self._process.stdout is not None  # noqa: S101  # by the argument above
        with self._process.stdout as output:
            line = output.readline()
        if not line:
            status = self._process.wait()
            self._process = None
            raise RuntimeError(f"the server ended with {status} before it listened")
        self.port = int(json.loads(line)["port"])

    def stop(self) -> None:
        """End the server in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server by SIGKILL."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop, if it runs, and start again on the same port and directory."""
        self.stop()
        self.start()

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    # The admin endpoint

    def add_fault(self, action: str, **rule: Any) -> None:
        """Add a rule; the arguments are the fields of `faults.Rule`. ValueError: malformed."""
        self._admin("POST", "faults", {"action": action, **rule})

    def faults(self) -> list[dict[str, Any]]:
        """Return the rules with their `hits`."""
        found: list[dict[str, Any]] = self._admin("GET", "faults")
        return found

    def clear_faults(self) -> None:
        """Remove all rules."""
        self._admin("DELETE", "faults")

    def stats(self) -> dict[str, Any]:
        """Return counters: requests, bytes_in, bytes_out, errors, and `operations` with each."""
        found: dict[str, Any] = self._admin("GET", "stats")
        return found

    def requests(self, operation: str = "") -> int:
        """Return the number of requests of one operation, or of all, since the last reset."""
        stats = self.stats()
        if operation:
            stats = stats["operations"].get(operation, {"requests": 0})
        return int(stats["requests"])

    def reset_stats(self) -> None:
        """Set all counters to zero."""
        self._admin("DELETE", "stats")

    def set_latency(self, seconds: float) -> None:
        """Make every request take that much longer."""
        self._admin("PUT", "latency", {"seconds": seconds})

    def set_restore_time(self, seconds: float) -> None:
        """Let restoring an archived object take that long, by the server's clock."""
        self._admin("PUT", "restore", {"seconds": seconds})

    def rotate_credentials(self, *, expires_s: float | None = None, token: bool = True) -> None:
        """
        End all keys there are, as after their time, and make `key_id`, `secret`, `token` new ones.

        `expires_s` is the new key's end in unix seconds.
        """
        given = Secret(_made_up(), _made_up() if token else "", expires_s)
        self.key_id, self.secret, self.token = f"STS.{_made_up()}", given.secret, given.token
        self.credentials = {self.key_id: given}
        self._admin("PUT", "credentials", json.loads(credentials_as_json(self.credentials)))

    def set_clock_offset(self, seconds: float) -> None:
        """Put the server's clock ahead (or behind, if negative)."""
        self._admin("PUT", "clock", {"offset": seconds})

    def _admin(self, method: str, what: str, value: Any = None) -> Any:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=_PATIENCE_S)
        try:
            connection.request(method, f"/_ossfs/{what}", json.dumps(value))
            answer = connection.getresponse()
            told = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status == _BAD_REQUEST:
            raise ValueError(told["error"])
        return told


def _made_up() -> str:
    return secrets.token_hex(16)
