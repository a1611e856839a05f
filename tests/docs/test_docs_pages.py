"""What the pages say exists."""

import contextlib
import re
import sqlite3
from dataclasses import fields
from pathlib import Path

import pytest

from ossfs.cli.explain import ADVICE
from ossfs.cli.main import COMMANDS
from ossfs.cli.state import Record
from ossfs.config.groups import CacheConfig
from ossfs.journal.schema import MIGRATIONS
from ossfs.writeback.values import UploadStatus

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Adjacent string literals, and what is filled into them, are one message to the reader.
SOURCES = [*(ROOT / "ossfs").rglob("*.py")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    """Every relative link of a page names a file."""
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_on_a_page_exist(page):
    """`ossfs X` names a command, scripts/X a program."""
    text = page.read_text()

    for command in re.findall(r"(?:`|^)ossfs ([a-z]+)", text, re.MULTILINE):
        assert command in COMMANDS
    for script in re.findall(r"scripts/([a-z_.]+[a-z])", text):
        assert (ROOT / "scripts" / script).exists(), script


def test_the_messages_in_troubleshooting_are_printed_somewhere():
    """A quoted heading is part of a message in the code, word by word."""
    text = (ROOT / "docs" / "troubleshooting.md").read_text()
    sources = " ".join(source.read_text() for source in SOURCES)
    sources = re.sub(r'"\s+f?"', "", sources)  # literals that continue each other
    sources = re.sub(r"\{[^{}]*\}", "…", sources)

    for message in re.findall(r'^### "(.*)"$', text, re.MULTILINE):
        wanted = message.replace("/dev/fuse", "…")
        assert message in sources or wanted in sources, message


def test_every_advice_is_in_troubleshooting():
    """Errors that pass by themselves aside, each piece of advice has its heading."""
    text = (ROOT / "docs" / "troubleshooting.md").read_text()
    headings = re.findall(r'^### "(.*)"$', text, re.MULTILINE)
    passing = {"Throttled", "Transient", "TimedOut", "StagingFull"}

    for cls, advice in ADVICE.items():
        assert cls.__name__ in passing or any(advice.startswith(heading) for heading in headings), (
            advice
        )


def test_every_column_of_the_journal_is_explained():
    """docs/formats.md names each table and column, the fields of mount.json and of lists."""
    text = (ROOT / "docs" / "formats.md").read_text()
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        for migration in MIGRATIONS:
            database.executescript(migration)
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            if table.startswith("sqlite_"):
                continue
            _, _, about = text.partition(f"\n`{table}`: ")
            about = about.split("\n\n`")[0]
            for _, column, *_ in database.execute(f"PRAGMA table_info({table})"):
                assert f"`{column}`" in about, (table, column)
    for one in (*fields(Record), *fields(UploadStatus)):
        assert f"| `{one.name}` |" in text


def test_the_readme_tells_the_real_times():
    """How long what is known is used, in the README and in docs/semantics.md."""
    cache = CacheConfig()
    readme = (ROOT / "README.md").read_text()
    semantics = (ROOT / "docs" / "semantics.md").read_text()

    assert f"is used for {cache.dir_ttl_s:.0f} seconds" in readme
    assert f"the absence of a name for {cache.negative_ttl_s:.0f};" in readme
    assert 1.0 == cache.attr_ttl_s  # "older than a second"
    for option, seconds in (
        ("dir_ttl", cache.dir_ttl_s),
        ("negative_ttl", cache.negative_ttl_s),
        ("attr_ttl", cache.attr_ttl_s),
    ):
        assert f"| {seconds:.0f} s | `{option}` |" in semantics
