"""Whatever became of what is remembered, the next run makes the right file or object."""

import contextlib
import errno
import json
import random

import pytest
from watched_bucket import CONTENT, PART, Bucket, Killed

from ossfs.crc64 import crc64
from ossfs.errors import Damaged, LocalFailure
from ossfs.transfer.checkpoints import CheckpointFile, ResumableStore
from ossfs.transfer.resumable import resumable_copy, resumable_download, resumable_upload
from ossfs.transfer.targets import TargetFile

SEEDS = 60
ROUNDS = 5  # of each seed
MANY = {"note", "write_at"}  # steps that are made more than once


class Life:
    """A bucket and a machine, on which one transfer is killed and made again."""

    def __init__(self, kind, operation, folder, points):
        self.points = points
        self.bucket = Bucket(kind, points)
        self.kept = ResumableStore(folder / "kept", "")
        self.operation = operation
        self.local = folder / "local" / "f"
        self.local.parent.mkdir(parents=True)
        self.beside = self.local.with_name("somebody-elses")
        self.beside.write_bytes(b"untouched")
        if operation == "upload":
            self.local.write_bytes(CONTENT)
        else:
            self.bucket.put_plain("a", CONTENT)

    def run(self):
        how = {"part_size": PART, "num_threads": 1, "store": self.kept}
        if self.operation == "upload":
            resumable_upload(self.bucket, "k", self.local, multipart_threshold=1, **how)
        elif self.operation == "download":
            resumable_download(self.bucket, "a", self.local, multiget_threshold=1, **how)
        else:
            resumable_copy(self.bucket, "k", "a", multipart_threshold=1, **how)

    def killed(self, at):
        """Die at a step."""
        self.points.revive()
        self.points.kill_at = at
        with pytest.raises(Killed):
            self.run()
        self.points.revive()

    def checkpoint(self):
        """Return the file that remembers it."""
        (found,) = [one for one in self.kept.folder.iterdir() if one.suffix != ".lock"]
        return found

    def check(self):
        """Compare what was made, and what is left."""
        made = self.local.read_bytes() if self.operation == "download" else None
        assert CONTENT == (made or self.bucket.bytes_of("k"))
        assert {self.local, self.beside} >= set(self.local.parent.iterdir())
        assert b"untouched" == self.beside.read_bytes()
        left = [one for one in self.kept.folder.iterdir() if one.suffix != ".lock"]
        assert [] == left


@pytest.fixture(params=["upload", "download", "copy"])
def operation(request):
    return request.param


@pytest.fixture
def lives(tmp_path, points, operation):
    """Make machines, each with a transfer that was killed half-way."""
    made = []

    def make(kind="oss", at=14):
        made.append(Life(kind, operation, tmp_path / str(len(made)), points))
        made[-1].killed(at)
        return made[-1]

    return make


# Bytes


def flipped(draw, data):
    at = draw.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << draw.randrange(8)]) + data[at + 1 :]


def cut(draw, data):
    return data[: draw.randrange(len(data))]


def inserted(draw, data):
    at = draw.randrange(len(data))
    return data[:at] + draw.randbytes(draw.randrange(1, 9)) + data[at:]


def lines_mixed(draw, data):
    lines = data.splitlines(keepends=True)
    draw.shuffle(lines)
    return b"".join(lines)


def line_lost(draw, data):
    lines = data.splitlines(keepends=True)
    del lines[draw.randrange(len(lines))]
    return b"".join(lines)


def line_twice(draw, data):
    lines = data.splitlines(keepends=True)
    return b"".join([*lines, draw.choice(lines)])


def zeroed(draw, data):
    at = draw.randrange(len(data))
    return data[:at] + bytes(len(data) - at)


def anything(draw, data):
    return draw.randbytes(len(data))


BYTES = [flipped, cut, inserted, lines_mixed, line_lost, line_twice, zeroed, anything]


@pytest.mark.parametrize("change", BYTES, ids=lambda change: change.__name__)
def test_bytes_that_were_changed(lives, change):
    """By a disk, a crash, or a hand."""
    for seed in range(SEEDS // len(BYTES) + 1):
        draw = random.Random(seed)
        life = lives()
        path = life.checkpoint()
        path.write_bytes(change(draw, path.read_bytes()))

        life.run()

        life.check()


@pytest.mark.parametrize("operation", ["upload", "copy"], indirect=True)
def test_an_upload_is_aborted_though_its_checkpoint_is_damaged(lives):
    """As long as the line that names it can be read: nobody else would ever do that."""
    life = lives(at=22)
    *lines, last = life.checkpoint().read_bytes().splitlines(keepends=True)
    assert b'"part"' in last
    life.checkpoint().write_bytes(b"".join([*lines, last.replace(b"size", b"sise")]))
    assert 1 == len(life.bucket.pending())

    life.run()

    life.check()
    assert {} == life.bucket.pending()


@pytest.mark.parametrize("is_remembered", [True, False])
@pytest.mark.parametrize("operation", ["download"], indirect=True)
def test_a_link_in_the_place_of_the_temporary_file(lives, is_remembered):
    """It is not followed: in a folder that others write to, it may be somebody else's."""
    life = lives(at=18)
    (temp,) = [one for one in life.local.parent.iterdir() if ".ossfs-" in one.name]
    temp.unlink()
    temp.symlink_to(life.beside)
    if not is_remembered:
        life.checkpoint().unlink()

    life.run()

    life.check()
    assert not life.local.is_symlink()


# What is said, under right sums

VALUES = [
    *(None, True, "", "x", "../../somebody-elses", "somebody-elses", "f", "/etc/passwd", "\0"),
    *(0, -1, 1, 2, 7, PART - 1, PART + 1, 10**6, 10**30, 1.5, [], [1], {}, {"a": 1}),
]


def line(value):
    text = json.dumps(value, separators=(",", ":")).encode()
    return b"%016x %s\n" % (crc64(text), text)


def told_otherwise(draw, told):
    """Change what one of the lines says."""
    one = draw.choice(told)
    how = draw.randrange(4)
    if how == 0 and one:
        del one[draw.choice(list(one))]
    elif how == 1:
        one[draw.choice(["part", "upload", "new", "renaming", "gone", "completing"])] = draw.choice(
            VALUES
        )
    elif one:
        one[draw.choice(list(one))] = draw.choice(VALUES)
    return told


@pytest.mark.parametrize("seed", range(SEEDS))
def test_what_is_said_was_changed(lives, seed, expect_log):
    """By somebody who knows how to write checksums: no file of another's is touched."""
    draw = random.Random(seed)
    for _ in range(ROUNDS):
        life = lives(at=draw.randrange(8, 24))
        path = life.checkpoint()
        told = [json.loads(one.partition(b" ")[2]) for one in path.read_bytes().splitlines()]
        for _ in range(draw.randrange(1, 4)):
            told = told_otherwise(draw, told)
        path.write_bytes(b"".join(line(one) for one in told))

        if life.operation == "copy":  # nobody here has the bytes: a wrong sum shows at the end,
            with contextlib.suppress(Damaged):  # and all of it is thrown away
                life.run()
        life.run()

        life.check()
        expect_log.seen = [one for one in expect_log.seen if "is not known to the store" not in one]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_each_field_of_a_plan_was_changed(lives, value):
    """Each to each value."""
    life = lives()
    names = list(json.loads(life.checkpoint().read_bytes().splitlines()[0].partition(b" ")[2]))
    for name in names:
        life = lives()
        path = life.checkpoint()
        first, *rest = path.read_bytes().splitlines(keepends=True)
        plan = json.loads(first.partition(b" ")[2])
        path.write_bytes(line(plan | {name: value}) + b"".join(rest))

        life.run()

        life.check()


# A disk that is full


@pytest.mark.parametrize("name", ["begin", "note", "delete", "write_at", "become"])
@pytest.mark.parametrize("nth", [1, 2, 4])
def test_a_disk_that_is_full(tmp_path, points, operation, monkeypatch, name, nth):
    """The error says of which transfer; when there is room again, it is made."""
    owner = TargetFile if name in {"write_at", "become"} else CheckpointFile
    real, left = getattr(owner, name), [nth]

    def full(*args, **kwargs):
        left[0] -= 1
        if left[0] == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*args, **kwargs)

    life = Life("oss", operation, tmp_path, points)
    monkeypatch.setattr(owner, name, full)
    if not (owner is TargetFile and operation != "download") and (nth == 1 or name in MANY):
        with pytest.raises(LocalFailure) as caught:
            life.run()
        assert errno.ENOSPC == caught.value.__cause__.errno
        assert (life.bucket.name, "a" if operation == "download" else "k") == (
            caught.value.bucket, caught.value.key,
        )  # fmt: skip
    monkeypatch.setattr(owner, name, real)
    life.run()

    life.check()


def test_a_place_for_checkpoints_that_is_none(tmp_path, points, operation):
    """Said with the place; nothing is sent or made."""
    life = Life("oss", operation, tmp_path, points)
    (tmp_path / "kept").write_bytes(b"a file")

    with pytest.raises(LocalFailure) as caught:
        life.run()

    assert "kept" in str(caught.value)
    assert not {"before create_upload", "before get"} & set(points.passed)
