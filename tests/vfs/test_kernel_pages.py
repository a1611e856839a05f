"""What opens let the kernel keep of a file, when versions and descriptors come and go."""

import os

import pytest


@pytest.fixture
def opened(life):
    """Open `/f` and tell the kernel about it, as the adapter does; return (fh, answer)."""

    def open_():
        fh = life.fs.open("/f", os.O_RDONLY)
        return fh, life.fs.caching(fh)

    return open_


def replaced(core, data):
    """Let another client put a new version, and what is known of the file grow old."""
    core.put("f", data)
    core.clock.advance(2)


def test_pages_are_kept_when_the_kernel_is_known_to_have_dropped_the_others(core, sh, opened):
    """A read through the first descriptor proves that its open has been taken note of."""
    core.put("f", b"one")
    first, told = opened()
    assert (False, False) == told

    assert not opened()[1].keeps_pages  # it may overtake the first
    sh.pread(first, 3, 0)

    assert opened()[1].keeps_pages


def test_a_new_version_is_read_past_the_pages_while_the_old_one_is_open(core, sh, opened):
    """Both share the kernel's pages, so neither may put any there; afterwards all is usual."""
    core.put("f", b"one")
    old, _ = opened()
    sh.pread(old, 3, 0)
    replaced(core, b"two")

    new, told = opened()

    assert (False, True) == told
    assert b"two" == sh.pread(new, 3, 0)
    with pytest.raises(OSError, match="Stale"):
        sh.pread(old, 3, 0)
    assert opened()[1].is_direct
    sh.close(old)
    assert not opened()[1].is_direct


def test_an_open_that_was_overtaken_puts_no_pages(core, life, sh):
    """Between an open and its answer the version was replaced, and the new one opened."""
    core.put("f", b"one")
    old = life.fs.open("/f", os.O_RDONLY)
    replaced(core, b"two")
    new = life.fs.open("/f", os.O_RDONLY)

    told = life.fs.caching(new), life.fs.caching(old)

    assert told[1].is_direct
    assert b"two" == sh.pread(new, 3, 0)
    with pytest.raises(OSError, match="Stale"):
        sh.pread(old, 3, 0)


def test_pages_of_another_version_are_not_kept_for_an_etag_that_comes_back(core, sh, opened):
    """One, two, and one again: what the kernel has by then is of the second."""
    core.put("f", b"one")
    first, _ = opened()
    sh.pread(first, 3, 0)
    replaced(core, b"two")
    second, _ = opened()
    sh.close(first)
    sh.pread(second, 3, 0)
    replaced(core, b"one")

    third, told = opened()

    assert not told.keeps_pages
    assert b"one" == sh.pread(third, 3, 0)


def test_a_file_deleted_and_made_again_by_others(core, sh, opened):
    """Its old descriptor reads nothing more once the new file is open."""
    core.put("f", b"one")
    old, _ = opened()
    sh.pread(old, 3, 0)
    core.bucket.delete("f")
    core.clock.advance(20)
    with pytest.raises(FileNotFoundError):
        opened()
    core.clock.advance(20)
    core.put("f", b"two")

    new, told = opened()

    assert told.is_direct
    assert b"two" == sh.pread(new, 3, 0)
    with pytest.raises(OSError, match="Stale"):
        sh.pread(old, 3, 0)
