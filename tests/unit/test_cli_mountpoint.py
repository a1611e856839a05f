"""Whether a directory is fit for a mount, and what the kernel says is mounted."""

import errno
import os
import subprocess
from pathlib import Path

import pytest

from ossfs.cli import mountpoint as kernel
from ossfs.errors import MountFailed


@pytest.fixture
def not_root(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


def refuse(_):
    pytest.fail("nothing to say expected")


def test_the_table_of_mounts_is_read_with_its_escapes(tmp_path):
    """Spaces and newlines in a path are octal escapes in mountinfo (proc(5))."""
    table = tmp_path / "mountinfo"
    table.write_text(
        "36 35 98:0 / /mnt rw,noatime master:1 - ext3 /dev/root rw\n"
        "37 36 0:50 / /mnt/a\\040b\\012c rw shared:2 - fuse.ossfs oss://photos rw,user_id=0\n"
    )

    assert [
        kernel.KernelMount("/mnt", "ext3", "/dev/root"),
        kernel.KernelMount("/mnt/a b\nc", "fuse.ossfs", "oss://photos"),
    ] == kernel.kernel_mounts(table)
    assert [False, True] == [one.is_ours for one in kernel.kernel_mounts(table)]


def test_the_root_is_mounted_and_an_empty_directory_is_not(tmp_path):
    """The real table: / is there, a fresh directory is not."""
    assert kernel.mount_at(Path("/")) is not None
    assert kernel.mount_at(tmp_path) is None


def test_an_empty_directory_is_fit(tmp_path):
    """Nothing stands in the way of a mount on an empty directory."""
    kernel.prepare(tmp_path, nonempty=False, say=refuse)


def test_a_directory_with_content_needs_nonempty(tmp_path):
    """A mount hides what is there, so that has to be asked for."""
    (tmp_path / "file").touch()

    with pytest.raises(MountFailed, match=r"not empty.*-o nonempty"):
        kernel.prepare(tmp_path, nonempty=False, say=refuse)
    kernel.prepare(tmp_path, nonempty=True, say=refuse)


def test_what_is_no_directory_is_refused_with_the_way_out(tmp_path):
    """Missing: mkdir is named; a file: said."""
    with pytest.raises(MountFailed, match=r"none does not exist; make it: mkdir -p"):
        kernel.prepare(tmp_path / "none", nonempty=False, say=refuse)
    (tmp_path / "file").touch()
    with pytest.raises(MountFailed, match="is not a directory"):
        kernel.prepare(tmp_path / "file", nonempty=False, say=refuse)


def test_a_mount_is_not_mounted_over():
    """The kernel's own mount at /proc: what is there and how to take it away is said."""
    with pytest.raises(MountFailed, match=r"/proc is a mount already \(proc, .*ossfs umount"):
        kernel.prepare(Path("/proc"), nonempty=True, say=refuse)


def test_a_stale_mount_is_taken_away_and_that_is_said(tmp_path, monkeypatch):
    """ENOTCONN means that the process of the mount is gone."""
    is_stale, said = [True], []

    def iterdir(path):
        if is_stale[0]:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN), str(path))
        return iter(())

    def unmount(path, *, lazily):
        assert (tmp_path, True) == (path, lazily)
        is_stale[0] = False

    monkeypatch.setattr(Path, "iterdir", iterdir)
    monkeypatch.setattr(kernel, "unmount", unmount)

    kernel.prepare(tmp_path, nonempty=False, say=said.append)

    assert ["still has the mount of a process that is gone" in line for line in said] == [True]


def test_a_user_needs_write_permission_for_the_directory(monkeypatch, not_root):
    """Fusermount asks for it; the refusal comes before anything is started."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)

    with pytest.raises(MountFailed, match=r"(is not yours|is a mount already|not empty)"):
        kernel.prepare(Path("/usr"), nonempty=True, say=refuse)


def test_a_missing_fuse_device_is_named(tmp_path):
    """Kernel module or container option: both are said."""
    with pytest.raises(MountFailed, match=r"modprobe fuse.*--device /dev/fuse"):
        kernel.require_fuse(allow_other=False, device=tmp_path / "fuse")


def test_a_fuse_device_for_root_only_is_said(tmp_path, monkeypatch, not_root):
    """Some machines make it 0600; the way out is named."""
    (tmp_path / "fuse").touch()
    monkeypatch.setattr(os, "access", lambda path, mode: False)

    with pytest.raises(MountFailed, match=r"may be opened by root only; as root: chmod 666"):
        kernel.require_fuse(allow_other=False, device=tmp_path / "fuse")


def test_a_user_without_fusermount_learns_the_packages(tmp_path, monkeypatch, not_root):
    """Root mounts without it, a user cannot."""
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "fuse").touch()

    with pytest.raises(MountFailed, match=r"apt-get install fuse3 libfuse2"):
        kernel.require_fuse(allow_other=False, device=tmp_path / "fuse")


def test_allow_other_needs_its_line_in_fuse_conf(tmp_path, monkeypatch, not_root):
    """A comment does not count; the line does."""
    monkeypatch.setattr(kernel, "fusermount", lambda: "/bin/fusermount3")
    (tmp_path / "fuse").touch()
    conf = tmp_path / "fuse.conf"
    for text in (None, "#user_allow_other\n"):
        if text is not None:
            conf.write_text(text)
        with pytest.raises(MountFailed, match="user_allow_other in"):
            kernel.require_fuse(allow_other=True, device=tmp_path / "fuse", fuse_conf=conf)
    conf.write_text("# for mounts\nuser_allow_other\n")

    kernel.require_fuse(allow_other=True, device=tmp_path / "fuse", fuse_conf=conf)


def test_unmounting_what_is_not_mounted_says_what_the_system_said(tmp_path):
    """An error of the kernel, or of fusermount, ends as MountFailed with its words."""
    with pytest.raises(MountFailed, match=f"cannot unmount {tmp_path}: "):
        kernel.unmount(tmp_path)


def test_who_holds_a_directory_is_found(tmp_path):
    """A process with a file open below it, one that works in it; not this one."""
    with (tmp_path / "file").open("w") as file:
        opened = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=file)
        inside = subprocess.Popen(["cat"], stdin=subprocess.PIPE, cwd=tmp_path)
        with opened, inside:
            found = {one.pid: one for one in kernel.holders(tmp_path)}

    assert {opened.pid, inside.pid} == set(found)
    assert f"cat (process {inside.pid}) has {tmp_path}" == str(found[inside.pid])
    assert str(tmp_path / "file") == found[opened.pid].path
    assert [] == list(kernel.holders(tmp_path))


def test_a_path_is_located_without_touching_its_end(tmp_path):
    """Links on the way and at the end are followed, relative parts resolved."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    assert tmp_path / "real" / "mnt" == kernel.located(tmp_path / "link" / "mnt")
    assert tmp_path / "real" == kernel.located(tmp_path / "link")
    assert tmp_path / "real" == kernel.located(tmp_path / "link" / ".." / "real")
    assert tmp_path == kernel.located(tmp_path / "link" / "..")
    assert Path("/proc") == kernel.located("/proc/")
