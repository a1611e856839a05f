"""Which libfuse is used: what is wanted, and what is there."""

import importlib.metadata

import pytest

from ossfs.errors import MountFailed
from ossfs.fusefs import libraries


@pytest.fixture
def machine(monkeypatch):
    """Return what says which of the needed things are installed; all of them to begin with."""
    there = {"mfusepy": "3.1.1", "fuse3": "libfuse3.so.3", "fusermount3": "/bin/fusermount3"}

    def version(name):
        if name not in there:
            raise importlib.metadata.PackageNotFoundError(name)
        return there[name]

    monkeypatch.setattr(libraries.importlib.metadata, "version", version)
    monkeypatch.setattr(libraries, "find_library", there.get)
    monkeypatch.setattr(libraries.shutil, "which", there.get)
    return there


def test_libfuse_3_is_taken_where_all_is_there(machine):
    """Unless version 2 is wanted."""
    assert [3, 3, 2] == [libraries.choose(wanted) for wanted in ("auto", "3", "2")]


@pytest.mark.parametrize("name", ["mfusepy", "fuse3", "fusermount3"])
def test_libfuse_2_is_taken_where_something_is_missing(machine, name):
    """Whoever wants version 3 is told what to install."""
    del machine[name]

    assert 2 == libraries.choose("auto")
    with pytest.raises(MountFailed, match="pip install" if name == "mfusepy" else "apt-get"):
        libraries.choose("3")


def test_an_mfusepy_that_calls_otherwise_is_not_taken(machine):
    """Version 2 of it called the operations as fusepy does."""
    machine["mfusepy"] = "2.0.1"

    assert 2 == libraries.choose("auto")


def test_libfuse_2_is_taken_where_3_cannot_be_loaded(machine, monkeypatch, expect_log):
    """Unless version 3 is wanted."""

    def load(version):
        if version == 3:
            raise MountFailed("libfuse 3 cannot be loaded")
        return "libfuse 2"

    monkeypatch.setattr(libraries, "load", load)

    assert "libfuse 2" == libraries.bind("auto")
    expect_log("libfuse 3 cannot be loaded; the mount runs on libfuse 2")
    with pytest.raises(MountFailed):
        libraries.bind("3")
