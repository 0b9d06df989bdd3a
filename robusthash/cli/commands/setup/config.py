"""``robusthash config``: what a command would use, and what a configuration file may hold. Needs no torch."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict

import click

from robusthash.boundary.limit import VARIABLE as IMPORT_SECONDS
from robusthash.cli.common import json_option
from robusthash.cli.config.keys import COMMANDS
from robusthash.cli.config.option import VARIABLE
from robusthash.cli.config.origins import Origin, origins
from robusthash.cli.output.columns import show_table
from robusthash.errors import UnknownNameError
from robusthash.files.caching import VARIABLE as CACHE
from robusthash.host.discovery import PLUGINS_VARIABLE
from robusthash.host.files import FILES_VARIABLE

_ENVIRONMENT = (VARIABLE, CACHE, PLUGINS_VARIABLE, FILES_VARIABLE, IMPORT_SECONDS)


@click.group("config")
def command() -> None:
    """Show what a command would use, and what a configuration file may hold."""


@command.command("show", context_settings={"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]})
@click.option("--command", "name", metavar="COMMAND", help=f"The command: {', '.join(COMMANDS)}.", default="eval")
@click.option("--all", "everything", is_flag=True, help="Show defaults, too.")
@json_option
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[ARGUMENTS]...")
@click.pass_context
def show(context: click.Context, *, name: str, everything: bool, as_json: bool, arguments: tuple[str, ...]) -> None:
    """Show which values a command would use, and where each is from.

    ARGUMENTS are those of the command. The command line goes before a file, and a file before the defaults.

    \b
    robusthash config show --config suite.toml --seed 3
    robusthash config show --command train --config suite.toml --all
    """
    if name not in COMMANDS:
        raise UnknownNameError("command with a configuration file", name, COMMANDS)
    found = [*origins(name, arguments, context), *_environment()]
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=2))
        return
    _show([one for one in found if one.given or everything])


@command.command("schema")
def schema() -> None:
    """Print the JSON schema of configuration files, for editors.

    \b
    robusthash config schema > robusthash.schema.json
    """
    from robusthash.cli.config.schema import schema as made

    click.echo(json.dumps(made(), indent=2))


def _environment() -> Iterator[Origin]:
    for name in _ENVIRONMENT:
        if name in os.environ:
            yield Origin(key=name, value=os.environ[name], source="environment", given=True)


def _show(found: list[Origin]) -> None:
    from robusthash.results.rendering.sheet import Column, Line, Table

    if not found:
        click.echo("nothing but defaults; --all shows them")
        return
    columns = (Column(name="key", words=True), Column(name="value", words=True), Column(name="from", words=True))
    lines = tuple(Line(cells=(one.key, one.value or "-", one.source)) for one in found)
    show_table(Table(columns=columns, lines=lines))
