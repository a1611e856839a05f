"""
The mount is killed at random moments of a mixed load; scripts/soak does it for longer.

What may be there afterwards is decided by a model, which is tested here as well: a judge
that never says no is none.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent.parent.parent / "scripts"


@pytest.mark.mounted
@pytest.mark.slow
@pytest.mark.parametrize("options", [("oss", "close"), ("s3", "journal")], ids="-".join)
def test_killed_under_load(tmp_path, options):
    """What was closed or synced is there, in full; what was not is old or new, never a mixture."""
    scheme, durability = options
    words = ["--rounds=3", f"--scheme={scheme}", f"--durability={durability}"]
    words += ["--longest=1.5", "--large=12M", "--workers=4"]
    done = subprocess.run(
        [sys.executable, SCRIPTS / "soak.py", tmp_path, *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TMPDIR": str(tmp_path)},  # where it keeps what failed
    )

    assert 0 == done.returncode, f"{done.stdout}\n{done.stderr}"
    assert "3 rounds" in done.stdout


@pytest.fixture
def model(monkeypatch):
    """Import the judge."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import soak_model  # noqa: PLC0415  # it is found only now

    return soak_model


OLD, ONE, TWO = (10, 1), (20, 2), (30, 3)


class Story:
    """A log as a worker writes it, and what the judge says of what is there."""

    def __init__(self, model, *, is_loose=False, **files):
        self.model = model
        self.is_loose = is_loose
        self.before = {name: model.Seen(found, 0o644, 5) for name, found in files.items()}
        self.events = []

    def did(self, op, *, ends=True, errno=0, **record):
        number = len(self.events)
        self.events.append({"n": number, "op": op, **record})
        if ends:
            self.events.append({"n": number, "errno": errno, "at": 0.0, "said": "no"})
        return self

    def wrote(self, print_, *, sync="fsync", ends=True):
        self.did("open", path="f", fd=7, trunc=False).did("write", fd=7, print=list(print_))
        return self.did(sync, fd=7, ends=ends) if sync else self

    def problems(self, mode=0o644, **files):
        replay = self.model.Replay(self.before, is_loose=self.is_loose, killed_at=-1.0)
        replay.run(self.events)
        seen = {name: self.model.Seen(found, mode, 5) for name, found in files.items()}
        return [*replay.faults, *replay.problems(seen)]


@pytest.fixture
def story(model):
    """Begin a log."""
    return lambda **options: Story(model, **options)


def test_what_was_synced_must_be_there(story):
    """Not what was before, and not nothing."""
    told = story(f=OLD).wrote(ONE)

    assert [] == told.problems(f=ONE)
    assert told.problems(f=OLD)
    assert told.problems()
    assert told.problems(f=TWO)


def test_what_was_being_synced_may_be_there(story):
    """Old or new, and nothing else."""
    told = story(f=OLD).wrote(ONE, ends=False)

    assert [] == told.problems(f=ONE)
    assert [] == told.problems(f=OLD)
    assert told.problems()


def test_what_nobody_synced_must_not_be_there(story):
    """A draft is not brought to the bucket, unless that happens in the background."""
    assert story(f=OLD).wrote(ONE, sync="").problems(f=ONE)
    assert [] == story(f=OLD).wrote(ONE, sync="").problems(f=OLD)
    assert [] == story(is_loose=True, f=OLD).wrote(ONE, sync="").problems(f=ONE)
    assert [] == story().wrote(ONE, sync="").problems()


def test_a_program_that_is_started_closes_its_copies(story):
    """So everything that is open may be committed."""
    told = story(f=OLD).wrote(ONE, sync="").did("cp", path="g", print=list(TWO))

    assert [] == told.problems(f=ONE, g=TWO)
    assert told.problems(f=ONE)


def test_names(story):
    """Removed and renamed is removed and renamed; under way it is either."""
    assert story(f=OLD).did("unlink", path="f").problems(f=OLD)
    moved = story(f=OLD, g=ONE).did("rename", path="f", to="g")
    assert [] == moved.problems(g=OLD)
    assert moved.problems(f=OLD, g=ONE)
    moving = story(f=OLD, g=ONE).did("rename", path="f", to="g", ends=False)
    assert [] == moving.problems(g=OLD)
    assert [] == moving.problems(f=OLD, g=ONE)
    assert moving.problems(f=OLD, g=OLD)
    assert moving.problems(g=ONE)


def test_a_rename_over_an_open_file(story):
    """The target may be gone and the source not there yet: libfuse does it in two steps."""
    told = story(f=OLD, g=ONE).did("open", path="g", fd=7, trunc=False)
    told.did("rename", path="f", to="g", ends=False)

    assert [] == told.problems(f=OLD)
    assert told.problems(g=ONE)


def test_names_that_nobody_made(story):
    """But those of an rsync that did not end, when they hold what it copies."""
    files = {"d/f": [*ONE, 0o600, 7]}
    copying = story().did("rsync", files=files, ends=False)

    assert [] == copying.problems(**{"d/.f.a1B2c3": ONE})
    assert copying.problems(**{"d/.f.a1B2c3": TWO})
    assert copying.problems(g=ONE)


def test_modes(story):
    """A mode that was set on a closed file stays."""
    told = story(f=OLD).did("chmod", path="f", mode=0o600)

    assert [] == told.problems(mode=0o600, f=OLD)
    assert told.problems(f=OLD)


def test_errors_before_the_kill(story):
    """The mount has no reason to fail while it lives."""
    told = story(f=OLD).did("read", path="f", errno=5)
    assert [] == told.problems(f=OLD)

    told.events[-1]["at"] = -2.0

    assert told.problems(f=OLD)
