"""State folders that were damaged between two mounts: named, kept, and the rest goes on."""

import contextlib
import ctypes
import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.mounted

OPTIONS = ("--part-size", "100K", "--retries", "0")
LARGE = bytes(range(256)) * 4000  # 1,024,000 bytes: ten parts


@pytest.fixture
def uploads():
    """Run `ossfs uploads …`; return the finished command."""

    def run(*words):
        command = [sys.executable, "-m", "ossfs", "uploads", *(str(word) for word in words)]
        return subprocess.run(command, capture_output=True, check=False, timeout=60)

    return run


def refused(mount, emulator, name="f", data=LARGE):
    """Close a file that the store refuses: the bytes stay here."""
    emulator.add_fault("error", operation="*", key=name, status=403, code="AccessDenied")
    with pytest.raises(PermissionError):
        (mount.path / name).write_bytes(data)


@pytest.mark.parametrize("with_log", [True, False], ids=["with its log", "alone"])
def test_a_damaged_journal_costs_no_byte(mounting, uploads, seen, emulator, tmp_path, with_log):
    """The mount works; what only the journal knew can be listed, exported and discarded."""
    mount = mounting().mount(*OPTIONS)
    refused(mount, emulator)
    mount.kill()
    emulator.clear_faults()
    (mount.state / "journal.db").write_bytes(os.urandom(20_000))
    if with_log:
        for name in ("journal.db-wal", "journal.db-shm"):
            (mount.state / name).write_bytes(os.urandom(20_000))

    mount.mount(*OPTIONS)
    (mount.path / "g").write_bytes(b"works")
    found = [one for one in mount.uploads() if one["state"] == "lost"]
    if not found:  # SQLite could read all of it back from its log
        mount.settled()
        assert LARGE == seen.get("f")
        return
    (one,) = found
    assert 0 == uploads("export", one["id"], tmp_path / "out").returncode
    assert LARGE == (tmp_path / "out").read_bytes()
    assert list(mount.state.glob("journal.db.damaged-*"))
    assert "it is put aside" in mount.log()
    assert 1 == uploads("resume", one["id"]).returncode
    assert 0 == uploads("discard", one["id"], "--yes").returncode
    assert [] == mount.uploads()
    assert b"works" == seen.get("g")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a small disk")
@pytest.mark.parametrize("left", [0, 8192, 20480])
def test_a_full_disk_at_start_is_named_and_costs_nothing(mounting, seen, emulator, left):
    """The mount is refused with what to do; with room again, everything goes on."""
    mount = mounting()
    mount.state.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    folder = os.fsencode(mount.state)
    assert 0 == libc.mount(b"tmpfs", folder, b"tmpfs", 0, b"size=4m"), os.strerror(
        ctypes.get_errno()
    )
    try:
        mount.mount(*OPTIONS)
        refused(mount, emulator)
        mount.kill()
        emulator.clear_faults()
        filler = mount.state / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        os.truncate(filler, filler.stat().st_size - left)

        done = mount.try_mount(*OPTIONS)

        if done.returncode == 0:
            assert left  # a little may be enough
            mount.kill()
        else:
            assert "No space left on device" in done.stderr or "full" in done.stderr
            assert "Free some space" in done.stderr
            assert "Traceback" not in done.stderr
        filler.unlink()
        mount.mount(*OPTIONS)
        mount.settled()
        assert LARGE == seen.get("f")
        mount.kill()
    finally:
        mount.kill()
        libc.umount2(folder, 2)


def test_the_progress_of_a_recovery_is_shown(mounting, uploads, seen, emulator, poll):
    """The list counts what the store has already; the file reads as it was written."""
    mount = mounting().mount(*OPTIONS)
    emulator.add_fault("delay", operation="UploadPart", skip=5, seconds=60)
    program = f"open({str(mount.path / 'f')!r}, 'wb').write(bytes(range(256)) * 4000)"
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL):
        poll(lambda: mount.uploads() and mount.uploads()[0]["parts_done"] >= 5)
        mount.kill()
    emulator.clear_faults()
    emulator.add_fault("delay", operation="UploadPart", skip=1, seconds=60)

    mount.mount(*OPTIONS)

    poll(lambda: mount.uploads()[0]["parts_done"] >= 6, 30, "no progress is shown")
    (one,) = mount.uploads()
    assert ("f", "uploading", 10) == (one["key"], one["state"], one["parts_total"])
    assert len(LARGE) > one["sent"] >= 6 * 102_400
    assert LARGE == (mount.path / "f").read_bytes()
    shown = json.loads(uploads("show", "f", "--json").stdout)
    assert len(shown["upload"]["parts"]) >= 5
    mount.kill()
