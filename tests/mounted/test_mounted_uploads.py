"""`ossfs uploads`: what a person can do about bytes that are not in the bucket."""

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.mounted

PART = 100 * 1024
OPTIONS = ("--part-size", "100K", "--retries", "0")
LARGE = bytes(range(256)) * 4000  # 1,024,000 bytes: ten parts


@pytest.fixture
def uploads():
    """Run `ossfs uploads …`; return the finished command."""

    def run(*words, stdin=subprocess.DEVNULL, text=True, **options):
        return subprocess.run(
            [sys.executable, "-m", "ossfs", "uploads", *(str(word) for word in words)],
            stdin=stdin,
            capture_output=True,
            text=text,
            check=False,
            timeout=60,
            **options,
        )

    return run


def left_open(mount, name="f", data=LARGE, *, flags=os.O_CREAT | os.O_WRONLY, at=0):
    """Let the mount die while somebody writes a file; return its line of the list."""
    fd = os.open(mount.path / name, flags, 0o644)
    os.pwrite(fd, data, at)
    mount.kill()
    with contextlib.suppress(OSError):  # there is no mount to flush it to
        os.close(fd)
    (one,) = mount.uploads()
    return one


def failed(mount, emulator, name="f", data=b"small", *, operation="PutObject"):
    """Let the commit of a file fail for good; return its line of the list."""
    emulator.add_fault("error", operation=operation, status=403, code="AccessDenied")
    with pytest.raises(PermissionError):
        (mount.path / name).write_bytes(data)
    (one,) = mount.uploads()
    return one


def interrupted(mount, seen, emulator, poll, name="f"):
    """Let the mount die in the middle of a multipart upload; return its line of the list."""
    emulator.add_fault("delay", operation="UploadPart", skip=3, seconds=60)
    program = f"open({str(mount.path / name)!r}, 'wb').write(bytes(range(256)) * 4000)"
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL):
        poll(lambda: mount.uploads() and mount.uploads()[0]["parts_done"] >= 3)
        mount.kill()
    emulator.clear_faults()
    (one,) = mount.uploads()
    return one


# A live mount


def test_a_failed_file_is_tried_now(mounting, uploads, seen, emulator):
    """`resume ID`: in the bucket when the command ends, and not in the list any more."""
    mount = mounting().mount(*OPTIONS)
    one = failed(mount, emulator)
    assert ("failed", False) == (one["state"], one["is_open"])
    again = uploads("resume", one["id"])
    assert 1 == again.returncode
    assert "f: not in the bucket: " in again.stderr
    assert "AccessDenied" in again.stderr

    emulator.clear_faults()
    done = uploads("resume", one["id"])

    if done.returncode != 2:  # the mount's own next attempt may have been faster
        assert (0, "f: in the bucket (5 bytes)\n") == (done.returncode, done.stdout)
    assert b"small" == seen.get("f")
    assert mount.is_clean()
    assert 2 == uploads("resume", one["id"]).returncode  # it is not there any more


def test_a_failed_file_is_discarded(mounting, uploads, seen, emulator):
    """Its name shows what the bucket has; nothing is left of it, at the store neither."""
    seen.put("f", b"older")
    mount = mounting().mount(*OPTIONS)
    failed(mount, emulator, data=LARGE, operation="CompleteMultipartUpload")
    assert ["f"] == seen.uploads()

    assert 2 == uploads("discard", "f").returncode  # nobody can be asked
    done = uploads("discard", "f", "--yes")

    assert (0, "f: discarded\n") == (done.returncode, done.stdout)
    emulator.clear_faults()
    assert b"older" == (mount.path / "f").read_bytes() == seen.get("f")
    assert [] == seen.uploads()
    assert mount.is_clean()


def test_an_open_file_is_left_alone(mounting, uploads, seen, poll):
    """Neither discarded nor aborted nor uploaded: who writes it decides."""
    mount = mounting().mount(*OPTIONS)
    # In a process of its own: each fork of this one would close, and so flush, the file.
    program = (
        f"import sys\nwith open({str(mount.path / 'f')!r}, 'wb', buffering=0) as file:\n"
        "    file.write(b'half')\n    sys.stdin.read()\n    file.write(b' and half')"
    )
    writer = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE)
    with writer:
        poll(mount.uploads)
        (one,) = mount.uploads()
        assert one["is_open"]
        for words in (("discard", "f", "--yes"), ("abort", "f"), ("resume", "f")):
            done = uploads(*words)
            assert 1 == done.returncode
            assert "is open" in done.stderr
        refused = uploads("export", "f", "-")
        assert 2 == refused.returncode
        assert "copy it from the mount" in refused.stderr

    assert b"half and half" == seen.get("f")


def test_an_upload_is_aborted_and_begins_again(mounting, uploads, seen, emulator):
    """The parts at the store are gone, the bytes here stay, the next attempt sends all."""
    mount = mounting().mount(*OPTIONS)
    failed(mount, emulator, data=LARGE, operation="CompleteMultipartUpload")
    details = json.loads(uploads("show", "f", "--json").stdout)
    assert (10, 10) == (len(details["upload"]["parts"]), details["parts_total"])

    emulator.add_fault(
        "error", operation="InitiateMultipartUpload", status=403, code="AccessDenied"
    )

    done = uploads("abort", "f", "--json")
    assert (0, "") == (done.returncode, json.loads(done.stdout)[0]["error"])
    assert [] == seen.uploads()
    emulator.clear_faults()
    assert uploads("resume", "f").returncode in {0, 2}  # the mount may have been faster

    assert LARGE == seen.get("f")


def test_a_conflict_is_exported_with_what_is_there(mounting, uploads, seen, tmp_path):
    """Bytes of the version that is gone are holes, and named; then it can be discarded."""
    seen.put("f", b"base " * 10)
    mount = mounting().mount()
    fd = os.open(mount.path / "f", os.O_WRONLY)
    os.pwrite(fd, b"mine!", 5)
    seen.put("f", b"theirs")
    with pytest.raises(OSError, match="Stale"):
        os.close(fd)
    (one,) = mount.uploads()
    assert "conflict" == one["state"]
    target = tmp_path / "out"

    refused = uploads("export", one["id"], target)
    assert 1 == refused.returncode
    assert "f: bytes 0 to 5 cannot be had" in refused.stderr
    assert "--partial" in refused.stderr
    assert [] == list(tmp_path.glob("*out*"))
    done = uploads("export", one["id"], target, "--partial", "--json")

    assert 0 == done.returncode, done.stderr
    told = json.loads(done.stdout)
    assert [(0, 5, "base"), (10, 50, "base")] == [
        (hole["start"], hole["stop"], hole["why"]) for hole in told["missing"]
    ]
    assert b"\0" * 5 + b"mine!" + b"\0" * 40 == target.read_bytes()
    assert 1 == uploads("resume", one["id"]).returncode
    assert 0 == uploads("discard", one["id"], "--yes").returncode
    assert [] == mount.uploads()
    assert mount.is_clean()


def test_an_edit_that_failed_is_exported_whole(mounting, uploads, seen, emulator, tmp_path):
    """What is only in the bucket is fetched."""
    seen.put("f", LARGE)
    mount = mounting().mount(*OPTIONS)
    emulator.add_fault("error", operation="UploadPart*", status=403, code="AccessDenied")
    fd = os.open(mount.path / "f", os.O_WRONLY)
    os.pwrite(fd, b"edited", 500_000)
    with pytest.raises(PermissionError):
        os.close(fd)

    assert 0 == uploads("export", "f", tmp_path / "out").returncode
    expected = LARGE[:500_000] + b"edited" + LARGE[500_006:]
    assert expected == (tmp_path / "out").read_bytes()
    assert expected == uploads("export", "f", "-", text=False).stdout
    mount.kill()
    assert 0 == uploads("export", "f", tmp_path / "offline").returncode
    assert expected == (tmp_path / "offline").read_bytes()


def test_a_draft_is_promised_by_its_user(mounting, uploads, seen, emulator):
    """A mount lists the draft of the one before; it is uploaded when it is told to be."""
    mount = mounting().mount(*OPTIONS)
    left_open(mount)
    mount.mount(*OPTIONS)
    (one,) = mount.uploads()
    assert "draft" == one["state"]

    refused = uploads("resume", one["id"])
    assert 2 == refused.returncode
    assert "--yes" in refused.stderr
    assert [] == seen.keys()
    done = uploads("resume", one["id"], "--yes")

    assert 0 == done.returncode, done.stderr
    assert LARGE == seen.get("f") == (mount.path / "f").read_bytes()
    assert mount.is_clean()


def test_what_was_sent_ahead_of_a_draft_is_not_sent_again(mounting, uploads, seen, emulator, poll):
    """Parts are shown while the file is open, and kept when it becomes a draft."""
    mount = mounting().mount(*OPTIONS)
    program = (
        f"import sys\nwith open({str(mount.path / 'f')!r}, 'wb', buffering=0) as file:\n"
        "    file.write(bytes(range(256)) * 4000)\n    sys.stdin.read()"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    with writer:
        poll(lambda: any(one["parts_done"] >= 9 for one in mount.uploads()))
        (one,) = mount.uploads()
        assert (True, 10) == (one["is_open"], one["parts_total"])
        assert one["sent"] >= 9 * PART
        mount.kill()
    emulator.reset_stats()

    assert 0 == uploads("resume", "f", "--yes").returncode
    assert LARGE == seen.get("f")
    assert emulator.requests("UploadPart") <= 1
    assert mount.is_clean()


def test_a_draft_does_not_replace_what_came_after_it(mounting, uploads, seen, poll):
    """The file was copied again since: only --overwrite puts the draft in its place."""
    mount = mounting().mount(*OPTIONS)
    left_open(mount, data=b"half")
    mount.mount(*OPTIONS)
    seen.put("f", b"complete")

    refused = uploads("resume", "f", "--yes")
    assert 1 == refused.returncode
    assert "younger" in refused.stderr
    assert b"complete" == seen.get("f")
    assert 0 == uploads("resume", "f", "--yes", "--overwrite").returncode
    assert b"half" == seen.get("f")


def test_a_discarded_draft_is_gone(mounting, uploads):
    """From the list of the mount, the journal and the disk."""
    mount = mounting().mount(*OPTIONS)
    left_open(mount)
    mount.mount(*OPTIONS)

    assert 0 == uploads("discard", "f", "--yes").returncode
    assert [] == mount.uploads()
    assert mount.is_clean()


# Nobody has it mounted


def test_what_was_promised_is_uploaded_without_a_mount(mounting, uploads, seen, emulator, poll):
    """`resume --all` goes on at the first missing part and leaves the journal empty."""
    mount = mounting().mount(*OPTIONS)
    one = interrupted(mount, seen, emulator, poll)
    assert ("waiting", 10) == (one["state"], one["parts_total"])
    held = len(seen.parts())
    emulator.reset_stats()

    done = uploads("resume", "--all")

    assert (0, "f: in the bucket (1.02 MB)\n") == (done.returncode, done.stdout), done.stderr
    assert LARGE == seen.get("f")
    assert mount.is_clean()
    assert emulator.requests("UploadPart") <= 10 - held
    assert "Everything is in the buckets." in uploads("list").stdout


def test_a_folder_without_credentials_says_what_to_run(mounting, uploads, emulator, poll, seen):
    """The bucket cannot be asked: nothing changes, and the way out is named."""
    mount = mounting().mount(*OPTIONS)
    one = interrupted(mount, seen, emulator, poll)
    bare = {name: value for name, value in os.environ.items() if "ACCESS_KEY" not in name}

    done = uploads("resume", one["id"], env={**bare, "HOME": str(mount.path)})

    assert 1 == done.returncode
    assert (
        f"ossfs mount oss://{mount.bucket} DIR --state-dir {mount.state.resolve()}" in done.stderr
    )
    assert [one["id"]] == [left["id"] for left in mount.uploads()]


def test_a_rename_is_finished_without_a_mount(mounting, uploads, seen, emulator, poll):
    """`resume --all` leaves an empty journal, also where no file waits."""
    seen.put("d/f", b"x")
    mount = mounting().mount(*OPTIONS)
    emulator.add_fault("delay", operation="CopyObject", seconds=60)
    program = f"import os; os.rename({str(mount.path / 'd')!r}, {str(mount.path / 'e')!r})"
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL):
        poll(lambda: mount.journal("moves"))
        mount.kill()
    emulator.clear_faults()
    assert [] == mount.uploads()

    done = uploads("resume", "--all")

    assert 0 == done.returncode, done.stderr
    assert ["e/f"] == [key for key in seen.keys() if key.endswith("f")]  # noqa: SIM118  # a list
    assert mount.is_clean()


def test_one_of_several_is_uploaded(mounting, uploads, seen, emulator):
    """The others of the folder stay as they are."""
    mount = mounting().mount(*OPTIONS)
    emulator.add_fault("error", operation="PutObject", status=403, code="AccessDenied")
    for name in "ab":
        with pytest.raises(PermissionError):
            (mount.path / name).write_bytes(b"x")
    mount.kill()
    emulator.clear_faults()

    assert 0 == uploads("resume", "b").returncode
    assert ["b"] == seen.keys()
    assert ["a"] == [one["key"] for one in mount.uploads()]


def test_an_upload_of_a_dead_mount_is_aborted(mounting, uploads, seen, emulator, poll):
    """The store is paid no more; the bytes are still here, and can go on."""
    mount = mounting().mount(*OPTIONS)
    one = interrupted(mount, seen, emulator, poll)
    assert ["f"] == seen.uploads()

    done = uploads("abort", one["id"])

    assert 0 == done.returncode, done.stderr
    assert "the next attempt begins again" in done.stdout
    assert "has no upload at the store" in uploads("abort", one["id"]).stdout
    assert [] == seen.uploads()
    assert 0 == uploads("resume", one["id"]).returncode
    assert LARGE == seen.get("f")


def test_a_promise_of_a_dead_mount_is_discarded(mounting, uploads, seen, emulator, poll):
    """Upload, row and bytes."""
    mount = mounting().mount(*OPTIONS)
    interrupted(mount, seen, emulator, poll)

    assert 0 == uploads("discard", "f", "--yes").returncode
    assert [] == seen.uploads()
    assert mount.is_clean()


def test_a_discard_without_the_store_is_made_good_later(mounting, uploads, seen, emulator, poll):
    """The bytes are gone here; its upload is ours, needed no more, and aborted when it can be."""
    mount = mounting().mount(*OPTIONS)
    interrupted(mount, seen, emulator, poll)
    bare = {name: value for name, value in os.environ.items() if "ACCESS_KEY" not in name}

    done = uploads("discard", "f", "--yes", env={**bare, "HOME": str(mount.path)})

    assert 1 == done.returncode
    assert "discarded here, but an upload stays at the store" in done.stderr
    assert [] == mount.uploads()
    assert ["f"] == seen.uploads()
    told = uploads("gc", f"oss://{mount.bucket}", "--older-than", "0s", "--dry-run", "--json")
    assert ("ours", "would be aborted") == (
        json.loads(told.stdout)[0]["owner"],
        json.loads(told.stdout)[0]["action"],
    )
    mount.mount(*OPTIONS)
    assert [] == seen.uploads()
    assert mount.is_clean()


def test_gc_aborts_what_was_ours(mounting, uploads, seen, emulator, poll):
    """Without --foreign, and with no mount."""
    mount = mounting().mount(*OPTIONS)
    interrupted(mount, seen, emulator, poll)
    bare = {name: value for name, value in os.environ.items() if "ACCESS_KEY" not in name}
    uploads("discard", "f", "--yes", env={**bare, "HOME": str(mount.path)})

    assert 0 == uploads("gc", f"oss://{mount.bucket}", "--older-than", "0s").returncode
    assert [] == seen.uploads()


def test_a_draft_is_exported_and_discarded_without_the_store(mounting, uploads, tmp_path):
    """What is local needs no credentials."""
    mount = mounting().mount(*OPTIONS)
    left_open(mount, data=b"draft")
    bare = {name: value for name, value in os.environ.items() if "ACCESS_KEY" not in name}
    (tmp_path / "out").write_bytes(b"mine")

    refused = uploads("export", "f", tmp_path / "out", env=bare)
    assert 2 == refused.returncode
    assert "--force" in refused.stderr
    assert b"mine" == (tmp_path / "out").read_bytes()
    assert 0 == uploads("export", "f", tmp_path / "out", "--force", env=bare).returncode
    assert b"draft" == (tmp_path / "out").read_bytes()
    assert b"draft" == uploads("export", "f", "-", text=False, env=bare).stdout
    assert 0 == uploads("discard", "f", "--yes", env=bare).returncode
    assert mount.is_clean()


def test_a_draft_of_an_edit_is_exported_in_part_only(mounting, uploads, seen, tmp_path):
    """Nobody knows what else was to be changed, nor what of it is the base's."""
    seen.put("f", LARGE)
    mount = mounting().mount(*OPTIONS)
    left_open(mount, data=b"#" * 4096, flags=os.O_WRONLY, at=8192)

    refused = uploads("resume", "f", "--yes")
    assert 1 == refused.returncode
    assert "unfinished edit" in refused.stderr
    assert 1 == uploads("export", "f", tmp_path / "out").returncode
    done = uploads("export", "f", tmp_path / "out", "--partial")
    assert 0 == done.returncode
    assert "missing: bytes 0 to 8192 (unknown)" in done.stderr
    content = (tmp_path / "out").read_bytes()
    assert (len(LARGE), b"#" * 4096) == (len(content), content[8192:12288])


def test_a_folder_in_use_is_refused(mounting, uploads, seen, emulator, poll):
    """While `resume` works on a folder, a mount of it is refused with who has it."""
    mount = mounting().mount(*OPTIONS)
    interrupted(mount, seen, emulator, poll)
    emulator.add_fault("delay", operation="UploadPart", count=1, seconds=2)
    emulator.reset_stats()
    command = [sys.executable, "-m", "ossfs", "uploads", "resume", "--all"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as resume:
        poll(lambda: emulator.requests("UploadPart"))
        refused = mount.try_mount(*OPTIONS)
        assert 1 == refused.returncode
        assert "is used by another process, perhaps `ossfs uploads`" in refused.stderr
        assert ["f"] == [one["key"] for one in mount.uploads()]
        busy = uploads("discard", "f", "--yes")
        assert 1 == busy.returncode
        assert "is used by" in busy.stderr
        assert 0 == resume.wait(30)


def test_ctrl_c_leaves_the_rest_for_later(mounting, uploads, seen, emulator, poll):
    """The command ends at once, whatever the store does; nothing is lost."""
    mount = mounting().mount(*OPTIONS)
    interrupted(mount, seen, emulator, poll)
    emulator.add_fault("delay", operation="UploadPart", seconds=60)
    emulator.reset_stats()
    command = [sys.executable, "-m", "ossfs", "uploads", "resume", "--all"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as resume:
        poll(lambda: emulator.requests("UploadPart"))
        resume.send_signal(signal.SIGINT)
        _, said = resume.communicate(timeout=10)
    assert 130 == resume.returncode
    assert "is kept, and goes on later" in said
    emulator.clear_faults()

    assert 0 == uploads("resume", "--all").returncode
    assert LARGE == seen.get("f")


def test_who_is_asked_can_say_no(mounting, uploads):
    """On a terminal, deleting waits for an answer."""
    mount = mounting().mount(*OPTIONS)
    left_open(mount, data=b"draft")
    for answer, code, left in ((b"n\n", 1, 1), (b"y\n", 0, 0)):
        master, slave = pty.openpty()
        os.write(master, answer)
        done = uploads("discard", "f", stdin=slave)
        os.close(slave)
        os.close(master)
        assert code == done.returncode
        assert "Delete the local bytes of 1: f (draft, 5 bytes)?" in done.stderr
        assert left == len(mount.uploads())


# Which one


def test_a_word_that_fits_two_is_refused(mounting, uploads):
    """Both are named; --mount says which, by any of its names."""
    mounts = [mounting().mount(*OPTIONS) for _ in range(2)]
    for number, mount in enumerate(mounts):
        left_open(mount, data=b"%d" % number)

    refused = uploads("show", "f")
    assert 2 == refused.returncode
    assert "f means several files" in refused.stderr
    for mount in mounts:
        assert str(mount.state.resolve()) in refused.stderr
    for words in (mounts[1].path, mounts[1].state):
        assert "1" == uploads("export", "f", "-", "--mount", words).stdout
    assert 2 == uploads("show", "f", "--mount", "/nowhere").returncode
    assert 2 == uploads("show", "g").returncode


# Progress


def test_the_watch_ends_when_all_is_done(mounting, uploads, seen, emulator):
    """Without a terminal it prints lines; with --json, one object for each change."""
    mount = mounting().mount(*OPTIONS, "--durability", "journal", "--upload-threads", "1")
    emulator.set_latency(0.05)
    (mount.path / "f").write_bytes(LARGE)

    done = uploads("watch", "--until-done", "--json", "--mount", mount.path)

    assert 0 == done.returncode, done.stderr
    sent = [
        one["sent"] for line in done.stdout.splitlines() for one in json.loads(line)[0]["uploads"]
    ]
    assert sent == sorted(sent)
    assert any(0 < one < len(LARGE) for one in sent)
    assert LARGE == seen.get("f")
    (mount.path / "g").write_bytes(LARGE)
    plain = uploads("list", "--watch", "--mount", mount.path, "--until-done")
    assert 0 == plain.returncode
    assert "left: 1 file" in plain.stderr


def test_the_watch_draws_bars_on_a_terminal_and_ctrl_c_ends_it(mounting, seen, emulator, poll):
    """A bar for the file and one for all; the end is an end, not a crash."""
    mount = mounting().mount(*OPTIONS, "--durability", "journal")
    emulator.add_fault("delay", operation="UploadPart", skip=4, seconds=3)
    (mount.path / "the-file").write_bytes(LARGE)
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "ossfs", "uploads", "watch"]
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=env) as watch:
        os.close(slave)
        shown = b""

        def is_drawn():
            nonlocal shown
            shown += os.read(master, 65536)
            return b"the-file" in shown and "━".encode() in shown and b"left: 1 file" in shown

        poll(is_drawn)
        watch.send_signal(signal.SIGINT)
        try:
            while os.read(master, 65536):
                pass
        except OSError:
            pass  # EIO: the other end is closed
        assert 0 == watch.wait(10)
    os.close(master)


# Strays at the store


def test_gc_leaves_what_is_needed_and_aborts_what_is_foreign(
    mounting, uploads, seen, emulator, poll
):
    """Ours stays; an upload of nobody we know goes with --foreign only."""
    mount = mounting().mount(*OPTIONS)
    interrupted(mount, seen, emulator, poll)
    seen.request("POST", "theirs", "uploads")
    url = f"oss://{mount.bucket}"
    assert ["f", "theirs"] == sorted(seen.uploads())

    first = uploads("gc", url, "--older-than", "0s", "--json")
    assert 0 == first.returncode, first.stderr
    told = {one["key"]: one for one in json.loads(first.stdout)}
    assert ("needed", "kept") == (told["f"]["owner"], told["f"]["action"])
    assert ("foreign", "kept") == (told["theirs"]["owner"], told["theirs"]["action"])
    assert told["f"]["size"] >= 3 * PART
    assert 0 == uploads("gc", url, "--older-than", "0s", "--foreign", "--dry-run").returncode
    assert 2 == len(seen.uploads())
    assert "No upload" in uploads("gc", url, "--older-than", "1h", "--foreign").stdout
    done = uploads("gc", url, "--older-than", "0s", "--foreign")
    assert 0 == done.returncode
    assert "aborted" in done.stdout
    assert ["f"] == seen.uploads()
    assert 2 == uploads("gc", url, "--older-than", "soon").returncode

    assert 0 == uploads("resume", "--all").returncode
    assert LARGE == seen.get("f")


def test_help_explains_each_command(uploads):
    """Each says what it does, and takes --json."""
    for name in ("list", "show", "watch", "resume", "abort", "discard", "export", "gc"):
        done = uploads(name, "--help")
        assert 0 == done.returncode
        assert "--json" in done.stdout
