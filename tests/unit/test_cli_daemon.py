"""The mount process: from options to a mount that answers, and back to nothing."""

import os
import signal
import subprocess
import sys
import threading
import types
from contextlib import closing
from dataclasses import dataclass

import pytest

from ossfs.cli import daemon
from ossfs.cli import mountpoint as kernel
from ossfs.cli import umount as umounting
from ossfs.cli.control import Client
from ossfs.cli.main import main
from ossfs.cli.state import folders, is_live, owner_of, read_record
from ossfs.config import resolve
from ossfs.errors import InvalidCredentials, MountFailed, NoSuchBucket


@dataclass(frozen=True)
class Status:
    """What `ossfs.writeback` tells of one file."""

    key: str
    state: str
    size: int = 100
    sent: int = 40
    parts_total: int = 4
    parts_done: int = 2
    generation: int = 1
    error: str = ""
    since_ns: int = 0
    id: str = "1"
    is_open: bool = False


class FakeMount:
    """A mount without FUSE: serves until it is taken away, drains when told to."""

    def __init__(self):
        self.is_unmounted = threading.Event()
        self.is_ready = threading.Event()
        self.can_drain = True
        self.pending = []
        self.calls = []
        self.serve_error = None

    def serve(self, mountpoint, on_ready):
        self.calls.append(("serve", mountpoint))
        if self.serve_error is not None:
            raise self.serve_error
        thread = threading.Thread(target=on_ready)
        thread.start()
        thread.join()
        self.is_ready.set()
        self.is_unmounted.wait(30)

    def status(self):
        return list(self.pending)

    def drain(self, deadline_s):
        self.calls.append(("drain", deadline_s))
        if self.can_drain:
            self.pending = [one for one in self.pending if one.state == "draft"]
        return self.can_drain

    def close(self):
        self.calls.append("close")


@pytest.fixture
def mounted(monkeypatch, tmp_path, state_home):
    """Put a fake mount in the place of the assembly's; the kernel shows it while it serves."""
    fake = FakeMount()
    assembly = types.ModuleType("ossfs.assembly")
    assembly.open_mount = lambda config, state_dir: fake
    monkeypatch.setitem(sys.modules, "ossfs.assembly", assembly)
    monkeypatch.setattr(kernel, "require_fuse", lambda *, allow_other: None)
    monkeypatch.setattr(umounting, "LAST_STEPS_S", 0.0)  # the process goes on: it is this one
    monkeypatch.chdir(tmp_path)
    fake.assembly = assembly
    fake.directory = tmp_path / "mnt"
    fake.directory.mkdir()

    def unmount(path, *, lazily=False):
        assert fake.directory == path
        fake.calls.append(("unmount", lazily))
        fake.is_unmounted.set()

    shown = kernel.KernelMount(str(fake.directory), "fuse.ossfs", "oss://photos")
    real = kernel.kernel_mounts

    def mounts():
        is_up = fake.is_ready.is_set() and not fake.is_unmounted.is_set()
        return [*real(), *([shown] if is_up else [])]

    monkeypatch.setattr(kernel, "unmount", unmount)
    monkeypatch.setattr(kernel, "kernel_mounts", mounts)
    before = os.umask(0o022)
    yield fake
    os.umask(before)
    fake.is_unmounted.set()


@pytest.fixture
def serve(mounted, tmp_path):
    """Run the mount process here; `meanwhile` runs beside it once the mount answers."""

    def run(meanwhile=lambda: None, **flags):
        flags = {"endpoint": "http://127.0.0.1:1", "log_file": str(tmp_path / "log"), **flags}
        config = resolve("oss://photos", flags=flags)
        failures = []

        def beside():
            try:
                if mounted.is_ready.wait(10):
                    meanwhile()
            except BaseException as error:  # noqa: BLE001  # told by the main thread
                failures.append(error)
            finally:
                mounted.is_unmounted.set()

        thread = threading.Thread(target=beside)
        thread.start()
        code = daemon.run(config, str(mounted.directory), ready_fd=None)
        mounted.is_ready.set()
        thread.join()
        assert [] == failures
        return code

    return run


def test_a_mount_that_is_taken_away_is_drained_and_closed(serve, mounted, state_home):
    """After `fusermount -u` by anybody: uploads, then everything is released."""
    assert 0 == serve(mounted.is_unmounted.set)

    assert [("serve", str(mounted.directory)), ("drain", 300.0), "close"] == mounted.calls
    assert [False] == [is_live(folder) for folder in folders()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_drains_then_unmounts(serve, mounted, number):
    """Ctrl-C in the foreground, SIGTERM by systemd: nothing is cut short."""
    handlers = signal.getsignal(number)

    def meanwhile():
        os.kill(os.getpid(), number)
        assert mounted.is_unmounted.wait(10)

    assert 0 == serve(meanwhile)
    assert [("drain", 300.0), ("unmount", False), ("drain", 300.0), "close"] == mounted.calls[1:]
    assert handlers is signal.getsignal(number)


def test_a_busy_mount_is_unmounted_lazily_after_a_signal(serve, mounted, monkeypatch):
    """A process that has to end does not wait for who holds files open."""

    def unmount(path, *, lazily=False):
        mounted.calls.append(("unmount", lazily))
        if not lazily:
            raise kernel.Busy("busy")
        mounted.is_unmounted.set()

    monkeypatch.setattr(kernel, "unmount", unmount)

    def meanwhile():
        os.kill(os.getpid(), signal.SIGTERM)
        assert mounted.is_unmounted.wait(10)

    assert 0 == serve(meanwhile)
    assert [("unmount", False), ("unmount", True)] == mounted.calls[2:4]


def test_a_second_signal_does_not_wait_for_uploads(serve, mounted, monkeypatch, expect_log):
    """The first signal's drain is overtaken; what is left is said."""
    expect_log("1 uploads are not finished; they go on when oss://photos is mounted again")
    mounted.pending = [Status("a", "uploading"), Status("b", "draft")]
    mounted.can_drain = False
    is_draining, gate = threading.Event(), threading.Event()

    def drain(deadline_s):
        mounted.calls.append(("drain", deadline_s))
        if deadline_s:
            is_draining.set()
            gate.wait(10)
        return False

    monkeypatch.setattr(mounted, "drain", drain)

    def meanwhile():
        os.kill(os.getpid(), signal.SIGTERM)
        assert is_draining.wait(10)
        os.kill(os.getpid(), signal.SIGTERM)
        assert mounted.is_unmounted.wait(10)

    assert 0 == serve(meanwhile)
    gate.set()
    assert [("drain", 300.0), ("unmount", True), ("drain", 0.0), "close"] == mounted.calls[1:5]


def test_the_mount_can_be_asked_and_describes_itself(serve, mounted, state_home):
    """mount.json and the control socket are there while it is mounted."""
    mounted.pending = [Status("a", "waiting")]

    def meanwhile():
        folder, record = owner_of(mounted.directory)
        assert is_live(folder)
        assert ("oss://photos", os.getpid()) == (record.url, record.pid)
        with closing(Client(record.socket)) as client:
            assert ["a"] == [one["key"] for one in client.ask("status")]
            assert client.ask("drain", deadline_s=5) == {"is_drained": True, "uploads": []}

    assert 0 == serve(meanwhile)
    assert ("drain", 5) in mounted.calls


def test_umount_drains_unmounts_and_waits(serve, mounted, capfd):
    """The command ends after the process has let everything go."""
    mounted.pending = [Status("a", "uploading")]
    ended = []

    def meanwhile():
        with pytest.raises(SystemExit) as exit_:
            main(["umount", str(mounted.directory)])
        ended.append((exit_.value.code, "close" in mounted.calls))

    assert 0 == serve(meanwhile)
    assert [(0, True)] == ended
    assert "everything is in the bucket" in capfd.readouterr().out
    assert [("drain", None), ("unmount", False)] == mounted.calls[1:3]


def test_umount_says_what_is_left_when_the_time_is_over(serve, mounted, capfd, expect_log):
    """Unmounted all the same, exit code 1, nothing lost: the next mount goes on."""
    expect_log("1 uploads are not finished")
    mounted.pending = [Status("a/b", "failed", error="503 SlowDown"), Status("c", "draft")]
    mounted.can_drain = False
    codes = []

    def meanwhile():
        with pytest.raises(SystemExit) as exit_:
            main(["umount", str(mounted.directory), "--timeout", "1s"])
        codes.append(exit_.value.code)

    assert 0 == serve(meanwhile)
    err = capfd.readouterr().err
    assert [1] == codes
    assert "not in the bucket yet: 1 file, 60 bytes" in err
    assert "503 SlowDown" in err
    assert "mount oss://photos again" in err
    assert [("drain", 1.0), ("unmount", False), ("drain", 0.0), "close"] == mounted.calls[1:]


def test_umount_of_a_busy_mount_names_who_holds_it(serve, mounted, capfd, monkeypatch):
    """It stays mounted; process and file are told."""
    holders = []

    def unmount(path, *, lazily=False):
        raise kernel.Busy("busy")

    def meanwhile():
        monkeypatch.setattr(kernel, "unmount", unmount)
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE, cwd=mounted.directory) as cat:
            holders.append(cat.pid)
            with pytest.raises(SystemExit) as exit_:
                main(["umount", str(mounted.directory)])
        assert 1 == exit_.value.code

    assert 0 == serve(meanwhile)
    err = capfd.readouterr().err
    assert f"{mounted.directory} is in use, so it stays mounted" in err
    assert f"cat (process {holders[0]}) has {mounted.directory}" in err


def test_force_does_not_wait_for_uploads(serve, mounted, capfd, expect_log):
    """--force: drained for no time at all, unmounted lazily."""
    expect_log("1 uploads are not finished")
    mounted.pending = [Status("a", "uploading")]
    mounted.can_drain = False

    def meanwhile():
        with pytest.raises(SystemExit) as exit_:
            main(["umount", str(mounted.directory), "--force"])
        assert 1 == exit_.value.code

    assert 0 == serve(meanwhile)
    assert [("drain", 0.0), ("unmount", True)] == mounted.calls[1:3]


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (
            NoSuchBucket("no such bucket", operation="list", bucket="photos", status=404,
                         code="NoSuchBucket", request_id="R1"),
            ["404 NoSuchBucket", "request id R1", "There is no bucket photos at http://127.0.0.1:1"],
        ),
        (
            InvalidCredentials("bad signature", status=403, code="SignatureDoesNotMatch"),
            ["403 SignatureDoesNotMatch", "the secret does not fit", "OSS_ACCESS_KEY_SECRET"],
        ),
    ],
)  # fmt: skip
def test_an_error_of_the_store_is_explained(serve, mounted, monkeypatch, capfd, error, advice):
    """What was attempted, what the server said, what to do; the state folder is let go."""

    def refuse(config, state_dir):
        raise error

    monkeypatch.setattr(mounted.assembly, "open_mount", refuse)

    assert 1 == serve()

    err = capfd.readouterr().err
    assert f"cannot mount oss://photos at {mounted.directory}" in err
    for words in advice:
        assert words in err
    assert [False] == [is_live(folder) for folder in folders()]


def test_fuse_that_does_not_come_up_is_an_error(serve, mounted, capfd):
    """The mount is closed again, the reason told."""
    mounted.serve_error = MountFailed("libfuse is missing: apt-get install libfuse2")

    assert 1 == serve()
    assert "libfuse is missing" in capfd.readouterr().err
    assert "close" == mounted.calls[-1]


def test_fuse_that_ends_before_the_mount_answered_is_an_error(serve, mounted, monkeypatch, capfd):
    """A silent end is not taken for a mount."""
    monkeypatch.setattr(mounted, "serve", lambda mountpoint, on_ready: None)

    assert 1 == serve()
    assert "FUSE ended before the mount answered" in capfd.readouterr().err


def test_a_mount_point_that_is_not_fit_stops_before_anything_is_made(
    serve, mounted, state_home, capfd
):
    """No state folder is left by a command that could not work."""
    (mounted.directory / "file").touch()

    assert 1 == serve()
    assert "is not empty" in capfd.readouterr().err
    assert not state_home.exists()


def test_what_the_mount_makes_is_private(serve, mounted):
    """Journal, staging and log are readable by their owner only."""
    modes = []

    def meanwhile():
        folder, _ = owner_of(mounted.directory)
        modes.extend(path.stat().st_mode & 0o077 for path in (folder, folder / "mount.json"))

    serve(meanwhile)
    assert [0, 0] == modes


def test_a_large_log_is_put_aside(serve, mounted, tmp_path, monkeypatch):
    """The log of a mount starts anew when the old one has grown."""
    monkeypatch.setattr(daemon, "LARGEST_LOG", 10)
    (tmp_path / "log").write_text("x" * 11)

    serve()

    assert "x" * 11 == (tmp_path / "log.1").read_text()
    assert "mounted at" in (tmp_path / "log").read_text()


def test_what_libfuse_printed_is_told_apart_from_our_records(tmp_path):
    """Only what came since the start of this mount, and is not a record of ours."""
    log = tmp_path / "log"
    log.write_text("fuse: of an earlier mount\n")
    printed = daemon.Printed(log)
    with log.open("a") as file:
        file.write("time=1 level=info a\nfuse: failed to open /dev/fuse: Permission denied\n")

    assert "fuse: failed to open /dev/fuse: Permission denied" == printed.since_start()
    assert "" == daemon.Printed(None).since_start()


def test_a_log_that_cannot_be_written_names_its_option(serve, mounted, tmp_path, capfd):
    """--log-file into a missing folder."""
    assert 2 == serve(log_file=str(tmp_path / "none" / "log"))
    assert "--log-file" in capfd.readouterr().err


def test_the_record_of_an_ended_mount_stays(serve, mounted):
    """It says later whose uploads the folder holds."""
    serve()

    (folder,) = folders()
    assert "oss://photos" == read_record(folder).url
