"""What fsync of a directory promises about the names in it."""

import os

import pytest

from ossfs.errors import AccessDenied, Unreachable

NEW = os.O_CREAT | os.O_RDWR


def failing(life, sh, *paths):
    """Write files whose way to the bucket is barred; return the function that clears it."""
    life.points.refuse = lambda call: Unreachable("no") if call.name == "put" else None
    for path in paths:
        with pytest.raises(Unreachable):
            sh.write(path, path.encode())

    def clear():
        life.points.refuse = lambda call: None

    return clear


def test_closed_files_are_in_the_bucket(core, life, sh):
    """Those whose close had failed, and only those of this directory."""
    core.put("d/e/theirs", b"x")
    clear = failing(life, sh, "/d/a", "/d/b", "/d/e/c", "/f")
    clear()
    sh.fs.fsyncdir("/d")

    assert {"d/a", "d/b", "d/e/theirs"} == set(core.objects())
    sh.fs.fsyncdir("/")
    assert {"d/a", "d/b", "d/e/theirs", "f"} == set(core.objects())


def test_its_error_is_that_of_a_file(life, sh, core):
    """One that cannot be brought there is said, the others are brought all the same."""
    core.put("d/x", b"x")
    failing(life, sh, "/d/a", "/d/b")
    life.points.refuse = lambda call: (
        AccessDenied("no") if call.name == "put" and call.key == "d/a" else None
    )
    with pytest.raises(AccessDenied):
        sh.fs.fsyncdir("/d")
    assert {"d/b", "d/x"} == set(core.objects())

    life.points.refuse = lambda call: None
    sh.fs.fsyncdir("/d")
    assert {"d/a", "d/b", "d/x"} == set(core.objects())


def test_a_new_name_is_made_and_a_writer_is_left_alone(life, sh, core):
    """A file without a byte is an object now; half of one is not published."""
    made, writing = sh.open("/made", NEW), sh.open("/writing", NEW)
    sh.pwrite(writing, b"half", 0)
    sh.fs.fsyncdir("/")

    assert {"made": b""} == core.objects()
    sh.pwrite(made, b"content", 0)
    sh.close(made)
    sh.close(writing)
    assert {"made": b"content", "writing": b"half"} == core.objects()


def test_nothing_is_asked_when_nothing_is_pending(core, life, sh):
    """Of an open file that is only read, neither."""
    core.put("d/f", b"x")
    sh.listdir("/")
    fd = sh.open("/d/f", os.O_RDONLY)
    life.requests()
    sh.fs.fsyncdir("/d")

    assert [] == life.requests()
    sh.close(fd)


def test_what_is_no_directory(sh):
    """ENOTDIR and ENOENT."""
    sh.write("/f", b"x")
    with pytest.raises(NotADirectoryError):
        sh.fs.fsyncdir("/f")
    with pytest.raises(FileNotFoundError):
        sh.fs.fsyncdir("/none")


def test_on_the_local_disk_where_that_is_enough(make_core):
    """Durability "journal": the promise is in the journal, the bucket follows."""
    core = make_core()
    life = core.mount(durability="journal")
    life.points.refuse = lambda call: Unreachable("no") if call.name == "put" else None
    life.fs._files.scheduler.later = lambda file, delay_s=0.0: None  # nothing by itself
    life.os.listdir("/")
    fd = life.os.open("/made", NEW)
    life.os.fs.fsyncdir("/")
    life.die()

    assert {} == core.objects()
    with core.mounted(is_running=True) as after:
        assert after.mount.drain(20)
    assert {"made": b""} == core.objects()
    assert fd
