"""
The checkpoint of one download, and the file that holds what has come so far.

What an earlier run has left is gone on with if it is of the same version of the object, and
its file is there and as large as it has to be. Parts are recorded when they are in the page
cache; whether they are still there is found out by reading them again, always when the
machine has been started anew since. What cannot be used is thrown away.

Threads: `part_done` may be called from any thread; the rest belongs to the thread that runs
the download.
"""

import contextlib
import hashlib
import logging
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ossfs.extents import Extent
from ossfs.transfer.checkpoints import CheckpointFile, Unusable
from ossfs.transfer.locking import TransferLock
from ossfs.transfer.plans import DownloadPlan, as_record, earlier
from ossfs.transfer.sizes import Span, spans
from ossfs.transfer.targets import TargetFile

_log = logging.getLogger(__name__)

LONGEST = 60
"""Characters of the target's name in the temporary one's: 4 bytes each, of 255, at most."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Received:
    """What has come of a download, and where it is."""

    def __init__(
        self,
        plan: DownloadPlan,
        content: TargetFile,
        file: CheckpointFile | None,
        parts: dict[int, int],
    ) -> None:
        self.plan = plan
        self.content = content
        self.parts = parts
        """CRC-64 of each part that is there, by number."""
        self._file = file

    @property
    def is_kept(self) -> bool:
        """A later run will find it."""
        return self._file is not None

    def spans(self) -> Iterator[Span]:
        """Yield all parts; their extents are in the object."""
        return spans(Extent(self.plan.start, self.plan.stop), self.plan.part_size)

    def place(self, extent: Extent) -> Extent:
        """Return where a piece of the object is in the file."""
        return Extent(extent.start - self.plan.start, extent.stop - self.plan.start)

    def part_done(self, number: int, crc64: int) -> None:
        """Remember a part."""
        self.parts[number] = crc64
        if self._file is not None:
            self._file.note({"part": number, "crc64": crc64}, is_relied_on=False)

    def renaming(self, crc64: int) -> None:
        """Remember that all of it is there, and that the file is about to get its name."""
        if self._file is not None:
            self._file.note({"renaming": crc64}, is_relied_on=True)

    def forget(self) -> None:
        """Delete the checkpoint: there is nothing left to do."""
        if self._file is not None:
            self._file.delete()

    def abandon(self) -> None:
        """Leave nothing behind."""
        self.forget()
        self.content.remove()


class AlreadyThere(Exception):  # it is none
    """The file has got its name, and the process ended before that could be noted."""

    def __init__(self, crc64: int) -> None:
        super().__init__("it is there already")
        self.crc64 = crc64


class DownloadMemory:
    """What is remembered of a download to `target`; `path` is None when nothing shall be."""

    def __init__(
        self,
        path: Path | None,
        target: Path,
        *,
        use_temp_file: bool,
        verify: bool,
        restarted: Callable[[Exception], None],
        check: Callable[[], None],
    ) -> None:
        self._path = path
        self._target = target
        self._use_temp_file = use_temp_file
        self._verify = verify
        self._restarted = restarted
        self._check = check

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others out. TransferInUse."""
        if self._path is None:
            yield
            return
        lock = TransferLock(self._path.with_name(f"{self._path.name}.lock"))
        try:
            yield
        finally:
            lock.release()

    @contextlib.contextmanager
    def opened(self, plan: DownloadPlan) -> Iterator[Received]:
        """
        Give what an earlier run has left of `plan`, or a file for a new beginning.

        AlreadyThere: nothing is left to be done. OSError.
        """
        file = None if self._path is None else CheckpointFile(self._path)
        received = None
        try:
            if file is not None:
                received = self._recalled(file, plan)
            if received is None:
                received = self._begun(file, plan)
            yield received
        finally:
            if received is not None:
                received.content.close()
            if file is not None:
                file.close()

    def _begun(self, file: CheckpointFile | None, plan: DownloadPlan) -> Received:
        name = self._name()
        plan = replace(plan, temp=name)
        if file is not None:
            plan = replace(plan, boot=_boot())
            file.begin(as_record(plan))
        content = TargetFile(
            self._target.with_name(name),
            plan.stop - plan.start,
            is_new=True,
            is_ours=self._use_temp_file,
            is_nameless=file is None and self._use_temp_file,  # nobody would look for it
        )
        return Received(plan, content, file, {})

    def _recalled(self, file: CheckpointFile, plan: DownloadPlan) -> Received | None:
        """Return what an earlier run left; None: nothing that could be gone on with."""
        try:
            loaded = file.load()
            if loaded is None:
                return None
            then = earlier(plan, loaded.plan)
            parts, renaming = _facts(loaded.facts)
            return self._resumed(file, then, parts, renaming)
        except Unusable as error:
            _log.info("the checkpoint of %s cannot be used: %s", self._target, error)
            self._restarted(error)
        self._clear_away()
        file.delete()
        return None

    def _resumed(
        self, file: CheckpointFile, plan: DownloadPlan, parts: dict[int, int], renaming: int | None
    ) -> Received:
        if plan.part_size < 1:
            raise Unusable(f"parts of {plan.part_size} bytes")
        if plan.temp != self._name():
            raise Unusable(f"it is written to {plan.temp!r}")
        temp = self._target.with_name(plan.temp)
        if renaming is not None and not temp.exists():
            self._look_at_target(plan, renaming)
        try:
            size = plan.stop - plan.start
            content = TargetFile(temp, size, is_new=False, is_ours=self._use_temp_file)
        except FileNotFoundError:
            raise Unusable("its temporary file is gone") from None
        except ValueError as error:
            raise Unusable(str(error)) from None
        received = Received(plan, content, file, parts)
        try:
            self._verified(received)
        except BaseException:
            content.close()
            raise
        return received

    def _verified(self, received: Received) -> None:
        """Leave only parts that are there as they came."""
        is_doubtful = self._verify or received.plan.boot != _boot()
        sizes = {span.number: span.extent for span in received.spans()}
        if not received.parts.keys() <= sizes.keys():
            raise Unusable("parts that the object does not have")
        for number in sorted(received.parts) if is_doubtful else ():
            place = received.place(sizes[number])
            if received.content.crc64(place, self._check) != received.parts[number]:
                _log.info("part %d of %s is not what had come", number, self._target)
                del received.parts[number]

    def _look_at_target(self, plan: DownloadPlan, crc64: int) -> None:
        """Raise AlreadyThere if the target is what the temporary file was."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            size = plan.stop - plan.start
            found = TargetFile(self._target, size, is_new=False)
            try:
                is_there = found.crc64(Extent(0, size), self._check) == crc64
            finally:
                found.close()
            if is_there:
                raise AlreadyThere(crc64)

    def _clear_away(self) -> None:
        """Delete the temporary file of a run that is not gone on with."""
        if self._path is not None:
            self._target.with_name(self._temporary_name()).unlink(missing_ok=True)

    def _name(self) -> str:
        """Name the file that is written."""
        return self._temporary_name() if self._use_temp_file else self._target.name

    def _temporary_name(self) -> str:
        """
        Return a name that is always the same of one checkpoint, and nobody else's.

        So what a run has left is found even if its checkpoint has become illegible.
        """
        name = self._target.name[:LONGEST]
        if self._path is None:
            return f"{name}.ossfs-{secrets.token_hex(8)}"
        digest = hashlib.sha256(os.fsencode(self._path.absolute())).hexdigest()
        return f"{name}.ossfs-{digest[:16]}"


def _facts(facts: Any) -> tuple[dict[int, int], int | None]:
    """Return the parts that are there, and the sum of all if they were all. Unusable."""
    parts: dict[int, int] = {}
    renaming = None
    for fact in facts:
        match fact:
            case {"part": int(number), "crc64": int(crc64)}:
                parts[number] = crc64
            case {"renaming": int(crc64)}:
                renaming = crc64
            case _:
                raise Unusable(f"a fact that this version does not know: {sorted(fact)}")
    return parts, renaming


def _boot() -> str:
    """Name this run of the machine; empty: it has no name."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return f"pid {os.getpid()}"
