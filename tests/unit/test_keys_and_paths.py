"""Paths and keys, in both directions."""

import errno

import pytest

from ossfs.vfs.keys import Keys, is_name, split, unseen

KEYS = Keys("p/q/", max_key=30)


def test_paths_become_keys():
    """The prefix and the path; directories end in a slash."""
    assert ("p/q/a/b", "p/q/a/b/", "p/q/") == (
        KEYS.key("/a/b"), KEYS.directory("/a/b"), KEYS.directory("/")
    )  # fmt: skip
    assert ("a", "a/", "") == (
        Keys("", max_key=9).key("/a"), Keys("", max_key=9).directory("/a"),
        Keys("", max_key=9).directory("/"),
    )  # fmt: skip


def test_the_longest_key():
    """A directory's slash counts."""
    assert 30 == len(KEYS.key("/" + "x" * 26))
    assert 30 == len(KEYS.directory("/" + "x" * 25))
    for ask in (lambda: KEYS.key("/" + "x" * 27), lambda: KEYS.directory("/" + "x" * 26)):
        with pytest.raises(OSError, match="too long") as caught:
            ask()
        assert errno.ENAMETOOLONG == caught.value.errno


def test_bytes_count_not_characters():
    """Names have at most 255 bytes of UTF-8."""
    keys = Keys("", max_key=1023)
    assert "é" * 127 == keys.key("/" + "é" * 127)
    with pytest.raises(OSError, match="too long"):
        keys.key("/" + "é" * 128)


def test_what_is_no_text():
    """A name of other bytes cannot be part of a key."""
    with pytest.raises(OSError, match="multibyte") as caught:
        KEYS.key("/\udcff")
    assert errno.EILSEQ == caught.value.errno


@pytest.mark.parametrize(
    ("key", "parts"),
    [("a", ("", "a")), ("a/", ("", "a")), ("a/b", ("a/", "b")), ("a/b/c/", ("a/b/", "c"))],
)
def test_split(key, parts):
    """The directory and the name, of files and of directories."""
    assert parts == split(key)


def test_names():
    """What an entry of a directory can be called."""
    assert all(is_name(name) for name in ("a", "...", " ", "é", "x" * 255))
    assert not any(is_name(name) for name in ("", ".", "..", "a/b", "a\0", "x" * 256))


LONG = "x" * 256
UNSEEN = {
    "a//b": "empty name",
    "/a": "empty name",
    "d//": "empty name",
    "./a": "'.' is no name",
    "a/..": "'..' is no name",
    "a/nul\0": "NUL",
    f"d/{LONG}/e": "256 bytes",
    "both": "a directory of this name",
    "both/deep/one": "a directory of this name",
}
SEEN = [
    "a", "b/", "b/...", "both!", "both/", "both/deep/one/x", "both0", "c/d/e", "line\nbreak",
    "x" * 255, "é" * 127,
]  # fmt: skip


def test_keys_that_no_path_names():
    """Each with its reason, and none of those that a mount shows."""
    keys = sorted([key for key in (*UNSEEN, *SEEN) if key != "a"], key=str.encode)
    found = dict(unseen(keys))

    assert set(UNSEEN) == set(found)
    for key, reason in UNSEEN.items():
        assert reason in found[key]
    assert found == {key[2:]: why for key, why in unseen(["p/" + key for key in keys], "p/")}
