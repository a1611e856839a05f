"""
Putting the parts together: the one place that knows concrete classes.

    config → transport → Bucket → Metered → Retrying → (journal, staging, caches) → FileSystem

Threads: none start here; a mount becomes a daemon after it was put together.
"""

import logging
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ossfs.cache.attributes import KeptAttributes
from ossfs.cache.blocks import BlockCache
from ossfs.cache.budget import default_budget
from ossfs.cache.disk import DiskCache
from ossfs.cache.malloc import reuse_freed_memory
from ossfs.cache.metadata import KnownObjects
from ossfs.cache.readahead import ReadaheadConfig
from ossfs.clock import Clock, SystemClock
from ossfs.config import MountConfig
from ossfs.connecting import credentials_for, open_store, transport_options
from ossfs.journal.journal import Journal
from ossfs.journal.records import MarkerRecord
from ossfs.mount import Caches, Mount
from ossfs.observe.metrics import Metrics
from ossfs.store.api import ListPage, ObjectStore
from ossfs.store.credentials import CredentialsProvider
from ossfs.store.transport import HttpTransport
from ossfs.transfer.workers import ThreadWorkers, Workers
from ossfs.vfs.ahead import ListingAhead
from ossfs.vfs.asking import Asking
from ossfs.vfs.descriptions import Descriptions
from ossfs.vfs.directories import Directories
from ossfs.vfs.files import Files
from ossfs.vfs.filesystem import FileSystem
from ossfs.vfs.inodes import InodeNumbers
from ossfs.vfs.keys import Keys
from ossfs.vfs.names import Names
from ossfs.vfs.nodes import NodeTable
from ossfs.vfs.posix import Defaults
from ossfs.vfs.reader import ObjectReader
from ossfs.vfs.tree import Tree
from ossfs.vfs.upcoming import Upcoming
from ossfs.vfs.uploads import Uploads
from ossfs.vfs.walk import Asked
from ossfs.writeback.commit import Committer
from ossfs.writeback.conflicts import Conflicts
from ossfs.writeback.eager import EagerParts
from ossfs.writeback.kept import Kept
from ossfs.writeback.moves import Mover
from ossfs.writeback.pending import PendingFile
from ossfs.writeback.recovery import (
    STAGING_NAME,
    finish_deletions,
    open_journal,
    recover,
)
from ossfs.writeback.staging import StagingArea
from ossfs.writeback.uploads import FileUploads

log = logging.getLogger(__name__)

READ_WORKERS = 32
COPY_WORKERS = 64  # a directory of 200 files is renamed in four round trips, not thirteen
ATTRIBUTES_NAME = "attributes.db"
KNOWN_OBJECTS = 200_000  # versions whose metadata is kept in memory, about 1 KB each
DEFAULT_RESERVE = 1 << 30
FIRST_LOOK_S = 15.0  # `ossfs mount` says after this time that the store cannot be reached


@dataclass(frozen=True, slots=True)
class Parts:
    """What the file system needs from outside; tests hand in others."""

    store: ObjectStore
    read_workers: Workers
    demand_workers: Workers
    upload_workers: Workers
    copy_workers: Workers
    """For copies inside the store, which cost a connection and no bytes."""
    clock: Clock
    metrics: Metrics = field(default_factory=Metrics)
    """Where `store` counts its requests."""


def open_mount(config: MountConfig, state_dir: Path, *, is_due: bool = True) -> Mount:
    """
    Put a mount together, ask the bucket one question, and read the journal back.

    What an earlier mount promised goes on at once, if it `is_due`, or when it is asked for.
    Any OssfsError: nothing is left open. `state_dir` must be locked by the caller.
    """
    reuse_freed_memory()
    clock = SystemClock()
    connections = 2 * READ_WORKERS + config.writeback.upload_threads + COPY_WORKERS + 32
    options = transport_options(config.store, os.environ, connections=connections)
    transport = HttpTransport(options)
    try:
        credentials = credentials_for(config, options, clock, os.environ)
        first_look = _look_once(config, transport, credentials, clock)
        metrics = Metrics()
        store = open_store(config, transport, credentials, clock, metrics=metrics)
        log.info("%s: %s, %s", config.url, store.probe(), store.capabilities)
        parts = Parts(
            store=store,
            read_workers=ThreadWorkers(READ_WORKERS, "ossfs-read"),
            demand_workers=ThreadWorkers(READ_WORKERS, "ossfs-demand"),
            upload_workers=ThreadWorkers(config.writeback.upload_threads, "ossfs-upload"),
            copy_workers=ThreadWorkers(COPY_WORKERS, "ossfs-copy"),
            clock=clock,
            metrics=metrics,
        )
        mount = build(config, state_dir, parts, is_due=is_due, on_close=transport.close)
    except BaseException:
        transport.close()
        raise
    mount.fs.saw_top(first_look)
    return mount


def _look_once(
    config: MountConfig, transport: HttpTransport, credentials: CredentialsProvider, clock: Clock
) -> ListPage:
    """Ask the bucket one question, with somebody waiting at the terminal for the answer."""
    deadline_s = min(FIRST_LOOK_S, config.store.deadline_s)
    hasty = replace(config, store=replace(config.store, deadline_s=deadline_s))
    store = open_store(hasty, transport, credentials, clock)
    return store.list(config.url.prefix, delimiter="/")


def build(
    config: MountConfig,
    state_dir: Path,
    parts: Parts,
    *,
    is_due: bool = True,
    on_close: Callable[[], None] = lambda: None,
) -> Mount:
    """Put the file system together over a store, and recover what an earlier one left."""
    journal = open_journal(state_dir, clock=parts.clock)
    attributes = KeptAttributes(state_dir / ATTRIBUTES_NAME, bucket=parts.store.place)
    try:
        reserve = config.writeback.reserve
        area = StagingArea(
            state_dir / STAGING_NAME, reserve=DEFAULT_RESERVE if reserve is None else reserve
        )
        disk = _disk_cache(config, parts)
        memory = config.cache.memory
        blocks = BlockCache(default_budget() if memory is None else memory)
        caches = Caches(blocks, attributes, disk)
        fs = _file_system(config, journal, area, parts, caches, is_due=is_due)
    except BaseException:
        attributes.close()
        journal.close()
        raise
    return Mount(
        config=config,
        fs=fs,
        journal=journal,
        caches=caches,
        metrics=parts.metrics,
        workers=[
            parts.read_workers,
            parts.demand_workers,
            parts.upload_workers,
            parts.copy_workers,
        ],
        on_close=on_close,
    )


def _disk_cache(config: MountConfig, parts: Parts) -> DiskCache | None:
    cache = config.cache
    if cache.cache_dir is None:
        return None
    disk = DiskCache(
        cache.cache_dir,
        store=parts.store.place,
        size=cache.cache_size,
        reserve=cache.cache_reserve,
        workers=ThreadWorkers(1, "ossfs-disk"),
        clock=parts.clock,
    )
    disk.prepare()
    return disk


def _file_system(
    config: MountConfig,
    journal: Journal,
    area: StagingArea,
    parts: Parts,
    caches: Caches,
    *,
    is_due: bool,
) -> FileSystem:
    tree = _tree(config, parts, caches.attributes)
    reader = ObjectReader(
        store=parts.store,
        blocks=caches.blocks,
        workers=parts.read_workers,
        demanded=parts.demand_workers,
        readahead=ReadaheadConfig(),
        disk=caches.disk,
        learned=tree.descriptions.learn,
        broke=lambda version: tree.nodes.distrust(version.key, version.etag),
    )
    kept = Kept(journal=journal, area=area)
    uploads = FileUploads(
        store=parts.store,
        journal=journal,
        kept=kept,
        clock=parts.clock,
        first_size=config.writeback.part_size,
    )
    committer = Committer(
        store=parts.store,
        journal=journal,
        workers=parts.upload_workers,
        uploads=uploads,
        conflicts=Conflicts(
            journal=journal, uploads=uploads, clock=parts.clock, host=socket.gethostname()
        ),
        room=caches.blocks,
        clock=parts.clock,
    )
    mover = Mover(store=parts.store, journal=journal, workers=parts.copy_workers)
    files = Files(
        tree=tree,
        store=parts.store,
        reader=reader,
        upcoming=Upcoming(
            reader=reader,
            descriptions=tree.descriptions,
            directories=tree.directories,
            nodes=tree.nodes,
            asked=tree.descriptions.asked,
            workers=parts.read_workers,
            clock=parts.clock,
        ),
        committer=committer,
        mover=mover,
        journal=journal,
        area=area,
        kept=kept,
        eager=EagerParts(store=parts.store, workers=parts.upload_workers, uploads=uploads),
        room=caches.blocks,
        clock=parts.clock,
        waits_for_bucket=config.writeback.durability == "close",
    )
    names = Names(tree=tree, files=files, store=parts.store, mover=mover, clock=parts.clock)
    promised, markers = _recover(journal, area, kept, names, uploads, parts)
    fs = FileSystem(
        tree=tree,
        files=files,
        names=names,
        uploads=Uploads(
            tree=tree,
            files=files,
            kept=kept,
            store=parts.store,
            journal=journal,
            clock=parts.clock,
            tries_again=is_due,
        ),
        store=parts.store,
        reader=reader,
        clock=parts.clock,
    )
    files.adopt(promised, is_due=is_due)
    files.markers.restore(markers)
    return fs


def _recover(
    journal: Journal,
    area: StagingArea,
    kept: Kept,
    names: Names,
    uploads: FileUploads,
    parts: Parts,
) -> tuple[list[PendingFile], Sequence[MarkerRecord]]:
    # Each step changes what the next one is to find in the journal.
    names.resume(journal.load().moves)
    finish_deletions(journal.load(), journal, parts.store)
    promised = recover(journal, area, kept, clock=parts.clock)
    left = journal.load()
    for record in left.aborts:
        uploads.finish_abort(record)
    return promised, left.markers


def _tree(config: MountConfig, parts: Parts, attributes: KeptAttributes) -> Tree:
    posix, cache = config.posix, config.cache
    directories = Directories(
        store=parts.store,
        workers=parts.read_workers,
        clock=parts.clock,
        ttl_s=cache.dir_ttl_s,
        negative_ttl_s=cache.negative_ttl_s,
    )
    keys = Keys(config.url.prefix, max_key=parts.store.limits.max_key)
    nodes = NodeTable()
    asked = Asked()
    objects = KnownObjects(KNOWN_OBJECTS, attributes)
    ahead = ListingAhead(
        directories=directories,
        is_known=objects.has_seen,
        asked=asked,
        workers=parts.read_workers,
        clock=parts.clock,
    )
    descriptions = Descriptions(
        store=parts.store,
        top=keys.prefix,
        directories=directories,
        objects=objects,
        nodes=nodes,
        asking=Asking(posix.attrs, parts.clock),
        clock=parts.clock,
        attr_ttl_s=cache.attr_ttl_s,
        dir_ttl_s=cache.dir_ttl_s,
        asked=asked,
        ahead=ahead,
        workers=parts.read_workers,
    )
    return Tree(
        keys=keys,
        directories=directories,
        descriptions=descriptions,
        ahead=ahead,
        nodes=nodes,
        inodes=InodeNumbers(),
        defaults=Defaults(
            uid=os.getuid() if posix.uid is None else posix.uid,
            gid=os.getgid() if posix.gid is None else posix.gid,
            file_mode=posix.file_mode,
            dir_mode=posix.dir_mode,
            umask=posix.umask,
            storage_class=config.objects.storage_class or "",
        ),
        clock=parts.clock,
    )
