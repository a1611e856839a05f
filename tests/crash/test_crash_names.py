"""The mount process is killed in the middle of a rename; afterwards all is in one place."""

import os
import subprocess

import pytest

pytestmark = pytest.mark.mounted

COUNT = 30


def digest(folder):
    """Return path and content of every file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("action", ["delay", "drop_after"])
@pytest.mark.parametrize(
    ("operation", "skip"),
    [("CopyObject", 0), ("CopyObject", COUNT // 2), ("DeleteMultipleObjects", 0)],
)
def test_killed_in_a_directory_rename(mounting, seen, emulator, poll, operation, skip, action):
    """Every file is in the new directory, none in the old one, and none is lost."""
    mount = mounting().mount()
    (mount.path / "old/sub").mkdir(parents=True)
    for number in range(COUNT):
        name = f"old/sub/f{number}" if number % 2 else f"old/f{number}"
        (mount.path / name).write_text(f"content {number}")
    before = digest(mount.path / "old")
    assert COUNT == len(before)
    emulator.add_fault(action, operation=operation, skip=skip, seconds=60)
    process = subprocess.Popen(
        ["mv", mount.path / "old", mount.path / "new"], stderr=subprocess.DEVNULL
    )
    poll(lambda: any(rule["hits"] for rule in emulator.faults()))
    mount.kill()
    process.wait(30)
    emulator.clear_faults()

    mount.mount()

    assert ["new"] == os.listdir(mount.path)  # noqa: PTH208  # names are what is compared
    assert before == digest(mount.path / "new")
    assert all(key.startswith("new/") for key in seen.keys())  # noqa: SIM118  # a list
    assert mount.is_clean()


@pytest.mark.parametrize("action", ["delay", "drop_after"])
@pytest.mark.parametrize("operation", ["CopyObject", "DeleteObject"])
def test_killed_in_a_rename(mounting, seen, emulator, poll, operation, action):
    """The file has one of its names, the other one is free, and its bytes are right."""
    mount = mounting().mount()
    (mount.path / "old").write_text("content")
    emulator.add_fault(action, operation=operation, seconds=60)
    process = subprocess.Popen(
        ["mv", mount.path / "old", mount.path / "new"], stderr=subprocess.DEVNULL
    )
    poll(lambda: any(rule["hits"] for rule in emulator.faults()))
    mount.kill()
    process.wait(30)
    emulator.clear_faults()

    mount.mount()
    poll(mount.is_clean)

    (name,) = os.listdir(mount.path)  # noqa: PTH208  # as above
    assert [name] == seen.keys()
    assert "content" == (mount.path / name).read_text()
