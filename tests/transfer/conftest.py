"""What the tests of transfers share."""

import pytest
from watched_bucket import CAPABILITIES, CONTENT, STEPS, Bucket, Points

from ossfs.cli.main import main
from ossfs.transfer.checkpoints import CheckpointFile, ResumableStore
from ossfs.transfer.targets import TargetFile


@pytest.fixture
def points(monkeypatch):
    """Make the writing of checkpoints and files steps, too."""
    made = Points()
    steps = [(CheckpointFile, name) for name in STEPS]
    for owner, name in [*steps, (TargetFile, "write_at"), (TargetFile, "become")]:
        real = getattr(owner, name)

        def step(*args, name=name, real=real, **kwargs):
            made("before", name)
            result = real(*args, **kwargs)
            made("after", name)
            return result

        monkeypatch.setattr(owner, name, step)
    return made


@pytest.fixture(params=list(CAPABILITIES))
def bucket(request, points):
    """Make a bucket as each of the three stores is."""
    return Bucket(request.param, points)


@pytest.fixture
def oss(points):
    return Bucket("oss", points)


@pytest.fixture
def file(tmp_path):
    """Make a file of five parts."""
    path = tmp_path / "local.bin"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def kept(tmp_path):
    """Return where transfers are remembered."""
    return ResumableStore(tmp_path / "kept", "")


@pytest.fixture
def remembered(kept):
    """Return the names of what is remembered, but for locks of the dead."""

    def names():
        if not kept.folder.exists():
            return []
        return sorted(one.name for one in kept.folder.iterdir() if one.suffix != ".lock")

    return names


@pytest.fixture
def ossfs(where, capsys):
    """Run a command; return its exit code, and what it wrote to both outputs."""

    def run(command, *words):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([command, *where, *(str(word) for word in words)])
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return run
