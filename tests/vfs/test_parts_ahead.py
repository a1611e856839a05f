"""Full parts are sent while a file is still being written, and are right whatever follows."""

import os

import pytest

from ossfs.errors import AccessDenied, NoSuchUpload, Unreachable
from ossfs.journal import journal as journal_module
from ossfs.transfer.workers import ThreadWorkers

NEW = os.O_CREAT | os.O_RDWR
LARGE = bytes(range(250)) * 19  # 4750 bytes: five parts
OTHER = bytes(reversed(LARGE))


@pytest.fixture
def life(core):
    with core.mounted() as life:
        yield life


@pytest.fixture
def sh(life):
    return life.os


def written(sh, path="/f", data=LARGE, piece=300):
    """Open a new file, write it piece by piece, and return the descriptor."""
    fd = sh.open(path, NEW)
    for offset in range(0, len(data), piece):
        sh.pwrite(fd, data[offset : offset + piece], offset)
    return fd


def sent(life):
    """Return the numbers of the parts that were sent, in this order."""
    return [call.args[2] for call in life.points.calls if call.name == "upload_part"]


def test_full_parts_do_not_wait_for_the_close(core, life, sh):
    """Each is on its way when the writer has passed it; the close sends the rest, and no more."""
    fd = written(sh)
    assert [1, 2, 3, 4] == sent(life)
    assert {} == core.objects()
    life.points.calls.clear()
    sh.close(fd)

    assert ["upload_part", "complete_upload"] == life.points.names()
    assert [5] == sent(life)
    assert {"f": LARGE} == core.objects()


def test_a_file_of_one_part_is_one_request(life, sh):
    """Nobody knows that it is large before a byte is behind the first part."""
    sh.listdir("/")
    life.requests()
    fd = written(sh, data=LARGE[:1000])
    assert [] == sent(life)
    sh.close(fd)
    assert ["put"] == life.requests()


def test_what_is_written_in_no_order_waits(life, sh):
    """It may well be written again: only runs that fill a whole part are sent ahead."""
    fd = sh.open("/f", NEW)
    for offset in reversed(range(0, 5000, 500)):
        sh.pwrite(fd, bytes(500), offset)
    assert [] == sent(life)
    sh.pwrite(fd, bytes(2500), 1700)
    assert [3, 4] == sent(life)
    sh.close(fd)

    assert sorted(sent(life)) == [1, 2, 3, 4, 5]


def test_appending_counts_as_well(core, life, sh):
    """Parts that are wholly new."""
    core.put("f", LARGE)
    fd = sh.open("/f", os.O_WRONLY | os.O_APPEND)
    for offset in range(0, len(OTHER), 200):
        sh.pwrite(fd, OTHER[offset : offset + 200], 0)
    assert [6, 7, 8, 9] == sent(life)
    sh.close(fd)

    assert {"f": LARGE + OTHER} == core.objects()
    assert [5, 6, 7, 8, 9, 10] == sorted(sent(life))


@pytest.mark.parametrize("offset", [0, 999, 1000, 1500, 3999])
def test_a_part_that_is_written_again(core, life, sh, offset):
    """It is sent again, and no other."""
    fd = written(sh)
    sh.pwrite(fd, b"#", offset)
    sh.close(fd)

    assert {"f": LARGE[:offset] + b"#" + LARGE[offset + 1 :]} == core.objects()
    assert sorted([1, 2, 3, 4, 5, offset // 1000 + 1]) == sorted(sent(life))


@pytest.mark.parametrize("size", [0, 999, 1000, 1001, 2500, 3000, 4749, 6000])
def test_a_file_that_is_cut_or_extended(core, sh, size):
    """Parts behind the end, and the one that the end is in, do not count any more."""
    fd = written(sh)
    sh.ftruncate(fd, size)
    sh.pwrite(fd, b"!", 10)
    sh.close(fd)

    expected = bytearray(LARGE[:size].ljust(max(size, 11), b"\0"))
    expected[10:11] = b"!"
    assert {"f": bytes(expected)} == core.objects()
    assert [] == core.uploads()


def test_a_file_that_is_cut_and_written_on(core, sh):
    """What was sent of the cut part held other bytes."""
    fd = written(sh)
    sh.ftruncate(fd, 1500)
    sh.pwrite(fd, OTHER, 1500)
    sh.close(fd)

    assert {"f": LARGE[:1500] + OTHER} == core.objects()


def test_writing_the_same_once_more_sends_nothing(core, life, sh):
    """The store has these bytes: they are compared, not sent."""
    fd = written(sh)
    for offset in range(0, len(LARGE), 500):
        sh.pwrite(fd, LARGE[offset : offset + 500], offset)
    sh.close(fd)

    assert [1, 2, 3, 4, 5] == sorted(sent(life))
    assert {"f": LARGE} == core.objects()


def test_a_part_that_fails_is_sent_by_the_close(core, life, sh, expect_log):
    """Nobody hears of it but the log; the file is whole."""
    expect_log("part 2 of f could not be sent ahead")
    left = [Unreachable("no")]
    life.points.refuse = lambda call: (
        left.pop() if left and call.name == "upload_part" and call.args[2] == 2 else None
    )
    fd = written(sh)
    assert [1] == sent(life)
    sh.close(fd)

    assert {"f": LARGE} == core.objects()
    assert [1, 2, 3, 4, 5] == sent(life)


def test_an_upload_that_cannot_be_begun_is_reported_by_the_close(core, life, sh, expect_log):
    """With its errno; the bytes are kept, and go on when it can."""
    expect_log("could not be sent ahead|f is not in the bucket yet|could not be brought")
    sh.listdir("/")
    is_refused = True
    life.points.refuse = lambda call: AccessDenied("no") if is_refused else None
    fd = written(sh)
    with pytest.raises(AccessDenied):
        sh.fsync(fd)
    is_refused = False
    sh.close(fd)

    assert {"f": LARGE} == core.objects()


def test_an_upload_that_somebody_aborts_under_way(core, life, sh, expect_log):
    """It begins anew at the close."""
    expect_log("could not be sent ahead|aborted by somebody else|not known to the store")

    def abort(call):
        if call.name == "upload_part" and call.args[2] == 3:
            life.points.on_call = lambda call: None
            core.bucket.abort_upload("f", call.args[1])

    life.points.on_call = abort
    fd = written(sh)
    sh.close(fd)

    assert {"f": LARGE} == core.objects()
    assert [] == core.uploads()


def test_a_file_that_is_renamed_while_it_is_written(core, sh):
    """An upload has one key: it begins anew under the new one, and the old one is aborted."""
    fd = written(sh)
    sh.rename("/f", "/g")
    sh.pwrite(fd, OTHER, len(LARGE))
    sh.close(fd)

    assert ({"g": LARGE + OTHER}, []) == (core.objects(), core.uploads())


def test_a_file_that_is_unlinked_while_it_is_written(core, life, sh):
    """Nothing stays at the store, and nothing more is sent."""
    fd = written(sh)
    sh.unlink("/f")
    life.points.calls.clear()
    sh.pwrite(fd, OTHER, len(LARGE))
    sh.close(fd)

    assert [] == sent(life)
    assert ({}, []) == (core.objects(), core.uploads())


def test_times_are_those_of_the_beginning(core, sh):
    """CreateUpload carries them: no copy afterwards for a clock that nobody set."""
    core.clock.advance(5)
    fd = written(sh)
    begun = sh.fstat(fd)
    core.clock.advance(5)
    sh.pwrite(fd, b"#", len(LARGE))
    assert sh.fstat(fd).st_mtime_ns > begun.st_mtime_ns
    sh.close(fd)

    seen = sh.stat("/f")
    assert begun.st_mtime_ns == seen.st_mtime_ns
    with core.mounted() as other:
        assert seen.st_mtime_ns == other.os.stat("/f").st_mtime_ns


def test_times_are_those_of_the_last_write_when_nothing_is_sent_ahead(core, sh):
    """The upload begins with the close, and takes along what is known by then."""
    fd = sh.open("/f", NEW)
    for offset in reversed(range(0, 5000, 500)):
        core.clock.advance(5)
        sh.pwrite(fd, bytes(500), offset)
    written_ns = sh.fstat(fd).st_mtime_ns
    core.clock.advance(5)
    sh.close(fd)

    assert written_ns == sh.stat("/f").st_mtime_ns
    with core.mounted() as other:
        assert written_ns == other.os.stat("/f").st_mtime_ns


def test_times_and_modes_that_were_set_are_kept(core, life, sh):
    """They cost a copy of the object onto itself."""
    fd = written(sh)
    sh.chmod("/f", 0o600)
    sh.utime("/f", ns=(5 * 10**9, 7 * 10**9))
    life.points.calls.clear()
    sh.close(fd)

    assert ["upload_part", "complete_upload", "copy"] == life.points.names()
    with core.mounted() as other:
        seen = other.os.stat("/f")
        assert (0o600, 7 * 10**9) == (seen.st_mode & 0o777, seen.st_mtime_ns)
        assert LARGE == other.os.read("/f")


def test_an_upload_that_takes_long_survives_the_machine(core, monkeypatch):
    """Its bytes are flushed beside it, and the promise is made for good."""
    life = core.mount()
    life.points.on_call = lambda call: call.name == "upload_part" and core.clock.advance(0.4)
    life.points.kill_on = "before request complete_upload"
    fd = life.os.open("/f", NEW)
    for offset in reversed(range(0, 5000, 500)):
        life.os.pwrite(fd, LARGE[offset : offset + 500], offset)
    with pytest.raises(core.Killed):
        life.os.close(fd)
    life.die()
    monkeypatch.setattr(journal_module, "boot_id", lambda: "another boot")
    with core.mounted(is_running=True) as again:
        assert again.mount.drain(20)

    assert {"f": LARGE} == core.objects()


def test_many_writers_and_workers(core):
    """Threads that send while others write: every byte is right."""
    with core.mounted(workers=lambda: ThreadWorkers(4, "test")) as life:
        for round_ in range(20):
            data = os.urandom(7777)
            fd = written(life.os, f"/{round_}", data, piece=111)
            life.os.pwrite(fd, b"#", round_ * 300)
            life.os.close(fd)
            expected = bytearray(data)
            expected[round_ * 300 : round_ * 300 + 1] = b"#"
            assert bytes(expected) == core.objects()[str(round_)]
    assert [] == core.uploads()


def test_a_writer_is_slowed_down(core, monkeypatch):
    """It waits until enough of its parts have arrived, and goes on when they cannot."""
    monkeypatch.setattr("ossfs.writeback.eager.AHEAD", 2500)
    most = 0

    with core.mounted(workers=lambda: ThreadWorkers(1, "test")) as life:

        def look(call):
            nonlocal most
            if call.name == "upload_part":
                node = life.fs._tree.nodes.get("f")
                most = max(most, node.pending.upload.unsent)

        life.points.on_call = look
        fd = written(life.os, data=LARGE * 4)
        life.os.close(fd)

    assert {"f": LARGE * 4} == core.objects()
    assert 1000 < most <= 3500


def test_a_writer_does_not_wait_for_ever(core, monkeypatch, expect_log):
    """When nothing arrives, it goes on writing; the close says what is wrong."""
    expect_log("could not be sent ahead|aborted by somebody|not in the bucket yet")
    monkeypatch.setattr("ossfs.writeback.eager.AHEAD", 1)
    with core.mounted(workers=lambda: ThreadWorkers(2, "test")) as life:
        life.points.refuse = lambda call: NoSuchUpload("no") if call.name == "upload_part" else None
        fd = written(life.os, data=LARGE * 2)
        with pytest.raises(NoSuchUpload):
            life.os.fsync(fd)
        life.points.refuse = lambda call: None
        life.os.close(fd)

    assert {"f": LARGE * 2} == core.objects()
