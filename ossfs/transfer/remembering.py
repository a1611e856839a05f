"""
What is remembered of a multipart upload, in its checkpoint file.

`RecordedUpload` is the `Checkpoint` that `MultipartUpload` tells its facts, and that a
later run reads them from. The store's own list of parts is the truth; a recorded part says
which bytes these are, for stores that do not.

Threads: `part_done` may be called from any thread; the rest belongs to one upload.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from ossfs.store.api import Part
from ossfs.transfer.checkpoints import CheckpointFile, Unusable
from ossfs.transfer.copy import TransientCheckpoint

PLANNED, UPLOAD, PART, COMPLETING, GONE = "planned_ns", "upload", "part", "completing", "gone"
"""The facts, by the name of their first field."""


class RecordedUpload(TransientCheckpoint):
    """An upload whose facts are in `file`; see `ossfs.transfer.opening.Checkpoint`."""

    def __init__(self, file: CheckpointFile, facts: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__()
        self._file = file
        for fact in facts:
            self._take(fact)

    def _take(self, fact: Mapping[str, Any]) -> None:
        """Take a fact of an earlier run. Unusable: it is none."""
        match fact:
            case {"planned_ns": int(planned_ns)}:
                self.planned_ns = planned_ns
            case {"upload": str(upload_id)}:
                super().started(upload_id)
            case {
                "part": int(number),
                "size": int(size),
                "etag": str(etag),
                "crc64": int() | None as crc64,
                "checksum": str(checksum),
            }:
                self._parts[number] = Part(number, size, etag, crc64, checksum)
            case {"completing": True}:
                self.is_completing = True
            case {"gone": True}:
                super().gone()
            case _:
                raise Unusable(f"a fact that this version does not know: {sorted(fact)}")

    def plan(self) -> None:
        """Remember that CreateUpload is about to be sent."""
        self.planned_ns = time.time_ns()
        self._file.note({PLANNED: self.planned_ns}, is_relied_on=True)

    def started(self, upload_id: str) -> None:
        """Remember the upload's id."""
        super().started(upload_id)
        self._file.note({UPLOAD: upload_id}, is_relied_on=True)

    def part_done(self, upload_id: str, part: Part) -> None:
        """Remember a part."""
        super().part_done(upload_id, part)
        if upload_id != self.upload_id:
            return
        fact = {
            PART: part.number,
            "size": part.size,
            "etag": part.etag,
            "crc64": part.crc64,
            "checksum": part.checksum,
        }
        self._file.note(fact, is_relied_on=False)

    def completing(self, crc64: int | None) -> None:
        """Remember that Complete is about to be sent."""
        super().completing(crc64)
        self._file.note({COMPLETING: True}, is_relied_on=True)

    def gone(self) -> None:
        """Forget the upload."""
        super().gone()
        self._file.note({GONE: True}, is_relied_on=True)
