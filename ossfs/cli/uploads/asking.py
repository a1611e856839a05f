"""
Questions before something that cannot be undone.

Threads: none.
"""

import sys

import click

from ossfs.errors import InvalidOption


def confirm(question: str, *, yes: bool) -> None:
    """
    Ask on a terminal. click.Abort: the answer is no.

    InvalidOption: nobody can be asked, and `--yes` was not given.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise InvalidOption(f"{question}\n  Nobody can be asked here: say --yes")
    click.confirm(question, abort=True, err=True)
