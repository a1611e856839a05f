"""How many requests each operation costs, and which."""

import os
import stat

import pytest

from ossfs.store.api import BytesBody, Headers

NEW = os.O_CREAT | os.O_RDWR
LARGE = bytes(range(250)) * 19  # five parts


@pytest.fixture
def cost(life):
    """Return a function that runs what it is given and returns the requests."""

    def count(act):
        life.requests()
        act()
        return life.requests()

    return count


def test_create_write_close(sh, cost):
    """One PUT in a known directory, as often as one likes."""
    sh.listdir("/")

    for n in range(3):
        assert ["put"] == cost(lambda n=n: sh.write(f"/f{n}", b"x"))


def test_create_and_close(sh, cost):
    """An empty file costs one PUT too, although shells close it twice."""
    sh.listdir("/")
    fd = sh.open("/f", NEW)

    assert [] == cost(lambda: sh.fs.flush(fd))
    sh.pwrite(fd, b"x", 0)
    assert ["put"] == cost(lambda: sh.close(fd))


def test_a_large_file(sh, cost):
    """As many parts as it has, and two."""
    sh.listdir("/")

    assert ["create_upload", *["upload_part"] * 5, "complete_upload"] == cost(
        lambda: sh.write("/f", LARGE)
    )


def test_a_file_in_an_unknown_directory(core, sh, cost):
    """One listing says all there is to know about a name."""
    core.put("d/f", b"")

    assert ["list", "put"] == cost(lambda: sh.write("/d/g", b"x"))
    assert ["put"] == cost(lambda: sh.write("/d/h", b"x"))


def test_a_name_that_is_not_there(core, sh, cost):
    """One request, then none within the negative TTL."""
    assert ["list"] == cost(lambda: sh.exists("/no"))
    assert [] == cost(lambda: sh.exists("/no"))
    core.clock.advance(5.1)
    assert ["list"] == cost(lambda: sh.exists("/no"))


def test_a_name_in_a_directory_of_many(core, sh, cost):
    """Where one listing does not hold everything, each new name costs one more request."""
    for n in range(1001):
        core.put(f"{n:04}", b"")

    assert ["list", "list"] == cost(lambda: sh.exists("/no"))
    assert ["list"] == cost(lambda: sh.exists("/no2"))
    assert [] == cost(lambda: sh.exists("/no"))


def test_stat_of_what_we_wrote(sh, cost):
    """We know it: nothing is asked."""
    sh.write("/f", b"x")
    sh.write("/g", LARGE)

    assert [] == cost(lambda: (sh.stat("/f"), sh.stat("/g")))


def test_stat_again(core, sh, cost):
    """The metadata of one version is asked for once, however often it is listed."""
    core.put("f", b"x")
    assert ["list", "head"] == cost(lambda: sh.stat("/f"))

    core.clock.advance(61)
    assert ["list"] == cost(lambda: sh.stat("/f"))


def test_listing(core, sh, cost):
    """One request for a thousand names."""
    for n in range(2001):
        core.put(f"d/{n:04}", b"")

    assert ["list"] * 3 == cost(lambda: sh.listdir("/d"))[-3:]
    assert [] == cost(lambda: sh.listdir("/d"))


def test_reading_what_was_listed(core, sh, cost):
    """One GET, for the bytes and what is stored beside them; again: nothing."""
    core.put("f", LARGE)
    sh.listdir("/")

    assert ["get"] == cost(lambda: sh.read("/f"))
    assert [] == cost(lambda: sh.read("/f"))
    core.clock.advance(1.1)
    assert ["head"] == cost(lambda: sh.read("/f"))


def test_an_edit_of_one_byte(core, sh, cost):
    """What is missing of one part is fetched, before and behind; the others are copied."""
    core.put("f", LARGE)
    sh.stat("/f")

    assert {"create_upload": 1, "copy_part": 2, "get": 2, "upload_part": 1, "complete_upload": 1} \
        == counted(cost(lambda: sh.edit("/f", 2500, b"#")))  # fmt: skip


def test_an_edit_of_a_small_file(core, sh, cost):
    """It is fetched whole, so that its checksum proves what is sent back."""
    core.put("f", LARGE[:900])
    sh.stat("/f")

    assert ["get", "head", "put"] == cost(lambda: sh.edit("/f", 3, b"#"))
    assert {"f": LARGE[:3] + b"#" + LARGE[4:900]} == core.objects()


def test_an_append(core, sh, cost):
    """At most the last part is fetched."""
    core.put("f", LARGE)
    sh.stat("/f")

    assert {"create_upload": 1, "copy_part": 1, "get": 1, "upload_part": 1, "complete_upload": 1} \
        == counted(cost(lambda: sh.append("/f", b"#")))  # fmt: skip


def counted(names):
    return {name: names.count(name) for name in names}


def test_renames(core, sh, cost):
    """A copy and a deletion for a file; for a directory one deletion for all."""
    sh.listdir("/")
    sh.write("/f", b"x")
    assert ["copy", "delete"] == cost(lambda: sh.rename("/f", "/g"))

    core.put("d/a", b"")
    core.put("d/b", b"")
    core.clock.advance(61)
    sh.stat("/d")
    assert {"list": 2, "copy": 2, "delete_many": 1} == counted(cost(lambda: sh.rename("/d", "/t")))


def test_rename_of_what_was_never_closed(sh, cost):
    """Nothing."""
    sh.listdir("/")
    fd = sh.open("/f", NEW)
    sh.pwrite(fd, b"x", 0)

    assert [] == cost(lambda: sh.rename("/f", "/g"))
    sh.close(fd)


def test_removals(sh, cost):
    """One request for a file; for a directory one more, to see that it is empty."""
    sh.write("/f", b"x")
    sh.mkdir("/d")

    assert ["delete"] == cost(lambda: sh.unlink("/f"))
    assert ["list", "delete_many"] == cost(lambda: sh.rmdir("/d"))


def test_mkdir(sh, cost):
    """One PUT, and files in it cost no listing."""
    sh.listdir("/")

    assert ["put"] == cost(lambda: sh.mkdir("/d"))
    assert ["put"] == cost(lambda: sh.write("/d/f", b"x"))


def test_one_listing_for_all_who_wait(core, cost):
    """The metadata of many names comes with one request."""
    core.bucket.put("f", BytesBody(b""), Headers())
    with core.mounted() as life:
        for n in range(50):
            assert not life.os.exists(f"/no{n}")
        assert ["list"] == life.requests()


def test_stat_of_a_listed_name(core, sh, cost):
    """Nothing, whoever made it."""
    for n in range(2001):
        core.put(f"d/{n:04}", b"")
    names = sh.listdir("/d")

    assert [] == cost(lambda: [sh.stat(f"/d/{name}") for name in names])


def test_ls_of_many(core, sh, cost):
    """One request for a thousand entries, sizes and times included."""
    for n in range(2001):
        core.put(f"d/{n:04}", b"")
    sh.stat("/")
    sh.exists("/no")

    def look():
        sh.stat("/d")
        for name in sh.listdir("/d"):
            sh.stat(f"/d/{name}")

    assert ["list"] * 3 == cost(look)


def test_find(core, sh, cost):
    """One request for each directory, although it is looked at before it is looked into."""
    for d in range(10):
        for n in range(500):
            core.put(f"d{d}/{n:04}", b"")
    sh.exists("/no")

    def find(path):
        for name in sh.listdir(path.rstrip("/") or "/"):
            if sh.is_dir(f"{path}{name}"):
                find(f"{path}{name}/")

    assert ["list"] * 10 == cost(lambda: find("/"))


def test_a_tree_of_small_directories(core, sh, cost):
    """What fits into one answer comes with one, once somebody walks through them."""
    for d in range(9):
        for e in range(9):
            core.put(f"d{d}/e{e}/f", b"")
    sh.exists("/no")

    def find(path):
        for name in sh.listdir(path.rstrip("/") or "/"):
            if sh.is_dir(f"{path}{name}"):
                find(f"{path}{name}/")

    assert len(cost(lambda: find("/"))) <= 9 + 9


def test_attributes_of_files_that_others_made(core, cost):
    """Where they are asked for: one HEAD each, in whatever order, and none again."""
    for n in range(40):
        core.put(f"f{n:02}", b"")
    with core.mounted(attrs="head") as life:
        sh = life.os

        def look():
            life.requests()
            for name in sh.listdir("/"):
                sh.stat(f"/{name}")
            return life.requests()

        assert ["list", *["head"] * 40] == look()
        assert [] == look()


def test_a_tree_that_was_written_here(core, cost):
    """The next mount on this machine lists it, and asks for nothing else."""
    with core.mounted() as life:
        life.os.mkdir("/d")
        for n in range(20):
            life.os.write(f"/d/{n}", b"x")
        life.os.symlink("target", "/d/link")
    with core.mounted() as life:
        sh = life.os
        life.requests()
        for name in sh.listdir("/"):
            sh.stat(f"/{name}")
        assert stat.S_ISLNK(sh.stat("/d/link").st_mode)
        for name in sh.listdir("/d"):
            sh.stat(f"/d/{name}")
        assert {"list"} == set(life.requests())


@pytest.fixture
def outdated(core, sh):
    """Know a directory and a file from a listing that has had its time."""
    for key in ("d/f", "g"):
        core.put(key, b"x")
    sh.listdir("/")
    core.clock.advance(11)


def test_what_was_a_directory(core, sh, cost, outdated):
    """Its own listing says whether it still is one, and what is in it; the parent's can wait."""
    assert ["list"] == cost(lambda: sh.is_dir("/d"))
    assert [] == cost(lambda: (sh.listdir("/d"), sh.stat("/d/f")))
    assert ["list", "get"] == cost(lambda: sh.read("/g"))


def test_what_was_a_directory_is_gone(core, sh, cost, outdated):
    """Then the parent is listed anew: it may be a file, or nothing."""
    core.bucket.delete("d/f")
    assert not sh.exists("/d")
    core.put("d", b"a file")
    core.clock.advance(11)

    assert b"a file" == sh.read("/d")
    assert ["d", "g"] == sh.listdir("/")


def test_many_that_were_directories(core, sh, cost):
    """When they are only looked at, two are listed, and then their parent is."""
    for n in range(50):
        core.put(f"d{n:02}/", b"")
    names = sh.listdir("/")
    core.clock.advance(11)

    assert ["list"] * 3 == [
        one for one in cost(lambda: [sh.exists(f"/{name}") for name in names]) if one == "list"
    ]


def test_the_last_close_of_an_unlinked_file(sh, cost):
    """Its object is deleted, and what is known of its directory stays known."""
    sh.mkdir("/d")
    sh.write("/d/f", b"x")
    fd = sh.open("/d/f", os.O_RDONLY)
    sh.unlink("/d/f")

    assert ["head", "delete"] == cost(lambda: sh.close(fd))
    assert [] == cost(lambda: sh.listdir("/d"))
    assert 2 == sh.stat("/d").st_nlink


def test_the_last_close_finds_the_file_of_somebody_else(core, sh, cost):
    """It stays, and is seen."""
    sh.write("/f", b"x")
    fd = sh.open("/f", os.O_RDONLY)
    sh.unlink("/f")
    core.put("f", b"theirs")

    assert ["head"] == cost(lambda: sh.close(fd))
    assert (["f"], b"theirs") == (sh.listdir("/"), sh.read("/f"))


def test_a_listing_under_way_at_the_last_close(core, life, sh):
    """It shows the object that is deleted meanwhile, and nobody sees that."""
    sh.mkdir("/d")
    sh.write("/d/f", b"x")
    fd = sh.open("/d/f", os.O_RDONLY)
    sh.unlink("/d/f")
    core.clock.advance(60)
    real = core.bucket.list

    def listed(prefix, **options):
        page = real(prefix, **options)
        if prefix == "d/":
            core.bucket.list = real
            sh.close(fd)
        return page

    core.bucket.list = listed
    assert [] == sh.listdir("/d")
    assert core.bucket.list == real
    assert [] == sh.listdir("/d")
    assert not sh.exists("/d/f")
