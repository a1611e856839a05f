import pytest

from ossfs.cache.budget import LEAST, MOST, default_budget, memory_limit

MIB = 1024 * 1024


@pytest.fixture
def files(tmp_path):
    def write(**contents):
        for name, text in contents.items():
            path = tmp_path / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("memory", "budget"),
    [(16 * MIB, LEAST), (256 * MIB, 64 * MIB), (64 * 1024 * MIB, MOST)],
)
def test_a_quarter_of_the_memory_within_bounds(memory, budget):
    """A quarter of the memory, but enough to read with and little enough to be a guest."""
    assert default_budget(memory) == budget


def test_lowest_limit_on_the_way_up_counts(files):
    """A slice above the process's own group may allow less than the group does."""
    root = files(
        **{
            "proc__self__cgroup": "0::/user.slice/session\n",
            "sys__fs__cgroup__user.slice__session__memory.max": "max\n",
            "sys__fs__cgroup__user.slice__memory.max": f"{96 * MIB}\n",
        }
    )
    assert memory_limit(root) == 96 * MIB


def test_container_that_sees_only_its_top(files):
    """In a container the path is the host's, and the limit lies at the visible top."""
    root = files(
        **{
            "proc__self__cgroup": "0::/docker/abc\n",
            "sys__fs__cgroup__memory.max": f"{48 * MIB}\n",
        }
    )
    assert memory_limit(root) == 48 * MIB


def test_control_groups_version_1(files):
    """The older layout keeps the limit in the memory controller's own tree."""
    root = files(
        **{
            "proc__self__cgroup": "5:cpu,cpuacct:/a\n4:memory:/a\n",
            "sys__fs__cgroup__memory__a__memory.limit_in_bytes": f"{32 * MIB}\n",
            "sys__fs__cgroup__memory__memory.limit_in_bytes": "9223372036854771712\n",
        }
    )
    assert memory_limit(root) == 32 * MIB


def test_no_control_groups(tmp_path):
    """Without control groups, the machine's memory is the limit."""
    assert memory_limit(tmp_path) > 64 * MIB
