"""
Renaming objects in a store that only copies and deletes.

Copy everything, verify it, record that, then delete the sources: at no moment is an
object in neither place, and a crash at any point is finished by `resume`. A move that
fails takes back what it had copied.

Threads: `move_object` and `move_prefix` block in the caller; copies of a prefix are made
by `workers`, one request each.
"""

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import wait

from ossfs.errors import (
    AccessDenied,
    AlreadyExists,
    Conflict,
    InvalidRequest,
    NoSuchKey,
    NotSupported,
    OssfsError,
    ServerFault,
    StoreError,
    Transient,
)
from ossfs.journal.journal import Journal
from ossfs.journal.records import DeletionRecord, IntentId, MoveRecord, Version
from ossfs.store.api import Headers, ListedObject, ObjectStore, kept_class
from ossfs.transfer.copy import copy_object
from ossfs.transfer.workers import Workers
from ossfs.writeback.aborting import abort_known
from ossfs.writeback.checkpoint import MoveCheckpoint

log = logging.getLogger(__name__)


class Mover:
    """Renames objects, and everything under a prefix, through the journal."""

    def __init__(self, *, store: ObjectStore, journal: Journal, workers: Workers) -> None:
        self._store = store
        self._journal = journal
        self._workers = workers

    def copy(
        self,
        source: Version,
        target: str,
        *,
        headers: Headers | None = None,
        storage_class: str = "",
        checkpoint: MoveCheckpoint | None = None,
    ) -> Version:
        """
        Copy one version of an object, with its attributes unless `headers` are given.

        `storage_class` is the one it has, when they are not given. NoSuchKey, PreconditionFailed.
        """
        stored = copy_object(
            source.key,
            target,
            size=source.size,
            etag=source.etag,
            headers=headers,
            storage_class=storage_class,
            store=self._store,
            workers=self._workers,
            checkpoint=checkpoint,
        )
        return Version(target, stored.etag, source.size)

    def move_object(
        self,
        source: Version,
        target: str,
        *,
        headers: Headers | None,
        storage_class: str = "",
        at_once: bool = False,
    ) -> tuple[Version, DeletionRecord | None]:
        """
        Rename one version of an object; with `headers` its attributes change on the way.

        Without them, `storage_class` is the one it has, as far as that is known.
        With `at_once`, a store that renames in one request may do so, and they do not change.
        Returns the new version, and what is left to do: the deletion of the source, when the
        store could not do it now. NoSuchKey, PreconditionFailed: the source is not that
        version any more. AccessDenied may mean that the source may not be deleted: then both
        are there.
        """
        move = self._journal.begin_move(source.key, target, etag=source.etag, headers=headers)
        if at_once and self._renamed(move, source, target):
            return Version(target, source.etag, source.size), None
        try:
            copied = self._copy(move, source, target, headers, storage_class)
        except StoreError:
            self._journal.end_move(move, is_prefix=False)
            raise
        self._journal.move_copied(move, is_prefix=False)
        try:
            self._store.delete(source.key)
        except Transient:
            left = DeletionRecord(self._journal.move_left(move), source.key, source.etag)
            return copied, left
        except StoreError:
            self._journal.end_move(move, is_prefix=False)
            raise
        self._journal.end_move(move, is_prefix=False)
        return copied, None

    def _renamed(self, move: IntentId, source: Version, target: str) -> bool:
        """Rename an object by one request; False: this store, or this one, wants it copied."""
        if not self._store.capabilities.rename:
            return False
        try:
            self._store.rename(source.key, target)
        except (AlreadyExists, Conflict, InvalidRequest, NotSupported) as error:
            log.info("%s is copied to its new name, not renamed: %s", source.key, error)
            return False
        except StoreError:
            self._journal.end_move(move, is_prefix=False)
            raise
        self._journal.move_copied(move, is_prefix=False)
        self._journal.end_move(move, is_prefix=False)
        return True

    def move_prefix(
        self, source: str, target: str
    ) -> tuple[MoveRecord | None, Mapping[str, ListedObject]]:
        """
        Rename every object whose key begins with `source`.

        Returns what `resume` is to be called for, when the store could not delete all of the
        sources now, and what is under the target by then, by key. AccessDenied may mean that
        they may not be deleted: then both are there.
        """
        objects = list(list_all(self._store, source))
        move = self._journal.begin_move(source, target)
        try:
            self._copy_all(move, objects, source, target)
            copies = self._verify(objects, source, target)
        except OssfsError:
            self._take_back(objects, source, target)
            self._journal.end_move(move, is_prefix=True)
            raise
        self._journal.move_copied(move, is_prefix=True)
        try:
            delete_all(self._store, [item.key for item in objects])
        except Transient:
            left = MoveRecord(move, source, "", target, is_prefix=True, is_copied=True)
            return left, copies
        except StoreError:
            self._journal.end_move(move, is_prefix=True)
            raise
        self._journal.end_move(move, is_prefix=True)
        return None, copies

    def resume(self, record: MoveRecord) -> None:
        """Finish a move that a crash interrupted."""
        log.info("finishing the rename of %s to %s", record.source, record.target)
        if record.upload is not None:
            # What an interrupted copy left at the store; the copy begins anew.
            known = record.upload
            abort_known(self._store, known.key, known.upload_id, known.planned_ns)
        if record.is_prefix:
            objects = list(list_all(self._store, record.source))
            if not record.is_copied:
                self._copy_all(record.id, objects, record.source, record.target)
                self._verify(objects, record.source, record.target)
                self._journal.move_copied(record.id, is_prefix=record.is_prefix)
            delete_all(self._store, self._copied(objects, record.source, record.target))
        else:
            self._resume_object(record)
        self._journal.end_move(record.id, is_prefix=record.is_prefix)

    def _resume_object(self, record: MoveRecord) -> None:
        try:
            info = self._store.head(record.source)
        except NoSuchKey:  # the last request had been answered by the store, not to us
            self._settle_renamed(record)
            return
        if info.etag != record.etag:
            log.warning("%s has been written again since its rename; it stays", record.source)
            return
        if not record.is_copied:
            source = Version(record.source, info.etag, info.size)
            kept = info.headers.storage_class
            self._copy(record.id, source, record.target, record.headers, kept)
            self._journal.move_copied(record.id, is_prefix=record.is_prefix)
        if self._is_same(record.source, record.target):
            self._store.delete(record.source)
        else:
            log.warning(
                "%s is another file than %s by now; both stay", record.target, record.source
            )

    def _settle_renamed(self, record: MoveRecord) -> None:
        """Take note that the store renamed an object: what was to go at its target is gone."""
        if record.is_copied:
            return
        with contextlib.suppress(NoSuchKey):
            if self._store.head(record.target).etag == record.etag:
                self._journal.move_copied(record.id, is_prefix=False)

    def _copy(
        self,
        move: IntentId,
        source: Version,
        target: str,
        headers: Headers | None,
        storage_class: str,
    ) -> Version:
        checkpoint = MoveCheckpoint(self._journal, move, target)
        return self.copy(
            source, target, headers=headers, storage_class=storage_class, checkpoint=checkpoint
        )

    def _copy_listed(self, move: IntentId, item: ListedObject, target: str) -> None:
        source = Version(item.key, item.etag, item.size)
        self._copy(move, source, target, None, kept_class(item.storage_class))

    def _copy_all(
        self, move: IntentId, objects: Sequence[ListedObject], source: str, target: str
    ) -> None:
        small = [item for item in objects if item.size <= self._store.limits.max_copy]
        futures = [
            self._workers.submit(self._copy_listed, move, item, moved(item.key, source, target))
            for item in small
        ]
        try:
            for future in futures:
                future.result()
        finally:
            for future in futures:
                future.cancel()
            wait(futures)
        for item in objects:
            if item.size > self._store.limits.max_copy:
                self._copy_listed(move, item, moved(item.key, source, target))

    def _verify(
        self, objects: Sequence[ListedObject], source: str, target: str
    ) -> Mapping[str, ListedObject]:
        """Return what is under the target. ServerFault: not all of it, or not in full."""
        there = {item.key: item for item in list_all(self._store, target)}
        found = [(item, there.get(moved(item.key, source, target))) for item in objects]
        missing = sum(copy is None or copy.size != item.size for item, copy in found)
        if missing:
            raise ServerFault(
                f"{missing} of {len(objects)} copies are not there",
                operation="rename",
                bucket=self._store.name,
                key=source,
            )
        return there

    def _copied(self, objects: Sequence[ListedObject], source: str, target: str) -> list[str]:
        """Return the keys of those objects whose bytes are at the target, some time later."""
        there = {item.key: item.etag for item in list_all(self._store, target)}
        keys = []
        for item in objects:
            key = moved(item.key, source, target)
            if there.get(key) == item.etag or self._is_same(item.key, key):
                keys.append(item.key)
            else:
                log.warning("%s is another file than %s by now; both stay", key, item.key)
        return keys

    def _is_same(self, key: str, other: str) -> bool:
        """Say whether two objects hold the same bytes, as far as the store can tell."""
        try:
            one, two = self._store.head(key), self._store.head(other)
        except NoSuchKey:
            return False
        return one.size == two.size and (one.etag == two.etag or one.crc64 == two.crc64 is not None)

    def _take_back(self, objects: Sequence[ListedObject], source: str, target: str) -> None:
        try:
            delete_all(self._store, [moved(item.key, source, target) for item in objects])
        except StoreError as error:
            log.warning("copies under %s stay behind after a failed rename: %s", target, error)


def moved(key: str, source: str, target: str) -> str:
    """Return the name that `key`, which begins with `source`, has under `target`."""
    return target + key[len(source) :]


def list_all(store: ObjectStore, prefix: str) -> Iterator[ListedObject]:
    """Yield every object whose key begins with `prefix`, one request per 1000."""
    token = None
    while True:
        page = store.list(prefix, token=token)
        yield from page.objects
        if page.next_token is None:
            return
        token = page.next_token


def delete_all(store: ObjectStore, keys: Sequence[str]) -> None:
    """
    Delete objects, in batches where the store has them.

    ServerFault: some are left; AccessDenied: they may not be deleted.
    """
    batch = store.limits.max_delete
    if not batch:
        for key in keys:
            store.delete(key)
        return
    for start in range(0, len(keys), batch):
        failures = store.delete_many(keys[start : start + batch])
        if failures:
            first = failures[0]
            is_refused = first.code == "AccessDenied"
            raise (AccessDenied if is_refused else ServerFault)(
                f"{len(failures)} objects are not deleted: {first.message}",
                operation="DeleteObjects",
                bucket=store.name,
                key=first.key,
                code=first.code,
            )
