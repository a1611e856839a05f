"""
Writes the tables of docs/configuration.md from the options themselves.

    .venv/bin/python scripts/configuration_docs.py

`tests/docs` fails when the page is not what this would write.
"""

from pathlib import Path

from ossfs.config import GROUPS, OPTIONS, Named
from ossfs.config.kinds import BOOLEAN

PAGE = Path(__file__).parent.parent / "docs" / "configuration.md"

MARK = "<!-- From here on written by scripts/configuration_docs.py out of ossfs/config. -->\n"


def section(group: str) -> list[str]:
    """Return the lines of one group."""
    title = (GROUPS[group].__doc__ or "").strip().rstrip(".")
    lines = ["", f"## `[{group}]`", "", f"{title}.", ""]
    lines += ["| option | value | default | meaning |", "| --- | --- | --- | --- |"]
    lines += [row(named) for named in OPTIONS.values() if named.group == group]
    return lines


def row(named: Named) -> str:
    """Return the line of one option."""
    option = named.option
    value = option.kind.metavar.replace("|", " \\| ")
    bounds = [
        f"{word} {option.kind.show(bound)}"
        for word, bound in (("from", option.minimum), ("to", option.maximum))
        if bound is not None
    ]
    if option.kind is not BOOLEAN and bounds:
        value += f", {' '.join(bounds)}"
    return f"| `{named.name}` | {value} | {named.shown_default} | {option.doc} |"


def page() -> str:
    """Return the whole page: what a person wrote above the mark, and the tables."""
    text = PAGE.read_text().partition(MARK)[0]
    tables = "\n".join(line for group in GROUPS for line in section(group))
    return f"{text}{MARK}{tables}\n"


if __name__ == "__main__":
    PAGE.write_text(page())
