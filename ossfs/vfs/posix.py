"""
POSIX attributes in object metadata, as the official ossfs 1.x and s3fs keep them.

    mode                decimal st_mode; markers made by others may lack the type bits
    uid, gid            decimal
    mtime, ctime, atime seconds, or seconds.nnnnnnnnn
    rdev                decimal st_rdev of a device, as geesefs keeps it

Numbers are read as those programs read them: a leading 0 means octal, 0x hexadecimal.
What cannot be read is taken for absent. Metadata that is not ours is kept; where ours is
absent, `other_forms` are read.

Threads: values only.
"""

import mimetypes
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from ossfs.store.api import NOTHING, Headers
from ossfs.vfs.other_forms import in_our_words, is_link

DIRECTORY_TYPE = "application/x-directory"
OURS = ("mode", "uid", "gid", "mtime", "ctime", "atime", "rdev")
NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Defaults:
    """The attributes of objects that say nothing themselves."""

    uid: int
    gid: int
    file_mode: int = 0o644
    dir_mode: int = 0o755
    umask: int = 0
    storage_class: str = ""
    """That of new content, by the options of the mount; empty: an edit keeps the object's."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """What `stat` says of a file or directory, but its size; times in ns since 1970."""

    mode: int
    """With the type bits."""
    uid: int
    gid: int
    mtime_ns: int
    ctime_ns: int
    atime_ns: int
    rdev: int = 0
    """Of a device: which one."""
    content_type: str | None = None
    foreign: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """User metadata that is not ours."""
    standard: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """Cache-Control and the like, which are not ours either."""
    storage_class: str = ""
    """That of the object, if a copy is to have it too; empty: that of new objects."""

    def changed(self, now_ns: int, **values: int) -> "Attributes":
        """Return a copy with new values; the change time is `now_ns`."""
        return replace(self, ctime_ns=now_ns, **values)  # type: ignore[arg-type]  # names of int fields

    def rewritten(self, now_ns: int, defaults: Defaults) -> "Attributes":
        """Return a copy for content that has changed now."""
        kept = "" if defaults.storage_class else self.storage_class
        return replace(self, mtime_ns=now_ns, ctime_ns=now_ns, storage_class=kept)

    def headers(self) -> Headers:
        """Return what is stored beside the object."""
        metadata = dict(self.foreign)
        metadata["mode"] = str(self.mode)
        metadata["uid"] = str(self.uid)
        metadata["gid"] = str(self.gid)
        metadata["mtime"] = format_time(self.mtime_ns)
        metadata["ctime"] = format_time(self.ctime_ns)
        if self.atime_ns != self.mtime_ns:
            metadata["atime"] = format_time(self.atime_ns)
        if self.rdev:
            metadata["rdev"] = str(self.rdev)
        return Headers(self.content_type, metadata, self.standard, self.storage_class)


def new_attributes(
    mode: int, *, uid: int, gid: int, now_ns: int, name: str, rdev: int = 0
) -> Attributes:
    """Return the attributes of something just made; `mode` has the type bits."""
    if stat.S_ISDIR(mode):
        content_type: str | None = DIRECTORY_TYPE
    else:
        content_type = mimetypes.guess_type(name, strict=False)[0]
    return Attributes(mode, uid, gid, now_ns, now_ns, now_ns, rdev, content_type)


def read_attributes(
    headers: Headers, defaults: Defaults, *, is_directory: bool, modified_ns: int
) -> Attributes:
    """Read attributes from what is stored beside an object."""
    metadata = headers.metadata
    if not metadata:  # as it is in a bucket that other programs have filled
        kind = (
            stat.S_IFDIR | defaults.dir_mode if is_directory else stat.S_IFREG | defaults.file_mode
        )
        return Attributes(
            kind & ~defaults.umask,
            defaults.uid,
            defaults.gid,
            modified_ns,
            modified_ns,
            modified_ns,
            content_type=headers.content_type,
            standard=headers.standard,
            storage_class=headers.storage_class,
        )
    kind = stat.S_IFDIR if is_directory else file_kind(headers)
    metadata = in_our_words(metadata)
    stored = parse_number(metadata.get("mode", ""))
    if stored is None:
        mode = defaults.dir_mode if is_directory else defaults.file_mode
        mode = 0o777 if kind == stat.S_IFLNK else mode
    else:
        mode = stat.S_IMODE(stored)
    uid, gid = (parse_number(metadata.get(name, "")) for name in ("uid", "gid"))
    mtime_ns = parse_time(metadata.get("mtime", ""), modified_ns)
    return Attributes(
        mode=kind | (mode & ~defaults.umask),
        uid=defaults.uid if uid is None else uid,
        gid=defaults.gid if gid is None else gid,
        mtime_ns=mtime_ns,
        ctime_ns=parse_time(metadata.get("ctime", ""), modified_ns),
        atime_ns=parse_time(metadata.get("atime", ""), mtime_ns),
        rdev=_device(kind, metadata),
        content_type=headers.content_type,
        foreign={name: value for name, value in headers.metadata.items() if name not in OURS},
        standard=headers.standard,
        storage_class=headers.storage_class,
    )


def _device(kind: int, metadata: Mapping[str, str]) -> int:
    if kind not in (stat.S_IFBLK, stat.S_IFCHR):
        return 0
    return parse_number(metadata.get("rdev", "")) or 0


def file_kind(headers: Headers) -> int:
    """Return the type bits of what is no directory."""
    metadata = in_our_words(headers.metadata)
    kind = stat.S_IFMT(parse_number(metadata.get("mode", "")) or 0)
    if kind == 0 and is_link(metadata):
        return stat.S_IFLNK
    return kind if kind not in (0, stat.S_IFDIR) else stat.S_IFREG


def format_time(time_ns: int) -> str:
    """
    Write a time; a fraction has nine digits and is left out when it is zero.

    Not so in 1970 and before: there, it tells a time that was set from one that was not.
    """
    seconds, ns = divmod(time_ns, NS)
    return f"{seconds}.{ns:09d}" if ns or seconds <= 0 else str(seconds)


@lru_cache(maxsize=1024)
def parse_time(text: str, default: int) -> int:
    """Read a time; whole numbers that are not positive count as absent, as in ossfs 1.x."""
    if not text:
        return default
    match = re.fullmatch(r"(-?\d{1,12})(?:\.(\d+))?", text)
    if match is None or (match[2] is None and int(match[1]) <= 0):
        return default
    return int(match[1]) * NS + int((match[2] or "")[:9].ljust(9, "0"))


@lru_cache(maxsize=1024)
def parse_number(text: str) -> int | None:
    """Read a number as C's strtol with base 0 does."""
    if re.fullmatch(r"0[0-7]+", text):
        return int(text, 8)
    if re.fullmatch(r"0|[1-9]\d{0,18}|0[xX][0-9a-fA-F]{1,16}", text):
        return int(text, 0)
    return None
