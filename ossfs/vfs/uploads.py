"""
What is not in the bucket yet, and what a person may do about it.

A file is named by the id that its status shows. What is promised belongs to a node and is
tried again, aborted or discarded here; drafts, conflicts and lost files are `Kept`.

Threads: every method from any thread; `resume`, `abort`, `discard` and `fetch` block for
requests.
"""

import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple

from ossfs.clock import Clock
from ossfs.errors import EditConflict, NoSuchKey, OssfsError
from ossfs.extents import Extent
from ossfs.journal.journal import Journal
from ossfs.store.api import ObjectStore
from ossfs.vfs.files import Files
from ossfs.vfs.nodes import FileNode
from ossfs.vfs.tree import Tree
from ossfs.writeback.aborting import finish_abort
from ossfs.writeback.details import Details, Gap, known_upload, missing, parts_of
from ossfs.writeback.file_upload import Dropped
from ossfs.writeback.kept import Kept, Refused, fetch_base, refuse_to_resume
from ossfs.writeback.values import UploadStatus

log = logging.getLogger(__name__)

AT_ONCE = 4  # files that one `resume` brings to the bucket side by side
WAITING = ("waiting", "failed")


class Outcome(NamedTuple):
    """What came of the attempt to bring one file to the bucket."""

    id: str
    key: str
    error: str
    """Empty: it is there."""


class Uploads:
    """See the module's docstring. `tries_again`: what fails goes on in the background."""

    def __init__(
        self,
        *,
        tree: Tree,
        files: Files,
        kept: Kept,
        store: ObjectStore,
        journal: Journal,
        clock: Clock,
        tries_again: bool,
    ) -> None:
        self._tree = tree
        self._files = files
        self._kept = kept
        self._store = store
        self._journal = journal
        self._clock = clock
        self._tries_again = tries_again

    # Looking

    def status(self) -> list[UploadStatus]:
        """Describe what is not in the bucket yet, and what is kept for the user."""
        dirty = [node for node in self._tree.nodes if node.pending.is_dirty]
        files = [_status(node) for node in dirty]
        return [*files, *self._files.markers.status(), *self._kept.status()]

    def details(self, name: str) -> Details:
        """Describe one file completely. Refused: there is none of that id."""
        node = self._node(name)
        details = self._kept.details(name) if node is None else _detailed(node)
        if details is None:
            raise Refused(f"nothing of the id {name} waits any more")
        return details

    def fetch(self, name: str, extent: Extent) -> bytes:
        """Return bytes of the version that an edit is based on. As `Kept.fetch`."""
        node = self._node(name)
        if node is None:
            return self._kept.fetch(name, extent, self._store)
        base = node.pending.base
        if base is None:
            raise Refused(f"{node.key} is not an edit of an object")
        return fetch_base(self._store, base, extent)

    # Acting

    def resume(self, names: Iterable[str], *, overwrite: bool = False) -> list[Outcome]:
        """
        Bring files to the bucket now; return what came of each, when all are done.

        A draft of a new file is promised as it is. If an object of its name is there that is
        younger than it, that is replaced with `overwrite` only.
        """
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="ossfs-resume") as pool:
            return list(pool.map(lambda name: self._resume(name, overwrite=overwrite), names))

    def _resume(self, name: str, *, overwrite: bool) -> Outcome:
        key = ""
        try:
            key = self.details(name).status.key
            node = self._node(name) or self._promised(name, overwrite=overwrite)
            if node.handles and not node.pending.is_asked_for:
                raise Refused(f"{key} is open; it goes to the bucket when it is closed")
            self._files.commit(node, again=self._tries_again)
        except EditConflict as error:
            return Outcome(name, key, str(error))
        except (OssfsError, OSError) as error:
            return Outcome(name, key, str(error) or type(error).__name__)
        return Outcome(name, key, "")

    def _promised(self, name: str, *, overwrite: bool) -> FileNode:
        details = self.details(name)
        refuse_to_resume(details)
        status = details.status
        if self._tree.nodes.get(status.key) is not None:
            raise Refused(f"{status.key} is open, or was changed since; export the draft instead")
        if status.state == "draft" and not overwrite:
            self._refuse_to_replace(status)
        pending = self._kept.promise(name, clock=self._clock, overwrite=overwrite)
        self._files.adopt([pending], is_due=False)
        node = self._node(name)
        if node is None:  # the name was opened in this moment; the next mount goes on with it
            pending.close()
            raise Refused(f"{status.key} was opened meanwhile; it goes on with the next mount")
        return node

    def _refuse_to_replace(self, status: UploadStatus) -> None:
        try:
            info = self._store.head(status.key)
        except NoSuchKey:
            return
        if info.modified_ns >= status.since_ns // 1_000_000_000 * 1_000_000_000:
            raise Refused(
                f"the bucket has a {status.key} of {info.size} bytes that is younger than this"
                f" draft of {status.size}; --overwrite replaces it, export writes the draft to"
                " a file"
            )

    def abort(self, name: str) -> bool:
        """
        Abort the upload of a file at the store and keep its local bytes; False: it has none.

        Refused: somebody has it open, or it is being uploaded. NotAborted: the next mount
        tries again.
        """
        node = self._node(name)
        if node is None:
            self.details(name)
            return self._kept.abort(name, self._store)
        _refuse_busy(node, "closed, or `ossfs uploads discard` drops it")
        dropped = _drop_upload(node)
        if dropped is None:
            return False
        self._finish_abort(dropped)
        return True

    def discard(self, name: str) -> None:
        """
        Delete the local bytes of a file; its name shows what the bucket has from then on.

        Refused: somebody has it open, or it is being uploaded. NotAborted: its upload stays
        at the store until the next mount; all the rest is done.
        """
        node = self._node(name)
        if node is None:
            self.details(name)
            self._kept.discard(name, lambda: self._store)
            return
        _refuse_busy(node, "closed and has failed, or is in the bucket")
        dropped = _drop_upload(node)
        key, size = node.key, node.pending.size
        self._files.unlinking.displace(node)
        self._tree.doubt(key)
        log.info("discarded what was written to %s (%d bytes)", key, size)
        if dropped is not None:
            self._finish_abort(dropped)

    def _finish_abort(self, dropped: Dropped) -> None:
        record = dropped.landed()
        if record is not None:
            finish_abort(record, self._journal, self._store)

    def _node(self, name: str) -> FileNode | None:
        if not name.isdecimal():
            return None
        number = int(name)
        return next((node for node in self._tree.nodes if node.pending.file_id == number), None)


def _refuse_busy(node: FileNode, until: str) -> None:
    """Leave alone what somebody works with. Refused."""
    if node.handles:
        raise Refused(f"{node.key} is open; wait until it is {until}")
    if node.pending.is_committing:
        raise Refused(f"{node.key} is being uploaded right now; wait until it is {until}")


def _drop_upload(node: FileNode) -> Dropped | None:
    with node.pending.moving():
        return node.pending.drop_upload()


def _status(node: FileNode) -> UploadStatus:
    with node.pending.lock:
        status, upload = node.pending.status(), node.pending.upload_record
    if upload is not None and status.state != "uploading":  # sent ahead, or by another process
        done = len(upload.parts)
        status = replace(
            status,
            sent=min(status.size, sum(part.size for part in upload.parts)),
            parts_done=done,
            parts_total=max(done, parts_of(status.size, upload.part_size)),
        )
    return replace(status, is_open=node.handles > 0)


def _detailed(node: FileNode) -> Details:
    pending = node.pending
    with pending.lock:
        staged, base, upload = pending.staged, pending.base, pending.upload_record
        gaps: list[Gap] = []
        if staged is not None:
            gaps = [Gap(one.start, one.stop, "base") for one in missing(staged.content())]
        elif base is not None and base.size:
            gaps = [Gap(0, base.size, "base")]
        return Details(
            status=_status(node),
            base=base,
            gaps=gaps,
            upload=None if upload is None else known_upload(upload),
        )
