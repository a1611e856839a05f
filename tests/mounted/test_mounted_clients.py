"""Other clients of the bucket: what they change is seen, and never mixed or overwritten."""

# The system calls themselves are what is tested, and some may end in either of two ways.
# ruff: noqa: PT017

import errno
import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.mounted

MIB = 1 << 20
PATTERN = bytes(range(256)) * 4096  # 1 MiB


def raises(code):
    """Expect an OSError with this errno."""
    return pytest.raises(OSError, check=lambda error: error.errno == code)


def test_two_mounts_of_one_bucket(mounting, poll):
    """What one closes, the other opens; what one unlinks is gone in the other."""
    one, other = mounting().mount(), mounting().mount()
    for text in ("first", "the second"):
        (one.path / "f").write_text(text)
        poll(lambda text=text: read_or_none(other.path / "f") == text, 10)
    (one.path / "f").unlink()
    poll(lambda: read_or_none(other.path / "f") is None, 10)


def read_or_none(path):
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


def test_another_clients_version_is_seen(mounted, seen, poll):
    """A replaced file shows its new bytes after the TTL, also at the same size and mtime."""
    path = mounted.path / "f"
    seen.put("f", b"o" * MIB, mtime="1600000000")
    with path.open("rb", buffering=0) as file:
        assert b"o" * 4096 == file.read(4096)
    seen.put("f", b"n" * MIB, mtime="1600000000")

    poll(lambda: path.read_bytes() == b"n" * MIB, 10, "the new version is not seen")


@pytest.mark.parametrize(("old", "new"), [(10, 5000), (5000, 10), (10, 0), (0, 10)])
def test_another_clients_size_is_seen(mounted, seen, poll, old, new):
    """A version of another size is never cut to, or filled up to, the size of the one before."""
    path = mounted.path / "f"
    seen.put("f", b"o" * old)
    assert b"o" * old == path.read_bytes()
    seen.put("f", b"n" * new)

    def is_new():
        path.stat()  # the kernel believes this size for a second
        content = path.read_bytes()
        assert content in (b"o" * old, b"n" * new)
        return content == b"n" * new

    poll(is_new, 10, "the new version is not seen")


def test_an_append_to_what_another_client_wrote(mounted, seen, poll):
    """O_APPEND adds behind the version that is there when the file is opened."""
    path = mounted.path / "f"
    seen.put("f", b"o" * 10)
    assert b"o" * 10 == path.read_bytes()
    seen.put("f", b"n" * 5000)

    def is_new():
        path.stat()
        return path.read_bytes() == b"n" * 5000

    poll(is_new, 10)
    with path.open("ab") as file:
        file.write(b"end")

    assert b"n" * 5000 + b"end" == seen.get("f")


def test_pages_of_an_unchanged_file_stay_in_the_kernel(mounted, seen, emulator):
    """A file that is read again, and was not changed, costs no request for its bytes."""
    path = mounted.path / "f"
    seen.put("f", b"x" * 20 * MIB)
    assert 20 * MIB == len(path.read_bytes())
    (mounted.path / "own").write_bytes(b"y" * MIB)
    emulator.reset_stats()

    for _ in range(3):
        assert b"x" * 20 * MIB == path.read_bytes()
        assert b"y" * MIB == (mounted.path / "own").read_bytes()

    assert 0 == emulator.requests("GetObject")


def test_two_readers_of_two_versions(mounted, seen, poll):
    """Who opened the new version never gets bytes of the old one that another still reads."""
    path = mounted.path / "f"
    seen.put("f", b"o" * 8 * MIB, mtime="1600000000")
    with path.open("rb", buffering=0) as old:
        assert b"o" * 8 * MIB == old.readall()  # all of it is in memory, here and in the kernel
        seen.put("f", b"n" * 8 * MIB, mtime="1600000000")

        def is_new():
            with path.open("rb", buffering=0) as new:
                assert os.pread(new.fileno(), 4096, 0)[:1] in (b"o", b"n")
                try:
                    os.pread(old.fileno(), 4096, 4 * MIB)
                except OSError as error:
                    assert errno.ESTALE == error.errno
                content = new.readall()
                assert len({*content}) == 1
                return content[:1] == b"n"

        poll(is_new, 10)


def test_an_open_reader_sees_no_mixture(mounted, seen):
    """A file replaced under a reader: the old bytes, or ESTALE."""
    seen.put("f", b"o" * 20 * MIB)
    with (mounted.path / "f").open("rb", buffering=0) as file:
        assert b"o" * 4096 == file.read(4096)
        seen.put("f", b"n" * 20 * MIB)
        try:
            assert {b"o"[0]} == set(file.readall())
        except OSError as error:
            assert errno.ESTALE == error.errno


def test_an_edit_does_not_overwrite_anothers(mounted, seen, poll):
    """ESTALE from close; theirs stays; what was written is a conflict copy beside it."""
    seen.put("f", b"base " * 10)
    fd = os.open(mounted.path / "f", os.O_RDWR)
    os.write(fd, b"mine " * 10)
    seen.put("f", b"theirs")
    with raises(errno.ESTALE):
        os.close(fd)

    assert b"theirs" == seen.get("f")
    (copy,) = (key for key in seen.keys() if "conflict" in key)  # noqa: SIM118  # a list
    assert b"mine " * 10 == seen.get(copy) == (mounted.path / copy).read_bytes()
    poll(lambda: (mounted.path / "f").read_bytes() == b"theirs", 10)
    assert mounted.is_clean()


def test_an_edit_of_a_version_that_is_gone_is_kept_here(mounted, seen, poll):
    """Where bytes of the old version are missing, the written ones stay in the state folder."""
    seen.put("f", b"base " * 10)
    fd = os.open(mounted.path / "f", os.O_WRONLY)
    os.pwrite(fd, b"mine!", 5)
    seen.put("f", b"theirs")
    with raises(errno.ESTALE):
        os.close(fd)

    assert b"theirs" == seen.get("f")
    assert ["f"] == seen.keys()
    (kept,) = mounted.uploads()
    assert ("f", "conflict") == (kept["key"], kept["state"])
    assert b"mine!" == Path(kept["staging"]).read_bytes()[5:10]
    poll(lambda: (mounted.path / "f").read_bytes() == b"theirs", 10)
    mounted.remount()
    assert [kept["staging"]] == [one["staging"] for one in mounted.uploads()]
