"""
A mount does what a local disk does: thousands of calls, side by side.

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
    different = []
    for number, name in enumerate(GROUPS[group]):
        local, remote = tmp_path / f"local-{number}", mounted_for_all / f"{number}"
        for folder in (local, remote):
            folder.mkdir()
        wanted, got = play(local, SCENARIOS[name]), play(remote, SCENARIOS[name])
        different += [(name, *pair) for pair in zip(wanted, got, strict=True) if pair[0] != pair[1]]
        shutil.rmtree(local)
        shutil.rmtree(remote)

    assert [] == different


@pytest.fixture
def mounted_for_all(mounting):
    """Mount the bucket for all users."""
    return mounting().mount("--allow-other").path
