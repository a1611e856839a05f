"""Archived objects: refused with a reason, restored on request, then files like others."""

import json
import os

import pytest

pytestmark = pytest.mark.mounted


def archive(seen, key, content, storage_class="ColdArchive"):
    """Put an object as another client would who keeps it in an archive."""
    seen.request("PUT", key, headers={"x-oss-storage-class": storage_class}, body=content)


def append(path, content):
    """Append and sync."""
    with path.open("ab") as file:
        file.write(content)
        os.fsync(file.fileno())


@pytest.fixture
def states(command):
    """Run `ossfs restore`; return its exit code, and the states by URL."""

    def run(*words):
        done = command("restore", "--json", *words)
        told = json.loads(done.stdout)
        assert all(one["error"] is None for one in told)
        return done.returncode, {one["url"]: (one["storage_class"], one["state"]) for one in told}

    return run


def test_a_read_is_refused_with_the_state_and_the_way_out(mounted, seen):
    """EACCES; the log says which class it is in, and what asks for the bytes."""
    archive(seen, "f", b"content")

    with pytest.raises(PermissionError):
        (mounted.path / "f").read_bytes()

    assert 7 == (mounted.path / "f").stat().st_size
    (line, *_) = [one for one in mounted.log().splitlines() if "archived" in one]
    assert "archived (ColdArchive): `ossfs restore`" in line


def test_restoring_by_path(mounted, seen, emulator, states):
    """Asked for, under way, there, and gone again when the days are over."""
    url = f"oss://{mounted.bucket}/d/f"
    archive(seen, "d/f", b"content")
    emulator.set_restore_time(60)
    file = mounted.path / "d/f"

    assert (3, {url: ("ColdArchive", "archived")}) == states("--status", file)
    assert (0, {url: ("ColdArchive", "being restored")}) == states("--tier", "Bulk", file)
    with pytest.raises(PermissionError):
        file.read_bytes()
    assert "being restored (ColdArchive)" in mounted.log()
    assert (3, {url: ("ColdArchive", "being restored")}) == states("--status", file)

    assert b"ColdArchive" == os.getxattr(file, "user.ossfs.storage_class")
    assert b'ongoing-request="true"' == os.getxattr(file, "user.ossfs.restore")

    emulator.set_clock_offset(61)

    assert (0, {url: ("ColdArchive", "restored")}) == states("--status", file)
    assert b"content" == file.read_bytes()


def test_restoring_all_below_a_folder(mounted, seen, command):
    """Only what is archived is asked for; without -r a folder is refused."""
    archive(seen, "d/a", b"a")
    archive(seen, "d/e/b", b"b", "Archive")
    seen.put("d/c", b"c")
    url = f"oss://{mounted.bucket}/d"

    refused = command("restore", mounted.path / "d")
    asked = command("restore", "-r", "--days", "3", mounted.path / "d")

    assert (2, True) == (refused.returncode, "-r" in refused.stderr)
    assert 0 == asked.returncode
    lines = [line.split() for line in asked.stdout.splitlines()]
    assert [
        ["restored", "ColdArchive", f"{url}/a", "until"],
        ["restored", "Archive", f"{url}/e/b", "until"],
    ] == [line[:4] for line in lines]
    assert b"b" == (mounted.path / "d/e/b").read_bytes()


def test_restoring_by_url(mounting, seen, emulator, command):
    """No mount is needed; what is not archived, or not there, is said."""
    bucket = mounting().bucket
    archive(seen, "f", b"f")
    seen.put("plain", b"p")
    endpoint = ("--endpoint", emulator.endpoint)

    done = command("restore", f"oss://{bucket}/plain", f"oss://{bucket}/f", *endpoint)
    missing = command("restore", f"oss://{bucket}/nowhere", *endpoint)
    outside = command("restore", "/nowhere/f")

    assert 0 == done.returncode, done.stderr
    assert [["at", "hand"], ["restored", "ColdArchive"]] == [
        line.split()[:2] for line in done.stdout.splitlines()
    ]
    assert (1, True) == (missing.returncode, "NoSuchKey" in missing.stdout)
    assert (2, True) == (outside.returncode, "neither below a mount" in outside.stderr)
    assert b"f" == seen.get("f")


def test_what_needs_the_bytes_is_refused(mounted, seen):
    """Renaming and appending are, with EACCES; deleting and replacing are not."""
    for name in ("renamed", "appended", "deleted", "replaced"):
        archive(seen, name, b"content")
    path = mounted.path

    with pytest.raises(PermissionError):
        (path / "renamed").rename(path / "other")
    with pytest.raises(PermissionError):
        append(path / "appended", b"more")
    (path / "deleted").unlink()
    (path / "replaced").write_bytes(b"new")

    assert ["appended", "renamed", "replaced"] == sorted(seen.keys())
    assert b"new" == seen.get("replaced")
    (kept,) = mounted.uploads()
    assert ("appended", "failed") == (kept["key"], kept["state"])
    assert "archived (ColdArchive)" in kept["error"]


def test_an_edit_goes_on_when_the_bytes_are_there(mounted, seen, states):
    """What was refused is kept, and goes to the bucket by itself once the object is restored."""
    archive(seen, "f", b"content")
    with pytest.raises(PermissionError):
        append(mounted.path / "f", b" and more")

    states(mounted.path / "f")
    mounted.settled()

    assert b"content and more" == seen.get("f")
