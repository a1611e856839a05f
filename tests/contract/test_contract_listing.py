"""What every object store lists, page by page."""

import pytest

from ossfs.errors import InvalidRequest
from ossfs.store.api import BytesBody, Headers

TREE = ["a", "a.txt", "a/", "a/b", "a/c/d", "a0", "b/x", "b/y", "c", "z//w", "é", "😀/q"]


@pytest.fixture
def tree(store):
    for key in TREE:
        store.put(key, BytesBody(key.encode()), Headers())
    return store


def pages(store, prefix="", **kwargs):
    token = None
    while True:
        page = store.list(prefix, token=token, **kwargs)
        yield page
        token = page.next_token
        if token is None:
            return


def entries(store, prefix="", **kwargs):
    found = [
        entry
        for page in pages(store, prefix, **kwargs)
        for entry in [*(listed.key for listed in page.objects), *page.prefixes]
    ]
    assert len(set(found)) == len(found)
    return sorted(found, key=str.encode)


def test_keys_come_in_the_order_of_their_bytes(store):
    """UTF-8 order, also where UTF-16 or a locale would order otherwise."""
    keys = ["\U00010000", "\uffff", "Z", "a", "é", "a\x01", "a b", "a/b", "a-b"]
    for key in keys:
        store.put(key, BytesBody(b""), Headers())

    assert sorted(keys, key=str.encode) == [found.key for found in store.list().objects]


def test_listed_objects_are_described(tree):
    """Size, etag and time agree with HEAD."""
    for listed in tree.list().objects:
        info = tree.head(listed.key)
        assert (info.size, info.etag, info.modified_ns) == (
            listed.size,
            listed.etag,
            listed.modified_ns,
        )


def test_prefix(tree):
    """Only keys that begin with the prefix, the prefix itself among them."""
    assert ["a/", "a/b", "a/c/d"] == entries(tree, "a/")
    assert ["é"] == entries(tree, "é")
    assert [] == entries(tree, "nothing")


def test_delimiter(tree):
    """Keys with the delimiter behind the prefix are rolled up, once each."""
    page = tree.list(delimiter="/")

    assert ["a", "a.txt", "a0", "c", "é"] == [found.key for found in page.objects]
    assert ["a/", "b/", "z/", "😀/"] == list(page.prefixes)


def test_delimiter_inside_a_prefix(tree):
    """The marker object of a directory is an object of its own listing."""
    page = tree.list("a/", delimiter="/")

    assert (["a/", "a/b"], ["a/c/"]) == ([o.key for o in page.objects], list(page.prefixes))


def test_delimiter_of_more_than_one_character(store):
    """Any string can delimit."""
    for key in ("x--y", "x-y", "x--z"):
        store.put(key, BytesBody(b""), Headers())

    page = store.list(delimiter="--")

    assert (["x-y"], ["x--"]) == ([found.key for found in page.objects], list(page.prefixes))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 12, 1000])
@pytest.mark.parametrize("delimiter", ["", "/"])
@pytest.mark.parametrize("prefix", ["", "a/", "z/"])
def test_pages_of_any_size_hold_everything_once(tree, prefix, delimiter, size):
    """Paging loses and repeats nothing, and no page is larger than asked."""
    found = list(pages(tree, prefix, delimiter=delimiter, max_keys=size))

    assert all(len(page.objects) + len(page.prefixes) <= size for page in found)
    whole = tree.list(prefix, delimiter=delimiter)
    assert [o for page in found for o in page.objects] == list(whole.objects)
    assert [p for page in found for p in page.prefixes] == list(whole.prefixes)


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
@pytest.mark.parametrize("delimiter", ["", "/"])
def test_pages_of_a_tree_of_files(store, delimiter, size):
    """The same where keys are paths of files: none is another's directory."""
    for key in ("a.txt", "a/b", "a/c/d", "b", "é/x + y%", "é/z"):
        store.put(key, BytesBody(key.encode()), Headers())
    flat = ["a.txt", "a/b", "a/c/d", "b", "é/x + y%", "é/z"]

    found = entries(store, delimiter=delimiter, max_keys=size)

    assert (["a.txt", "a/", "b", "é/"] if delimiter else flat) == found
    assert ["a/b", "a/c/" if delimiter else "a/c/d"] == entries(
        store, "a/", delimiter=delimiter, max_keys=size
    )


def test_a_full_last_page_is_the_last(tree):
    """No token is given when nothing is left."""
    assert tree.list(max_keys=len(TREE)).next_token is None


def test_start_after(tree):
    """Only keys greater than start_after, which need not exist."""
    assert ["b/y", "c", "z//w", "é", "😀/q"] == entries(tree, start_after="b/x")
    assert ["a/c/d"] == entries(tree, "a/", start_after="a/bb")
    assert [] == entries(tree, start_after="\U0010fffd")


def test_start_after_with_pages(tree):
    """The first page starts behind it, later ones follow the token."""
    assert ["a0", "b/x", "b/y", "c", "z//w", "é", "😀/q"] == entries(
        tree, start_after="a/c/d", max_keys=2
    )


@pytest.mark.parametrize("size", [0, -1, 1001])
def test_a_page_has_one_to_a_thousand_entries(store, size):
    """Other sizes are refused."""
    with pytest.raises(InvalidRequest):
        store.list(max_keys=size)


def test_keys_changed_between_pages(tree):
    """What is deleted or added behind the last page's end is seen as it then is."""
    first = tree.list(max_keys=3)
    assert ["a", "a.txt", "a/"] == [found.key for found in first.objects]
    tree.delete("a/")
    tree.delete("a/b")
    tree.put("a/bb", BytesBody(b""), Headers())

    second = tree.list(max_keys=2, token=first.next_token)

    assert ["a/bb", "a/c/d"] == [found.key for found in second.objects]


def test_keys_that_xml_cannot_hold(store):
    """Control characters and markup come through a listing."""
    keys = ["a\x01b", "a\x0bb/c", "<Key>&amp;", "tab\t", "nl\n", "cr\r", "%41", "a+b", " lead", "￾"]
    for key in keys:
        store.put(key, BytesBody(b""), Headers())

    assert sorted(keys, key=str.encode) == entries(store)
    assert ["<Key>&amp;"] == entries(store, "<")
    assert ["a\x0bb/"] == list(store.list("a\x0b", delimiter="/").prefixes)
    assert keys[1] in entries(store, start_after="a\x01b", max_keys=1)
