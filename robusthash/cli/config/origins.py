"""Where each value of a command is from: its default, a file, the environment, or the command line."""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import click
from click.core import ParameterSource

from robusthash.cli.config.keys import Key, configured, keys_of
from robusthash.cli.config.option import read_of

_DEFAULT = "default"


@dataclass(frozen=True, kw_only=True)
class Origin:
    """A value of a command, and where it is from.

    Attributes:
        key: as it is written in a file; of a table's entry, ``options.rnm.steps``.
        value: as text; empty where there is none.
        source: ``default``, ``command line``, or the file and its line.
        given: whether it is another than the default.
    """

    key: str
    value: str
    source: str
    given: bool


def origins(name: str, arguments: Sequence[str], parent: click.Context) -> list[Origin]:
    """The values that a command would use, in the order of its parameters.

    Args:
        name: of the command.
        arguments: of the command; none is required.
        parent: context that the command's is made in.

    Raises:
        InputError: the file cannot be read, or a value in it is wrong.
        click.UsageError: an argument is wrong.
    """
    command = copy(configured()[name])
    command.params = [copy(parameter) for parameter in command.params]
    for parameter in command.params:
        parameter.required = False
    with command.make_context(name, list(arguments), parent=parent) as context:
        return [one for key in keys_of(command) for one in _origins(key, context)]


def _origins(key: Key, context: click.Context) -> Iterator[Origin]:
    value, source = context.params[key.field], context.get_parameter_source(key.field)
    read = read_of(context)
    setting = read.settings.get(key.field) if read else None
    lines: Mapping[str, Any] = setting.lines if setting else {}

    def place(line: int | None) -> str:
        path = read.path if read else ""
        return f"{path}:{line}" if line else str(path)

    if key.table:
        from_file = set(setting.value) if setting else set()
        for text in value:
            option, _, written = text.partition("=")
            origin = place(lines.get(option)) if text in from_file else "command line"
            yield Origin(key=f"{key.name}.{option}", value=written, source=origin, given=True)
        return
    if source is ParameterSource.DEFAULT_MAP:
        yield Origin(key=key.name, value=_shown(value), source=place(lines.get("")), given=True)
    elif source is ParameterSource.COMMANDLINE:
        yield Origin(key=key.name, value=_shown(value), source="command line", given=True)
    else:
        yield Origin(key=key.name, value=_default(key, value), source=_DEFAULT, given=False)


def _default(key: Key, value: object) -> str:
    told = getattr(key.parameter, "show_default", None)
    return told if isinstance(told, str) else _shown(value)


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
