"""
Where the bytes of an upload come from.

A `FileSource` is a regular file that has to stay as it is: it is looked at when the upload
begins and before it is completed. Everything else (bytes, text, open files, iterators)
becomes a body that can be sent twice (`body_from`), or is taken piece by piece (`parts_from`).

Threads: a `FileSource` may be read by any thread; the functions belong to their caller's.
"""

import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeAlias

from ossfs.errors import InvalidOption, ObjectTooLarge, SourceChanged
from ossfs.extents import Extent
from ossfs.store.api import Body, BytesBody, FileBody

Data: TypeAlias = (
    bytes
    | bytearray
    | memoryview
    | str
    | os.PathLike[str]
    | IO[bytes]
    | Iterable[bytes | bytearray | memoryview | str]
)
"""What can be uploaded. `str` is text, sent as UTF-8; the name of a file is a `Path`."""

SPOOLED = 8 << 20
"""Bytes of unknown size that are kept in memory; more go to a temporary file."""
READ_AT_ONCE = 1 << 20


class FileSource:
    """A regular file, open until `close`. OSError; InvalidOption: it is not a regular one."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()
        self.fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        status = os.fstat(self.fd)
        if not stat.S_ISREG(status.st_mode):
            os.close(self.fd)
            raise InvalidOption(f"{self.path} is not a regular file; upload it as a stream")
        self.size = status.st_size
        self.mtime_ns = status.st_mtime_ns

    def body(self, extent: Extent | None = None) -> FileBody:
        """Return a piece of it."""
        return FileBody(self.fd, extent or Extent(0, self.size))

    def check(self) -> None:
        """Raise SourceChanged unless the name still leads to a file that is as it was."""
        try:
            seen = (os.fstat(self.fd), self.path.stat())
        except FileNotFoundError:
            raise SourceChanged("the file was deleted", path=str(self.path)) from None
        for status in seen:
            if (status.st_size, status.st_mtime_ns) != (self.size, self.mtime_ns):
                raise SourceChanged(
                    f"the file was changed: {status.st_size} bytes of {status.st_mtime_ns} ns,"
                    f" not {self.size} of {self.mtime_ns}",
                    path=str(self.path),
                )

    def close(self) -> None:
        """Let go of it."""
        os.close(self.fd)


@contextmanager
def body_from(data: Data) -> Iterator[Body]:
    """
    Give a body of known size that can be read more than once.

    An open file is read from where it is to its end. What has no size is collected first:
    up to 8 MiB in memory, more in a temporary file.
    """
    if isinstance(data, str):
        yield BytesBody(data.encode())
    elif isinstance(data, bytes | bytearray | memoryview):
        yield BytesBody(memoryview(data).cast("B"))
    elif isinstance(data, os.PathLike):
        source = FileSource(data)
        try:
            yield source.body()
        finally:
            source.close()
    elif (place := _place_of(data)) is not None:
        yield FileBody(*place)
        data.seek(place[1].stop)  # type: ignore[attr-defined]  # what has a place can seek
    else:
        with tempfile.SpooledTemporaryFile(SPOOLED) as spool:
            for piece in chunks_of(data):
                spool.write(piece)
            size = spool.tell()
            if size > SPOOLED:
                spool.flush()
                yield FileBody(spool.fileno(), Extent(0, size))
            else:
                spool.seek(0)
                yield BytesBody(spool.read())


def chunks_of(data: Data) -> Iterator[bytes | bytearray | memoryview]:
    """Yield the bytes as they come, in pieces of any size. InvalidOption: they are none."""
    if isinstance(data, str):
        yield data.encode()
    elif isinstance(data, bytes | bytearray | memoryview):
        yield memoryview(data).cast("B")
    elif isinstance(data, os.PathLike):
        with Path(data).open("rb") as file:
            yield from chunks_of(file)
    elif (read := getattr(data, "read", None)) is not None:
        while piece := read(READ_AT_ONCE):
            yield _as_bytes(piece)
    elif isinstance(data, Iterable):
        for piece in data:
            yield _as_bytes(piece)
    else:
        raise InvalidOption(f"a {type(data).__name__} cannot be uploaded")


def parts_from(data: Data, sizes: Iterable[int]) -> Iterator[bytes | bytearray]:
    """
    Yield the bytes in parts of these sizes, the last one excepted; of nothing, no part.

    ObjectTooLarge: more bytes than these parts hold.
    """
    wanted = iter(sizes)
    size, part = next(wanted, 0), bytearray()
    for chunk in chunks_of(data):
        view = memoryview(chunk).cast("B")
        while view:
            if not size:
                raise ObjectTooLarge("the stream is longer than the largest object")
            count = min(len(view), size - len(part))
            part += view[:count]
            view = view[count:]
            if len(part) == size:
                yield part
                size, part = next(wanted, 0), bytearray()
    if part:
        yield part


def has_size(data: Data) -> bool:
    """Say whether it is known how many bytes there are, so that `body_from` copies none."""
    if isinstance(data, str | bytes | bytearray | memoryview | os.PathLike):
        return True
    return _place_of(data) is not None


def slice_of(body: Body, extent: Extent) -> Body:
    """Return a piece of a body that `body_from` has given."""
    if isinstance(body, FileBody):
        start = body.extent.start
        return FileBody(body.fd, Extent(start + extent.start, start + extent.stop))
    return BytesBody(memoryview(body.read_at(extent.start, extent.size)))


def _place_of(data: object) -> tuple[int, Extent] | None:
    """Return where the rest of an open regular file is; None: it is something else."""
    try:
        fd, at = data.fileno(), data.tell()  # type: ignore[attr-defined]  # asked for in vain
        status = os.fstat(fd)
    except (AttributeError, OSError, ValueError):  # io.UnsupportedOperation is the last two
        return None
    if not stat.S_ISREG(status.st_mode) or isinstance(getattr(data, "encoding", None), str):
        return None
    return fd, Extent(min(at, status.st_size), status.st_size)


def _as_bytes(piece: object) -> bytes | bytearray | memoryview:
    if isinstance(piece, str):
        return piece.encode()
    if isinstance(piece, bytes | bytearray | memoryview):
        return piece
    raise InvalidOption(f"bytes are uploaded, not pieces that are {type(piece).__name__}")
