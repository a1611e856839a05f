"""
The demo's own view of the object server: starts it, asks it, counts its requests.

Nothing of the client is used here, so that what the demo verifies is not verified by
what it shows: the few signed requests are built from the service's documentation (V1).
"""

import base64
import contextlib
import email.utils
import hashlib
import hmac
import http.client
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path

START_S = 20.0


class Server:
    """`ossfs serve` in a process of its own, on a free port, with a folder as storage."""

    def __init__(self, folder: Path, log: Path) -> None:
        self.key_id, self._secret = "LTAI" + secrets.token_hex(8), secrets.token_hex(16)
        self.port = _free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.credentials = {
            "OSS_ACCESS_KEY_ID": self.key_id,
            "OSS_ACCESS_KEY_SECRET": self._secret,
        }
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "ossfs", "serve", str(folder)),
                    *("--port", str(self.port), "--admin"),
                ],
                env={**os.environ, **self.credentials},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self._wait(log)

    def _wait(self, log: Path) -> None:
        give_up = time.monotonic() + START_S
        while time.monotonic() < give_up and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.05)
        raise RuntimeError(f"the object server did not start:\n{log.read_text()}")

    def close(self) -> None:
        """End the server."""
        self.process.terminate()
        self.process.wait()

    def request(self, method: str, path: str, body: bytes = b"") -> tuple[int, dict[str, str], str]:
        """Send a request signed with V1; `path` is /BUCKET/KEY, perhaps with ?uploads."""
        date = email.utils.formatdate(usegmt=True)
        to_sign = f"{method}\n\n\n{date}\n{path}"
        mac = hmac.new(self._secret.encode(), to_sign.encode(), hashlib.sha1).digest()
        signature = base64.b64encode(mac).decode()
        headers = {"Date": date, "Authorization": f"OSS {self.key_id}:{signature}"}
        return self._send(method, path, body, headers)

    def admin(self, method: str, path: str, question: object = None) -> dict:
        """Ask the admin endpoint of the server."""
        body = b"" if question is None else json.dumps(question).encode()
        headers = {"Content-Type": "application/json"}
        status, _, text = self._send(method, f"/_ossfs/{path}", body, headers)
        if status >= http.client.BAD_REQUEST:
            raise RuntimeError(f"{method} /_ossfs/{path}: {status} {text}")
        return json.loads(text) if text else {}

    def _send(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, text
        finally:
            connection.close()

    def make_bucket(self, name: str) -> None:
        """Create a bucket."""
        status, _, text = self.request("PUT", f"/{name}/")
        if status != http.client.OK:
            raise RuntimeError(f"creating bucket {name}: {status} {text}")

    def head(self, bucket: str, key: str) -> dict[str, str] | None:
        """Return the headers of an object; None: there is none."""
        status, headers, _ = self.request("HEAD", f"/{bucket}/{key}")
        return headers if status == http.client.OK else None

    def pending_uploads(self, bucket: str) -> list[str]:
        """Return the ids of multipart uploads that were neither completed nor aborted."""
        _, _, text = self.request("GET", f"/{bucket}/?uploads")
        return re.findall(r"<UploadId>([^<]+)</UploadId>", text)

    def parts_of(self, bucket: str, key: str) -> int:
        """Return how many parts (of up to 1000) the server holds of the upload of an object."""
        _, _, text = self.request("GET", f"/{bucket}/?uploads")
        if f"<Key>{key}</Key>" not in text:
            return 0
        upload = re.findall(r"<UploadId>([^<]+)</UploadId>", text)[0]
        _, _, text = self.request("GET", f"/{bucket}/{key}?uploadId={upload}")
        return text.count("<PartNumber>")

    def parts_taken(self) -> int:
        """Return how many UploadPart requests succeeded since the server was started."""
        counters = self.admin("GET", "stats")["operations"].get("UploadPart")
        return counters["requests"] - sum(counters["errors"].values()) if counters else 0


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
