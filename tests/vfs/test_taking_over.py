"""A writer takes over what an interrupted writer of the same file has left at the store."""

import os

import pytest

from ossfs.errors import Unreachable

NEW = os.O_CREAT | os.O_RDWR
AGAIN = os.O_CREAT | os.O_TRUNC | os.O_WRONLY
LARGE = bytes(range(250)) * 19  # 4750 bytes: five parts
OTHER = bytes(reversed(LARGE))


def interrupted(core, data=LARGE, *, before=None):
    """Let a mount die in the middle of writing /f, three parts sent."""
    life = core.mount()
    fd = life.os.open("/f", AGAIN)
    for offset in range(0, 3300, 300):
        life.os.pwrite(fd, data[offset : offset + 300], offset)
    life.die()
    assert (1, before) == (len(core.uploads()), core.objects().get("f"))


def sent(life):
    return sorted(call.args[2] for call in life.points.calls if call.name == "upload_part")


def test_only_what_is_missing_is_sent(core):
    """Of the parts that the store has, not one; of the draft, nothing is left."""
    interrupted(core)
    with core.mounted() as life:
        life.os.write("/f", LARGE)
        assert [4, 5] == sent(life)
        assert [] == life.mount.status()

    assert {"f": LARGE} == core.objects()
    core.assert_nothing_left()
    assert [] == core.staged()


def test_over_an_older_object(core):
    """Which stays until the new one is complete."""
    core.put("f", OTHER)
    interrupted(core, before=OTHER)
    with core.mounted() as life:
        assert OTHER == life.os.read("/f")
        life.os.write("/f", LARGE, flags=AGAIN)
        assert [4, 5] == sent(life)

    assert {"f": LARGE} == core.objects()
    core.assert_nothing_left()


@pytest.mark.parametrize("changed", [0, 1500, 2999])
def test_parts_that_differ_are_sent(core, changed):
    """Their CRC tells; the interrupted writer's bytes, which are others, are kept."""
    interrupted(core)
    data = LARGE[:changed] + b"#" + LARGE[changed + 1 :]
    with core.mounted() as life:
        life.os.write("/f", data)
        assert sorted({changed // 1000 + 1, 4, 5}) == sent(life)
        (kept,) = life.mount.status()
        assert ("f", "draft", 3300) == (kept.key, kept.state, kept.size)

    assert {"f": data} == core.objects()
    core.assert_nothing_left()


def test_a_part_that_is_changed_there_and_back(core):
    """What the store had of it was replaced in between: it is sent once more."""
    interrupted(core)
    with core.mounted() as life:
        fd = life.os.open("/f", AGAIN)

        def write_again(call):
            if call.name == "upload_part" and call.args[2] == 1:
                life.points.on_call = lambda call: None
                life.os.pwrite(fd, LARGE[:1000], 0)

        life.points.on_call = write_again
        life.os.pwrite(fd, OTHER[:1000] + LARGE[1000:], 0)
        life.os.close(fd)
        assert [1, 1, 4, 5] == sent(life)

    assert {"f": LARGE} == core.objects()


def test_bytes_behind_the_last_part_count(core):
    """A draft whose tail is other bytes than the new file's is kept."""
    interrupted(core)
    data = LARGE[:3200] + OTHER
    with core.mounted() as life:
        life.os.write("/f", data)
        assert ["draft"] == [one.state for one in life.mount.status()]

    assert {"f": data} == core.objects()


def test_a_shorter_file_does_not_swallow_the_draft(core):
    """What it lacks may be wanted."""
    interrupted(core)
    with core.mounted() as life:
        life.os.write("/f", LARGE[:2500])
        assert ["draft"] == [one.state for one in life.mount.status()]

    assert {"f": LARGE[:2500]} == core.objects()


def test_taken_over_again(core):
    """Interrupted twice: the third writer takes over from both."""
    interrupted(core)
    life = core.mount()
    fd = life.os.open("/f", AGAIN)
    for offset in range(0, 4500, 300):
        life.os.pwrite(fd, LARGE[offset : offset + 300], offset)
    life.die()
    with core.mounted() as last:
        last.os.write("/f", LARGE)
        assert [5] == sent(last)
        assert [] == last.mount.status()

    assert {"f": LARGE} == core.objects()
    core.assert_nothing_left()
    assert [] == core.staged()


def test_an_upload_that_is_gone(core, expect_log):
    """The store has forgotten it: all is sent."""
    expect_log("not known to the store any more")
    interrupted(core)
    (upload,) = core.uploads()
    core.bucket.abort_upload("f", upload.upload_id)
    with core.mounted() as life:
        life.os.write("/f", LARGE)
        assert [1, 2, 3, 4, 5] == sent(life)

    assert {"f": LARGE} == core.objects()
    core.assert_nothing_left()


def test_a_writer_that_is_unlinked(core):
    """It takes the upload with it."""
    interrupted(core)
    with core.mounted() as life:
        fd = life.os.open("/f", AGAIN)
        life.os.pwrite(fd, LARGE, 0)
        life.os.unlink("/f")
        life.os.close(fd)

    assert ([], {}) == (core.uploads(), core.objects())
    core.assert_nothing_left()


def test_with_parts_of_another_size(core):
    """The upload goes on with the parts it has."""
    interrupted(core)
    with core.mounted(part_size=1700) as life:
        life.os.write("/f", LARGE)
        assert [4, 5] == sent(life)

    assert {"f": LARGE} == core.objects()
    core.assert_nothing_left()


def test_one_that_failed_is_written_again(core):
    """The close failed, and `cp` is repeated before the next attempt: no part is sent again."""
    with core.mounted() as life:
        left = [Unreachable("no")]
        life.points.refuse = lambda call: (
            left.pop() if left and call.name == "complete_upload" else None
        )
        with pytest.raises(Unreachable):
            life.os.write("/f", LARGE)
        life.os.write("/f", LARGE, flags=AGAIN)
        assert [1, 2, 3, 4, 5] == sent(life)

    assert {"f": LARGE} == core.objects()
    core.assert_nothing_left()


def test_parts_that_were_kept_are_compared_with_what_is_on_disk(core):
    """After a power cut the local bytes may be older than what was sent: the CRCs decide."""
    life = core.mount()
    life.points.kill_on = "before request complete_upload"
    with pytest.raises(core.Killed):
        life.os.write("/f", LARGE)
    life.die()
    (name,) = core.staged()
    path = core.state_dir / "staging" / name
    path.write_bytes(LARGE[:1200] + b"#" + LARGE[1201:])
    with core.mounted(is_running=True) as last:
        assert last.mount.drain(20)
        assert [2] == sent(last)

    assert {"f": LARGE[:1200] + b"#" + LARGE[1201:]} == core.objects()
