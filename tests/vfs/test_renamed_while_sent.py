"""A file gets another name while its first part is on its way."""

import os
import threading

import pytest

from ossfs.transfer.workers import ThreadWorkers

LARGE = bytes(range(250)) * 19  # five parts


@pytest.fixture
def life(core):
    """Mount; CreateUpload is answered when the file has lost the upload for its new name."""
    moment = threading.Event()
    with core.mounted(workers=lambda: ThreadWorkers(2, "test")) as life:

        def on_call(call):
            if call.name == "create_upload" and call.key == "f":
                moment.wait(20)
            if call.name == "drop_upload":
                moment.set()

        life.points.on_call = on_call
        yield life


@pytest.fixture
def renamed(life):
    """Write a file whose upload has just begun, and rename it."""
    fd = life.os.open("/f", os.O_CREAT | os.O_RDWR)
    life.os.pwrite(fd, LARGE, 0)
    life.os.rename("/f", "/g")
    return fd


def test_the_upload_of_the_old_name_is_aborted(core, life, renamed):
    """Also when its id was not known yet, and a part of it has arrived meanwhile."""
    life.os.close(renamed)

    assert {"g": LARGE} == core.objects()
    assert [] == core.uploads()


def test_killed_before_it_is_aborted(core, life, renamed):
    """The next mount knows which one it was."""
    life.points.kill_on = "before request abort_upload"
    with pytest.raises(core.Killed):
        life.os.close(renamed)
    life.die()
    assert ["f"] == [upload.key for upload in core.uploads()]

    with core.mounted(is_running=True) as again:
        assert again.mount.drain(20)

    core.assert_nothing_left()
