"""The command line: names, options, messages, exit codes."""

import json
import os
import signal
import subprocess
import sys
from contextlib import closing

import pytest

from ossfs.cli import launch as launching
from ossfs.cli.main import COMMANDS, main
from ossfs.cli.mount import mount, read_config
from ossfs.cli.state import Record, StateDirectory
from ossfs.cli.umount import umount
from ossfs.config import OPTIONS, resolve
from ossfs.store.credentials.environment import NAMES

HEAVY = ["requests", "urllib3", "aiohttp", "sqlite3", "rich", "cachetools", "fuse", "mfusepy"]


@pytest.fixture
def ossfs(capfd, monkeypatch):
    """Run the command in this process; return exit code, output, error output."""
    monkeypatch.delenv("OSS_ACCESS_KEY_ID", raising=False)

    def run(*words):
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        out, err = capfd.readouterr()
        return ended.value.code or 0, out, err

    return run


@pytest.mark.parametrize("scheme", NAMES)
def test_help_names_each_store_and_its_variables(ossfs, scheme):
    """`ossfs mount --help`: the URL, and where the environment holds the credentials."""
    _, out, _ = ossfs("mount", "--help")

    _, store, variables = out.partition(f"  {scheme}://BUCKET  ")
    assert store
    assert ", ".join(NAMES[scheme][0]) in variables.partition("://")[0]


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["mount", "--help"]])
def test_help_is_there_at_once(words):
    """No library is loaded that the answer does not need."""
    program = (
        "import sys\nfrom ossfs.cli.main import main\n"
        f"try: main({words!r})\nexcept SystemExit: pass\n"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert b"[]" == done.stdout.splitlines()[-1]


def test_every_command_can_be_loaded(ossfs):
    """The lazy table names modules and commands that exist."""
    for name in COMMANDS:
        code, out, _ = ossfs(name, "--help")
        assert 0 == code
        assert f"Usage: ossfs {name}" in out


def test_python_m_is_the_same_command():
    """`python -m ossfs` works where the script is not on the PATH."""
    done = subprocess.run(
        [sys.executable, "-m", "ossfs", "--version"], capture_output=True, check=True
    )

    assert done.stdout.startswith(b"ossfs ")


def test_every_option_is_a_flag_of_mount():
    """No option can be in the file only; no secret is a flag."""
    flags = {flag for parameter in mount.params for flag in parameter.opts}

    assert {named.flag for named in OPTIONS.values()} <= flags
    assert not [flag for flag in flags if "secret" in flag or "key" in flag or "token" in flag]


def test_a_boolean_flag_can_be_given_both_ways(tmp_path):
    """--read-only and --no-read-only override the file; neither leaves it alone."""
    file = tmp_path / "c.toml"
    file.write_text("[store]\nregion = 'cn-hangzhou'\n[posix]\nread_only = true\n")

    def read_only(flag):
        return read_config("oss://photos", (), file, {"read_only": flag}).posix.read_only

    assert [True, True, False] == [read_only(flag) for flag in (None, True, False)]


def test_later_o_lists_win():
    """-o may be repeated, like in mount(8)."""
    config = read_config("oss://photos", ("ro,part_size=8M", "part_size=9M"), None, {"region": "r"})

    assert (True, 9 << 20) == (config.posix.read_only, config.writeback.part_size)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--part-size", "8X"], "ossfs: --part-size: '8X' must be a size like"),
        (["-o", "part_size=1"], "ossfs: -o part_size: '1' must be at least 100K"),
        (["-o", "secret=1"], "ossfs: -o secret=1: unknown option"),
        (["--config", "/none.toml"], "ossfs: configuration file /none.toml: No such file"),
        ([], "ossfs: where is the bucket? Give --endpoint URL or --region NAME"),
        (["--part-sise", "8M"], "No such option"),
    ],
)
def test_a_wrong_option_ends_with_code_2_and_its_name(ossfs, words, complaint):
    """The command line is refused before anything is started."""
    code, out, err = ossfs("mount", "oss://photos", "/mnt", *words)

    assert (2, "") == (code, out)
    assert complaint in err


def test_umount_of_what_is_no_mount_says_so(ossfs, tmp_path, state_home):
    """A plain directory, and a mount of somebody else."""
    assert (1, "", f"ossfs: {tmp_path} is not a mount\n") == ossfs("umount", tmp_path)
    code, _, err = ossfs("umount", "/proc")
    assert 1 == code
    assert "/proc is a proc mount, not one of ossfs; use umount" in err


def test_nothing_is_said_when_there_is_nothing(ossfs, state_home):
    """Without state folders: nothing pending, nothing mounted, empty JSON."""
    assert (0, "Everything is in the buckets.\n", "") == ossfs("uploads", "list")
    assert (0, "Nothing is mounted.\n", "") == ossfs("status")
    assert (0, "[]\n", "") == ossfs("uploads", "list", "--json")
    assert (0, "[]\n", "") == ossfs("status", "--json")


def test_a_mount_process_that_does_not_answer_is_named(ossfs, state_home):
    """A live folder whose socket is dead shows up with the reason, not as empty."""
    config = resolve("oss://photos", flags={"region": "cn-hangzhou"})
    with closing(StateDirectory.acquire(config)) as state:
        state.describe(Record("oss://photos", "", "/mnt", 1, 1, str(state.path / "none.sock")))

        code, out, _ = ossfs("uploads", "list")
        listed = json.loads(ossfs("uploads", "list", "--json")[1])
        _, status, _ = ossfs("status")

    assert 0 == code
    assert "oss://photos, mounted at /mnt:\n  the mount process does not answer" in out
    assert "the mount process does not answer" in listed[0]["error"]
    assert "the mount process does not answer" in status


def test_a_wrong_timeout_is_refused(ossfs, state_home):
    """`--timeout soon`: the option is named."""
    config = resolve("oss://photos", flags={"region": "cn-hangzhou"})
    with closing(StateDirectory.acquire(config)) as state:
        state.describe(Record("oss://photos", "", "/mnt", 1, 1, "s"))

        code, _, err = ossfs("umount", "/mnt", "--timeout", "soon")

    assert 2 == code
    assert "--timeout: 'soon' must be a duration like" in err
    assert umount.params


@pytest.fixture
def child(tmp_path, monkeypatch):
    """Let `launch` start a small script instead of a mount; the script gets the pipe as fd."""

    def play(script):
        program = tmp_path / "child"
        program.write_text(
            f"#!{sys.executable}\nimport json, os, sys\nfd = int(sys.argv[-1])\n"
            "def tell(**news): os.write(fd, json.dumps(news).encode() + b'\\n')\n" + script
        )
        program.chmod(0o755)
        monkeypatch.setattr(launching.sys, "executable", str(program))
        return launching.launch(["mount", "oss://b", "/mnt"], url="oss://b", directory="/mnt")

    return play


def test_launch_returns_when_the_mount_answers(child, capfd):
    """The process lives on behind it, in a session of its own."""
    script = (
        "tell(log='/log')\ntell(ready={'mountpoint': '/mnt', 'url': 'oss://b', 'pid': 1})\n"
        "os.close(fd)\nassert os.getsid(0) == os.getpid()\n"
    )

    assert 0 == child(script)
    assert ("oss://b is mounted at /mnt\n", "") == capfd.readouterr()


def test_launch_passes_the_reason_and_the_code_on(child, capfd):
    """An error of the mount process is the command's error."""
    assert 2 == child("tell(error='cannot mount\\n  because', exit=2)\nsys.exit(2)\n")
    assert ("", "ossfs: cannot mount\n  because\n") == capfd.readouterr()


def test_launch_shows_the_log_of_a_process_that_died(child, capfd, tmp_path):
    """Killed before it could say why: signal and end of the log are shown."""
    log = tmp_path / "mount.log"
    log.write_text("\n".join(f"line {number}" for number in range(20)))

    assert 1 == child(f"tell(log={str(log)!r})\nos.kill(os.getpid(), 9)\n")

    err = capfd.readouterr().err
    assert "oss://b is not mounted at /mnt: its process ended (signal 9)" in err
    assert "    line 10\n" in err
    assert "line 9\n" not in err


def test_launch_hands_the_environment_on_and_keeps_the_working_directory_out(child, capfd):
    """Credentials travel by the environment; modules in the current directory do not count."""
    os.environ["OSSFS_TEST_MARK"] = "here"
    try:
        script = (
            "told = os.environ['OSSFS_TEST_MARK'] + os.environ['PYTHONSAFEPATH']\n"
            "tell(error=told, exit=1)\n"
        )
        assert 1 == child(script)
    finally:
        del os.environ["OSSFS_TEST_MARK"]
    assert "ossfs: here1\n" == capfd.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_launch_leaves_no_process_when_it_is_interrupted(child, capfd, number):
    """Ctrl-C, or a time limit of who called, while the store does not answer."""
    script = (
        "import signal, time\n"
        "def end(*_): sys.stderr.write('ended in order\\n'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        f"os.kill(os.getppid(), {int(number)})\ntime.sleep(30)\n"
    )

    assert 128 + number == child(script)
    assert "ended in order\nossfs: interrupted; nothing is mounted\n" == capfd.readouterr().err


def test_launch_says_what_takes_long(child, capfd, tmp_path, monkeypatch):
    """A store that is retried for minutes does not look like a command that hangs."""
    monkeypatch.setattr(launching, "HINT_AFTER_S", 0.0)
    log = tmp_path / "mount.log"
    log.write_text("first\nretrying: connection refused\n")
    script = f"tell(log={str(log)!r})\nsys.stdin.read()\ntell(error='no', exit=1)\n"

    assert 1 == child(script)
    assert "the store has not answered yet; Ctrl-C gives up" in capfd.readouterr().err
