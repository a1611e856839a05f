"""Several threads at one file, brought together where it hurts."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ossfs.errors import UploadCancelled
from ossfs.transfer.workers import ThreadWorkers
from ossfs.writeback import aside

NEW = os.O_CREAT | os.O_RDWR
LARGE = bytes(range(250)) * 19  # five parts


def workers():
    return ThreadWorkers(4, "test")


@pytest.fixture
def life(core):
    """Mount with real workers and a clock that runs."""
    return core.mount(is_running=True, workers=workers)


@pytest.fixture
def during(life):
    """Return a function: while the first request of this name is under way, act elsewhere."""
    threads = []

    def arrange(name, act, *, finishes=True):
        once = iter([True])

        def on_call(call):
            if call.name == name and next(once, False):
                thread = threading.Thread(target=act)
                threads.append(thread)
                thread.start()
                if finishes:
                    thread.join(30)
                else:
                    thread.join(0.05)  # it waits for this request: it has to meet it

        life.points.on_call = on_call

    def join():
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()

    arrange.join = join
    yield arrange
    join()


def test_many_create_and_close_one_name(core, sh):
    """Whoever is last: one object, one of the contents, nothing left over."""
    contents = [bytes([n]) * 500 for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(10):
            list(pool.map(lambda data: sh.write("/f", data), contents))

    assert core.objects()["f"] in contents
    core.lives[0].close()
    core.lives[0].points.is_dead = True
    core.assert_nothing_left()


def test_one_of_many_makes_a_file(core, sh):
    """O_EXCL: of threads that all see that a name is free, one gets it."""

    def take(number):
        try:
            return sh.open(f"/lock{number}", NEW | os.O_EXCL)
        except FileExistsError:
            return None

    with ThreadPoolExecutor(8) as pool:
        for number in range(20):
            (won,) = filter(None, pool.map(take, [number] * 8))
            sh.close(won)


def test_many_append(core, sh):
    """Every piece is there once."""
    sh.write("/f", b"")

    def append(n):
        for m in range(5):
            sh.append("/f", b"<%d.%d>" % (n, m))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(append, range(6)))

    expected = sorted(b"<%d.%d>" % (n, m) for n in range(6) for m in range(5))
    found = core.objects()["f"].replace(b"><", b">\n<").split(b"\n")
    assert expected == sorted(found)


def test_many_open_read_and_close(core, sh):
    """Nodes come and go under way; every reader sees the file."""
    core.put("f", LARGE)

    def read(_):
        for _ in range(20):
            assert LARGE == sh.read("/f")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(read, range(6)))


def test_files_of_their_own(core, sh):
    """Threads that have nothing to do with each other."""

    def work(n):
        for m in range(5):
            sh.write(f"/{n}-{m}.tmp", LARGE[: 500 * n])
            sh.rename(f"/{n}-{m}.tmp", f"/{n}-{m}")
        sh.unlink(f"/{n}-0")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))

    assert {f"{n}-{m}": LARGE[: 500 * n] for n in range(6) for m in range(1, 5)} == core.objects()


def test_a_reader_meets_our_own_commit(core, life, during):
    """The version that is being read is replaced by ourselves: the reader reads the new one."""
    sh = life.os
    data = bytes(range(256)) * (1 << 14)  # 4 MiB
    core.put("f", data)
    writer, reader = sh.open("/f", os.O_RDWR), sh.open("/f", os.O_RDONLY)
    sh.pwrite(writer, b"#", 0)
    during("get", lambda: sh.fsync(writer))

    assert data[1 << 20 : (1 << 20) + 1000] == sh.pread(reader, 1000, 1 << 20)
    sh.close(writer)
    sh.close(reader)


def test_a_rename_meets_a_commit(core, life, during):
    """A new file is renamed while its PUT is under way: it has the new name at the end."""
    sh = life.os
    during("put", lambda: sh.rename("/f", "/g"), finishes=False)
    sh.write("/f", b"x")
    during.join()

    assert {"g": b"x"} == core.objects()
    assert b"x" == sh.read("/g")
    assert ["g"] == sh.listdir("/")


def test_an_unlink_meets_a_commit(core, life, during):
    """A new file is unlinked while its PUT is under way: it is gone at the end."""
    sh = life.os
    during("put", lambda: sh.unlink("/f"), finishes=False)
    fd = sh.open("/f", NEW)
    sh.pwrite(fd, b"x", 0)
    sh.close(fd)
    during.join()

    assert {} == core.objects()
    assert [] == sh.listdir("/")


def test_an_unlink_stops_an_upload(core, life, during):
    """What nobody will ever see is not uploaded to its end."""
    sh = life.os
    during("upload_part", lambda: sh.unlink("/f"), finishes=False)
    fd = sh.open("/f", NEW)
    for offset in reversed(range(0, 20_000, 500)):  # so that nothing is sent ahead
        sh.pwrite(fd, bytes(500), offset)
    with pytest.raises(UploadCancelled):
        sh.close(fd)
    during.join()

    assert ({}, []) == (core.objects(), core.uploads())


def test_a_write_meets_a_commit(core, life, during):
    """It waits, and is in the next version: no object mixes two generations."""
    sh = life.os
    fd = sh.open("/f", NEW)
    sh.pwrite(fd, LARGE, 0)
    during("complete_upload", lambda: sh.pwrite(fd, b"#", 0), finishes=False)
    sh.fsync(fd)
    assert LARGE == core.objects()["f"]
    during.join()
    sh.close(fd)

    assert b"#" + LARGE[1:] == core.objects()["f"]


def test_a_write_meets_a_rename(core, life, during):
    """Bytes written while the object is copied are not lost."""
    sh = life.os
    core.put("f", LARGE)
    fd = sh.open("/f", os.O_RDWR)
    during("copy", lambda: sh.pwrite(fd, b"#", 0), finishes=False)
    sh.rename("/f", "/g")
    during.join()
    sh.close(fd)

    assert {"g": b"#" + LARGE[1:]} == core.objects()


def test_an_open_meets_the_last_close(life, sh):
    """Found by the node of another handle, which has gone: its bytes are those of the object."""
    sh.write("/f", b"content")
    fd = sh.open("/f", os.O_RDONLY)
    found = life.fs._tree.find("/f")
    sh.close(fd)
    assert found.node is not None

    with life.fs._files.pinned(found, is_described=False) as node:
        assert len(b"content") == node.pending.size


@pytest.mark.parametrize("way", ["rename", "unlink"])
@pytest.mark.parametrize("fetched", [8 << 20, 1000], ids=["few", "many"])
def test_many_read_what_is_replaced_all_the_time(core, life, sh, monkeypatch, way, fetched):
    """Each reader has one version, whole, from its open to its close; nothing is left over."""
    monkeypatch.setattr(aside, "FETCHED", fetched)
    sh.write("/f", b"\0" * 4000)
    is_over, path = threading.Event(), threading.Lock()

    def read(_):
        count = 0
        while not is_over.is_set():
            try:
                with path:  # libfuse does not let an open and an unlink of one path meet
                    fd = sh.open("/f", os.O_RDONLY)
            except FileNotFoundError:  # between unlink and the next file
                continue
            pieces = [sh.pread(fd, 1000, at) for at in (3000, 0, 2000, 1000)]
            sh.close(fd)
            data = b"".join(pieces)
            assert 4000 == len(data)
            assert 1 == len(set(data))
            count += 1
        return count

    with ThreadPoolExecutor(3) as pool:
        reading = [pool.submit(read, n) for n in range(3)]
        try:
            for n in range(1, 16):
                sh.write("/new", bytes([n]) * 4000)
                if way == "unlink":
                    with path:
                        sh.unlink("/f")
                sh.rename("/new", "/f")
        finally:
            is_over.set()
        assert all(one.result(30) for one in reading)

    assert life.mount.drain(20)
    assert {"f": bytes([15]) * 4000} == core.objects()
    life.close()
    life.points.is_dead = True
    core.assert_nothing_left()
