"""`ossfs mount` and its kin for real: processes, FUSE, the embedded server."""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.mounted


@pytest.fixture
def ossfs(state_home, cloud_environment):
    """Run the command as a user does; return the finished process."""

    def run(*words, **environment):
        return subprocess.run(
            [sys.executable, "-m", "ossfs", *(str(word) for word in words)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, **environment},
        )

    return run


@pytest.fixture
def directory(tmp_path):
    """Make an empty directory."""
    path = tmp_path / "mnt"
    path.mkdir()
    return path


@pytest.fixture
def mount(ossfs, emulator, bucket_name, directory):
    """Mount a fresh bucket; unmount it at the end if the test has not."""

    def run(*words, bucket=bucket_name, endpoint=emulator.endpoint, **environment):
        url = f"oss://{bucket}"
        return ossfs("mount", url, directory, "--endpoint", endpoint, *words, **environment)

    yield run
    ossfs("umount", directory, "--force")


def pid_of(ossfs):
    """Return the process of the only mount."""
    (one,) = json.loads(ossfs("status", "--json").stdout)
    return one["pid"]


def has_ended(pid):
    """Say whether a process is gone, or only waits to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def kill(pid):
    """End a process as a crash would, and wait until it is gone."""
    process = os.pidfd_open(pid)
    try:
        os.kill(pid, signal.SIGKILL)
        select.select([process], [], [], 30)
    finally:
        os.close(process)


def test_a_mount_is_there_when_the_command_returns(mount, ossfs, directory, bucket_name):
    """Files can be used at once; status shows the mount, umount ends it."""
    done = mount()

    assert (0, f"oss://{bucket_name} is mounted at {directory}\n") == (done.returncode, done.stdout)
    assert os.path.ismount(directory)
    (directory / "a").write_text("text")
    assert "text" == (directory / "a").read_text()
    assert f"oss://{bucket_name} at {directory}: process" in ossfs("status").stdout
    pid = pid_of(ossfs)

    done = ossfs("umount", directory)

    assert (0, f"unmounted {directory}; everything is in the bucket\n") == (
        done.returncode,
        done.stdout,
    )
    assert not os.path.ismount(directory)
    assert has_ended(pid)
    assert "Nothing is mounted.\n" == ossfs("status").stdout


def test_a_folder_of_a_bucket_can_be_mounted(mount, ossfs, directory, bucket_name):
    """oss://BUCKET/FOLDER shows the folder's files as the top."""
    assert 0 == mount().returncode
    (directory / "folder").mkdir()
    (directory / "folder" / "a").write_text("inside")
    assert 0 == ossfs("umount", directory).returncode

    assert 0 == mount(bucket=f"{bucket_name}/folder").returncode

    assert [directory / "a"] == list(directory.iterdir())


def test_a_read_only_mount_refuses_changes(mount, directory):
    """-o ro: EROFS."""
    assert 0 == mount("-o", "ro").returncode

    with pytest.raises(OSError, match="Read-only file system"):
        (directory / "a").write_text("text")


def test_the_process_of_a_mount_shows_no_secret(mount, ossfs, emulator):
    """Neither its arguments, nor its log, nor its record hold the key's secret."""
    assert 0 == mount().returncode
    (one,) = json.loads(ossfs("status", "--json").stdout)

    state = Path(one["state_dir"])
    for file in (Path(f"/proc/{one['pid']}/cmdline"), state / "mount.log", state / "mount.json"):
        assert emulator.secret not in file.read_text()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            {"bucket": "no-such-bucket"},
            ["404 NoSuchBucket", "request id", "There is no bucket no-such-bucket at http"],
        ),
        (
            {"OSS_ACCESS_KEY_SECRET": "wrong"},
            ["403 SignatureDoesNotMatch", "request id", "the secret does not fit"],
        ),
        (
            {"OSS_ACCESS_KEY_ID": "nobody"},
            ["403 InvalidAccessKeyId", "request id", "The key id is not known"],
        ),
        ({"OSS_ACCESS_KEY_ID": "", "OSS_ACCESS_KEY_SECRET": ""}, ["no credentials"]),
    ],
)
def test_what_the_store_refuses_is_said_and_nothing_stays(mount, ossfs, directory, wrong, said):
    """The reason with the request id, and what to do; no mount, no process."""
    done = mount(**wrong)

    assert done.returncode in (1, 2)
    assert done.stderr.startswith("ossfs: cannot mount oss://")
    for words in said:
        assert words in done.stderr
    assert not os.path.ismount(directory)
    assert "Nothing is mounted.\n" == ossfs("status").stdout


def test_a_directory_that_is_mounted_on_is_refused(mount, directory, bucket_name):
    """A second mount at the same place names what is there."""
    assert 0 == mount().returncode

    done = mount()

    assert 1 == done.returncode
    assert f"{directory} is a mount already (fuse.ossfs, oss://{bucket_name})" in done.stderr


def test_a_killed_mount_is_replaced_by_the_next_one(mount, ossfs, directory):
    """SIGKILL leaves a stale mount; mounting again takes it away, saying so."""
    assert 0 == mount().returncode
    (directory / "a").write_text("text")
    pid = pid_of(ossfs)
    kill(pid)
    with pytest.raises(OSError, match="Transport endpoint is not connected"):
        next(directory.iterdir())

    done = mount()

    assert 0 == done.returncode
    assert "has the mount of a process that is gone; taking it away" in done.stderr
    assert "text" == (directory / "a").read_text()


def test_umount_takes_a_stale_mount_away(mount, ossfs, directory):
    """The process is gone: nothing to drain, the mount point is free again."""
    assert 0 == mount().returncode
    pid = pid_of(ossfs)
    kill(pid)

    done = ossfs("umount", directory)

    assert 0 == done.returncode
    assert "the mount process was gone; its mount is taken away" in done.stdout
    assert [] == list(directory.iterdir())


def test_umount_of_a_mount_in_use_names_the_user_of_it(mount, ossfs, directory):
    """A working directory inside keeps it; it stays mounted and works on."""
    assert 0 == mount().returncode
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, cwd=directory) as cat:
        done = ossfs("umount", directory)

        assert 1 == done.returncode
        assert f"cat (process {cat.pid}) has {directory}" in done.stderr
        assert os.path.ismount(directory)
    assert 0 == ossfs("umount", directory).returncode


def test_a_second_mount_of_a_bucket_stands_beside_the_first(
    ossfs, mount, emulator, bucket_name, directory, tmp_path
):
    """Each has its own state folder; both end in order."""
    other = tmp_path / "other"
    other.mkdir()
    assert 0 == mount().returncode
    done = ossfs("mount", f"oss://{bucket_name}", other, "--endpoint", emulator.endpoint)
    assert 0 == done.returncode

    folders = {one["state_dir"] for one in json.loads(ossfs("status", "--json").stdout)}

    assert 2 == len(folders)
    assert 0 == ossfs("umount", other).returncode


def test_umount_ends_in_time_and_says_what_is_left(mount, ossfs, directory, emulator):
    """An upload that takes too long is left to the next mount, which finishes it."""
    assert 0 == mount("--durability", "journal").returncode
    emulator.add_fault("error", operation="PutObject", status=503, code="ServiceUnavailable")
    (directory / "a").write_bytes(b"x" * 1000)

    done = ossfs("umount", directory, "--timeout", "100ms")

    assert 1 == done.returncode
    assert "not in the bucket yet: 1 file, 1 kB" in done.stderr
    assert not os.path.ismount(directory)
    assert "waiting: goes on when oss://" in ossfs("uploads", "list").stdout

    emulator.clear_faults()
    assert 0 == mount().returncode
    assert b"x" * 1000 == (directory / "a").read_bytes()
    assert 0 == ossfs("umount", directory).returncode
    assert "Everything is in the buckets.\n" == ossfs("uploads", "list").stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_foreground_mount_ends_in_order_by_a_signal(
    ossfs, emulator, bucket_name, directory, number
):
    """Ctrl-C uploads what is pending, unmounts and exits with 0."""
    command = [sys.executable, "-m", "ossfs", "mount", f"oss://{bucket_name}", str(directory)]
    with subprocess.Popen(
        [*command, "--endpoint", emulator.endpoint, "--foreground"],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        lines = []
        for line in process.stderr:
            lines.append(line)
            if "Ctrl-C unmounts it" in line:
                break
        (directory / "a").write_text("text")
        process.send_signal(number)
        lines += process.stderr
        assert 0 == process.wait(30), "".join(lines)
    assert not os.path.ismount(directory)
