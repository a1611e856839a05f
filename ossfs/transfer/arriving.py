"""
Bytes of one version of an object as they arrive: limited, counted, and kept somewhere.

Threads: a sink belongs to the thread that fetches it.
"""

from collections.abc import Callable

from ossfs.crc64 import crc64
from ossfs.errors import Damaged
from ossfs.extents import Extent
from ossfs.store.api import ObjectInfo, ObjectStore, Sink
from ossfs.store.bodies import room_for
from ossfs.transfer.progress import Meter


class Arriving(Sink):
    """The bytes of `extent`, up to `at_once` a time, which `meter` lets pass before they count."""

    can_start_over = True  # nobody is shown a piece before all of it is there

    def __init__(self, extent: Extent, meter: Meter, at_once: int) -> None:
        self.extent = extent
        self.meter = meter
        self._at_once = at_once
        self._at = 0

    @property
    def missing(self) -> int:
        """How many bytes have not come."""
        return self.extent.size - self._at

    def begins(self, _info: ObjectInfo, extent: Extent) -> None:
        """Go on there; at the start, nothing of it counts any more."""
        self._at = extent.start - self.extent.start
        if not self._at:
            self.meter.began()

    def came(self, count: int) -> None:
        """Let these bytes pass."""
        self.meter.passing(count)
        self._at += count


class IntoMemory(Arriving):
    """A piece that is kept in memory."""

    def __init__(self, extent: Extent, meter: Meter, at_once: int) -> None:
        super().__init__(extent, meter, at_once)
        self.data = room_for(extent.size)

    def room(self) -> memoryview:
        """Return where the next bytes belong."""
        return self.data[self._at : self._at + self._at_once]


class IntoFile(Arriving):
    """A piece that `write` is given, with the place of each write in it."""

    def __init__(
        self,
        extent: Extent,
        meter: Meter,
        at_once: int,
        write: Callable[[int, memoryview], object],
    ) -> None:
        super().__init__(extent, meter, at_once)
        self._write = write
        self._buffer = room_for(min(at_once, extent.size))
        self.crc64 = 0
        """Of what has come."""

    def begins(self, info: ObjectInfo, extent: Extent) -> None:
        """Go on there, or begin anew."""
        super().begins(info, extent)
        if not self._at:
            self.crc64 = 0

    def room(self) -> memoryview:
        """Return the buffer, which stays in a core's cache."""
        return self._buffer

    def came(self, count: int) -> None:
        """Let them pass, and have them written."""
        at, data = self._at, self._buffer[:count]
        super().came(count)
        self._write(at, data)
        self.crc64 = crc64(data, self.crc64)


def fetch(
    store: ObjectStore, info: ObjectInfo, version_id: str | None, into: Arriving
) -> ObjectInfo:
    """
    Have a piece arrive, of this version only; return what the answer says of it.

    A whole object is asked for as such: then its checksum is compared, on every store.
    The errors of `ObjectStore.get`; Damaged: less came than was asked for.
    """
    is_whole = into.extent == Extent(0, info.size)
    try:
        fetched = store.get(
            info.key,
            None if is_whole else into.extent,
            if_match=info.etag,
            unmodified_since_ns=info.modified_ns,
            version_id=version_id,
            into=into,
        )
        if into.missing:
            raise Damaged(f"{into.missing} bytes are missing of {into.extent}")  # noqa: TRY301  # nothing of it counts either
    except BaseException:
        into.meter.began()
        raise
    return fetched.info
