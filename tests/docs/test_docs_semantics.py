"""Each line of docs/semantics.md has tests that would fail if it were not true."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "semantics.md").read_text()
TESTS = {
    name: path
    for path in sorted((ROOT / "tests").rglob("test_*.py"))
    for name in re.findall(r"^def (test_\w+)\(", path.read_text(), re.MULTILINE)
}

TABLE = (Path(__file__).parent / "semantics.txt").read_text()
ROWS = [
    (start.strip(), tests.strip())
    for line in TABLE.splitlines()
    if line and not line.startswith("#")
    for start, _, tests in [line.rpartition(" | ")]
]


def lines_of(text):
    """Return the lines that say something: no headings, no frames of tables."""
    lines = [line.strip() for line in text.splitlines()]
    return [
        line
        for line in lines
        if line and not line.startswith(("#", "| ---", "| name |", "| what |"))
    ]


def test_each_line_has_its_row_in_the_same_order():
    """A line that is added, changed at its beginning, or removed needs another table."""
    lines = lines_of(PAGE)

    for line, (start, _) in zip(lines, ROWS, strict=False):
        assert line.startswith(start), (line, start)
    assert len(lines) == len(ROWS)


@pytest.mark.parametrize(("start", "tests"), ROWS, ids=[start[:40] for start, _ in ROWS])
def test_the_tests_of_a_line_exist(start, tests):
    """Or it is said why there is none."""
    if tests.startswith("("):
        assert tests.endswith(")")
        return
    assert tests
    for name in tests.split():
        assert name in TESTS, (start, name)
