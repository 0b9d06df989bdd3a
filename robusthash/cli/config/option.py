"""The option ``--config``, which makes a file's values the defaults of a command; the command line goes before them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from robusthash.cli.input.paths import PATH
from robusthash.cli.output.lines import line

Command = TypeVar("Command", bound=Callable[..., Any])

VARIABLE = "ROBUSTHASH_CONFIG"  #: environment variable that names a file where ``--config`` does not
_READ = "robusthash.config"  #: what was read, in a context's own storage


@dataclass(frozen=True, kw_only=True)
class Read:
    """What a command has read of a file.

    Attributes:
        path: of the file.
        settings: by parameter, as :class:`robusthash.cli.config.files.Setting`.
    """

    path: Path
    settings: Mapping[str, Any]


def config_option(*names: str) -> Callable[[Command], Command]:
    """The option.

    Args:
        names: further names of it.
    """
    return click.option(
        "--config",
        *names,
        "config",
        type=PATH,
        metavar="FILE",
        is_eager=True,
        expose_value=False,
        callback=_apply,
        envvar=VARIABLE,
        help=f"Read options from a TOML file; those given here go before them. {VARIABLE} may name it.",
    )


def read_of(context: click.Context) -> Read | None:
    """What the command has read of a file; None if none was named."""
    found: Read | None = context.meta.get(_READ)
    return found


def merge_assignments(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Callback of options that are tables in a file: an assignment replaces the file's of the same option alone."""
    read = read_of(context)
    source = context.get_parameter_source(str(parameter.name))
    if read is None or source is not click.core.ParameterSource.COMMANDLINE or parameter.name not in read.settings:
        return value
    from robusthash.cli.config.files import joined

    return joined(read.settings[parameter.name].value, value)


def _apply(context: click.Context, _parameter: click.Parameter, path: Path | None) -> None:
    context.meta.pop(_READ, None)
    if path is None:
        return
    from robusthash.cli.config.files import read_config

    settings = read_config(path).of(str(context.command.name))
    context.meta[_READ] = Read(path=path, settings=settings)
    context.default_map = {name: setting.value for name, setting in settings.items()}
    if context.get_parameter_source("config") is click.core.ParameterSource.ENVIRONMENT:
        line(f"config: {path}, which {VARIABLE} names", err=True)  # nobody sees it on the command line
