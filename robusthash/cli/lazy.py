"""A group whose commands are imported when they are run, not when they are listed."""

import importlib
from collections.abc import Mapping
from functools import cache
from typing import Any

import click

from robusthash.cli.input.session import accept_session_options
from robusthash.errors import UnknownNameError


class LazyGroup(click.Group):
    """A group that knows only the names and help lines of its commands.

    Args:
        commands: by name, where the command is (``package.module:attribute``) and its one-line help.
        settings: as for :class:`click.Group`.
    """

    def __init__(self, *, commands: Mapping[str, tuple[str, str]], **settings: Any) -> None:
        super().__init__(**settings)
        self._table = dict(commands)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002, D102 - as in the base class
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002, D102 - as above
        return _import(self._table[cmd_name][0]) if cmd_name in self._table else None

    def resolve_command(  # noqa: D102 - as in the base class
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self._table and not args[0].startswith("-"):
            raise UnknownNameError("command", args[0], self._table)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002, D102 - as above
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._table.items()])


@cache
def _import(path: str) -> click.Command:
    module, _, attribute = path.partition(":")
    command: click.Command = getattr(importlib.import_module(module), attribute)
    return accept_session_options(command)
