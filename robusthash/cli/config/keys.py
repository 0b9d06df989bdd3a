"""The keys of a configuration file: the options and arguments of the commands that take one, nothing else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import click

#: The commands that take a file. Each may have a table of its own.
COMMANDS = ("eval", "train", "fit", "harden", "certify", "attack", "hash", "search")
TABLES = {"assignments": "options", "vary": "vary"}  #: parameters that are tables in a file, with their keys

_NOT_KEYS = frozenset({"as_json", "quiet", "config"})  #: how to print, and the file itself


@dataclass(frozen=True, kw_only=True, eq=False)
class Key:
    """A key of a file.

    Attributes:
        name: as the option is written, without its dashes: ``data-root``; of an argument, its own name.
        parameter: the option or argument.
    """

    name: str
    parameter: click.Parameter

    @property
    def field(self) -> str:
        """Name of the parameter in the command's function."""
        return str(self.parameter.name)

    @property
    def table(self) -> bool:
        """Whether its value is a table: of options by plugin, or of the values of a sweep."""
        return self.field in TABLES

    @property
    def repeatable(self) -> bool:
        """Whether its value may be a list."""
        return not self.table and (getattr(self.parameter, "multiple", False) or self.parameter.nargs == -1)

    @property
    def spellings(self) -> tuple[str, ...]:
        """All that it may be written as: its name, with ``_``, and as in Python: a list in the plural."""
        return tuple(dict.fromkeys((self.name, self.name.replace("-", "_"), *(() if self.table else (self.field,)))))


def keys_of(command: click.Command) -> tuple[Key, ...]:
    """The keys of a command's table, in the order of its parameters."""
    return tuple(_keys(command))


def _keys(command: click.Command) -> Iterator[Key]:
    for parameter in command.params:
        if not parameter.expose_value or parameter.name in _NOT_KEYS:
            continue
        name = TABLES.get(str(parameter.name)) or parameter.name
        if isinstance(parameter, click.Option) and parameter.name not in TABLES:
            name = next(one for one in parameter.opts if one.startswith("--")).removeprefix("--")
        yield Key(name=str(name), parameter=parameter)


@cache
def configured() -> Mapping[str, click.Command]:
    """The commands that take a file, by name. They are imported on the first call."""
    from robusthash.cli.entry import group

    context = click.Context(group, info_name="robusthash")
    found = {name: group.get_command(context, name) for name in COMMANDS}
    return {name: command for name, command in found.items() if command is not None}
