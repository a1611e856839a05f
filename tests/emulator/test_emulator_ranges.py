"""Which bytes a Range header gets: the table of the service, both behaviours."""

import pytest

from ossfs.emulator.ranges import requested
from ossfs.emulator.refusals import Refused
from ossfs.extents import Extent

WHOLE = None
REFUSED = "InvalidRange"


def served(header, size, *, standard):
    try:
        return requested(header, size, standard=standard)
    except Refused as error:
        return error.code


@pytest.mark.parametrize(
    ("header", "size", "plain", "standard"),
    [
        ("bytes=0-499", 1000, Extent(0, 500), Extent(0, 500)),
        ("bytes=0-0", 1000, Extent(0, 1), Extent(0, 1)),
        ("bytes=999-999", 1000, Extent(999, 1000), Extent(999, 1000)),
        ("bytes=0-999", 1000, Extent(0, 1000), Extent(0, 1000)),
        ("bytes=500-", 1000, Extent(500, 1000), Extent(500, 1000)),
        ("bytes=-500", 1000, Extent(500, 1000), Extent(500, 1000)),
        ("bytes=-1000", 1000, Extent(0, 1000), Extent(0, 1000)),
        ("bytes=500-1000", 1000, WHOLE, Extent(500, 1000)),
        ("bytes=500-2000", 1000, WHOLE, Extent(500, 1000)),
        ("bytes=1000-2000", 1000, WHOLE, REFUSED),
        ("bytes=1000-", 1000, WHOLE, REFUSED),
        ("bytes=-2000", 1000, WHOLE, Extent(0, 1000)),
        ("bytes=500-400", 1000, WHOLE, WHOLE),
        ("100-200", 1000, WHOLE, WHOLE),
        ("bytes=", 1000, WHOLE, WHOLE),
        ("bytes=-", 1000, WHOLE, WHOLE),
        ("bytes=a-b", 1000, WHOLE, WHOLE),
        ("octets=0-9", 1000, WHOLE, WHOLE),
        ("bytes=0-9,20-29", 1000, Extent(0, 10), Extent(0, 10)),
        ("bytes=0-0", 0, WHOLE, REFUSED),
        ("bytes=0-", 0, WHOLE, REFUSED),
        ("bytes=-1", 0, WHOLE, REFUSED),
        ("bytes=-0", 1000, WHOLE, REFUSED),
    ],
)
def test_range_table(header, size, plain, standard):
    """Without the header a range that does not fit is ignored, with it clipped or refused."""
    assert plain == served(header, size, standard=False)
    assert standard == served(header, size, standard=True)
