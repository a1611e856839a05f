"""
The options, grouped as the parts that use them; those of the store are in `store_groups`.

A field's name is the option's name; durations end in `_s` here (seconds) and not in
the option; sizes are bytes. None means that the default is found out when it is needed.
"""

from dataclasses import dataclass, field
from pathlib import Path

from ossfs.config.kinds import (
    BOOLEAN,
    DURATION,
    GIB,
    INTEGER,
    KIB,
    MIB,
    MODE,
    PATH,
    SIZE,
    choice,
    option,
)
from ossfs.config.store_groups import CredentialsConfig, ObjectsConfig, StoreConfig
from ossfs.config.urls import BucketUrl


@dataclass(frozen=True, slots=True)
class CacheConfig:
    """Copies that may be thrown away."""

    cache_dir: Path | None = option(
        None,
        PATH,
        "Folder for a cache on local disk of what was read; kept over remounts, and any number of"
        " mounts may share it. Without one, nothing that was read is written to disk.",
        default_note="none",
    )
    cache_size: int = option(
        10 * GIB,
        SIZE,
        "What the folder of `cache_dir` may hold, with all mounts that share it; what was used"
        " longest ago goes first.",
        minimum=16 * MIB,
    )
    cache_reserve: int = option(
        1 * GIB,
        SIZE,
        "Space that is left free on the disk of `cache_dir`, whatever its size.",
        minimum=0,
    )
    memory: int | None = option(
        None,
        SIZE,
        "Memory for data that was read or is read ahead.",
        minimum=16 * MIB,
        default_note="a quarter of the memory the process may use, at most 192M",
    )
    attr_ttl_s: float = option(
        1.0,
        DURATION,
        "How old the attributes of a file may be when it is opened; older ones are asked for"
        " again, so that a change by another client is seen.",
        minimum=0.0,
        maximum=86400.0,
    )
    dir_ttl_s: float = option(
        10.0,
        DURATION,
        "How long the listing of a directory, with the sizes and times in it, is used without"
        " asking again.",
        minimum=0.0,
        maximum=86400.0,
    )
    negative_ttl_s: float = option(
        5.0,
        DURATION,
        "How long a name that was not there is taken for missing without asking again.",
        minimum=0.0,
        maximum=86400.0,
    )


@dataclass(frozen=True, slots=True)
class WritebackConfig:
    """Bytes on their way to the bucket."""

    state_dir: Path | None = option(
        None,
        PATH,
        "Folder for the journal and the bytes that are not in the bucket yet; one mount at a"
        " time may use it. Deleting it loses those bytes.",
        default_note="`ossfs/BUCKET-HASH` in `$XDG_STATE_HOME`, else `/var/lib` (root) or"
        " `~/.local/state`",
    )
    part_size: int = option(
        8 * MIB,
        SIZE,
        "Size of the first parts of an upload; later parts of large files are larger.",
        minimum=100 * KIB,  # OSS refuses smaller parts at Complete
        maximum=5 * GIB,
    )
    upload_threads: int = option(
        16, INTEGER, "Parts that are uploaded at the same time.", minimum=1, maximum=64
    )
    reserve: int | None = option(
        None,
        SIZE,
        "Space that is left free on the disk of the state folder; a write that would touch it"
        " fails with ENOSPC.",
        minimum=0,
        default_note="`1G`",
    )
    durability: str = option(
        "close",
        choice("close", "journal"),
        "When `close` and `fsync` return: `close`, when the object is in the bucket;"
        " `journal`, when bytes and journal are safe on the local disk (the upload follows).",
    )


@dataclass(frozen=True, slots=True)
class PosixConfig:
    """How objects look as files."""

    uid: int | None = option(
        None,
        INTEGER,
        "Owner of files that say nothing else.",
        minimum=0,
        default_note="who mounts",
    )
    gid: int | None = option(
        None,
        INTEGER,
        "Group of files that say nothing else.",
        minimum=0,
        default_note="of who mounts",
    )
    umask: int = option(
        0o000, MODE, "Permissions taken away from every file and directory.", maximum=0o777
    )
    file_mode: int = option(
        0o644, MODE, "Permissions of files that say nothing else.", maximum=0o7777
    )
    dir_mode: int = option(
        0o755, MODE, "Permissions of directories that say nothing else.", maximum=0o7777
    )
    attrs: str = option(
        "auto",
        choice("auto", "list", "head"),
        "How modes, owners, times and symlinks that others have stored beside objects are seen:"
        " `head` asks for each file once (a request each); `list` shows sizes and times of the"
        " listing until the file is opened; `auto` asks in directories that FUSE clients have"
        " worked in.",
    )
    xattrs: bool = option(
        True,
        BOOLEAN,
        "Keep extended attributes of files and directories. Without them, a write of a few KiB"
        " takes a quarter less time: the kernel does not ask for one before each write.",
    )
    capacity: int = option(
        1 << 50, SIZE, "The room that `df` shows; a bucket itself has no size.", minimum=1 << 20
    )
    allow_other: bool = option(
        False, BOOLEAN, "Let other users in (`user_allow_other` in `/etc/fuse.conf`)."
    )
    read_only: bool = option(False, BOOLEAN, "Refuse every change with EROFS.")
    nonempty: bool = option(False, BOOLEAN, "Mount over a directory that is not empty.")


@dataclass(frozen=True, slots=True)
class KernelConfig:
    """How the mount and the kernel work together."""

    fuse: str = option(
        "auto",
        choice("auto", "2", "3"),
        "The version of libfuse. `3` moves more bytes with a request and lists directories with"
        " attributes; it needs libfuse 3 and the Python package mfusepy, and `auto` takes it"
        " where both are installed.",
    )
    kernel_readahead: int = option(
        1 * MIB,
        SIZE,
        "How much the kernel asks for at a time, ahead of who reads on (libfuse 3, root only)."
        " Of a file that is mapped into memory it asks for so much around a single page, too."
        " 0: what the kernel does by itself, 128K.",
        minimum=0,
        maximum=16 * MIB,
    )
    writeback_cache: bool = option(
        False,
        BOOLEAN,
        "Let the kernel collect what is written in small pieces (libfuse 3). Only where nobody"
        " else changes the bucket: the kernel then believes its own sizes and times. Writes of"
        " 4 KiB are twice as fast, and with `xattrs` off eight times.",
    )


@dataclass(frozen=True, slots=True)
class LoggingConfig:
    """What is written where."""

    log_level: str = option(
        "info", choice("debug", "info", "warning", "error"), "The least that is logged."
    )
    log_file: Path | None = option(
        None,
        PATH,
        "Where the mount process logs.",
        default_note="`mount.log` in the state folder; standard error with `--foreground`",
    )


@dataclass(frozen=True, slots=True)
class MountConfig:
    """Everything a mount is built from."""

    url: BucketUrl
    store: StoreConfig = field(default_factory=StoreConfig)
    credentials: CredentialsConfig = field(default_factory=CredentialsConfig)
    objects: ObjectsConfig = field(default_factory=ObjectsConfig)
    cache: CacheConfig = CacheConfig()
    writeback: WritebackConfig = WritebackConfig()
    posix: PosixConfig = PosixConfig()
    kernel: KernelConfig = KernelConfig()
    logging: LoggingConfig = LoggingConfig()
