"""Directories are listed before somebody looks into them, and not much in vain."""

import pytest

from ossfs.errors import Unreachable
from ossfs.store.api import BytesBody, Headers
from ossfs.vfs import ahead

COUNT = 40
NAMES = [f"d{n:02}" for n in range(COUNT)]


@pytest.fixture
def tree(core, sh):
    """Make directories with a file each, and let their parent be listed."""
    for name in NAMES:
        core.put(f"p/{name}/f", name.encode())
    sh.listdir("/p")


def listed(life):
    return [call.key for call in life.points.calls if call.name == "list"]


def test_looking_at_directories(core, life, tree):
    """The first two are listed; since nobody looks into them, the others are only asked for."""
    names = []
    life.points.on_call = lambda call: names.append(call.name)
    for name in NAMES:
        assert life.os.is_dir(f"/p/{name}")

    assert {"list": 2, "head": COUNT - 2} == {one: names.count(one) for one in names}


def test_they_are_not_asked_for_again(core, life, tree):
    """That they have no marker is known for a while."""
    for name in NAMES:
        life.os.stat(f"/p/{name}")
    life.requests()
    for name in NAMES:
        life.os.stat(f"/p/{name}")

    assert [] == life.requests()


def test_looking_into_directories(core, life, tree):
    """One request each, most of them before they are looked at."""
    life.points.calls.clear()
    for at, name in enumerate(NAMES):
        life.os.stat(f"/p/{name}")
        assert ["f"] == life.os.listdir(f"/p/{name}")
        assert len(listed(life)) <= ahead.FIRST_AHEAD + at + 1 + ahead.LAST_AHEAD

    assert [f"p/{name}/" for name in NAMES] == sorted(listed(life))
    assert COUNT == len(life.requests())


def test_what_is_listed_in_vain(core, life, tree):
    """At most two for each that was looked into, and two more."""
    life.points.calls.clear()
    for used in range(1, 5):
        life.os.stat(f"/p/{NAMES[9 * used - 9]}")
        life.os.listdir(f"/p/{NAMES[9 * used - 9]}")
        assert len(listed(life)) <= 2 + 3 * used


def test_a_pause(core, life, tree):
    """Who comes back later begins anew."""
    for name in NAMES[:3]:
        life.os.stat(f"/p/{name}")
        life.os.listdir(f"/p/{name}")
    core.clock.advance(2.5)
    life.points.calls.clear()
    life.os.stat(f"/p/{NAMES[30]}")

    assert [f"p/{NAMES[30]}/"] == listed(life)


def test_what_was_made_meanwhile(core, life, tree):
    """A listing ahead does not hide what this mount does."""
    sh = life.os
    for name in NAMES[:4]:
        sh.stat(f"/p/{name}")
        sh.listdir(f"/p/{name}")
    sh.write(f"/p/{NAMES[5]}/new", b"x")
    sh.mkdir(f"/p/{NAMES[5]}/sub")
    sh.unlink(f"/p/{NAMES[5]}/f")

    assert ["new", "sub"] == sh.listdir(f"/p/{NAMES[5]}")


def test_a_listing_that_fails(core, life, tree):
    """Only who looks into that directory hears of it."""
    broken = f"p/{NAMES[6]}/"
    life.points.refuse = lambda call: (
        Unreachable("no", operation="list") if call.name == "list" and call.key == broken else None
    )
    for name in NAMES[:6]:
        life.os.stat(f"/p/{name}")
        life.os.listdir(f"/p/{name}")
    with pytest.raises(Unreachable):
        life.os.listdir(f"/p/{NAMES[6]}")
    assert ["f"] == life.os.listdir(f"/p/{NAMES[7]}")


def test_markers_that_are_known_need_no_question(core):
    """The next mount on this machine sees them in the listings."""
    with core.mounted() as life:
        for name in NAMES:
            life.os.mkdir(f"/{name}", 0o711)
    with core.mounted() as life:
        life.requests()
        for name in life.os.listdir("/"):
            assert 0o40711 == life.os.stat(f"/{name}").st_mode
            life.os.listdir(f"/{name}")
        assert {"list"} == set(life.requests())


def test_a_marker_that_was_replaced(core):
    """Another client's chmod is seen in the listing, and asked for."""
    with core.mounted() as life:
        life.os.mkdir("/d", 0o711)
    core.clock.advance(100)
    core.bucket.put("d/", BytesBody(b""), Headers(None, {"mode": "16832"}))
    with core.mounted() as life:
        assert 0o40700 == life.os.stat("/d").st_mode


def test_a_large_directory_on_the_way(core, life):
    """It does not fit into one answer: it is listed as a directory then."""
    for d in range(6):
        for n in range(300):
            core.put(f"p/d{d}/e/{n:04}", b"")
            core.put(f"p/d{d}/f/{n + 300 * d:04}", b"")
    for n in range(1200):
        core.put(f"p/d3/g/{n:04}", b"")
    sh = life.os
    sh.listdir("/p")
    for d in range(6):
        sh.stat(f"/p/d{d}")
        assert {"e", "f"} <= set(sh.listdir(f"/p/d{d}"))

    assert 1200 == len(sh.listdir("/p/d3/g"))
    assert ["e", "f", "g"] == sh.listdir("/p/d3")


def test_known_directories_that_are_only_looked_at(core):
    """Rsync looks at all first, and into them later: their listings say that they are the same."""
    with core.mounted() as life:
        for name in NAMES:
            life.os.mkdir(f"/{name}", 0o711)
            life.os.write(f"/{name}/f", b"x")
    with core.mounted() as life:
        names = life.os.listdir("/")
        life.requests()
        for name in names:
            life.os.stat(f"/{name}")
        for name in names:
            life.os.stat(f"/{name}/f")
        assert ["list"] * COUNT == life.requests()
