"""`ossfs cp` and its like where something is odd: names, outputs, places that are not there."""

import os
import pty
import socket
import subprocess
import sys

import pytest

from ossfs.cli.wording import shown

ODD = "p/a\x1b[31m\nb"


@pytest.fixture
def where(emulator, bucket_name, cloud_environment, state_home):
    """Put credentials into the environment; return the options of the store."""
    return ("--endpoint", emulator.endpoint, "--region", "cn-hangzhou")


@pytest.fixture
def oss(bucket_name):
    return f"oss://{bucket_name}"


def process(where, command, *words, **how):
    """Run a command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "ossfs", command, *where, *map(str, words)],
        check=False, timeout=60, **how,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a b", "a b"),
        ("ä/文", "ä/文"),
        ("a\nb\tc", r"a\nb\tc"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\x9b", r"\x9b"),
        (os.fsdecode(b"\xff"), "?"),
    ],
)
def test_names_as_they_are_shown(name, expected):
    """One line, and nothing that a terminal obeys."""
    assert expected == shown(name)


def test_names_that_a_terminal_would_obey(ossfs, oss, seen, tmp_path):
    """Every command that says what it does says them escaped."""
    seen.put(ODD, b"x")
    for words in (
        ("cp", "-r", f"{oss}/p", tmp_path / "back"),
        ("cp", "-rn", f"{oss}/p", tmp_path / "dry"),
        ("cp", "-r", f"{oss}/p", f"{oss}/q"),
        ("sync", "-n", f"{oss}/p", tmp_path / "synced"),
        ("rm", "-rn", f"{oss}/p"),
    ):
        code, out, err = ossfs(*words)
        assert 0 == code
        assert r"a\x1b[31m\nb" in out + err, words
        assert "\x1b" not in out + err, words


def test_a_listing_is_escaped_on_a_terminal_only(where, oss, seen):
    """Programs that read it get the names as they are."""
    seen.put(ODD, b"x")
    piped = process(where, "ls", f"{oss}/p/", stdout=subprocess.PIPE)
    assert f"{oss}/{ODD}\n".encode() == piped.stdout

    parent, child = pty.openpty()
    try:
        process(where, "ls", f"{oss}/p/", stdout=child)
        assert rb"p/a\x1b[31m\nb" in os.read(parent, 1000)
    finally:
        os.close(child)
        os.close(parent)


@pytest.mark.parametrize("words", [["ls", "{}/"], ["cat", "{}/k"], ["cp", "{}/k", "-"]])
def test_an_output_that_is_full(where, oss, seen, words):
    """One message, no trace."""
    seen.put("k", b"x" * 100_000)
    with open("/dev/full", "wb") as full:  # noqa: PTH123  # it is no place of files
        done = process(
            where, *(one.format(oss) for one in words), stdout=full, stderr=subprocess.PIPE
        )

    assert 1 == done.returncode
    assert [b"ossfs: [Errno 28] No space left on device"] == done.stderr.splitlines()


@pytest.mark.parametrize(
    ("words", "closed"), [(["cat", "{}/k"], 1), (["cp", "{}/k", "-"], 1), (["cp", "-", "{}/n"], 0)]
)
def test_an_output_or_input_that_is_closed(where, oss, seen, words, closed):
    """Said, with the code of a wrong command line."""
    seen.put("k", b"x")
    command = [sys.executable, "-m", "ossfs", words[0], *where]
    command += [one.format(oss) for one in words[1:]]
    script = f"import os; os.close({closed}); os.execv({command[0]!r}, {command!r})"

    done = subprocess.run(
        [sys.executable, "-c", script], check=False, timeout=60, stderr=subprocess.PIPE
    )

    assert 2 == done.returncode
    assert b"is closed" in done.stderr
    assert ["k"] == seen.keys()


@pytest.mark.parametrize("command", ["cat", "stat"])
@pytest.mark.parametrize("end", ["", "/"])
def test_a_bucket_is_no_object(ossfs, oss, command, end):
    """Said before anything is asked."""
    code, out, err = ossfs(command, f"{oss}{end}")

    assert (2, "") == (code, out)
    assert "is a bucket: name an object in it" in err


def test_describing_nothing_writes_nothing(ossfs, oss):
    """Not even an empty line."""
    assert (1, "") == ossfs("stat", f"{oss}/missing")[:2]


def test_deleting_below_nothing(ossfs, oss, seen):
    """It is an error unless it is forced, or patterns chose nothing."""
    seen.put("p/a", b"x")

    code, _, err = ossfs("rm", "-r", f"{oss}/typo/")
    assert (1, True) == (code, "nothing below it" in err)
    assert 0 == ossfs("rm", "-rf", f"{oss}/typo/")[0]
    assert 0 == ossfs("rm", "-r", "--include", "*.none", f"{oss}/p/")[0]
    assert ["p/a"] == seen.keys()


def test_a_prefix_that_is_a_file_and_a_folder(ossfs, oss, seen, tmp_path):
    """Both are listed; each command says which of them it means."""
    for key in ("p", "p/a", "p.txt", "pq"):
        seen.put(key, key.encode())

    assert f"{oss}/p\n{oss}/p/a\n" == ossfs("ls", f"{oss}/p")[1]
    assert f"{oss}/p/a\n" == ossfs("ls", f"{oss}/p/")[1]
    assert b"p" == process_output(ossfs, "cp", f"{oss}/p", tmp_path / "one")
    assert 0 == ossfs("cp", "-r", f"{oss}/p", tmp_path / "all")[0]
    assert ["a"] == [one.name for one in (tmp_path / "all").iterdir()]
    assert 0 == ossfs("rm", "-r", f"{oss}/p")[0]
    assert ["p", "p.txt", "pq"] == seen.keys()
    assert 0 == ossfs("rm", f"{oss}/p")[0]
    assert ["p.txt", "pq"] == seen.keys()


def process_output(ossfs, command, source, target):
    assert 0 == ossfs(command, source, target)[0]
    return target.read_bytes()


@pytest.mark.parametrize("command", ["ls", "names", "restore -r"])
def test_nobody_at_the_endpoint(where, oss, command):
    """Said once, with what to do, and without the inside of a library."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    nowhere = ("--endpoint", f"http://127.0.0.1:{port}", "--deadline", "1")

    done = process(
        nowhere, *command.split(), f"{oss}/", stderr=subprocess.STDOUT,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip

    assert 1 == done.returncode
    assert 1 == done.stdout.count("refused")
    assert "No server answers" in done.stdout
    assert "object at" not in done.stdout
    assert "host=" not in done.stdout
