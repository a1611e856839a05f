"""What is remembered of transfers on disk, and what is believed of it."""

import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from ossfs.errors import TransferInUse
from ossfs.store.limits import OSS_LIMITS
from ossfs.transfer.checkpoints import CheckpointFile, ResumableStore, Unusable
from ossfs.transfer.locking import TransferLock
from ossfs.transfer.plans import UploadPlan, check_parts, earlier

PLAN = UploadPlan("upload", "oss://b at http://h", "b", "k", "/f", 10, 1, "", 5)


@pytest.fixture
def file(tmp_path):
    made = CheckpointFile(tmp_path / "one.upload")
    yield made
    made.close()


def test_what_is_noted_is_read_again(file):
    """The plan and all facts, in their order."""
    file.begin(asdict(PLAN))
    file.note({"part": 1}, is_relied_on=False)
    file.note({"part": 2}, is_relied_on=True)

    plan, facts = CheckpointFile(file.path).load()

    assert (asdict(PLAN), [{"part": 1}, {"part": 2}]) == (plan, facts)


def test_nothing_is_there_at_first(file):
    """And deleting it twice is no error."""
    assert file.load() is None
    file.delete()


def test_a_torn_last_line_is_left_out_and_overwritten(file):
    """Whatever of a line was written when the machine stopped, the facts before it hold."""
    file.begin(asdict(PLAN))
    file.note({"part": 1}, is_relied_on=True)
    file.note({"part": 2}, is_relied_on=True)
    file.close()
    whole = file.path.read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1

    for size in range(last, len(whole)):
        file.path.write_bytes(whole[:size])
        assert [{"part": 1}] == file.load().facts
        file.note({"part": 3}, is_relied_on=False)
        assert [{"part": 1}, {"part": 3}] == file.load().facts
        file.close()


def test_no_changed_byte_is_believed(file):
    """Any byte of any line, changed, makes the file unusable."""
    file.begin(asdict(PLAN))
    file.note({"part": 1}, is_relied_on=True)
    file.close()
    whole = file.path.read_bytes()

    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 1
        file.path.write_bytes(changed)
        try:
            loaded = file.load()
        except Unusable:
            continue
        assert at == len(whole) - 1, (at, loaded)  # the last line has no end: it is left out
        assert [] == loaded.facts


@pytest.mark.parametrize("content", [b"", b"garbage", b"{}\n", b"\0" * 50, b"0" * 16 + b" 1\n"])
def test_garbage_is_unusable(file, content):
    """It is neither believed nor a reason to fail."""
    file.path.write_bytes(content)

    with pytest.raises(Unusable):
        file.load()


def test_a_plan_replaces_another_in_one_step(file, monkeypatch):
    """When the machine stops before the rename, the old one is there."""
    file.begin(asdict(PLAN))
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("stop")))

    with pytest.raises(OSError, match="stop"):
        file.begin(asdict(replace(PLAN, size=11)))

    assert 10 == file.load().plan["size"]


def test_plan_and_facts_that_are_relied_on_are_flushed(file, monkeypatch):
    """The file before its rename, the folder after it, and the fact."""
    flushed = []
    for name in ("fsync", "fdatasync"):
        real = getattr(os, name)
        monkeypatch.setattr(
            os,
            name,
            lambda fd, real=real: (
                flushed.append(str(Path(f"/proc/self/fd/{fd}").readlink())),
                real(fd),
            ),
        )

    file.begin(asdict(PLAN))
    file.note({"upload": "U"}, is_relied_on=True)

    assert [f"{file.path}.new", str(file.path.parent), str(file.path)] == flushed


@pytest.mark.parametrize("name", [one for one in asdict(PLAN) if one != "part_size"])
def test_another_plan_is_not_gone_on_with(name):
    """Each field that tells transfers apart is compared."""
    value = getattr(PLAN, name)
    other = replace(PLAN, **{name: value + 1 if isinstance(value, int) else value + "x"})

    assert PLAN == earlier(PLAN, asdict(PLAN))
    with pytest.raises(Unusable, match=f"another {name}"):
        earlier(PLAN, asdict(other))


@pytest.mark.parametrize("name", list(asdict(PLAN)))
@pytest.mark.parametrize("value", [None, [], {}, 1.5, True])
def test_types_are_looked_at(name, value):
    """Of every field, before anything is done with it."""
    with pytest.raises(Unusable, match="type"):
        earlier(PLAN, asdict(PLAN) | {name: value})


def test_a_plan_with_other_fields_is_of_another_version():
    """One more or one less."""
    fields = asdict(PLAN)
    with pytest.raises(Unusable, match="other fields"):
        earlier(PLAN, fields | {"more": 1})
    del fields["size"]
    with pytest.raises(Unusable, match="other fields"):
        earlier(PLAN, fields)


def test_the_size_of_the_parts_is_taken_over():
    """An earlier run is gone on with in the parts that it has begun with."""
    assert 7 == earlier(PLAN, asdict(replace(PLAN, part_size=7))).part_size


@pytest.mark.parametrize(
    ("part_size", "size"), [(0, 5), (-5, 5), (1000, 5000), (6 << 30, 20 << 30), (1 << 20, 1 << 40)]
)
def test_parts_that_the_store_would_refuse(part_size, size):
    """A record may have been written for another store, or by somebody else."""
    with pytest.raises(Unusable):
        check_parts(part_size, size, OSS_LIMITS)


def test_each_transfer_has_a_file_of_its_own(tmp_path):
    """By what is moved, from where and to where."""
    store = ResumableStore(tmp_path, "mine")

    paths = {
        store.path(*one)
        for one in (
            ("upload", "/a", "oss://b/k"),
            ("upload", "/b", "oss://b/k"),
            ("upload", "/a", "oss://b/l"),
            ("download", "/a", "oss://b/k"),
        )
    }

    assert 4 == len(paths)
    assert {tmp_path / "mine"} == {path.parent for path in paths}
    assert not (tmp_path / "mine").exists()
    TransferLock(paths.pop()).release()
    assert 0o700 == (tmp_path / "mine").stat().st_mode & 0o777


def test_where_they_are_kept_by_default(tmp_path, monkeypatch):
    """In the home of what programs remember; a relative one does not count."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert tmp_path / "ossfs-transfers" == ResumableStore().folder

    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert "relative" not in ResumableStore().folder.parts


# The lock


def test_a_second_one_is_told_who_has_it(tmp_path):
    """In the same process, too; and after the release it may."""
    first = TransferLock(tmp_path / "lock")

    with pytest.raises(TransferInUse, match=f"process {os.getpid()} "):
        TransferLock(tmp_path / "lock")
    first.release()

    TransferLock(tmp_path / "lock").release()
    assert [] == list(tmp_path.iterdir())


def test_another_process_has_it_until_it_ends(tmp_path):
    """However it ends."""
    code = (
        "import sys, pathlib, time\n"
        "from ossfs.transfer.locking import TransferLock\n"
        "lock = TransferLock(pathlib.Path(sys.argv[1]))\n"
        "print('held', flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, tmp_path / "lock"], stdout=subprocess.PIPE
    ) as process:
        assert b"held\n" == process.stdout.readline()
        with pytest.raises(TransferInUse, match=f"process {process.pid} "):
            TransferLock(tmp_path / "lock")
        process.kill()
    TransferLock(tmp_path / "lock").release()
