"""Readers of a file that another client replaces without a pause: one version each, or ESTALE."""

import errno
import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor

from ossfs import assembly
from ossfs.cache.readahead import ReadaheadConfig
from ossfs.errors import PreconditionFailed
from ossfs.transfer.workers import ThreadWorkers
from tests.support.versions import content_of, version_of

SIZE = 100_000
CUT = 3_000  # some versions are so much shorter
FINE = ReadaheadConfig(
    grain=512, first=4 * 512, part=32 * 512, small=4 * 512, nearby=512, behind=8192
)
"""Many requests for a small file, so that many versions come and go."""
READS = 30_000
READERS = 6
STALE = "the version is gone"


class Story:
    """Versions replaced until enough was read."""

    def __init__(self, core):
        self._core = core
        self._lock = threading.Lock()
        self._reads = 0
        self.versions = set()
        self.version = 0
        self.is_over = False
        self.put()

    def put(self):
        self.version += 1
        size = SIZE - self.version % 3 // 2 * CUT
        self._core.put("f", bytes(content_of(self.version, size)))

    def note(self, reads, version):
        with self._lock:
            self._reads += reads
            self.versions.add(version)
            self.is_over |= self._reads >= READS

    def replace(self):
        while not self.is_over:
            self.put()


def places(draw):
    """Return offsets in some pattern."""
    step = draw.choice((100, 3_000, 12_000))
    offsets = list(range(draw.randrange(step), SIZE - 2 * CUT, step))[: draw.choice((5, 40, 400))]
    how = draw.choice(("forward", "backward", "random", "crossed"))
    if how == "backward":
        return offsets[::-1]
    if how == "random":
        draw.shuffle(offsets)
    if how == "crossed":  # as the kernel's threads overtake each other
        offsets = [offsets[at ^ 1] for at in range(len(offsets) & ~1)]
    return offsets


def read_at(sh, fd, length, offset):
    """Return the version that is read; STALE: none any more."""
    try:
        return version_of(sh.pread(fd, length, offset), offset)
    except (PreconditionFailed, OSError) as error:
        if error.errno != errno.ESTALE:
            raise
        return STALE


def reading(sh, story, seed):
    draw = random.Random(seed)
    while not story.is_over:
        fd = sh.open("/f", os.O_RDONLY)
        sh.fs.caching(fd)
        try:
            length, seen, reads = draw.choice((64, 1_000, 12_000)), set(), 0
            for offset in places(draw):
                version = read_at(sh, fd, length, offset)
                if version is STALE:
                    break
                seen.add(version)
                reads += 1
            assert len(seen) <= 1, f"one handle showed {seen}"
            for version in seen:
                story.note(reads, version)
        finally:
            sh.close(fd)


def test_every_handle_shows_one_version(core, monkeypatch):
    """Whatever the pattern, the sizes, and who else reads: never bytes of two."""
    monkeypatch.setattr(assembly, "ReadaheadConfig", lambda: FINE)
    life = core.mount(is_running=True, workers=lambda: ThreadWorkers(8, "test"), attr_ttl_s=0.0)
    story = Story(core)
    with ThreadPoolExecutor(READERS + 1) as pool:
        done = [pool.submit(reading, life.os, story, seed) for seed in range(READERS)]
        done.append(pool.submit(story.replace))
        try:
            for one in done:
                one.result()
        finally:
            story.is_over = True

    assert len(story.versions) > 5  # that there was something to be mixed up
