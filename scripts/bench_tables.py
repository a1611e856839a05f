"""What was measured, as a table for people or as JSON for programs."""

import json
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One number; `most` is what it should not exceed, `who` tells programs apart."""

    what: str
    value: float | None
    unit: str
    most: float | None = None
    who: str = "ossfs"
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None: there is none."""
        return None if self.most is None or self.value is None else self.value <= self.most


def show_json(chapters: dict[str, list[Row]]) -> None:
    """Print everything as one object: chapter → list of rows."""
    found = {
        name: [asdict(row) | {"is_met": row.is_met} for row in rows]
        for name, rows in chapters.items()
    }
    print(json.dumps(found, indent=2))


def show_chapter(title: str, rows: list[Row]) -> None:
    """Print numbers of one program, with their targets."""
    table = Table(title=title, title_justify="left", title_style="bold", min_width=72)
    table.add_column("what")
    table.add_column("measured", justify="right")
    table.add_column("target", justify="right")
    for row in rows:
        mark = {None: "", True: " [green]met[/]", False: " [yellow]not met[/]"}[row.is_met]
        target = "" if row.most is None else f"≤ {row.most:g}{mark}"
        table.add_row(row.what, _number(row), target)
    Console(highlight=False).print(table)


def show_comparison(title: str, rows: list[Row]) -> None:
    """Print numbers of several programs side by side."""
    programs = list(dict.fromkeys(row.who for row in rows))
    table = Table(title=title, title_justify="left", title_style="bold", min_width=72)
    table.add_column("what")
    for name in programs:
        table.add_column(name, justify="right")
    for what in dict.fromkeys(row.what for row in rows):
        cells = {row.who: _number(row) for row in rows if row.what == what}
        table.add_row(what, *(cells.get(name, "") for name in programs))
    console = Console(highlight=False)
    console.print(table)
    for note in dict.fromkeys(f"{row.who}: {row.note}" for row in rows if row.note):
        console.print(note, style="dim")


def _number(row: Row) -> str:
    if row.value is None:
        return "failed"
    return f"{row.value:.3g} {row.unit}" if row.value < 100 else f"{row.value:.0f} {row.unit}"  # noqa: PLR2004  # three digits
