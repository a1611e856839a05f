"""Numbers and times as ossfs 1.x and s3fs write and read them."""

import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossfs.store.api import Headers, ObjectInfo
from ossfs.vfs.posix import (
    Defaults,
    format_time,
    new_attributes,
    parse_number,
    parse_time,
    read_attributes,
)

DEFAULTS = Defaults(uid=5, gid=6, umask=0o022)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0), ("33188", 33188), ("0644", 0o644), ("0x1F", 31), ("0XfF", 255),
        ("", None), ("-1", None), ("08", None), ("1e3", None), (" 1", None), ("0x", None),
        ("9" * 20, None),
    ],
)  # fmt: skip
def test_numbers(text, number):
    """Base 0 of strtol, and nothing else."""
    assert number == parse_number(text)


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("1", 10**9), ("1.5", 1_500_000_000), ("1.000000001", 1_000_000_001),
        ("1.1234567899", 1_123_456_789), ("0", None), ("0.0", 0),
        ("-1.500000000", -500_000_000), ("-1.5x", None), ("-1", None), ("", None),
        ("1.", None), ("now", None), ("1" * 13, None),
    ],
)  # fmt: skip
def test_times(text, time_ns):
    """Seconds with up to nine digits behind the point; 0 and less only with a point."""
    assert (77 if time_ns is None else time_ns) == parse_time(text, 77)


@given(st.integers(1 - 10**20, 10**21 - 1))
def test_times_round_trip(time_ns):
    """To the nanosecond."""
    assert time_ns == parse_time(format_time(time_ns), 77)


@given(
    st.integers(0, 0o7777), st.integers(0, 2**32 - 1), st.integers(1, 10**20),
    st.integers(1, 10**20), st.sampled_from([None, "text/x"]),
)  # fmt: skip
def test_attributes_round_trip(mode, uid, mtime_ns, atime_ns, content_type):
    """What is written is what is read, foreign metadata included."""
    headers = Headers(content_type, {"color": "red", "mode": "7"})
    defaults = Defaults(uid=1, gid=2)
    old = read_attributes(headers, defaults, is_directory=False, modified_ns=77)
    changed = old.changed(99, mode=stat.S_IFREG | mode, uid=uid, mtime_ns=mtime_ns,
                          atime_ns=atime_ns)  # fmt: skip
    read = read_attributes(changed.headers(), defaults, is_directory=False, modified_ns=1)

    assert changed == read
    assert "red" == changed.headers().metadata["color"]


def test_what_an_object_does_not_say():
    """Comes from the defaults, less the umask; the times from Last-Modified."""
    headers = ObjectInfo(key="f", size=0, etag="E", modified_ns=77).headers
    file = read_attributes(headers, DEFAULTS, is_directory=False, modified_ns=77)
    directory = read_attributes(headers, DEFAULTS, is_directory=True, modified_ns=77)

    assert (0o100644, 5, 6, 77, 77, 77) == (
        file.mode, file.uid, file.gid, file.mtime_ns, file.ctime_ns, file.atime_ns
    )  # fmt: skip
    assert stat.S_IFDIR | 0o755 == directory.mode
    assert (None, {}) == (file.content_type, dict(file.foreign))


@pytest.mark.parametrize(
    ("mode", "is_directory", "expected"),
    [
        (0o100666, False, 0o100644), (0o120777, False, 0o120755), (0o010600, False, 0o010600),
        (0o777, True, 0o040755), (0o100755, True, 0o040755), (0o040755, False, 0o100755),
    ],
)  # fmt: skip
def test_kinds(mode, is_directory, expected):
    """The key says what is a directory, the mode what kind of file."""
    headers = Headers(None, {"mode": str(mode)})
    found = read_attributes(headers, DEFAULTS, is_directory=is_directory, modified_ns=1)
    assert oct(expected) == oct(found.mode)


@pytest.mark.parametrize(
    ("name", "content_type"),
    [("a.html", "text/html"), ("a.JPG", "image/jpeg"), ("Makefile", None), ("a.gz", None)],
)
def test_content_types(name, content_type):
    """By the name's end."""
    made = new_attributes(stat.S_IFREG | 0o644, uid=1, gid=2, now_ns=3, name=name)
    assert content_type == made.headers().content_type


def test_an_access_time_of_its_own_is_stored():
    """Otherwise it is the modification time and takes no room."""
    made = new_attributes(stat.S_IFDIR | 0o755, uid=1, gid=2, now_ns=3 * 10**9, name="")
    assert "atime" not in made.headers().metadata
    assert "4" == made.changed(1, atime_ns=4 * 10**9).headers().metadata["atime"]
    assert "application/x-directory" == made.headers().content_type
