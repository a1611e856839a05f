"""The header of extended attributes, in the form of ossfs 1.x and s3fs, both ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossfs.vfs.xattrs import format_xattrs, parse_xattrs, with_xattrs

GOLDEN = [
    ({"user.name": b"value"}, "%7B%22user.name%22%3A%22dmFsdWU%3D%22%7D"),
    (
        {"user.b": b"\xfb\xff\x00", "user.a": b""},
        "%7B%22user.a%22%3A%22%22%2C%22user.b%22%3A%22%2B/8A%22%7D",
    ),
    ({"user.mime_type": b"text/plain"}, "%7B%22user.mime_type%22%3A%22dGV4dC9wbGFpbg%3D%3D%22%7D"),
]


@pytest.mark.parametrize(("values", "text"), GOLDEN)
def test_what_s3fs_writes(values, text):
    """JSON without blanks, names in order, values in base64, percent-encoded but for slashes."""
    assert text == format_xattrs(values)
    assert values == parse_xattrs(text)


@pytest.mark.parametrize(
    "text",
    [
        "%7b%22user.name%22%3a%22dmFsdWU%3d%22%7d",
        '{ "user.name" : "dmFsdWU=" }',
        "%7B%22user.name%22%3A%22dmFsdWU%3D%22%2C%22user.bad%22%3A%22%21%22%2C%22n%22%3A5%7D",
    ],
)
def test_what_others_write(text):
    """Small hexadecimal digits, no encoding, entries that make no sense: read as far as it goes."""
    assert {"user.name": b"value"} == parse_xattrs(text)


@pytest.mark.parametrize("text", ["", "nonsense", "%7B", "[1]", "7", "%FF%FE"])
def test_what_cannot_be_read_is_absent(text):
    assert {} == parse_xattrs(text)


def test_other_metadata_stays():
    """Without extended attributes there is no header."""
    metadata = {"mode": "33188", "xattr": "old", "theirs": "x"}

    assert {"mode": "33188", "theirs": "x"} == with_xattrs(metadata, {})
    assert {"mode", "theirs", "xattr"} == set(with_xattrs(metadata, {"user.a": b""}))


names = st.text(st.characters(exclude_characters="\0"), min_size=1).map(lambda name: "user." + name)


@given(st.dictionaries(names, st.binary()))
def test_there_and_back(values):
    """Any names, also of bytes that are not UTF-8, any values; always printable ASCII."""
    text = format_xattrs(values)

    assert values == parse_xattrs(text)
    assert text.isascii()
    assert text.isprintable()
