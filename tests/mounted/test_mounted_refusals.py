"""What stands in the way of a mount is said clearly and in time."""

import contextlib
import os
import socket
import time
from ctypes.util import find_library

import pytest

pytestmark = pytest.mark.mounted

IMPATIENT = ("--deadline", "2s", "--connect-timeout", "1s", "--read-timeout", "1s")
PATIENCE_S = 20.0  # more than any deadline here, less than forever: hangs are found


@contextlib.contextmanager
def in_time():
    """Fail when the block takes longer than anything here may."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < PATIENCE_S


@pytest.fixture
def refused(mounting):
    """Try to mount, expect a refusal in time; return what was said."""

    def run(*options, mount=None):
        mount = mount or mounting()
        with in_time():
            done = mount.try_mount(*options)
        assert 1 == done.returncode, done.stderr
        assert "Traceback" not in done.stderr
        assert not os.path.ismount(mount.path)
        return done.stderr

    return run


def test_wrong_secret(refused, monkeypatch):
    """The message names the environment variables to check."""
    monkeypatch.setenv("OSS_ACCESS_KEY_SECRET", "wrong")
    assert "OSS_ACCESS_KEY_ID, OSS_ACCESS_KEY_SECRET" in refused()


def test_unknown_key_id(refused, monkeypatch):
    """An unknown key id is said the same way."""
    monkeypatch.setenv("OSS_ACCESS_KEY_ID", "nobody")
    assert "OSS_ACCESS_KEY_ID, OSS_ACCESS_KEY_SECRET" in refused()


def test_missing_bucket(refused, mounting):
    """The message names the bucket."""
    assert "no bucket no-such-bucket at" in refused(mount=mounting(bucket="no-such-bucket"))


def test_unreachable_endpoint(refused):
    """A closed port is said within the deadline."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    said = refused("--endpoint", f"http://127.0.0.1:{port}", *IMPATIENT)
    assert f"No server answers at http://127.0.0.1:{port}" in said


def test_silent_endpoint(refused):
    """A server that accepts and never answers is given up within the deadline."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        said = refused("--endpoint", f"http://127.0.0.1:{port}", *IMPATIENT)
    assert "does not answer in time" in said


def test_clock_skew(mounting, seen, emulator):
    """A machine whose clock is an hour off can mount and write all the same."""
    emulator.set_clock_offset(3600)
    mount = mounting().mount()
    (mount.path / "f").write_bytes(b"late")
    emulator.set_clock_offset(0)
    assert b"late" == seen.get("f")


def test_mount_points(mounting, refused):
    """Missing, not a directory, not empty, already a mount: each is named."""
    mount = mounting()
    mount.path.rmdir()
    assert "does not exist" in refused(mount=mount)
    mount.path.write_text("")
    assert "is not a directory" in refused(mount=mount)
    mount.path.unlink()
    mount.path.mkdir()
    (mount.path / "f").write_text("")
    assert "is not empty" in refused(mount=mount)
    (mount.path / "f").unlink()
    mount.mount()
    done = mount.try_mount()
    assert (1, True) == (done.returncode, "is a mount already" in done.stderr)


@pytest.mark.both_libfuses
def test_libfuse_is_missing(refused, monkeypatch, libfuse):
    """A libfuse that cannot be loaded is named."""
    monkeypatch.setenv("FUSE_LIBRARY_PATH", "/nowhere/libfuse.so")
    assert f"libfuse {libfuse} cannot be loaded" in refused()


@pytest.mark.both_libfuses
def test_a_libfuse_of_another_version(refused, monkeypatch, libfuse):
    """What it would be asked for, it does otherwise: better not at all."""
    monkeypatch.setenv("FUSE_LIBRARY_PATH", find_library("fuse3" if libfuse == "2" else "fuse"))
    assert f"libfuse {libfuse} cannot be loaded: it is of" in refused()
