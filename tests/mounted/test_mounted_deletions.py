"""Removing trees through a mount: few requests, and nothing is left when the command ends."""

import os
import shutil
import subprocess

import pytest

pytestmark = [pytest.mark.mounted, pytest.mark.both_libfuses]

COUNT = 200
WAYS = {
    "rm": lambda path: subprocess.run(["rm", "-r", path], check=True),
    "rmtree": shutil.rmtree,
}


@pytest.mark.parametrize("remove", WAYS.values(), ids=WAYS)
def test_a_tree_is_removed_by_few_requests(mounted, seen, emulator, remove):
    """Two directories of many files each, one in the other."""
    for number in range(COUNT):
        seen.put(f"d/f{number}", b"x")
        seen.put(f"d/e/f{number}", b"x")
    emulator.set_latency(0.2)  # what comes meanwhile goes together, however slow this machine is
    emulator.reset_stats()

    remove(mounted.path / "d")

    assert [] == seen.keys()
    assert [] == os.listdir(mounted.path)  # noqa: PTH208  # names are enough
    assert emulator.requests() < COUNT / 2
    assert mounted.is_clean()


def test_a_file_that_is_removed_alone_is_gone_at_once(mounted, seen):
    """From the bucket, too, whoever has the directory open, and however many there are."""
    for number in range(10):
        (mounted.path / f"f{number}").write_bytes(b"x")
    mounted.settled()

    for number in range(10):
        (mounted.path / f"f{number}").unlink()
        assert f"f{number}" not in set(seen.keys())
