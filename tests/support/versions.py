"""
Content of which every 16 bytes say which version of a file they are of, and where they are.

So whatever is read, wherever it was cut, is known to be one version, or not to be.
"""

from array import array

RECORD = 16  # bytes: the version's number and the record's, little-endian


def content_of(version, size, start=0):
    """Return the bytes from `start` of a version that is `size` bytes long."""
    first = start // RECORD
    count = -(-size // RECORD) - first
    words = array("Q", bytes(count * RECORD))
    words[0::2] = array("Q", [version]) * count
    words[1::2] = array("Q", range(first, first + count))
    return memoryview(words).cast("B")[start - first * RECORD : size - first * RECORD]


def version_of(data, offset):
    """Return the version that all of `data`, read at `offset`, is of. AssertionError: none."""
    at = -offset % RECORD
    assert len(data) >= at + RECORD, "too short to tell"
    version = int.from_bytes(data[at : at + 8], "little")
    expected = content_of(version, offset + len(data), offset)
    assert expected == data, f"a mixture, or wrong bytes: {_story(data, offset)}"
    return version


def _story(data, offset):
    """Say which versions are where: (offset, version, record) where it changes."""
    told, before = [], None
    for at in range(-offset % RECORD, len(data) - RECORD + 1, RECORD):
        version = int.from_bytes(data[at : at + 8], "little")
        record = int.from_bytes(data[at + 8 : at + 16], "little")
        now = (version, record * RECORD - offset - at)
        if now != before:
            told.append((offset + at, version, record))
        before = now
    return told[:20]
