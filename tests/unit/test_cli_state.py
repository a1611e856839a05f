"""State folders: named for what they belong to, owned by one mount at a time."""

import fcntl
import json
import os
import subprocess
import sys
from contextlib import closing

import pytest

from ossfs.cli.state import (
    Record,
    StateDirectory,
    folder_name,
    folders,
    home,
    is_live,
    owner_of,
    read_record,
)
from ossfs.config import resolve
from ossfs.errors import InvalidOption, StateInUse


def config(url="oss://photos", **flags):
    return resolve(url, flags={"endpoint": "http://127.0.0.1:9000", **flags})


def record(mountpoint, *, started_ns=1):
    return Record(
        "oss://photos", "http://127.0.0.1:9000", str(mountpoint), os.getpid(), started_ns, "s"
    )


def test_the_folder_is_named_for_endpoint_bucket_and_prefix(state_home):
    """The same mount finds the same folder again; another mount never does."""
    names = {
        folder_name(config()),
        folder_name(config("oss://photos/2024")),
        folder_name(config("oss://movies")),
        folder_name(config(endpoint="http://127.0.0.1:9001")),
    }

    assert 4 == len(names)
    assert folder_name(config()) == folder_name(config(part_size="16M", read_only="true"))
    assert folder_name(config()) == folder_name(config(endpoint="127.0.0.1:9000/"))


def test_a_second_mount_of_a_bucket_gets_the_next_folder(state_home):
    """Two mounts of one bucket do not share a folder, and a third comes behind them."""
    with (
        closing(StateDirectory.acquire(config())) as first,
        closing(StateDirectory.acquire(config())) as second,
    ):
        assert first.path == state_home / folder_name(config())
        assert second.path == first.path.with_name(f"{first.path.name}.2")


def test_the_folder_of_a_killed_mount_is_the_first_to_be_used_again(state_home):
    """The lock of a killed process is gone, so the remount finds what it left."""
    program = (
        "import sys; from ossfs.cli.state import StateDirectory; from ossfs.config import resolve\n"
        "s = StateDirectory.acquire(resolve('oss://photos',"
        " flags={'endpoint': 'http://127.0.0.1:9000'}))\n"
        "print(s.path, flush=True); sys.stdin.read()"
    )
    mount = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with mount:
        path = mount.stdout.readline().strip()
        assert is_live(state_home / folder_name(config()))
        with closing(StateDirectory.acquire(config())) as beside:
            assert f"{path}.2" == str(beside.path)

        mount.kill()
        mount.wait()

        assert not is_live(state_home / folder_name(config()))
        with closing(StateDirectory.acquire(config())) as again:
            assert path == str(again.path)


def test_a_folder_given_by_the_user_is_refused_while_it_is_owned(state_home, tmp_path):
    """The refusal names the process and the mount point of the owner."""
    elsewhere = tmp_path / "elsewhere"
    with closing(StateDirectory.acquire(config(state_dir=str(elsewhere)))) as state:
        state.describe(record("/mnt/photos"))

        with pytest.raises(
            StateInUse, match=rf"process {os.getpid()}.*oss://photos at /mnt/photos"
        ):
            StateDirectory.acquire(config(state_dir=str(elsewhere)))


def test_a_look_at_a_folder_does_not_push_a_mount_into_the_next_one(state_home):
    """`is_live` holds a lock for a moment; acquiring waits for that long."""
    with closing(StateDirectory.acquire(config())) as state:
        path = state.path
    fd = os.open(path / "lock", os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_SH)
    tries = iter(range(2))

    def pause(_):
        if next(tries) == 1:
            os.close(fd)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ossfs.cli.state.time.sleep", pause)
        with closing(StateDirectory.acquire(config())) as state:
            assert path == state.path


def test_folders_given_by_the_user_are_found_again(state_home, tmp_path):
    """Every folder is listed once, wherever it is; folders that went are forgotten."""
    elsewhere, gone = tmp_path / "elsewhere", tmp_path / "gone"
    for path in (elsewhere, elsewhere, gone, None):
        flags = {"state_dir": str(path)} if path else {}
        StateDirectory.acquire(config(**flags)).close()
    (gone / "lock").unlink()
    gone.rmdir()

    assert {elsewhere, state_home / folder_name(config())} == set(folders())
    assert 2 == len(list(state_home.iterdir()))


def test_the_owner_of_a_mount_point_is_the_live_mount_then_the_latest(state_home):
    """Remains of killed mounts at the same place do not hide the live one."""
    with closing(StateDirectory.acquire(config())) as live:
        live.describe(record("/mnt/a", started_ns=1))
        with closing(StateDirectory.acquire(config())) as dead:
            dead.describe(record("/mnt/a", started_ns=2))

        assert live.path == owner_of("/mnt/a")[0]
    assert dead.path == owner_of("/mnt/a")[0]
    assert owner_of("/mnt/b") is None


def test_a_record_that_cannot_be_read_is_none(state_home):
    """A torn or foreign mount.json is no reason to fail."""
    with closing(StateDirectory.acquire(config())) as state:
        assert read_record(state.path) is None
        (state.path / "mount.json").write_text('{"url"')
        assert read_record(state.path) is None
        (state.path / "mount.json").write_text(json.dumps({"other": 1}))
        assert read_record(state.path) is None


def test_a_folder_that_cannot_be_made_names_the_way_out(tmp_path):
    """A file in the way: the message names the folder and the option."""
    (tmp_path / "file").touch()

    with pytest.raises(InvalidOption, match=r"file/state cannot be used.*--state-dir"):
        StateDirectory.acquire(config(state_dir=str(tmp_path / "file" / "state")))


def test_the_home_is_never_tmp(monkeypatch, tmp_path):
    """XDG_STATE_HOME decides; without it /var/lib for root, ~/.local/state for others."""
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "/var/lib/ossfs" == str(home())

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert tmp_path / ".local/state/ossfs" == home()

    monkeypatch.setenv("XDG_STATE_HOME", "/some/where")
    assert "/some/where/ossfs" == str(home())


def test_folder_and_lock_are_the_owners_only(state_home):
    """The bytes in a state folder are private, whatever the umask."""
    with closing(StateDirectory.acquire(config())) as state:
        assert 0 == state.path.stat().st_mode & 0o077
        assert 0 == (state.path / "lock").stat().st_mode & 0o077
