"""
The process dies at every request and every journal write of every kind of change.

The moments are not listed: each story is told once undisturbed, which counts them, and
then once for each moment. A story says `promise()` where a caller may rely on what it did
so far; the bucket must then show what follows from the kept promises, or from one more.
"""

import itertools
import os
from dataclasses import replace

import pytest

from ossfs.store.limits import OSS_LIMITS

SMALL, OTHER = b"small " * 20, b"other " * 30
LARGE = bytes(range(250)) * 19  # 4750 bytes: five parts
GREAT = bytes(reversed(range(250))) * 17
STORIES = {}


class Story:
    """
    A change, what was there before it, and what is there after each promise.

    `inside` are states on the way to the first promise that others may see; `parts` is how
    many parts of uploads are sent when nothing happens.
    """

    def __init__(self, act, *, before, inside, after, parts, max_copy):
        self.act, self.before, self.parts, self.max_copy = act, before, parts, max_copy
        self.states = [[before, *inside, after[0]]]
        self.states += [list(pair) for pair in itertools.pairwise(after)]
        self.states.append([after[-1]])

    @property
    def promises(self):
        return len(self.states) - 1


def story(*after, before=None, inside=(), parts=0, max_copy=OSS_LIMITS.max_copy):
    def tell(act):
        STORIES[act.__name__] = Story(
            act, before=before or {}, inside=inside, after=after, parts=parts, max_copy=max_copy
        )
        return act

    return tell


def edited(data, offset, piece):
    return data[:offset] + piece + data[offset + len(piece) :]


@story({"f": SMALL})
def new_small_file(sh, promise):
    sh.write("/f", SMALL)
    promise()


@story({"d/": b"", "d/f": SMALL}, before={"d/": b""})
def new_small_file_in_a_directory(sh, promise):
    sh.write("/d/f", SMALL)
    promise()


@story({"f": b""})
def new_empty_file(sh, promise):
    sh.close(sh.open("/f", os.O_CREAT | os.O_WRONLY))
    promise()


@story({"f": LARGE}, parts=5)
def new_large_file(sh, promise):
    sh.write("/f", LARGE)
    promise()


@story({"f": SMALL}, {"f": SMALL + OTHER})
def two_flushes(sh, promise):
    fd = sh.open("/f", os.O_CREAT | os.O_RDWR)
    sh.pwrite(fd, SMALL, 0)
    sh.fsync(fd)
    promise()
    sh.pwrite(fd, OTHER, len(SMALL))
    sh.close(fd)
    promise()


@story({"f": LARGE}, {"f": edited(LARGE, 1500, b"!")}, parts=6)
def two_flushes_of_a_large_file(sh, promise):
    fd = sh.open("/f", os.O_CREAT | os.O_RDWR)
    sh.pwrite(fd, LARGE, 0)
    sh.fsync(fd)
    promise()
    sh.pwrite(fd, b"!", 1500)
    sh.close(fd)
    promise()


@story({"f": OTHER}, before={"f": SMALL})
def overwrite_small(sh, promise):
    sh.write("/f", OTHER)
    promise()


@story({"f": GREAT}, before={"f": LARGE}, parts=5)
def overwrite_large(sh, promise):
    sh.write("/f", GREAT)
    promise()


@story({"f": SMALL}, before={"f": LARGE})
def overwrite_large_with_small(sh, promise):
    sh.write("/f", SMALL)
    promise()


@story({"f": edited(SMALL, 7, b"EDIT")}, before={"f": SMALL})
def edit_small(sh, promise):
    sh.edit("/f", 7, b"EDIT")
    promise()


@story({"f": edited(LARGE, 1990, b"x" * 20)}, before={"f": LARGE}, parts=2)
def edit_large(sh, promise):
    sh.edit("/f", 1990, b"x" * 20)
    promise()


@story({"f": LARGE + SMALL}, before={"f": LARGE}, parts=1)
def append_to_large(sh, promise):
    sh.append("/f", SMALL)
    promise()


@story({"f": SMALL + LARGE}, before={"f": SMALL}, parts=5)
def append_until_large(sh, promise):
    sh.append("/f", LARGE)
    promise()


@story({"f": LARGE[:2500]}, before={"f": LARGE})
def cut_large(sh, promise):
    sh.truncate("/f", 2500)
    promise()


@story({"f": LARGE[:500]}, before={"f": LARGE})
def cut_large_to_small(sh, promise):
    sh.truncate("/f", 500)
    promise()


@story({"f": SMALL + bytes(3000)}, before={"f": SMALL}, parts=4)
def extend(sh, promise):
    sh.truncate("/f", len(SMALL) + 3000)
    promise()


@story({"f": SMALL}, before={"f": SMALL})
def chmod(sh, promise):
    fd = sh.open("/f", os.O_RDONLY)
    sh.chmod("/f", 0o600)
    sh.fsync(fd)
    sh.close(fd)
    promise()


@story({"f": LARGE}, before={"f": LARGE})
def touch_large(sh, promise):
    fd = sh.open("/f", os.O_RDONLY)
    sh.utime("/f", ns=(5 * 10**9, 7 * 10**9))
    sh.fsync(fd)
    sh.close(fd)
    promise()


@story({"g": SMALL}, before={"f": SMALL})
def rename_file(sh, promise):
    sh.rename("/f", "/g")
    promise()


@story({"g": SMALL}, before={"f": SMALL, "g": OTHER})
def rename_over_a_file(sh, promise):
    sh.rename("/f", "/g")
    promise()


@story({"d/": b"", "e/": b"", "e/f": SMALL}, before={"d/": b"", "d/f": SMALL, "e/": b""})
def rename_into_a_directory(sh, promise):
    sh.rename("/d/f", "/e/f")
    promise()


@story({"g": SMALL}, before={"f": SMALL})
def rename_with_pending_attributes(sh, promise):
    sh.chmod("/f", 0o600)
    sh.rename("/f", "/g")
    promise()


@story({"f": SMALL}, {"g": SMALL})
def write_then_rename(sh, promise):
    sh.write("/f", SMALL)
    promise()
    sh.rename("/f", "/g")
    promise()


@story({"g": SMALL}, before={"g": OTHER})
def rename_open_new_file_over(sh, promise):
    fd = sh.open("/f", os.O_CREAT | os.O_WRONLY)
    sh.pwrite(fd, SMALL, 0)
    sh.rename("/f", "/g")
    sh.close(fd)
    promise()


@story(
    {"g": edited(LARGE, 0, b"!")},
    before={"f": LARGE},
    inside=[{"f": edited(LARGE, 0, b"!")}],
    parts=1,
)
def rename_open_edited_file(sh, promise):
    fd = sh.open("/f", os.O_RDWR)
    sh.pwrite(fd, b"!", 0)
    sh.rename("/f", "/g")
    sh.close(fd)
    promise()


@story({"g": LARGE}, before={"f": LARGE}, max_copy=2000)
def rename_a_file_too_large_for_one_copy(sh, promise):
    sh.rename("/f", "/g")
    promise()


TREE = {"d/": b"", "d/f": SMALL, "d/g": LARGE, "d/e/": b"", "d/e/h": OTHER}
MOVED = {f"t{key[1:]}": data for key, data in TREE.items()}


@story(MOVED, before=TREE)
def rename_directory(sh, promise):
    sh.rename("/d", "/t")
    promise()


@story(MOVED, before=TREE, max_copy=2000)
def rename_directory_with_a_file_too_large_for_one_copy(sh, promise):
    sh.rename("/d", "/t")
    promise()


@story(MOVED, before=TREE | {"t/": b""})
def rename_directory_over_an_empty_one(sh, promise):
    sh.rename("/d", "/t")
    promise()


@story(MOVED, before=TREE)
def rename_a_directory_with_new_attributes(sh, promise):
    sh.chmod("/d", 0o700)
    sh.chmod("/d/e", 0o711)
    sh.rename("/d", "/t")
    promise()


@story({"d/": b""}, {}, before={"d/": b"", "d/f": SMALL})
def remove_a_directory_with_new_attributes(sh, promise):
    sh.chmod("/d", 0o700)
    sh.unlink("/d/f")
    promise()
    sh.rmdir("/d")
    promise()


@story({}, before={"f": SMALL})
def unlink(sh, promise):
    sh.unlink("/f")
    promise()


@story({"d/": b""}, before={"d/": b"", "d/f": SMALL})
def unlink_the_last_file(sh, promise):
    sh.unlink("/d/f")
    promise()


@story({}, before={"f": LARGE})
def unlink_open(sh, promise):
    fd = sh.open("/f", os.O_RDWR)
    sh.unlink("/f")
    promise()
    assert LARGE[:10] == sh.pread(fd, 10, 0)
    sh.pwrite(fd, b"nobody sees this", 0)
    sh.close(fd)


@story({"f": OTHER}, before={"f": SMALL}, inside=[{}])
def unlink_open_and_write_anew(sh, promise):
    fd = sh.open("/f", os.O_RDWR)
    sh.unlink("/f")
    sh.write("/f", OTHER)
    promise()
    sh.close(fd)


@story({"f": SMALL}, before={"f": SMALL}, inside=[{}])
def unlink_open_and_write_the_same_anew(sh, promise):
    fd = sh.open("/f", os.O_RDONLY)
    sh.unlink("/f")
    sh.write("/f", SMALL)
    promise()
    sh.close(fd)


@story({}, before={}, parts=4)
def new_file_unlinked_open(sh, promise):
    fd = sh.open("/f", os.O_CREAT | os.O_RDWR)
    sh.pwrite(fd, LARGE, 0)
    sh.unlink("/f")
    promise()
    sh.close(fd)


@story({"d/": b""}, {})
def make_and_remove_directory(sh, promise):
    sh.mkdir("/d")
    promise()
    sh.rmdir("/d")
    promise()


@story({"l": b"target"})
def symlink(sh, promise):
    sh.symlink("target", "/l")
    promise()


@story({"d/": b""}, before={"d/f": SMALL}, inside=[{"d/": b"", "d/f": SMALL}])
def unlink_the_only_name_of_a_prefix(sh, promise):
    sh.unlink("/d/f")
    promise()


@story({"d/": b"", "g": SMALL}, before={"d/f": SMALL}, inside=[{"d/": b"", "d/f": SMALL}])
def rename_the_only_name_of_a_prefix(sh, promise):
    sh.rename("/d/f", "/g")
    promise()


# Names that are given to another file while somebody reads the one that had it


@story({}, {"f": OTHER}, before={"f": SMALL})
def unlink_open_for_good_and_write_anew(sh, promise):
    fd = sh.open("/f", os.O_RDONLY)
    sh.unlink("/f")
    promise()
    sh.write("/f", OTHER)
    promise()
    assert SMALL == sh.pread(fd, 1000, 0)
    sh.close(fd)


@story({}, {"f": LARGE}, before={"f": LARGE}, parts=5)
def unlink_open_and_upload_the_same_anew(sh, promise):
    fd = sh.open("/f", os.O_RDONLY)
    sh.unlink("/f")
    promise()
    sh.write("/f", LARGE)
    promise()
    assert LARGE == sh.pread(fd, 9000, 0)
    sh.close(fd)


@story({"f": OTHER}, {"g": OTHER}, before={"f": OTHER, "g": SMALL}, inside=[{"f": OTHER}])
def unlink_open_and_rename_another_there(sh, promise):
    fd = sh.open("/g", os.O_RDONLY)
    sh.unlink("/g")
    promise()
    sh.rename("/f", "/g")
    promise()
    assert SMALL == sh.pread(fd, 1000, 0)
    sh.close(fd)


@story({"g": SMALL}, before={"f": SMALL, "g": LARGE})
def rename_over_an_open_file(sh, promise):
    fd = sh.open("/g", os.O_RDWR)
    sh.pwrite(fd, b"nobody sees this", 100)
    sh.rename("/f", "/g")
    promise()
    assert edited(LARGE, 100, b"nobody sees this") == sh.pread(fd, 9000, 0)
    sh.close(fd)


class Telling:
    """One undisturbed or interrupted telling of a story, and what comes after it."""

    def __init__(self, make_core, one):
        self.one = one
        self.kept = 0
        self.parts_sent = 0
        self.core = make_core(limits=replace(OSS_LIMITS, min_part=100, max_copy=one.max_copy))
        with self.core.mounted() as life:
            for key, data in one.before.items():
                if key.endswith("/"):
                    life.os.mkdir(f"/{key[:-1]}")
                else:
                    life.os.write(f"/{key}", data)
        assert one.before == self.core.objects()

    def promise(self):
        self.kept += 1

    def tell(self, *, kill_at=None):
        """Return the moments that were passed."""
        return self._live(lambda life: self.one.act(life.os, self.promise), kill_at=kill_at)

    def recover(self, *, kill_at=None):
        """Mount again, bring everything into the bucket, unmount; return the moments."""

        def drain(life):
            assert life.mount.drain(20.0)

        return self._live(drain, kill_at=kill_at, is_running=True)

    def _live(self, act, **options):
        try:
            life = self.core.mount(**options)
            try:
                act(life)
                life.close()
            except self.core.Killed:
                life.die()
        except self.core.Killed:
            life = self.core.lives[-1]
        self.parts_sent += life.points.names().count("upload_part")
        return life.points.passed

    def check(self):
        assert self.core.objects() in self.one.states[self.kept]
        self.core.assert_nothing_left()
        assert self.parts_sent <= self.one.parts


@pytest.fixture
def telling(make_core):
    return lambda name: Telling(make_core, STORIES[name])


def moments(telling, name):
    """Return the moments of the undisturbed story."""
    one = telling(name)
    passed = one.tell()
    assert one.one.promises == one.kept
    assert one.one.parts == one.parts_sent
    one.check()
    return passed


@pytest.mark.parametrize("name", STORIES)
def test_killed_at_every_moment(telling, name):
    """What was promised is there, nothing is half, nothing is left over, nothing sent twice."""
    for number, moment in enumerate(moments(telling, name)):
        one = telling(name)
        passed = one.tell(kill_at=number)
        assert moment == passed[-1]
        one.recover()
        try:
            one.check()
        except AssertionError as error:
            raise AssertionError(f"killed {moment} (moment {number})") from error
