"""The disk cache: whose bytes it gives, what it holds, and what it does when the disk fails."""

import errno
import gc
import os
import random
import shutil
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from ossfs.cache.blocks import Block, Version
from ossfs.cache.disk import FOLDER, MOST_QUEUED, REST_S, DiskCache
from ossfs.cache.disk_stretch import HEAD, PIECE, STRETCH
from ossfs.clock import FakeClock, SystemClock
from ossfs.extents import Extent
from ossfs.transfer.workers import InlineWorkers, ThreadWorkers

KIB = 1024
MIB = 1024 * KIB
SIZE = 9 * MIB
CONTENT = random.Random(5).randbytes(SIZE)
VERSION = Version("folder/name", "etag-1")
STORE = "oss://bucket at http://endpoint"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def make(folder, clock):
    """Make caches whose writes are done when a block is offered."""

    def made(**other):
        options = {"store": STORE, "size": 1 << 30, "reserve": 0}
        return DiskCache(folder, **{**options, **other}, workers=InlineWorkers(), clock=clock)

    return made


@pytest.fixture
def disk(make):
    cache = make()
    cache.prepare()
    return cache


def block_of(version=VERSION, start=0, stop=SIZE, content=CONTENT):
    return Block(version, Extent(start, stop), memoryview(content)[start:stop])


def keep(disk, version=VERSION, start=0, stop=SIZE, size=SIZE, content=CONTENT):
    disk.of(version, size).offer(block_of(version, start, stop, content))


def load(disk, version=VERSION, size=SIZE, extent=None):
    """Return all of `extent` that is on disk, as {start: bytes}."""
    kept = disk.of(version, size)
    runs = kept.present(extent or Extent(0, size))
    found = {run.start: kept.load(run) for run in runs}
    return {start: bytes(data) for start, data in found.items() if data is not None}


WHOLE = {0: CONTENT[:STRETCH], STRETCH: CONTENT[STRETCH:]}


def files(folder):
    return sorted(one for one in (folder / FOLDER).rglob("*-*") if one.is_file())


def test_what_was_offered_is_there(disk):
    """A block goes to disk and comes back; it is one file for 8 MiB of the object."""
    keep(disk)

    assert WHOLE == load(disk)
    assert 2 == len(files(disk.folder.parent))


def test_another_cache_on_the_folder_sees_it(disk, make):
    """What one mount read, the next one has; so has one that runs at the same time."""
    other = make()
    keep(disk)

    assert WHOLE == load(other)


@pytest.mark.parametrize(
    ("version", "size", "store"),
    [
        (Version("folder/name", "etag-2"), len(CONTENT), STORE),
        (Version("folder/other", "etag-1"), len(CONTENT), STORE),
        (VERSION, len(CONTENT) - 1, STORE),
        (VERSION, len(CONTENT), "oss://bucket at http://elsewhere"),
        (VERSION, len(CONTENT), "oss://other at http://endpoint"),
    ],
)
def test_nothing_else_has_these_bytes(disk, make, version, size, store):
    """Another version, object, size, endpoint or bucket shares nothing."""
    keep(disk)

    assert {} == load(make(store=store), version, size)


@pytest.mark.parametrize("key", ["a" * 1024, "é" * 512, 'quo"te\n', "\udcff", "a\0b"])
def test_any_key(disk, key):
    """Keys as long as stores allow, of any letters, are kept."""
    version = Version(key, "e" * 64)
    keep(disk, version)

    assert WHOLE == load(disk, version)


def test_names_that_cannot_be_kept(disk):
    """A version without an etag might be any; a name that does not fit is not cut."""
    assert disk.of(Version("key", ""), 5) is None
    assert disk.of(Version("k" * 3000, "etag"), 5) is None


def test_drop_deletes_all_versions_of_an_object(disk, folder):
    """What was replaced or deleted makes room at once; others stay."""
    other = Version("folder/name2", "etag-1")
    keep(disk)
    keep(disk, Version("folder/name", "etag-2"))
    keep(disk, other)

    disk.drop("folder/name")

    assert {} == load(disk)
    assert WHOLE == load(disk, other)
    assert 2 == len(files(folder))


def test_counters(disk):
    """Hits, misses and bytes are counted as what the disk has spared and what it has not."""
    keep(disk)
    load(disk)
    counters = disk.counters()

    assert (counters.misses, counters.hits) == (1, 2)
    assert len(CONTENT) == counters.hit_bytes
    assert len(CONTENT) <= counters.written_bytes == counters.used_bytes
    assert 0 == counters.dropped + counters.corrupted + counters.failures + counters.evictions


def test_all_is_for_the_owner_only(disk, folder):
    """Folders have mode 700 and files 600, whatever the umask."""
    before = os.umask(0)
    try:
        keep(disk)
    finally:
        os.umask(before)

    modes = {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_dir()}
    assert {0o700} == modes
    assert {0o600} == {path.stat().st_mode & 0o777 for path in files(folder)}


def test_a_folder_that_others_could_read(make, folder):
    """A folder that is there already is closed to others before anything is in it."""
    (folder / FOLDER).mkdir(parents=True, mode=0o755)
    disk = make()
    disk.prepare()

    assert 0o700 == disk.folder.stat().st_mode & 0o777


def test_a_link_in_place_of_the_folder(make, folder, tmp_path, expect_log):
    """A link to somewhere else, put there by somebody else, is not followed."""
    expect_log("disk cache is not used.*not a folder of this user")
    folder.mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    (folder / FOLDER).symlink_to(elsewhere)
    disk = make()
    disk.prepare()
    keep(disk)

    assert [] == list(elsewhere.iterdir())


# Who waits for whom


@pytest.fixture
def held(folder):
    """Make a cache whose one thread is held up; call the second value to let it go on."""
    workers = ThreadWorkers(1, "disk")
    go_on = threading.Event()
    workers.submit(go_on.wait)
    cache = DiskCache(
        folder, store=STORE, size=1 << 30, reserve=0, workers=workers, clock=SystemClock()
    )
    cache.prepare()
    yield cache, go_on.set
    go_on.set()
    workers.close(cancel=True)


def test_blocks_that_wait_are_written_when_the_cache_closes(held):
    """The end of a mount waits for what is still in memory."""
    disk, go_on = held
    block = block_of()
    disk.of(VERSION, len(CONTENT)).offer(block)
    assert {} == load(disk)

    go_on()
    disk.close()

    assert WHOLE == load(disk)


def test_a_block_that_left_memory_is_not_written(held):
    """The queue keeps no bytes in memory; what is evicted before its turn is dropped."""
    disk, go_on = held
    disk.of(VERSION, len(CONTENT)).offer(block_of())
    gc.collect()

    go_on()
    disk.close()

    assert {} == load(disk)
    assert 1 == disk.counters().dropped


def test_the_queue_is_bounded(held):
    """When the disk is far behind, blocks are dropped at once."""
    disk, _ = held
    block = block_of(stop=PIECE)
    kept = disk.of(VERSION, len(CONTENT))
    for _ in range(MOST_QUEUED + 3):
        kept.offer(block)

    assert 3 == disk.counters().dropped


def test_small_blocks_wait_while_many_come(held, clock, poll):
    """Small blocks are written when a reader who asks for hundreds in a second stops."""
    disk, go_on = held
    disk._clock = clock  # stands still: how many come in a second is for the test to say
    disk._looked = clock.monotonic(), 0, True
    kept = disk.of(VERSION, SIZE)
    small = [block_of(start=n * PIECE, stop=(n + 1) * PIECE) for n in range(100)]
    large = block_of(start=STRETCH)
    clock.advance(0.2)
    for block in [large, *small]:
        kept.offer(block)
    go_on()
    poll(lambda: kept.present(large.extent))  # large ones are written all the same
    assert [] == kept.present(Extent(0, STRETCH))

    clock.advance(5)
    poll(lambda: kept.present(small[-1].extent))
    assert [Extent(0, 100 * PIECE)] == kept.present(Extent(0, STRETCH))


def test_nothing_is_written_after_the_end(disk, folder):
    """A block that comes after the end is not written, and nobody waits."""
    disk.close()
    keep(disk)

    assert [] == files(folder)


# Damage and failures


@pytest.mark.parametrize("where", [0, 100, HEAD - 8 * (256 + 8 - 5), HEAD + 5 * MIB])
def test_a_damaged_file_is_deleted_counted_and_written_again(disk, folder, where, expect_log):
    """Wrong bytes are never given; the file goes, and the next fetch makes it new."""
    keep(disk, stop=STRETCH)
    (path,) = files(folder)
    content = bytearray(path.read_bytes())
    content[where] ^= 0x10
    path.write_bytes(content)
    expect_log("damaged file of the disk cache is deleted")

    assert {} == load(disk, extent=Extent(5 * MIB, 6 * MIB))

    assert 1 == disk.counters().corrupted
    assert [] == files(folder)
    keep(disk)
    assert WHOLE == load(disk)


def test_one_warning_for_many_damaged_files(disk, folder, expect_log):
    """A bad disk does not fill the log."""
    for n in range(5):
        keep(disk, Version(f"key{n}", "etag"), stop=MIB)
    for path in files(folder):
        path.write_bytes(b"?" * 2 * HEAD)
    expect_log("damaged file")  # and the fixture would find a second one

    for n in range(5):
        assert {} == load(disk, Version(f"key{n}", "etag"))
    assert 5 == disk.counters().corrupted


def test_a_file_of_another_object_under_the_name(disk, folder, expect_log):
    """Were two names ever to have the same hash, the bytes are still not mixed up."""
    keep(disk, Version("one", "etag"), stop=MIB)
    (one,) = files(folder)
    keep(disk, Version("two", "etag"), stop=MIB, content=bytes(len(CONTENT)))
    (two,) = set(files(folder)) - {one}
    shutil.copy(one, two)
    expect_log("of something else")

    assert {} == load(disk, Version("two", "etag"))
    assert {0: CONTENT[:MIB]} == load(disk, Version("one", "etag"))


def test_the_folder_is_deleted_meanwhile(disk, folder):
    """`rm -rf` of the cache costs requests; the cache makes its folder again."""
    keep(disk)
    shutil.rmtree(folder)

    assert {} == load(disk)
    disk.drop("folder/name")
    keep(disk)
    assert WHOLE == load(disk)
    assert 0 == disk.counters().failures


def test_the_folder_is_deleted_while_a_block_is_written(disk, folder, monkeypatch):
    """It takes a moment to delete a folder; a block that comes in between is left out."""
    mkdir = Path.mkdir

    def gone_again(path, *words, **more):
        mkdir(path, *words, **more)
        shutil.rmtree(folder)

    shutil.rmtree(folder)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", gone_again)
        keep(disk)
        disk.drop("folder/name")
    assert (0, 1) == (disk.counters().failures, disk.counters().dropped)

    keep(disk)
    assert WHOLE == load(disk)


def test_a_file_in_place_of_the_folder(make, folder, clock, expect_log):
    """A path that cannot be a folder is said once, and costs nobody an error."""
    expect_log("disk cache is not used")
    folder.write_text("in the way")
    disk = make()
    disk.prepare()
    keep(disk)
    assert {} == load(disk)

    folder.unlink()
    clock.advance(REST_S)
    keep(disk)
    assert WHOLE == load(disk)


def test_a_disk_that_fails_is_left_alone_for_a_while(disk, clock, monkeypatch, expect_log):
    """After a failed write nothing is tried for a minute, what is there is read."""
    keep(disk, stop=MIB)
    expect_log("cannot be written.*No space left")
    tries = []

    def full(*_words):
        tries.append(1)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        for n in range(4):
            keep(disk, start=(n + 1) * MIB, stop=(n + 2) * MIB)
        assert 1 == len(tries)
        assert {0: CONTENT[:MIB]} == load(disk)
        clock.advance(REST_S)
        keep(disk, start=MIB, stop=2 * MIB)
        assert 2 == len(tries)  # and no second warning

    clock.advance(REST_S)
    keep(disk)
    assert WHOLE == load(disk)
    assert (5, 2) == (disk.counters().dropped, disk.counters().failures)


def test_a_file_that_cannot_be_read_goes(disk, folder, monkeypatch, expect_log):
    """A bad sector costs one file, not the cache."""
    keep(disk)
    expect_log("damaged file.*Input/output error")

    def broken(*_words):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", broken)
        assert {} == load(disk, extent=Extent(0, PIECE))
    assert {STRETCH: CONTENT[STRETCH:]} == load(disk)
    assert 1 == len(files(folder))


def test_no_memory_for_a_bug(disk, monkeypatch, expect_log):
    """Were writing to fail with something that is no OSError, the thread would go on."""
    expect_log("error that is a bug")
    with monkeypatch.context() as patch:
        patch.setattr(disk, "_write", lambda *_: 1 / 0)
        keep(disk)
    keep(disk)

    assert WHOLE == load(disk)


# Real disks that fail, as root in mounts of their own

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")

SCRIPT = """
import logging, os, sys
from pathlib import Path
from ossfs.cache.blocks import Block, Version
from ossfs.cache.disk import DiskCache
from ossfs.clock import FakeClock
from ossfs.extents import Extent
from ossfs.transfer.workers import InlineWorkers

logging.basicConfig(format="%(levelname)s %(message)s", stream=sys.stdout)
SIZE = 64 << 20
content = bytes(range(256)) * (SIZE // 256)
disk = DiskCache(Path(sys.argv[1]), store="s", size=1 << 30, reserve=int(sys.argv[2]),
                 workers=InlineWorkers(), clock=FakeClock())
disk.prepare()
kept = disk.of(Version("key", "etag"), SIZE)
for start in range(0, SIZE, 1 << 20):
    extent = Extent(start, start + (1 << 20))
    kept.offer(Block(Version("key", "etag"), extent, memoryview(content)[start:extent.stop]))
there = 0
for run in kept.present(Extent(0, SIZE)):
    assert content[run.start:run.stop] == kept.load(run), run
    there += run.size
disk.close()
print("there", there >> 20, "failures", disk.counters().failures)
"""


def run_script(tmp_path, setup, *words, after="true"):
    """Run it in a namespace of mounts of its own, after the shell commands of `setup`."""
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    folder = tmp_path / "disk"
    folder.mkdir()
    run = f'{sys.executable} {script} "$D/cache" {" ".join(words)}'
    command = f"cd / && D={folder} && {setup} && {run} && {after}"
    done = subprocess.run(
        ["unshare", "-m", "bash", "-c", command], capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout.splitlines()


@pytest.mark.mounted
@needs_root
def test_a_full_disk(tmp_path):
    """A disk that others have filled takes nothing, one warning is logged, and nothing fails."""
    fill = "{ cat /dev/zero >$D/other 2>/dev/null || true; }"
    setup = f"mount -t tmpfs -o size=24M none $D && mkdir $D/cache && {fill}"
    *log, result = run_script(tmp_path, setup, "0")

    assert 1 == len(log), log
    assert log[0].startswith("WARNING the disk cache is not used while it cannot be written")
    assert "No space left on device" in log[0]
    assert result.startswith("there 0 ")


@pytest.mark.mounted
@needs_root
def test_a_disk_with_less_than_the_reserve(tmp_path):
    """The reserve stays free, however large the cache may be; that is no failure."""
    size = "{ test $(df --output=avail -B1 $D | tail -1) -ge 8388608; }"
    (result,) = run_script(tmp_path, "mount -t tmpfs -o size=24M none $D", str(8 * MIB), after=size)

    assert 8 <= int(result.split()[1]) <= 16


@pytest.mark.mounted
@needs_root
def test_a_disk_smaller_than_the_reserve(tmp_path):
    """Where the reserve was never free, nothing is kept, and the log says why."""
    *log, result = run_script(tmp_path, "mount -t tmpfs -o size=24M none $D", str(32 * MIB))

    assert 1 == len(log), log
    assert "would stay free" in log[0]
    assert result.startswith("there 0 ")


@pytest.mark.mounted
@needs_root
def test_a_disk_that_is_read_only(tmp_path):
    """Nothing is written, one warning is logged, and nothing fails."""
    setup = "mount -t tmpfs -o size=24M none $D && mount -o remount,ro $D"
    *log, result = run_script(tmp_path, setup, "0")

    assert 1 == len(log), log
    assert "Read-only file system" in log[0]
    assert result.startswith("there 0 ")


@pytest.mark.mounted
@needs_root
def test_a_disk_without_inodes(tmp_path):
    """Being out of inodes is being full."""
    setup = "mount -t tmpfs -o size=24M,nr_inodes=6 none $D"
    *log, _ = run_script(tmp_path, setup, "0")

    assert 1 == len(log), log


# Several at once


def test_threads_and_caches_at_once(folder):
    """Two caches of four threads each write and read one folder: every byte is right."""
    caches = []
    for _ in range(2):
        workers = ThreadWorkers(1, "disk")
        caches.append(
            DiskCache(
                folder, store=STORE, size=24 * MIB, reserve=0, workers=workers, clock=SystemClock()
            )
        )
    wrong = []

    def use(disk, seed):
        chance = random.Random(seed)
        held = []
        for _ in range(60):
            version = Version(f"key{chance.randrange(6)}", "etag")
            start = chance.randrange(0, 9 * MIB, PIECE)
            stop = min(start + chance.choice([PIECE, MIB, 8 * MIB]), len(CONTENT))
            held.append(block_of(version, start, stop))
            disk.of(version, len(CONTENT)).offer(held[-1])
            for at, data in load(disk, version).items():
                if data != CONTENT[at : at + len(data)]:
                    wrong.append((version, at))
            if chance.random() < 0.05:
                disk.drop(version.key)

    threads = [threading.Thread(target=use, args=(disk, n)) for n in range(4) for disk in caches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for disk in caches:
        disk.close()

    assert [] == wrong
    assert 0 == sum(disk.counters().corrupted + disk.counters().failures for disk in caches)


PROCESS = """
import random, sys
from pathlib import Path
from ossfs.cache.blocks import Block, Version
from ossfs.cache.disk import DiskCache
from ossfs.clock import SystemClock
from ossfs.extents import Extent
from ossfs.transfer.workers import InlineWorkers

PIECE = 32 << 10
content = random.Random(5).randbytes(9 << 20)
chance = random.Random(int(sys.argv[2]))
disk = DiskCache(Path(sys.argv[1]), store="s", size=24 << 20, reserve=0,
                 workers=InlineWorkers(), clock=SystemClock())
disk.prepare()
print("begun", flush=True)
for _ in range(int(sys.argv[3])):
    version = Version(f"key{chance.randrange(6)}", "etag")
    kept = disk.of(version, len(content))
    start = chance.randrange(0, len(content), PIECE)
    extent = Extent(start, min(start + chance.choice([PIECE, 1 << 20, 8 << 20]), len(content)))
    kept.offer(Block(version, extent, memoryview(content)[extent.start:extent.stop]))
    for run in kept.present(Extent(0, len(content))):
        data = kept.load(run)
        assert data is None or data == content[run.start:run.stop]
counters = disk.counters()
assert counters.corrupted == counters.failures == 0, counters
"""


def test_processes_at_once_and_kills(tmp_path, folder):
    """Three processes share a folder, one more is killed again and again: nothing is wrong."""
    script = tmp_path / "script.py"
    script.write_text(PROCESS)

    def start(seed, rounds):
        command = [sys.executable, str(script), str(folder), str(seed), str(rounds)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    steady = [start(seed, 80) for seed in range(3)]
    seed = 100
    while any(one.poll() is None for one in steady):
        victim = start(seed, 10_000)
        victim.stdout.readline()
        for one in steady[:1]:
            if one.poll() is None:
                one.stdout.readline()
        victim.kill()
        victim.communicate()
        seed += 1
    for one in steady:
        _, said = one.communicate()
        assert 0 == one.returncode, said.decode()
    assert seed > 100


def test_a_read_only_user_reads(disk, folder, make):
    """A folder whose files cannot be marked as used can be read all the same."""
    keep(disk)
    for path in files(folder):
        path.chmod(0o400)

    assert WHOLE == load(make())


def test_the_folder_is_a_path(disk):
    """The folder of the format is inside of what the user named."""
    assert Path(disk.folder).name == FOLDER
