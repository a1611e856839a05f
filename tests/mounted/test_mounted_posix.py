"""
A mount does what a local disk does: thousands of calls, side by side, on both libfuses.

Errnos, modes, owners, sizes, links, devices and which times move are compared after each call;
`posix_scenarios` has the calls. Other users need root.
"""

import os
import shutil
from itertools import groupby

import pytest
from posix_scenarios import SCENARIOS
from posix_sides import play

pytestmark = [
    pytest.mark.mounted,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="acts as other users"),
]

GROUPS = {
    group: list(names)
    for group, names in groupby(sorted(SCENARIOS), lambda name: name.split(":")[0])
}


@pytest.mark.parametrize("group", GROUPS)
def test_calls_do_what_they_do_on_a_local_disk(mounted_for_all, tmp_path, group):
    """For each call the same errno or answer, and the same changes."""
    local = tmp_path / "local"
    local.mkdir()
    different = []
    for number, name in enumerate(GROUPS[group]):
        folders = [top / f"{number}" for top in (local, *mounted_for_all.values())]
        for folder in folders:
            folder.mkdir()
        wanted, *others = play(folders, SCENARIOS[name])
        for libfuse, got in zip(mounted_for_all, others, strict=True):
            pairs = zip(wanted, got, strict=True)
            different += [(libfuse, name, *pair) for pair in pairs if pair[0] != pair[1]]
        for folder in folders:
            shutil.rmtree(folder)

    assert [] == different


@pytest.fixture
def mounted_for_all(mounting, bucket_name, libfuses):
    """Mount a part of the bucket for all users with each libfuse; return the paths."""
    return {
        libfuse: mounting(bucket=f"{bucket_name}/{libfuse}", libfuse=libfuse)
        .mount("--allow-other")
        .path
        for libfuse in libfuses
    }
