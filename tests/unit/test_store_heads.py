"""Heads of answers are read as the standard library reads them; nothing breaks out of ours."""

import http.client
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossfs.store.heads import QuickResponse, parsed_head, written_head

NAMES = st.text("abcXYZ019-_.!~", min_size=1, max_size=12)
VALUES = st.text(st.characters(max_codepoint=0xFF, exclude_characters="\r\n\0"))
ENDS = st.sampled_from(["\r\n", "\n"])


def both(head):
    """Return the headers that we and the standard library read, and what is left of each."""
    ours, theirs = io.BytesIO(head), io.BytesIO(head)
    read = parsed_head(ours), together(http.client.parse_headers(theirs).items())
    return [{n: v.strip(" \t") for n, v in one.items()} for one in read], (
        ours.read(),
        theirs.read(),
    )


def together(headers):
    """Return the headers by name in small letters; unlike values of one have commas between."""
    values = {}
    for name, value in ((name.lower(), value.strip(" \t")) for name, value in headers):
        if name not in values:
            values[name] = value
        elif values[name] != value:
            values[name] += f", {value}"
    return values


@given(st.lists(st.tuples(NAMES, VALUES, ENDS), max_size=20))
def test_plain_heads(headers):
    """Names, values, order and repetitions are the same, and the body is not touched."""
    lines = "".join(f"{name}: {value}{end}" for name, value, end in headers)

    (ours, theirs), left = both(f"{lines}\r\nbody".encode("latin-1"))

    assert theirs == ours
    assert (b"body", b"body") == left


@given(st.binary(max_size=200).map(lambda data: data.replace(b"\x00", b"") + b"\r\n\r\n"))
def test_heads_that_are_none(data):
    """Whatever arrives is read in the same way, and as far."""
    (ours, theirs), left = both(data)

    assert theirs == ours
    assert left[0] == left[1]


@pytest.mark.parametrize(
    "head",
    [
        b"ETag: a\r\n folded\r\n\r\n",
        b"ETag : a\r\n\r\n",
        b"no colon\r\nETag: a\r\n\r\n",
        b"ETag: a\rX: b\r\n\r\n",
        b"ETag: \xe4\xb8\xad\r\n\r\n",
        b"ETag:a\r\nETAG:\t b \r\n",
        b"",
    ],
)
def test_odd_heads(head):
    """Folded, misspelt, repeated, cut short."""
    (ours, theirs), _ = both(head)

    assert theirs == ours


@pytest.mark.parametrize("head", [b"X: " + b"a" * 65536 + b"\r\n\r\n", b"X: a\r\n" * 101 + b"\r\n"])
def test_endless_heads(head):
    """They are refused, as the standard library refuses them."""
    for read in (parsed_head, http.client.parse_headers):
        with pytest.raises(http.client.HTTPException):
            read(io.BytesIO(head))


class Wire:
    """A socket from which an answer comes."""

    def __init__(self, data):
        self._data = data

    def makefile(self, _mode):
        return io.BytesIO(self._data)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
    ],
)
def test_whole_answers(answer):
    """Status, length, what becomes of the connection, and the body."""
    seen = []
    for kind in (QuickResponse, http.client.HTTPResponse):
        with kind(Wire(answer), method="GET") as response:
            response.begin()
            facts = response.status, response.length, response.chunked, response.will_close
            seen.append((facts, together(response.headers.items()), response.read()))

    assert seen[0] == seen[1]


def test_the_head_of_a_request():
    """One line each, and an answer without a content coding is asked for."""
    head = written_head("PUT", "/a%20b?x=1", {"host": "h:80", "x-oss-meta-a": "\xe4"})

    wanted = "PUT /a%20b?x=1 HTTP/1.1|host: h:80|x-oss-meta-a: \xe4|accept-encoding: identity||"
    assert wanted.replace("|", "\r\n").encode("latin-1") == head


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\nb", "a\rb", "a\0b", "\u4e2d"])
def test_headers_that_cannot_be_sent(value):
    """Nothing of them gets onto the connection."""
    with pytest.raises(ValueError, match=r"line break|latin-1"):
        written_head("GET", "/", {"host": "h", "x": value})
    with pytest.raises(ValueError, match=r"line break|latin-1"):
        written_head("GET", "/", {"host": "h", value: "x"})


@pytest.mark.parametrize("target", ["/a b", "/a\tb", "/a\x7fb"])
def test_targets_that_cannot_be_sent(target):
    """A space would end the target."""
    with pytest.raises(ValueError, match="target"):
        written_head("GET", target, {"host": "h"})
