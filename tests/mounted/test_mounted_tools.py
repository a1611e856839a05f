"""cp, rsync, git, sqlite3 and tar do in a mount what they do on a local disk."""

import os
import random
import shutil
import stat
import subprocess
import sysconfig
from pathlib import Path

import pytest

pytestmark = [pytest.mark.mounted, pytest.mark.both_libfuses]

MIB = 1 << 20
STDLIB = Path(sysconfig.get_path("stdlib"))
PACKAGES = Path(sysconfig.get_path("purelib"))
ENOUGH = 2100
IDENTITY = {
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_AUTHOR_DATE": "1600000000 +0000",
    "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b",
    "GIT_COMMITTER_DATE": "1600000000 +0000", "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}  # fmt: skip


def run(*command, cwd=None, **environment):
    """Run a command that has to succeed; return what it printed."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert 0 == done.returncode, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def described(folder, *, times=True):
    """Return what `ls -lR` would show of a tree, but for directories' sizes."""
    found = {}
    for path in sorted(folder.rglob("*")):
        info = path.lstat()
        size = 0 if path.is_dir() and not path.is_symlink() else info.st_size
        target = str(path.readlink()) if path.is_symlink() else None
        mtime = info.st_mtime_ns if times and not path.is_symlink() else 0
        found[str(path.relative_to(folder))] = (
            stat.filemode(info.st_mode), info.st_uid, info.st_gid, size, target, mtime,
        )  # fmt: skip
    return found


def regular_files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Make a tree of at least 2,000 real files and 100 MB, with links and odd modes."""
    folder = tmp_path_factory.mktemp("source") / "tree"
    shutil.copytree(STDLIB, folder, symlinks=True, ignore=shutil.ignore_patterns("site-packages"))
    # A distribution's own Python may come without tests and compiled files: 1,400 of them.
    for package in sorted(PACKAGES.iterdir()):
        if len(regular_files(folder)) >= ENOUGH:
            break
        if package.is_dir():
            shutil.copytree(package, folder / "packages" / package.name, symlinks=True)
    for path in regular_files(folder)[ENOUGH:]:
        path.unlink()
    generated = random.Random(1)
    for number, size in enumerate((70, 20, 20)):
        (folder / f"large-{number}").write_bytes(generated.randbytes(size * MIB))
    (folder / "link").symlink_to("large-0")
    (folder / "dangling").symlink_to("../nowhere at all")
    (folder / "empty").mkdir()
    (folder / "secret").write_text("x")
    (folder / "secret").chmod(0o400)
    os.utime(folder / "secret", ns=(1, 1_234_567_890_123_456_789))
    sizes = [path.lstat().st_size for path in folder.rglob("*") if path.is_file()]
    assert len(sizes) >= 2000
    assert sum(sizes) >= 100e6
    return folder


@pytest.mark.parametrize("tool", [("cp", "-a"), ("rsync", "-a")], ids=lambda tool: tool[0])
def test_a_tree_of_real_files(mounted, tree, tool):
    """The copy is the source, also for rsync a second time and after a remount."""
    run(*tool, f"{tree}/." if tool[0] == "cp" else f"{tree}/", f"{mounted.path}/tree")

    assert "" == run("diff", "-r", "--no-dereference", tree, mounted.path / "tree")
    assert described(tree) == described(mounted.path / "tree")
    assert "" == run("rsync", "-ai", f"{tree}/", f"{mounted.path}/tree")
    assert 0 == mounted.umount().returncode
    assert mounted.is_clean()
    mounted.mount()
    assert "" == run("rsync", "-ai", f"{tree}/", f"{mounted.path}/tree")
    assert described(tree) == described(mounted.path / "tree")


def use_git(folder):
    """Work with a repository as people do; return what git says at each step."""
    folder.mkdir()
    run("git", "init", "-q", "-b", "main", cwd=folder, **IDENTITY)
    shutil.copytree(STDLIB / "json", folder / "json", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("run.sh")
    commands = (
        ["add", "."], ["commit", "-qm", "one"], ["status", "--porcelain"],
        ["rm", "-q", "json/tool.py"], ["mv", "link", "other"], ["commit", "-qm", "two"],
        ["gc", "-q"], ["fsck", "--strict", "--full"], ["log", "--format=%H %s", "--stat"],
        ["checkout", "-q", "-b", "side", "HEAD~1"], ["status", "--porcelain"],
        ["checkout", "-q", "main"], ["status", "--porcelain"], ["branch", "-D", "side"],
        ["ls-tree", "-r", "HEAD"], ["count-objects"],
    )  # fmt: skip
    return [run("git", *command, cwd=folder, **IDENTITY) for command in commands]


def test_git(mounted, tmp_path):
    """The same commits, objects and working tree as on a local disk, also after a remount."""
    assert use_git(tmp_path / "repo") == use_git(mounted.path / "repo")

    mounted.settled()
    mounted.remount()
    run("git", "fsck", "--strict", "--full", cwd=mounted.path / "repo", **IDENTITY)
    assert "" == run("git", "status", "--porcelain", cwd=mounted.path / "repo", **IDENTITY)
    local = described(tmp_path / "repo/json", times=False)
    assert local == described(mounted.path / "repo/json", times=False)


def test_sqlite(mounted, seen):
    """A table, 200 committed inserts; the database is whole, here and in the bucket."""
    database = mounted.path / "data.db"
    script = "CREATE TABLE t (n INTEGER, word TEXT);\n" + "".join(
        f"INSERT INTO t VALUES ({number}, 'word {number}');\n" for number in range(200)
    )
    done = subprocess.run(["sqlite3", database], input=script, text=True, check=False)
    assert 0 == done.returncode

    mounted.remount()

    assert "ok\n" == run("sqlite3", database, "PRAGMA integrity_check")
    assert "200|19900\n" == run("sqlite3", database, "SELECT count(*), sum(n) FROM t")
    assert ["data.db"] == seen.keys()


def test_tar(mounted, tmp_path):
    """A source archive unpacks to the same tree, times, modes and owners."""
    archive = tmp_path / "source.tar"
    names = ["json", "email", "asyncio", "os.py", "re"]
    run("tar", "-cf", archive, "--exclude=__pycache__", "-C", STDLIB, *names)
    for folder in (tmp_path / "local", mounted.path / "mounted"):
        folder.mkdir()
        run("tar", "-xf", archive, "-C", folder)

    assert described(tmp_path / "local") == described(mounted.path / "mounted")
    assert "" == run("diff", "-r", tmp_path / "local", mounted.path / "mounted")
    run("tar", "--compare", "-f", archive, "-C", mounted.path / "mounted")
