"""
A group of commands that are imported one by one.

A command's module is imported when the command is called or its own help is asked for,
so that `ossfs --help` does not wait for libraries it does not need.
"""

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyCommands(click.Group):
    """`lazy`: for each command its place, as `module:attribute`, and what `--help` says of it."""

    def __init__(self, *rest: Any, lazy: Mapping[str, tuple[str, str]], **options: Any) -> None:
        super().__init__(*rest, **options)
        self.lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands."""
        del ctx
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command. A click.ClickException says what is not installed."""
        if cmd_name not in self.lazy:
            return None
        module, _, attribute = self.lazy[cmd_name][0].partition(":")
        try:
            command: click.Command = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            raise click.ClickException(
                f"'{ctx.command_path} {cmd_name}' needs the Python package {error.name!r}, which is"
                " not installed; `pip install 'ossfs-mount[emulator]'` installs what serve needs"
            ) from error
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.lazy.items()])
