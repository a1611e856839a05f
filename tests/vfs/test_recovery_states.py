"""What the next mount makes of what it finds: damage is named, the rest goes on."""

import contextlib
import errno
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from ossfs.errors import AccessDenied, JournalUnusable, StagingFull, Unreachable
from ossfs.journal import journal as journal_module
from ossfs.journal.journal import Journal
from ossfs.journal.salvage import is_log_damaged
from ossfs.writeback.recovery import finish_deletions, pending
from ossfs.writeback.staging import StagingArea

NEW = os.O_CREAT | os.O_RDWR
LARGE = bytes(range(250)) * 19  # five parts


def died(core, act, on, **options):
    """Let a mount die at this moment of `act`."""
    life = core.mount(**options)
    life.points.kill_on = on
    with pytest.raises(core.Killed):
        act(life.os)
    life.die()


def backwards(sh, path, data):
    """Write a file so that nothing of it is sent before it is closed."""
    fd = sh.open(path, NEW)
    for offset in reversed(range(0, len(data), 250)):
        sh.pwrite(fd, data[offset : offset + 250], offset)
    sh.close(fd)


def recovered(core, **options):
    with core.mounted(is_running=True, **options) as life:
        assert life.mount.drain(20)
        return life.mount.status()


def test_a_draft_is_kept_and_not_uploaded(core):
    """Nobody promised it; its bytes are where the list says."""
    died(core, lambda sh: sh.write("/f", b"draft"), "before fact promise")
    (status,) = recovered(core)

    assert ("f", "draft", 5) == (status.key, status.state, status.size)
    with open(status.staging, "rb") as file:  # noqa: PTH123  # as a user would
        assert b"draft" == file.read()
    assert {} == core.objects()
    assert [status] == pending(core.state_dir)


def test_what_waits_can_be_seen_beside_a_mount(core):
    """The list of a state folder is read without its lock, and without a journal it is empty."""
    assert [] == pending(core.state_dir)
    died(core, lambda sh: sh.write("/f", LARGE), "after fact part_done")
    (status,) = pending(core.state_dir)

    assert ("f", "draft", 4750, 1000, 1) == (
        status.key, status.state, status.size, status.sent, status.parts_done
    )  # fmt: skip


def test_a_file_is_readable_before_it_is_uploaded(core, expect_log):
    """The mount shows what was promised, whatever the bucket has."""
    expect_log("f could not be brought to the bucket|f is not in the bucket yet")
    core.put("f", LARGE)
    died(core, lambda sh: sh.edit("/f", 0, b"#"), "before request create_upload")
    life = core.mount(refuse=lambda call: Unreachable("no") if call.name != "get" else None)

    assert b"#" + LARGE[1:] == life.os.read("/f")


def test_bytes_that_are_lost_are_named(core, expect_log):
    """One file's staging is gone: it is said, and the other files go on."""
    expect_log("the local bytes of f, 4750 of them in .*, are gone|could not be sent ahead")
    life = core.mount(
        refuse=lambda call: Unreachable("no") if call.name == "create_upload" else None
    )
    for path in ("/f", "/g"):
        with pytest.raises(Unreachable):
            life.os.write(path, LARGE)
    life.die()
    records = core.ledger().files
    (core.state_dir / "staging" / records[0].staging).unlink()

    assert [("f", "lost")] == [(one.key, one.state) for one in recovered(core)]
    assert LARGE == core.objects()["g"]


def test_files_that_nobody_knows_are_removed(core):
    """A staging file without a journal row was clean."""
    with core.mounted():
        pass
    (core.state_dir / "staging" / "orphan").write_bytes(b"x")
    recovered(core)

    assert [] == core.staged()


def test_a_rename_that_cannot_be_finished_waits(core, expect_log):
    """The mount comes up; the next one tries again."""
    expect_log("the rename of f to g is not finished")
    core.put("f", b"x")
    died(core, lambda sh: sh.rename("/f", "/g"), "after fact begin_move")
    life = core.mount(refuse=lambda call: AccessDenied("no") if call.name == "copy" else None)
    assert ["f"] == life.os.listdir("/")
    life.close()
    life.points.is_dead = True
    recovered(core)

    assert {"g": b"x"} == core.objects()


def test_a_deletion_that_cannot_be_finished_waits(core, expect_log):
    """The same for a file that was unlinked while open."""
    expect_log("not deleted")
    core.put("f", b"x")

    def unlink(sh):
        sh.open("/f", os.O_RDONLY)
        sh.unlink("/f")

    died(core, unlink, "after fact begin_deletion")
    life = core.mount(refuse=lambda call: AccessDenied("no") if call.name == "delete" else None)
    life.close()
    life.points.is_dead = True
    assert 1 == len(core.ledger().deletions)
    recovered(core)

    assert {} == core.objects()
    assert not core.ledger().deletions


def test_a_deletion_of_what_is_gone(core):
    """Somebody else was faster, or has put another object there: theirs stays."""
    life = core.mount()
    life.journal.begin_deletion("gone", "E")
    life.journal.begin_deletion("theirs", "E")
    core.put("theirs", b"x")
    finish_deletions(life.journal.load(), life.journal, core.bucket)

    assert {"theirs": b"x"} == core.objects()
    assert not life.journal.load().deletions


# Durability "journal"


def test_close_does_not_wait_for_the_bucket(core, expect_log):
    """It returns when bytes and promise are on the local disk; the rest follows."""
    expect_log("f is not in the bucket yet")
    life = core.mount(durability="journal", is_running=True)
    life.points.refuse = lambda call: Unreachable("no") if call.name == "put" else None
    life.os.write("/f", b"x")
    assert b"x" == life.os.read("/f")
    assert {} == core.objects()
    assert not life.mount.drain(0.1)
    life.die()
    recovered(core)

    assert {"f": b"x"} == core.objects()


@pytest.mark.parametrize("data", [b"small", LARGE], ids=["small", "large"])
def test_what_was_promised_survives_the_machine(core, monkeypatch, data):
    """Power fails while the background commits it: the next boot goes on."""
    core.put("f", LARGE)
    life = core.mount(durability="journal")
    fd = life.os.open("/f", os.O_RDWR)
    life.os.ftruncate(fd, len(data))
    life.os.pwrite(fd, b"#", 0)
    life.fs._files.committer.promise(life.fs._handles.get(fd).node.pending)
    life.points.kill_on = f"before request {'put' if len(data) < 1000 else 'create_upload'}"
    with pytest.raises(core.Killed):
        life.fs._files.commit(life.fs._handles.get(fd).node)
    life.die()
    monkeypatch.setattr(journal_module, "boot_id", lambda: "another boot")
    recovered(core)

    assert {"f": b"#" + LARGE[1 : len(data)]} == core.objects()


def test_a_full_disk_refuses_the_write(life, sh, monkeypatch):
    """ENOSPC at the write, and what was there before is committed."""
    fd = sh.open("/f", NEW)
    sh.pwrite(fd, b"kept", 0)

    def full(size):
        raise StagingFull("full")

    monkeypatch.setattr(life.fs._files.nodes._area, "claim", full)
    with pytest.raises(StagingFull):
        sh.pwrite(fd, b"refused", 4)
    sh.close(fd)
    assert b"kept" == sh.read("/f")


def test_a_commit_that_failed_is_tried_again(core, expect_log):
    """Close says so, status shows it, the bytes stay, and the scheduler brings them."""
    with core.mounted(is_running=True) as life:
        life.points.refuse = lambda call: AccessDenied("no") if call.name == "put" else None
        with pytest.raises(AccessDenied):
            life.os.write("/f", b"x")
        (status,) = life.mount.status()
        assert ("f", "failed") == (status.key, status.state)
        assert "no" in status.error
        assert b"x" == life.os.read("/f")
        life.points.refuse = lambda call: None
        assert life.mount.drain(20)

    assert {"f": b"x"} == core.objects()
    core.assert_nothing_left()


def test_a_file_that_never_arrived_can_be_removed(core, life, sh):
    """Its PUT was carried out, the answer lost: unlink takes the object too."""
    life.points.lose = lambda call: call.name == "put"
    with pytest.raises(Unreachable):
        sh.write("/f", b"x")
    sh.unlink("/f")

    assert {} == core.objects()


# Damage


def promised(core, *paths, data=LARGE):
    """Let a mount die that could not bring these to the bucket; return their records."""
    life = core.mount(
        refuse=lambda call: Unreachable("no") if call.name in {"create_upload", "put"} else None
    )
    for path in paths:
        with pytest.raises(Unreachable):
            backwards(life.os, path, data)
    life.die()
    return core.ledger().files


def lost(core):
    """Return the bytes of the lost files that the list names, by key."""
    return {
        one.key: Path(one.staging).read_bytes()
        for one in pending(core.state_dir)
        if one.state == "lost"
    }


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b"no journal" * 1000),
        lambda path: path.write_bytes(path.read_bytes()[:5000]),
        lambda path: path.write_bytes(path.read_bytes()[:100] + b"\xff" * 16000),
    ],
    ids=["overwritten", "cut", "garbled"],
)
def test_a_damaged_journal_is_put_aside(core, expect_log, damage):
    """The mount comes up; journal and bytes are kept, named, and nothing is uploaded."""
    expect_log("it is put aside")
    expect_log("is what was the journal")
    expect_log("it is not known what")
    (record,) = promised(core, "/f")
    close_wal(core)
    damage(core.state_dir / "journal.db")
    listed = lost(core)  # before any mount, too
    assert [LARGE] == list(listed.values())

    with core.mounted(is_running=True) as life:
        (status,) = life.mount.status()
        assert ("lost", f"lost-{record.staging[:8]}") == (status.state, status.id)
        life.os.write("/g", b"the mount works")

    assert listed == lost(core)
    assert [LARGE] == [path.read_bytes() for path in lost_and_found(core)]
    assert [] == core.staged()
    assert 1 == len(list(core.state_dir.glob("journal.db.damaged-*Z")))
    assert {"g": b"the mount works"} == core.objects()
    assert "lost" == recovered(core)[0].state  # the mount after that keeps it as well


def close_wal(core):
    """Bring all of the journal into its main file."""
    core.ledger()


def lost_and_found(core):
    folder = core.state_dir / "lost+found"
    return [path for path in folder.iterdir() if not path.name.startswith(".")]


def change_journal(core, statement):
    with contextlib.closing(sqlite3.connect(core.state_dir / "journal.db")) as database:
        database.execute(statement)
        database.commit()


def test_what_a_damaged_journal_still_tells_is_used(core, expect_log):
    """The keys of lost files, where their rows can be read."""
    expect_log("it is put aside|is what was the journal|it is not known what")
    promised(core, "/f", "/g")
    change_journal(core, "DROP TABLE parts")
    recovered(core)

    assert {"f": LARGE, "g": LARGE} == lost(core)


def test_a_row_that_makes_no_sense_stops_no_other(core, expect_log):
    """Its bytes are kept and named, before the mount as well; the other file arrives."""
    expect_log("makes no sense about f")
    expect_log("it is not known what .* was .perhaps f.")
    promised(core, "/f", "/g")
    change_journal(core, "UPDATE files SET present = 'garbled' WHERE key = 'f'")
    assert {"f": LARGE} == lost(core)
    recovered(core)

    assert {"f": LARGE} == lost(core)
    assert {"g": LARGE} == core.objects()
    assert not core.ledger().files


def killed(core, *paths):
    """Leave the state folder as SIGKILL does, with the journal's log: return their records."""
    life = core.mount(
        refuse=lambda call: Unreachable("no") if call.name in {"create_upload", "put"} else None
    )
    for path in paths:
        with pytest.raises(Unreachable):
            backwards(life.os, path, LARGE)
    snapshot = core.state_dir.with_name("snapshot")
    shutil.copytree(core.state_dir, snapshot)
    life.die()
    shutil.rmtree(core.state_dir)
    snapshot.rename(core.state_dir)


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "damage",
    [
        lambda log: log.unlink(),
        lambda log: flip(log, 0),
        lambda log: flip(log, 30),
        lambda log: flip(log, log.stat().st_size * 9 // 10),
        lambda log: log.write_bytes(os.urandom(log.stat().st_size)),
    ],
    ids=["gone", "no log", "its header", "in the middle", "garbled"],
)
def test_bytes_that_only_a_damaged_log_knew_are_kept(core, expect_log, damage):
    """SQLite reads on as if nothing had been there; the files are not taken for clean ones."""
    expect_log("what it told last is lost|it is not known what|is put aside|was the journal")
    with core.mounted():
        pass  # the tables are in the journal itself
    killed(core, "/f", "/g")
    damage(core.state_dir / "journal.db-wal")
    recovered(core)

    kept = [*lost(core).values(), *core.objects().values()]
    assert [LARGE, LARGE] == kept


def test_a_sound_log_is_read_to_its_end(core):
    """A kill or a list damages nothing, also when the log has begun anew over older frames."""
    assert [] == recovered(core)
    assert [] == pending(core.state_dir)  # leaves an empty log
    assert not is_log_damaged(core.state_dir / "journal.db")
    life = core.mount()
    for number in range(300):
        life.os.write(f"/{number}", b"x")
    life.die()
    killed(core, "/f")
    assert (core.state_dir / "journal.db-wal").stat().st_size
    assert not is_log_damaged(core.state_dir / "journal.db")
    recovered(core)

    assert LARGE == core.objects()["f"]


def frames(log):
    """Return where the log's frames are, up to the first one of an older log."""
    data = log.read_bytes()
    size = 24 + int.from_bytes(data[8:12], "big")
    places = range(32, len(data) - size + 1, size)
    return [at for at in places if data[at + 8 : at + 16] == data[16:24]], size


@pytest.mark.parametrize("is_last", [False, True], ids=["in the middle", "with the last frame"])
@pytest.mark.parametrize("has_older", [False, True], ids=["at the end", "over older frames"])
def test_a_kill_between_header_and_page_damages_nothing(core, has_older, is_last):
    """The head of a frame without its page, in a transaction that did not end."""
    with core.mounted():
        pass
    killed(core, "/f")
    log = core.state_dir / "journal.db-wal"
    places, size = frames(log)
    data = log.read_bytes()[: places[-1] + size]
    pages = bytes([0, 0, 0, 12 * is_last])  # in the database, behind a transaction
    torn = data[places[-1] :][:4] + pages + data[16:24] + b"checksum" + os.urandom(size - 24)
    older = torn[:8] + b"\0" * 8 + torn[16:]
    log.write_bytes(data + torn + (2 * older if has_older else b""))
    assert not is_log_damaged(core.state_dir / "journal.db")
    index = log.with_name("journal.db-shm")
    known = index.read_bytes()
    index.unlink()
    assert is_last == is_log_damaged(core.state_dir / "journal.db")
    index.write_bytes(known)
    recovered(core)

    assert LARGE == core.objects()["f"]
    assert {} == lost(core)


def test_a_wrong_frame_before_others_is_damage(core):
    """And so is a wrong one with which a transaction ends."""
    with core.mounted():
        pass
    killed(core, "/f")
    log = core.state_dir / "journal.db-wal"
    places, _ = frames(log)
    for at in (places[len(places) // 2], places[-1]):
        flip(log, at + 100)
        assert is_log_damaged(core.state_dir / "journal.db")
        flip(log, at + 100)
    assert not is_log_damaged(core.state_dir / "journal.db")


@pytest.mark.parametrize("how", ["deleted", "emptied", "its log deleted"])
def test_bytes_without_a_journal_are_kept(core, expect_log, how):
    """Nobody knows whose they are, so nobody deletes them."""
    expect_log("it is not known what")
    promised(core, "/f")
    for path in core.state_dir.glob("journal.db*"):
        path.unlink()
    if how == "emptied":
        (core.state_dir / "journal.db").touch()
    if how == "its log deleted":  # until the first checkpoint, all is in the log
        with contextlib.closing(sqlite3.connect(core.state_dir / "journal.db")) as database:
            database.execute("PRAGMA journal_mode = WAL")
        assert (core.state_dir / "journal.db").stat().st_size
    recovered(core)
    recovered(core)

    assert [LARGE] == list(lost(core).values())
    assert {} == core.objects()


def test_a_journal_of_a_newer_version_is_not_touched(core):
    """It is not damaged: the mount is refused, and everything stays where it is."""
    (record,) = promised(core, "/f")
    with contextlib.closing(sqlite3.connect(core.state_dir / "journal.db")) as database:
        database.execute("PRAGMA user_version = 99")
    before = (core.state_dir / "journal.db").read_bytes()

    with pytest.raises(JournalUnusable, match="newer version"):
        core.mount()

    assert before == (core.state_dir / "journal.db").read_bytes()
    assert [record.staging] == core.staged()


def test_bytes_that_are_fewer_than_promised_are_named(core, expect_log):
    """A staging file that was cut is not uploaded with zeros in it; the others go on."""
    expect_log("holds 1000 of the 4750 bytes that f had")
    records = promised(core, "/f", "/g")
    os.truncate(core.state_dir / "staging" / records[0].staging, 1000)

    (status,) = recovered(core)

    assert ("f", "lost", 4750) == (status.key, status.state, status.size)
    assert {"g": LARGE} == core.objects()
    assert 1000 == Path(status.staging).stat().st_size


def test_a_file_that_cannot_be_opened_stops_no_other(core, expect_log, monkeypatch):
    """It is left as it is, shown with the reason, and goes on with the next mount."""
    expect_log("f is left as it is")
    (record, _) = promised(core, "/f", "/g")
    opened = StagingArea.open

    def refuse(area, name, content):
        if name == record.staging:
            raise OSError(errno.EIO, "Input/output error")
        return opened(area, name, content)

    with monkeypatch.context() as patch:
        patch.setattr(StagingArea, "open", refuse)
        (status,) = recovered(core)
    assert ("f", "failed", "[Errno 5] Input/output error") == (
        status.key, status.state, status.error
    )  # fmt: skip
    assert {"g": LARGE} == core.objects()
    assert [] == recovered(core)
    assert {"f": LARGE, "g": LARGE} == core.objects()


def test_a_file_that_could_not_be_opened_is_taken_up_later(core, expect_log, monkeypatch):
    """When the disk works again, `resume` brings it to the bucket, with the mount up."""
    expect_log("f is left as it is")
    core.put("f", LARGE)
    died(core, lambda sh: sh.edit("/f", 0, b"#"), "before request create_upload")

    def refuse(area, name, content):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(StagingArea, "open", refuse)
        life = core.mount(is_running=True)
    (status,) = life.mount.status()
    (outcome,) = life.mount.uploads.resume([status.id])

    assert "" == outcome.error
    assert {"f": b"#" + LARGE[1:]} == core.objects()
    assert [] == life.mount.status()


def test_a_full_disk_at_start_loses_nothing(core, monkeypatch):
    """The mount is refused with the reason; once there is room, all goes on."""
    promised(core, "/f")

    def full(self, *args, **kwargs):
        raise StagingFull("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "load", full)
        with pytest.raises(StagingFull):
            core.mount()

    assert [] == recovered(core)
    assert {"f": LARGE} == core.objects()


@pytest.mark.parametrize("part_size", [500, 2000, 100_000])
def test_the_next_mount_has_another_part_size(core, part_size):
    """An interrupted upload ends well, whatever the options are by then."""
    died(core, lambda sh: backwards(sh, "/f", LARGE), "after fact part_done")
    recovered(core, part_size=part_size)

    assert {"f": LARGE} == core.objects()
    core.assert_nothing_left()
