"""`ossfs cp` and its like, as a user types them."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time

import pytest

from ossfs.cli.transfers.ends import Local, Pipe, Remote, end_of
from ossfs.cli.transfers.selecting import Selection
from ossfs.crc64 import crc64
from ossfs.emulator.process import EmulatorProcess
from ossfs.errors import InvalidOption

MIB = 1 << 20
CONTENT = bytes(range(256)) * 4


@pytest.fixture
def where(emulator, bucket_name, cloud_environment, state_home, monkeypatch):
    """Put credentials for each kind of store into the environment; return its options."""
    for id_name, secret_name in (
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        ("TOS_ACCESS_KEY", "TOS_SECRET_KEY"),
    ):
        monkeypatch.setenv(id_name, emulator.key_id)
        monkeypatch.setenv(secret_name, emulator.secret)
    return ("--endpoint", emulator.endpoint, "--region", "cn-hangzhou")


@pytest.fixture(params=["oss", "tos", "s3"])
def url(request, bucket_name):
    """Return the URL of the test's bucket, in each dialect."""
    return f"{request.param}://{bucket_name}"


@pytest.fixture
def oss(bucket_name):
    return f"oss://{bucket_name}"


@pytest.fixture
def tree(tmp_path):
    """Make a folder of files."""
    names = ["a.txt", "b.log", "sub/c.txt", "sub/deep/d.bin", "sub/.git/config"]
    for n, name in enumerate(names):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CONTENT[: 100 + n])
    (tmp_path / "tree" / "empty").mkdir()
    return tmp_path / "tree"


def names_below(folder):
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file())


def test_a_file_there_and_back(ossfs, url, tmp_path, seen):
    """And what was done is said, on standard error."""
    (tmp_path / "f.txt").write_bytes(CONTENT)

    assert (0, "") == ossfs("cp", tmp_path / "f.txt", f"{url}/dir/k")[:2]
    code, out, err = ossfs("cp", f"{url}/dir/k", tmp_path / "back")

    assert (0, "", CONTENT) == (code, out, (tmp_path / "back").read_bytes())
    assert f"download: {url}/dir/k to {tmp_path / 'back'} (1.02 kB)" in err
    assert re.search(r"1 file \(1.02 kB\) in \d", err)
    assert ["dir/k"] == seen.keys()


@pytest.mark.parametrize(
    ("target", "key"), [("", "f.txt"), ("/", "f.txt"), ("/d/", "d/f.txt"), ("/d", "d")]
)
def test_where_a_file_goes(ossfs, oss, tmp_path, seen, target, key):
    """A slash at the end makes a folder of the target, as the bucket itself is one."""
    (tmp_path / "f.txt").write_bytes(CONTENT)

    assert 0 == ossfs("cp", tmp_path / "f.txt", f"{oss}{target}")[0]

    assert [key] == seen.keys()


def test_an_object_into_a_directory(ossfs, oss, tmp_path, seen):
    """It keeps its name there."""
    seen.put("dir/k.txt", CONTENT)
    (tmp_path / "into").mkdir()

    for target in (tmp_path / "into", f"{tmp_path}/new/"):
        assert 0 == ossfs("cp", f"{oss}/dir/k.txt", target)[0]

    assert ["k.txt"] == names_below(tmp_path / "into") == names_below(tmp_path / "new")


def test_several_files(ossfs, oss, tree, seen):
    """Into a folder of the bucket."""
    assert 0 == ossfs("cp", tree / "a.txt", tree / "b.log", f"{oss}/d")[0]

    assert ["d/a.txt", "d/b.log"] == seen.keys()


def test_folders_there_and_back(ossfs, url, tree, tmp_path, seen):
    """All files below, by their paths; folders' markers are no files."""
    assert 0 == ossfs("cp", "-r", tree, f"{url}/p")[0]
    assert [f"p/{name}" for name in names_below(tree)] == seen.keys()
    seen.put("p/marker/", b"")

    assert 0 == ossfs("cp", "-r", f"{url}/p", tmp_path / "back")[0]

    assert names_below(tree) == names_below(tmp_path / "back")
    for name in names_below(tree):
        assert (tree / name).read_bytes() == (tmp_path / "back" / name).read_bytes()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--include", "*.txt"], ["a.txt", "sub/c.txt"]),
        (["--exclude", "*.txt", "--exclude", ".git"], ["b.log", "sub/deep/d.bin"]),
        (["--include", "sub/*", "--exclude", "*.bin"], ["sub/.git/config", "sub/c.txt"]),
        (["--include", "*.none"], []),
    ],
)
def test_which_files(ossfs, oss, tree, seen, tmp_path, options, expected):
    """By patterns, in both directions."""
    assert 0 == ossfs("cp", "-r", *options, tree, f"{oss}/p/")[0]
    assert [f"p/{name}" for name in expected] == seen.keys()

    ossfs("cp", "-r", tree, f"{oss}/all")
    assert 0 == ossfs("cp", "-r", *options, f"{oss}/all/", tmp_path / "back")[0]
    assert expected == names_below(tmp_path / "back")


def test_copies_inside_the_store(ossfs, url, tree, seen, emulator):
    """Their bytes do not come here."""
    ossfs("cp", "-r", tree, f"{url}/p")
    emulator.reset_stats()

    assert 0 == ossfs("cp", "-r", f"{url}/p/", f"{url}/q/")[0]

    assert [f"q/{name}" for name in names_below(tree)] == seen.keys()[5:]
    assert 5 == emulator.requests("CopyObject")
    assert 0 == emulator.requests("GetObject") == emulator.requests("PutObject")


@pytest.mark.parametrize(
    ("options", "expected"), [((), "IA"), (("--storage-class", "Standard"), "Standard")]
)
def test_the_class_of_copies(ossfs, oss, tmp_path, options, expected):
    """That of their sources, unless it is said."""
    (tmp_path / "f").write_bytes(CONTENT)
    ossfs("cp", "--storage-class", "IA", tmp_path / "f", f"{oss}/p/a")

    ossfs("cp", *options, f"{oss}/p/a", f"{oss}/one")
    ossfs("cp", "-r", *options, f"{oss}/p/", f"{oss}/q/")

    for key in ("one", "q/a"):
        assert (
            expected == json.loads(ossfs("stat", "--json", f"{oss}/{key}")[1])[0]["storage_class"]
        )


def test_a_dry_run(ossfs, oss, tree, seen, tmp_path):
    """Says what would be done, and does nothing."""
    code, out, _ = ossfs("cp", "-rn", tree, f"{oss}/p")
    assert (0, 5, []) == (code, out.count("would upload"), seen.keys())
    seen.put("p/x", b"1")

    code, out, _ = ossfs("cp", "-rn", f"{oss}/p", tmp_path / "back")
    assert (0, f"would download {oss}/p/x to {tmp_path / 'back' / 'x'} (1 bytes)\n") == (code, out)
    assert not (tmp_path / "back").exists()


def test_what_has_the_same_bytes_is_left_out(ossfs, url, tree, tmp_path, emulator):
    """With --checksum, in both directions and between keys."""
    for source, target, operation in (
        (tree, f"{url}/p/", "PutObject"),
        (f"{url}/p/", tmp_path / "back", "GetObject"),
        (f"{url}/p/", f"{url}/q/", "CopyObject"),
    ):
        ossfs("cp", "-r", source, target)
        emulator.reset_stats()
        code, _, err = ossfs("cp", "-r", "--checksum", source, target)
        assert (0, 0) == (code, emulator.requests(operation))
        assert "0 files" in err
        assert "5 were there already" in err
    (tmp_path / "back" / "a.txt").write_bytes(bytes(100))

    assert "1 file " in ossfs("cp", "-r", "--checksum", f"{url}/p/", tmp_path / "back")[2]
    assert (tree / "a.txt").read_bytes() == (tmp_path / "back" / "a.txt").read_bytes()


def test_nothing_is_replaced(ossfs, url, tmp_path, seen):
    """With --no-clobber."""
    (tmp_path / "f").write_bytes(CONTENT)
    seen.put("k", b"old")

    code, _, err = ossfs("cp", "--no-clobber", tmp_path / "f", f"{url}/k")

    assert (1, b"old") == (code, seen.get("k"))
    assert "1 failed" in err


def test_headers_and_options_of_objects(ossfs, oss, tmp_path):
    """As typed; the type follows from the name."""
    (tmp_path / "f.html").write_bytes(CONTENT)

    ossfs(
        "cp", "--header", "Cache-Control: no-cache", "--header", "x-oss-meta-a:b",
        "--storage-class", "IA", tmp_path / "f.html", f"{oss}/k.html",
    )  # fmt: skip

    (found,) = json.loads(ossfs("stat", "--json", f"{oss}/k.html")[1])
    assert ("text/html", "IA", {"cache-control": "no-cache"}, {"a": "b"}) == (
        found["content_type"], found["storage_class"], found["headers"], found["metadata"],
    )  # fmt: skip


def test_some_that_fail_do_not_stop_the_others(ossfs, oss, tree, seen, emulator):
    """They are said and counted; the next run tries only these."""
    emulator.add_fault("error", operation="PutObject", key="p/sub/c.txt", status=403,
                       code="AccessDenied")  # fmt: skip

    code, _, err = ossfs("cp", "-r", tree, f"{oss}/p")
    assert (1, 4) == (code, len(seen.keys()))
    assert f"upload of {tree / 'sub/c.txt'}" in err
    assert "1 failed" in err

    emulator.clear_faults()
    emulator.reset_stats()
    code, _, err = ossfs("cp", "-r", tree, f"{oss}/p")
    assert (0, 5, 1) == (code, len(seen.keys()), emulator.requests("PutObject"))
    assert "4 were there already" in err


def test_what_is_gone_meanwhile_is_moved_again(ossfs, oss, tree, seen, emulator):
    """What an earlier run has moved is looked at, not believed to be there."""
    emulator.add_fault("error", operation="PutObject", key="p/sub/c.txt", status=403,
                       code="AccessDenied")  # fmt: skip
    ossfs("cp", "-r", tree, f"{oss}/p")
    emulator.clear_faults()
    seen.delete("p/a.txt")

    ossfs("cp", "-r", tree, f"{oss}/p")

    assert [f"p/{name}" for name in names_below(tree)] == seen.keys()


def test_wrong_credentials_stop_everything(ossfs, oss, tree, monkeypatch, emulator):
    """Said once, not for each file."""
    monkeypatch.setenv("OSS_ACCESS_KEY_SECRET", "wrong")

    code, _, err = ossfs("cp", "-r", "--jobs", "1", tree, f"{oss}/p")

    assert (1, 1) == (code, err.count("SignatureDoesNotMatch"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{tree}", "oss://b-1/p"], "add -r"),
        (["oss://b-1/p/", "{tree}"], "add -r"),
        (["{tree}/a.txt", "{tree}/x"], "both local"),
        (["{tree}/missing", "oss://b-1/p"], "is not there"),
        (["{tree}/a.txt", "ftp://b-1/p"], "ftp"),
        (["--include", "*", "{tree}/a.txt", "oss://b-1/p"], "add -r"),
        (["--limit-rate", "0", "{tree}/a.txt", "oss://b-1/p"], "--limit-rate"),
        (["--limit-rate", "fast", "{tree}/a.txt", "oss://b-1/p"], "must be a size"),
        (["--header", "x", "{tree}/a.txt", "oss://b-1/p"], "NAME: VALUE"),
        (["-", "-"], "the other is"),
        (["-", "{tree}/a.txt", "oss://b-1/k"], "single source"),
        (["-", "oss://b-1/p/"], "the other is"),
    ],
)
def test_what_makes_no_sense(ossfs, tree, words, message):
    """Exit code 2, before anything is done."""
    code, _, err = ossfs("cp", *(word.format(tree=tree) for word in words))

    assert 2 == code
    assert message in err


@pytest.mark.parametrize("to", ["s3", "tos"])
def test_from_store_to_store(ossfs, bucket_name, tree, seen, emulator, to):
    """The bytes come through here; large files go on where they were, and sync compares."""
    of, at = f"oss://{bucket_name}/p", f"{to}://{bucket_name}/q"
    ossfs("cp", "-r", tree, of)
    emulator.reset_stats()

    assert 0 == ossfs("cp", "-r", of, at)[0]
    assert [f"q/{name}" for name in names_below(tree)] == seen.keys()[5:]
    assert (5, 5, 0) == tuple(
        emulator.requests(one) for one in ("GetObject", "PutObject", "CopyObject")
    )
    assert "5 were there already" in ossfs("sync", of, at)[2]
    assert "5 were there already" in ossfs("cp", "-r", "--checksum", of, at)[2]


def test_a_source_with_options_of_its_own(ossfs, oss, where, tree, tmp_path, seen, emulator):
    """Another service, with other credentials."""
    with EmulatorProcess(
        tmp_path / "other", credentials={"other-id": "other-secret"}, buckets=["elsewhere"]
    ) as other:
        (tmp_path / "keys").write_text("other-id:other-secret")
        (tmp_path / "keys").chmod(0o600)
        own = ("--endpoint", other.endpoint, "--credentials-file", tmp_path / "keys")
        assert 0 == ossfs("cp", "-r", *own, tree, "oss://elsewhere/p")[0]
        options = (
            "--source-option", f"endpoint={other.endpoint}",
            "--source-option", f"credentials-file={tmp_path / 'keys'}",
        )  # fmt: skip

        assert 0 == ossfs("cp", "-r", *options, "oss://elsewhere/p", f"{oss}/q")[0]
        assert [f"q/{name}" for name in names_below(tree)] == seen.keys()
        assert "5 were there already" in ossfs("sync", *options, "oss://elsewhere/p", f"{oss}/q")[2]
        assert 0 == ossfs("cp", *options, "oss://elsewhere/p/a.txt", tmp_path / "back")[0]
        assert (tree / "a.txt").read_bytes() == (tmp_path / "back").read_bytes()
        code, _, err = ossfs("cp", "--source-option", "endpoint", "oss://elsewhere/p/a.txt", oss)
        assert (2, True) == (code, "write NAME=VALUE" in err)


def test_keys_that_are_no_files(ossfs, oss, tmp_path, seen):
    """They are said, and the others come; nothing is written outside of the target."""
    for key in ("p/../../evil", "p/a//b", "p/ok"):
        seen.put(key, CONTENT)

    code, _, err = ossfs("cp", "-r", f"{oss}/p/", tmp_path / "in" / "to")

    assert (1, ["ok"]) == (code, names_below(tmp_path / "in" / "to"))
    assert 2 == err.count("no file can have that name")
    assert not (tmp_path / "evil").exists()


def test_names_that_are_no_text(ossfs, oss, tree, tmp_path, seen):
    """They cannot be keys: said, and the others are moved; as targets, they are fine."""
    (tree / os.fsdecode(b"\xff\xfe")).write_bytes(CONTENT)

    code, _, err = ossfs("cp", "-r", tree, f"{oss}/p")

    assert (1, 5) == (code, len(seen.keys()))
    assert "not valid UTF-8" in err
    target = tmp_path / os.fsdecode(b"\xff")
    assert 0 == ossfs("cp", f"{oss}/p/a.txt", target)[0]
    assert 100 == target.stat().st_size


# Pipes


def piped(where, *words, **how):
    return subprocess.run(
        [sys.executable, "-m", "ossfs", words[0], *where, *(str(word) for word in words[1:])],
        capture_output=True, check=False, timeout=120, **how,
    )  # fmt: skip


@pytest.mark.parametrize("size", [0, 1000, 12 * MIB])
def test_standard_input_and_output(where, url, seen, size):
    """Of any size, of which nobody knows it beforehand."""
    content = os.urandom(size)

    up = piped(where, "cp", "--part-size", "5M", "-", f"{url}/k", input=content)
    down = piped(where, "cp", f"{url}/k", "-")
    cat = piped(where, "cat", f"{url}/k", f"{url}/k")

    assert (0, 0, 0) == (up.returncode, down.returncode, cat.returncode), up.stderr
    assert content == seen.get("k") == down.stdout
    assert content * 2 == cat.stdout


def test_a_piece_of_an_object(where, oss, seen):
    """Bytes from the first to the last one."""
    seen.put("k", CONTENT)

    assert CONTENT[5:10] == piped(where, "cat", "--range", "5-9", f"{oss}/k").stdout
    assert CONTENT[1000:] == piped(where, "cat", "--range", "1000-", f"{oss}/k").stdout
    assert 2 == piped(where, "cat", "--range", "x", f"{oss}/k").returncode
    assert 1 == piped(where, "cat", f"{oss}/missing").returncode


@pytest.mark.parametrize("words", [["cat", "{}"], ["cp", "{}", "-"]])
def test_a_reader_that_has_enough(where, oss, seen, words):
    """No complaint, and the exit code of a broken pipe."""
    seen.put("k", os.urandom(20 * MIB))
    words = [words[0], *where, *(word.format(f"{oss}/k") for word in words[1:])]
    with subprocess.Popen(
        [sys.executable, "-m", "ossfs", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert 10 == len(process.stdout.read(10))
        process.stdout.close()
        err = process.stderr.read()

    assert (128 + signal.SIGPIPE, b"") == (process.returncode, err)


# Interruptions


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_command_goes_on(
    where, oss, seen, emulator, tmp_path, poll, direction, number
):
    """It says so, ends with the code of the signal, and the next run moves the rest."""
    content = os.urandom(20 * MIB)
    (tmp_path / "f").write_bytes(content)
    words = ["cp", tmp_path / "f", f"{oss}/k"]
    operation = "UploadPart"
    if direction == "down":
        seen.put("k", content)
        words, operation = ["cp", f"{oss}/k", tmp_path / "g"], "GetObject"
    slow = ["--part-size", "1M", "--threads", "1", "--limit-rate", "4M"]
    emulator.reset_stats()
    command = [sys.executable, "-m", "ossfs", words[0], *where, *slow, *map(str, words[1:])]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        poll(lambda: emulator.requests(operation) >= 4)
        process.send_signal(number)
        err = process.stderr.read().decode()
    assert 128 + number == process.returncode
    assert "the same command, repeated, goes on" in err

    emulator.reset_stats()
    again = piped(where, *words)

    assert 0 == again.returncode, again.stderr
    assert emulator.requests(operation) <= 17  # of 20
    assert content == (seen.get("k") if direction == "up" else (tmp_path / "g").read_bytes())


def test_many_files_interrupted(where, oss, seen, emulator, tmp_path, poll):
    """Files that were done are not moved again."""
    for n in range(60):
        (tmp_path / "many").mkdir(exist_ok=True)
        (tmp_path / "many" / f"{n:03}").write_bytes(CONTENT)
    emulator.set_latency(0.05)
    emulator.reset_stats()
    command = [
        *(sys.executable, "-m", "ossfs", "cp", *where, "-r", "--jobs", "2"),
        *(tmp_path / "many", f"{oss}/p"),
    ]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        poll(lambda: emulator.requests("PutObject") >= 10)
        process.send_signal(signal.SIGINT)
    assert 130 == process.returncode
    emulator.set_latency(0)
    done = len(seen.keys())
    assert 8 <= done < 60
    emulator.reset_stats()

    again = piped(where, "cp", "-r", tmp_path / "many", f"{oss}/p")

    assert (0, 60) == (again.returncode, len(seen.keys()))
    assert 60 - done <= emulator.requests("PutObject") <= 62 - done
    assert b"were there already" in again.stderr


def test_a_killed_command_goes_on(where, oss, seen, emulator, tmp_path, poll):
    """As if it had been interrupted."""
    for n in range(30):
        (tmp_path / "many").mkdir(exist_ok=True)
        (tmp_path / "many" / f"{n:03}").write_bytes(CONTENT)
    emulator.set_latency(0.05)
    emulator.reset_stats()
    command = [sys.executable, "-m", "ossfs", "cp", *where, "-r", tmp_path / "many", f"{oss}/p"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        poll(lambda: emulator.requests("PutObject") >= 12)
        process.kill()
    emulator.set_latency(0)
    emulator.reset_stats()

    assert 0 == piped(where, "cp", "-r", tmp_path / "many", f"{oss}/p").returncode

    assert 30 == len(seen.keys())
    assert emulator.requests("PutObject") < 30


def test_the_same_command_twice_at_a_time(where, oss, emulator, tree, poll):
    """The second one says so."""
    emulator.set_latency(0.5)
    emulator.reset_stats()
    command = [sys.executable, "-m", "ossfs", "cp", *where, "-r", "--jobs", "1", tree, f"{oss}/p"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        poll(lambda: emulator.requests() >= 1)
        second = piped(where, "cp", "-r", tree, f"{oss}/p")
        process.wait()
    assert (1, 0) == (second.returncode, process.returncode)
    assert f"process {process.pid}".encode() in second.stderr


def test_bars_on_a_terminal(where, oss, tmp_path, seen):
    """One for all and one for a large file, with rates; they are gone at the end."""
    (tmp_path / "large.bin").write_bytes(os.urandom(8 * MIB))
    parent, child = pty.openpty()
    words = ["cp", *where, "--limit-rate", "8M", tmp_path / "large.bin", f"{oss}/k"]
    with subprocess.Popen(
        [sys.executable, "-m", "ossfs", *map(str, words)],
        stdin=child, stdout=child, stderr=child, env={**os.environ, "TERM": "xterm"},
    ) as process:  # fmt: skip
        os.close(child)
        shown = bytearray()
        try:
            while data := os.read(parent, 65536):
                shown += data
        except OSError:  # the other end is closed: that is how a terminal ends
            pass
        os.close(parent)
    text = shown.decode()

    assert 0 == process.returncode
    assert "of 1 files" in text
    assert "large.bin" in text
    assert "MB/s" in text


# Many small files


def test_many_small_files_take_no_more_requests_than_files(where, oss, emulator, tmp_path):
    """There is one for each file, and one for each thousand that are listed."""
    (tmp_path / "many").mkdir()
    for n in range(400):
        (tmp_path / "many" / f"{n:04}").write_bytes(CONTENT)
    emulator.reset_stats()
    assert 0 == piped(where, "cp", "-r", tmp_path / "many", f"{oss}/p").returncode
    assert 400 == emulator.requests()

    emulator.reset_stats()
    assert 0 == piped(where, "cp", "-r", f"{oss}/p", tmp_path / "back").returncode
    assert 401 == emulator.requests()  # and the listing
    assert 400 == len(names_below(tmp_path / "back"))


# sync


def test_sync_moves_what_differs(ossfs, url, tree, seen, emulator, tmp_path):
    """There, and back; the second time nothing."""
    assert 0 == ossfs("sync", tree, f"{url}/p")[0]
    assert [f"p/{name}" for name in names_below(tree)] == seen.keys()
    emulator.reset_stats()
    assert "0 files" in ossfs("sync", tree, f"{url}/p")[2]
    assert 0 == emulator.requests("PutObject")

    assert "5 files" in ossfs("sync", f"{url}/p", tmp_path / "back")[2]
    assert "0 files" in ossfs("sync", f"{url}/p", tmp_path / "back")[2]
    assert names_below(tree) == names_below(tmp_path / "back")


def test_sync_sees_changes(ossfs, oss, tree, seen):
    """Of size, of time, and with --checksum of bytes whatever the times."""
    ossfs("sync", tree, f"{oss}/p")
    (tree / "a.txt").write_bytes(b"longer" * 100)
    newer = time.time() + 100
    os.utime(tree / "b.log", (newer, newer))
    assert "2 files" in ossfs("sync", tree, f"{oss}/p")[2]

    assert "0 files" in ossfs("sync", "--size-only", tree, f"{oss}/p")[2]
    (tree / "sub/c.txt").write_bytes(bytes(102))
    os.utime(tree / "sub/c.txt", (1, 1))
    assert "1 file " in ossfs("sync", "--checksum", tree, f"{oss}/p")[2]
    assert bytes(102) == seen.get("p/sub/c.txt")


def age(folder, seconds):
    """Make all files below older."""
    for one in folder.rglob("*"):
        if one.is_file():
            then = one.stat().st_mtime - seconds
            os.utime(one, (then, then))


@pytest.mark.parametrize("size", [1024, 12 * MIB])
@pytest.mark.parametrize("behind_s", [0, -1, -2])
def test_sync_sees_changes_of_the_same_seconds(
    ossfs, url, tmp_path, seen, emulator, size, behind_s
):
    """Of the same size, and no newer than the object, as far as stores tell times."""
    (tmp_path / "tree").mkdir()
    file = tmp_path / "tree" / "f"
    file.write_bytes(bytes(size))
    ossfs("sync", tmp_path / "tree", f"{url}/p")
    (found,) = json.loads(ossfs("stat", "--json", f"{url}/p/f")[1])
    changed_ns = found["modified_ns"] + behind_s * 10**9
    os.utime(file, ns=(changed_ns, changed_ns))

    err = ossfs("sync", tmp_path / "tree", f"{url}/p")[2]
    assert "0 files" in err
    assert "1 were there already" in err
    file.write_bytes(bytes(size - 1) + b"x")
    os.utime(file, ns=(changed_ns, changed_ns))
    assert "1 file " in ossfs("sync", tmp_path / "tree", f"{url}/p")[2]
    assert file.read_bytes() == seen.get("p/f")


def test_sync_does_not_look_at_what_is_clearly_older(ossfs, oss, tree, emulator, seen):
    """Nor at what was compared by its MD5, which the listing tells: one request in all."""
    ossfs("sync", tree, f"{oss}/p")
    emulator.reset_stats()
    assert "5 were there already" in ossfs("sync", tree, f"{oss}/p")[2]
    assert 1 == emulator.requests()

    age(tree, 10)
    content = (tree / "a.txt").read_bytes()
    times = (tree / "a.txt").stat()
    (tree / "a.txt").write_bytes(content[::-1])
    os.utime(tree / "a.txt", ns=(times.st_mtime_ns, times.st_mtime_ns))
    emulator.reset_stats()
    assert "were there" not in ossfs("sync", tree, f"{oss}/p")[2]
    assert 1 == emulator.requests()
    assert content == seen.get("p/a.txt")


def test_sync_sees_an_object_that_was_replaced_in_the_second_it_was_fetched(
    ossfs, url, tmp_path, seen
):
    """The file that came has the time of the object then, which is that of the object now."""
    seen.put("p/f", b"one")
    ossfs("sync", f"{url}/p", tmp_path / "back")
    assert "were there already" in ossfs("sync", f"{url}/p", tmp_path / "back")[2]
    seen.put("p/f", b"two")
    (found,) = json.loads(ossfs("stat", "--json", f"{url}/p/f")[1])
    os.utime(tmp_path / "back" / "f", ns=(found["modified_ns"],) * 2)

    assert "1 file " in ossfs("sync", f"{url}/p", tmp_path / "back")[2]
    assert b"two" == (tmp_path / "back" / "f").read_bytes()


def test_sync_sees_an_object_that_was_replaced_in_the_second_it_was_copied(ossfs, url, seen):
    """By the ETags of both listings, where these are MD5s."""
    seen.put("p/f", b"one")
    ossfs("sync", f"{url}/p", f"{url}/q")
    seen.put("q/f", b"two")  # as if the source had been
    assert "1 file " in ossfs("sync", f"{url}/p", f"{url}/q")[2]

    assert b"one" == seen.get("q/f")


def test_sync_by_checksum_asks_only_where_the_listing_does_not_tell(ossfs, oss, tree, emulator):
    """MD5s are in the listing; times do not matter."""
    ossfs("sync", tree, f"{oss}/p")
    age(tree, 1000)
    emulator.reset_stats()

    assert "5 were there already" in ossfs("sync", "--checksum", tree, f"{oss}/p")[2]

    assert 1 == emulator.requests()


@pytest.mark.parametrize("source", ["nothing/here", "p/typo/"])
def test_sync_of_nothing_deletes_nothing(ossfs, oss, seen, tmp_path, source):
    """A prefix that was mistyped would empty the target."""
    seen.put("p/x", b"x")
    (tmp_path / "f").write_bytes(b"x")

    code, _, err = ossfs("sync", "--delete", f"{oss}/{source}", tmp_path)

    assert (1, True) == (code, (tmp_path / "f").exists())
    assert "nothing is there" in err


@pytest.mark.parametrize("command", [("cp", "-r"), ("sync",)])
@pytest.mark.parametrize(
    ("source", "target"), [("p", "p/q"), ("p/", "p/q/"), ("", "q"), ("p", "p/p")]
)
def test_a_folder_is_not_copied_into_itself(ossfs, oss, seen, command, source, target):
    """What was copied would be found, and copied again."""
    seen.put("p/x", b"x")

    code, _, err = ossfs(*command, f"{oss}/{source}", f"{oss}/{target}")

    assert (2, ["p/x"]) == (code, seen.keys())
    assert "is inside of" in err
    assert 0 == ossfs(*command, f"{oss}/p", f"{oss}/pp/q")[0]  # is beside it


@pytest.mark.parametrize("options", [[], ["--delete"], ["--delete", "-n"]])
def test_sync_deletes_only_when_asked(ossfs, oss, tree, seen, tmp_path, options):
    """In a bucket and in a folder; never on a dry run."""
    seen.put("p/extra", b"x")
    seen.put("other", b"x")
    ossfs("sync", tree, f"{oss}/p")
    code, out, _ = ossfs("sync", *options, tree, f"{oss}/p")
    is_gone = options == ["--delete"]
    keys = seen.keys()
    assert (0, is_gone) == (code, "p/extra" not in keys)
    assert ("-n" in options) == (f"would delete {oss}/p/extra" in out)
    assert "other" in keys

    back = tmp_path / "back"
    back.mkdir()
    (back / "extra2").write_bytes(b"x")
    ossfs("sync", *options, f"{oss}/p", back)
    assert is_gone != (back / "extra2").exists()


def test_sync_deletes_nothing_when_something_failed(ossfs, oss, tree, seen, emulator):
    """What was not seen may be what would be missed."""
    seen.put("p/extra", b"x")
    emulator.add_fault("error", operation="PutObject", status=403, code="AccessDenied", count=1)

    assert 1 == ossfs("sync", "--delete", tree, f"{oss}/p")[0]

    assert b"x" == seen.get("p/extra")


def test_sync_chooses(ossfs, oss, tree, seen):
    """What is excluded is neither moved nor deleted."""
    seen.put("p/x.log", b"x")

    ossfs("sync", "--delete", "--exclude", "*.log", "--exclude", ".git", tree, f"{oss}/p")

    assert ["p/a.txt", "p/sub/c.txt", "p/sub/deep/d.bin", "p/x.log"] == seen.keys()


def test_sync_between_buckets(ossfs, oss, tree, seen):
    """Copies, inside of the store."""
    ossfs("sync", tree, f"{oss}/p")

    assert "5 files" in ossfs("sync", f"{oss}/p", f"{oss}/q")[2]
    assert "0 files" in ossfs("sync", f"{oss}/p", f"{oss}/q")[2]
    assert [f"q/{name}" for name in names_below(tree)] == seen.keys()[5:]


# ls, stat, rm


def test_listing(ossfs, url, tree, seen):
    """A folder, or all below it; folders end in a slash."""
    ossfs("cp", "-r", tree, f"{url}/p")

    assert [f"{url}/p/a.txt", f"{url}/p/b.log", f"{url}/p/sub/"] == ossfs("ls", f"{url}/p")[
        1
    ].split()
    assert ossfs("ls", f"{url}/p")[1] == ossfs("ls", f"{url}/p/")[1]
    assert [f"{url}/p/"] == ossfs("ls", url)[1].split()
    assert 5 == len(ossfs("ls", "-r", url)[1].split())
    assert [f"{url}/p/a.txt"] == ossfs("ls", f"{url}/p/a.t")[1].split()
    assert 1 == ossfs("ls", f"{url}/missing")[0]


def test_a_long_listing(ossfs, oss, seen):
    """Size, time, class; for programs, JSON."""
    seen.put("a", CONTENT)
    seen.put("d/x", CONTENT)

    long = ossfs("ls", "-lH", oss)[1].splitlines()
    found = [json.loads(line) for line in ossfs("ls", "--json", oss)[1].splitlines()]

    assert re.search(r"1.02 kB  \d{4}-\d\d-\d\dT.*Z  Standard", long[0])
    assert "folder" in long[1]
    assert [("object", "a", 1024), ("folder", "d/", None)] == [
        (one["type"], one["key"], one.get("size")) for one in found
    ]


def test_describing(ossfs, url, seen):
    """For people and for programs; what is not there fails, the others are shown."""
    seen.put("k", CONTENT)

    code, out, _ = ossfs("stat", f"{url}/k")
    assert (0, True) == (code, "size  1024 (1.02 kB)" in out)
    code, out, err = ossfs("stat", "--json", f"{url}/k", f"{url}/missing")
    (found,) = json.loads(out)
    assert (1, 1024, "missing" in err) == (code, found["size"], True)
    assert found["crc64"] in {crc64(CONTENT), None}


def test_deleting(ossfs, url, tree, seen):
    """One object, a folder, the whole bucket: each has to be meant."""
    ossfs("cp", "-r", tree, f"{url}/p")
    seen.put("pq", b"x")

    assert 2 == ossfs("rm", f"{url}/p/")[0]
    assert 2 == ossfs("rm", "-r", url)[0]
    assert 1 == ossfs("rm", f"{url}/missing")[0]
    assert 0 == ossfs("rm", "-f", f"{url}/missing")[0]
    assert 0 == ossfs("rm", f"{url}/p/a.txt")[0]
    assert 5 == len(seen.keys())
    assert "would delete" in ossfs("rm", "-rn", f"{url}/p")[1]
    assert 5 == len(seen.keys())
    assert 0 == ossfs("rm", "-r", "--exclude", "*.log", f"{url}/p")[0]
    assert ["p/b.log", "pq"] == seen.keys()
    assert 0 == ossfs("rm", "-r", f"{url}/")[0]
    assert [] == seen.keys()


def test_deleting_takes_few_requests(ossfs, oss, seen, emulator):
    """A thousand names in each."""
    for n in range(30):
        seen.put(f"p/{n}", b"")
    emulator.reset_stats()

    assert "30 objects deleted" in ossfs("rm", "-r", f"{oss}/p")[2]

    assert 2 == emulator.requests()


# What words mean


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("-", Pipe()),
        ("oss://b/k", Remote("oss", "b", "k")),
        ("s3://b", Remote("s3", "b", "")),
        ("tos://b/d/", Remote("tos", "b", "d/")),
    ],
)
def test_ends(word, expected):
    """Pipes, keys, buckets, folders."""
    assert expected == end_of(word)


def test_local_ends(tmp_path):
    """A slash, or being one, makes a folder."""
    assert end_of(str(tmp_path)).is_folder
    assert end_of("x/").is_folder
    assert isinstance(end_of("x"), Local)
    for wrong in ("ftp://b/k", "oss://", "://x"):
        with pytest.raises(InvalidOption):
            end_of(wrong)


@pytest.mark.parametrize(
    ("name", "include", "exclude", "expected"),
    [
        ("a/b.txt", (), (), True),
        ("a/b.txt", ("*.txt",), (), True),
        ("a/b.txt", ("a",), (), True),
        ("a/b.txt", ("a/*",), (), True),
        ("a/b.txt", ("/a/*.txt",), (), True),
        ("a/b.txt", ("b/*",), (), False),
        ("a/b.txt", (), ("a",), False),
        ("a/b.txt", ("*.txt",), ("a/b*",), False),
        ("ab/b", (), ("a",), True),
    ],
)
def test_selections(name, include, exclude, expected):
    """Parts of names, or all of it where the pattern has a slash."""
    assert expected is Selection(include, exclude).takes(name)
