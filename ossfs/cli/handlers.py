"""
What a mount process does when `ossfs uploads` asks it to.

Each handler takes the request of `control` and returns plain values; errors of ours go
back as their messages.

Threads: called from the connections' threads, several at a time.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ossfs.cli.control import Handler
from ossfs.extents import Extent
from ossfs.writeback.details import Details

LARGEST_FETCH = 8 << 20  # bytes in one answer


class Uploads(Protocol):
    """What `ossfs.vfs.uploads.Uploads` has, as far as it is asked from outside."""

    def details(self, name: str) -> Details:
        """Describe one file completely."""
        ...

    def fetch(self, name: str, extent: Extent) -> bytes:
        """Return bytes of the version that an edit is based on."""
        ...

    def resume(self, names: Sequence[str], *, overwrite: bool) -> Sequence[Any]:
        """Bring files to the bucket now; named tuples say what came of each."""
        ...

    def abort(self, name: str) -> bool:
        """Abort the upload of a file; False: it has none."""
        ...

    def discard(self, name: str) -> None:
        """Delete the local bytes of a file."""
        ...


class HasUploads(Protocol):
    """A mount."""

    @property
    def uploads(self) -> Uploads:
        """What is not in the bucket yet."""
        ...


def upload_handlers(mount: HasUploads) -> Mapping[str, Handler]:
    """Return the handlers by the names of their commands."""

    def fetch(request: Mapping[str, Any]) -> str:
        start = int(request["start"])
        extent = Extent(start, min(int(request["stop"]), start + LARGEST_FETCH))
        return base64.b64encode(mount.uploads.fetch(request["id"], extent)).decode()

    def resume(request: Mapping[str, Any]) -> list[dict[str, Any]]:
        done = mount.uploads.resume(request["ids"], overwrite=bool(request["overwrite"]))
        return [one._asdict() for one in done]

    return {
        "details": lambda request: mount.uploads.details(request["id"]).to_json(),
        "fetch": fetch,
        "resume": resume,
        "abort": lambda request: mount.uploads.abort(request["id"]),
        "discard": lambda request: mount.uploads.discard(request["id"]),
    }
