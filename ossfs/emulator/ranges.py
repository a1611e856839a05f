"""
Which bytes a Range header asks for.

OSS ignores a range it cannot serve exactly (200 with the whole object) unless the request
says `x-oss-range-behavior: standard`: then the end is clipped and a start behind the end
is refused. Of several ranges the first is served.
"""

import re

from ossfs.emulator.refusals import Refused
from ossfs.extents import Extent

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*(?:,.*)?", re.ASCII)


def requested(header: str, size: int, *, standard: bool) -> Extent | None:
    """
    Return the bytes of an object of `size` to send with 206; None: all of it, with 200.

    Raise Refused (InvalidRange) where the standard behaviour does.
    """
    match = _RANGE.fullmatch(header)
    if match is None or match.group(1) == match.group(2) == "":
        return None
    first, last = match.groups()
    if first and last and int(last) < int(first):
        return None
    start = int(first) if first else size - int(last)
    stop = int(last) + 1 if first and last else size
    if 0 <= start < stop <= size:
        return Extent(start, stop)
    if not standard:
        return None
    if max(start, 0) >= size:
        raise Refused(
            "InvalidRange",
            headers={"Content-Range": f"bytes */{size}"},
            ActualObjectSize=str(size),
            RangeRequested=header.strip(),
        )
    return Extent(max(start, 0), min(stop, size))
