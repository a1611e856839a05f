"""What is still being written is nobody's business but the writer's."""

import os

import pytest

from ossfs.errors import AccessDenied

OLD, NEW = b"old" * 100, b"new" * 100
LARGE = bytes(range(250)) * 19  # five parts


@pytest.fixture
def opened(core, sh):
    """Open a file that is in the bucket."""
    core.put("f", OLD)
    fd = sh.open("/f", os.O_RDWR)
    yield fd
    sh.close(fd)


@pytest.mark.parametrize("change", ["chmod", "utime"])
def test_a_change_of_attributes_does_not_publish_content(core, life, sh, opened, change):
    """Attributes that wait for their copy go with the content, when that is closed."""
    if change == "chmod":
        sh.chmod("/f", 0o600)
    else:
        sh.utime("/f", ns=(5, 7))
    sh.pwrite(opened, NEW, 0)

    assert life.mount.drain(20)
    assert {"f": OLD} == core.objects()

    sh.fsync(opened)
    assert {"f": NEW} == core.objects()
    if change == "chmod":
        assert str(0o100600) == core.bucket.head("f").metadata["mode"]


def test_a_retry_does_not_publish_what_was_written_since(core, life, sh, opened):
    """A sync that failed is tried again as it was, or not before the next one."""
    left = [AccessDenied("no")]
    life.points.refuse = lambda call: left.pop() if left and call.name == "put" else None
    sh.pwrite(opened, NEW, 0)
    with pytest.raises(AccessDenied):
        sh.fsync(opened)
    sh.pwrite(opened, b"half", 0)

    assert life.mount.drain(20)

    assert {"f": OLD} == core.objects()


def test_what_was_cut_after_a_failure_is_brought_home_by_the_last_close(core, life, sh):
    """Whoever has the file open only reads, so nobody else would."""
    core.put("f", OLD)
    reader = sh.open("/f", os.O_RDONLY)
    left = [AccessDenied("no")]
    life.points.refuse = lambda call: left.pop() if left and call.name == "put" else None
    with pytest.raises(AccessDenied):
        sh.write("/f", NEW)
    sh.truncate("/f", 5)
    sh.close(reader)

    assert {"f": NEW[:5]} == core.objects()
