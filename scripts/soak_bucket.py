"""
The embedded server of a soak run, and a look into its bucket that the client has no part in.

Requests are signed by hand (V1); objects are read in full and their CRC-64 is computed here.
"""

import base64
import email.utils
import hmac
import http.client
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree as ET

from ossfs.crc64 import crc64
from ossfs.emulator.process import EmulatorProcess

BUCKET = "soak"
NAMES = {
    "oss": ("OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET"),
    "tos": ("TOS_ACCESS_KEY", "TOS_SECRET_KEY"),
    "s3": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
}
STORM: tuple[tuple[float, dict[str, object]], ...] = (
    (0.25, {"action": "error", "status": 500}),
    (0.20, {"action": "error", "status": 503, "code": "ServiceUnavailable"}),
    (0.15, {"action": "drop_before"}),
    (0.15, {"action": "drop_after"}),
    (0.10, {"action": "error_after", "status": 500}),
    (0.04, {"action": "corrupt", "operation": "PutObject"}),
    (0.04, {"action": "corrupt", "operation": "UploadPart"}),
    (0.07, {"action": "delay", "seconds": 0.2}),
)
"""
Kinds of failures, and the share each has of those that are asked for.

Nothing proves that a range of an object came as it is, so answers are not damaged.
"""


class Bucket:
    """One bucket of a server that was started for it."""

    def __init__(self, folder: Path) -> None:
        self.server = EmulatorProcess(folder, buckets=[BUCKET])
        self._known: dict[str, tuple[str, tuple[int, int]]] = {}

    def close(self) -> None:
        """End the server."""
        self.server.stop()

    def environment(self, scheme: str) -> dict[str, str]:
        """Return the environment of a client with the server's credentials."""
        values = (self.server.key_id, self.server.secret)
        return {**os.environ, **dict(zip(NAMES[scheme], values, strict=True))}

    def storm(self, rate: float) -> None:
        """Let this share of the requests fail, in all the ways there are."""
        self.server.clear_faults()
        left = 1.0
        for share, rule in STORM if rate else ():
            # Rules are asked in turn: each gets what the ones before it have let pass.
            probability = rate * share / left
            self.server.add_fault(**{**rule, "probability": probability})  # type: ignore[arg-type]  # a rule's fields
            left -= rate * share

    def _request(self, key: str = "", query: str = "") -> bytes:
        date = email.utils.formatdate(usegmt=True)
        signed = f"?{query}" if query == "uploads" else ""
        text = f"GET\n\n\n{date}\n/{BUCKET}/{key}{signed}"
        mac = hmac.digest(self.server.secret.encode(), text.encode(), "sha1")
        headers = {
            "Date": date,
            "Authorization": f"OSS {self.server.key_id}:{base64.b64encode(mac).decode()}",
        }
        connection = http.client.HTTPConnection(self.server.host, self.server.port, timeout=60)
        try:
            path = f"/{BUCKET}/{quote(key)}" + (f"?{query}" if query else "")
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise RuntimeError(f"GET {path}: {answer.status} {content[:300]!r}")
        return content

    def objects(self) -> dict[str, tuple[int, int]]:
        """Return size and CRC-64 of every object but the markers of directories."""
        known: dict[str, tuple[str, tuple[int, int]]] = {}
        for key, etag in self._list():
            if key.endswith("/"):
                continue
            old = self._known.get(key)
            if old is not None and old[0] == etag:
                known[key] = old
                continue
            content = self._request(key)
            known[key] = (etag, (len(content), crc64(content)))
        self._known = known
        return {key: found for key, (_, found) in known.items()}

    def _list(self) -> Iterator[tuple[str, str]]:
        marker = ""
        while True:
            query = f"max-keys=1000&marker={quote(marker, safe='')}"
            tree = ET.fromstring(self._request(query=query))  # noqa: S314  # our own server's
            for one in tree.iter("Contents"):
                yield one.findtext("Key", ""), one.findtext("ETag", "")
            if tree.findtext("IsTruncated") != "true":
                return
            marker = tree.findtext("NextMarker", "")

    def uploads(self) -> list[str]:
        """Return the keys of the multipart uploads that were neither completed nor aborted."""
        tree = ET.fromstring(self._request(query="uploads"))  # noqa: S314  # our own server's
        return sorted(one.findtext("Key", "") for one in tree.iter("Upload"))
