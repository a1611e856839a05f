"""The table of metrics in the documentation."""

from pathlib import Path

import ossfs
from ossfs.observe.metrics import DECLARED

PAGE = Path(ossfs.__file__).parent.parent / "docs" / "observability.md"


def test_every_metric_is_documented():
    """Each row of the table is what the code declares, and there is no other."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `ossfs_")]

    assert [
        f"| `{m.name}` | {m.kind} | {m.unit} | {', '.join(m.labels) or 'none'} | {m.meaning} |"
        for m in DECLARED.values()
    ] == rows
