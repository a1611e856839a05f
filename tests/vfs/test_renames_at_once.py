"""Renames in stores that have them: one request, and the same promises."""

from dataclasses import replace

import pytest

from ossfs.errors import AlreadyExists, Unreachable
from ossfs.journal.records import FileState
from ossfs.store.limits import OSS_CAPABILITIES


@pytest.fixture
def core(make_core):
    """Make a bucket that renames."""
    return make_core(capabilities=replace(OSS_CAPABILITIES, rename=True))


def test_a_file_is_renamed(core, life, sh):
    """By one request, with all that is stored beside it."""
    core.put("f", b"data", mode="33188", theirs="x")
    sh.stat("/f")
    life.requests()
    sh.rename("/f", "/g")

    assert ["rename"] == life.requests()
    assert {"g": b"data"} == core.objects()
    assert "x" == core.bucket.head("g").metadata["theirs"]
    assert (["g"], b"data") == (sh.listdir("/"), sh.read("/g"))


def test_a_mode_that_is_not_stored_goes_along(core, life, sh):
    """With a copy: the store's rename takes none."""
    sh.write("/f", b"data")
    sh.chmod("/f", 0o600)
    life.requests()
    sh.rename("/f", "/g")

    assert ["copy", "delete"] == life.requests()
    assert 0o100600 == int(core.bucket.head("g").metadata["mode"])


def test_a_store_that_does_not_replace(core, life, sh):
    """Hierarchical buckets of OSS refuse: then it is copied over what is there."""
    sh.write("/f", b"new")
    sh.write("/g", b"old")
    life.points.refuse = lambda call: AlreadyExists("no") if call.name == "rename" else None
    life.requests()
    sh.rename("/f", "/g")

    assert ["copy", "delete"] == life.requests()
    assert {"g": b"new"} == core.objects()


def test_a_store_that_fails(core, life, sh):
    """Nothing has changed, here and at the next mount."""
    sh.write("/f", b"data")
    life.points.refuse = lambda call: Unreachable("down") if call.name == "rename" else None
    with pytest.raises(Unreachable):
        sh.rename("/f", "/g")

    assert (["f"], b"data") == (sh.listdir("/"), sh.read("/f"))
    assert [] == list(life.journal.load().moves)


def points(core):
    """Return how many moments a rename over another file has."""
    with core.mounted() as life:
        prepare(life.os)
        before = len(life.points.passed)
        life.os.rename("/f", "/g")
        return range(before, len(life.points.passed))


def prepare(sh):
    sh.write("/f", b"same")
    sh.write("/g", b"other")
    sh.chmod("/g", 0o600)  # promised, and not stored


def test_killed_at_every_moment(make_core):
    """Afterwards it has either happened or not; nothing promised comes over the new file."""
    capabilities = replace(OSS_CAPABILITIES, rename=True)
    for moment in points(make_core(capabilities=capabilities)):
        core = make_core(capabilities=capabilities)
        life = core.mount()
        prepare(life.os)
        life.points.kill_at = moment
        with pytest.raises(core.Killed):
            life.os.rename("/f", "/g")
        life.die()
        with core.mounted() as later:
            assert later.mount.drain(None)
            found = core.objects()
            assert found in ({"f": b"same", "g": b"other"}, {"g": b"same"})
            assert sorted(found) == later.os.listdir("/")
        core.assert_nothing_left()
        assert [] == [one for one in core.ledger().files if one.state is not FileState.DRAFT]


def test_a_rename_that_may_replace_nothing(core, sh):
    """RENAME_NOREPLACE: files, directories, and a name of its own."""
    sh.write("/f", b"data")
    sh.write("/g", b"other")
    sh.mkdir("/d")
    for target in ("/g", "/d", "/f"):
        with pytest.raises(FileExistsError):
            sh.fs.rename("/f", target, is_exclusive=True)
    sh.fs.rename("/f", "/h", is_exclusive=True)

    assert {"h": b"data", "g": b"other", "d/": b""} == core.objects()
