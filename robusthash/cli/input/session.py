"""Options of a whole run, accepted anywhere on the command line."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import click

from robusthash.cli.input.paths import PATH
from robusthash.host.files import add_plugin_file

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


@dataclass(kw_only=True)
class Session:
    """The settings of one run.

    Attributes:
        debug: errors are printed with their tracebacks.
        strict_plugins: a plugin that cannot be loaded is an error.
        as_json: standard output is to be JSON, errors too.
        plugin_files: that the command line names.
    """

    debug: bool = False
    strict_plugins: bool = False
    as_json: bool = False
    plugin_files: list[Path] = field(default_factory=list)


def _flag(name: str, text: str, *, hidden: bool) -> click.Option:
    field = name.removeprefix("--").replace("-", "_")

    def remember(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
        if value:
            setattr(context.ensure_object(Session), field, True)

    # Eager, so that it is set before an error in a later option is reported.
    return click.Option(
        [name], is_flag=True, is_eager=True, expose_value=False, callback=remember, help=text, hidden=hidden
    )


def _plugin_file(*, hidden: bool) -> click.Option:
    def add(context: click.Context, _parameter: click.Parameter, paths: tuple[Path, ...]) -> None:
        for path in paths:
            add_plugin_file(path.absolute())
            context.ensure_object(Session).plugin_files.append(path)

    return click.Option(
        ["--plugin-file"],
        type=PATH,
        multiple=True,
        is_eager=True,
        expose_value=False,
        callback=add,
        metavar="FILE",
        help="Also load a plugin that is a single file. Repeatable.",
        hidden=hidden,
    )


def session_parameters(*, hidden: bool) -> list[click.Option]:
    """The options ``--debug``, ``--strict-plugins`` and ``--plugin-file``.

    Args:
        hidden: hides them in a subcommand's help.
    """
    return [
        _flag("--debug", "Show the traceback of an error.", hidden=hidden),
        _flag("--strict-plugins", "Stop if an installed plugin cannot be loaded.", hidden=hidden),
        _plugin_file(hidden=hidden),
    ]


def session_options(group: click.Group) -> click.Group:
    """Adds the options to the top-level group."""
    group.params.extend(session_parameters(hidden=False))
    return group


def accept_session_options(command: click.Command) -> click.Command:
    """Adds the options, hidden, to a command and its subcommands."""
    command.params.extend(session_parameters(hidden=True))
    if isinstance(command, click.Group):
        for part in command.commands.values():
            accept_session_options(part)
    return command
