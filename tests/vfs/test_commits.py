"""Commits that do not go straight: aborted, refused, changed meanwhile, too large."""

import os
from dataclasses import replace

import pytest

from ossfs.errors import AccessDenied, EditConflict, ObjectTooLarge, Unreachable
from ossfs.store.limits import OSS_LIMITS

NEW = os.O_CREAT | os.O_RDWR
LARGE = bytes(range(250)) * 19  # five parts


def refuse_once(life, name, error):
    left = [error]
    life.points.refuse = lambda call: left.pop() if left and call.name == name else None


def test_an_upload_that_somebody_aborts(core, life, sh, expect_log):
    """It is begun again, once, from the first part."""
    expect_log("aborted by somebody else; starting again")
    once = iter([True])

    def abort(call):
        if call.name == "complete_upload" and next(once, False):
            core.bucket.abort_upload("f", call.args[1])

    life.points.on_call = abort
    sh.write("/f", LARGE)

    assert ({"f": LARGE}, []) == (core.objects(), core.uploads())


@pytest.mark.parametrize("size", [4750, 300], ids=["large again", "small now"])
def test_a_file_that_changes_after_its_upload_failed(core, life, sh, size):
    """Parts of the older content are not mixed with the newer one, and not left behind."""
    refuse_once(life, "complete_upload", AccessDenied("no"))
    fd = sh.open("/f", NEW)
    sh.pwrite(fd, LARGE, 0)
    with pytest.raises(AccessDenied):
        sh.fsync(fd)
    sh.ftruncate(fd, size)
    sh.pwrite(fd, b"##", 100)
    sh.close(fd)

    assert {"f": LARGE[:100] + b"##" + LARGE[102:size]} == core.objects()
    assert [] == core.uploads()


def test_a_file_that_is_renamed_after_its_upload_failed(core, life, sh):
    """The upload for the old name is of no use, and the object has the new one."""
    refuse_once(life, "complete_upload", AccessDenied("no"))
    fd = sh.open("/f", NEW)
    sh.pwrite(fd, LARGE, 0)
    with pytest.raises(AccessDenied):
        sh.fsync(fd)
    sh.rename("/f", "/g")
    sh.close(fd)

    assert ({"g": LARGE}, []) == (core.objects(), core.uploads())


def test_an_upload_that_cannot_be_aborted(core, life, sh, expect_log):
    """It is said, and unlink succeeds all the same."""
    expect_log("stays behind")
    life.points.refuse = lambda call: (
        AccessDenied("no") if call.name in {"complete_upload", "abort_upload"} else None
    )
    fd = sh.open("/f", NEW)
    sh.pwrite(fd, LARGE, 0)
    with pytest.raises(AccessDenied):
        sh.fsync(fd)
    sh.unlink("/f")
    sh.close(fd)

    assert {} == core.objects()
    assert 1 == len(core.uploads())


def test_attributes_of_an_object_too_large_for_one_copy(make_core):
    """They are set by an upload of copied parts."""
    core = make_core(limits=replace(OSS_LIMITS, min_part=100, max_copy=1000))
    core.put("f", LARGE)
    with core.mounted() as life:
        fd = life.os.open("/f", os.O_RDONLY)
        life.os.chmod("/f", 0o600)
        life.os.fsync(fd)
        life.os.close(fd)

    assert (LARGE, str(0o100600)) == (core.objects()["f"], core.bucket.head("f").metadata["mode"])
    assert [] == core.uploads()


def test_files_that_are_too_large(make_core):
    """EFBIG at the write or truncate that passes the limit, not at close."""
    core = make_core(limits=replace(OSS_LIMITS, min_part=100, max_parts=5))
    with core.mounted() as life:
        sh = life.os
        fd = sh.open("/f", NEW | os.O_APPEND)
        sh.pwrite(fd, bytes(4000), 0)
        with pytest.raises(ObjectTooLarge):
            sh.pwrite(fd, bytes(1001), 0)
        sh.pwrite(fd, bytes(1000), 0)
        with pytest.raises(ObjectTooLarge):
            sh.ftruncate(fd, 5001)
        sh.close(fd)
        with pytest.raises(ObjectTooLarge):
            sh.truncate("/f", 5001)

    assert {"f": bytes(5000)} == core.objects()


def test_a_copy_that_cannot_be_saved_at_once(core, life, sh, expect_log):
    """A conflict whose copy fails is still saved beside, with one name, at the next try."""
    expect_log("the edit is saved as")
    core.put("f", LARGE)
    fd = sh.open("/f", os.O_RDWR)
    sh.pwrite(fd, LARGE[::-1], 0)
    core.put("f", b"theirs")
    refuse_once(life, "complete_upload", Unreachable("no"))
    with pytest.raises(Unreachable):
        sh.fsync(fd)
    with pytest.raises(EditConflict, match="saved as"):
        sh.fsync(fd)
    sh.close(fd)

    found = core.objects()
    assert b"theirs" == found.pop("f")
    ((name, data),) = found.items()
    assert (1, LARGE[::-1]) == (name.count(".conflict-"), data)
    assert b"theirs" == sh.read("/f")


def test_libfuse_hides_an_open_file(core, sh):
    """Where libfuse renames instead of unlinking, nothing is copied, and close deletes."""
    sh.write("/f", LARGE)
    fd = sh.open("/f", os.O_RDONLY)
    sh.rename("/f", "/.fuse_hidden0001")
    assert LARGE == sh.pread(fd, 9999, 0)
    assert [] == sh.listdir("/")
    sh.close(fd)

    assert {} == core.objects()


def test_a_crash_after_writing_on_behind_a_failed_upload(core, life, sh):
    """Parts that are at the store are not joined with bytes that were written after them."""
    refused = [AccessDenied("no")]
    life.points.refuse = lambda call: (
        refused.pop() if refused and call.name == "upload_part" and call.args[2] == 5 else None
    )
    fd = sh.open("/f", NEW)
    sh.pwrite(fd, LARGE, 0)
    with pytest.raises(AccessDenied):
        sh.fsync(fd)
    sh.pwrite(fd, b"##", 1500)
    sh.pwrite(fd, b"##", 4500)
    life.die()

    again = core.mount()
    again.mount.drain(None)

    changed = LARGE[:1500] + b"##" + LARGE[1502:4500] + b"##" + LARGE[4502:]
    assert core.objects() in ({"f": LARGE}, {"f": changed})
    assert [] == core.uploads()


def test_a_late_commit_gives_no_name_away(life, sh):
    """A commit that finds its file unlinked must not call off the deletion of its object."""
    sh.write("/f", b"1")
    fd = sh.open("/f", os.O_RDWR)
    sh.chmod("/f", 0o600)
    node = life.fs._handles.get(fd).node
    sh.unlink("/f")

    claimed = []
    assert not life.fs._files.committer.commit(node.pending, before=claimed.append)

    assert [] == claimed
    sh.close(fd)
