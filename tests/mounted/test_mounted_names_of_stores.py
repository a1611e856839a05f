"""The rules of names, in each of the three kinds of stores."""

# The system calls themselves are what is tested.
# ruff: noqa: PTH102, PTH104, PTH208

import errno
import os

import pytest

from ossfs.store.limits import OSS_LIMITS, S3_LIMITS, TOS_LIMITS

pytestmark = pytest.mark.mounted

LIMITS = {"oss": OSS_LIMITS, "s3": S3_LIMITS, "tos": TOS_LIMITS}
VARIABLES = {
    "oss": (),
    "s3": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    "tos": ("TOS_ACCESS_KEY", "TOS_SECRET_KEY"),
}


@pytest.fixture(params=VARIABLES)
def mount(request, mounting, emulator, monkeypatch):
    """Return a mount of a bucket that is spoken to in one of the dialects."""
    for name, value in zip(
        VARIABLES[request.param], (emulator.key_id, emulator.secret), strict=False
    ):
        monkeypatch.setenv(name, value)
    made = mounting()
    made.scheme = request.param
    made.options = () if request.param == "oss" else ("--region", "us-east-1")
    return made


def raises(code):
    return pytest.raises(OSError, check=lambda error: error.errno == code)


def test_keys_that_others_made(mount, seen):
    """Directories without markers, markers of any content type, a file beside its directory."""
    seen.put("a/b/c", b"deep")
    seen.request("PUT", "m/", headers={"Content-Type": "text/plain"})
    seen.request("PUT", "n/", headers={"Content-Type": "application/x-directory"})
    seen.put("both", b"hidden")
    seen.put("both/inside", b"seen")
    for key in ("d//nameless", "d/./x", "d/../x", "d/" + "x" * 256, "d/plain"):
        seen.put(key, b"x")
    path = mount.mount(*mount.options).path

    assert ["a", "both", "d", "m", "n"] == sorted(os.listdir(path))
    assert b"deep" == (path / "a/b/c").read_bytes()
    assert (path / "m").is_dir()
    assert (path / "n").is_dir()
    assert ["inside"] == os.listdir(path / "both")
    assert ["plain"] == os.listdir(path / "d")
    (path / "d/plain").unlink()
    with raises(errno.ENOTEMPTY):
        (path / "d").rmdir()
    os.rename(path / "d", path / "moved")
    assert {"moved//nameless", "moved/./x", "moved/../x", "moved/" + "x" * 256} <= set(seen.keys())


def test_names_of_any_kind(mount, seen):
    """Made, listed, read, renamed and removed as they are; those that cannot be are refused."""
    path = mount.mount(*mount.options).path
    names = ["with space", "line\nbreak", "100%", "a+b&c=d?#", "emoji 😀 é", "\x01", "é" * 127, "~"]
    for name in names:
        (path / name).write_text(name)
    mount.remount(*mount.options)

    assert sorted(names) == sorted(os.listdir(path))
    assert [name.encode() for name in names] == [seen.get(name) for name in names]
    for name in names:
        assert name == (path / name).read_text()
        os.rename(path / name, path / (name[:100] + "2"))
        (path / (name[:100] + "2")).unlink()
    assert [] == os.listdir(path)
    with raises(errno.ENAMETOOLONG):
        (path / ("x" * 256)).write_text("")
    with raises(errno.EILSEQ):
        os.mkdir(os.fsencode(path) + b"/\xff")


def test_the_longest_key_of_a_store(mount, seen):
    """A file may have it, a directory all but its slash; one byte more is ENAMETOOLONG."""
    limit = LIMITS[mount.scheme].max_key
    path = mount.mount(*mount.options).path
    parent, left = path, limit
    while left > 250:
        parent /= "p" * 99
        left -= 100
    parent.mkdir(parents=True)
    longest = parent / ("f" * left)

    longest.write_bytes(b"x")
    assert b"x" == longest.read_bytes()
    assert limit == max(len(key) for key in seen.keys())  # noqa: SIM118  # a list
    longest.unlink()
    with raises(errno.ENAMETOOLONG):
        (parent / ("f" * (left + 1))).write_bytes(b"x")
    with raises(errno.ENAMETOOLONG):
        longest.mkdir()
    longest.with_name("d" * (left - 1)).mkdir()
    assert ["d" * (left - 1)] == os.listdir(parent)


def test_a_prefix(mount, seen):
    """Only what is below it is seen and touched; it is part of the key, not of a path."""
    seen.put("other/f", b"theirs")
    mount.bucket += "/deep/prefix"
    path = mount.mount(*mount.options).path

    assert [] == os.listdir(path)
    (path / "d").mkdir()
    (path / "d/f").write_bytes(b"ours")
    os.rename(path / "d", path / "e")

    assert ["deep/prefix/e/", "deep/prefix/e/f", "other/f"] == seen.keys()
    assert b"ours" == (path / "e/f").read_bytes()
